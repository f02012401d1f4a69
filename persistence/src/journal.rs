//! The journal: the outbox in the order of commits. The sealer numbers it under the lock of the workspace's head row, without gaps; whoever
//! tells the outside of changes reads it here, after a number of his own.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use diesel::{
    prelude::*,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::BigInt,
};
use kartoteka_domain::{
    access::{RecordType, Scope},
    actor::ActorRef,
    journal::{EventType, WINDOW},
};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    db::{At, Db, Guid, Uid},
    fragment::{self, Fragment},
    schema::{audit_head, outbox_event},
    store::{Reading, Recorded, StoreError, WriteTx},
};

/// An event as it was written, whoever may be told of it.
#[derive(Debug, Clone)]
pub struct RawEvent {
    /// Its id, the same as of its audit event.
    pub id: Uuid,
    /// Its number.
    pub sequence: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// What happened, `contact.created`.
    pub kind: String,
    /// Type of the record.
    pub record: RecordType,
    /// The record.
    pub record_id: Uuid,
    /// Who did it; `None` of events older than the journal.
    pub actor: Option<ActorRef>,
    /// The record after.
    pub data: Value,
    /// Changed fields.
    pub changes: Map<String, Value>,
}

/// A stretch of the journal.
#[derive(Debug, Clone)]
pub struct Stretch {
    /// The events asked for, in order.
    pub events: Vec<RawEvent>,
    /// Up to where was looked: whoever goes on from here misses nothing.
    pub looked_until: i64,
    /// The latest number.
    pub latest: i64,
    /// The oldest number that is kept; one more than the latest where none is.
    pub oldest: i64,
}

impl Stretch {
    /// Whether the end was reached.
    pub fn is_end(&self) -> bool {
        self.looked_until >= self.latest
    }
}

#[derive(serde::Deserialize)]
struct Payload {
    #[serde(default)]
    actor: Option<ActorRef>,
    changes: Map<String, Value>,
    data: Value,
}

type Row = (Uid, Option<i64>, At, String, String, Uid, String);

fn read((id, sequence, at, kind, record, record_id, payload): Row) -> Option<RawEvent> {
    // of a type this version does not know nobody can be told
    let record = RecordType::from_word(&record)?;
    let Payload { actor, changes, data } = serde_json::from_str(&payload).ok()?;
    Some(RawEvent { id: id.0, sequence: sequence?, at: at.0, kind, record, record_id: record_id.0, actor, data, changes })
}

/// The latest number of a workspace.
pub fn latest(tx: &mut dyn Reading) -> Result<i64, StoreError> {
    let told: Option<i64> = all!(tx, audit_head).select(audit_head::event_sequence).first(tx.db().0).optional()?;
    Ok(told.unwrap_or_default())
}

/// The oldest number that is kept; one more than the latest where none is.
pub fn oldest(tx: &mut dyn Reading) -> Result<i64, StoreError> {
    let first: Option<Option<i64>> = all!(tx, outbox_event)
        .filter(outbox_event::sequence.is_not_null())
        .order(outbox_event::sequence)
        .select(outbox_event::sequence)
        .first(tx.db().0)
        .optional()?;
    match first.flatten() {
        Some(first) => Ok(first),
        None => Ok(latest(tx)?.saturating_add(1)),
    }
}

/// When an event was; `None` where it is not kept.
pub fn when(tx: &mut dyn Reading, sequence: i64) -> Result<Option<DateTime<Utc>>, StoreError> {
    let at: Option<At> =
        all!(tx, outbox_event).filter(outbox_event::sequence.eq(sequence)).select(outbox_event::at).first(tx.db().0).optional()?;
    Ok(at.map(|at| at.0))
}

/// The number of the last event that has one, for a head that was lost.
pub(crate) fn last_numbered(tx: &mut dyn Reading) -> Result<i64, StoreError> {
    let last: Option<Option<i64>> = all!(tx, outbox_event)
        .filter(outbox_event::sequence.is_not_null())
        .order(outbox_event::sequence.desc())
        .select(outbox_event::sequence)
        .first(tx.db().0)
        .optional()?;
    Ok(last.flatten().unwrap_or_default())
}

