"""What makes generated requests meet a living workspace: records that exist, people who can sign in, one session for each logout.

Only what a schema cannot know is put in place of what it generated: an id nobody was told of, a password, a taken phone number. One such
value in twelve stays as it was, so that unknown references are tried too, and a deliberately invalid part of a request is never touched.
"""

import atexit
import base64
import hmac
import json
import os
import random
import re
import time
import unicodedata
from collections import Counter, defaultdict
from pathlib import Path
from uuid import UUID

import requests
import schemathesis
from schemathesis import Case, CheckContext, Response
from schemathesis.core.failures import Failure
from schemathesis.core.parameters import ParameterLocation
from schemathesis.openapi.checks import UseAfterFree

PLACE = json.loads(os.environ["KARTOTEKA_FUZZ"])
BASE = PLACE["url"]
CHANCE = random.Random(PLACE["seed"])
PASSWORD = PLACE["password"]
NEW_PASSWORD = "another long phrase"

# The record kind a reference names, by the name of its field, parameter or collection.
KINDS = {
    "owner_id": "users", "user_id": "users", "head_id": "users", "contact_id": "contacts", "company_id": "companies", "lead_id": "leads",
    "task_id": "tasks", "form_id": "forms", "source_id": "sources", "department_id": "departments", "reject_reason_id": "reject-reasons",
    "actor_id": "users", "deal_id": "deals", "pipeline_id": "pipelines", "lost_reason_id": "lost-reasons", "rule_id": "assignment-rules", "from_user_id": "users", "to_user_id": "users",
    "contact_ids": "contacts", "notify_user_id": "users", "webhook_id": "webhooks", "outcome_id": "communication-outcomes",
}
TABLES = {"country": "UA", "currency": "UAH", "language": "uk", "network": "telegram", "type": "customer", "color": "#2266cc"}
POINT = {"id", "label", "primary", "validity", "value"}
ITEM = {
    "phones": POINT, "emails": POINT, "messengers": {*POINT, "network", "handle"} - {"value"},
    "responsibles": {"id", "user_id", "direction"}, "participants": {"contact_id", "user_id", "name", "role"},
}
SPEC = json.loads(Path(PLACE["spec"]).read_text(encoding="utf-8"))
COLLECTIONS = [path.split("/")[2] for path in SPEC["paths"] if path.endswith("/{id}") and path.count("/") == 3]
COLLECTIONS.sort(key=lambda kind: kind != "contacts")  # others are about a contact


class Person:
    """Somebody who signs in and sends requests of our own, beside those of schemathesis."""

    def __init__(self, email: str) -> None:
        self.email = email
        self.password = PASSWORD
        self.wire = requests.Session()
        self.token = ""

    def sign_in(self) -> dict:
        answer = requests.post(f"{BASE}/v1/auth/token", json={"email": self.email, "password": self.password}, timeout=30)
        assert answer.status_code == 200, f"{self.email} cannot sign in: {answer.text}"
        return answer.json()

    def send(self, method: str, path: str, body: dict | None = None) -> dict:
        for _ in range(2):
            if not self.token:
                self.token = self.sign_in()["access_token"]
            headers = {"authorization": f"Bearer {self.token}", "if-match": "*"}
            try:
                answer = self.wire.request(method, BASE + path, json=body, headers=headers, timeout=30)
            except requests.ConnectionError:
                continue  # an idle connection the server has closed
            if answer.status_code != 401:
                break
            self.token = ""
        assert answer.status_code < 300, f"{method} {path} {body} of {self.email}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else {}


administrator = Person(PLACE["administrator"])
caller = Person(PLACE["caller"])
spare = Person(PLACE["spare"])
known: dict[str, set[str]] = defaultdict(set)
living: dict[str, list[str]] = defaultdict(list)
counted: Counter[str] = Counter()
succeeded: Counter[str] = Counter()
answered: dict[str, Counter[str]] = defaultdict(Counter)
number = PLACE["seed"] * 1_000_000


def unique() -> int:
    global number
    number += 1
    return number


def learn(kind: str, record: dict) -> str:
    if record["id"] not in known[kind]:
        known[kind].add(record["id"])
        living[kind].append(record["id"])
    return record["id"]


def may(kind: str, action: str) -> bool:
    """Whether the caller's role has that right over records of a collection."""
    if kind == "hand-overs":
        # other people's work is given to others only by who may give everything to everybody
        return rights.get("contact", {}).get("assign") == "all"
    singular = {"companies": "company", "contact-statuses": "contact_status", "webhook-deliveries": "webhook"}.get(kind, kind.replace("-", "_").removesuffix("s"))
    return rights.get(singular, {}).get(action) not in (None, "none")


