"""The library between server and disk (shim.c): its controls, its journal, and the disk as a loss of power would leave it."""

import mmap
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

WRITE, TRUNCATE, SYNC_BEGINS, SYNC, UNLINK = range(1, 6)
OPERATIONS = {WRITE: "write", TRUNCATE: "truncate", SYNC: "fsync"}
DATABASE, WAL = 1, 2
FILES = {1: "database", 2: "wal", 3: "shm", 4: "journal"}
FAIL, LIE = 0, 1
NAME = "kartoteka.db"
_FIELDS = ("clock_offset", "countdown", "failing", "length", "error", "mode", "lost_syncs", "only_operation", "only_file", "calls")
_ENTRY = struct.Struct("<BBHIqq")


class Shim:
    """The compiled library and one page of controls that a running server looks at before each call."""

    def __init__(self, directory, journal=False):
        directory.mkdir(parents=True, exist_ok=True)
        self.library, self.journal = directory / "shim.so", directory / "journal"
        source = Path(__file__).with_name("shim.c")
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-Wall", "-o", self.library, source, "-ldl", "-lpthread"], check=True)
        control = directory / "control"
        control.write_bytes(bytes(4096))
        with open(control, "r+b") as file:
            self.page = mmap.mmap(file.fileno(), 4096)
        self.environment = {"LD_PRELOAD": str(self.library), "FAULTS_CONTROL": str(control), "FAULTS_NAME": NAME}
        if journal:
            self.environment["FAULTS_JOURNAL"] = str(self.journal)

    def set(self, **values):
        for name, value in values.items():
            struct.pack_into("<q", self.page, 8 * _FIELDS.index(name), value)

    def get(self, name):
        return struct.unpack_from("<q", self.page, 8 * _FIELDS.index(name))[0]

    def arm(self, nth, error, mode=FAIL, length=1, operation=0, file=0):
        """The nth call from now goes wrong, and `length` in a row; of one operation or file only, if it is given."""
        self.set(failing=0, error=error, mode=mode, length=length, only_operation=operation, only_file=file)
        self.set(countdown=nth)

    def disarm(self):
        self.set(countdown=0, failing=0)

    def hits(self):
        """Which calls went wrong how often."""
        counts = {}
        for operation, verb in OPERATIONS.items():
            for file, name in FILES.items():
                count = struct.unpack_from("<q", self.page, 8 * (len(_FIELDS) + operation * 5 + file))[0]
                if count:
                    counts[f"{verb} {name}"] = count
        return counts


@dataclass
class Entry:
    """One line of the journal."""

    operation: int
    file: int
    at: float
    offset: int
    data: memoryview


def read_journal(path):
    raw, entries, place = memoryview(path.read_bytes()), [], 0
    while place + _ENTRY.size <= len(raw):
        operation, file, _, length, at, offset = _ENTRY.unpack_from(raw, place)
        place += _ENTRY.size
        entries.append(Entry(operation, file, at / 1e9, offset, raw[place:place + length]))
        place += length
    return entries


class Disk:
    """Files as they are for certain (everything before the last fsync that returned), and what is written and not yet certain."""

    SUFFIXES = {1: "", 2: "-wal", 4: "-journal"}

    def __init__(self, directory):
        self.certain = {file: bytearray(path.read_bytes() if (path := directory / (NAME + suffix)).exists() else b"")
                        for file, suffix in self.SUFFIXES.items()}
        self.pending = {file: [] for file in self.SUFFIXES}
        self.covered = dict.fromkeys(self.SUFFIXES, 0)

    def advance(self, entry):
        pending = self.pending[entry.file]
        if entry.operation == SYNC_BEGINS:
            self.covered[entry.file] = len(pending)
        elif entry.operation == SYNC:
            for done in pending[:self.covered[entry.file]]:
                apply(self.certain[entry.file], done)
            del pending[:self.covered[entry.file]]
            self.covered[entry.file] = 0
        else:
            pending.append(entry)

    def image(self, directory, chance, manner):
        """Writes one disk that the loss of power may leave: of the uncertain writes none, all, the first few, some, or some sectors."""
        directory.mkdir(exist_ok=True)
        for file, suffix in self.SUFFIXES.items():
            content, pending = bytearray(self.certain[file]), self.pending[file]
            if manner == "all":
                chosen = pending
            elif manner == "first":
                chosen = pending[:chance.randint(0, len(pending))]
            elif manner in ("some", "sectors"):
                chosen = [entry for entry in pending if chance.random() < 0.5]
            else:
                chosen = []
            for entry in chosen:
                for part in _sectors(entry, chance) if manner == "sectors" and entry.operation == WRITE else [entry]:
                    apply(content, part)
            path = directory / (NAME + suffix)
            path.unlink(missing_ok=True)
            if content:
                path.write_bytes(content)
        (directory / f"{NAME}-shm").unlink(missing_ok=True)


def _sectors(entry, chance):
    """The parts of a write that lie in sectors which reached the platter."""
    place = entry.offset
    end = place + len(entry.data)
    while place < end:
        edge = min((place // 512 + 1) * 512, end)
        if chance.random() < 0.7:
            yield Entry(WRITE, entry.file, entry.at, place, entry.data[place - entry.offset:edge - entry.offset])
        place = edge


def apply(content, entry):
    if entry.operation == UNLINK:
        content.clear()
        return
    end = entry.offset + len(entry.data)
    if entry.operation == TRUNCATE and len(content) > entry.offset:
        del content[entry.offset:]
    if len(content) < end:
        content.extend(bytes(end - len(content)))
    if entry.operation == WRITE:
        content[entry.offset:end] = entry.data
