"""What is put to the test: the server's process, its database, and a throw-away PostgreSQL whose durability is on."""

import hashlib
import http.client
import json
import os
import random
import re
import select
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
from pathlib import Path


class Failed(Exception):
    """Something the harness needs is not to be had, or the server does not do what every test counts on."""


class Server:
    """One incarnation of the server; `kill` is SIGKILL."""

    def __init__(self, world, environment=None):
        self.world = world
        self.log = open(world.directory / "server.log", "ab")
        self.process = subprocess.Popen(
            [world.binary, "serve", "--listen", "127.0.0.1:0"],
            env={**world.environment, **(environment or {})}, stdout=subprocess.PIPE, stderr=self.log)
        self.address = self._announced()

    def _announced(self):
        text, until = b"", time.monotonic() + 60
        while time.monotonic() < until:
            if select.select([self.process.stdout], [], [], 1)[0]:
                got = os.read(self.process.stdout.fileno(), 4096)
                text += got
                found = re.search(rb"listening on http://127\.0\.0\.1:(\d+)\n", text)
                if found:
                    return ("127.0.0.1", int(found[1]))
                if not got:
                    break
        self.kill()
        raise Failed(f"the server does not start: {self.world.directory}/server.log")

    def kill(self):
        self._end(signal.SIGKILL)

    def stop(self):
        self._end(signal.SIGTERM)

    def _end(self, sign):
        if self.process.poll() is None:
            self.process.send_signal(sign)
            self.process.wait(60)
        self.process.stdout.close()
        self.log.close()

    def alive(self):
        return self.process.poll() is None

    def call(self, method, path, body=None, headers=None, timeout=30):
        """One request on a connection of its own: status, headers in lower case, body."""
        connection = http.client.HTTPConnection(*self.address, timeout=timeout)
        try:
            return exchange(connection, method, path, body, {**self.world.bearer, **(headers or {})})
        finally:
            connection.close()

    def get(self, path):
        status, _, body = self.call("GET", path)
        if status != 200:
            raise Failed(f"GET {path} is answered {status}: {body[:200]!r}")
        return json.loads(body)


def exchange(connection, method, path, body=None, headers=None):
    if isinstance(body, (dict, list)):
        body = json.dumps(body).encode()
    connection.request(method, path, body, {"content-type": "application/json", **(headers or {})} if body is not None else headers or {})
    answer = connection.getresponse()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


class Sqlite:
    """The embedded database, read beside the server."""

    name = "sqlite"

    def __init__(self, path, found_dead=False):
        self.path = path
        self.url = f"sqlite:{path}"
        self.mode = "rw" if found_dead else "ro"  # without a server beside it, the log must be recovered by us

    def _open(self, writes=False):
        connection = sqlite3.connect(f"file:{self.path}?mode={'rw' if writes else self.mode}", uri=True, timeout=20, isolation_level=None)
        connection.create_function("md5", 1, lambda text: hashlib.md5(text.encode()).hexdigest())
        return connection

    def tables(self, queries):
        """The rows of several queries, all as of one moment."""
        connection = self._open()
        try:
            connection.execute("BEGIN")
            return {name: connection.execute(_spelt(query, "lower(hex({}))", "{}")).fetchall() for name, query in queries.items()}
        finally:
            connection.close()

    def change(self, statement):
        connection = self._open(writes=True)
        connection.execute(_spelt(statement, "lower(hex({}))", "{}"))
        connection.close()

    def sound(self):
        """What SQLite's own check finds wrong; nothing is the good answer."""
        connection = self._open()
        try:
            return [row[0] for row in connection.execute("PRAGMA integrity_check(5)") if row[0] != "ok"]
        finally:
            connection.close()


class Postgres:
    """A database on the throw-away cluster."""

    name = "postgres"

    def __init__(self, cluster):
        self.cluster = cluster
        self.base = f"faults_{random.getrandbits(40):x}"
        cluster.psql("postgres", f"CREATE DATABASE {self.base} TEMPLATE template0 ENCODING 'UTF8'")
        self.url = cluster.url(self.base)

    def tables(self, queries):
        script = ["BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"]
        for query in queries.values():
            script += [f"COPY ({_spelt(query, _PLAIN, '({})::text')}) TO STDOUT;", r"\echo ====", ""]
        parts = self.cluster.psql(self.base, "\n".join(script)).split("====\n")
        return {name: [tuple(_value(v) for v in line.split("\t")) for line in part.splitlines()] for name, part in zip(queries, parts)}

    def change(self, statement):
        self.cluster.psql(self.base, _spelt(statement, _PLAIN, "({})::text"))

    def sound(self):
        """What PostgreSQL's own check finds wrong in heaps and indexes, where its package brings the check."""
        if not (self.cluster.programs / "pg_amcheck").exists() or not self._can_check():
            return []
        done = self.cluster.run("pg_amcheck", "--install-missing", "--heapallindexed", "-h", "127.0.0.1", "-p", str(self.cluster.port),
                                "-U", "postgres", "-d", self.base)
        return [] if done.returncode == 0 else [done.stdout[:500] + done.stderr[:500]]

    def _can_check(self):
        return self.cluster.psql(self.base, "SELECT count(*) FROM pg_available_extensions WHERE name = 'amcheck'").strip() == "1"


_PLAIN = "replace(({})::text, '-', '')"


def _spelt(query, identifier, text):
    query = re.sub(r"ID\(([^()]*)\)", lambda m: identifier.format(m[1]), query)
    return re.sub(r"TEXT\(([^()]*)\)", lambda m: text.format(m[1]), query)


