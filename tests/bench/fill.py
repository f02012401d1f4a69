"""Fills a workspace with a client base: cards with phones and e-mails, leads, deals, three tasks a card, communications, in the shares of a small sales team.

A few hundred cards are made through the API; the rest are rows like theirs, under ids, phones, e-mails and times of their own, written
straight into the tables. The same seed makes the same base.
"""

import csv
import io
import json
import random
import sqlite3
import subprocess
import time
import uuid

FIRST = ["Анна", "Олег", "Мария", "Иван", "Ольга", "Пётр", "Елена", "Сергей", "Оксана", "Тарас", "Наталья", "Дмитрий", "Юлия", "Андрей", "Jane", "John"]
LAST = ["Ахматов", "Иваненко", "Петренко", "Сидорчук", "Кузнец", "Мельник", "Шевченко", "Бондарь", "Коваль", "Лисенко", "Мороз", "Волк", "Smith", "Brown"]
TEMPLATES = 200
PHONE, EMAIL = "79000000000", "template@example.com"
DAY = 86_400_000_000


class Rows:
    """The rows of one template, by table."""

    def __init__(self, read, workspace: str, card: str):
        self.card = read("contact", workspace, "id", card)[0]
        self.points = read("contact_point", workspace, "contact_id", card)


def numbered(number: int, kind: int) -> uuid.UUID:
    """A UUIDv7 whose time goes on with the number."""
    milliseconds = 1_735_689_600_000 + number * 50
    return uuid.UUID(int=(milliseconds << 80) | (7 << 76) | (kind << 64) | (2 << 62) | number)


class Sqlite:
    """Tables of the embedded database."""

    def __init__(self, url: str):
        self.wire = sqlite3.connect(url.removeprefix("sqlite:"))
        self.wire.row_factory = sqlite3.Row
        self.wire.executescript("PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; PRAGMA cache_size = -1000000;")

    def read(self, table: str, workspace: str, column: str, value: str) -> list[dict]:
        found = self.wire.execute(f"SELECT * FROM {table} WHERE workspace_id = ? AND {column} = ?", (uuid.UUID(workspace).bytes, uuid.UUID(value).bytes))
        return [dict(row) for row in found]

    def id(self, value: uuid.UUID | str) -> bytes:
        return uuid.UUID(str(value)).bytes

    def at(self, micros: int) -> int:
        return micros

    def write(self, table: str, rows: list[dict]) -> None:
        names = list(rows[0])
        marks = ", ".join("?" * len(names))
        columns = ", ".join(f'"{name}"' for name in names)
        self.wire.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", [tuple(row.values()) for row in rows])

    def finish(self) -> None:
        self.wire.commit()
        self.wire.execute("ANALYZE")
        self.wire.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.wire.commit()
        self.wire.close()


