//! Telephony over HTTP: events of a telephone exchange become one communication per call, its card, enquiry and tasks, once, in whatever order
//! and however often they are told.

use kartoteka_domain::{
    access::RecordType,
    assignment::decision::Occasion,
    communication::{Channel, Communication, CommunicationStatus, Direction, NewCommunication},
    contact::{Contact, Identity, NewContact, PhoneInput},
    event::{Action, Event},
    id::{CommunicationId, UserId},
    invalid::{FieldCode, FieldErrors},
    lead::{Lead, NewLead},
    phone,
    record::{Record, Reference},
    task::{NewTask, Priority, Task, no_answer::NoAnswer},
    telephony::{Call, CallAnswer, MOST_EVENTS, NewCallEvent, call_back_title, settings::UnknownNumber},
    workspace::Workspace,
};
use kartoteka_persistence::{
    Reading, Stored, WriteTx,
    call::{self as store, Kept},
    catalogue, communication as communications, contact as contacts,
    duplicate::{self, Cards},
    lead as leads, reference, user, workspace,
};

use crate::{
    answer::{Answer, Plain},
    assignment::{self, Asked},
    can::{Can, CreateCommunications},
    contact::view,
    escalation, lead, lookup, next_step,
    problem::{Problem, Result},
    record,
    request::Valid,
    task::{self, no_answer::no_answer},
};

/// Tell of a call
///
/// For telephone exchanges: one event of a call. Events may come late, twice and in any order; those of one call make one communication. An
/// unknown number makes a card and an enquiry as the workspace's `telephony` says, a missed call a task. The answer says whose call it is
/// and whom to switch it to.
#[utoipa::path(post, path = "/v1/channels/telephony/events", tag = "communications")]
pub async fn submit_call_event(can: Can<CreateCommunications>, new: Valid<NewCallEvent>) -> Answer<Plain<CallAnswer>> {
    can.write(move |tx| take(tx, &new).map(Plain)).await
}

/// The kind of a task that calls a client back.
const CALL_BACK: &str = "call_back";

/// Takes an event up. What was told before changes nothing.
pub fn take(tx: &mut WriteTx<'_>, new: &NewCallEvent) -> Result<CallAnswer> {
    let mut errors = FieldErrors::default();
    if let Some(user) = new.user_id {
        reference::check(tx, &[Reference::new("/user_id", RecordType::User, user.uuid())], &[], &mut errors)?;
        // what somebody did before he left is told late at times
        errors.0.retain(|error| error.code != FieldCode::InactiveUser);
    }
    let (call_id, event) = match new.checked(tx.now()) {
        Ok(checked) => checked,
        Err(found) => {
            errors.0.extend(found.0);
            return Err(errors.into());
        }
    };
    errors.finish()?;
    // two events of one call come one after the other
    duplicate::lock(tx, &[Identity { kind: "call", value: call_id.clone() }])?;
    let settings = workspace::current(tx)?;
    let mut kept = store::find(tx, &call_id)?;
    if !kept.log.admits(&event) {
        return Err(Problem::invalid("/call_id", FieldCode::TooLong).given(&MOST_EVENTS.to_string()));
    }
    let before = kept.log.call();
    if kept.log.join(event) {
        if let Some(call) = kept.log.call() {
            follow(tx, &settings, &mut kept, before.as_ref(), &call)?;
        }
        store::keep(tx, &kept)?;
    }
    // what an exchange tells has happened: it is not refused, whom it leaves without a next step gets one
    next_step::provide(tx)?;
    tell(tx, &settings, &kept)
}

/// Who talked, as far as the settings know.
fn agent_of(settings: &Workspace, call: Option<&Call>) -> Option<UserId> {
    call.and_then(|call| call.agent.as_ref()).and_then(|agent| settings.telephony.user_of(agent))
}

