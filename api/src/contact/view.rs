//! The client in one answer, and everything that happened, newest first.

use kartoteka_domain::{
    contact::Contact,
    lead::Lead,
    list::{AnyOf, Page},
    timeline::{ContactOverview, TimelineItem, TimelineKind, TimelineParams},
};
use kartoteka_persistence::{ReadTx, Stored, deal, lead, task, timeline};

use crate::{
    answer::{Answer, Plain},
    can::{Can, ReadContacts},
    problem::Result,
    record,
    request::{At, Params},
};

/// Get the whole client
///
/// Card, company, next step, open tasks, leads and deals, last communications and notes in one request.
#[utoipa::path(get, path = "/v1/contacts/{id}/overview", tag = "contacts")]
pub async fn get_contact_overview(can: Can<ReadContacts>, at: At<Contact>) -> Answer<Plain<ContactOverview>> {
    can.read(move |tx| {
        let contact = record::get(tx, at.0)?;
        overview(tx, contact).map(Plain)
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

fn overview(tx: &mut ReadTx<'_>, contact: Contact) -> Result<ContactOverview> {
    let open_tasks = task::open_of_contact(tx, contact.id, 20)?;
    let open_leads: Vec<Lead> = lead::open_of_contact(tx, contact.id, 20)?;
    let company = match contact.company_id {
        Some(id) => kartoteka_domain::company::Company::find(tx, id.uuid())?,
        None => None,
    };
    Ok(ContactOverview {
        company,
        next_task: open_tasks.iter().find(|t| t.due_at.is_some()).cloned(),
        open_leads,
        open_deals: deal::open_of_contact(tx, contact.id, 20)?,
        recent_communications: timeline::recent_communications(tx, contact.id, 10)?,
        recent_notes: timeline::recent_notes(tx, contact.id, 10)?,
        client_since: contact.created_at,
        open_tasks,
        contact,
    })
}
