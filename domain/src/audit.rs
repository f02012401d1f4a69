//! The trace as it is read: who did what, where and through what, before and after; the chain that proves it complete; and
//! the way back.

pub mod chain;
pub mod reversal;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{
    ToSchema,
    openapi::{
        RefOr, Schema,
        schema::{ObjectBuilder, Type},
    },
};
use uuid::Uuid;

use crate::{
    access::RecordType,
    actor::{ActorRef, ActorType},
    event::Action,
    id::Id,
    list::{Archived, Cursor, Limit, ListParameters, Moment, PageRequest, ParameterType},
};

/// Marks an id as that of any record.
pub struct Anything;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditEvent {
    /// Identifier, UUID v7 made by the server.
    #[schema(required = true, value_type = crate::id::AnyId)]
    pub id: Uuid,
    /// When, UTC.
    #[schema(required = true)]
    pub at: DateTime<Utc>,
    /// Its number in the workspace's chain; null until it is sealed, within a second.
    #[schema(required = true)]
    pub sequence: Option<i64>,
    /// Type of the record, as in the rights: `contact`, `company`, `user`, …
    #[schema(required = true)]
    pub record_type: String,
    /// Id of the record; null where a refused request named none.
    #[schema(required = true)]
    pub record_id: Option<Uuid>,
    /// What happened: `created`, `updated`, `archived`, `restored`, `signed_in`, `refused`, …
    #[schema(required = true)]
    pub action: String,
    /// Who did it.
    #[schema(required = true)]
    pub actor: ActorRef,
    /// Through what: `session:ID`, `api_key:PREFIX`, `form:ID`; null for the server's own work.
    #[schema(required = true)]
    pub via: Option<String>,
    /// Address of the client.
    #[schema(required = true)]
    pub address: Option<String>,
    /// Program of the client, as it calls itself.
    #[schema(required = true)]
    pub user_agent: Option<String>,
    /// Id of the request.
    #[schema(required = true)]
    pub request_id: Option<String>,
    /// Changed fields, each `{before, after}`.
    #[schema(required = true, value_type = crate::free::FieldChanges)]
    pub changes: Value,
    /// Why, when a reason was given or the server decided.
    #[schema(required = true)]
    pub reason: Option<String>,
    /// The hash before it in the chain, hexadecimal.
    #[schema(required = true)]
    pub previous_hash: Option<String>,
    /// Its hash, hexadecimal: `sha256("kartoteka audit chain 1\n" | previous | sequence, 8 bytes | canonical JSON (RFC 8785))`.
    #[schema(required = true)]
    pub hash: Option<String>,
}

sorts! {
    /// Orders of audit events.
    pub enum AuditSort { NewestFirst = "-at" => "at" down, OldestFirst = "at" => "at" up }
}

params! {
    /// Which audit events.
    pub struct ListAuditEvents {
        /// Who did it.
        actor_id: crate::list::AnyOf<Id<Anything>>,
        /// Kinds of actors.
        actor_type: crate::list::AnyOf<ActorType>,
        /// Types of records.
        record_type: crate::list::AnyOf<RecordType>,
        /// To which records.
        record_id: crate::list::AnyOf<Id<Anything>>,
        /// What happened.
        action: crate::list::AnyOf<Action>,
        /// At or after.
        after: Moment,
        /// Before.
        before: Moment,
        /// In which request.
        request_id: crate::list::AnyOf<String>,
        /// How many records a page holds, 1 to 200; 50 when absent.
        limit: Limit,
        /// Where to go on: the `next_cursor` of the page before, with the same sort and filters.
        cursor: Cursor,
        /// Order; `-` means descending. The id breaks ties.
        sort: AuditSort,
        /// Adds `total`, the count of all matching records.
        include_total: bool,
    }
}
impl ListParameters for ListAuditEvents {
    type Sort = AuditSort;
    fn page(&self) -> PageRequest<AuditSort> {
        PageRequest {
            limit: self.limit.unwrap_or_default().get(),
            cursor: self.cursor.as_ref().map(|cursor| cursor.0.clone()),
            sort: self.sort.unwrap_or_default(),
            archived: Archived::Include,
            include_total: self.include_total.unwrap_or_default(),
        }
    }
}

/// Number of an event in its chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "i64")]
pub struct Sequence(pub i64);
impl TryFrom<i64> for Sequence {
    type Error = &'static str;
    fn try_from(number: i64) -> Result<Self, Self::Error> {
        if number > 0 { Ok(Self(number)) } else { Err("events are numbered from 1") }
    }
}
impl ParameterType for Sequence {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).into()
    }
}

/// A hash told by its hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct HashText(pub chain::Hash);
impl TryFrom<String> for HashText {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        chain::from_hex(&text).map(Self).ok_or("64 hexadecimal digits are wanted")
    }
}
impl ParameterType for HashText {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[0-9a-fA-F]{64}$")).into()
    }
}

params! {
    /// Against what to verify.
    pub struct VerifyAuditEvents {
        /// Number of a head that was exported earlier; together with `expected_hash`.
        expected_sequence: Sequence,
        /// Hash of that head.
        expected_hash: HashText,
    }
}

/// The end of a chain: keep it elsewhere, and nobody can cut the chain before it unnoticed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChainHead {
    /// Number of the last sealed event.
    #[schema(required = true)]
    pub sequence: i64,
    /// Its hash, hexadecimal.
    #[schema(required = true)]
    pub hash: String,
}

impl From<chain::Head> for ChainHead {
    fn from(head: chain::Head) -> Self {
        Self { sequence: head.sequence, hash: chain::to_hex(&head.hash) }
    }
}

/// What verifying the chain found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditVerification {
    /// Whether every link holds.
    #[schema(required = true)]
    pub ok: bool,
    /// How many events are sealed and were held against their hashes.
    #[schema(required = true)]
    pub verified: i64,
    /// How many events are not sealed yet.
    #[schema(required = true)]
    pub unsealed: i64,
    /// The end of the chain as far as it holds; null while nothing is sealed.
    #[schema(required = true)]
    pub head: Option<ChainHead>,
    /// The first broken link.
    #[schema(required = true)]
    pub first_break: Option<chain::ChainBreak>,
}

params! {
    /// Which part of a record's history.
    pub struct HistoryParams {
        /// Only this field.
        field: String,
        /// How many changes a page holds, 1 to 200; 50 when absent.
        limit: Limit,
        /// Where to go on: the `next_cursor` of the page before.
        cursor: Cursor,
    }
}

/// One change of one field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FieldHistoryEntry {
    /// Id of the audit event.
    #[schema(required = true, value_type = crate::id::AnyId)]
    pub event_id: Uuid,
    /// When, UTC.
    #[schema(required = true)]
    pub at: DateTime<Utc>,
    /// Who changed it.
    #[schema(required = true)]
    pub actor: ActorRef,
    /// What happened: `created`, `updated`, …
    #[schema(required = true)]
    pub action: String,
    /// Type of the record.
    #[schema(required = true)]
    pub record_type: RecordType,
    /// The field.
    #[schema(required = true)]
    pub field: String,
    /// Its value before.
    #[schema(required = true, value_type = crate::free::AnyValue)]
    pub before: Value,
    /// Its value after.
    #[schema(required = true, value_type = crate::free::AnyValue)]
    pub after: Value,
    /// Why, when a reason was given.
    #[schema(required = true)]
    pub reason: Option<String>,
}
