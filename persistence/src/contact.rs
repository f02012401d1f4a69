//! Contacts with their points, further responsible people and tags.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use kartoteka_domain::{
    access::{Owners, RecordType},
    calendar::days::CardDates,
    contact::{Contact, ListContacts, Responsible},
    event::Event,
    id::{ContactId, WorkspaceId},
    list::{AnyOf, Page},
    text,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    catalogue,
    db::{At, Doc, Uid},
    entity::{Entity, Stored, pack, revive},
    fragment,
    schema::{contact, contact_responsible},
    store::{Reading, Recorded, StoreError, WriteTx},
};

pub(crate) mod point;

row! {
    ContactRow in contact {
        external_id: Option<String>, kind: String, status: Option<String>, display_name: String, sort_key: String, search_text: String,
        company_id: Option<Uid>, owner_id: Option<Uid>, source_id: Option<Uid>, profile: Doc, has_dates: bool,
        #[diesel(skip_update)] next_task_at: Option<At>, #[diesel(skip_update)] next_task_key: At, #[diesel(skip_update)] last_communication_at: Option<At>, #[diesel(skip_update)] no_next_step_reason: Option<String>,
    }
}
keyed!(ContactRow { updated_at, created_at, sort_key, next_task_key });

part! {
    ResponsibleRow in contact_responsible { workspace_id: Uid, id: Uid, contact_id: Uid, user_id: Uid, direction: Option<String>, position: i64 }
}

/// Fields with columns or tables of their own.
const ELSEWHERE: &[&str] = &[
    "external_id",
    "type",
    "status",
    "display_name",
    "company_id",
    "owner_id",
    "source_id",
    "next_task_at",
    "no_next_step_reason",
    "last_communication_at",
    "phones",
    "emails",
    "messengers",
    "responsibles",
    "tags",
];

fn row(workspace: WorkspaceId, c: &Contact) -> Result<ContactRow, StoreError> {
    Ok(stamped! { ContactRow of c, in workspace.into();
    external_id: c.external_id.clone(),
    kind: c.r#type.clone(),
    status: c.status.clone(),
    display_name: c.display_name.clone(),
    sort_key: text::sort_key(c.sorted_by()),
    search_text: c.search_text(),
    company_id: c.company_id.map(Uid::from),
    owner_id: c.owner_id.map(Uid::from),
    source_id: c.source_id.map(Uid::from),
    profile: pack(c, ELSEWHERE)?,
    has_dates: c.birthday.is_some() || !c.dates.is_empty(),
    next_task_at: c.next_task_at.map(At),
    next_task_key: At(c.next_task_at.unwrap_or_else(fragment::far_future)),
    last_communication_at: c.last_communication_at.map(At),
    no_next_step_reason: c.no_next_step_reason.clone(),    })
}

/// Records from rows: three more queries for all of them together.
pub(crate) fn load(tx: &mut dyn Reading, rows: Vec<ContactRow>) -> Result<Vec<Contact>, StoreError> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id.0).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let workspace = tx.workspace();
    let mut points = point::of_contacts(tx, &ids)?;
    let mut tags = catalogue::tags_of(tx, catalogue::Tagged::Contacts, &ids)?;
    let people: Vec<ResponsibleRow> = contact_responsible::table
        .filter(contact_responsible::workspace_id.eq(Uid::from(workspace)))
        .filter(fragment::one_of("contact_responsible.contact_id", ids.iter().copied()))
        .order(contact_responsible::position)
        .load(tx.db().0)?;
    let mut responsibles: HashMap<Uuid, Vec<Responsible>> = HashMap::new();
    for p in people {
        responsibles.entry(p.contact_id.0).or_default().push(Responsible {
            id: p.id.into(),
            user_id: p.user_id.into(),
            direction: p.direction,
        });
    }
    rows.into_iter()
        .map(|row| {
            let points = points.remove(&row.id.0).unwrap_or_default();
            let columns = [
                ("external_id", json!(row.external_id)),
                ("type", json!(row.kind)),
                ("status", json!(row.status)),
                ("display_name", json!(row.display_name)),
                ("company_id", json!(row.company_id)),
                ("owner_id", json!(row.owner_id)),
                ("source_id", json!(row.source_id)),
                ("next_task_at", json!(row.next_task_at)),
                ("no_next_step_reason", json!(row.no_next_step_reason)),
                ("last_communication_at", json!(row.last_communication_at)),
                ("phones", Value::Array(Vec::new())),
                ("emails", Value::Array(Vec::new())),
                ("messengers", Value::Array(Vec::new())),
                ("responsibles", Value::Array(Vec::new())),
                ("tags", Value::Array(Vec::new())),
            ];
            let mut contact: Contact = revive(row.profile.clone(), row.envelope(), columns)?;
            contact.phones = points.phones;
            contact.emails = points.emails;
            contact.messengers = points.messengers;
            contact.responsibles = responsibles.remove(&row.id.0).unwrap_or_default();
            contact.tags = tags.remove(&row.id.0).unwrap_or_default();
            Ok(contact)
        })
        .collect()
}

