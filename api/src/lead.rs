//! Leads over HTTP.

use kartoteka_domain::{
    access::{RecordType, Verb},
    contact::Contact,
    deal::{Deal, DealContact, NewDeal},
    event::{Action, Event},
    id::ContactId,
    invalid::{FieldCode, FieldErrors, line},
    lead::{Lead, LeadQualification, LeadRejection, LeadStatus, ListLeads, NewLead, QualifiedLead},
    next_step::Subject,
    record::{Made, Record},
    task::Task,
    working_time::WorkingTime,
};
use kartoteka_persistence::{Reading, Stored, WriteTx, next_step as store_next_step, reference, task as tasks, workspace};
use uuid::Uuid;
use validator::Validate;

use crate::{
    answer::{Answer, Created, Found, Plain},
    can::{Can, UpdateLeads},
    deal, escalation,
    next_step::{self, InPatch, Links, Sent},
    problem::{Problem, ProblemCode, Result},
    record,
    request::{At, IfMatch, Patch, Valid},
    task,
};

crud! { Lead, NewLead, ListLeads; "leads", "/v1/leads", "/v1/leads/{id}", "/v1/leads/{id}/restore";
    list list_leads "List leads", get get_lead "Get a lead", read ReadLeads, expand expand;
    create create_lead "Create a lead", right CreateLeads, by create;
    update update_lead "Change a lead", right UpdateLeads, by update;
    archive archive_lead "Archive a lead", by record::archive::<Lead>;
    restore restore_lead "Restore a lead", by record::restore::<Lead>;
}

/// Qualify a lead
///
/// Makes a deal of it, in one transaction: with its client, source and marks. Open tasks of the lead are tasks of the deal from then on.
#[utoipa::path(post, path = "/v1/leads/{id}/qualify", tag = "leads")]
pub async fn qualify_lead(
    can: Can<UpdateLeads>,
    at: At<Lead>,
    if_match: IfMatch,
    qualification: Valid<LeadQualification>,
) -> Answer<Plain<QualifiedLead>> {
    can.write(move |tx| qualify(tx, at.0, &if_match, &qualification).map(Plain)).await
}

/// Reject a lead
///
/// With a reason of the workspace's list. A qualified lead is not rejected: its deal is lost instead.
#[utoipa::path(post, path = "/v1/leads/{id}/reject", tag = "leads")]
pub async fn reject_lead(can: Can<UpdateLeads>, at: At<Lead>, if_match: IfMatch, rejection: Valid<LeadRejection>) -> Answer<Found<Lead>> {
    can.write(move |tx| reject(tx, at.0, &if_match, &rejection)).await
}

/// Makes a lead by hand.
pub fn create(tx: &mut WriteTx<'_>, input: &NewLead) -> Result<Created<Lead>> {
    let mut lead: Lead = record::make(tx, input, None)?;
    record::check_owner::<Lead>(tx, lead.owner_id, tx.scope().actor().user().filter(|_| lead.owner_id.is_some()))?;
    record::ensure_tags(tx, &mut lead.tags)?;
    Lead::insert(tx, &lead, Event::created(&lead))?;
    let settings = workspace::current(tx)?;
    escalation::watch(tx, &settings, &lead)?;
    Ok(Created::new(follow(tx, lead, Sent::new(input.next_task.as_ref(), input.no_next_step_reason.as_deref()))?))
}

/// The next step an input brought along.
fn follow(tx: &mut WriteTx<'_>, lead: Lead, sent: Sent<'_>) -> Result<Lead> {
    let links = Links {
        contact_id: Some(lead.contact_id),
        company_id: lead.company_id,
        lead_id: Some(lead.id),
        owner_id: lead.owner_id,
        ..Links::default()
    };
    let subject = Subject::Lead(lead.id);
    next_step::follow(tx, lead, subject, sent, links)
}

fn qualify(tx: &mut WriteTx<'_>, id: Uuid, if_match: &IfMatch, qualification: &LeadQualification) -> Result<QualifiedLead> {
    let before: Lead = record::get_in_use(tx, id, if_match)?;
    if !before.status.is_open() {
        return Err(Problem::new(ProblemCode::LeadClosed));
    }
    if !tx.may(RecordType::Deal, Verb::Create) {
        return Err(Problem::new(ProblemCode::Forbidden));
    }
    let mut errors = FieldErrors::default();
    errors.absorb(qualification.validate());
    errors.finish()?;
    let contact_id = qualification.contact_id.unwrap_or(before.contact_id);
    let name = match line(qualification.name.as_deref()).or_else(|| before.title.clone()) {
        Some(name) => name,
        // a client out of the asker's sight, or none at all: what is wrong with him is told at its place
        None => match Contact::find(tx, contact_id.uuid())? {
            Some(contact) => contact.display_name,
            None => before.received_at.date_naive().to_string(),
        },
    };
    let input = NewDeal {
        name: Some(name),
        contacts: Some(vec![DealContact { contact_id, role: None }]),
        company_id: before.company_id,
        pipeline_id: qualification.pipeline_id,
        stage_id: qualification.stage_id,
        amount: qualification.amount.clone(),
        owner_id: qualification.owner_id.or(before.owner_id),
        source_id: before.source_id,
        utm: Some(before.utm.clone()),
        // another client's deal keeps the way back, but is no lead of his
        lead_id: (contact_id == before.contact_id).then_some(before.id),
        ..NewDeal::default()
    };
    let made = deal::create(tx, &input).map_err(|mut problem| {
        for error in &mut problem.errors {
            error.pointer = match error.pointer.as_str() {
                pointer if pointer.starts_with("/contacts") => "/contact_id".to_owned(),
                // what the stage asks for and a qualification cannot bring: another stage is to be named
                pointer @ ("/line_items" | "/expected_close_on" | "/company_id" | "/source_id" | "/budget" | "/comment")
                    if error.code == FieldCode::Required =>
                {
                    error.given = pointer.strip_prefix('/').map(ToOwned::to_owned);
                    error.code = FieldCode::FieldsMissing;
                    "/stage_id".to_owned()
                }
                pointer => pointer.to_owned(),
            };
        }
        problem
    })?;
    for task in tasks::open_of_lead(tx, before.id)? {
        if task.deal_id.is_none() && task.contact_id.is_none_or(|id| id == contact_id) {
            let moved = Task { deal_id: Some(made.record.id), ..task.clone() };
            record::store_change(tx, &task, moved, Action::Updated)?;
        }
    }
    let qualified = timed(tx, &before, before.qualified(made.record.id, tx.now()))?;
    let lead = record::store_change(tx, &before, qualified, Action::Updated)?;
    store_next_step::refresh(tx, Subject::Deal(made.record.id), None)?;
    let sent = Sent::new(qualification.next_task.as_ref(), qualification.no_next_step_reason.as_deref());
    let deal = deal::follow(tx, made.record, sent)?;
    Ok(QualifiedLead { deal: Deal::find(tx, deal.id.uuid())?.unwrap_or(deal), lead })
}