def _value(text):
    if text == r"\N":
        return None
    return re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t", "r": "\r"}.get(m[1], m[1]), text) if "\\" in text else text


class Cluster:
    """A PostgreSQL server of our own, with fsync and everything else that makes it durable."""

    def __init__(self, directory):
        initdb = shutil.which("initdb") or next(iter(sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")), reverse=True)), None)
        if not initdb or not shutil.which("psql"):
            raise Failed("missing: initdb or psql (Debian: apt-get install postgresql)")
        self.programs, self.directory, self.port = Path(os.path.realpath(initdb)).parent, directory, None
        directory.mkdir()
        self.user = []
        if os.getuid() == 0:
            shutil.chown(directory, "postgres")
            self.user = ["runuser", "-u", "postgres", "--"]
        made = self.run("initdb", "-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        if made.returncode:
            raise Failed(f"initdb: {made.stderr or made.stdout}")
        for _ in range(20):
            self.port = random.randint(20000, 50000)
            if self.start():
                return
        raise Failed(f"no PostgreSQL server starts: {directory}/server.log")

    def run(self, program, *arguments):
        return subprocess.run([*self.user, str(self.programs / program), *arguments], cwd=self.directory, capture_output=True, text=True)

    def start(self):
        settings = f"-p {self.port} -c max_connections=100 -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.directory}"
        # its own log file, because whoever reads our output would wait for a server that inherited it
        return self.run("pg_ctl", "-D", "data", "-w", "-t", "60", "-l", "server.log", "-o", settings, "start").returncode == 0

    def stop(self):
        self.run("pg_ctl", "-D", "data", "-m", "immediate", "stop")

    def kill(self):
        """The postmaster and every process of it, at once."""
        master = int((self.directory / "data/postmaster.pid").read_text().split()[0])
        family = [master, *_children(master)]
        os.kill(master, signal.SIGSTOP)  # it must not tidy up behind those that die first
        for process in [*family[1:], master]:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass
        until = time.monotonic() + 20
        while any(_runs(process) for process in family) and time.monotonic() < until:
            time.sleep(0.02)
        # where nobody buries the dead, a zombie with the number in these files would keep PostgreSQL from starting
        for file in (self.directory / "data/postmaster.pid", *self.directory.glob(".s.PGSQL.*.lock")):
            file.unlink(missing_ok=True)

    def url(self, base):
        return f"postgres://postgres@127.0.0.1:{self.port}/{base}"

    def psql(self, base, script):
        done = subprocess.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", self.url(base)], input=script, capture_output=True, text=True)
        if done.returncode:
            raise Failed(f"psql: {done.stderr}")
        return done.stdout


def _status(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None


def _children(parent):
    numbers = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [number for number in numbers if (status := _status(number)) and int(status[1]) == parent]


def _runs(process):
    status = _status(process)
    return bool(status) and status[0] != "Z"


class World:
    """A data directory with a workspace, its administrator's key and a form; it outlives any number of servers."""

    def __init__(self, directory, database):
        directory.mkdir(parents=True, exist_ok=True)
        self.directory, self.database = directory, database
        self.binary = os.environ["KARTOTEKA_BIN"]
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("KARTOTEKA_")},
            "KARTOTEKA_DATABASE_URL": database.url, "KARTOTEKA_DATA_DIR": str(directory), "KARTOTEKA_LOG": "warn",
            "KARTOTEKA_LOG_FORMAT": "json", "KARTOTEKA_SIGN_IN_PER_MINUTE": "100000", "KARTOTEKA_CONFIG": str(directory / "kartoteka.toml")}
        (directory / "kartoteka.toml").touch()
        self.bearer = {}
        demo = json.loads(self.command("demo", "--json"))
        self.administrator = next(user for user in demo["users"] if user["role"] == "administrator")
        server = Server(self)
        try:
            self._furnish(server)
        finally:
            server.stop()

    def _furnish(self, server):
        def post(path, body):
            status, _, answer = server.call("POST", path, body)
            if status not in (200, 201):
                raise Failed(f"POST {path} is answered {status}: {answer[:300]!r}")
            return json.loads(answer)

        self.tokens = post("/v1/auth/token", {name: self.administrator[name] for name in ("email", "password")})
        self.bearer = {"authorization": f"Bearer {self.tokens['access_token']}"}
        self.owner = server.get("/v1/me")["user"]["id"]
        form = post("/v1/forms", {
            "name": "Rush", "rate_per_minute": 100000, "duplicate_window_seconds": 0, "task_minutes": 15,
            "assignment": {"kind": "user", "user_id": self.owner}})
        self.door = f"/public/v1/forms/{form['key']}/submissions"
        key = post("/v1/api-keys", {"name": "faults", "role": "administrator"})
        self.bearer = {"authorization": f"Bearer {key['secret']}"}

    def command(self, *arguments, environment=None):
        done = subprocess.run([self.binary, *arguments], env={**self.environment, **(environment or {})}, capture_output=True, text=True)
        if done.returncode:
            raise Failed(f"kartoteka {' '.join(arguments)}: {done.stdout} {done.stderr}")
        return done.stdout


class Background:
    """A thread whose exception is not lost."""

    def __init__(self, work):
        self.error = None

        def run():
            try:
                work()
            except Exception as error:  # handed on by join
                self.error = error

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()

    def join(self):
        self.thread.join()
        if self.error:
            raise self.error
