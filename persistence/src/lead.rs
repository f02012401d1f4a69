//! Leads with their tags.

use diesel::prelude::*;
use kartoteka_domain::{
    access::{RecordType, Scope},
    event::Event,
    id::{ContactId, WorkspaceId},
    lead::{Lead, ListLeads},
    list::{AnyOf, Page},
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    catalogue,
    db::{At, Doc, Uid},
    entity::{Entity, Stored, pack, revive},
    fragment::{self, Fragment},
    schema::lead,
    store::{Reading, StoreError, WriteTx},
};

row! {
    LeadRow in lead {
        contact_id: Uid, company_id: Option<Uid>, form_id: Option<Uid>, submission_id: Option<Uid>, source_id: Option<Uid>, status: String,
        reject_reason_id: Option<Uid>, owner_id: Option<Uid>, received_at: At, first_response_at: Option<At>, search_text: String,
        profile: Doc, #[diesel(skip_update)] next_task_at: Option<At>, #[diesel(skip_update)] next_task_key: At, #[diesel(skip_update)] no_next_step_reason: Option<String>,
    }
}
keyed!(LeadRow { received_at, updated_at, next_task_key });

const ELSEWHERE: &[&str] = &[
    "contact_id",
    "company_id",
    "form_id",
    "submission_id",
    "source_id",
    "status",
    "reject_reason_id",
    "owner_id",
    "received_at",
    "first_response_at",
    "next_task_at",
    "no_next_step_reason",
    "tags",
];

fn row(workspace: WorkspaceId, l: &Lead) -> Result<LeadRow, StoreError> {
    Ok(stamped! { LeadRow of l, in workspace.into();
    contact_id: l.contact_id.into(),
    company_id: l.company_id.map(Uid::from),
    form_id: l.form_id.map(Uid::from),
    submission_id: l.submission_id.map(Uid::from),
    source_id: l.source_id.map(Uid::from),
    status: l.status.word().to_owned(),
    reject_reason_id: l.reject_reason_id.map(Uid::from),
    owner_id: l.owner_id.map(Uid::from),
    received_at: At(l.received_at),
    first_response_at: l.first_response_at.map(At),
    search_text: l.search_text(),
    profile: pack(l, ELSEWHERE)?,
    next_task_at: l.next_task_at.map(At),
    next_task_key: At(l.next_task_at.unwrap_or_else(fragment::far_future)),
    no_next_step_reason: l.no_next_step_reason.clone(),    })
}

fn load(tx: &mut dyn Reading, rows: Vec<LeadRow>) -> Result<Vec<Lead>, StoreError> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id.0).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut tags = catalogue::tags_of(tx, catalogue::Tagged::Leads, &ids)?;
    rows.into_iter()
        .map(|row| {
            let columns = [
                ("contact_id", json!(row.contact_id)),
                ("company_id", json!(row.company_id)),
                ("form_id", json!(row.form_id)),
                ("submission_id", json!(row.submission_id)),
                ("source_id", json!(row.source_id)),
                ("status", json!(row.status)),
                ("reject_reason_id", json!(row.reject_reason_id)),
                ("owner_id", json!(row.owner_id)),
                ("received_at", json!(row.received_at)),
                ("first_response_at", json!(row.first_response_at)),
                ("next_task_at", json!(row.next_task_at)),
                ("no_next_step_reason", json!(row.no_next_step_reason)),
                ("tags", json!(tags.remove(&row.id.0).unwrap_or_default())),
            ];
            revive(row.profile.clone(), row.envelope(), columns)
        })
        .collect()
}

/// Where `q` looks: neither at words that are hidden from the asker, nor at a client's card that is out of his reach.
fn searched(scope: &Scope) -> Vec<(Fragment, &'static str)> {
    let fields = &scope.actor().role().fields;
    let mut columns = Vec::new();
    if !fields.touches(RecordType::Lead, &["title", "comment"]) {
        columns.push((Fragment::default().sql("lead.search_text"), ""));
    }
    if !fields.touches(RecordType::Contact, &["phones", "emails", "messengers", "external_id"]) {
        let readers = scope.readers(RecordType::Contact);
        let seen = fragment::visible(RecordType::Contact, &readers, &readers, false);
        let card = Fragment::default()
            .sql("EXISTS (SELECT 1 FROM contact WHERE contact.workspace_id = lead.workspace_id AND contact.id = lead.contact_id AND (")
            .then(seen.unwrap_or_else(|| Fragment::default().sql("1 = 1")))
            .sql(") AND contact.search_text");
        columns.push((card, ")"));
    }
    columns
}

impl Stored for Lead {
    type Params = ListLeads;