def who(kind: str) -> Person:
    """Managers reach what is theirs: they make it themselves, where they may."""
    return caller if may(kind, "create") else administrator


def home() -> str:
    """A contact that no generated request is told of, for what is about a contact."""
    if not homes:
        homes.append(who("contacts").send("POST", "/v1/contacts", NEW["contacts"]())["id"])
    return homes[0]


homes: list[str] = []
NEW = {
    "contacts": lambda: {"first_name": f"Анна {unique()}"},
    "companies": lambda: {"name": f"Ромашка {unique()}"},
    "leads": lambda: {"contact_id": home()},
    "deals": lambda: {"name": f"Бетон {unique()}", "contacts": [{"contact_id": home()}], "amount": {"amount": 100, "currency": "RUB"}},
    "tasks": lambda: {"title": "Call back", "contact_id": home()},
    "communications": lambda: {"channel": "call", "direction": "outbound", "contact_id": home()},
    "assignment-rules": lambda: {"name": f"rule_{unique()}", "method": "round_robin", "user_ids": [(living["users"] or [make("users")])[0]]},
    "communication-outcomes": lambda: {"name": f"outcome {unique()}"},
    "notes": lambda: {"body": "Любит чай", "contact_id": home()},
    "hand-overs": lambda: {"from_user_id": make("users"), "to_user_id": own[0] if own else caller.send("GET", "/v1/me")["user"]["id"]},
    "webhooks": lambda: {"name": f"hook {unique()}", "url": "https://hooks.example/x", "active": False},
    "users": lambda: {"email": f"user-{unique()}@example.com", "name": "Олег", "role": "manager", "password": PASSWORD},
}


def newcomer() -> Person:
    """Somebody of his own, whose second factor may be set up."""
    email = f"newcomer-{unique()}@example.com"
    administrator.send("POST", "/v1/users", {"email": email, "name": "Новый", "role": PLACE["role"], "password": PASSWORD})
    person = Person(email)
    person.token = person.sign_in()["access_token"]
    return person


