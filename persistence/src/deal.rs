//! Deals with their people and line items.

use std::collections::HashMap;

use diesel::prelude::*;
use kartoteka_domain::{
    access::RecordType,
    deal::{Deal, DealContact, LineItem, ListDeals},
    event::Event,
    id::{ContactId, PipelineId, StageId, WorkspaceId},
    list::{AnyOf, Page},
    money::Money,
    text,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    db::{At, Doc, Uid},
    entity::{Entity, Stored, pack, revive},
    fragment::{self, Fragment},
    schema::{deal, deal_contact, line_item},
    store::{Reading, Recorded, StoreError, WriteTx},
};

pub mod board;
pub mod stage_change;
pub mod stuck;
pub mod turnover;

row! {
    DealRow in deal {
        name: String, sort_key: String, search_text: String, contact_id: Option<Uid>, company_id: Option<Uid>, pipeline_id: Uid, stage_id: Uid, outcome: String,
        lost_reason_id: Option<Uid>, amount: Option<i64>, currency: String, owner_id: Option<Uid>, source_id: Option<Uid>, lead_id: Option<Uid>,
        #[diesel(skip_update)] board_key: String, stage_due_at: Option<At>, closed_at: Option<At>, expected_key: String, profile: Doc,
        #[diesel(skip_update)] next_task_at: Option<At>, #[diesel(skip_update)] next_task_key: At, #[diesel(skip_update)] last_communication_at: Option<At>,
        #[diesel(skip_update)] no_next_step_reason: Option<String>,
    }
}
keyed!(DealRow { updated_at, created_at, sort_key, next_task_key, expected_key, board_key });

part! {
    PersonRow in deal_contact { workspace_id: Uid, id: Uid, deal_id: Uid, contact_id: Uid, role: Option<String>, position: i64 }
}
part! {
    LineRow in line_item { workspace_id: Uid, id: Uid, deal_id: Uid, position: i64, name: String, code: Option<String>, total: i64, profile: Doc }
}

const ELSEWHERE: &[&str] = &[
    "name",
    "contacts",
    "company_id",
    "pipeline_id",
    "stage_id",
    "outcome",
    "lost_reason_id",
    "currency",
    "amount",
    "line_items",
    "owner_id",
    "source_id",
    "lead_id",
    "stage_due_at",
    "closed_at",
    "next_task_at",
    "last_communication_at",
    "no_next_step_reason",
];

/// Sorts where no close is expected: after everything.
const NO_DAY: &str = "9999-12-31";

fn row(workspace: WorkspaceId, d: &Deal) -> Result<DealRow, StoreError> {
    Ok(stamped! { DealRow of d, in workspace.into();
    name: d.name.clone(),
    sort_key: text::sort_key(&d.name),
    search_text: d.search_text(),
    contact_id: d.contact_id().map(Uid::from),
    company_id: d.company_id.map(Uid::from),
    pipeline_id: d.pipeline_id.into(),
    stage_id: d.stage_id.into(),
    outcome: d.outcome.word().to_owned(),
    lost_reason_id: d.lost_reason_id.map(Uid::from),
    amount: d.amount.as_ref().map(|money| money.amount),
    currency: d.currency.clone(),
    owner_id: d.owner_id.map(Uid::from),
    source_id: d.source_id.map(Uid::from),
    lead_id: d.lead_id.map(Uid::from),
    board_key: String::new(),
    stage_due_at: d.stage_due_at.map(At),
    closed_at: d.closed_at.map(At),
    expected_key: d.expected_close_on.map_or_else(|| NO_DAY.to_owned(), |day| day.to_string()),
    profile: pack(d, ELSEWHERE)?,
    next_task_at: None,
    next_task_key: At(fragment::far_future()),
    last_communication_at: None,
    no_next_step_reason: None,    })
}

