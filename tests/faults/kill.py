"""The server, and PostgreSQL, killed while everybody writes."""

import http.server
import random
import threading
import time
import uuid
from http.client import HTTPConnection

from check import check
from load import Ledger, Load
from server import Failed, Server, exchange
from outcome import Outcome


def _finish(world, server, ledger, outcome):
    """At the end: every enquiry is processed, the chain of the audit holds, records are answered over HTTP, too."""
    until = time.monotonic() + 60
    while True:
        found, state = check(world.database, ledger)
        waiting = [row for row in state.submissions.values() if row[1] in ("received", "failed")]
        verified = server.get("/v1/audit-events/verify")
        if (not waiting and verified["unsealed"] == 0) or time.monotonic() > until:
            break
        time.sleep(0.2)  # a pause between two questions, not an order of events
    if waiting:
        found.torn.append(f"{len(waiting)} submissions are not processed")
    outcome.take(found)
    for write in random.sample(ledger.acknowledged(), min(30, len(ledger.acknowledged()))):
        if write.kind in ("contact", "task"):
            status, _, _ = server.call("GET", f"{write.path}/{write.record()}")
            if status != 200:
                outcome.found.lost.append(f"{write.kind} {write.marker} is answered {status}")
    if not verified["ok"] or verified["unsealed"]:
        outcome.found.torn.append(f"the audit does not hold: {verified}")
    outcome.acknowledged = len(ledger.acknowledged())
    outcome.statuses(ledger)
    outcome.found.torn += world.database.sound()


def kill_server(world, cycles):
    """SIGKILL in the middle of the load, then everything acknowledged so far is looked for."""
    outcome, ledger, repeated = Outcome("kill -9 of the server", world.database.name), Ledger(), 0
    server = Server(world)
    for _ in range(cycles):
        load = Load(world, server, ledger).run(random.uniform(0.25, 0.5))
        server.kill()
        load.stop()
        server = Server(world)
        repeated += ledger.repeat(server)
        outcome.take(check(world.database, ledger)[0])
        outcome.found.torn += world.database.sound() if outcome.cycles % 10 == 0 else []
        outcome.cycles += 1
    _finish(world, server, ledger, outcome)
    outcome.note(f"{repeated} of {len(ledger.writes)} writes in doubt repeated with their keys")
    outcome.variants(*[variant(world, server, ledger) for variant in (_outbox_row_gone, _acknowledged_and_not_written, _repeated_without_key)])
    server.stop()
    return outcome


def _outbox_row_gone(world, _, ledger):
    victim = random.choice([write for write in ledger.acknowledged() if write.kind == "contact"]).record()
    world.database.change(f"DELETE FROM outbox_event WHERE ID(record_id) = '{victim}'")
    return bool(check(world.database, ledger)[0].torn)


class _Liar(http.server.BaseHTTPRequestHandler):
    """Acknowledges and forwards nothing: what a server would look like that answers before it commits."""

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        body = f'{{"id": "{uuid.uuid4()}"}}'.encode()
        self.send_response(201)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def _acknowledged_and_not_written(world, _, ledger):
    liar = http.server.HTTPServer(("127.0.0.1", 0), _Liar)
    threading.Thread(target=liar.handle_request, daemon=True).start()
    write = ledger.next(world, among=("contact",))
    ledger.send(write, HTTPConnection(*liar.server_address))
    liar.server_close()
    caught = any(write.marker in lost for lost in check(world.database, ledger)[0].lost)
    ledger.writes.remove(write)
    return caught


def _repeated_without_key(world, server, ledger):
    write = next(write for write in ledger.acknowledged() if write.kind == "task")
    server.call("POST", write.path, write.body)
    return any(write.marker in twice for twice in check(world.database, ledger)[0].twice)


def kill_database(world, cycles):
    """PostgreSQL dies in turn by SIGKILL and by an immediate stop, and comes back; the server stays and must find to it again."""
    outcome, ledger = Outcome("kill -9 of PostgreSQL", "postgres"), Ledger()
    cluster, server, slowest = world.database.cluster, Server(world), 0.0
    load = Load(world, server, ledger, enduring=True)
    for cycle in range(cycles):
        load.run(0.7)
        (cluster.stop if cycle % 2 else cluster.kill)()
        load.run(0.3)  # the database is away for a while
        _start(cluster)
        slowest = max(slowest, _writes_again(world, server, ledger))
        outcome.cycles += 1
    load.run(0.5).stop()
    quiet = _after_a_quiet_restart(world, server, ledger)
    outcome.cycles += 1
    if not server.alive():
        raise Failed("the server ended with its database")
    ledger.repeat(server)
    _finish(world, server, ledger, outcome)
    if 500 in ledger.statuses:
        outcome.found.torn.append(f"{ledger.statuses[500]} requests are told 500 while the database is away, not 503")
    outcome.note(f"writes again at most {slowest:.1f} s after PostgreSQL is back; after a restart while nobody asked {quiet} of 200 requests are refused")
    if quiet > 50:
        outcome.found.torn.append(f"connections that died unused go on refusing: {quiet} of 200")
    server.stop()
    return outcome


def _after_a_quiet_restart(world, server, ledger):
    """Every connection of the pools dies unused; each may cost one refusal, when it is found out."""
    world.database.cluster.stop()
    _start(world.database.cluster)
    connection, refused = HTTPConnection(*server.address, timeout=30), 0
    for _ in range(100):
        refused += not ledger.send(ledger.next(world, among=("contact",)), connection)
        refused += exchange(connection, "GET", "/v1/contacts?limit=1", headers=world.bearer)[0] != 200
    connection.close()
    return refused


def _start(cluster):
    for _ in range(5):
        if cluster.start():
            return
    raise Failed(f"PostgreSQL does not start again: {cluster.directory}/server.log")


def _writes_again(world, server, ledger):
    begun = time.monotonic()
    connection = HTTPConnection(*server.address, timeout=30)
    while not ledger.send(ledger.next(world, among=("contact",)), connection):
        if time.monotonic() - begun > 30:
            raise Failed("half a minute after PostgreSQL is back the server still refuses to write")
        time.sleep(0.05)
    connection.close()
    return time.monotonic() - begun
