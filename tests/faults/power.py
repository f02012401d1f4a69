"""A loss of power: the disk is rebuilt as it may be found afterwards, at random moments, and what was acknowledged by then is looked for."""

import random
import shutil
import sqlite3
import time

from check import Findings, check
from load import Ledger, Load
from outcome import Outcome
from server import Failed, Server, Sqlite, World
from shim import DATABASE, NAME, SYNC, Disk, Shim, read_journal

MANNERS = ("none", "all", "first", "some", "sectors")


#: A journal of so many bytes holds two checkpoints of the write-ahead log.
ENOUGH = 40_000_000


def _recorded(directory, seconds, enough, lost_syncs):
    """A load under the shim: the files before it, the journal of it, the ledger of it."""
    world = World(directory / "data", Sqlite(directory / "data" / NAME))
    # the last one out puts everything into the database itself, so that the journal begins with whole files
    connection = sqlite3.connect(world.database.path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    before = directory / "before"
    before.mkdir()
    shutil.copy(world.database.path, before / NAME)
    shim, ledger = Shim(directory / "shim", journal=True), Ledger()
    shim.set(lost_syncs=lost_syncs)
    server = Server(world, shim.environment)
    load, until = Load(world, server, ledger).run(seconds), time.monotonic() + 4 * seconds
    while shim.journal.stat().st_size < enough and time.monotonic() < until:
        load.run(0.2)
    load.stop()
    server.kill()
    return world, ledger, Disk(before), read_journal(shim.journal)


def _images(directory, seconds, count, opened, enough=0, lost_syncs=0):
    """Yields for each image its findings, the ledger, and how many checkpoints the load made; `opened` are opened by the server, too."""
    world, ledger, disk, journal = _recorded(directory, seconds, enough, lost_syncs)
    checkpoints = sum(entry.operation == SYNC and entry.file == DATABASE for entry in journal)
    begun = min((w.sent for w in ledger.writes), default=0)
    useful = [index for index, entry in enumerate(journal) if entry.at >= begun]
    if len(useful) < count:
        raise Failed(f"the journal has {len(useful)} entries only")
    chance = random.Random(4711)
    moments = sorted(chance.sample(useful, count))
    by_server = set(chance.sample(range(count), opened))
    place = 0
    for number, moment in enumerate(moments):
        while place <= moment:
            disk.advance(journal[place])
            place += 1
        image = directory / "image"
        disk.image(image, chance, MANNERS[number % len(MANNERS)])
        yield _judge(world, ledger, Sqlite(image / NAME, found_dead=True), journal[moment].at, number in by_server), ledger, checkpoints


def _judge(world, ledger, database, moment, by_server):
    server = None
    try:
        if by_server:
            revived = Revived(world, database)
            server = Server(revived)
        found, _ = check(database, ledger, until=moment)
        found.torn += [f"integrity: {text}" for text in database.sound()]
        if server:
            server.stop()
            server = None
            revived.verify(found)
        return found
    except (sqlite3.DatabaseError, Failed) as error:
        return Findings(torn=[f"the image does not open: {error}"])
    finally:
        if server:
            server.kill()


class Revived:
    """The world as far as a server needs it, on an image."""

    def __init__(self, world, database):
        self.directory, self.database, self.binary, self.bearer = world.directory, database, world.binary, world.bearer
        self.environment = {**world.environment, "KARTOTEKA_DATABASE_URL": database.url}
        self._command = world.command

    def verify(self, found):
        try:
            self._command("audit", "verify", environment={"KARTOTEKA_DATABASE_URL": self.database.url})
        except Failed as error:
            found.torn.append(str(error))


def power_loss(directory, images, seconds):
    outcome = Outcome("loss of power", "sqlite")
    latest, opened = None, max(4, images // 40)
    for found, ledger, checkpoints in _images(directory / "honest", seconds, images, opened, ENOUGH):
        outcome.take(found)
        outcome.cycles += 1
        latest = ledger
    outcome.acknowledged = len(latest.acknowledged())
    outcome.statuses(latest)
    outcome.note(f"{checkpoints} checkpoints, {opened} images opened by the server, the others by SQLite")
    # a disk, or a setting, that says "synced" and has not: of three fsyncs one is real
    bad = sum(found.any() for found, _, _ in _images(directory / "lying", 1.0, 20, 0, lost_syncs=3))
    outcome.note(f"with lost fsyncs {bad} of 20 images are bad")
    outcome.variants(bad > 0)
    return outcome