def code_of(secret: str) -> str:
    """The six digits of this half minute (RFC 6238)."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.digest(key, int(time.time() // 30).to_bytes(8, "big"), "sha1")
    at = digest[-1] & 15
    return f"{(int.from_bytes(digest[at : at + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06}"


def make(kind: str) -> str:
    if kind == "audit-events":
        # of a record nobody else needs: taking it back archives the record
        alone = administrator.send("POST", "/v1/contacts", NEW["contacts"]())["id"]
        return learn(kind, administrator.send("GET", f"/v1/audit-events?record_id={alone}")["data"][0])
    if kind == "submissions":
        return learn(kind, {"id": spam()})
    if kind == "notifications":
        return reminded()
    if kind == "webhook-deliveries":
        hook = administrator.send("POST", "/v1/webhooks", NEW["webhooks"]())["id"]
        return learn(kind, administrator.send("POST", f"/v1/webhooks/{hook}/test"))
    new = NEW.get(kind, lambda: example(kind))
    try:
        record = who(kind).send("POST", f"/v1/{kind}", new())
    except AssertionError:
        if not homes:
            raise
        # a generated request may have taken the contact away, which lists tell of
        homes.clear()
        record = who(kind).send("POST", f"/v1/{kind}", new())
    return learn(kind, record)


def reminded() -> str:
    """Something the caller was told: a task of his is remembered."""
    person = caller.send("GET", "/v1/me")["user"]["id"]
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
    administrator.send("POST", "/v1/tasks", {"title": "Call back", "owner_id": person, "remind_at": [soon]})
    for _ in range(100):
        told = caller.send("GET", "/v1/notifications")["data"]
        if told:
            return learn("notifications", told[0])
        time.sleep(0.1)
    raise AssertionError("nobody was reminded")


def example(kind: str) -> dict:
    media = SPEC["paths"][f"/v1/{kind}"]["post"]["requestBody"]["content"]["application/json"]
    body = media["example"] if "example" in media else next(iter(media["examples"].values()))["value"]
    return {name: f"name_{unique()}" if name in ("name", "key") else value for name, value in body.items()}


def archived(kind: str) -> str:
    record = make(kind)
    administrator.send("DELETE", f"/v1/{kind}/{record}")
    living[kind].remove(record)
    return record


def done_task() -> str:
    task = make("tasks")
    administrator.send("POST", f"/v1/tasks/{task}/complete", {"result": "Agreed", "no_next_step_reason": "asked not to call"})
    return task


def meeting(begun: bool) -> str:
    new = {"channel": "meeting", "direction": "outbound", "status": "planned", "contact_id": home()}
    record = learn("communications", who("communications").send("POST", "/v1/communications", new))
    if begun:
        place = {"coordinates": {"latitude": 55.75, "longitude": 37.62}}
        who("communications").send("POST", f"/v1/communications/{record}/check-in", place)
    return record


def spam() -> str:
    fields = {"name": f"Анна {unique()}", PLACE["honeypot"]: "spam"}
    receipt = requests.post(f"{BASE}/public/v1/forms/{PLACE['form_key']}/submissions", json={"fields": fields}, timeout=30)
    return receipt.json()["submission_id"]


def calendar() -> str:
    """The secret of a link that nobody ends."""
    if not links:
        links.append(administrator.send("POST", "/v1/me/calendar-link")["url"].split("/")[-1].removesuffix(".ics"))
    return links[0]


def wav() -> bytes:
    """A sound nobody has heard before."""
    return b"RIFF\0\0\0\0WAVEfmt " + unique().to_bytes(32, "big")


def recorded() -> str:
    """A call whose recording is kept here."""
    person = who("communications")
    talk = make("communications")
    headers = {"authorization": f"Bearer {person.token}", "if-match": "*", "content-type": "audio/wav"}
    answer = person.wire.put(f"{BASE}/v1/communications/{talk}/recording", data=wav(), headers=headers, timeout=30)
    assert answer.status_code == 200, f"upload of a recording: {answer.status_code} {answer.text}"
    return talk


def playing() -> str:
    """The end of an address that plays a recording nobody deletes, for an hour."""
    if not passes or passes[0][0] < time.monotonic() - 1800:
        talk = administrator.send("POST", "/v1/communications", {"channel": "call", "direction": "inbound", "party": {"phone": "+79123450000"}})["id"]
        headers = {"authorization": f"Bearer {administrator.token}", "if-match": "*", "content-type": "audio/wav"}
        requests.put(f"{BASE}/v1/communications/{talk}/recording", data=wav(), headers=headers, timeout=30).raise_for_status()
        address = administrator.send("POST", f"/v1/communications/{talk}/listen")["url"]
        passes.insert(0, (time.monotonic(), address.split("/")[-1]))
    return passes[0][1]


passes: list[tuple[float, str]] = []
links: list[str] = []
USING_UP = ("rotate_form_key", "update_user", "update_role", "update_note", "update_task")


def of_its_own(operation: str, kind: str) -> str | None:
    """A record made for this call alone, where the call uses it up."""
    if operation == "reopen_task":
        return done_task()
    if operation == "replay_submission":
        return spam()
    if operation == "listen_to_recording":
        return recorded()
    if operation in ("check_in_to_meeting", "check_out_of_meeting"):
        return meeting(operation == "check_out_of_meeting")
    if operation.startswith("restore_"):
        return archived(kind)
    if operation.startswith(("archive_", "assign_", "reject_", "qualify_", "move_", "complete_", "cancel_", "revert_", "record_no_", "hand_over_", "undo_")) or operation in USING_UP:
        return make(kind)
    return None


rights: dict[str, dict] = {}
own: list[str] = []
# Who carries the run, and in which role: nobody takes away what they need.
carriers: set[str] = set()


def prepare() -> None:
    me = caller.send("GET", "/v1/me")
    rights.update({right["record"]: right for right in me["rights"]})
    for kind in {"users", "roles"} & {*COLLECTIONS}:
        carriers.update(record["id"] for record in administrator.send("GET", f"/v1/{kind}?limit=200")["data"])
    for kind in COLLECTIONS:
        for _ in range(3):
            make(kind)
    # who may own a record: everybody, or only oneself
    own.append(me["user"]["id"])
    if may("contacts", "create") and rights["contact"]["update"] == "all":
        own.extend(living["users"])


prepare()


@schemathesis.auth(refresh_interval=600)
class Session:
    """The caller's session; whoever ends it is given the next one."""

    def get(self, case: Case, context: schemathesis.AuthContext) -> str:
        return caller.sign_in()["access_token"]

    def set(self, case: Case, data: str, context: schemathesis.AuthContext) -> None:
        case.headers["Authorization"] = f"Bearer {data}"


def stays() -> bool:
    return CHANCE.random() < 1 / 12


def is_uuid(value: object) -> bool:
    try:
        return isinstance(value, str) and len(value) == 36 and bool(UUID(value))
    except ValueError:
        return False


