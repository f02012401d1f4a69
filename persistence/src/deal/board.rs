//! The board: counts and sums of a pipeline's stages in one query, the first cards of each by its index; and the manual order of the cards.

use std::collections::HashMap;

use diesel::{
    dsl::{count_star, sql},
    prelude::*,
    sql_types::BigInt,
};
use kartoteka_domain::{
    access::RecordType,
    deal::{
        Deal, DealSort,
        board::{Board, BoardParams, BoardStage, between},
    },
    id::StageId,
    list::{AnyOf, Sort},
    money::{MOST, Money},
    pipeline::Pipeline,
};
use uuid::Uuid;

use super::{DealRow, load, with_contact};
use crate::{
    db::{At, MultiBackend, Uid},
    entity::cut,
    fragment::{self, Fragment},
    schema::deal,
    store::{Reading, StoreError, WriteTx},
};

/// Deals on their way, and those closed since a time: each answered from an index of its own, however many closed ones there are.
const OPEN: &str = "deal.outcome = 'open'";
const CLOSED: &str = "deal.outcome <> 'open' AND deal.closed_at >= ";

/// What the board leaves out, and who does not see what.
fn shown(tx: &dyn Reading, params: &BoardParams, which: Fragment) -> Fragment {
    let scope = tx.scope();
    let seen =
        fragment::visible(RecordType::Deal, &scope.owners(RecordType::Deal), &scope.readers(RecordType::Contact), scope.sees_unassigned());
    let mut shown = Fragment::default().sql("deal.archived_at IS NULL AND (").then(which).sql(")");
    if let Some(seen) = seen {
        shown = shown.sql(" AND (").then(seen).sql(")");
    }
    if let Some(AnyOf(owners)) = &params.owner_id {
        shown = shown.sql(" AND deal.owner_id IN ").guids(owners.iter().map(|id| id.uuid()));
    }
    if let Some(AnyOf(contacts)) = &params.contact_id {
        shown = shown.sql(" AND ").then(with_contact(tx.workspace(), contacts));
    }
    shown
}

/// A pipeline at a glance.
pub fn of(
    tx: &mut dyn Reading,
    pipeline: &Pipeline,
    params: &BoardParams,
    since: chrono::DateTime<chrono::Utc>,
) -> Result<Board, StoreError> {
    let workspace = Uid::from(tx.workspace());
    let closed = || Fragment::default().sql(CLOSED).instant(At(since));
    let mut figures: Vec<(Uid, String, i64, i64, i64)> = Vec::new();
    for which in [Fragment::default().sql(OPEN), closed()] {
        let shown = shown(tx, params, which);
        // sums in two parts: neither database adds beyond 64 bits
        let some: Vec<(Uid, String, i64, i64, i64)> = deal::table
            .group_by((deal::stage_id, deal::currency))
            .select((
                deal::stage_id,
                deal::currency,
                count_star(),
                sql::<BigInt>("CAST(coalesce(sum(deal.amount / 1000000), 0) AS bigint)"),
                sql::<BigInt>("CAST(coalesce(sum(deal.amount % 1000000), 0) AS bigint)"),
            ))
            .into_boxed::<MultiBackend>()
            .filter(deal::workspace_id.eq(workspace))
            .filter(deal::pipeline_id.eq(Uid::from(pipeline.id)))
            .filter(shown)
            .load(tx.db().0)?;
        figures.extend(some);
    }
    let shown = shown(tx, params, Fragment::default().sql(OPEN).sql(" OR ").then(closed()));
    let mut counts: HashMap<Uuid, (i64, Vec<Money>)> = HashMap::new();
    for (stage, currency, count, millions, rest) in figures {
        let entry = counts.entry(stage.0).or_default();
        entry.0 += count;
        let amount = total(millions, rest);
        match entry.1.iter_mut().find(|sum| sum.currency == currency) {
            Some(sum) => sum.amount = sum.amount.saturating_add(amount).min(MOST),
            None => entry.1.push(Money { amount, currency }),
        }
    }
    let limit = params.limit.unwrap_or_default().get();
    let mut rows: Vec<DealRow> = Vec::new();
    let mut cursors: HashMap<Uuid, String> = HashMap::new();
    for stage in &pipeline.stages {
        // a column without cards needs no look
        if !counts.contains_key(&stage.id.uuid()) {
            continue;
        }
        let mut column: Vec<DealRow> = all!(tx, deal)
            .filter(deal::stage_id.eq(Uid::from(stage.id)))
            .filter(shown.clone())
            .order((deal::board_key, deal::id))
            .limit(limit + 1)
            .load(tx.db().0)?;
        let more = cut(&mut column, limit);
        if let Some(last) = column.last().filter(|_| more) {
            cursors.insert(stage.id.uuid(), fragment::write_cursor(DealSort::Board.name(), &last.key("board_key"), last.id.0));
        }
        rows.extend(column);
    }
    let mut cards: HashMap<Uuid, Vec<Deal>> = HashMap::new();
    for record in load(tx, rows)? {
        cards.entry(record.stage_id.uuid()).or_default().push(record);
    }
    let stages = pipeline.stages.iter().map(|stage| {
        let id = stage.id.uuid();
        let (count, mut sums) = counts.remove(&id).unwrap_or_default();
        sums.retain(|sum| sum.amount != 0);
        sums.sort_by(|a, b| a.currency.cmp(&b.currency));
        BoardStage { stage: stage.clone(), count, sums, deals: cards.remove(&id).unwrap_or_default(), next_cursor: cursors.remove(&id) }
    });
    Ok(Board { pipeline_id: pipeline.id, stages: stages.collect() })
}

/// A sum from its two parts, no more than an amount can be.
pub(super) fn total(millions: i64, rest: i64) -> i64 {
    let sum = (i128::from(millions) * 1_000_000 + i128::from(rest)).min(i128::from(MOST));
    i64::try_from(sum).unwrap_or(MOST)
}

/// The key above every card of a stage.
pub(super) fn top(tx: &mut WriteTx<'_>, stage: StageId) -> Result<String, StoreError> {
    let first: Option<String> = all!(tx, deal)
        .filter(deal::stage_id.eq(Uid::from(stage)))
        .order((deal::board_key, deal::id))
        .select(deal::board_key)
        .first(tx.db().0)
        .optional()?;
    Ok(between(None, first.as_deref()))
}

/// Puts a deal below another one of its stage, or on top.
pub fn place(tx: &mut WriteTx<'_>, record: &Deal, below: Option<&Deal>) -> Result<(), StoreError> {
    let workspace = tx.workspace();
    let key = match below {
        None => top(tx, record.stage_id)?,
        Some(above) => {
            let upper: String = all!(tx, deal).filter(deal::id.eq(Uid::from(above.id))).select(deal::board_key).first(tx.db().0)?;
            let lower: Option<String> = all!(tx, deal)
                .filter(deal::stage_id.eq(Uid::from(record.stage_id)))
                .filter(deal::board_key.gt(upper.clone()))
                .filter(deal::id.ne(Uid::from(record.id)))
                .order((deal::board_key, deal::id))
                .select(deal::board_key)
                .first(tx.db().0)
                .optional()?;
            between(Some(&upper), lower.as_deref())
        }
    };
    let recorded = tx.unaudited("where a card stands says nothing of the sale");
    set_columns!(tx.db().0, &recorded, deal, workspace, record.id.uuid(), board_key = key)?;
    Ok(())
}
