//! Open deals that do not move.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use kartoteka_domain::{
    access::RecordType,
    deal::{
        Deal,
        stuck::{StuckDeal, StuckParams, reasons},
    },
    list::Page,
};

use super::{DealRow, load};
use crate::{
    db::{At, Uid},
    entity::cut,
    fragment::{self, Fragment, Key},
    pipeline,
    schema::deal,
    store::{Reading, StoreError},
};

/// The name of the one order, for cursors.
const ORDER: &str = "stuck";

/// A page of stuck deals with their reasons, oldest first.
pub fn page(tx: &mut dyn Reading, params: &StuckParams, now: DateTime<Utc>) -> Result<Page<StuckDeal>, StoreError> {
    let limit = params.limit.unwrap_or_default().get();
    let pipelines = pipeline::all(tx)?;
    let mut stuck = Fragment::default().sql("deal.stage_due_at < ").instant(At(now)).sql(" OR deal.next_task_at IS NULL");
    for pipeline in &pipelines {
        let heard = now - chrono::Duration::days(pipeline.silent_after_days);
        stuck = stuck
            .sql(" OR (deal.pipeline_id = ")
            .guid(pipeline.id.uuid())
            .sql(" AND coalesce(deal.last_communication_at, deal.created_at) < ")
            .instant(At(heard))
            .sql(")");
    }
    let mut query = seen!(tx, deal, RecordType::Deal).filter(deal::outcome.eq("open")).filter(deal::archived_at.is_null()).filter(stuck);
    narrow!(query, params; deal.pipeline_id in pipeline_id, deal.owner_id in owner_id);
    if let Some(cursor) = &params.cursor {
        let (Key::Instant(_), id) = fragment::read_cursor(ORDER, &cursor.0)? else { return Err(StoreError::BadCursor) };
        query = query.filter(deal::id.gt(Uid(id)));
    }
    let mut rows: Vec<DealRow> = query.order(deal::id).limit(limit + 1).load(tx.db().0)?;
    let more = cut(&mut rows, limit);
    let next_cursor = rows.last().filter(|_| more).map(|row| fragment::write_cursor(ORDER, &Key::Instant(row.created_at.0), row.id.0));
    let days = |deal: &Deal| pipelines.iter().find(|p| p.id == deal.pipeline_id).map_or(14, |p| p.silent_after_days);
    let data = load(tx, rows)?.into_iter().map(|deal| StuckDeal { reasons: reasons(&deal, days(&deal), now), deal }).collect();
    Ok(Page { data, next_cursor, total: None })
}
