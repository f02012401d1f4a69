"""Writes under way from many threads, and the ledger of what was sent and what was acknowledged when."""

import http.client
import itertools
import json
import random
import re
import threading
import time
from dataclasses import dataclass, field

from server import Background, exchange

#: What a marker looks like wherever it turns up again.
MARKER = re.compile(r"m\d{7}")


@dataclass
class Write:
    """One change that was asked for. `marker` is in the record it makes and nowhere else."""

    kind: str
    marker: str
    method: str
    path: str
    body: dict
    headers: dict
    sent: float = 0.0
    acknowledged: float | None = None  # by CLOCK_MONOTONIC, as the shim's journal
    status: int | None = None
    answer: bytes = b""
    target: str | None = None

    def record(self):
        answer = json.loads(self.answer)
        return (answer.get("submission_id") or answer.get("task", answer).get("id")).replace("-", "")


@dataclass
class Ledger:
    """All writes of one world, in the order they were begun."""

    writes: list = field(default_factory=list)
    statuses: dict = field(default_factory=dict)
    faulty: list = field(default_factory=list)  # refusals that are no problem documents, and other bad manners
    numbers: itertools.count = field(default_factory=itertools.count)
    contacts: list = field(default_factory=list)
    tasks: list = field(default_factory=list)

    def acknowledged(self, until=None):
        return [w for w in self.writes if w.acknowledged is not None and (until is None or w.acknowledged <= until)]

    def next(self, world, among=("contact", "contact", "task", "complete", "submission", "patch")):
        """The next write to send, of a kind by chance."""
        number = next(self.numbers)
        marker, kind = f"m{number:07}", random.choice(among)
        headers = {**world.bearer, "idempotency-key": f"key-{marker}"}
        target = None
        if kind == "complete":
            target = self.tasks.pop() if self.tasks else None
        elif kind in ("patch", "task"):
            target = random.choice(self.contacts) if self.contacts else None
        if kind == "submission":
            fields = {"name": marker, "phone": f"+7902{number:07}", "comment": marker}
            write = Write(kind, marker, "POST", world.door, {"fields": fields}, {"idempotency-key": f"key-{marker}"})
        elif target is None:
            write = Write("contact", marker, "POST", "/v1/contacts", {"last_name": marker, "phones": [{"value": f"+7901{number:07}"}]}, headers)
        elif kind == "task":
            write = Write(kind, marker, "POST", "/v1/tasks", {"title": marker, "contact_id": target, "owner_id": world.owner}, headers)
        elif kind == "complete":
            body = {"result": "done", "next_task": {"title": marker, "due_at": "2031-01-01T00:00:00Z"}}
            write = Write(kind, marker, "POST", f"/v1/tasks/{target}/complete", body, headers)
        else:
            write = Write(kind, marker, "PATCH", f"/v1/contacts/{target}", {"position": marker}, world.bearer)
        write.target = target
        self.writes.append(write)
        return write

    def answered(self, write, status, headers, body):
        """Takes an answer down; whether the write is acknowledged by it."""
        write.status = status
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if not 200 <= status < 300:
            if headers.get("content-type") != "application/problem+json":
                self.faulty.append(f"{write.method} {write.path} is refused {status} without a problem document")
            if status < 500 and status not in (409, 429):
                self.faulty.append(f"{write.method} {write.path} of a {write.kind} is refused {status}: {body[:200]!r}")
            return False
        write.answer = body
        write.acknowledged = time.monotonic()
        if write.kind == "contact":
            self.contacts.append(json.loads(body)["id"])
        elif write.kind == "task":
            self.tasks.append(json.loads(body)["id"])
        return True

    def send(self, write, connection):
        """Sends on an open connection; an answer that is lost leaves the write in doubt."""
        write.sent = time.monotonic()
        status, headers, body = exchange(connection, write.method, write.path, write.body, write.headers)
        return self.answered(write, status, headers, body)

    def repeat(self, server):
        """Asks once more, with its key, for whatever was not acknowledged; what has no key stays in doubt."""
        connection = http.client.HTTPConnection(*server.address, timeout=30)
        count = 0
        for write in self.writes:
            if write.acknowledged is None and "idempotency-key" in write.headers:
                count += 1
                if not self.send(write, connection):
                    self.faulty.append(f"{write.method} {write.path} repeated with its key is refused {write.status}")
        connection.close()
        return count


class Load:
    """Threads that write until they are stopped or, if `enduring` is false, until the server is gone."""

    def __init__(self, world, server, ledger, threads=8, enduring=False, among=None):
        self.stopping = threading.Event()
        kinds = (among,) if among else ()

        def work():
            connection = http.client.HTTPConnection(*server.address, timeout=30)
            while not self.stopping.is_set():
                write = ledger.next(world, *kinds)
                try:
                    if not ledger.send(write, connection) and write.status >= 500:
                        self.stopping.wait(0.02)
                except (OSError, http.client.HTTPException):
                    if not enduring:
                        return
                    connection.close()
                    self.stopping.wait(0.02)
            connection.close()

        self.threads = [Background(work) for _ in range(threads)]

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def run(self, seconds):
        """Lets it write for a while and goes on without stopping it."""
        self.stopping.wait(seconds)
        return self
