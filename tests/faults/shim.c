/* Between the server and its disk and clock, by LD_PRELOAD: fails or forges the n-th call on the database's files, notes every
 * write and fsync in a journal from which the disk after a loss of power is rebuilt, and shifts the wall clock.
 * FAULTS_CONTROL names a file that the harness and this library both map (struct control, see shim.py);
 * FAULTS_JOURNAL, if given, the journal; FAULTS_NAME the beginning of the names of the files that are meant. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { WRITE = 1, TRUNCATE, SYNC_BEGINS, SYNC, UNLINK, OPERATIONS };
enum { DATABASE = 1, WAL, SHARED, ROLLBACK, FILES };
enum { FAIL = 0, LIE = 1 };

struct control {
    _Atomic int64_t clock_offset; /* nanoseconds, on the wall clock only */
    _Atomic int64_t countdown;    /* the call that falls to 0 is the first that fails */
    _Atomic int64_t failing;      /* how many more fail */
    _Atomic int64_t length;       /* how many fail in a row once the countdown is over */
    _Atomic int64_t error;        /* errno of a failure */
    _Atomic int64_t mode;         /* FAIL, or LIE: success is told and nothing done */
    _Atomic int64_t lost_syncs;   /* of so many fsyncs one is done; 0 and 1: all */
    _Atomic int64_t only_operation, only_file; /* what is counted; 0: all */
    _Atomic int64_t calls;                     /* counted calls so far */
    _Atomic int64_t hits[OPERATIONS][FILES];
};

struct entry {
    uint8_t operation, file;
    uint16_t zero;
    uint32_t length;
    int64_t at, offset;
};

static struct control *control;
static int journal = -1;
static const char *name;
static uint8_t kinds[65536];
static _Atomic int64_t syncs;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(function) ((__typeof__(&function))real(#function))
static void *real(const char *symbol) { return dlsym(RTLD_NEXT, symbol); }
/* looked up once for each wrapper: the clock is asked a thousand times for one request */
#define NEXT(function) \
    static __typeof__(&function) next; \
    if (!next) next = REAL(function)

__attribute__((constructor)) static void begin(void) {
    name = getenv("FAULTS_NAME");
    const char *path = getenv("FAULTS_CONTROL");
    if (!name || !path) return;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
    if (fd < 0) return;
    void *page = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page != MAP_FAILED) control = page;
    path = getenv("FAULTS_JOURNAL");
    if (path) journal = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static uint8_t kind_of(const char *path) {
    if (!control || !path) return 0;
    const char *base = strrchr(path, '/');
    base = base ? base + 1 : path;
    size_t length = strlen(name);
    if (strncmp(base, name, length) != 0) return 0;
    const char *rest = base + length;
    if (!*rest) return DATABASE;
    return strcmp(rest, "-wal") == 0 ? WAL : strcmp(rest, "-shm") == 0 ? SHARED : ROLLBACK;
}
static uint8_t kind(int fd) { return fd >= 0 && fd < 65536 ? kinds[fd] : 0; }

static void note(uint8_t operation, uint8_t file, const void *data, size_t length, int64_t offset) {
    if (journal < 0 || file == SHARED) return;
    struct timespec now;
    pthread_mutex_lock(&lock);
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    struct entry entry = {operation, file, 0, (uint32_t)length, now.tv_sec * 1000000000LL + now.tv_nsec, offset};
    struct iovec parts[2] = {{&entry, sizeof entry}, {(void *)data, length}};
    syscall(SYS_writev, journal, parts, length ? 2 : 1);
    pthread_mutex_unlock(&lock);
}

/* Whether this call is to go wrong: 0 no, else errno, or -1 when it is to be forged. */
static int fault(uint8_t operation, uint8_t file) {
    if (!file) return 0;
    if ((control->only_operation && control->only_operation != operation) || (control->only_file && control->only_file != file)) return 0;
    control->calls++;
    if (control->countdown > 0 && control->countdown-- == 1) control->failing = (int64_t)control->length;
    if (control->failing <= 0) return 0;
    control->failing--;
    control->hits[operation][file]++;
    return control->mode == LIE ? -1 : (int)control->error;
}

static int opened(int fd, const char *path) {
    if (fd >= 0 && fd < 65536) kinds[fd] = kind_of(path);
    return fd;
}
#define OPEN(function) \
    int function(const char *path, int flags, ...) { \
        va_list more; \
        va_start(more, flags); \
        mode_t mode = va_arg(more, mode_t); \
        va_end(more); \
        NEXT(function); \
        return opened(next(path, flags, mode), path); \
    }
OPEN(open)
OPEN(open64)

int close(int fd) {
    NEXT(close);
    if (fd >= 0 && fd < 65536) kinds[fd] = 0;
    return next(fd);
}

/* A write that fails has written half: what a full or a dying disk may do. */
#define BROKEN_WRITE(half, whole) \
    uint8_t file = kind(fd); \
    int error = fault(WRITE, file); \
    if (error > 0) { \
        half; \
        errno = error; \
        return -1; \
    } \
    if (error < 0) return (ssize_t)length; \
    if (file) note(WRITE, file, data, length, offset); \
    return whole

ssize_t write(int fd, const void *data, size_t length) {
    NEXT(write);
    off_t offset = kind(fd) ? lseek(fd, 0, SEEK_CUR) : 0;
    BROKEN_WRITE((void)!next(fd, data, length / 2), next(fd, data, length));
}
ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) {
    NEXT(pwrite);
    BROKEN_WRITE((void)!next(fd, data, length / 2, offset), next(fd, data, length, offset));
}
ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) {
    NEXT(pwrite64);
    BROKEN_WRITE((void)!next(fd, data, length / 2, offset), next(fd, data, length, offset));
}

#define BROKEN_SYNC(function) \
    int function(int fd) { \
        NEXT(function); \
        uint8_t file = kind(fd); \
        int error = fault(SYNC, file); \
        if (error > 0) { \
            errno = error; \
            return -1; \
        } \
        if (file && control->lost_syncs > 1 && ++syncs % control->lost_syncs) return 0; \
        if (error < 0) return 0; \
        if (file) note(SYNC_BEGINS, file, NULL, 0, 0); \
        int outcome = next(fd); \
        if (file && outcome == 0) note(SYNC, file, NULL, 0, 0); \
        return outcome; \
    }
BROKEN_SYNC(fsync)
BROKEN_SYNC(fdatasync)

#define BROKEN_TRUNCATE(function, type) \
    int function(int fd, type length) { \
        NEXT(function); \
        uint8_t file = kind(fd); \
        int error = fault(TRUNCATE, file); \
        if (error > 0) { \
            errno = error; \
            return -1; \
        } \
        if (error < 0) return 0; \
        if (file) note(TRUNCATE, file, NULL, 0, length); \
        return next(fd, length); \
    }
BROKEN_TRUNCATE(ftruncate, off_t)
BROKEN_TRUNCATE(ftruncate64, off64_t)

int unlink(const char *path) {
    NEXT(unlink);
    uint8_t file = kind_of(path);
    if (file) note(UNLINK, file, NULL, 0, 0);
    return next(path);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int outcome = (int)syscall(SYS_clock_gettime, clock, now);
    if (outcome == 0 && control && clock == CLOCK_REALTIME && control->clock_offset) {
        int64_t at = now->tv_sec * 1000000000LL + now->tv_nsec + control->clock_offset;
        now->tv_sec = at / 1000000000;
        now->tv_nsec = at % 1000000000;
    }
    return outcome;
}
int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    (void)zone;
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}
