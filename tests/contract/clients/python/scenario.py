"""Drives the scenario through the generated client."""

import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar, assert_never
from uuid import UUID

from kartoteka import AuthenticatedClient, Client
from kartoteka.api.auth import create_token, revoke_token
from kartoteka.api.communications import create_communication
from kartoteka.api.contacts import create_contact, get_contact_timeline, update_contact
from kartoteka.api.deals import create_deal, move_deal, update_deal
from kartoteka.api.leads import list_leads
from kartoteka.api.me import get_me
from kartoteka.api.notes import create_note
from kartoteka.api.pipelines import get_board, list_pipelines
from kartoteka.api.public import submit_form
from kartoteka.api.tasks import complete_task, create_task, list_tasks
from kartoteka.models import (
    Answers,
    Board,
    ChannelInput,
    Communication,
    CommunicationInput,
    CompletedTask,
    Contact,
    ContactField,
    ContactInput,
    ContactPatch,
    Deal,
    DealContactInput,
    DealInput,
    DealMove,
    DealPatch,
    DirectionInput,
    AddedEmail,
    LeadPage,
    LineItemInput,
    MoneyInput,
    Note,
    NoteInput,
    OnDuplicate,
    AddedPhone,
    Pipeline,
    PipelinePage,
    PostedForm,
    PostedUtm,
    Problem,
    Receipt,
    SignIn,
    Stage,
    Task,
    TaskCompletion,
    TaskInput,
    TaskPage,
    TaskStatusInput,
    TimelineChange,
    TimelineCommunication,
    TimelineDeal,
    TimelineItemPage,
    TimelineLead,
    TimelineNote,
    TimelineStageChange,
    TimelineSubmission,
    TimelineTask,
    Tokens,
)
from kartoteka.types import UNSET, Response

Item = (
    TimelineChange
    | TimelineCommunication
    | TimelineDeal
    | TimelineLead
    | TimelineNote
    | TimelineStageChange
    | TimelineSubmission
    | TimelineTask
)

T = TypeVar("T")


def check(holds: bool, why: str) -> None:
    if not holds:
        raise AssertionError(why)


def answered(response: Response[T | Problem], kind: type[T], status: int) -> T:
    """The answer, or what the problem says."""
    if isinstance(response.parsed, Problem):
        raise AssertionError(f"{response.status_code} {response.parsed.code}: {response.parsed.detail}")
    check(response.status_code == status, f"status {response.status_code}, not {status}")
    if not isinstance(response.parsed, kind):
        raise AssertionError(f"not a {kind.__name__}")
    return response.parsed


def refused(response: Response[T | Problem], status: int, code: str) -> Problem:
    check(response.status_code == status, f"status {response.status_code}, not {status}")
    if not isinstance(response.parsed, Problem):
        raise AssertionError("no problem")
    check(response.parsed.code == code, f"code {response.parsed.code}, not {code}")
    return response.parsed


def facts(item: Item) -> tuple[str, str]:
    """What an item of each kind is told by: every variant has a body of its own."""
    match item:
        case TimelineCommunication(record=communication):
            return item.kind, communication.channel
        case TimelineTask(record=task):
            return item.kind, task.title
        case TimelineNote(record=note):
            return item.kind, note.body
        case TimelineLead(record=lead):
            return item.kind, lead.status
        case TimelineSubmission(record=submission):
            return item.kind, submission.state
        case TimelineDeal(record=deal):
            return item.kind, deal.name
        case TimelineStageChange(record=stage_change):
            return item.kind, stage_change.to_stage_name
        case TimelineChange(record=change):
            return item.kind, change.action
        case _:
            assert_never(item)


def digits(length: int) -> str:
    return "".join(random.choices("0123456789", k=length))


def counted(counts: Counter[str]) -> str:
    return ", ".join(f"{key} {count}" for key, count in sorted(counts.items()))