/// Brings what was made of a call to what is known of it now.
fn follow(tx: &mut WriteTx<'_>, settings: &Workspace, kept: &mut Kept, before: Option<&Call>, call: &Call) -> Result<()> {
    let (communication, was) = match kept.communication_id {
        Some(id) => (change(tx, settings, id, before, call)?, before.map(|call| call.status)),
        None => match card(tx, settings, kept, call)? {
            Some((contact, asked)) => (make(tx, settings, kept, call, &contact, asked)?, None),
            None => return Ok(()),
        },
    };
    let contact =
        contacts::find_regardless(tx, communication.contact_id.uuid())?.ok_or_else(|| Problem::internal("a call without its card"))?;
    let contact = take_over(tx, settings, kept, call, contact)?;
    if let Some(before) = before.filter(|_| was.is_some()) {
        correct(tx, kept, before, call, &communication)?;
    }
    match (was, call.status) {
        (Some(CommunicationStatus::Done), CommunicationStatus::Done) | (Some(CommunicationStatus::Missed), CommunicationStatus::Missed) => {
        }
        (_, CommunicationStatus::Done) => {
            withdraw(tx, kept)?;
            contacts::touch_communication(tx, contact.id, call.started_at)?;
            let concerned = concerned(tx, &communication)?;
            lead::note_response(tx, concerned, call.responded_at())?;
        }
        (_, CommunicationStatus::Missed) => plan(tx, settings, kept, call, &communication, &contact)?,
        (_, CommunicationStatus::Planned) => {}
    }
    Ok(())
}

/// The enquiries a call is about.
fn concerned(tx: &mut WriteTx<'_>, communication: &Communication) -> Result<Vec<Lead>> {
    Ok(match communication.lead_id {
        Some(id) => Lead::find(tx, id.uuid())?.into_iter().collect(),
        None => leads::open_of_contact(tx, communication.contact_id, 50)?,
    })
}

/// An earlier event that is told later moves the times that were concluded without it.
fn correct(tx: &mut WriteTx<'_>, kept: &Kept, before: &Call, call: &Call, communication: &Communication) -> Result<()> {
    let (was, is) = (before.responded_at(), call.responded_at());
    if (was, before.started_at) == (is, call.started_at) {
        return Ok(());
    }
    for lead in concerned(tx, communication)? {
        let lead: Lead = record::get_to_change(tx, lead.uuid())?;
        let mut after = lead.clone();
        if kept.lead_id == Some(lead.id) && lead.received_at == before.started_at {
            after.received_at = call.started_at;
        }
        if before.status == CommunicationStatus::Done && lead.first_response_at == Some(was.max(lead.received_at)) {
            after.first_response_at = Some(is.max(after.received_at));
        }
        record::store_change(tx, &lead, after, Action::Updated)?;
    }
    Ok(())
}

/// The card of the other side: known by its number, or made where the settings say so.
fn card(tx: &mut WriteTx<'_>, settings: &Workspace, kept: &mut Kept, call: &Call) -> Result<Option<(Contact, Option<Asked>)>> {
    // withheld numbers and extensions are nobody's
    let Ok(number) = phone::parse(call.other_number(), &settings.country) else { return Ok(None) };
    let identity = Identity::phone(&number.e164);
    duplicate::lock(tx, std::slice::from_ref(&identity))?;
    if let Some(known) = duplicate::matches(tx, Cards::Contacts, std::slice::from_ref(&identity), None)?.first() {
        return Ok(contacts::find_regardless(tx, known.card)?.map(|contact| (contact, None)));
    }
    if settings.telephony.unknown_number == UnknownNumber::Ignore {
        return Ok(None);
    }
    let company = duplicate::matches(tx, Cards::Companies, std::slice::from_ref(&identity), None)?.first().map(|found| found.card.into());
    let input = NewContact {
        phones: Some(vec![PhoneInput { value: Some(number.e164), ..PhoneInput::default() }]),
        company_id: company,
        source_id: catalogue::source_by_key(tx, "call")?,
        ..NewContact::default()
    };
    let made: Contact = record::make_trusted(tx, settings, &input)?;
    // a client who calls is given by the rules; whom we call is his who calls
    let unowned = Contact { owner_id: None, ..made };
    let asked = match call.direction {
        Direction::Inbound => assignment::ask(tx, &assignment::facts(&unowned, None), None)?,
        Direction::Outbound => None,
    };
    let chosen = asked.as_ref().and_then(|asked| asked.verdict.user);
    let contact = Contact { owner_id: chosen.or(agent_of(settings, Some(call))), ..unowned };
    Contact::insert(tx, &contact, Event::created(&contact))?;
    kept.made_contact = true;
    Ok(Some((contact, asked)))
}