/// At most `limit` events after a number, of these types (of all where none is named). However few there are, no more than a window of numbers is
/// looked through: `looked_until` says how far.
pub fn after(tx: &mut dyn Reading, sequence: i64, types: &[EventType], limit: i64) -> Result<Stretch, StoreError> {
    let latest = latest(tx)?;
    let oldest = oldest(tx)?;
    let end = sequence.saturating_add(WINDOW).min(latest).max(sequence);
    if end == sequence {
        return Ok(Stretch { events: Vec::new(), looked_until: sequence, latest, oldest });
    }
    let mut query = all!(tx, outbox_event).filter(outbox_event::sequence.gt(sequence)).filter(outbox_event::sequence.le(end));
    if let Some(wanted) = of_types(types) {
        query = query.filter(wanted);
    }
    let rows: Vec<Row> = query
        .order(outbox_event::sequence)
        .limit(limit)
        .select((
            outbox_event::id,
            outbox_event::sequence,
            outbox_event::at,
            outbox_event::kind,
            outbox_event::record,
            outbox_event::record_id,
            outbox_event::payload,
        ))
        .load(tx.db().0)?;
    let full = i64::try_from(rows.len()).is_ok_and(|count| count >= limit);
    let last = rows.last().and_then(|row| row.1);
    let looked_until = if full { last.unwrap_or(end) } else { end };
    Ok(Stretch { events: rows.into_iter().filter_map(read).collect(), looked_until, latest, oldest })
}

fn of_types(types: &[EventType]) -> Option<Fragment> {
    if types.is_empty() {
        return None;
    }
    let records: Vec<String> = types.iter().filter(|kind| kind.action.is_none()).map(|kind| kind.record.word().to_owned()).collect();
    let kinds: Vec<String> = types.iter().filter(|kind| kind.action.is_some()).map(ToString::to_string).collect();
    let of = |words: Vec<String>, column| (!words.is_empty()).then(|| fragment::one_text_of(column, words));
    match (of(records, "outbox_event.record"), of(kinds, "outbox_event.kind")) {
        (Some(records), Some(kinds)) => Some(records.sql(" OR ").then(kinds)),
        (records, kinds) => records.or(kinds),
    }
}

/// The ids of one table's rows that meet a condition.
struct Ids {
    table: &'static str,
    condition: Fragment,
}
impl QueryId for Ids {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}
impl Query for Ids {
    type SqlType = Guid;
}
impl<Conn> RunQueryDsl<Conn> for Ids {}
impl<DB: diesel::backend::Backend> QueryFragment<DB> for Ids
where
    Fragment: QueryFragment<DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("SELECT id FROM ");
        out.push_sql(self.table);
        out.push_sql(" WHERE ");
        self.condition.walk_ast(out)
    }
}

/// Which of these records of a type are in a scope's sight now, archived ones among them: one question, however many they are.
pub fn in_sight(tx: &mut dyn Reading, scope: &Scope, record: RecordType, ids: &[Uuid]) -> Result<HashSet<Uuid>, StoreError> {
    let owners = scope.readers(record);
    let Some(visible) = fragment::visible(record, &owners, &scope.readers(RecordType::Contact), scope.sees_unassigned()) else {
        return Ok(ids.iter().copied().collect());
    };
    found(tx, scope, record, ids, visible)
}

/// Whether there is such a record, and it is in the transaction's sight now.
pub fn sees(tx: &mut dyn Reading, record: RecordType, id: Uuid) -> Result<bool, StoreError> {
    let scope = tx.scope().clone();
    let visible = fragment::visible(record, &scope.readers(record), &scope.readers(RecordType::Contact), scope.sees_unassigned());
    let visible = visible.unwrap_or_else(|| Fragment::default().sql("1 = 1"));
    Ok(!found(tx, &scope, record, &[id], visible)?.is_empty())
}