class Scenario:
    def __init__(self, url: str, email: str, password: str, form_key: str) -> None:
        self.anonymous = Client(url)
        self.url, self.email, self.password, self.form_key = url, email, password, form_key
        self.number = f"+7912{digits(7)}"
        self.address = f"client-{digits(10)}@example.com"
        self.new_contact = ContactInput(
            display_name=f"Anna {digits(6)}",
            position="Buyer",
            comment="Met at the fair",
            phones=[AddedPhone(value=self.number, label="mobile")],
            emails=[AddedEmail(value=self.address)],
        )
        self.client: AuthenticatedClient
        self.contact: Contact
        self.pipeline: Pipeline
        self.offer: Deal
        self.enquiry: Deal

    def sign_in(self) -> str:
        body = SignIn(email=self.email, password=self.password)
        tokens = answered(create_token.sync_detailed(client=self.anonymous, body=body), Tokens, 200)
        self.client = AuthenticatedClient(self.url, tokens.access_token, prefix=tokens.token_type)
        return f"{tokens.token_type}, {tokens.expires_in} s"

    def create_contact(self) -> str:
        self.contact = answered(create_contact.sync_detailed(client=self.client, body=self.new_contact), Contact, 201)
        check(self.contact.phones[0].e164 == self.number, f"phone {self.contact.phones[0].e164}")
        return f"{self.contact.display_name}, version {self.contact.version}"

    def meet_duplicate(self) -> str:
        response = create_contact.sync_detailed(client=self.client, body=self.new_contact)
        problem = refused(response, 409, "duplicate_found")
        if not problem.candidates:
            raise AssertionError("no candidates")
        best = problem.candidates[0]
        check(best.id == self.contact.id, f"candidate {best.id}")
        evidence = ", ".join(f"{each.field} {each.agreement} {each.weight:.2f}" for each in best.evidence)
        return f"{best.verdict} {best.score:.2f} by {evidence}"

    def attach_duplicate(self) -> str:
        response = create_contact.sync_detailed(
            client=self.client, body=self.new_contact, on_duplicate=OnDuplicate.ATTACH
        )
        attached = answered(response, Contact, 200)
        check(attached.id == self.contact.id, f"another contact: {attached.id}")
        return "the same contact"

    def log_call(self) -> str:
        body = CommunicationInput(
            channel=ChannelInput.CALL,
            direction=DirectionInput.INBOUND,
            contact_id=self.contact.id,
            duration_seconds=185,
            outcome="interested",
        )
        call = answered(create_communication.sync_detailed(client=self.client, body=body), Communication, 201)
        check(call.contact_id == self.contact.id, f"contact {call.contact_id}")
        return f"{call.direction} {call.channel}, {call.duration_seconds} s, {call.status}"

    def complete_task(self) -> str:
        body = TaskInput(
            title="Call back", kind="call", contact_id=self.contact.id, due_at=datetime(2030, 1, 10, 9, tzinfo=UTC)
        )
        task = answered(create_task.sync_detailed(client=self.client, body=body), Task, 201)
        completion = TaskCompletion(
            result="Agreed to meet",
            next_task=TaskInput(title="Meet", kind="meeting", due_at=datetime(2030, 1, 11, 9, tzinfo=UTC)),
        )
        response = complete_task.sync_detailed(task.id, client=self.client, body=completion)
        completed = answered(response, CompletedTask, 200)
        check(completed.task.status == "done", f"status {completed.task.status}")
        following = completed.next_task
        if following is None or following.due_at is None:
            raise AssertionError("no next task")
        check(following.contact_id == self.contact.id, f"next task of {following.contact_id}")
        return f"{completed.task.status}, next: {following.title} at {following.due_at:%Y-%m-%dT%H:%M:%SZ}"

    def timeline(self) -> Counter[str]:
        response = get_contact_timeline.sync_detailed(self.contact.id, client=self.client, limit=200)
        counts: Counter[str] = Counter()
        for item in answered(response, TimelineItemPage, 200).data:
            kind, fact = facts(item)
            check(fact != "", f"an empty {kind}")
            counts[kind] += 1
        return counts

    def read_timeline(self) -> str:
        note = NoteInput(body="Prefers mornings", contact_id=self.contact.id)
        answered(create_note.sync_detailed(client=self.client, body=note), Note, 201)
        counts = self.timeline()
        for kind in ("change", "communication", "note", "task"):
            check(kind in counts, f"no {kind}")
        return counted(counts)

    def page_list(self) -> str:
        made: set[UUID] = set()
        for number in range(7):
            body = TaskInput(
                title=f"Step {number}", contact_id=self.contact.id, due_at=datetime(2030, 2, 1, 9, tzinfo=UTC)
            )
            made.add(answered(create_task.sync_detailed(client=self.client, body=body), Task, 201).id)
        seen: list[UUID] = []
        pages = 0
        cursor: str | None = None
        while cursor is not None or pages == 0:
            response = list_tasks.sync_detailed(
                client=self.client,
                contact_id=[self.contact.id],
                status=[TaskStatusInput.OPEN, TaskStatusInput.DONE],
                limit=2,
                cursor=cursor or UNSET,
            )
            page = answered(response, TaskPage, 200)
            seen += [task.id for task in page.data]
            cursor = page.next_cursor
            pages += 1
        check(len(set(seen)) == len(seen), "repeats")
        check(made <= set(seen), "skips")
        return f"{len(seen)} tasks on {pages} pages"

    def clear_fields(self) -> str:
        by_null = answered(
            update_contact.sync_detailed(self.contact.id, client=self.client, body=ContactPatch(comment=None)),
            Contact,
            200,
        )
        check(by_null.comment is None, f"comment {by_null.comment}")
        patch = ContactPatch(clear=[ContactField.POSITION])
        by_name = answered(update_contact.sync_detailed(self.contact.id, client=self.client, body=patch), Contact, 200)
        check(by_name.position is None, f"position {by_name.position}")
        return f"version {by_name.version}"

    def stale_version(self) -> str:
        response = update_contact.sync_detailed(
            self.contact.id,
            client=self.client,
            body=ContactPatch(comment="Late"),
            if_match=f'"{self.contact.version}"',
        )
        problem = refused(response, 412, "version_mismatch")
        if not problem.current_version or not problem.changed_fields:
            raise AssertionError("neither the version nor the fields")
        check(problem.current_version > self.contact.version, f"version {problem.current_version}")
        check("comment" in problem.changed_fields, f"fields {problem.changed_fields}")
        return f"now {problem.current_version}, changed {', '.join(problem.changed_fields)}"

    def repeat_key(self) -> str:
        key = digits(20)
        body = TaskInput(title="Only once", contact_id=self.contact.id, due_at=datetime(2030, 3, 1, 9, tzinfo=UTC))
        first = answered(create_task.sync_detailed(client=self.client, body=body, idempotency_key=key), Task, 201)
        repeated = create_task.sync_detailed(client=self.client, body=body, idempotency_key=key)
        check(answered(repeated, Task, 201).id == first.id, "another task")
        check(repeated.headers.get("idempotent-replayed") == "true", "not replayed")
        return "the same task, replayed"

    def list_pipelines(self) -> str:
        self.pipeline = answered(list_pipelines.sync_detailed(client=self.client), PipelinePage, 200).data[0]
        stages = self.pipeline.stages
        check(len(stages) > 2 and stages[0].kind == "open" and stages[1].kind == "open", f"stages {stages}")
        return f"{self.pipeline.name}, {len(stages)} stages from {stages[0].name} to {stages[-1].name}"

    def deal(self, name: str) -> DealInput:
        return DealInput(
            name=name,
            pipeline_id=self.pipeline.id,
            stage_id=self.pipeline.stages[0].id,
            contacts=[DealContactInput(contact_id=self.contact.id, role="decides")],
        )

    def create_deals(self) -> str:
        body = self.deal("Desks for the office")
        body.line_items = [
            LineItemInput(name="Desk", quantity="3", price=1_250_000, discount_percent="10", tax_percent="20"),
            LineItemInput(
                name="Assembly", quantity="1.5", unit="hours", price=150_000, tax_percent="20", tax_included=True
            ),
        ]
        body.next_task = TaskInput(title="Send the offer", due_at=datetime(2030, 4, 1, 9, tzinfo=UTC))
        self.offer = answered(create_deal.sync_detailed(client=self.client, body=body), Deal, 201)
        totals = [line.total for line in self.offer.line_items]
        check(totals == [4_050_000, 225_000], f"totals {totals}")
        check(all(line.net + line.tax == line.total for line in self.offer.line_items), "net and tax are not the total")
        if self.offer.amount is None or self.offer.next_task_at is None:
            raise AssertionError("no amount or no next task")
        check(self.offer.amount.amount == sum(totals), f"amount {self.offer.amount.amount}")
        check(self.offer.amount.currency == self.offer.currency, f"currency {self.offer.amount.currency}")
        contacts = [each.contact_id for each in self.offer.contacts]
        check(contacts == [self.contact.id], f"contacts {contacts}")
        body = self.deal("A chair, perhaps")
        self.enquiry = answered(create_deal.sync_detailed(client=self.client, body=body), Deal, 201)
        check(self.enquiry.amount is None and not self.enquiry.line_items, f"amount {self.enquiry.amount}")
        lines = " + ".join(str(total) for total in totals)
        return (
            f"{lines} = {self.offer.amount.amount} {self.offer.currency}, "
            f"next task at {self.offer.next_task_at:%Y-%m-%dT%H:%M:%SZ}; another without amount"
        )

    def move(self, deal: Deal, stage: Stage) -> Response[Deal | Problem]:
        return move_deal.sync_detailed(deal.id, client=self.client, body=DealMove(stage_id=stage.id))

    def refused_move(self) -> str:
        stage = self.pipeline.stages[1]
        problem = refused(self.move(self.enquiry, stage), 409, "move_refused")
        if not problem.reason or not problem.missing_fields or not problem.legal_moves:
            raise AssertionError("neither the reason nor the fields nor the moves")
        check(problem.reason == "fields_missing", f"reason {problem.reason}")
        check(problem.missing_fields == ["amount"], f"fields {problem.missing_fields}")
        legal = next((each for each in problem.legal_moves if each.stage_id == stage.id), None)
        if legal is None:
            raise AssertionError("the stage is not among the legal moves")
        check(legal.missing_fields == ["amount"], f"fields {legal.missing_fields} of {legal.name}")
        fields = ", ".join(problem.missing_fields)
        return f"{problem.reason} {fields}; {len(problem.legal_moves)} legal, {legal.name} without {fields}"

    def move_deal(self) -> str:
        stage = self.pipeline.stages[1]
        patch = DealPatch(amount=MoneyInput(amount=990_000, currency=self.enquiry.currency))
        patched = answered(update_deal.sync_detailed(self.enquiry.id, client=self.client, body=patch), Deal, 200)
        if patched.amount is None:
            raise AssertionError("no amount")
        check(patched.amount.amount == 990_000, f"amount {patched.amount.amount}")
        moved = answered(self.move(patched, stage), Deal, 200)
        check(moved.stage_id == stage.id, f"stage {moved.stage_id}")
        return f"{patched.amount.amount} {patched.amount.currency}, to {stage.name}, {moved.outcome}"

    def win_deal(self) -> str:
        stage = next(each for each in self.pipeline.stages if each.kind == "won")
        won = answered(self.move(self.offer, stage), Deal, 200)
        check(won.outcome == "won", f"outcome {won.outcome}")
        check(won.stage_id == stage.id and won.closed_at is not None, f"stage {won.stage_id}, closed {won.closed_at}")
        counts = self.timeline()
        for kind in ("deal", "stage_change"):
            check(counts[kind] > 1, f"{kind} {counts[kind]}")
        return f"{won.outcome}; {counted(counts)}"

    def read_board(self) -> str:
        board = answered(get_board.sync_detailed(self.pipeline.id, client=self.client), Board, 200)
        won = next(column for column in board.stages if column.stage.kind == "won")
        check(won.count >= 1, f"count {won.count}")
        check(any(deal.id == self.offer.id for deal in won.deals), "the deal that was won is not on it")
        sums = ", ".join(f"{each.amount} {each.currency}" for each in won.sums)
        return f"{len(board.stages)} columns, {won.stage.name}: {won.count}, {sums}"

    def submit_form(self) -> str:
        fields = Answers()
        fields.additional_properties = {"name": "Anna", "phone": self.number, "email": self.address}
        body = PostedForm(fields=fields, utm=PostedUtm(source="newsletter"), page_url="https://shop.example/price")
        response = submit_form.sync_detailed(self.form_key, client=self.anonymous, body=body)
        receipt = answered(response, Receipt, 202)
        for _ in range(100):
            leads = answered(list_leads.sync_detailed(client=self.client, contact_id=[self.contact.id]), LeadPage, 200)
            for lead in leads.data:
                if lead.submission_id == receipt.submission_id:
                    check(lead.utm.source == "newsletter", f"utm {lead.utm.source}")
                    return f"{receipt.status}, lead {lead.status}; {counted(self.timeline())}"
            time.sleep(0.1)
        raise AssertionError("no lead after 10 s")

    def invalid_body(self) -> str:
        body = ContactInput(
            display_name="Nobody", phones=[AddedPhone(value="12")], emails=[AddedEmail(value="nowhere")]
        )
        response = create_contact.sync_detailed(client=self.client, body=body)
        errors = refused(response, 422, "validation_failed").errors
        check(
            any(each.pointer == "/phones/0/value" and each.code == "invalid_phone" for each in errors),
            f"errors {errors}",
        )
        return ", ".join(f"{each.pointer} {each.code}" for each in errors)

    def sign_out(self) -> str:
        response = revoke_token.sync_detailed(client=self.client)
        check(response.status_code == 204, f"status {response.status_code}")
        problem = refused(get_me.sync_detailed(client=self.client), 401, "invalid_token")
        return f"then {problem.status} {problem.code}"


