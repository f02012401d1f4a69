//! The trace of every change: an audit event and an outbox event, written together in the change's own transaction; and the
//! audit events as they are read.

pub mod chain;
mod history;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use kartoteka_domain::{
    access::{RecordType, Scope},
    actor::{ActorRef, ActorType},
    audit::{AuditEvent, ListAuditEvents, chain::to_hex},
    event::{Action, Event},
    id::WorkspaceId,
    list::{ListParameters, Page},
};
use serde_json::Value;
use uuid::Uuid;

pub use history::{Trace, history, touched, traces};

use crate::{
    db::{At, Db, Uid},
    fragment::Key,
    schema::{audit_event, outbox_event},
    store::{Circumstances, Reading, StoreError},
};

#[derive(Debug, Clone, diesel::Queryable, diesel::Insertable)]
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
    via: Option<String>,
    user_agent: Option<String>,
    sequence: Option<i64>,
    previous_hash: Option<Vec<u8>>,
    hash: Option<Vec<u8>>,
}

impl AuditRow {
    fn key(&self, _: &str) -> Key {
        Key::Instant(self.at.0)
    }
    fn actor(&self) -> ActorRef {
        ActorRef {
            kind: ActorType::from_word(&self.actor_type).unwrap_or(ActorType::System),
            id: self.actor_id.map(|id| id.0),
            name: self.actor_name.clone(),
        }
    }
    fn event(self) -> AuditEvent {
        AuditEvent {
            id: self.id.0,
            at: self.at.0,
            sequence: self.sequence,
            record_id: (!self.record_id.0.is_nil()).then_some(self.record_id.0),
            actor: self.actor(),
            // whoever altered the text is found by verifying; the list still has to be readable
            changes: serde_json::from_str(&self.changes).ok().filter(Value::is_object).unwrap_or_else(|| serde_json::json!({})),
            record_type: self.record,
            action: self.action,
            via: self.via,
            address: self.address,
            user_agent: self.user_agent,
            request_id: self.request_id,
            reason: self.reason,
            previous_hash: self.previous_hash.as_deref().map(to_hex),
            hash: self.hash.as_deref().map(to_hex),
        }
    }
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
    sequence: Option<i64>,
}

/// What the outside is told of an event.
#[derive(serde::Serialize)]
struct Payload<'a> {
    actor: &'a ActorRef,
    changes: &'a serde_json::Map<String, Value>,
    data: &'a Value,
    timestamp: DateTime<Utc>,
    r#type: &'a str,
    workspace_id: WorkspaceId,
}

/// Writes the audit event. Bodies are kept as exact text: jsonb would reorder keys.
#[expect(clippy::disallowed_methods, reason = "the trace itself has no trace")]
pub(crate) fn write_audit(db: &mut Db, scope: &Scope, circumstances: &Circumstances, id: Uuid, event: &Event) -> Result<(), StoreError> {
    let by = scope.by();
    // a form or a rule acts through itself
    let own = || by.id.filter(|_| matches!(by.kind, ActorType::Form | ActorType::Rule)).map(|id| format!("{}:{id}", by.kind));
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
            changes: serde_json::to_string(&event.changes).map_err(|error| StoreError::Internal(error.to_string()))?,
            reason: event.reason.clone(),
            via: circumstances.via.clone().or_else(own),
            user_agent: circumstances.user_agent.clone(),
            sequence: None,
            previous_hash: None,
            hash: None,
        })
        .execute(db)?;
    Ok(())
}

/// Writes both.
#[expect(clippy::disallowed_methods, reason = "the trace itself has no trace")]
pub(crate) fn write(db: &mut Db, scope: &Scope, circumstances: &Circumstances, event: &Event) -> Result<(), StoreError> {
    let id = (circumstances.fresh_id)();
    write_audit(db, scope, circumstances, id, event)?;
    let kind = event.name();
    let payload = Payload {
        actor: scope.by(),
        changes: &event.changes,
        data: &event.after,
        timestamp: circumstances.now,
        r#type: &kind,
        workspace_id: scope.workspace(),
    };
    let payload = serde_json::to_string(&payload).map_err(|error| StoreError::Internal(error.to_string()))?;
    diesel::insert_into(outbox_event::table)
        .values(&OutboxRow {
            workspace_id: scope.workspace().into(),
            id: Uid(id),
            at: At(circumstances.now),
            kind,
            record: event.record.word().to_owned(),
            record_id: Uid(event.id),
            payload,
            sequence: None,
        })
        .execute(db)?;
    Ok(())
}

/// One event.
pub fn find(tx: &mut dyn Reading, id: Uuid) -> Result<Option<AuditEvent>, StoreError> {
    let row: Option<AuditRow> = all!(tx, audit_event).filter(audit_event::id.eq(Uid(id))).first(tx.db().0).optional()?;
    Ok(row.map(AuditRow::event))
}

/// A page of events.
pub fn list(tx: &mut dyn Reading, params: &ListAuditEvents) -> Result<Page<AuditEvent>, StoreError> {
    let mut page = page!(tx, AuditRow, audit_event, params.page(), ["at"], || {
        let mut query = all!(tx, audit_event);
        narrow!(query, params; audit_event.actor_id in actor_id, audit_event.record_id in record_id);
        narrow!(query, words params; audit_event.actor_type in actor_type, audit_event.record in record_type, audit_event.action in action);
        narrow!(query, texts params; audit_event.request_id in request_id);
        narrow!(query, from params; audit_event.at in after);
        narrow!(query, until params; audit_event.at in before);
        query
    });
    let events = page.take().into_iter().map(AuditRow::event).collect();
    Ok(page.into_page(events))
}

/// The fields that the last `count` changes of a record touched, each once, in alphabetical order.
pub fn last_changed_fields(tx: &mut dyn Reading, record: RecordType, id: Uuid, count: i64) -> Result<Vec<String>, StoreError> {
    let rows: Vec<String> = audit_event::table
        .filter(audit_event::workspace_id.eq(Uid::from(tx.workspace())))
        .filter(audit_event::record.eq(record.word()))
        .filter(audit_event::record_id.eq(Uid(id)))
        .filter(audit_event::action.ne(Action::Refused.word()))
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
