//! What happened to one record, or through one actor: for the history of fields and for the way back.

use chrono::{DateTime, TimeZone, Utc};
use diesel::prelude::*;
use kartoteka_domain::{access::RecordType, audit::FieldHistoryEntry, event::Action, list::Page};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::AuditRow;
use crate::{
    db::{At, Uid},
    fragment::{self, Key},
    schema::audit_event,
    store::{Reading, StoreError},
};

/// The name of the one order, for cursors.
const ORDER: &str = "history";

fn changes(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap_or_default()
}

/// One page of the changes of a record's fields, newest first.
pub fn history(
    tx: &mut dyn Reading,
    record: RecordType,
    id: Uuid,
    field: Option<&str>,
    limit: i64,
    cursor: Option<&str>,
) -> Result<Page<FieldHistoryEntry>, StoreError> {
    let most = usize::try_from(limit).unwrap_or(50);
    let from = cursor.map(read_cursor).transpose()?;
    let mut query = all!(tx, audit_event)
        .filter(audit_event::record.eq(record.word()))
        .filter(audit_event::record_id.eq(Uid(id)))
        .filter(audit_event::changes.ne("{}"));
    if let Some(field) = field {
        query = query.filter(fragment::contains("audit_event.changes", &format!("{}:{{", Value::from(field))));
    }
    if let Some((at, event, _)) = &from {
        query = query.filter(fragment::not_after("audit_event.at, audit_event.id", *at, *event));
    }
    // each event has at least one change, and the first may have been shown already
    let rows: Vec<AuditRow> = query.order((audit_event::at.desc(), audit_event::id.desc())).limit(limit + 2).load(tx.db().0)?;
    let mut entries = Vec::new();
    let full = i64::try_from(rows.len()).is_ok_and(|count| count == limit + 2);
    let last_row = rows.last().map(|row| (row.at.0, row.id.0));
    for row in rows {
        let mut fields: Vec<(String, Value)> =
            changes(&row.changes).into_iter().filter(|(name, _)| field.is_none_or(|f| f == name)).collect();
        fields.sort_by(|a, b| a.0.cmp(&b.0));
        for (name, change) in fields {
            if from.as_ref().is_some_and(|(_, event, last)| *event == row.id.0 && name <= *last) {
                continue;
            }
            let value = |side: &str| change.get(side).cloned().unwrap_or(Value::Null);
            entries.push(FieldHistoryEntry {
                event_id: row.id.0,
                at: row.at.0,
                actor: row.actor(),
                action: row.action.clone(),
                record_type: record,
                field: name,
                before: value("before"),
                after: value("after"),
                reason: row.reason.clone(),
            });
        }
    }
    let more = entries.len() > most;
    entries.truncate(most);
    let next_cursor = match (entries.last().filter(|_| more), last_row.filter(|_| full)) {
        (Some(last), _) => Some(write_cursor(last.at, last.event_id, &last.field)),
        // some rows only looked as if they spoke of the field
        (None, Some((at, event))) => Some(write_cursor(at, event, "\u{10ffff}")),
        (None, None) => None,
    };
    Ok(Page { data: entries, next_cursor, total: None })
}

fn write_cursor(at: DateTime<Utc>, event: Uuid, field: &str) -> String {
    fragment::write_cursor(ORDER, &Key::Text(format!("{} {field}", at.timestamp_micros())), event)
}

fn read_cursor(cursor: &str) -> Result<(DateTime<Utc>, Uuid, String), StoreError> {
    let (Key::Text(key), event) = fragment::read_cursor(ORDER, cursor)? else { return Err(StoreError::BadCursor) };
    let (micros, field) = key.split_once(' ').ok_or(StoreError::BadCursor)?;
    let at = micros.parse().ok().and_then(|micros| Utc.timestamp_micros(micros).single()).filter(|at| kartoteka_domain::zone::is_sane(*at));
    Ok((at.ok_or(StoreError::BadCursor)?, event, field.to_owned()))
}

/// One event of a record, for the way back.
#[derive(Debug, Clone)]
pub struct Trace {
    /// Its id.
    pub id: Uuid,
    /// When.
    pub at: DateTime<Utc>,
    /// What happened.
    pub action: String,
    /// Who did it.
    pub actor: Option<Uuid>,
    /// Changed fields.
    pub changes: Map<String, Value>,
}

/// How many events of one record are looked through.
const MOST_OF_A_RECORD: i64 = 10_000;

/// The last events of a record in the order they happened.
pub fn traces(tx: &mut dyn Reading, record: RecordType, id: Uuid) -> Result<Vec<Trace>, StoreError> {
    let query = all!(tx, audit_event)
        .filter(audit_event::record.eq(record.word()))
        .filter(audit_event::record_id.eq(Uid(id)))
        .filter(audit_event::action.ne(Action::Refused.word()));
    let rows: Vec<AuditRow> = query.order(audit_event::id.desc()).limit(MOST_OF_A_RECORD).load(tx.db().0)?;
    Ok(rows
        .into_iter()
        .rev()
        .map(|row| Trace {
            id: row.id.0,
            at: row.at.0,
            actor: row.actor_id.map(|id| id.0),
            changes: changes(&row.changes),
            action: row.action,
        })
        .collect())
}

/// Records an actor changed in a period, in the order of their ids after one; ids with their types.
pub fn touched(
    tx: &mut dyn Reading,
    actor: Uuid,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    after: Option<Uuid>,
    most: i64,
) -> Result<Vec<(String, Uuid)>, StoreError> {
    let mut query = all!(tx, audit_event)
        .filter(audit_event::actor_id.eq(Uid(actor)))
        .filter(audit_event::at.ge(At(from)))
        .filter(audit_event::at.lt(At(to)))
        .filter(audit_event::changes.ne("{}"));
    if let Some(after) = after {
        query = query.filter(audit_event::record_id.gt(Uid(after)));
    }
    let rows: Vec<(Uid, String)> = query
        .select((audit_event::record_id, audit_event::record))
        .distinct()
        .order((audit_event::record_id, audit_event::record))
        .limit(most)
        .load(tx.db().0)?;
    Ok(rows.into_iter().map(|(id, record)| (record, id.0)).collect())
}
