"""A disk that fills up, and a disk that fails at the n-th call: writes are refused whole, reads go on, nothing acknowledged is lost."""

import errno
import os
import random
import subprocess
import threading
import time
from http.client import HTTPConnection

from check import Findings, check
from load import Ledger, Load
from outcome import Outcome
from server import Failed, Server, Sqlite, World
from shim import DATABASE, LIE, NAME, SYNC, TRUNCATE, WAL, WRITE, Shim


def _reads(world, server, outcome):
    """What must be answered whatever the disk does to writers."""
    for path in ("/healthz", "/v1/contacts?limit=5", f"/v1/my-day?user_id={world.owner}"):
        try:
            server.get(path)
        except Failed as error:
            outcome.found.torn.append(f"a read is refused: {error}")


def _writes_again(world, server, ledger, outcome):
    """Without a restart, and soon."""
    connection, until = HTTPConnection(*server.address, timeout=30), time.monotonic() + 15
    while not ledger.send(ledger.next(world, among=("contact",)), connection):
        if time.monotonic() > until:
            outcome.found.lost.append("the disk is well again and writes are still refused after 15 s")
            break
        time.sleep(0.05)
    connection.close()


def _end(world, server, ledger, outcome):
    """Everything is repeated with its key, then the server dies and the next one finds all of it."""
    ledger.repeat(server)
    server.kill()
    server = Server(world)
    outcome.take(check(world.database, ledger)[0])
    outcome.found.torn += world.database.sound()
    server.stop()
    try:
        world.command("audit", "verify")
    except Failed as error:
        outcome.found.torn.append(str(error))
    outcome.acknowledged = len(ledger.acknowledged())
    outcome.statuses(ledger)


def full_disk(directory, cycles):
    """A file system of 256 MB is filled to the last byte while everybody writes, and freed again. Writes alone never fill it: 8,000 take 110 MB."""
    outcome = Outcome("full disk", "sqlite")
    directory.mkdir(parents=True)
    mounted = os.getuid() == 0 and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", directory], capture_output=True, check=False).returncode == 0
    if not mounted:
        outcome.skipped = "a small file system cannot be mounted here (needs root and the right to mount)"
        return outcome
    server = None
    try:
        data, filler = directory / "data", directory / "filler"
        world, ledger = World(data, Sqlite(data / NAME)), Ledger()
        server = Server(world)
        for _ in range(cycles):
            load = Load(world, server, ledger, enduring=True).run(0.3)
            with open(filler, "wb", buffering=0) as file:
                _fill(file)
            refused = ledger.statuses.get(507, 0)
            until = time.monotonic() + 15
            while ledger.statuses.get(507, 0) < refused + 20 and time.monotonic() < until:
                load.run(0.05)
            if ledger.statuses.get(507, 0) == refused:
                outcome.found.torn.append("a full disk is not told as 507")
            _reads(world, server, outcome)
            filler.unlink()
            _writes_again(world, server, ledger, outcome)
            load.run(0.2).stop()
            outcome.take(check(world.database, ledger)[0])
            outcome.cycles += 1
        _end(world, server, ledger, outcome)
    finally:
        if server:
            server.kill()
        subprocess.run(["cp", data / "server.log", directory.with_suffix(".log")], check=False)
        subprocess.run(["umount", "-l", directory], check=False)
    return outcome


def _fill(file):
    for size in (1 << 20, 1 << 12, 1):
        try:
            while file.write(bytes(size)) == size:
                pass
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise


def failing_disk(directory, reach, rounds):
    """Every n-th write, fsync or truncate up to `reach` fails, with EIO and with ENOSPC in turn, alone or three in a row."""
    outcome = Outcome("failing disk calls", "sqlite")
    world, ledger = World(directory / "data", Sqlite(directory / "data" / NAME)), Ledger()
    shim = Shim(directory / "shim")
    server = Server(world, shim.environment)
    # an fsync is one call of a hundred, a checkpoint one of a thousand: their own calls are counted by themselves, too
    aims = [(nth, {}) for nth in range(1, reach + 1)] + [(1 + nth % 3, {"operation": SYNC, "file": WAL}) for nth in range(reach // 10)]
    aims += [(nth, {"operation": operation, "file": DATABASE}) for operation in (WRITE, SYNC, TRUNCATE) for nth in (1, 1, 2)]
    for turn in range(rounds):
        for number, (nth, what) in enumerate(aims):
            error = (errno.EIO, errno.ENOSPC)[(number + turn) % 2]
            shim.arm(nth, error, length=3 if number % 5 == 0 and not what else 1, **what)
            _write_until(world, server, ledger, lambda: shim.get("countdown") <= 0 and shim.get("failing") <= 0)
            shim.disarm()
            outcome.cycles += 1
            if number % 25 == 0:
                _reads(world, server, outcome)
                _writes_again(world, server, ledger, outcome)
                outcome.take(check(world.database, ledger)[0])
    outcome.note(", ".join(f"{count} × {call}" for call, count in shim.hits().items()))
    _end(world, server, ledger, outcome)
    outcome.variants(*[_forged(directory / f"forged-{number}") for number in range(2)])
    return outcome


def _write_until(world, server, ledger, done, threads=4):
    """Writes from several threads until the fault has happened; each sees it through to its answer."""
    stopping = threading.Event()
    load = Load(world, server, ledger, threads=threads)
    until = time.monotonic() + 30
    while not done() and time.monotonic() < until:
        stopping.wait(0.002)
    load.stop()


def _forged(directory):
    """A disk that tells success and has not written: whether that is found out."""
    world, ledger = World(directory / "data", Sqlite(directory / "data" / NAME)), Ledger()
    shim = Shim(directory / "shim")
    server = Server(world, shim.environment)
    shim.arm(random.randint(20, 60), 0, mode=LIE, length=60)
    _write_until(world, server, ledger, lambda: shim.get("countdown") <= 0 and shim.get("failing") <= 0)
    server.kill()
    found = Findings()
    try:
        server = Server(world)
        found, _ = check(world.database, ledger)
        found.torn += world.database.sound()
    except Exception as error:  # whatever a broken file leads to, it is noticed
        found.torn.append(str(error))
    finally:
        server.kill()
    return found.any()
