//! The worker that turns submissions into cards, leads and tasks: woken at once, and looking around every few seconds,
//! so that what another process received or a crash left behind is taken up, too.

use std::time::Duration;

use kartoteka_domain::{
    access::{RecordType, Scope},
    actor::{ActorRef, ActorType},
    assignment::{self, decision::Occasion, rule::Facts},
    communication::{Channel, Communication, CommunicationStatus, Direction, NewCommunication, TriggerKind, TriggeredBy},
    contact::{Contact, EmailInput, Identity, NewContact, PhoneInput},
    event::{Action, Event},
    form::Form,
    id::{SubmissionId, UserId},
    lead::{Lead, NewLead},
    record::Record,
    submission::{Enquiry, Posted, Submission, SubmissionState, retry_at, understand},
    task::{NewTask, Priority},
    workspace::Workspace,
};
use kartoteka_persistence::{
    Reading, Stored, WriteTx, contact as contacts,
    duplicate::Cards,
    submission as store,
    workspace::{self, Wakeup},
};

use crate::{
    app::App,
    assignment::{self as rules, Asked},
    clock, contact, credential, duplicate, escalation, next_step,
    problem::{Problem, Result},
    record, task,
};

/// What its wake-ups are called.
pub const KIND: &str = "submission";

/// How long it sleeps when nobody wakes it.
const NAP: Duration = Duration::from_secs(2);

/// Runs until the application stops.
pub async fn run(app: App) {
    loop {
        let worked = sweep(&app).await;
        if app.stopping() {
            return;
        }
        if worked == 0 {
            tokio::select! {
                () = app.worker_bell.notified() => {}
                () = tokio::time::sleep(NAP) => {}
            }
        }
    }
}

/// Takes up what is due; answers how many.
async fn sweep(app: &App) -> usize {
    let due = match workspace::due(&app.store, KIND, clock::now(), 100).await {
        Ok(due) => due,
        Err(error) => {
            tracing::warn!(%error, "the worker cannot look for work");
            return 0;
        }
    };
    let count = due.len();
    let mut running = futures_util::stream::FuturesUnordered::new();
    for wakeup in due {
        use futures_util::StreamExt;
        running.push(take_up(app, wakeup));
        if running.len() >= 8 {
            running.next().await;
        }
    }
    use futures_util::StreamExt;
    while running.next().await.is_some() {}
    count
}

async fn take_up(app: &App, wakeup: Wakeup) {
    let id = SubmissionId::new(wakeup.id);
    // what is made of an enquiry is signed by its form
    let signed: Result<ActorRef> = app
        .store
        .read(Scope::of_the_server(wakeup.workspace, ActorRef::system()), move |tx| {
            let form = match Submission::find(tx, id.uuid())? {
                Some(submission) => Form::find(tx, submission.form_id.uuid())?,
                None => None,
            };
            Ok(form.map_or_else(ActorRef::system, |form| ActorRef {
                kind: ActorType::Form,
                id: Some(form.uuid()),
                name: form.name.clone(),
            }))
        })
        .await;
    let scope = Scope::of_the_server(wakeup.workspace, signed.unwrap_or_else(|_| ActorRef::system()));
    let done: Result<()> = app.store.write(scope.clone(), clock::own_circumstances(), move |tx| process(tx, id)).await;
    let Err(problem) = done else { return };
    let why = match problem.errors.first() {
        Some(first) => format!("{}: {} {}", problem.code.word(), first.pointer, first.code),
        None => problem.code.word().to_owned(),
    };
    tracing::warn!(submission = %wakeup.id, %why, "a submission could not be processed; it is tried again");
    let noted: Result<()> = app.store.write(scope, clock::own_circumstances(), move |tx| fail(tx, id, &why)).await;
    if let Err(problem) = noted {
        tracing::error!(%problem, "a failed submission was not marked");
    }
}

fn fail(tx: &mut WriteTx<'_>, id: SubmissionId, why: &str) -> Result<()> {
    let Some(before) = Submission::find(tx, id.uuid())? else { return Ok(workspace::settle(tx, id.uuid())?) };
    if !matches!(before.state, SubmissionState::Received | SubmissionState::Failed) {
        return Ok(workspace::settle(tx, id.uuid())?);
    }
    let next = retry_at(before.attempts, tx.now());
    let after = Submission {
        state: SubmissionState::Failed,
        attempts: before.attempts + 1,
        error: Some(why.to_owned()),
        next_attempt_at: Some(next),
        ..before.clone()
    };
    record::store_change(tx, &before, after, Action::Updated)?;
    Ok(workspace::wake(tx, KIND, id.uuid(), next)?)
}