def existing(kind: str, value: object) -> object:
    """An id of that kind in place of one the server never told of."""
    if not is_uuid(value) or stays():
        return value
    if kind == "contacts":
        return home()
    there = value in known[kind] and value not in gone
    return value if there or not living[kind] else CHANCE.choice(living[kind])


def is_hollow(item: object, inside: str) -> bool:
    """An item of which only a rule tells that it needs an id or a value."""
    needed = {"phones": "value", "emails": "value", "messengers": "handle", "responsibles": "user_id", "participants": "name"}.get(inside)
    return needed is not None and isinstance(item, dict) and set(item) <= ITEM[inside] and item.get(needed) in (None, "")


def settle(value: object, inside: str, kind: str) -> object:
    """A body with references that exist and with contact points nobody else has."""
    if isinstance(value, list):
        return [settle(item, inside, kind) for item in value if not is_hollow(item, inside) or stays()]
    if not isinstance(value, dict):
        return value
    settled = {name: settle(inner, name, kind) for name, inner in value.items()}
    for name, inner in settled.items():
        if name == "parent_id":
            settled[name] = existing(kind, inner)
        elif name == "owner_id" and is_uuid(inner) and not stays():
            settled[name] = CHANCE.choice(own)
        elif name in KINDS:
            settled[name] = existing(KINDS[name], inner)
        elif name.removesuffix("s") in KINDS and isinstance(inner, list):
            settled[name] = [existing(KINDS[name.removesuffix("s")], one) for one in inner]
        elif isinstance(inner, str) and not stays():
            settled[name] = convincing(inside, name, inner)
    if isinstance(settled.get("recurrence"), str) and not stays():
        # a rule has a grammar, and begins at the due time
        settled["recurrence"] = "FREQ=WEEKLY;BYDAY=MO" if settled.get("due_at") else None
    if inside in ("line_items", "stages") and not stays():
        # of a new line only a rule tells what it needs, and how much all of it may come to
        settled.pop("id", None)
        settled |= {"name": f"name_{unique()}", "price": (settled.get("price") or 0) % 1_000_000} if inside == "line_items" else {}
    if inside in ("phones", "emails", "messengers", "responsibles") and settled.get("id") is not None and not stays():
        del settled["id"]
    return settled


used: set[str] = set()


def convincing(inside: str, name: str, value: str) -> str:
    """What has a grammar or a table of its own that no schema tells, or is unique."""
    match inside, name:
        case ("phones", "value") | ("party", "phone"):
            return f"+7912{unique() % 10_000_000:07}"
        case ("emails", "value") | ("party", "email") | ("", "email" | "reserve_email"):
            return f"anna-{unique()}@example.com"
        case ("messengers", "handle"):
            return f"anna{unique()}"
        case ("", "tax_id"):
            return tax_id()
        case ("", "name" | "key" | "last_name" | "external_id"):
            taken = value in used
            used.add(value)
            return f"name_{unique()}" if taken else value
        case (_, "time_zone"):
            return CHANCE.choice(["Europe/Moscow", "Europe/Kyiv", "America/New_York"])
        case (_, known) if known in TABLES:
            return TABLES[known]
        case ("remind_at", _):
            return "2027-03-01T09:00:00Z"
        case ("", "recording_url"):
            return "https://pbx.example/rec/1.mp3"
        case ("next_meeting", "occurred_at"):
            return "2027-03-01T09:00:00Z"
        case (_, "occurred_at" | "received_at"):
            return "2026-03-01T09:00:00Z"
        case (_, time) if time.endswith(("_at", "_until")):
            return "2027-03-01T09:00:00Z"
        case ("", "password" | "new_password"):
            return NEW_PASSWORD
        case _:
            return value


def named(case: Case) -> tuple[str, str]:
    """The operation and the collection its path begins with."""
    return case.operation.definition.raw["operationId"], case.path.split("/")[2] if case.path.startswith("/v1/") else ""


def tax_id() -> str:
    digits = f"77{unique() % 10_000_000:07}"
    check = sum(int(digit) * weight for digit, weight in zip(digits, (2, 4, 10, 3, 5, 9, 4, 6, 8), strict=True))
    return f"{digits}{check % 11 % 10}"