fn found(tx: &mut dyn Reading, scope: &Scope, record: RecordType, ids: &[Uuid], visible: Fragment) -> Result<HashSet<Uuid>, StoreError> {
    let (table, id, workspace) = match record {
        RecordType::Contact => ("contact", "contact.id", "contact.workspace_id = "),
        RecordType::Company => ("company", "company.id", "company.workspace_id = "),
        RecordType::Lead => ("lead", "lead.id", "lead.workspace_id = "),
        RecordType::Deal => ("deal", "deal.id", "deal.workspace_id = "),
        RecordType::Task => ("task", "task.id", "task.workspace_id = "),
        RecordType::Communication => ("communication", "communication.id", "communication.workspace_id = "),
        RecordType::Note => ("note", "note.id", "note.workspace_id = "),
        // all or nothing
        _ => return Ok(HashSet::new()),
    };
    let condition = Fragment::default()
        .sql(workspace)
        .guid(scope.workspace().uuid())
        .sql(" AND ")
        .then(fragment::one_of(id, ids.iter().copied()))
        .sql(" AND (")
        .then(visible)
        .sql(")");
    let found: Vec<Uid> = Ids { table, condition }.load(tx.db().0)?;
    Ok(found.into_iter().map(|id| id.0).collect())
}

/// Gives the next numbers to events that have none, in the order of their ids: those are made under the lock of the changed record. Call under the
/// lock of the head row.
#[expect(clippy::disallowed_methods, reason = "the order of the trace itself; an index is named")]
pub(crate) fn number(tx: &mut WriteTx<'_>, last: i64, most: i64, _: &Recorded) -> Result<usize, StoreError> {
    let workspace = Uid::from(tx.workspace());
    // the planner of the embedded database would rather go through all events each time
    Ok(match tx.db().0 {
        Db::Sqlite(c) => diesel::sql_query(
            "UPDATE outbox_event SET sequence = $1 + next.n FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM (\
               SELECT id FROM outbox_event INDEXED BY outbox_event_unnumbered_idx WHERE workspace_id = $2 AND sequence IS NULL ORDER BY id LIMIT $3)\
             ) AS next WHERE outbox_event.workspace_id = $2 AND outbox_event.id = next.id",
        )
        .bind::<BigInt, _>(last)
        .bind::<Guid, _>(workspace)
        .bind::<BigInt, _>(most)
        .execute(c)?,
        Db::Postgres(c) => diesel::sql_query(
            "WITH next AS MATERIALIZED (SELECT id, row_number() OVER (ORDER BY id) AS n FROM (\
               SELECT id FROM outbox_event WHERE workspace_id = $2 AND sequence IS NULL ORDER BY id LIMIT $3) AS first) \
             UPDATE outbox_event SET sequence = $1 + next.n FROM next WHERE outbox_event.workspace_id = $2 AND outbox_event.id = next.id",
        )
        .bind::<BigInt, _>(last)
        .bind::<Guid, _>(workspace)
        .bind::<BigInt, _>(most)
        .execute(c)?,
    })
}

/// Forgets at most `most` events from before a time, the oldest first; the journal stays without gaps. Answers how many.
#[expect(clippy::disallowed_methods, reason = "what is kept of the outbox is a setting")]
pub fn forget_before(tx: &mut WriteTx<'_>, before: DateTime<Utc>, most: i64) -> Result<usize, StoreError> {
    let workspace = tx.workspace();
    let oldest: Vec<(Option<i64>, At)> = all!(tx, outbox_event)
        .filter(outbox_event::sequence.is_not_null())
        .order(outbox_event::sequence)
        .limit(most)
        .select((outbox_event::sequence, outbox_event::at))
        .load(tx.db().0)?;
    let Some(last) = oldest.iter().take_while(|(_, at)| at.0 < before).filter_map(|(sequence, _)| *sequence).last() else { return Ok(0) };
    Ok(diesel::delete(
        outbox_event::table.filter(outbox_event::workspace_id.eq(Uid::from(workspace))).filter(outbox_event::sequence.le(last)),
    )
    .execute(tx.db().0)?)
}
