//! What all records share: envelope, difference between two states, expansion, warnings.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{access::RecordType, actor::ActorRef, invalid::FieldErrors};

/// How far ahead of ours the clocks of other systems run: what is later has not happened yet.
pub const CLOCKS_DIFFER: chrono::Duration = chrono::Duration::minutes(10);

/// A record with its envelope.
pub trait Record: Serialize + Clone + PartialEq + Send + Sync + 'static {
    /// Which type it is.
    const TYPE: RecordType;
    /// Its id.
    fn uuid(&self) -> Uuid;
    /// Its version.
    fn version(&self) -> i64;
    /// When it was changed last.
    fn updated_at(&self) -> DateTime<Utc>;
    /// When it was archived.
    fn archived_at(&self) -> Option<DateTime<Utc>>;
    /// Marks a change: next version, when and by whom.
    fn stamp(&mut self, by: &ActorRef, now: DateTime<Utc>);
    /// Archives or restores.
    fn set_archived_at(&mut self, at: Option<DateTime<Utc>>);
    /// Forgets why it had no next step, where it is to have one: said of another time.
    fn forget_reason(&mut self) {}
    /// Puts the expansions asked for.
    fn set_expanded(&mut self, expanded: Expanded);
    /// The warnings it carries.
    fn warned(&self) -> &[Warning];
    /// Adds a policy's warning to the answer of a write.
    fn warn(&mut self, warning: Warning);
}

/// The input shape of a record and its patch.
pub trait Input: Serialize + DeserializeOwned + Default + Clone + Send + Sync + 'static {
    /// The patch over it.
    type Patch: DeserializeOwned + Send + Sync + 'static;
}

/// The circumstances of a creation, made by the caller: fresh id, time, actor.
#[derive(Debug, Clone)]
pub struct Birth {
    /// A fresh UUID v7.
    pub id: Uuid,
    /// Now, truncated to microseconds.
    pub at: DateTime<Utc>,
    /// Who creates.
    pub by: ActorRef,
}

/// What a rule needs to make a record and may not fetch itself.
pub struct Making<'a> {
    /// Fresh id, time and actor; for a change only the time and the actor count.
    pub birth: &'a Birth,
    /// The workspace's settings; `None` only while the workspace itself is made.
    pub workspace: Option<&'a crate::workspace::Workspace>,
    /// Fresh UUIDs for the parts of a record.
    pub fresh_id: &'a dyn Fn() -> Uuid,
    /// The asking user, the default of a responsible person.
    pub asker: Option<crate::id::UserId>,
}

impl Making<'_> {
    /// Default country of phones and tax ids.
    pub fn country(&self) -> &str {
        self.workspace.map_or("RU", |workspace| workspace.country.as_str())
    }
}

/// A record that is made from an input shape.
pub trait Made: Record {
    /// Its input shape.
    type Input: Input + validator::Validate;
    /// The record as the input that would make it: what a merge patch is merged into.
    fn input(&self) -> Self::Input;
    /// Makes the record, or its next state from `previous`; tells every fault at once.
    fn make(input: &Self::Input, previous: Option<&Self>, making: &Making<'_>) -> Result<Self, FieldErrors>;
    /// Records it refers to, with the place in the input.
    fn references(&self) -> Vec<Reference> {
        Vec::new()
    }
}

/// A record another one refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Where the input names it.
    pub pointer: String,
    /// Of which type it is.
    pub record: RecordType,
    /// Its id.
    pub id: Uuid,
}

impl Reference {
    /// A reference at a pointer.
    pub fn new(pointer: impl Into<String>, record: RecordType, id: Uuid) -> Self {
        Self { pointer: pointer.into(), record, id }
    }
    /// A reference that may be absent.
    pub fn optional<T>(pointer: &str, record: RecordType, id: Option<crate::id::Id<T>>) -> Option<Self> {
        id.map(|id| Self::new(pointer, record, id.uuid()))
    }
}

/// A policy's warning beside a write's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Warning {
    /// What kind of warning; open to additions.
    pub code: String,
    /// The same in words.
    pub message: String,
}

/// Records asked for by `expand`; only those asked for and visible are present.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Expanded {
    /// The responsible user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub owner: Option<crate::user::User>,
    /// The contact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub contact: Option<crate::contact::Contact>,
    /// The company.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub company: Option<crate::company::Company>,
    /// The lead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub lead: Option<crate::lead::Lead>,
    /// The deal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub deal: Option<crate::deal::Deal>,
    /// The source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub source: Option<crate::catalogue::Source>,
    /// The contacts of a company, the first 50 by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub contacts: Option<Vec<crate::contact::Contact>>,
}

/// A related record that can be put beside another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expansion {
    /// The responsible user.
    Owner,
    /// The contact.
    Contact,
    /// The company.
    Company,
    /// The lead.
    Lead,
    /// The deal.
    Deal,
    /// The source.
    Source,
    /// The contacts of a company.
    Contacts,
}

impl Expansion {
    /// Of what type it is.
    pub fn record_type(self) -> RecordType {
        match self {
            Self::Owner => RecordType::User,
            Self::Contact | Self::Contacts => RecordType::Contact,
            Self::Company => RecordType::Company,
            Self::Lead => RecordType::Lead,
            Self::Deal => RecordType::Deal,
            Self::Source => RecordType::Source,
        }
    }
}

/// A record with related ones: `expand` may name these and no others.
pub trait Expandable {
    /// The closed list of them.
    type Expansion: crate::list::ParameterType + serde::de::DeserializeOwned + Into<Expansion> + Copy + Send + Sync + 'static;
}

/// Envelope and derived fields: they change by themselves and are not audited.
const NOT_AUDITED: &[&str] = &[
    "version",
    "created_at",
    "updated_at",
    "created_by",
    "updated_by",
    "access",
    "expanded",
    "warnings",
    "next_task_at",
    "last_communication_at",
    "last_used_at",
    "invited_at",
    "read_until",
    "last_success_at",
    "failing_since",
    "last_error",
];

/// The changed fields between two states, each `{"before": …, "after": …}`; `before` is `None` for a creation.
pub fn difference<R: Serialize>(before: Option<&R>, after: &R) -> Map<String, Value> {
    let object = |record: &R| match serde_json::to_value(record) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    };
    let old = before.map(object).unwrap_or_default();
    let mut changes = Map::new();
    let after = object(after);
    let derives_next_step = after.contains_key("next_task_at");
    for (field, new) in after {
        if derives_next_step && field == "no_next_step_reason" {
            continue;
        }
        let was = old.get(&field).cloned().unwrap_or(Value::Null);
        if !NOT_AUDITED.contains(&field.as_str()) && field != "id" && was != new {
            changes.insert(field, serde_json::json!({"before": was, "after": new}));
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_names_only_what_changed() {
        let before = serde_json::json!({"name": "a", "comment": null, "version": 1});
        let after = serde_json::json!({"name": "b", "comment": null, "version": 2});
        let changes = difference(Some(&before), &after);
        assert_eq!(Value::Object(changes), serde_json::json!({"name": {"before": "a", "after": "b"}}));
    }
}