def is_valid(case: Case, location: ParameterLocation) -> bool:
    return case._meta is not None and not case._meta.is_negative_at(location)


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: Case, kwargs: dict) -> None:
    if case.method.upper() != case.operation.method.upper():
        return
    operation, kind = named(case)
    if is_valid(case, ParameterLocation.PATH) and kind != "me":
        settle_path(case, operation, kind)
    if kind == "me" and case._has_explicit_auth and may_try(case):
        of_oneself(case, operation)
    if operation in ("get_access_explanation", "get_role_preview") and may_try(case) and not stays():
        case.query = {"record_type": "contact", "record_id": CHANCE.choice(living["contacts"])}
    if operation == "get_presence" and is_valid(case, ParameterLocation.QUERY) and not stays():
        case.query = {"record": f"contact:{CHANCE.choice(living['contacts'])}"}
    if operation == "stream_events" and is_valid(case, ParameterLocation.QUERY) and not stays():
        case.query.pop("open", None)
    if case.query and is_valid(case, ParameterLocation.QUERY):
        for name, value in case.query.items():
            if name in KINDS:
                case.query[name] = existing(KINDS[name], value)
        if "cursor" in case.query and not stays():
            del case.query["cursor"]
        if operation == "verify_audit_events" and len(case.query.keys() & {"expected_sequence", "expected_hash"}) == 1 and not stays():
            # a link of the chain is named by both
            case.query.clear()
        if operation == "look_up" and not stays():
            points = {"phone": "+79123456789", "email": "anna@example.com", "tax_id": tax_id(), "messenger": "telegram:anna"}
            case.query = dict([CHANCE.choice(list(points.items()))])
    if is_valid(case, ParameterLocation.HEADER):
        settle_headers(case, operation)
    if operation == "upload_recording" and is_valid(case, ParameterLocation.BODY):
        # that the bytes are a sound no schema tells
        case.body = wav()
    if isinstance(case.body, dict) and is_valid(case, ParameterLocation.BODY):
        case.body = settle_body(case.body, operation, kind, case.path_parameters)
    elif isinstance(case.body, dict) and operation.startswith("batch_") and (case.body.get("atomic") is None or isinstance(case.body["atomic"], bool)):
        # what only a rule looks at refuses its own operation and leaves the others: the request is refused where all or nothing is asked for
        case.body["atomic"] = True


def of_oneself(case: Case, operation: str) -> None:
    """One's own sessions and second factor: of somebody whom nobody else needs."""
    if operation in ("end_my_sessions", "end_my_session", "get_my_session"):
        person = spare
        person.token = person.sign_in()["access_token"]
        if operation != "end_my_sessions":
            case.path_parameters["id"] = person.send("GET", "/v1/me/sessions")["data"][0]["id"]
    elif operation == "submit_positions" and not stays():
        # who withdrew his consent in another request gives it anew
        caller.send("PUT", "/v1/me/position-consent", {"given": True})
        return
    elif operation in ("begin_totp", "confirm_totp", "disable_totp", "create_recovery_codes") and not stays():
        person = newcomer()
        proof = {"current_password": PASSWORD}
        if operation != "begin_totp":
            code = code_of(person.send("POST", "/v1/me/totp", proof)["secret"])
            if operation == "confirm_totp":
                proof = {"code": code}
            else:
                person.send("POST", "/v1/me/totp/confirm", {"code": code})
        case.body = proof
    else:
        return
    case.headers["Authorization"] = f"Bearer {person.token}"


def settle_path(case: Case, operation: str, kind: str) -> None:
    if "form_key" in case.path_parameters and not stays():
        case.path_parameters["form_key"] = PLACE["form_key"]
    if "secret" in case.path_parameters and not stays():
        case.path_parameters["secret"] = calendar()
    if "pass" in case.path_parameters and not stays():
        case.path_parameters["pass"] = playing()
    record = case.path_parameters.get("id")
    # whatever the history holds is the history of what others need
    kept = record in carriers or operation == "revert_audit_event"
    if not is_uuid(record) or (not kept and stays()):
        return
    if record in known[kind] and not kept and case._meta.phase.name.value == "stateful":
        return
    alone = of_its_own(operation, kind) if may_try(case) else None
    if alone or record not in known[kind]:
        case.path_parameters["id"] = alone or (CHANCE.choice(living[kind]) if living[kind] else make(kind))


def may_try(case: Case) -> bool:
    return all(not info.mode.is_negative for info in case._meta.components.values())


def settle_headers(case: Case, operation: str) -> None:
    if "If-Match" in case.headers and not stays():
        case.headers["If-Match"] = "*"
    if "Idempotency-Key" in case.headers and not stays():
        case.headers["Idempotency-Key"] = f"{case.headers['Idempotency-Key'][:200]}-{unique()}"
    if case._has_explicit_auth:
        if operation == "revoke_token":
            case.headers["Authorization"] = f"Bearer {caller.sign_in()['access_token']}"
        if operation == "change_my_password":
            case.headers["Authorization"] = f"Bearer {spare.sign_in()['access_token']}"


