//! The way of deals through their stages.

use diesel::prelude::*;
use kartoteka_domain::{
    access::RecordType,
    deal::{Deal, movement::StageChange},
    id::{ContactId, DealId},
};
use uuid::Uuid;

use crate::{
    db::{At, Doc, Uid},
    entity::{cut, json},
    fragment::{self, Fragment},
    pipeline,
    schema::{deal as deal_table, stage_change},
    store::{Reading, Recorded, StoreError, WriteTx},
};

part! {
    StageChangeRow in stage_change {
        workspace_id: Uid, id: Uid, deal_id: Uid, contact_id: Option<Uid>, from_stage_id: Option<Uid>, to_stage_id: Uid, at: At, seconds_in_from: Option<i64>, by: Doc,
        reason: Option<String>,
    }
}

/// Notes one step.
pub(super) fn note(
    tx: &mut WriteTx<'_>,
    before: Option<&Deal>,
    after: &Deal,
    reason: Option<String>,
    recorded: &Recorded,
) -> Result<(), StoreError> {
    let row = StageChangeRow {
        workspace_id: tx.workspace().into(),
        id: Uid(tx.fresh_id()),
        deal_id: after.id.into(),
        contact_id: after.contact_id().map(Uid::from),
        from_stage_id: before.map(|deal| deal.stage_id.into()),
        to_stage_id: after.stage_id.into(),
        at: At(after.stage_entered_at),
        seconds_in_from: before.map(|deal| (after.stage_entered_at - deal.stage_entered_at).num_seconds().max(0)),
        by: json(&after.updated_by),
        reason,
    };
    row.insert(tx.db().0, recorded)?;
    Ok(())
}

fn records(tx: &mut dyn Reading, rows: Vec<StageChangeRow>) -> Result<Vec<StageChange>, StoreError> {
    let stages: Vec<Uuid> = rows.iter().flat_map(|row| row.from_stage_id.iter().chain([&row.to_stage_id])).map(|id| id.0).collect();
    if stages.is_empty() {
        return Ok(Vec::new());
    }
    let names = pipeline::stage_names(tx, &stages)?;
    let record = |row: StageChangeRow| {
        Ok(StageChange {
            id: row.id.0,
            deal_id: row.deal_id.into(),
            from_stage_name: row.from_stage_id.and_then(|id| names.get(&id.0).cloned()),
            from_stage_id: row.from_stage_id.map(Into::into),
            to_stage_name: names.get(&row.to_stage_id.0).cloned().unwrap_or_default(),
            to_stage_id: row.to_stage_id.into(),
            at: row.at.0,
            seconds_in_from: row.seconds_in_from,
            by: serde_json::from_value(row.by.0).map_err(|e| StoreError::Internal(e.to_string()))?,
            reason: row.reason,
        })
    };
    rows.into_iter().map(record).collect()
}

/// The way of one deal, newest first, at most `most` steps before a place.
pub fn of_deal(tx: &mut dyn Reading, deal: DealId, before: Option<Fragment>, most: i64) -> Result<Vec<StageChange>, StoreError> {
    let mut query = all!(tx, stage_change).filter(stage_change::deal_id.eq(Uid::from(deal)));
    if let Some(before) = before {
        query = query.filter(before);
    }
    let rows = query.order((stage_change::at.desc(), stage_change::id.desc())).limit(most).load(tx.db().0)?;
    records(tx, rows)
}

/// A page of a deal's way, newest first.
pub fn page(
    tx: &mut dyn Reading,
    deal: DealId,
    limit: i64,
    cursor: Option<&str>,
) -> Result<kartoteka_domain::list::Page<StageChange>, StoreError> {
    const ORDER: &str = "stage_changes";
    let before = match cursor.map(|cursor| fragment::read_cursor(ORDER, cursor)).transpose()? {
        None => None,
        Some((fragment::Key::Instant(at), id)) => Some(fragment::before("stage_change.at, stage_change.id", at, id)),
        Some(_) => return Err(StoreError::BadCursor),
    };
    let mut data = of_deal(tx, deal, before, limit + 1)?;
    let more = cut(&mut data, limit);
    let next_cursor = data.last().filter(|_| more).map(|last| fragment::write_cursor(ORDER, &fragment::Key::Instant(last.at), last.id));
    Ok(kartoteka_domain::list::Page { data, next_cursor, total: None })
}

/// Steps of the deals whose client is this contact, those the scope sees, for its timeline.
pub(crate) fn of_contact_before(
    tx: &mut dyn Reading,
    contact: ContactId,
    before: Option<Fragment>,
    most: i64,
) -> Result<Vec<StageChange>, StoreError> {
    let visible: Vec<Uid> = seen!(tx, deal, RecordType::Deal)
        .filter(deal_table::contact_id.eq(Uid::from(contact)))
        .select(deal_table::id)
        .order((deal_table::created_at.desc(), deal_table::id.desc()))
        .limit(500)
        .load(tx.db().0)?;
    if visible.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = all!(tx, stage_change)
        .filter(stage_change::contact_id.eq(Uid::from(contact)))
        .filter(stage_change::from_stage_id.is_not_null())
        .filter(fragment::one_of("stage_change.deal_id", visible.iter().map(|id| id.0)));
    if let Some(before) = before {
        query = query.filter(before);
    }
    let rows = query.order((stage_change::at.desc(), stage_change::id.desc())).limit(most).load(tx.db().0)?;
    records(tx, rows)
}
