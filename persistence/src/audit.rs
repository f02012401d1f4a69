//! The trace of every change: an audit event and an outbox event, written together in the change's own transaction.

use diesel::prelude::*;
use kartoteka_domain::{access::Scope, event::Event};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    db::{At, Db, Uid},
    schema::{audit_event, outbox_event},
    store::{Circumstances, StoreError},
};

#[derive(diesel::Insertable)]
#[diesel(table_name = audit_event, treat_none_as_default_value = false)]
struct AuditRow {
    workspace_id: Uid,
    id: Uid,
    at: At,
    record: String,
    record_id: Uid,
    action: String,
    actor_type: String,
    actor_id: Option<Uid>,
    actor_name: String,
    request_id: Option<String>,
    address: Option<String>,
    changes: String,
    reason: Option<String>,
}

#[derive(diesel::Insertable)]
#[diesel(table_name = outbox_event)]
struct OutboxRow {
    workspace_id: Uid,
    id: Uid,
    at: At,
    kind: String,
    record: String,
    record_id: Uid,
    payload: String,
}

/// Writes both. Bodies are kept as exact text: jsonb would reorder keys.
#[expect(clippy::disallowed_methods, reason = "the trace itself has no trace")]
pub(crate) fn write(db: &mut Db, scope: &Scope, circumstances: &Circumstances, event: Event) -> Result<(), StoreError> {
    let id = (circumstances.fresh_id)();
    let by = scope.by();
    let changes = Value::Object(event.changes.clone()).to_string();
    diesel::insert_into(audit_event::table)
        .values(&AuditRow {
            workspace_id: scope.workspace().into(),
            id: Uid(id),
            at: At(circumstances.now),
            record: event.record.word().to_owned(),
            record_id: Uid(event.id),
            action: event.action.word().to_owned(),
            actor_type: by.kind.word().to_owned(),
            actor_id: by.id.map(Uid),
            actor_name: by.name.clone(),
            request_id: circumstances.request_id.clone(),
            address: circumstances.address.clone(),
            changes,
            reason: event.reason.clone(),
        })
        .execute(db)?;
    let payload = serde_json::json!({
        "type": event.name(),
        "timestamp": circumstances.now,
        "workspace_id": scope.workspace(),
        "data": event.after,
        "changes": event.changes,
    });
    diesel::insert_into(outbox_event::table)
        .values(&OutboxRow {
            workspace_id: scope.workspace().into(),
            id: Uid(id),
            at: At(circumstances.now),
            kind: event.name(),
            record: event.record.word().to_owned(),
            record_id: Uid(event.id),
            payload: payload.to_string(),
        })
        .execute(db)?;
    Ok(())
}

/// The fields that the last `count` changes of a record touched, each once, in alphabetical order.
pub fn last_changed_fields(
    tx: &mut dyn crate::store::Reading,
    record: kartoteka_domain::access::RecordType,
    id: Uuid,
    count: i64,
) -> Result<Vec<String>, StoreError> {
    let rows: Vec<String> = audit_event::table
        .filter(audit_event::workspace_id.eq(Uid::from(tx.workspace())))
        .filter(audit_event::record.eq(record.word()))
        .filter(audit_event::record_id.eq(Uid(id)))
        .order((audit_event::at.desc(), audit_event::id.desc()))
        .limit(count)
        .select(audit_event::changes)
        .load(tx.db().0)?;
    let mut fields: Vec<String> = rows
        .iter()
        .filter_map(|text| serde_json::from_str::<serde_json::Map<String, Value>>(text).ok())
        .flat_map(|changes| changes.into_iter().map(|(field, _)| field))
        .collect();
    fields.sort_unstable();
    fields.dedup();
    Ok(fields)
}