class Postgres:
    """Tables of PostgreSQL, through psql."""

    def __init__(self, url: str):
        self.url = url

    def psql(self, text: str, data: str | None = None) -> str:
        whole = text if data is None else f"{text}\n{data}"
        ran = subprocess.run(["psql", "-XqAtv", "ON_ERROR_STOP=1", "-d", self.url, "-f", "-"], input=whole, capture_output=True, text=True)
        if ran.returncode:
            raise SystemExit(f"psql: {ran.stderr[:2000]}")
        return ran.stdout

    def read(self, table: str, workspace: str, column: str, value: str) -> list[dict]:
        told = self.psql(f"SELECT row_to_json(t) FROM {table} t WHERE workspace_id = '{workspace}' AND {column} = '{value}';")
        return [json.loads(line) for line in told.splitlines()]

    def id(self, value: uuid.UUID | str) -> str:
        return str(value)

    def at(self, micros: int) -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(micros // 1_000_000)) + f".{micros % 1_000_000:06}Z"

    def write(self, table: str, rows: list[dict]) -> None:
        text = io.StringIO()
        writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
        names = list(rows[0])
        for row in rows:
            writer.writerow([None if v is None else json.dumps(v, ensure_ascii=False) if isinstance(v, (dict, list)) else "t" if v is True else "f" if v is False else v for v in row.values()])
        columns = ", ".join(f'"{name}"' for name in names)
        self.psql(f"SET session_replication_role = replica;\nCOPY {table} ({columns}) FROM STDIN WITH (FORMAT csv, FORCE_NULL ({columns}));", text.getvalue() + "\\.\n")

    def finish(self) -> None:
        self.psql("VACUUM ANALYZE;")


def opened(url: str) -> Sqlite | Postgres:
    return Sqlite(url) if url.startswith("sqlite:") else Postgres(url)


def template(api, number: int, chance: random.Random) -> str:
    """A card like those of a real base; told by the server what it made of it."""
    body = {
        "first_name": chance.choice(FIRST), "last_name": f"{chance.choice(LAST)}{number}", "type": chance.choice(["customer", "customer", "lead"]),
        "phones": [{"value": f"+{int(PHONE) + number}"}], "comment": "Перезвонить после праздников" if number % 3 == 0 else None,
    }
    if number % 10 < 6:
        body["emails"] = [{"value": f"{number}{EMAIL}"}]
    return api("POST", "/v1/contacts", body)["id"]


def fill(tables, api, workspace: str, cards: int, owners: list[str], seed: int, offset: int = 0) -> dict:
    """`owners`: 100 entries, one for each percent of the cards. Tells ids to ask for."""
    chance = random.Random(seed)
    made = [template(api, number, chance) for number in range(TEMPLATES)]
    models = [Rows(tables.read, workspace, card) for card in made]
    task = api("POST", "/v1/tasks", {"title": "Перезвонить", "contact_id": made[0], "due_at": "2027-01-01T09:00:00Z", "owner_id": owners[0]})["id"]
    lead = api("POST", "/v1/leads", {"contact_id": made[0], "title": "Заявка с сайта", "owner_id": owners[0]})["id"]
    call = api("POST", "/v1/communications", {"channel": "call", "direction": "outbound", "contact_id": made[0], "body": "Обсудили сроки поставки"})["id"]
    task, lead, call = (tables.read(table, workspace, "id", one)[0] for table, one in (("task", task), ("lead", lead), ("communication", call)))
    pipeline = api("GET", "/v1/pipelines")["data"][0]
    stages = [stage["id"] for stage in pipeline["stages"]]
    deal = api("POST", "/v1/deals", {"name": "Бетон М300", "contacts": [{"contact_id": made[0]}], "amount": {"amount": 1_500_000, "currency": "RUB"}, "owner_id": owners[0]})["id"]
    person, move = (tables.read(table, workspace, "deal_id", deal)[0] for table in ("deal_contact", "stage_change"))
    deal = tables.read("deal", workspace, "id", deal)[0]
    told = {"contacts": [], "phones": [], "tasks": [], "owned": []}
    batch: dict[str, list[dict]] = {table: [] for table in ("contact", "contact_point", "lead", "task", "communication", "deal", "deal_contact", "stage_change")}
    every = max(1, cards // 5000)
    for number in range(cards):
        model = models[number % TEMPLATES]
        unique = offset + number
        card = numbered(unique, 1)
        made_at = 1_735_689_600_000_000 + number * 50_000_000 * 1_000_000 // max(1, cards)
        at = tables.at(made_at)
        owner = tables.id(owners[(number * 37) % 100])
        phone = f"79{(unique * 7919) % 1_000_000_000:09}"
        search = str(model.card["search_text"])
        for point in model.points:
            search = search.replace(point["normalised"].lstrip("+"), phone if point["kind"] == "phone" else f"c{unique}@example.com")
        open_task = number % 10 < 4
        due = made_at + (400 + number % 300) * DAY
        planned = {"next_task_at": tables.at(due), "next_task_key": tables.at(due)} if open_task else {}
        batch["contact"].append(model.card | planned | {
            "id": tables.id(card), "owner_id": owner, "search_text": search, "created_at": at, "updated_at": at,
            "last_communication_at": tables.at(made_at + DAY),
        })
        for place, point in enumerate(model.points):
            value = f"+{phone}" if point["kind"] == "phone" else f"c{unique}@example.com"
            batch["contact_point"].append(point | {"id": tables.id(numbered(unique, 16 + place)), "contact_id": tables.id(card), "value": value, "normalised": value})
        if number % 10 < 3:
            batch["lead"].append(lead | {"id": tables.id(numbered(unique, 2)), "contact_id": tables.id(card), "owner_id": owner, "received_at": at, "created_at": at, "updated_at": at})
        key = numbered(unique, 3)
        batch["task"].append(task | {
            "id": tables.id(key), "contact_id": tables.id(card), "owner_id": owner, "due_at": tables.at(due), "due_key": tables.at(due), "created_at": at, "updated_at": at,
            "status": "open" if open_task else "done", "completed_at": None if open_task else at,
        })
        for place in range(2):
            done = tables.at(made_at + place * DAY)
            batch["task"].append(task | {
                "id": tables.id(numbered(unique, 6 + place)), "contact_id": tables.id(card), "owner_id": owner, "due_at": done, "due_key": done, "created_at": at, "updated_at": done,
                "status": "done", "completed_at": done,
            })
        if number % 10 < 3:
            # two of three are still open, in one of the stages before the last two
            sold = number % 10 == 2
            one, stage = tables.id(numbered(unique, 8)), stages[-2] if sold else stages[number // 10 % (len(stages) - 2)]
            batch["deal"].append(deal | {
                "id": one, "contact_id": tables.id(card), "owner_id": owner, "stage_id": tables.id(stage), "outcome": "won" if sold else "open", "created_at": at, "updated_at": at,
                "board_key": f"81{unique:010x}80", "amount": 100_000 + number % 1000 * 1000, "closed_at": at if sold else None, "stage_due_at": None,
            })
            batch["deal_contact"].append(person | {"id": tables.id(numbered(unique, 9)), "deal_id": one, "contact_id": tables.id(card)})
            batch["stage_change"].append(move | {"id": tables.id(numbered(unique, 10)), "deal_id": one, "contact_id": tables.id(card), "to_stage_id": tables.id(stage), "at": at})
        for place in range(2):
            when = tables.at(made_at + place * DAY)
            batch["communication"].append(call | {"id": tables.id(numbered(unique, 4 + place)), "contact_id": tables.id(card), "owner_id": owner, "occurred_at": when, "created_at": when, "updated_at": when})
        if number % every == 0:
            told["contacts"].append(str(card))
            told["phones"].append(phone)
        if owners[(number * 37) % 100] == owners[1] and len(told["owned"]) < 5000:
            told["owned"].append(str(card))
        if open_task and len(told["tasks"]) < 300_000:
            told["tasks"].append((str(key), str(card)))
        if len(batch["contact"]) == 20_000 or number == cards - 1:
            for table, rows in batch.items():
                if rows:
                    tables.write(table, rows)
                    rows.clear()
    return told