pub(crate) fn update(tx: &mut WriteTx<'_>, id: Uuid, patch: &Patch<NewLead>, if_match: &IfMatch) -> Result<Found<Lead>> {
    let sent = InPatch::of(patch)?;
    let mut former = None;
    let Found(after) = record::change(tx, id, patch, if_match, |tx, before: &Lead, after: &mut Lead| {
        check(tx, before, after)?;
        former = Some(before.contact_id).filter(|contact| *contact != after.contact_id);
        // leaving `new` is a reaction of ours
        if before.status == LeadStatus::New && after.status != LeadStatus::New && after.first_response_at.is_none() {
            after.first_response_at = Some(tx.now());
        }
        *after = timed(tx, before, after.clone())?;
        Ok(())
    })?;
    if let Some(former) = former {
        take_along(tx, &after, former)?;
    }
    Ok(Found(follow(tx, after, sent.sent())?))
}

/// A lead of another client: what was to be done about it with the former one is to be done with him.
fn take_along(tx: &mut WriteTx<'_>, lead: &Lead, former: ContactId) -> Result<()> {
    for before in tasks::open_of_lead(tx, lead.id)? {
        if before.contact_id == Some(former) && before.deal_id.is_none() {
            let moved = Task { contact_id: Some(lead.contact_id), ..before.clone() };
            let moved = record::store_change(tx, &before, moved, Action::Updated)?;
            task::refresh(tx, &before)?;
            task::refresh(tx, &moved)?;
        }
    }
    Ok(())
}

/// What a change of a lead must satisfy beside its own rules.
pub(crate) fn check(tx: &mut WriteTx<'_>, before: &Lead, after: &mut Lead) -> Result<()> {
    if !before.may_turn(after.status) {
        return Err(Problem::new(ProblemCode::LeadClosed));
    }
    record::check_owner::<Lead>(tx, after.owner_id, before.owner_id)?;
    record::ensure_tags(tx, &mut after.tags)
}

fn reject(tx: &mut WriteTx<'_>, id: Uuid, if_match: &IfMatch, rejection: &LeadRejection) -> Result<Found<Lead>> {
    let before: Lead = record::get_in_use(tx, id, if_match)?;
    if before.status == LeadStatus::Qualified {
        return Err(Problem::new(ProblemCode::LeadClosed));
    }
    let mut errors = FieldErrors::default();
    errors.absorb(rejection.validate());
    if rejection.reject_reason_id.is_none() {
        errors.add("/reject_reason_id", FieldCode::Required);
    }
    let comment = kartoteka_domain::invalid::prose(rejection.comment.as_deref());
    let after = before.rejected(rejection.reject_reason_id, comment, tx.now());
    reference::check(tx, &after.references(), &before.references(), &mut errors)?;
    errors.finish()?;
    let after = timed(tx, &before, after)?;
    record::store_change(tx, &before, after, Action::Updated).map(Found)
}

/// With the working time that the first reaction took.
fn timed(tx: &mut WriteTx<'_>, before: &Lead, after: Lead) -> Result<Lead> {
    let settings = workspace::current(tx)?;
    Ok(after.timed(before, &WorkingTime::of(&settings)))
}

/// Somebody reacted to the client: his new leads are in work, the first reaction is timed.
pub fn note_response(tx: &mut WriteTx<'_>, leads: Vec<Lead>, at: chrono::DateTime<chrono::Utc>) -> Result<()> {
    for lead in leads {
        if lead.is_answered_first(at) && lead.archived_at().is_none() {
            // read again under its lock: somebody else may have been first
            let lead: Lead = record::get_to_change(tx, lead.uuid())?;
            if !lead.is_answered_first(at) {
                continue;
            }
            let responded = timed(tx, &lead, lead.responded(at))?;
            record::store_change(tx, &lead, responded, Action::Updated)?;
        }
    }
    Ok(())
}
