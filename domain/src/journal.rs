//! The journal: every change of a workspace in the order of commits, numbered without gaps, as somebody may be told of it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{
    ToSchema,
    openapi::{
        RefOr, Schema,
        schema::{ObjectBuilder, Type},
    },
};
use uuid::Uuid;

use crate::{
    access::{Owners, RecordType},
    actor::ActorRef,
    event::Action,
    id::{UserId, WorkspaceId},
    list::{AnyOf, Limit, ParameterType},
};

/// How many numbers one read of the journal looks through at most: a filter that nothing passes costs no more.
pub const WINDOW: i64 = 2000;

/// For how many days events are kept, where nothing else is said.
pub const KEPT_DAYS: i64 = 30;

/// How long a request may wait for news, seconds.
pub const LONGEST_WAIT: i64 = 25;

/// What happened to a record for everybody who sees it; the rest (sign-ins, secrets, refusals) is told to those who read the audit.
const TOLD: &[Action] = &[
    Action::Created,
    Action::Updated,
    Action::Archived,
    Action::Restored,
    Action::Completed,
    Action::Assigned,
    Action::StageChanged,
    Action::Paused,
    Action::Resumed,
    Action::Received,
    Action::Replayed,
];

/// Whether an event is only for those who may read the audit.
pub fn is_private(kind: &str) -> bool {
    let action = kind.split_once('.').and_then(|(_, action)| Action::from_word(action));
    action.is_none_or(|action| !TOLD.contains(&action))
}

/// Which events are meant: `contact.created`, or `contact.*` for all of contacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventType {
    /// Of records of this type.
    pub record: RecordType,
    /// This happened; `None`: whatever happened.
    pub action: Option<Action>,
}

impl EventType {
    /// Reads one; `None` for what names no event.
    pub fn read(text: &str) -> Option<Self> {
        let (record, action) = text.split_once('.')?;
        let record = RecordType::from_word(record)?;
        Some(match action {
            "*" => Self { record, action: None },
            word => Self { record, action: Some(Action::from_word(word)?) },
        })
    }
    /// Whether an event of this name is meant.
    pub fn takes(self, kind: &str) -> bool {
        kind.split_once('.')
            .is_some_and(|(record, action)| record == self.record.word() && self.action.is_none_or(|wanted| wanted.word() == action))
    }
}

impl std::fmt::Display for EventType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.record, self.action.map_or("*", Action::word))
    }
}

impl Serialize for EventType {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for EventType {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::read(&text).ok_or_else(|| serde::de::Error::custom("no such event"))
    }
}

impl utoipa::PartialSchema for EventType {
    fn schema() -> RefOr<Schema> {
        let records: Vec<&str> = RecordType::ALL.iter().map(|record| record.word()).collect();
        let actions: Vec<&str> = Action::ALL.iter().map(|action| action.word()).collect();
        ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some(format!("^({})\\.(\\*|{})$", records.join("|"), actions.join("|"))))
            .description(Some("What happened to what: `contact.created`; `contact.*` means whatever happened to contacts."))
            .into()
    }
}
impl ToSchema for EventType {}
impl ParameterType for EventType {
    fn schema() -> RefOr<Schema> {
        crate::list::reference::<Self>()
    }
    fn dependencies(into: &mut Vec<crate::list::NamedSchema>) {
        crate::list::dependency::<Self>(into);
    }
}

/// Up to where somebody has read; 0 before the first event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "i64")]
pub struct ReadUpTo(pub i64);
impl TryFrom<i64> for ReadUpTo {
    type Error = &'static str;
    fn try_from(number: i64) -> Result<Self, Self::Error> {
        if number >= 0 { Ok(Self(number)) } else { Err("events are numbered from 1") }
    }
}
impl ParameterType for ReadUpTo {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).into()
    }
}

/// How long to wait for news, seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "i64")]
pub struct WaitSeconds(pub i64);
impl TryFrom<i64> for WaitSeconds {
    type Error = &'static str;
    fn try_from(seconds: i64) -> Result<Self, Self::Error> {
        if (0..=LONGEST_WAIT).contains(&seconds) { Ok(Self(seconds)) } else { Err("out of range") }
    }
}
impl ParameterType for WaitSeconds {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).maximum(Some(LONGEST_WAIT)).into()
    }
}

