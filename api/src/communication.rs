//! Communications over HTTP. Recording one times the first reaction to the client's enquiries and can make the next step.

pub mod chain;
pub mod meeting;
pub mod outcome;

use kartoteka_domain::{
    communication::{
        Communication, ListCommunications, NewCommunication, NextMeeting, Party,
        chain::{Place, leads_from},
    },
    contact::{EmailInput, NewContact, OnDuplicate, PhoneInput},
    deal::Deal,
    event::Event,
    id::ContactId,
    invalid::FieldCode,
    lead::Lead,
    record::Record,
    task::NewTask,
    workspace::Policy,
};
use kartoteka_persistence::{
    Stored, WriteTx, communication as store, contact as contacts, deal as deals, duplicate, lead as leads, workspace,
};
use uuid::Uuid;

use self::outcome::Sent;
use crate::{
    answer::{Created, Found},
    contact, lead,
    problem::{Problem, Result},
    record,
    request::{IfMatch, Patch},
};

crud! { Communication, NewCommunication, ListCommunications; "communications", "/v1/communications", "/v1/communications/{id}", "/v1/communications/{id}/restore";
    list list_communications "List communications", get get_communication "Get a communication", read ReadCommunications, expand expand;
    create create_communication "Record a communication", right CreateCommunications, by create;
    update update_communication "Change a communication", right UpdateCommunications, by update;
    archive archive_communication "Archive a communication", by record::archive::<Communication>;
    restore restore_communication "Restore a communication", by record::restore::<Communication>;
}

/// Records a communication.
pub fn create(tx: &mut WriteTx<'_>, input: &NewCommunication) -> Result<Created<Communication>> {
    let mut input = input.clone();
    if input.contact_id.is_some() && input.party.is_some() {
        return Err(Problem::invalid("/party", FieldCode::ConflictingFields));
    }
    if let Some(id) = input.lead_id
        && input.contact_id.is_none()
        && input.party.is_none()
    {
        input.contact_id = Lead::find(tx, id.uuid())?.map(|lead| lead.contact_id);
    }
    if let Some(id) = input.deal_id
        && input.contact_id.is_none()
        && input.party.is_none()
    {
        input.contact_id = Deal::find(tx, id.uuid())?.and_then(|deal| deal.contact_id());
    }
    if let (None, Some(party)) = (input.contact_id, &input.party) {
        input.contact_id = Some(card_of(tx, party)?);
    }
    let mut communication: Communication = record::make(tx, &input, None)?;
    check_links(tx, &communication)?;
    tx.explain_next_step(input.no_next_step_reason.as_deref(), "/next_task");
    let sent = Sent { words: input.outcome.is_some(), task: input.next_task.as_ref(), meeting: input.next_meeting.as_ref() };
    let meeting = outcome::follow(tx, None, &mut communication, sent)?;
    check_outcome(tx, &mut communication)?;
    Communication::insert(tx, &communication, Event::created(&communication))?;
    outcome::keep(tx, meeting.as_ref())?;
    consequences(tx, &communication)?;
    Ok(Created::new(communication))
}

/// The outcome guarantee: what the policy says of a talk that tells neither what came of it nor a next step.
fn check_outcome(tx: &mut WriteTx<'_>, communication: &mut Communication) -> Result<()> {
    match communication.outcome_verdict(workspace::current(tx)?.policies.outcome) {
        Policy::Off => Ok(()),
        Policy::Warn => {
            communication.warn(record::warning("outcome_missing", "this communication says neither what came of it nor a next step"));
            Ok(())
        }
        Policy::Require => Err(Problem::invalid("/outcome", FieldCode::OutcomeRequired)),
    }
}