fn store_parts(tx: &mut WriteTx<'_>, c: &Contact, recorded: &Recorded) -> Result<(), StoreError> {
    let workspace = Uid::from(tx.workspace());
    point::store(tx, point::Owner::Contact(c.id.uuid()), &c.phones, &c.emails, &c.messengers, recorded)?;
    for (position, r) in (0_i64..).zip(&c.responsibles) {
        ResponsibleRow {
            workspace_id: workspace,
            id: r.id.into(),
            contact_id: c.id.into(),
            user_id: r.user_id.into(),
            direction: r.direction.clone(),
            position,
        }
        .insert(tx.db().0, recorded)?;
    }
    catalogue::tag(tx, catalogue::Tagged::Contacts, c.id.uuid(), &c.tags, recorded)
}

impl Stored for Contact {
    type Params = ListContacts;

    fn find(tx: &mut dyn Reading, id: Uuid) -> Result<Option<Self>, StoreError> {
        let row: Option<ContactRow> =
            seen!(tx, contact, RecordType::Contact).filter(contact::id.eq(Uid::from(id))).first(tx.db().0).optional()?;
        Ok(load(tx, row.into_iter().collect())?.pop())
    }

    fn list(tx: &mut dyn Reading, params: &ListContacts) -> Result<Page<Self>, StoreError> {
        let request = kartoteka_domain::list::ListParameters::page(params);
        let names_only = tx.scope().actor().role().fields.touches(RecordType::Contact, &["phones", "emails", "messengers", "external_id"]);
        let few = small_portfolio(tx)?;
        let build = || {
            let mut query = seen!(tx, contact, RecordType::Contact);
            if let Some(few) = few.clone() {
                query = query.filter(few);
            }
            if let Some(archived) = fragment::archived(request.archived, "contact.archived_at") {
                query = query.filter(archived);
            }
            narrow!(query, params; contact.owner_id in owner_id, contact.company_id in company_id, contact.source_id in source_id);
            narrow!(query, texts params; contact.status in status, contact.kind in r#type, contact.external_id in external_id);
            narrow!(query, from params; contact.updated_at in updated_after, contact.created_at in created_after);
            if let Some(AnyOf(names)) = &params.tag {
                query = query.filter(fragment::tagged("contact.id", "t.contact_id", tx.workspace(), names));
            }
            if let Some(found) = params.q.as_deref().and_then(|q| {
                if names_only { fragment::search_names("contact.sort_key", q) } else { fragment::search(&["contact.search_text"], q) }
            }) {
                query = query.filter(found);
            }
            query
        };
        let mut rows = page!(tx, ContactRow, contact, request, ["updated_at", "created_at", "sort_key", "next_task_key"], build);
        let records = load(tx, rows.take())?;
        Ok(rows.into_page(records))
    }

    fn insert(tx: &mut WriteTx<'_>, contact: &Self, event: Event) -> Result<(), StoreError> {
        let recorded = tx.record(event)?;
        row(tx.workspace(), contact)?.insert(tx.db().0, &recorded)?;
        store_parts(tx, contact, &recorded)
    }

    fn update(tx: &mut WriteTx<'_>, before: &Self, after: &Self, event: Event) -> Result<(), StoreError> {
        let workspace = tx.workspace();
        let recorded = replace!(tx, row(workspace, after)?, before.version, event);
        let id = after.id.uuid();
        delete_parts!(tx.db().0, &recorded, contact_point, workspace, contact_id = id)?;
        delete_parts!(tx.db().0, &recorded, contact_responsible, workspace, contact_id = id)?;
        delete_parts!(tx.db().0, &recorded, tagging, workspace, contact_id = id)?;
        store_parts(tx, after, &recorded)
    }
}

/// Up to how many cards of one's own a list begins with these few; of more, a page is soon found by going along the list's order.
const FEW: i64 = 500;

/// The cards of a scope that sees few: without this, a page of somebody who has nothing is looked for in the whole base.
fn small_portfolio(tx: &mut dyn Reading) -> Result<Option<fragment::Fragment>, StoreError> {
    let Owners::Of(users) = tx.scope().owners(RecordType::Contact) else { return Ok(None) };
    let ids = || users.iter().map(|user| user.uuid());
    let many: Option<Uid> = all!(tx, contact)
        .filter(fragment::one_of("contact.owner_id", ids()))
        .select(contact::id)
        .limit(1)
        .offset(FEW)
        .first(tx.db().0)
        .optional()?;
    let workspace = tx.workspace().uuid();
    Ok(many.is_none().then(|| {
        fragment::Fragment::default()
            .sql("contact.id IN (SELECT f.id FROM contact f WHERE f.workspace_id = ")
            .guid(workspace)
            .sql(" AND f.owner_id IN ")
            .guids(ids())
            .sql(" UNION ALL SELECT r.contact_id FROM contact_responsible r WHERE r.workspace_id = ")
            .guid(workspace)
            .sql(" AND r.user_id IN ")
            .guids(ids())
            .sql(")")
    }))
}

/// When somebody was talked to last, or else made; as the index has it.
const SILENCE: &str = "coalesce(contact.last_communication_at, contact.created_at)";

/// Somebody's clients nobody has talked to since a time, the longest first: how many, and the first 50.
pub fn silent(
    tx: &mut dyn Reading,
    owner: kartoteka_domain::id::UserId,
    since: DateTime<Utc>,
) -> Result<kartoteka_domain::task::ContactShelf, StoreError> {
    let build = |tx: &mut dyn Reading| {
        let readers = tx.scope().readers(RecordType::Contact);
        owned!(tx, contact, RecordType::Contact, owner, readers)
            .filter(contact::archived_at.is_null())
            .filter(fragment::Fragment::default().sql(SILENCE).sql(" < ").instant(At(since)))
    };
    let count = build(tx).count().get_result(tx.db().0)?;
    let order = diesel::dsl::sql::<diesel::sql_types::Text>("coalesce(contact.last_communication_at, contact.created_at), contact.id");
    let rows: Vec<ContactRow> = build(tx).order(order).limit(50).load(tx.db().0)?;
    Ok(kartoteka_domain::task::ContactShelf { count, contacts: load(tx, rows)? })
}

/// Birthdays and other dates of somebody's clients, of at most `most` cards.
pub fn dates(tx: &mut dyn Reading, owner: kartoteka_domain::id::UserId, most: i64) -> Result<Vec<(Uuid, CardDates)>, StoreError> {
    let rows: Vec<(Uid, Doc)> = owned!(tx, contact, RecordType::Contact, owner)
        .filter(contact::archived_at.is_null())
        // as the index has it
        .filter(fragment::Fragment::default().sql("contact.has_dates"))
        .order(contact::id)
        .limit(most)
        .select((contact::id, contact::profile))
        .load(tx.db().0)?;
    Ok(rows.into_iter().filter_map(|(id, profile)| Some((id.0, serde_json::from_value(profile.0).ok()?))).collect())
}

/// Stores a change of its own columns alone: its parts are as they were.
pub(crate) fn update_itself(tx: &mut WriteTx<'_>, before: &Contact, after: &Contact, event: Event) -> Result<(), StoreError> {
    replace!(tx, row(tx.workspace(), after)?, before.version, event);
    Ok(())
}

/// Several by id, those the scope sees.
pub fn find_many(tx: &mut dyn Reading, ids: &[Uuid]) -> Result<Vec<Contact>, StoreError> {
    let rows: Vec<ContactRow> =
        seen!(tx, contact, RecordType::Contact).filter(fragment::one_of("contact.id", ids.iter().copied())).load(tx.db().0)?;
    load(tx, rows)
}

/// One whatever the asker's reach: for the server's own conclusions, never for an answer.
pub fn find_regardless(tx: &mut WriteTx<'_>, id: Uuid) -> Result<Option<Contact>, StoreError> {
    let row: Option<ContactRow> = all!(tx, contact).filter(contact::id.eq(Uid::from(id))).first(tx.db().0).optional()?;
    Ok(load(tx, row.into_iter().collect())?.pop())
}

/// One the asker may change, whatever the scope was opened for.
pub fn find_changeable(tx: &mut dyn Reading, id: Uuid) -> Result<Option<Contact>, StoreError> {
    let changers = tx.scope().changers(RecordType::Contact);
    let row: Option<ContactRow> =
        seen!(tx, contact, RecordType::Contact, changers).filter(contact::id.eq(Uid(id))).first(tx.db().0).optional()?;
    Ok(load(tx, row.into_iter().collect())?.pop())
}

/// By the integrator's own key.
pub fn find_by_external_id(tx: &mut dyn Reading, external_id: &str) -> Result<Option<Contact>, StoreError> {
    let row: Option<ContactRow> =
        seen!(tx, contact, RecordType::Contact).filter(contact::external_id.eq(external_id.to_owned())).first(tx.db().0).optional()?;
    Ok(load(tx, row.into_iter().collect())?.pop())
}

/// The first contacts of some companies by name, at most `most` in all.
pub fn of_companies(tx: &mut dyn Reading, companies: &[Uuid], most: i64) -> Result<Vec<Contact>, StoreError> {
    let rows: Vec<ContactRow> = seen!(tx, contact, RecordType::Contact)
        .filter(fragment::one_of("contact.company_id", companies.iter().copied()))
        .filter(contact::archived_at.is_null())
        .order((contact::sort_key, contact::id))
        .limit(most)
        .load(tx.db().0)?;
    load(tx, rows)
}

/// Moves `last_communication_at` forward.
pub fn touch_communication(tx: &mut WriteTx<'_>, id: ContactId, at: DateTime<Utc>) -> Result<(), StoreError> {
    let workspace = tx.workspace();
    let recorded = tx.unaudited("derived from communications");
    set_columns!(tx.db().0, &recorded, contact, workspace, id.uuid(), last_communication_at = Some(At(at));
        where contact::last_communication_at.is_null().or(contact::last_communication_at.lt(At(at))))?;
    Ok(())
}

/// Who is responsible for some cards, whosever they are, and which of them the asker may read.
pub fn responsibles(tx: &mut dyn Reading, ids: &[Uuid]) -> Result<Vec<(Uuid, Option<kartoteka_domain::id::UserId>, bool)>, StoreError> {
    let readers = tx.scope().readers(RecordType::Contact);
    let readable: Vec<Uid> = seen!(tx, contact, RecordType::Contact, readers)
        .filter(fragment::one_of("contact.id", ids.iter().copied()))
        .select(contact::id)
        .load(tx.db().0)?;
    let rows: Vec<(Uid, Option<Uid>)> = all!(tx, contact)
        .filter(fragment::one_of("contact.id", ids.iter().copied()))
        .select((contact::id, contact::owner_id))
        .load(tx.db().0)?;
    Ok(rows.into_iter().map(|(id, owner)| (id.0, owner.map(Into::into), readable.contains(&id))).collect())
}