def settle_body(body: dict, operation: str, kind: str, path: dict) -> dict:
    if operation == "submit_form":
        return body
    point = operation.removeprefix("add_contact_")
    body = settle(body, "" if point == operation else f"{point}s", kind)
    if operation == "update_workspace" and isinstance(body.get("policies"), dict) and body["policies"].get("second_factor") == "require":
        # it would shut out everybody here at once: nobody has one
        body["policies"]["second_factor"] = "warn"
    if not operation.startswith("revert_") and stays():
        return body
    if operation == "update_workspace":
        # hours that overlap or end before they begin: no schema tells
        body.pop("working_calendar", None)
    if operation.endswith(("_deal", "_pipeline", "qualify_lead")):
        settle_sale(body, operation, path)
    # of several that exclude each other one is left
    for name in EXCLUDED.get(operation, ()):
        body.pop(name, None)
    if isinstance(body.get("next_task"), dict):
        for name in ("contact_id", "company_id", "lead_id", "deal_id", "recurrence"):
            body["next_task"].pop(name, None)
        body["next_task"]["title"] = f"task {unique()}"
    if isinstance(body.get("next_meeting"), dict):
        # when and where only a rule asks, and nobody takes part twice
        body["next_meeting"].pop("participants", None)
        body["next_meeting"] |= {"occurred_at": "2027-03-01T09:00:00Z", "place": "Москва"}
    if is_uuid(body.get("outcome_id")):
        # one that demands nothing
        body["outcome_id"] = make("communication-outcomes")
    match operation:
        case batch if batch.startswith("batch_"):
            body.pop("atomic", None)
        case "create_communication" | "update_communication":
            # with a card or with whoever is told of, and nobody takes part twice
            if body.get("contact_id"):
                body.pop("party", None)
            if isinstance(body.get("participants"), list):
                body["participants"] = body["participants"][:1]
                for one in body["participants"]:
                    if isinstance(one, dict) and one.get("contact_id"):
                        one.pop("user_id", None)
        case "create_lead" | "update_lead" if body.get("status") in ("qualified", "rejected"):
            # being closed comes by operations of its own
            body.pop("status")
        case "check_in_to_meeting" | "check_out_of_meeting":
            body.pop("at", None)
        case "submit_positions" if isinstance(body.get("positions"), list):
            # nobody is in the future, and what is a week old comes too late
            for one in body["positions"]:
                if isinstance(one, dict):
                    one["at"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - CHANCE.randrange(86_400)))
        case "create_assignment_rule" | "update_assignment_rule":
            # which of them a way of choosing needs, no schema tells
            for name in ("user_ids", "department_id", "conditions"):
                body.pop(name, None)
            body |= {"method": "keep_present"}
        case "create_communication_outcome" | "update_communication_outcome":
            # a task is made from all of it or not at all
            step = body.get("next_step")
            for name in ("task_title", "task_kind", "due_in_seconds"):
                body.pop(name, None)
            if step == "task":
                body |= {"task_title": f"task {unique()}", "due_in_seconds": 3600}
        case "create_hand_over":
            # from somebody of no account to the one who asks
            body |= {"from_user_id": make("users"), "to_user_id": own[0]}
            for name in ("to", "contact_ids", "until"):
                body.pop(name, None)
        case "create_webhook" | "update_webhook":
            # an address that nobody has, and is not asked either
            body |= {"url": "https://hooks.example/x", "active": False}
            for name in ("role", "condition"):
                body.pop(name, None)
        case "replay_webhook":
            body.pop("to_sequence", None)
        case "hand_over_task":
            body |= {"owner_id": make("users")}
        case "revert_period":
            body |= {"from": "2026-03-01T09:00:00Z", "to": "2026-03-02T09:00:00Z"}
            body.pop("cursor", None)
        case revert if revert.startswith("revert_") and "moment" in body:
            body |= {"moment": "2026-03-01T09:00:00Z"}
        case "create_token":
            body.pop("totp", None)
            body |= {"email": spare.email, "password": spare.password}
            body.pop("workspace", None)
        case "refresh_token":
            body |= {"refresh_token": caller.sign_in()["refresh_token"]}
        case "confirm_password_reset":
            user = make("users")
            body |= {"token": administrator.send("POST", f"/v1/users/{user}/password-link")["token"]}
        case "change_my_password":
            body |= {"current_password": spare.password}
    return body


