//! Leads over HTTP.

use kartoteka_domain::{
    event::{Action, Event},
    invalid::{FieldCode, FieldErrors},
    lead::{Lead, LeadRejection, LeadStatus, ListLeads, NewLead},
    record::{Made, Record},
};
use kartoteka_persistence::{Reading, Stored, WriteTx, reference, workspace};
use uuid::Uuid;
use validator::Validate;

use crate::{
    answer::{Answer, Created, Found},
    can::{Can, UpdateLeads},
    escalation,
    problem::{Problem, ProblemCode, Result},
    record,
    request::{At, IfMatch, Patch, Valid},
};

crud! { Lead, NewLead, ListLeads; "leads", "/v1/leads", "/v1/leads/{id}", "/v1/leads/{id}/restore";
    list list_leads "List leads", get get_lead "Get a lead", read ReadLeads, expand expand;
    create create_lead "Create a lead", right CreateLeads, by create;
    update update_lead "Change a lead", right UpdateLeads, by update;
    archive archive_lead "Archive a lead", by record::archive::<Lead>;
    restore restore_lead "Restore a lead", by record::restore::<Lead>;
}

/// Reject a lead
///
/// With a reason of the workspace's list.
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
    Ok(Created::new(lead))
}

fn update(tx: &mut WriteTx<'_>, id: Uuid, patch: &Patch<NewLead>, if_match: &IfMatch) -> Result<Found<Lead>> {
    record::change(tx, id, patch, if_match, |tx, before: &Lead, after: &mut Lead| {
        record::check_owner::<Lead>(tx, after.owner_id, before.owner_id)?;
        record::ensure_tags(tx, &mut after.tags)?;
        // leaving `new` is a reaction of ours
        if before.status == LeadStatus::New && after.status != LeadStatus::New && after.first_response_at.is_none() {
            after.first_response_at = Some(tx.now());
        }
        Ok(())
    })
}

fn reject(tx: &mut WriteTx<'_>, id: Uuid, if_match: &IfMatch, rejection: &LeadRejection) -> Result<Found<Lead>> {
    let before: Lead = record::get_to_change(tx, id)?;
    record::check_version(tx, &before, if_match)?;
    if before.archived_at.is_some() {
        return Err(Problem::new(ProblemCode::Archived));
    }
    let mut errors = FieldErrors::default();
    errors.absorb(rejection.validate());
    if rejection.reject_reason_id.is_none() {
        errors.add("/reject_reason_id", FieldCode::Required);
    }
    let comment = kartoteka_domain::invalid::prose(rejection.comment.as_deref());
    let after = Lead {
        status: LeadStatus::Rejected,
        reject_reason_id: rejection.reject_reason_id,
        comment: match (&before.comment, comment) {
            (Some(old), Some(new)) => Some(format!("{old}\n{new}")),
            (old, new) => new.or_else(|| old.clone()),
        },
        first_response_at: before.first_response_at.or(Some(tx.now())),
        ..before.clone()
    };
    reference::check(tx, &after.references(), &before.references(), &mut errors)?;
    errors.finish()?;
    record::store_change(tx, &before, after, Action::Updated).map(Found)
}

/// Somebody reacted to the client: his new leads are in work, the first reaction is timed.
pub fn note_response(tx: &mut WriteTx<'_>, leads: Vec<Lead>, at: chrono::DateTime<chrono::Utc>) -> Result<()> {
    for lead in leads {
        if lead.first_response_at.is_none() && lead.archived_at().is_none() {
            // read again under its lock: somebody else may have been first
            let lead: Lead = record::get_to_change(tx, lead.uuid())?;
            if lead.first_response_at.is_some() {
                continue;
            }
            let responded = lead.responded(at);
            record::store_change(tx, &lead, responded, Action::Updated)?;
        }
    }
    Ok(())
}