    fn find(tx: &mut dyn Reading, id: Uuid) -> Result<Option<Self>, StoreError> {
        let row: Option<LeadRow> = seen!(tx, lead, RecordType::Lead).filter(lead::id.eq(Uid::from(id))).first(tx.db().0).optional()?;
        Ok(load(tx, row.into_iter().collect())?.pop())
    }

    fn list(tx: &mut dyn Reading, params: &ListLeads) -> Result<Page<Self>, StoreError> {
        let request = kartoteka_domain::list::ListParameters::page(params);
        let columns = searched(tx.scope());
        let build = || {
            let mut query = seen!(tx, lead, RecordType::Lead);
            if let Some(archived) = fragment::archived(request.archived, "lead.archived_at") {
                query = query.filter(archived);
            }
            narrow!(query, params; lead.contact_id in contact_id, lead.company_id in company_id, lead.owner_id in owner_id, lead.source_id in source_id,
                lead.form_id in form_id, lead.reject_reason_id in reject_reason_id);
            narrow!(query, words params; lead.status in status);
            narrow!(query, from params; lead.received_at in received_after, lead.updated_at in updated_after);
            narrow!(query, until params; lead.received_at in received_before);
            if let Some(unassigned) = params.unassigned {
                query = if unassigned { query.filter(lead::owner_id.is_null()) } else { query.filter(lead::owner_id.is_not_null()) };
            }
            if let Some(AnyOf(names)) = &params.tag {
                query = query.filter(fragment::tagged("lead.id", "t.lead_id", tx.workspace(), names));
            }
            if let Some(found) = params.q.as_deref().and_then(|q| fragment::search_in(&columns, q)) {
                query = query.filter(found);
            }
            query
        };
        let mut rows = page!(tx, LeadRow, lead, request, ["received_at", "updated_at", "next_task_key"], build);
        let records = load(tx, rows.take())?;
        Ok(rows.into_page(records))
    }

    fn insert(tx: &mut WriteTx<'_>, new: &Self, event: Event) -> Result<(), StoreError> {
        let recorded = tx.record(event)?;
        row(tx.workspace(), new)?.insert(tx.db().0, &recorded)?;
        catalogue::tag(tx, catalogue::Tagged::Leads, new.id.uuid(), &new.tags, &recorded)
    }

    fn update(tx: &mut WriteTx<'_>, before: &Self, after: &Self, event: Event) -> Result<(), StoreError> {
        let workspace = tx.workspace();
        let recorded = replace!(tx, row(workspace, after)?, before.version, event);
        delete_parts!(tx.db().0, &recorded, tagging, workspace, lead_id = after.id.uuid())?;
        catalogue::tag(tx, catalogue::Tagged::Leads, after.id.uuid(), &after.tags, &recorded)
    }
}

/// Stores a change of its own columns alone: its parts are as they were.
pub(crate) fn update_itself(tx: &mut WriteTx<'_>, before: &Lead, after: &Lead, event: Event) -> Result<(), StoreError> {
    replace!(tx, row(tx.workspace(), after)?, before.version, event);
    Ok(())
}

/// Several by id, those the scope sees.
pub fn find_many(tx: &mut dyn Reading, ids: &[Uuid]) -> Result<Vec<Lead>, StoreError> {
    let rows: Vec<LeadRow> = seen!(tx, lead, RecordType::Lead).filter(fragment::one_of("lead.id", ids.iter().copied())).load(tx.db().0)?;
    load(tx, rows)
}

/// Open leads of a contact, newest first, at most `most`; whatever the asker's reach when the server concludes from them.
pub fn open_of_contact(tx: &mut dyn Reading, contact: ContactId, most: i64) -> Result<Vec<Lead>, StoreError> {
    let rows: Vec<LeadRow> = seen!(tx, lead, RecordType::Lead)
        .filter(lead::contact_id.eq(Uid::from(contact)))
        .filter(fragment::one_text_of("lead.status", ["new".to_owned(), "in_work".to_owned()]))
        .filter(lead::archived_at.is_null())
        .order((lead::received_at.desc(), lead::id.desc()))
        .limit(most)
        .load(tx.db().0)?;
    load(tx, rows)
}

/// Open leads of some contacts, newest first, at most `most`.
pub fn open_of_contacts(tx: &mut dyn Reading, contacts: &[Uuid], most: i64) -> Result<Vec<Lead>, StoreError> {
    let rows: Vec<LeadRow> = seen!(tx, lead, RecordType::Lead)
        .filter(fragment::one_of("lead.contact_id", contacts.iter().copied()))
        .filter(fragment::one_text_of("lead.status", ["new".to_owned(), "in_work".to_owned()]))
        .filter(lead::archived_at.is_null())
        .order((lead::received_at.desc(), lead::id.desc()))
        .limit(most)
        .load(tx.db().0)?;
    load(tx, rows)
}
