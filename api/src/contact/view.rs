//! The client in one answer, and everything that happened, newest first.

use chrono::{DateTime, Utc};
use kartoteka_domain::{
    access::{Reach, RecordType, Verb},
    communication::Communication,
    contact::Contact,
    deal::{
        Deal,
        turnover::{OverviewParams, TOLD, Turnover},
    },
    hint::{Facts, Hint, hints},
    id::ContactId,
    lead::Lead,
    list::{AnyOf, Page},
    task::Task,
    timeline::{ContactOverview, TimelineItem, TimelineKind, TimelineParams},
};
use kartoteka_persistence::{ReadTx, Reading, Stored, WriteTx, deal, lead, pipeline, task, timeline, workspace};

use crate::{
    answer::{Answer, Plain},
    can::{Can, ReadContacts},
    clock,
    problem::Result,
    record,
    request::{At, Params},
};

/// Get the whole client
///
/// Card, company, next step, open tasks, leads and deals, last communications and notes, turnover in one request.
#[utoipa::path(get, path = "/v1/contacts/{id}/overview", tag = "contacts")]
pub async fn get_contact_overview(
    can: Can<ReadContacts>,
    at: At<Contact>,
    params: Params<OverviewParams>,
) -> Answer<Plain<ContactOverview>> {
    let now = clock::now();
    can.read(move |tx| {
        let contact = record::get(tx, at.0)?;
        overview(tx, contact, params.turnover_since.map(|since| since.0), now).map(Plain)
    })
    .await
}

/// Get a client's timeline
///
/// Communications, tasks, notes, leads, deals and their moves, submissions and changes of the card, newest first, by cursor.
#[utoipa::path(get, path = "/v1/contacts/{id}/timeline", tag = "contacts")]
pub async fn get_contact_timeline(can: Can<ReadContacts>, at: At<Contact>, params: Params<TimelineParams>) -> Answer<Page<TimelineItem>> {
    can.read(move |tx| {
        let contact: Contact = record::get(tx, at.0)?;
        let mut kinds = params.kind.as_ref().map_or(TimelineKind::ALL, |AnyOf(kinds)| kinds.as_slice()).to_vec();
        kinds.sort_unstable();
        kinds.dedup();
        Ok(timeline::of_contact(tx, contact.id, &kinds, params.limit.unwrap_or_default().get(), params.cursor.as_deref())?)
    })
    .await
}

/// What is at hand of a client.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// Open tasks.
    pub tasks: &'a [Task],
    /// Open leads.
    pub leads: &'a [Lead],
    /// Open deals.
    pub deals: &'a [Deal],
    /// The last communications.
    pub communications: &'a [Communication],
}

/// Hints on a client. They say in words what fields hold: whoever has fields hidden or masked from him gets none.
pub fn advice(tx: &mut dyn Reading, contact: &Contact, known: Known<'_>, now: DateTime<Utc>) -> Result<Vec<Hint>> {
    if !tx.scope().actor().role().fields.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<_> = known.deals.iter().map(|deal| deal.pipeline_id.uuid()).collect();
    let pipelines = if ids.is_empty() { Vec::new() } else { pipeline::find_many(tx, &ids)? };
    let settings = workspace::current(tx)?;
    Ok(hints(&Facts {
        contact,
        tasks: known.tasks,
        leads: known.leads,
        deals: known.deals,
        pipelines: &pipelines,
        communications: known.communications,
        language: settings.languages.first().map_or("en", String::as_str),
        now,
    }))
}

/// Hints on a client of whom nothing is at hand yet.
pub fn hints_on(tx: &mut WriteTx<'_>, contact: &Contact) -> Result<Vec<Hint>> {
    let tasks = task::open_of_contact(tx, contact.id, 20)?;
    let leads = lead::open_of_contact(tx, contact.id, 20)?;
    let deals = deal::open_of_contact(tx, contact.id, 20)?;
    let communications = timeline::recent_communications(tx, contact.id, 10)?;
    let now = tx.now();
    advice(tx, contact, Known { tasks: &tasks, leads: &leads, deals: &deals, communications: &communications }, now)
}

/// What clients bought, for whoever may see what deals came to.
pub fn turnover(tx: &mut dyn Reading, contacts: &[ContactId], since: Option<DateTime<Utc>>) -> Result<Option<Turnover>> {
    let actor = tx.scope().actor();
    if actor.role().reach(RecordType::Deal, Verb::Read) == Reach::None || actor.role().fields.touches(RecordType::Deal, TOLD) {
        return Ok(None);
    }
    Ok(Some(deal::turnover::of(tx, contacts, since)?))
}

fn overview(tx: &mut ReadTx<'_>, contact: Contact, turnover_since: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Result<ContactOverview> {
    let open_tasks = task::open_of_contact(tx, contact.id, 20)?;
    let open_leads: Vec<Lead> = lead::open_of_contact(tx, contact.id, 20)?;
    let company = match contact.company_id {
        Some(id) => kartoteka_domain::company::Company::find(tx, id.uuid())?,
        None => None,
    };
    let open_deals = deal::open_of_contact(tx, contact.id, 20)?;
    let recent_communications = timeline::recent_communications(tx, contact.id, 10)?;
    let known = Known { tasks: &open_tasks, leads: &open_leads, deals: &open_deals, communications: &recent_communications };
    let hints = advice(tx, &contact, known, now)?;
    Ok(ContactOverview {
        hints,
        turnover: turnover(tx, &[contact.id], turnover_since)?,
        company,
        next_task: open_tasks.iter().find(|t| t.due_at.is_some()).cloned(),
        open_leads,
        open_deals,
        recent_communications,
        recent_notes: timeline::recent_notes(tx, contact.id, 10)?,
        client_since: contact.created_at,
        open_tasks,
        contact,
    })
}
