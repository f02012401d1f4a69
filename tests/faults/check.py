"""The database against the ledger: nothing acknowledged is lost, nothing is there twice, nothing is half done."""

import hashlib
import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from load import MARKER

QUERIES = {
    "contact": "SELECT ID(id), display_name, version FROM contact",
    "point": "SELECT ID(contact_id), count(*) FROM contact_point GROUP BY contact_id",
    "task": "SELECT ID(id), status, TEXT(profile), ID(lead_id) FROM task",
    "lead": "SELECT ID(id), ID(submission_id) FROM lead",
    "communication": "SELECT ID(id), ID(submission_id) FROM communication",
    "submission": "SELECT ID(id), state, TEXT(fields), ID(lead_id) FROM submission",
    "audit": "SELECT ID(id), record, ID(record_id), action, CASE action WHEN 'updated' THEN changes ELSE '' END FROM audit_event",
    "outbox": "SELECT ID(id), record, ID(record_id), kind FROM outbox_event",
    "key": "SELECT key, status, md5(body) FROM idempotency_key",
    "wakeup": "SELECT ID(id) FROM wakeup",
}
#: Record types whose rows are looked up for every event that tells of them.
RECORDS = ("contact", "task", "lead", "communication", "submission")


@dataclass
class Findings:
    """What is wrong; all three empty is the good answer."""

    lost: list = field(default_factory=list)
    torn: list = field(default_factory=list)
    twice: list = field(default_factory=list)

    def any(self):
        return bool(self.lost or self.torn or self.twice)

    def add(self, other):
        """The same thing found again and again is one finding."""
        for name in ("lost", "torn", "twice"):
            mine = getattr(self, name)
            mine += [text for text in dict.fromkeys(getattr(other, name)) if text not in mine]

    def first(self):
        return [f"{name}: {found[0]}" for name in ("lost", "torn", "twice") if (found := getattr(self, name))]


class State:
    """One reading of the database, turned so that the ledger can be compared with it."""

    def __init__(self, tables):
        rows = {name: [tuple(row) for row in tables[name]] for name in QUERIES}
        self.rows = rows
        self.ids = {name: {row[0] for row in rows[name]} for name in RECORDS}
        self.contacts = {row[0]: row for row in rows["contact"]}
        self.points = {row[0]: int(row[1]) for row in rows["point"]}
        self.tasks = {row[0]: (row[1], json.loads(row[2])["title"]) for row in rows["task"]}
        self.submissions = {row[0]: row for row in rows["submission"]}
        self.events = defaultdict(list)  # (record, action) of a record's id
        self.patched = Counter()
        for _, record, identifier, action, changes in rows["audit"]:
            self.events[identifier].append((record, action))
            if action == "updated" and record == "contact":
                self.patched[json.loads(changes).get("position", {}).get("after")] += 1
        self.keys = {row[0]: (int(row[1]), row[2]) for row in rows["key"]}
        # a marker is in one record: more is a write done twice
        self.markers = Counter(row[1] for row in rows["contact"])
        self.titles = Counter(title for _, title in self.tasks.values())
        self.comments = Counter(json.loads(row[2]).get("comment") for row in rows["submission"])


# What is written down for the audit alone: the outside is never told who was where, or who listened to what.
AUDIT_ONLY = {"positions_received", "positions_read", "recording_played", "refused"}


def whole(state):
    """What must agree whoever wrote it: every record has its one event, every event its record and its outbox row."""
    found = Findings()
    audit = {row[:3] for row in state.rows["audit"]}
    outbox = {row[:3] for row in state.rows["outbox"]}
    kinds = Counter((row[1], row[3]) for row in state.rows["audit"] if row[:3] not in outbox and row[3] not in AUDIT_ONLY)
    found.torn += [f"{count} events «{record} {action}» are not in the outbox" for (record, action), count in kinds.items()]
    found.torn += [f"the outbox row {row[0]} has no audit event" for row in outbox - audit]
    found.torn += [
        f"an event tells of the {record} {identifier} that is not there"
        for _, record, identifier in audit if record in RECORDS and identifier not in state.ids[record]]
    for record in RECORDS:
        born = ("submission", "received") if record == "submission" else (record, "created")
        for identifier in state.ids[record]:
            count = state.events[identifier].count(born)
            if count != 1:
                (found.torn if count == 0 else found.twice).append(f"the {record} {identifier} was made {count} times by its events")
    for identifier, name, version in state.rows["contact"]:
        changes = sum(1 for event in state.events[identifier] if event[0] == "contact")
        if int(version) != changes:
            found.torn.append(f"the contact {identifier} has version {version} and {changes} events")
        if MARKER.fullmatch(name) and state.points.get(identifier) != 1:
            found.torn.append(f"the contact {identifier} has {state.points.get(identifier)} phones")
    found.torn += [f"the idempotency key {key} is reserved and has no outcome" for key, (status, _) in state.keys.items() if not status]
    for places in (state.markers, state.titles, state.comments, state.patched):
        found.twice += [f"{marker} is there {count} times" for marker, count in places.items() if count > 1 and MARKER.fullmatch(marker or "")]
    leads, communications = Counter(row[1] for row in state.rows["lead"]), Counter(row[1] for row in state.rows["communication"])
    tasks, waiting = Counter(row[3] for row in state.rows["task"]), {row[0] for row in state.rows["wakeup"]}
    for identifier, current, _, lead in state.rows["submission"]:
        made = (leads[identifier], communications[identifier], tasks[lead] if lead else 0)
        if current == "processed" and (made[:2] != (1, 1) or made[2] < 1):
            found.torn.append(f"of the processed submission {identifier} came {made[0]} leads, {made[1]} communications, {made[2]} tasks")
        if current in ("received", "failed") and (any(made) or identifier not in waiting):
            found.torn.append(f"the waiting submission {identifier} has {made} and {'a' if identifier in waiting else 'no'} wake-up")
    return found


def acknowledged(state, writes):
    """Whether each acknowledged write is there as it was answered."""
    found = Findings()
    for write in writes:
        missing = _missing(state, write)
        if missing:
            found.lost.append(f"{write.kind} {write.marker}, acknowledged with {write.status}: {missing}")
        elif "idempotency-key" in write.headers and write.kind != "submission":
            kept = state.keys.get(write.headers["idempotency-key"])
            if kept != (write.status, hashlib.md5(write.answer).hexdigest()):
                found.torn.append(f"{write.kind} {write.marker}: kept with its key is {kept}")
    return found


def _missing(state, write):
    if write.kind == "patch":
        return "" if state.patched[write.marker] else "no event of it"
    identifier = write.record()
    if write.kind == "contact":
        return "" if identifier in state.contacts and state.contacts[identifier][1] == write.marker else f"no contact {identifier}"
    if write.kind == "submission":
        return "" if identifier in state.submissions else f"no submission {identifier}"
    if write.kind == "task":
        return "" if identifier in state.tasks and state.tasks[identifier][1] == write.marker else f"no task {identifier}"
    if state.tasks.get(identifier, ("",))[0] != "done" or ("task", "completed") not in state.events[identifier]:
        return f"the task {identifier} is not done"
    return "" if state.titles[write.marker] else "its next task is not there"


def check(database, ledger, until=None):
    """Both, as of now."""
    writes = ledger.acknowledged(until)
    state = State(database.tables(QUERIES))
    found = whole(state)
    found.add(acknowledged(state, writes))
    return found, state