/// What led here must not itself go back to here.
pub(crate) fn check_chain(tx: &mut WriteTx<'_>, before: &Communication, after: &Communication) -> Result<()> {
    let Some(cause) = after.cause().filter(|cause| before.cause() != Some(*cause)) else { return Ok(()) };
    // two that would close a circle together come one after the other
    duplicate::lock(tx, &[kartoteka_domain::contact::Identity { kind: "chain", value: String::new() }])?;
    if leads_from(cause, Place::of(after), |place| store::cause_of(tx, place))? {
        let pointer = if after.triggered_by.is_some() { "/triggered_by/id" } else { "/task_id" };
        return Err(Problem::invalid(pointer, FieldCode::Cycle));
    }
    Ok(())
}

/// Lead and task must be about the same client.
pub(crate) fn check_links(tx: &mut WriteTx<'_>, communication: &Communication) -> Result<()> {
    record::check_lead(tx, communication.lead_id, Some(communication.contact_id))?;
    record::check_deal(tx, communication.deal_id, Some(communication.contact_id))?;
    let task = match communication.task_id {
        Some(id) => kartoteka_domain::task::Task::find(tx, id.uuid())?,
        None => None,
    };
    match task.and_then(|task| task.contact_id) {
        Some(contact) if contact != communication.contact_id => Err(Problem::invalid("/task_id", FieldCode::ConflictingFields)),
        _ => Ok(()),
    }
}

/// What a communication means for the card and its enquiries.
pub fn consequences(tx: &mut WriteTx<'_>, communication: &Communication) -> Result<()> {
    if communication.status == kartoteka_domain::communication::CommunicationStatus::Done {
        contacts::touch_communication(tx, communication.contact_id, communication.occurred_at)?;
        if let Some(id) = communication.deal_id {
            deals::touch_communication(tx, id.uuid(), communication.occurred_at)?;
        }
    }
    if communication.is_response() {
        let concerned = match communication.lead_id {
            Some(id) => Lead::find(tx, id.uuid())?.into_iter().collect(),
            None => leads::open_of_contact(tx, communication.contact_id, 50)?,
        };
        lead::note_response(tx, concerned, communication.occurred_at)?;
    }
    Ok(())
}

/// The card of an unknown number or address: found, or made.
fn card_of(tx: &mut WriteTx<'_>, party: &Party) -> Result<ContactId> {
    let new = NewContact {
        display_name: party.name.clone(),
        phones: party.phone.clone().map(|value| vec![PhoneInput { value: Some(value), ..PhoneInput::default() }]),
        emails: party.email.clone().map(|value| vec![EmailInput { value: Some(value), ..EmailInput::default() }]),
        ..NewContact::default()
    };
    let pointed = |mut problem: Problem| {
        for error in &mut problem.errors {
            error.pointer = match error.pointer.as_str() {
                "/phones/0/value" => "/party/phone".into(),
                "/emails/0/value" => "/party/email".into(),
                _ => "/party/name".into(),
            };
        }
        problem
    };
    let created = contact::create(tx, &new, OnDuplicate::Attach).map_err(pointed)?;
    Ok(created.record.id)
}

pub(crate) fn update(tx: &mut WriteTx<'_>, id: Uuid, patch: &Patch<NewCommunication>, if_match: &IfMatch) -> Result<Found<Communication>> {
    let (task, meeting): (Option<NewTask>, Option<NextMeeting>) = (patch.part("next_task")?, patch.part("next_meeting")?);
    let sent = Sent { words: patch.names("outcome"), task: task.as_ref(), meeting: meeting.as_ref() };
    let Found(after) = record::change(tx, id, patch, if_match, |tx, before: &Communication, after: &mut Communication| {
        check_links(tx, after)?;
        // a recorded communication stays with its client: moving it would falsify two histories
        if before.contact_id != after.contact_id {
            return Err(Problem::invalid("/contact_id", FieldCode::Unchangeable));
        }
        check_chain(tx, before, after)?;
        meeting::compare(tx, before, after, patch.names("coordinates"))?;
        let agreed = outcome::follow(tx, Some(before), after, sent)?;
        outcome::keep(tx, agreed.as_ref())?;
        check_outcome(tx, after)
    })?;
    if after.archived_at().is_none() {
        consequences(tx, &after)?;
    }
    Ok(Found(after))
}