params! {
    /// Which events.
    pub struct EventParams {
        /// Only events after this number: the `next_after` of the answer before. From the first one that is kept when absent.
        after: ReadUpTo,
        /// Only these types, `deal.created`; `contact.*` means whatever happened to contacts.
        types: AnyOf<EventType>,
        /// Only of records of these types.
        record_type: AnyOf<RecordType>,
        /// How many events a page holds at most, 1 to 200; 50 when absent.
        limit: Limit,
        /// How long to wait when there is no news, seconds, up to 25; not at all when absent.
        wait_seconds: WaitSeconds,
    }
}

impl EventParams {
    /// The events asked for; empty for all.
    pub fn wanted(&self) -> Vec<EventType> {
        let types = self.types.iter().flat_map(|AnyOf(types)| types).copied();
        let Some(AnyOf(records)) = &self.record_type else { return types.collect() };
        if self.types.is_none() {
            return records.iter().map(|record| EventType { record: *record, action: None }).collect();
        }
        types.filter(|wanted| records.contains(&wanted.record)).collect()
    }
    /// Whether the filters leave nothing: types and records that contradict each other.
    pub fn is_nothing(&self) -> bool {
        self.types.is_some() && self.wanted().is_empty()
    }
}

words! {
    /// Whether a change of owner brought a record into the asker's sight or took it out of it. Open to additions.
    pub enum ReachChange {
        /// It came into sight: what hangs on it is to be read, too.
        Entered = "entered",
        /// It is out of sight from here on, with what hangs on it.
        Left = "left",
    }
}

/// One change, as the asker may be told of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JournalEvent {
    /// Identifier, UUID v7 made by the server; the same as of its audit event.
    #[schema(required = true, value_type = crate::id::AnyId)]
    pub id: Uuid,
    /// Its number in the workspace: without gaps, in the order of commits.
    #[schema(required = true)]
    pub sequence: i64,
    /// What happened, `deal.stage_changed`.
    #[schema(required = true)]
    pub r#type: String,
    /// When, UTC.
    #[schema(required = true)]
    pub timestamp: DateTime<Utc>,
    /// In which workspace.
    #[schema(required = true, value_type = crate::id::AnyId)]
    pub workspace_id: WorkspaceId,
    /// Type of the record, as in the rights.
    #[schema(required = true)]
    pub record_type: RecordType,
    /// Id of the record.
    #[schema(required = true, value_type = crate::id::AnyId)]
    pub record_id: Uuid,
    /// Who did it; null for events older than the journal.
    #[schema(required = true)]
    pub actor: Option<ActorRef>,
    /// Whether the record came into the asker's sight by this change, or left it; null otherwise.
    #[schema(required = true)]
    pub reach: Option<ReachChange>,
    /// The record after the change; null where it left the asker's sight, and where nothing of it is told.
    #[schema(required = true, value_type = crate::free::AnyValue)]
    pub data: Value,
    /// Changed fields, each `{before, after}`.
    #[schema(required = true, value_type = crate::free::FieldChanges)]
    pub changes: Map<String, Value>,
}

/// A page of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Journal {
    /// The events the asker may be told of, in order.
    #[schema(required = true)]
    pub data: Vec<JournalEvent>,
    /// Up to where was looked: the `after` to go on with. It grows also where nothing was for the asker.
    #[schema(required = true)]
    pub next_after: i64,
    /// The number of the latest event of the workspace: the journal is read to its end when `next_after` has come there.
    #[schema(required = true)]
    pub latest: i64,
}

/// What a change of owners means to somebody whose own sight of a record goes by its owners: `before` and `after` tell whether one of them
/// was his. Whoever sees everything sees it before and after.
pub fn reach_change(
    record: RecordType,
    owners: &Owners,
    sees_unassigned: bool,
    is_new: bool,
    data: &Value,
    changes: &Map<String, Value>,
) -> Option<ReachChange> {
    let Owners::Of(users) = owners else { return None };
    if !["owner_id", "responsibles"].iter().any(|field| changes.contains_key(*field)) {
        return None;
    }
    let side = |field: &str, side: &str| match changes.get(field) {
        Some(change) => change.get(side).cloned().unwrap_or_default(),
        None => data.get(field).cloned().unwrap_or_default(),
    };
    let sees = |when: &str| {
        // what was not there before was in nobody's sight
        if is_new && when == "before" {
            return false;
        }
        let owner = side("owner_id", when);
        if owner.is_null() && sees_unassigned && matches!(record, RecordType::Lead | RecordType::Deal) {
            return true;
        }
        is_one_of(&owner, users)
            || side("responsibles", when).as_array().is_some_and(|all| all.iter().any(|one| is_one_of(&one["user_id"], users)))
    };
    match (sees("before"), sees("after")) {
        (true, false) => Some(ReachChange::Left),
        (false, true) => Some(ReachChange::Entered),
        _ => None,
    }
}