def settle_sale(body: dict, operation: str, path: dict) -> None:
    """Stages belong to a pipeline and are left in an order, which no schema tells."""
    for name in ("pipeline_id", "stage_id", "moved_to", "below_deal_id", "lost_reason_id") + (("lead_id", "company_id", "checked") if kind_of(operation) == "deal" else ()):
        body.pop(name, None)
    if kind_of(operation) == "pipeline":
        body.pop("stages", None)
    if isinstance(body.get("contacts"), list):
        body["contacts"] = body["contacts"][:1]
    if body.get("amount") or operation == "update_deal":
        body.pop("currency", None)
    if operation == "move_deal" and path.get("id") in living["deals"]:
        moves = [move for move in administrator.send("GET", f"/v1/deals/{path['id']}/moves")["data"] if move["kind"] == "open"]
        body["stage_id"] = CHANCE.choice(moves)["stage_id"] if moves else None


def kind_of(operation: str) -> str:
    return operation.rsplit("_", 1)[-1]


EXCLUDED = {
    "create_note": ("company_id", "lead_id", "task_id", "deal_id"), "update_note": ("company_id", "lead_id", "task_id", "deal_id"),
    "create_task": ("company_id", "lead_id", "deal_id"), "update_task": ("company_id", "lead_id", "deal_id"),
    "create_communication": ("lead_id", "task_id", "deal_id"), "update_communication": ("lead_id", "task_id", "deal_id", "next_task", "next_meeting", "contact_id", "party"),
    "check_in_to_meeting": ("next_task", "next_meeting"), "check_out_of_meeting": ("next_task", "next_meeting"),
    "upsert_contact": ("external_id",), "upsert_company": ("external_id",),
    "update_company": ("parent_id",), "update_department": ("parent_id",), "update_user": ("email", "password"), "update_role": ("key",),
    "update_assignment_rule": ("user_ids",),
}


restored: set[str] = set()
gone: set[str | None] = set()


@schemathesis.hook
def filter_failure(context: schemathesis.HookContext, failure: Failure, case: Case, response: Response) -> bool:
    """DELETE archives: by contract the record is still answered, with `archived_at`, and may be restored. Anything else is a failure."""
    if not isinstance(failure, UseAfterFree) or response.status_code >= 300:
        return True
    record = response.json()
    kind, of = named(case)[1], case.path_parameters.get("id")
    if "archived_at" not in record and kind in COLLECTIONS and of:
        # the record in a view of it
        record = administrator.send("GET", f"/v1/{kind}/{of}")
    return not (record.get("archived_at") or record.get("id") in restored)


def bury(kind: str, record: str | None) -> None:
    """Whoever needs a record of that kind is given another one from here on."""
    gone.add(record)
    if record in living[kind]:
        living[kind].remove(record)


@schemathesis.hook
def after_call(context: schemathesis.HookContext, case: Case, response: Response) -> None:
    if case.method.upper() != case.operation.method.upper():
        return
    operation, kind = named(case)
    counted[operation] += 1
    if response.status_code >= 300:
        code = re.search(rb'"code":"(\w+)"', response.content or b"")
        place = re.search(rb'"code":"(\w+)","message":"[^"]*","parameter":(?:null|"(\w+)"),"pointer":(?:null|"([^"]*)")', response.content or b"")
        sign = "+" if may_try(case) else "-"
        if code and code[1] == b"archived":
            bury(kind, case.path_parameters.get("id"))
        answered[operation][f"{sign}{response.status_code} {code[1].decode() if code else ''} {b' '.join(part or b'' for part in place.groups()).decode() if place else ''}"] += 1
        return
    succeeded[operation] += 1
    if operation.startswith(("create_", "list_")) and "dry_run" not in case.query and kind in COLLECTIONS:
        told = response.json()
        known[kind].update(record["id"] for record in told.get("data", [told]) if "id" in record)
    if operation.startswith("restore_"):
        restored.add(case.path_parameters["id"])
        gone.discard(case.path_parameters["id"])
    if case.path_parameters.get("id") in homes:
        homes.clear()
    # a record taken back to before it was made is an archived one
    if operation.startswith(("archive_", "revert_")):
        bury(kind, case.path_parameters.get("id"))
    if operation == "change_my_password":
        spare.password = case.body["new_password"]
    if operation == "update_workspace":
        administrator.send("PATCH", "/v1/workspace", PLACE["workspace"])


turns: Counter[tuple[str, bool]] = Counter()