/// Records from rows: two more queries for all of them together.
pub(crate) fn load(tx: &mut dyn Reading, rows: Vec<DealRow>) -> Result<Vec<Deal>, StoreError> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id.0).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut people: HashMap<Uuid, Vec<DealContact>> = HashMap::new();
    let found: Vec<PersonRow> = all!(tx, deal_contact)
        .filter(fragment::one_of("deal_contact.deal_id", ids.iter().copied()))
        .order(deal_contact::position)
        .load(tx.db().0)?;
    for p in found {
        people.entry(p.deal_id.0).or_default().push(DealContact { contact_id: p.contact_id.into(), role: p.role });
    }
    let mut lines: HashMap<Uuid, Vec<LineItem>> = HashMap::new();
    let found: Vec<LineRow> = all!(tx, line_item)
        .filter(fragment::one_of("line_item.deal_id", ids.iter().copied()))
        .order(line_item::position)
        .load(tx.db().0)?;
    for l in found {
        let deal = l.deal_id.0;
        lines.entry(deal).or_default().push(line(l)?);
    }
    rows.into_iter()
        .map(|row| {
            let amount = row.amount.map(|amount| Money { amount, currency: row.currency.clone() });
            let columns = [
                ("name", json!(row.name)),
                ("contacts", Value::Array(Vec::new())),
                ("company_id", json!(row.company_id)),
                ("pipeline_id", json!(row.pipeline_id)),
                ("stage_id", json!(row.stage_id)),
                ("outcome", json!(row.outcome)),
                ("lost_reason_id", json!(row.lost_reason_id)),
                ("currency", json!(row.currency)),
                ("amount", json!(amount)),
                ("line_items", Value::Array(Vec::new())),
                ("owner_id", json!(row.owner_id)),
                ("source_id", json!(row.source_id)),
                ("lead_id", json!(row.lead_id)),
                ("stage_due_at", json!(row.stage_due_at)),
                ("closed_at", json!(row.closed_at)),
                ("next_task_at", json!(row.next_task_at)),
                ("last_communication_at", json!(row.last_communication_at)),
                ("no_next_step_reason", json!(row.no_next_step_reason)),
            ];
            let mut record: Deal = revive(row.profile.clone(), row.envelope(), columns)?;
            record.contacts = people.remove(&row.id.0).unwrap_or_default();
            record.line_items = lines.remove(&row.id.0).unwrap_or_default();
            Ok(record)
        })
        .collect()
}

fn line(row: LineRow) -> Result<LineItem, StoreError> {
    let columns = [("id", json!(row.id)), ("name", json!(row.name)), ("code", json!(row.code)), ("total", json!(row.total))];
    revive(row.profile, Map::new(), columns)
}

fn store_parts(tx: &mut WriteTx<'_>, d: &Deal, recorded: &Recorded) -> Result<(), StoreError> {
    let workspace_id = Uid::from(tx.workspace());
    for (position, person) in (0_i64..).zip(&d.contacts) {
        let (id, contact_id) = (Uid(tx.fresh_id()), person.contact_id.into());
        PersonRow { workspace_id, id, deal_id: d.id.into(), contact_id, role: person.role.clone(), position }
            .insert(tx.db().0, recorded)?;
    }
    for (position, l) in (0_i64..).zip(&d.line_items) {
        let profile = pack(l, &["id", "name", "code", "total"])?;
        let (id, deal_id) = (l.id.into(), d.id.into());
        LineRow { workspace_id, id, deal_id, position, name: l.name.clone(), code: l.code.clone(), total: l.total, profile }
            .insert(tx.db().0, recorded)?;
    }
    Ok(())
}

impl Stored for Deal {
    type Params = ListDeals;

    fn find(tx: &mut dyn Reading, id: Uuid) -> Result<Option<Self>, StoreError> {
        let row: Option<DealRow> = seen!(tx, deal, RecordType::Deal).filter(deal::id.eq(Uid::from(id))).first(tx.db().0).optional()?;
        Ok(load(tx, row.into_iter().collect())?.pop())
    }

    fn list(tx: &mut dyn Reading, params: &ListDeals) -> Result<Page<Self>, StoreError> {
        let request = kartoteka_domain::list::ListParameters::page(params);
        let build = || {
            let mut query = seen!(tx, deal, RecordType::Deal);
            if let Some(archived) = fragment::archived(request.archived, "deal.archived_at") {
                query = query.filter(archived);
            }
            narrow!(query, params; deal.pipeline_id in pipeline_id, deal.stage_id in stage_id, deal.company_id in company_id, deal.owner_id in owner_id,
                deal.source_id in source_id, deal.lead_id in lead_id, deal.lost_reason_id in lost_reason_id);
            narrow!(query, words params; deal.outcome in outcome);
            narrow!(query, from params; deal.closed_at in closed_after, deal.created_at in created_after, deal.updated_at in updated_after);
            narrow!(query, until params; deal.closed_at in closed_before);
            if let Some(AnyOf(contacts)) = &params.contact_id {
                query = query.filter(with_contact(tx.workspace(), contacts));
            }
            if let Some(without) = params.without_next_task {
                query = if without { query.filter(deal::next_task_at.is_null()) } else { query.filter(deal::next_task_at.is_not_null()) };
            }
            if let Some(found) = params.q.as_deref().and_then(|q| fragment::search(&["deal.search_text"], q)) {
                query = query.filter(found);
            }
            query
        };
        let mut rows = page!(
            tx,
            DealRow,
            deal,
            request,
            ["updated_at", "created_at", "sort_key", "next_task_key", "expected_key", "board_key"],
            build
        );
        let records = load(tx, rows.take())?;
        Ok(rows.into_page(records))
    }