fn is_one_of(id: &Value, users: &[UserId]) -> bool {
    id.as_str().and_then(|id| Uuid::parse_str(id).ok()).is_some_and(|id| users.iter().any(|user| user.uuid() == id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn a_type_means_one_event_or_all_of_a_record() {
        let all = EventType::read("contact.*").unwrap();
        assert!(all.takes("contact.created") && all.takes("contact.updated") && !all.takes("company.created"));
        let one = EventType::read("deal.stage_changed").unwrap();
        assert!(one.takes("deal.stage_changed") && !one.takes("deal.updated"));
        for bad in ["", "contact", "contact.", ".created", "contact.craeted", "client.created", "*.created", "contact.*.*"] {
            assert_eq!(EventType::read(bad), None, "{bad}");
        }
    }

    #[test]
    fn sign_ins_and_secrets_are_for_those_who_read_the_audit() {
        for kind in
            ["user.sign_in_refused", "user.password_changed", "contact.revealed", "api_key.key_rotated", "user.handed_over", "nothing"]
        {
            assert!(is_private(kind), "{kind}");
        }
        assert!(!is_private("contact.created") && !is_private("deal.stage_changed"));
    }

    fn mine(users: &[u128]) -> Owners {
        Owners::Of(users.iter().map(|id| UserId::new(Uuid::from_u128(*id))).collect())
    }

    fn change(before: Option<u128>, after: Option<u128>) -> Map<String, Value> {
        let id = |id: Option<u128>| id.map(Uuid::from_u128);
        json!({"owner_id": {"before": id(before), "after": id(after)}}).as_object().cloned().unwrap()
    }

    #[test]
    fn a_record_leaves_with_its_owner_unless_somebody_further_keeps_it() {
        let owners = mine(&[1]);
        let none = json!({"responsibles": []});
        let told = |data: &Value, changes: &Map<String, Value>| reach_change(RecordType::Contact, &owners, false, false, data, changes);
        assert_eq!(told(&none, &change(Some(1), Some(2))), Some(ReachChange::Left));
        assert_eq!(told(&none, &change(Some(2), Some(1))), Some(ReachChange::Entered));
        let kept = json!({"responsibles": [{"user_id": Uuid::from_u128(1)}]});
        assert_eq!(told(&kept, &change(Some(1), Some(2))), None);
        assert_eq!(told(&none, &Map::new()), None);
        assert_eq!(reach_change(RecordType::Contact, &Owners::All, false, false, &none, &change(Some(1), Some(2))), None);
        // a lead nobody had, given to somebody else
        assert_eq!(reach_change(RecordType::Lead, &owners, true, false, &none, &change(None, Some(2))), Some(ReachChange::Left));
        // one that was made with somebody else as its owner was in nobody's sight
        assert_eq!(reach_change(RecordType::Lead, &owners, true, true, &none, &change(None, Some(2))), None);
        assert_eq!(reach_change(RecordType::Lead, &owners, false, false, &none, &change(None, Some(2))), None);
    }

    proptest! {
        #[test]
        fn what_leaves_one_way_enters_the_other(before in proptest::option::of(1_u128..5), after in proptest::option::of(1_u128..5), own in 1_u128..5, unassigned: bool) {
            let owners = mine(&[own]);
            let there = reach_change(RecordType::Deal, &owners, unassigned, false, &Value::Null, &change(before, after));
            let back = reach_change(RecordType::Deal, &owners, unassigned, false, &Value::Null, &change(after, before));
            let turned = match there {
                Some(ReachChange::Left) => Some(ReachChange::Entered),
                Some(ReachChange::Entered) => Some(ReachChange::Left),
                None => None,
            };
            prop_assert_eq!(turned, back);
        }

        #[test]
        fn a_type_is_read_as_it_is_written(record in 0..RecordType::ALL.len(), action in 0..=Action::ALL.len()) {
            let kind = EventType { record: RecordType::ALL[record], action: Action::ALL.get(action).copied() };
            prop_assert_eq!(EventType::read(&kind.to_string()), Some(kind));
        }
    }
}