def main() -> int:
    with open(os.environ["KARTOTEKA_DEMO"], encoding="utf-8") as file:
        demo = json.load(file)
    administrator = next(user for user in demo["users"] if user["role"] == "administrator")
    scenario = Scenario(
        os.environ["KARTOTEKA_URL"], administrator["email"], administrator["password"], demo["form_key"]
    )
    steps: dict[str, Callable[[], str]] = {
        "sign in": scenario.sign_in,
        "create contact": scenario.create_contact,
        "meet duplicate": scenario.meet_duplicate,
        "attach duplicate": scenario.attach_duplicate,
        "log call": scenario.log_call,
        "complete task": scenario.complete_task,
        "read timeline": scenario.read_timeline,
        "page list": scenario.page_list,
        "clear fields": scenario.clear_fields,
        "stale version": scenario.stale_version,
        "repeat key": scenario.repeat_key,
        "list pipelines": scenario.list_pipelines,
        "create deals": scenario.create_deals,
        "refused move": scenario.refused_move,
        "move deal": scenario.move_deal,
        "win deal": scenario.win_deal,
        "read board": scenario.read_board,
        "submit form": scenario.submit_form,
        "invalid body": scenario.invalid_body,
        "sign out": scenario.sign_out,
    }
    for name, run in steps.items():
        try:
            print(f"ok   {name}: {run()}", flush=True)
        except Exception as error:  # whatever the client raises is the step's failure
            print(f"FAIL {name}: {error!r}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