/// Processes one submission, once: its state and everything made of it change in the same transaction.
pub fn process(tx: &mut WriteTx<'_>, id: SubmissionId) -> Result<()> {
    let Some((submission, raw)) = store::find_raw(tx, id)? else { return Ok(workspace::settle(tx, id.uuid())?) };
    let settings = workspace::current(tx)?;
    let form: Form = record::get(tx, submission.form_id.uuid())?;
    let visit: Posted = serde_json::from_value(raw.visit.clone()).unwrap_or_default();
    let posted = Posted { fields: submission.fields.clone(), ..visit };
    let enquiry = understand(&posted, &form, &settings.country);
    let newcomer = card(tx, &settings, &enquiry, &form, &submission)?;
    // the same enquiry twice, and the same person in two enquiries, meet at these locks
    let mut locks = newcomer.identities();
    locks.push(Identity { kind: "submission", value: format!("{}:{}", form.id, credential::hex(&raw.content_hash)) });
    kartoteka_persistence::duplicate::lock(tx, &locks)?;
    let Some(submission) =
        Submission::find(tx, id.uuid())?.filter(|s| matches!(s.state, SubmissionState::Received | SubmissionState::Failed))
    else {
        return Ok(workspace::settle(tx, id.uuid())?);
    };
    let now = tx.now();
    let finished = |state| Submission {
        state,
        processed_at: Some(now),
        attempts: submission.attempts + 1,
        next_attempt_at: None,
        error: None,
        ..submission.clone()
    };
    let since = submission.received_at - chrono::Duration::seconds(form.duplicate_window_seconds);
    if let Some(twin) =
        store::find_twin(tx, form.id, &raw.content_hash, since, submission.id)?.filter(|_| form.duplicate_window_seconds > 0)
    {
        let after = Submission {
            reason: Some("the same content within the form's window".into()),
            duplicate_of: Some(twin.id),
            contact_id: twin.contact_id,
            ..finished(SubmissionState::Duplicate)
        };
        record::store_change(tx, &submission, after, Action::Updated)?;
        return Ok(workspace::settle(tx, id.uuid())?);
    }
    if submission.test {
        let after =
            Submission { reason: Some("a test of the form: understood, no lead made".into()), ..finished(SubmissionState::Processed) };
        record::store_change(tx, &submission, after, Action::Updated)?;
        return Ok(workspace::settle(tx, id.uuid())?);
    }
    let contact = find_or_make(tx, newcomer)?;
    let asked = assign(tx, &form, &contact, &enquiry)?;
    let (owner, reason) = (asked.verdict.user, asked.verdict.reason.clone());
    let contact = give(tx, contact, owner)?;
    let lead = make_lead(tx, &settings, &form, &submission, &posted, &enquiry, &contact, owner, &reason)?;
    rules::note(tx, lead.id, Occasion::Submission, asked)?;
    record_communication(tx, &settings, &submission, &enquiry, &contact, &lead, &form)?;
    if let Some(minutes) = form.task_minutes {
        plan_task(tx, &form, &submission, &contact, &lead, minutes)?;
    }
    next_step::provide(tx)?;
    let after = Submission { lead_id: Some(lead.id), contact_id: Some(contact.id), ..finished(SubmissionState::Processed) };
    record::store_change(tx, &submission, after, Action::Updated)?;
    Ok(workspace::settle(tx, id.uuid())?)
}

/// The card an enquiry would make.
fn card(tx: &mut WriteTx<'_>, settings: &Workspace, enquiry: &Enquiry, form: &Form, submission: &Submission) -> Result<Contact> {
    let input = NewContact {
        display_name: enquiry.name.clone(),
        last_name: enquiry.last_name.clone(),
        first_name: enquiry.first_name.clone(),
        middle_name: enquiry.middle_name.clone(),
        source_id: form.source_id,
        phones: Some(enquiry.phones.iter().take(20).map(|v| PhoneInput { value: Some(v.clone()), ..PhoneInput::default() }).collect()),
        emails: Some(enquiry.emails.iter().take(20).map(|v| EmailInput { value: Some(v.clone()), ..EmailInput::default() }).collect()),
        tags: Some(form.tags.clone()),
        ..NewContact::default()
    };
    let nameless = input.display_name.is_none()
        && input.last_name.is_none()
        && input.first_name.is_none()
        && enquiry.phones.is_empty()
        && enquiry.emails.is_empty();
    // an enquiry without any name or contact point is still an enquiry
    let input = if nameless {
        NewContact { display_name: Some(format!("{} {}", form.name, submission.received_at.format("%Y-%m-%d %H:%M"))), ..input }
    } else {
        input
    };
    record::make_trusted(tx, settings, &input)
}

/// A known phone or e-mail: the same card. Phone and e-mail of two cards: the better match, and the pair is queued for review.
fn find_or_make(tx: &mut WriteTx<'_>, mut newcomer: Contact) -> Result<Contact> {
    let candidates = duplicate::find(tx, Cards::Contacts, &newcomer.identities(), None)?;
    let Some(best) = candidates.first() else {
        record::ensure_tags(tx, &mut newcomer.tags)?;
        Contact::insert(tx, &newcomer, Event::created(&newcomer))?;
        return Ok(newcomer);
    };
    tx.hold(RecordType::Contact, best.id)?;
    let existing = contacts::find_regardless(tx, best.id)?.ok_or_else(|| Problem::internal("a matched card is gone"))?;
    for other in candidates.iter().skip(1) {
        kartoteka_persistence::duplicate::queue(tx, Cards::Contacts, best.id, other)?;
    }
    // another card's phone or e-mail is not copied over: that is the merge's to decide
    let mut own = newcomer;
    if candidates.len() > 1 {
        own.phones.clear();
        own.emails.clear();
    }
    contact::attach(tx, &existing, &own)
}