/// The communication a call is; with the enquiry of a client nobody knew.
fn make(
    tx: &mut WriteTx<'_>,
    settings: &Workspace,
    kept: &mut Kept,
    call: &Call,
    contact: &Contact,
    asked: Option<Asked>,
) -> Result<Communication> {
    let asks = kept.made_contact && call.direction == Direction::Inbound && settings.telephony.unknown_number == UnknownNumber::CardAndLead;
    if asks {
        let input = NewLead {
            contact_id: Some(contact.id),
            company_id: contact.company_id,
            source_id: contact.source_id,
            owner_id: contact.owner_id,
            received_at: Some(call.started_at),
            ..NewLead::default()
        };
        let made: Lead = record::make_trusted(tx, settings, &input)?;
        let chosen = asked.as_ref().filter(|asked| asked.verdict.user.is_some());
        let reason = contact.owner_id.map(|_| chosen.map_or("took the call".to_owned(), |asked| asked.verdict.reason.clone()));
        let lead = Lead { owner_id: contact.owner_id, assignment_reason: reason, ..made };
        Lead::insert(tx, &lead, Event::created(&lead))?;
        escalation::watch(tx, settings, &lead)?;
        kept.lead_id = Some(lead.id);
        if let Some(asked) = asked {
            assignment::note(tx, lead.id, Occasion::Call, asked)?;
        }
    }
    let input = NewCommunication {
        channel: Some(Channel::Call),
        direction: Some(call.direction),
        status: Some(call.status),
        occurred_at: Some(call.started_at),
        duration_seconds: call.duration_seconds,
        contact_id: Some(contact.id),
        lead_id: kept.lead_id,
        recording_url: call.recording_url.clone(),
        transcript: call.transcript.clone(),
        ..NewCommunication::default()
    };
    let made: Communication = record::make_trusted(tx, settings, &input)?;
    // a call that rings was not planned
    let communication =
        Communication { owner_id: agent_of(settings, Some(call)), planned_at: None, planned_duration_seconds: None, ..made };
    Communication::insert(tx, &communication, Event::created(&communication))?;
    kept.communication_id = Some(communication.id);
    Ok(communication)
}

/// Writes what is told anew; what a person wrote into the communication meanwhile stays.
fn change(tx: &mut WriteTx<'_>, settings: &Workspace, id: CommunicationId, before: Option<&Call>, call: &Call) -> Result<Communication> {
    fn renew<T: PartialEq + Clone>(field: &mut T, was: Option<T>, is: T) {
        if was.as_ref() != Some(&is) {
            *field = is;
        }
    }
    tx.hold(RecordType::Communication, id.uuid())?;
    let current = communications::find_regardless(tx, id)?.ok_or_else(|| Problem::internal("a call lost its communication"))?;
    if current.archived_at.is_some() {
        return Ok(current);
    }
    let mut after = current.clone();
    renew(&mut after.status, before.map(|b| b.status), call.status);
    renew(&mut after.direction, before.map(|b| b.direction), call.direction);
    renew(&mut after.occurred_at, before.map(|b| b.started_at), call.started_at);
    renew(&mut after.duration_seconds, before.map(|b| b.duration_seconds), call.duration_seconds);
    renew(&mut after.recording_url, before.map(|b| b.recording_url.clone()), call.recording_url.clone());
    renew(&mut after.transcript, before.map(|b| b.transcript.clone()), call.transcript.clone());
    renew(&mut after.owner_id, Some(agent_of(settings, before)), agent_of(settings, Some(call)));
    record::store_change(tx, &current, after, Action::Updated)
}

/// Who talked takes the card and the enquiry that this call made and that are still nobody's.
fn take_over(tx: &mut WriteTx<'_>, settings: &Workspace, kept: &Kept, call: &Call, contact: Contact) -> Result<Contact> {
    let Some(owner) = agent_of(settings, Some(call)).filter(|_| kept.made_contact && contact.owner_id.is_none()) else {
        return Ok(contact);
    };
    tx.hold(RecordType::Contact, contact.uuid())?;
    let after = Contact { owner_id: Some(owner), ..contact.clone() };
    let contact = record::store_change(tx, &contact, after, Action::Assigned)?;
    if let Some(id) = kept.lead_id {
        tx.hold(RecordType::Lead, id.uuid())?;
        if let Some(lead) = Lead::find(tx, id.uuid())?.filter(|lead| lead.owner_id.is_none()) {
            let after = Lead { owner_id: Some(owner), assignment_reason: Some("took the call".into()), ..lead.clone() };
            record::store_change(tx, &lead, after, Action::Assigned)?;
        }
    }
    Ok(contact)
}