@schemathesis.hook
def filter_case(context: schemathesis.HookContext, case: Case) -> bool:
    """Coverage makes the same cases in every run: each run tries its share of them, together they try all.

    Valid ones are shared out among the seeds (an operation's first are tried by each), invalid ones, which are many more, among all runs.
    What the role may not do is answered 403 whatever is sent: a twelfth of it is enough.
    """
    if case._meta is None or case._meta.phase.name.value != "coverage":
        return True
    operation, kind = named(case)
    action = {"GET": "read", "POST": "create" if operation.startswith("create_") else "update"}.get(case.operation.method.upper(), "update")
    if operation in ("get_user_sessions", "get_open_work", "get_role_preview"):
        action = "update"
    allowed = kind not in [*COLLECTIONS, "workspace"] or may(kind, action)
    valid = may_try(case)
    turns[operation, valid] += 1
    turn = turns[operation, valid]
    shares = PLACE["seeds"] if valid else PLACE["runs"]
    if shares == 1 or valid and allowed and turn <= 4:
        return True
    shares = shares if allowed else 12 * shares
    return turn % shares == PLACE["turn"] % shares


@atexit.register
def report() -> None:
    told = {name: {"calls": counted[name], "ok": succeeded[name], "other": answered[name]} for name in counted}
    with open(PLACE["report"], "w", encoding="utf-8") as file:
        json.dump(told, file)


# What no schema tells: existence, uniqueness, rules about time and state, and grammars with check digits or tables behind them.
BEYOND_SCHEMA = {
    "already_taken", "conflicting_fields", "cycle", "inactive_user", "in_the_future", "in_the_past", "invalid_cursor", "invalid_email",
    "invalid_phone", "invalid_tax_id", "invalid_text", "invalid_time_zone", "invalid_url", "next_step_required", "outcome_required", "outside_reach",
    "reference_not_found", "unchangeable", "weak_password", "wrong_password", "idempotency_key_reused",
    "invalid_country", "invalid_currency", "malformed_form", "invalid_time", "invalid_language", "invalid_messenger", "last_administrator", "invalid_address", "private_address",
    "invalid_number", "invalid_recurrence", "told_twice", "too_many", "amount_too_large", "own_operation", "stage_kinds", "other_pipeline", "same_stage", "successor_required",
    "fields_missing", "batch_rejected", "masked_value", "field_needed", "wrong_code", "not_permitted",
}
# `required` where a rule over several fields wants one of them: the card a record is about, an item's id or value, a participant's card or
# name; or where a form's owner, a stage or an outcome made a field required. What another record carries inside
# (`/next_task/due_at`, `/next_meeting/participants/0/name`) is judged by its end.
ONE_OF_SEVERAL = re.compile(
    ".*(?:/contact_id|/user_ids|/(phones|emails|messengers|responsibles)/N/(value|network|handle|user_id)|/participants/N/name|/(line_items|stages)/N/(name|price|checklist/N/text)|/lost_reason_id|/condition/N/value|/conditions/turnover/at_least|/pipeline_id|/stage_id|/to_user_id|/contact_ids|/working_calendar/.*|/due_at|/fields/.*|/display_name"
    "|expected_(sequence|hash)|/current_password|/amount|/line_items|/expected_close_on|/company_id|/contacts|/owner_id|/source_id|/budget|/comment"
    "|/(subject|body|topic|duration_seconds|participants|lead_id|deal_id|place|coordinates|recording_url|transcript|next_task|next_meeting)|/(task_title|due_in_seconds))"
)


def is_invisible(body: object, pointer: str) -> bool:
    """A text of spaces, controls and other characters without a glyph: nothing is left of it, though the schema sees a text."""
    for step in pointer.split("/")[1:]:
        body = body[int(step)] if isinstance(body, list) else body.get(step) if isinstance(body, dict) else None
    return isinstance(body, str) and all(unicodedata.category(character)[0] in "ZC" for character in body)


@schemathesis.check
def refusals_go_beyond_the_schema(ctx: CheckContext, response: Response, case: Case) -> None:
    """Data that fits the schema is refused only for what no schema tells."""
    if response.status_code not in (400, 422) or case.meta is None or case.meta.generation.mode.is_negative:
        return
    problem = response.json()
    for error in problem["errors"] or [{"code": problem["code"], "message": problem["detail"], "pointer": "the whole"}]:
        pointer = str(error.get("pointer") or error["parameter"])
        place = re.sub("[0-9]+", "N", pointer)
        needed = error["code"] == "required" and (ONE_OF_SEVERAL.fullmatch(place) or is_invisible(case.body, pointer))
        # a deal does not begin in a stage that ends it
        closed = error["code"] == "invalid_value" and place.endswith("/stage_id")
        if error["code"] not in BEYOND_SCHEMA and not needed and not closed:
            raise Failure(
                operation=case.operation.label,
                title=f"{response.status_code} {error['code']} at {place} for data that fits the schema",
                message=error["message"],
            )
