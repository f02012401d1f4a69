"""The statements of one create without the server: what the database gives at most, with the same durability.

The rows are those the server wrote for its last create, under fresh ids.
"""

import json
import os
import re
import sqlite3
import subprocess
import time
import uuid
from pathlib import Path

# In the order the server writes them.
TABLES = ["idempotency_key", "audit_event", "outbox_event", "contact", "contact_point"]
LOOK = "SELECT p.contact_id FROM contact_point p WHERE p.workspace_id = {} AND p.kind = 'email' AND p.normalised = {}"


def create(engine: str, url: str, directory: Path, seconds: int, connections: int) -> dict:
    return sqlite(url, seconds) if engine == "sqlite" else postgres(url, directory, seconds, connections)


def sqlite(url: str, seconds: int) -> dict:
    """One connection, a commit for each create, synchronous=FULL."""
    wire = sqlite3.connect(url.removeprefix("sqlite:"), isolation_level=None)
    wire.row_factory = sqlite3.Row
    wire.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA cache_size = -8000; PRAGMA mmap_size = 268435456;")
    card = dict(wire.execute("SELECT * FROM contact ORDER BY rowid DESC LIMIT 1").fetchone())
    workspace = card["workspace_id"]
    models = {table: dict(wire.execute(f"SELECT * FROM {table} WHERE workspace_id = ? ORDER BY rowid DESC LIMIT 1", (workspace,)).fetchone()) for table in TABLES}
    taken, begun = [], time.monotonic()
    while time.monotonic() - begun < seconds:
        at = time.monotonic()
        ids = {table: uuid.uuid4().bytes for table in TABLES}
        ids["outbox_event"] = ids["audit_event"]
        mark = ids["contact"].hex()
        wire.execute("BEGIN IMMEDIATE")
        wire.execute("SELECT * FROM workspace WHERE id = ?", (workspace,)).fetchone()
        wire.execute(LOOK.format("?", "?"), (workspace, mark)).fetchall()
        for table in TABLES:
            row = models[table] | ({"id": ids[table]} if "id" in models[table] else {})
            if table == "contact_point":
                row |= {"contact_id": ids["contact"], "company_id": None, "normalised": mark}
            if table == "idempotency_key":
                row |= {"key": mark}
            if table == "audit_event":
                row |= {"sequence": None, "record_id": ids["contact"]}
            wire.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", tuple(row.values()))
        wire.execute("COMMIT")
        taken.append(time.monotonic() - at)
    wire.close()
    taken.sort()
    share = lambda part: taken[int(len(taken) * part)] * 1000  # noqa: E731
    return {"operation": "yardstick: the SQL of a create, a commit each", "rate": len(taken) / seconds, "p50": share(0.5), "p95": share(0.95), "p99": share(0.99), "failed": 0, "codes": "-"}


def literal(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, (int, float)):
        return str(value)
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else str(value)
    # a colon would begin one of pgbench's variables
    return "U&'" + text.replace("\\", "\\\\").replace("'", "''").replace(":", "\\003A").replace("\n", " ") + "'"


def postgres(url: str, directory: Path, seconds: int, connections: int) -> dict:
    """pgbench with as many clients as the load has connections, prepared statements, the application's role."""
    def rows(text: str) -> list[dict]:
        told = subprocess.run(["psql", "-XqAt", "-d", url, "-c", text], check=True, capture_output=True, text=True).stdout
        return [json.loads(line) for line in told.splitlines()]

    workspace = rows("SELECT row_to_json(t) FROM (SELECT workspace_id FROM contact ORDER BY created_at DESC LIMIT 1) t")[0]["workspace_id"]
    order = {"contact_point": "id"}
    models = {
        table: rows(f"SELECT row_to_json(t) FROM {table} t WHERE workspace_id = '{workspace}' ORDER BY {order.get(table, 'ctid')} DESC LIMIT 1")[0] for table in TABLES
    }
    lines = [
        "\\set a random(1, 1000000000000)", "\\set b random(1, 1000000000000)", "BEGIN;", f"SET LOCAL app.workspace = '{workspace}';",
        f"SELECT * FROM workspace WHERE id = '{workspace}';", LOOK.format(f"'{workspace}'", "':a-:b'").replace("':a-:b'", "(:a::text || '-' || :b::text)") + ";",
    ]
    mark = "(:a::text || '-' || :b::text)"
    card = f"md5({mark})::uuid"
    for table in TABLES:
        values = {name: literal(value) for name, value in models[table].items()}
        if "id" in values:
            values["id"] = card if table == "contact" else "gen_random_uuid()"
        if table == "contact_point":
            values |= {"contact_id": card, "company_id": "NULL", "normalised": mark}
        if table == "idempotency_key":
            values |= {"key": mark}
        if table == "audit_event":
            values |= {"sequence": "NULL", "record_id": card}
        lines.append(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(values.values())});")
    # the key is reserved first and gets its outcome at the end
    key = models["idempotency_key"]
    same = " AND ".join(f"{name} = {literal(key[name])}" for name in ("workspace_id", "actor_id", "method", "path"))
    lines += [f"UPDATE idempotency_key SET status = 201, body = {literal(key['body'])} WHERE {same} AND key = {mark};", "COMMIT;"]
    script = directory / "create.pgbench"
    script.write_text("\n".join(lines) + "\n")
    command = ["pgbench", "-n", "-M", "prepared", "-c", str(connections), "-j", "2", "-T", str(seconds), "-l", "--log-prefix", str(directory / "pgbench"), "-f", str(script), url]
    ran = subprocess.run(command, env=os.environ | {"PGOPTIONS": "-c role=kartoteka_app"}, capture_output=True, text=True)
    if ran.returncode:
        raise SystemExit(f"pgbench: {ran.stderr[-2000:]}")
    rate = float(re.search(r"tps = (\S+)", ran.stdout)[1])
    taken = sorted(int(line.split()[2]) for file in directory.glob("pgbench.*") for line in file.read_text().splitlines())
    share = lambda part: taken[int(len(taken) * part)] / 1000  # noqa: E731
    return {"operation": "yardstick: pgbench with the SQL of a create", "rate": rate, "p50": share(0.5), "p95": share(0.95), "p99": share(0.99), "failed": 0, "codes": "-"}