    fn insert(tx: &mut WriteTx<'_>, new: &Self, event: Event) -> Result<(), StoreError> {
        let workspace = tx.workspace();
        let board_key = board::top(tx, new.stage_id)?;
        let recorded = tx.record(event)?;
        DealRow { board_key, ..row(workspace, new)? }.insert(tx.db().0, &recorded)?;
        store_parts(tx, new, &recorded)?;
        stage_change::note(tx, None, new, None, &recorded)
    }

    fn update(tx: &mut WriteTx<'_>, before: &Self, after: &Self, event: Event) -> Result<(), StoreError> {
        let workspace = tx.workspace();
        let id = after.id.uuid();
        let reason = event.reason.clone().or_else(|| tx.reason());
        let recorded = replace!(tx, row(workspace, after)?, before.version, event);
        if before.contacts != after.contacts || before.line_items != after.line_items {
            delete_parts!(tx.db().0, &recorded, deal_contact, workspace, deal_id = id)?;
            delete_parts!(tx.db().0, &recorded, line_item, workspace, deal_id = id)?;
            store_parts(tx, after, &recorded)?;
        }
        if before.stage_id != after.stage_id {
            let board_key = board::top(tx, after.stage_id)?;
            set_columns!(tx.db().0, &recorded, deal, workspace, id, board_key = board_key)?;
            stage_change::note(tx, Some(before), after, reason, &recorded)?;
        }
        Ok(())
    }
}

/// Deals in which one of these people takes part: asked of the people, not of deal after deal.
pub(crate) fn with_contact(workspace: WorkspaceId, contacts: &[ContactId]) -> Fragment {
    Fragment::default()
        .sql("deal.id IN (SELECT p.deal_id FROM deal_contact p WHERE p.workspace_id = ")
        .guid(workspace.uuid())
        .sql(" AND p.contact_id IN ")
        .guids(contacts.iter().map(|id| id.uuid()))
        .sql(")")
}

/// Several by id, those the scope sees.
pub fn find_many(tx: &mut dyn Reading, ids: &[Uuid]) -> Result<Vec<Deal>, StoreError> {
    let rows: Vec<DealRow> = seen!(tx, deal, RecordType::Deal).filter(fragment::one_of("deal.id", ids.iter().copied())).load(tx.db().0)?;
    load(tx, rows)
}

/// Open deals a contact takes part in, newest first, at most `most`.
pub fn open_of_contact(tx: &mut dyn Reading, contact: ContactId, most: i64) -> Result<Vec<Deal>, StoreError> {
    let rows: Vec<DealRow> = seen!(tx, deal, RecordType::Deal)
        .filter(with_contact(tx.workspace(), &[contact]))
        .filter(deal::outcome.eq("open"))
        .filter(deal::archived_at.is_null())
        .order((deal::created_at.desc(), deal::id.desc()))
        .limit(most)
        .load(tx.db().0)?;
    load(tx, rows)
}

/// Deals of a contact for its timeline.
pub(crate) fn of_contact_before(
    tx: &mut dyn Reading,
    contact: ContactId,
    before: Option<Fragment>,
    most: i64,
) -> Result<Vec<Deal>, StoreError> {
    let mut query = seen!(tx, deal, RecordType::Deal).filter(with_contact(tx.workspace(), &[contact])).filter(deal::archived_at.is_null());
    if let Some(before) = before {
        query = query.filter(before);
    }
    let rows: Vec<DealRow> = query.order((deal::created_at.desc(), deal::id.desc())).limit(most).load(tx.db().0)?;
    load(tx, rows)
}

/// Deals in a stage, whoever's they are, at most `most`; archived ones too.
pub fn in_stage(tx: &mut WriteTx<'_>, stage: StageId, most: i64) -> Result<Vec<Deal>, StoreError> {
    let rows: Vec<DealRow> = all!(tx, deal).filter(deal::stage_id.eq(Uid::from(stage))).order(deal::id).limit(most).load(tx.db().0)?;
    load(tx, rows)
}

/// Moves `last_communication_at` forward.
pub fn touch_communication(tx: &mut WriteTx<'_>, id: Uuid, at: chrono::DateTime<chrono::Utc>) -> Result<(), StoreError> {
    let workspace = tx.workspace();
    let recorded = tx.unaudited("derived from communications");
    set_columns!(tx.db().0, &recorded, deal, workspace, id, last_communication_at = Some(At(at));
        where deal::last_communication_at.is_null().or(deal::last_communication_at.lt(At(at))))?;
    Ok(())
}

/// Whether a pipeline has open deals in use.
pub fn has_open(tx: &mut WriteTx<'_>, pipeline: PipelineId) -> Result<bool, StoreError> {
    let found: Option<Uid> = all!(tx, deal)
        .filter(deal::pipeline_id.eq(Uid::from(pipeline)))
        .filter(deal::outcome.eq("open"))
        .filter(deal::archived_at.is_null())
        .select(deal::id)
        .first(tx.db().0)
        .optional()?;
    Ok(found.is_some())
}