/// Who becomes responsible: the form may say so itself, else the workspace's rules do; where neither does, who has the client keeps him.
fn assign(tx: &mut WriteTx<'_>, form: &Form, contact: &Contact, enquiry: &Enquiry) -> Result<Asked> {
    let mut said = None;
    if form.assignment.is_none() {
        let facts =
            Facts { source_id: form.source_id, form_id: Some(form.id), answers: Some(&enquiry.answers), ..rules::facts(contact, None) };
        match rules::ask(tx, &facts, None)? {
            Some(asked) if asked.verdict.user.is_some() => return Ok(asked),
            asked => said = asked,
        }
    }
    let present = contact.owner_id;
    let now = tx.now();
    let choice =
        rules::ask_form(tx, form, present, |people, turn| assignment::choose(present, form.assignment.as_ref(), people, turn, now))?;
    Ok(match said {
        // why the rules found nobody is the reason, unless somebody has the client
        Some(asked) if choice.user.is_none() => asked,
        _ => Asked::otherwise(tx, choice.user, choice.reason),
    })
}

/// The card goes to the chosen person when nobody has it.
fn give(tx: &mut WriteTx<'_>, contact: Contact, owner: Option<UserId>) -> Result<Contact> {
    if contact.owner_id.is_some() || owner.is_none() {
        return Ok(contact);
    }
    let after = Contact { owner_id: owner, ..contact.clone() };
    record::store_change(tx, &contact, after, Action::Assigned)
}

#[expect(clippy::too_many_arguments, reason = "an enquiry becomes a lead in one place")]
fn make_lead(
    tx: &mut WriteTx<'_>,
    settings: &Workspace,
    form: &Form,
    submission: &Submission,
    posted: &Posted,
    enquiry: &Enquiry,
    contact: &Contact,
    owner: Option<UserId>,
    reason: &str,
) -> Result<Lead> {
    let url = |given: Option<&str>| given.map(kartoteka_domain::text::clean_line).filter(|u| kartoteka_domain::workspace::is_url(u));
    let input = NewLead {
        contact_id: Some(contact.id),
        company_id: contact.company_id,
        source_id: form.source_id,
        utm: Some(posted.utm.clone()),
        page_url: url(posted.page_url.as_deref()),
        referrer: url(posted.referrer.as_deref()),
        answers: Some(enquiry.answers.clone()),
        comment: enquiry.comment.clone(),
        owner_id: owner,
        received_at: Some(submission.received_at),
        tags: Some(form.tags.clone()),
        ..NewLead::default()
    };
    let made: Lead = record::make_trusted(tx, settings, &input)?;
    let mut lead = Lead { form_id: Some(form.id), submission_id: Some(submission.id), assignment_reason: Some(reason.to_owned()), ..made };
    record::ensure_tags(tx, &mut lead.tags)?;
    Lead::insert(tx, &lead, Event::created(&lead).because(reason))?;
    escalation::watch(tx, settings, &lead)?;
    Ok(lead)
}

fn record_communication(
    tx: &mut WriteTx<'_>,
    settings: &Workspace,
    submission: &Submission,
    enquiry: &Enquiry,
    contact: &Contact,
    lead: &Lead,
    form: &Form,
) -> Result<()> {
    let input = NewCommunication {
        channel: Some(Channel::Form),
        direction: Some(Direction::Inbound),
        status: Some(CommunicationStatus::Done),
        occurred_at: Some(submission.received_at),
        contact_id: Some(contact.id),
        lead_id: Some(lead.id),
        triggered_by: Some(TriggeredBy { kind: TriggerKind::Submission, id: submission.uuid() }),
        subject: Some(form.name.clone()),
        body: enquiry.comment.clone(),
        ..NewCommunication::default()
    };
    let made: Communication = record::make_trusted(tx, settings, &input)?;
    let communication = Communication { submission_id: Some(submission.id), owner_id: None, ..made };
    Communication::insert(tx, &communication, Event::created(&communication))?;
    Ok(contacts::touch_communication(tx, contact.id, communication.occurred_at)?)
}

/// "Call back within so many minutes", for whoever is responsible.
fn plan_task(tx: &mut WriteTx<'_>, form: &Form, submission: &Submission, contact: &Contact, lead: &Lead, minutes: i64) -> Result<()> {
    let Some(owner) = lead.owner_id else {
        tracing::info!(lead = %lead.id, workspace = %tx.workspace(), "nobody is responsible for a lead: no task is made");
        return Ok(());
    };
    let input = NewTask {
        kind: Some("call".into()),
        title: Some(form.task_title.clone()),
        due_at: Some(submission.received_at + chrono::Duration::minutes(minutes)),
        owner_id: Some(owner),
        priority: Some(Priority::High),
        contact_id: Some(contact.id),
        lead_id: Some(lead.id),
        ..NewTask::default()
    };
    task::create(tx, &input)?;
    Ok(())
}
