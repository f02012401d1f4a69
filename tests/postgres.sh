# shellcheck shell=bash
# A throw-away PostgreSQL for one run, sourced by the runners: `start_postgres DIR` sets KARTOTEKA_TEST_DATABASE_URL,
# `stop_postgres` ends it. The server's programs are installed when this is Debian and we are root.

find_initdb() { command -v initdb || find /usr/lib/postgresql -name initdb -path '*/bin/*' 2>/dev/null | sort -V | tail -1; }

as_postgres=()
postgres_at=
start_postgres() {
    local cluster=$1/cluster initdb
    initdb=$(find_initdb)
    postgres_bin=$(dirname "$(readlink -f "$initdb")")
    mkdir "$cluster"
    if [ "$(id -u)" = 0 ]; then
        id postgres >/dev/null 2>&1 || useradd --system --no-create-home --shell /bin/sh postgres
        chmod 755 "$1" && chown postgres "$cluster"
        as_postgres=(runuser -u postgres --)
    fi
    (cd "$cluster" && "${as_postgres[@]}" "$initdb" -D data -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >/dev/null)
    local settings="-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=300 -c listen_addresses=127.0.0.1 -c unix_socket_directories=$cluster"
    for _ in $(seq 20); do
        local port=$((20000 + RANDOM % 30000))
        if (cd "$cluster" && "${as_postgres[@]}" "$postgres_bin/pg_ctl" -D data -w -l server.log -o "-p $port $settings" start >/dev/null 2>&1); then
            postgres_at=$cluster
            export KARTOTEKA_TEST_DATABASE_URL=postgres://postgres@127.0.0.1:$port/postgres
            return
        fi
    done
    cat "$cluster/server.log" >&2
    echo "no PostgreSQL server starts here" >&2
    return 1
}

stop_postgres() {
    if [ -n "$postgres_at" ]; then (cd "$postgres_at" && "${as_postgres[@]}" "$postgres_bin/pg_ctl" -D data -m immediate stop >/dev/null 2>&1) || true; fi
}

# Installs Debian packages, or names what is missing: need COMMAND PACKAGE...
need() {
    local command=$1
    shift
    if [ "$command" = initdb ] && [ -n "$(find_initdb)" ]; then return; fi
    if command -v "$command" >/dev/null; then return; fi
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "installing $*"
        DEBIAN_FRONTEND=noninteractive apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
    else
        echo "missing: $command (Debian: apt-get install $*)" >&2
        exit 1
    fi
}