/// What is to be done after a missed call.
fn plan(
    tx: &mut WriteTx<'_>,
    settings: &Workspace,
    kept: &mut Kept,
    call: &Call,
    communication: &Communication,
    contact: &Contact,
) -> Result<()> {
    if kept.task_id.is_some() || communication.archived_at.is_some() {
        return Ok(());
    }
    let language = settings.languages.first().map_or("en", String::as_str);
    let made = match call.direction {
        Direction::Inbound => {
            // who called three times wants to be called back once
            if task::is_open(tx, contact.id, CALL_BACK)? {
                return Ok(());
            }
            let Some(owner) = responsible(tx, contact)? else { return Ok(()) };
            let due = call.started_at + chrono::Duration::minutes(settings.telephony.callback_minutes);
            plan_call(tx, settings, CALL_BACK, call_back_title(language).into(), due, owner, communication)?
        }
        Direction::Outbound => match plan_again(tx, communication, contact)? {
            Some(task) => task,
            None => return Ok(()),
        },
    };
    kept.task_id = Some(made.id);
    Ok(())
}

/// The responsible person of a card, or who stands in for nobody.
fn responsible(tx: &mut WriteTx<'_>, contact: &Contact) -> Result<Option<UserId>> {
    Ok(user::or_on_duty(tx, contact.owner_id)?)
}

/// The next try to reach a client who did not pick up, as the workspace's `repeat_contact` says.
fn plan_again(tx: &mut WriteTx<'_>, communication: &Communication, contact: &Contact) -> Result<Option<Task>> {
    let Some(owner) = (match communication.owner_id {
        Some(owner) => Some(owner),
        None => responsible(tx, contact)?,
    }) else {
        return Ok(None);
    };
    let told = NoAnswer { occurred_at: Some(communication.occurred_at), comment: None };
    let call = Communication { owner_id: Some(owner), ..communication.clone() };
    Ok(no_answer(tx, contact.id, None, Some(call), &told)?.next_task)
}

fn plan_call(
    tx: &mut WriteTx<'_>,
    settings: &Workspace,
    kind: &str,
    title: String,
    due: chrono::DateTime<chrono::Utc>,
    owner: UserId,
    communication: &Communication,
) -> Result<Task> {
    let input = NewTask {
        kind: Some(kind.into()),
        title: Some(title),
        due_at: Some(due),
        owner_id: Some(owner),
        priority: Some(Priority::High),
        contact_id: Some(communication.contact_id),
        lead_id: communication.lead_id,
        ..NewTask::default()
    };
    task::plan(tx, settings, &input)
}

/// It was answered after all: nobody has to call back.
fn withdraw(tx: &mut WriteTx<'_>, kept: &mut Kept) -> Result<()> {
    if let Some(id) = kept.task_id.take() {
        task::withdraw(tx, id, "the call was answered")?;
    }
    Ok(())
}

/// What became of a call, as far as the asker sees it.
fn tell(tx: &mut WriteTx<'_>, settings: &Workspace, kept: &Kept) -> Result<CallAnswer> {
    let communication = match kept.communication_id {
        Some(id) => communications::find_regardless(tx, id)?,
        None => None,
    };
    let contact = match &communication {
        Some(found) => Contact::find(tx, found.contact_id.uuid())?,
        None => None,
    };
    let asker = tx.scope().actor().user();
    let lead = match kept.lead_id {
        Some(id) => Lead::find(tx, id.uuid())?,
        None => None,
    };
    let responsible = lookup::responsible(tx, settings, contact.as_slice())?;
    let hints = match &contact {
        Some(contact) => view::hints_on(tx, contact)?,
        None => Vec::new(),
    };
    Ok(CallAnswer {
        hints,
        call_id: kept.call_id.clone(),
        communication: communication.filter(|found| contact.is_some() || (asker.is_some() && found.owner_id == asker)),
        contact,
        lead,
        created_contact: kept.made_contact,
        created_lead: kept.lead_id.is_some(),
        responsible,
    })
}
