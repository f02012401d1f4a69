"""Clients that vanish or dawdle, and a wall clock that jumps: nobody else notices, and nothing is half done."""

import json
import socket
import time
import uuid
from datetime import datetime, timedelta, timezone
from http.client import HTTPConnection

from check import check
from load import Ledger, Load
from outcome import Outcome
from server import Background, Server, Sqlite, World, exchange
from shim import NAME, Shim


def _raw(write, server):
    body = json.dumps(write.body).encode()
    lines = [f"{write.method} {write.path} HTTP/1.1", f"host: {server.address[0]}", "content-type: application/json", f"content-length: {len(body)}"]
    head = "\r\n".join(lines + [f"{name}: {value}" for name, value in write.headers.items()]) + "\r\n\r\n"
    return head.encode(), body


def _vanish(world, server, ledger, number):
    """Hangs up in the middle of the head, of the body, or before the answer; the write stays in doubt and is repeated later."""
    write = ledger.next(world, among=("contact", "task", "submission", "complete"))
    head, body = _raw(write, server)
    sent = (head[:len(head) // 2], head + body[:len(body) // 2], head + body)[number % 3]
    connection = socket.create_connection(server.address, timeout=10)
    connection.sendall(sent)
    if number % 2:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset instead of a farewell
    connection.close()
    if number % 3 == 1 and write.kind == "submission":
        # a cut enquiry is kept as far as it came, and its key with it: repeating it whole is another body
        ledger.writes.remove(write)


def _patience(server, beginning, drop, longest):
    """Sends a byte now and then; after how many seconds the server hangs up or answers, None if it goes on listening."""
    connection, begun = socket.create_connection(server.address), time.monotonic()
    connection.sendall(beginning)
    connection.settimeout(0.5)
    try:
        while time.monotonic() - begun < longest:
            try:
                connection.sendall(drop)
                if connection.recv(4096):
                    return time.monotonic() - begun
                return time.monotonic() - begun
            except TimeoutError:
                continue
            except OSError:
                return time.monotonic() - begun
        return None
    finally:
        connection.close()


def vanishing_clients(world, longest):
    outcome, ledger = Outcome("clients that vanish or dawdle", world.database.name), Ledger()
    server = Server(world)
    Load(world, server, ledger).run(0.5).stop()
    patience = {}
    head = f"POST /v1/contacts HTTP/1.1\r\nhost: x\r\nauthorization: {world.bearer['authorization']}\r\ncontent-type: application/json\r\n"
    sloths = {"head": (head.encode(), b"x"), "body": (head.encode() + b"content-length: 2000\r\n\r\n{", b" ")}

    def dawdle(name, beginning, drop):
        patience[name] = _patience(server, beginning, drop, longest)

    slow = [Background(lambda name=name, parts=parts: dawdle(name, *parts)) for name, parts in sloths.items()]
    crowd = [socket.create_connection(server.address) for _ in range(200)]
    for number, connection in enumerate(crowd):
        connection.sendall(sloths["head" if number % 2 else "body"][0])
    load, slowest, number, until = Load(world, server, ledger, threads=4), 0.0, 0, time.monotonic() + 4
    while number < 600 and time.monotonic() < until:
        _vanish(world, server, ledger, number)
        number += 1
        if number % 10 == 0:
            begun = time.monotonic()
            server.get("/v1/contacts?limit=5")
            slowest = max(slowest, time.monotonic() - begun)
    load.stop()
    for thread in slow:
        thread.join()
    for connection in crowd:
        connection.close()
    outcome.cycles = number
    ledger.repeat(server)
    outcome.take(check(world.database, ledger)[0])
    if slowest > 5:
        outcome.found.torn.append(f"beside clients that dawdle a list took {slowest:.1f} s")
    for name in (name for name, seconds in patience.items() if seconds is None):
        outcome.found.torn.append(f"a {name} that never ends is listened to for over {longest} s")
    told = {name: "still listened to" if seconds is None else f"dropped after {seconds:.0f} s" for name, seconds in patience.items()}
    outcome.note(f"a dawdling head is {told['head']}, a dawdling body {told['body']} (looked for {longest} s); slowest list beside 200 of them {slowest:.2f} s")
    outcome.acknowledged = len(ledger.acknowledged())
    outcome.statuses(ledger)
    server.stop()
    return outcome


def jumping_clock(directory, rounds):
    """The wall clock goes a day ahead and a day back while everybody writes."""
    outcome = Outcome("jumping clock", "sqlite")
    world, ledger, shim = World(directory / "data", Sqlite(directory / "data" / NAME)), Ledger(), Shim(directory / "shim")
    server, day = Server(world, shim.environment), 86_400 * 10**9
    begun = datetime.now(timezone.utc)
    load = Load(world, server, ledger, threads=4)
    for _ in range(rounds):
        for offset in (day, -day, 0):
            shim.set(clock_offset=offset)
            load.run(0.5)
            _tokens(world, server, outcome, expired=offset == day)
            outcome.cycles += 1
    load.stop()
    if any(status >= 500 for status in ledger.statuses):
        outcome.found.torn.append(f"a jump of the clock is answered {ledger.statuses}")
    outcome.take(check(world.database, ledger)[0])
    window = (begun - timedelta(days=1, minutes=1), datetime.now(timezone.utc) + timedelta(days=1, minutes=1))
    for write in ledger.acknowledged():
        if write.kind == "contact":
            answer = json.loads(write.answer)
            if uuid.UUID(answer["id"]).version != 7 or not window[0] < datetime.fromisoformat(answer["created_at"]) < window[1]:
                outcome.found.torn.append(f"{write.marker} is {answer['id']}, made {answer['created_at']}")
    until = time.monotonic() + 30
    while (verified := server.get("/v1/audit-events/verify"))["unsealed"] and time.monotonic() < until:
        time.sleep(0.2)
    if not verified["ok"] or verified["unsealed"]:
        outcome.found.torn.append(f"the audit does not hold: {verified}")
    outcome.acknowledged = len(ledger.acknowledged())
    outcome.statuses(ledger)
    server.stop()
    return outcome


def _tokens(world, server, outcome, expired):
    """Signing in works whatever the day; an old token is refused when its day is over, and never an error of ours."""
    connection = HTTPConnection(*server.address, timeout=30)
    status, _, body = exchange(connection, "POST", "/v1/auth/token", {name: world.administrator[name] for name in ("email", "password")})
    fresh = json.loads(body).get("access_token")
    seen = exchange(connection, "GET", "/v1/me", headers={"authorization": f"Bearer {fresh}"})[0] if status == 200 else None
    old = exchange(connection, "GET", "/v1/me", headers={"authorization": f"Bearer {world.tokens['access_token']}"})[0]
    connection.close()
    if (status, seen) != (200, 200):
        outcome.found.torn.append(f"signing in is answered {status}, its token {seen}")
    if old not in ((401,) if expired else (200, 401)):
        outcome.found.torn.append(f"a token of another day is answered {old}")
