//! The live stream: what an interface hears while it is open, and who else has a card open.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
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
    id::UserId,
    journal::{EventParams, EventType, ReadUpTo},
    list::{AnyOf, Parameter, ParameterType, Parameters},
};

/// A record by its type and id, `contact:019aa000-…`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordAt {
    /// Its type.
    pub record: RecordType,
    /// Its id.
    pub id: Uuid,
}

/// What is opened as a card.
const CARDS: &[RecordType] =
    &[RecordType::Contact, RecordType::Company, RecordType::Lead, RecordType::Deal, RecordType::Task, RecordType::Communication];

impl RecordAt {
    /// Reads one; `None` for what is no card.
    pub fn read(text: &str) -> Option<Self> {
        let (record, id) = text.split_once(':')?;
        let record = RecordType::from_word(record).filter(|record| CARDS.contains(record))?;
        Some(Self { record, id: Uuid::try_parse(id).ok().filter(|_| id.len() == 36)? })
    }
}
impl<'de> Deserialize<'de> for RecordAt {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::read(&text).ok_or_else(|| serde::de::Error::custom("no such record"))
    }
}
impl ParameterType for RecordAt {
    fn schema() -> RefOr<Schema> {
        let records: Vec<&str> = CARDS.iter().map(|record| record.word()).collect();
        ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some(format!("^({}):[0-9a-f]{{8}}-[0-9a-f]{{4}}-[0-9a-f]{{4}}-[0-9a-f]{{4}}-[0-9a-f]{{12}}$", records.join("|"))))
            .into()
    }
}

params! {
    /// What to hear.
    pub struct StreamParams {
        /// Events after this number; `Last-Event-ID` goes before it. From now on when both are absent.
        after: ReadUpTo,
        /// Only these types, `deal.created`; `contact.*` means whatever happened to contacts.
        types: AnyOf<EventType>,
        /// Only of records of these types.
        record_type: AnyOf<RecordType>,
        /// The card the asker has open, `deal:019aa000-0000-7000-8000-0000000000d1`: others who have it open are told, and he is told of them.
        open: RecordAt,
        /// Whether the asker's notifications are told, too; yes when absent. Keys have none.
        notifications: bool,
    }
}

impl StreamParams {
    /// Which events of the journal are meant.
    pub fn events(&self) -> EventParams {
        EventParams { types: self.types.clone(), record_type: self.record_type.clone(), ..EventParams::default() }
    }
}

/// Of which record.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PresenceParams {
    /// The record.
    pub record: RecordAt,
}
impl Parameters for PresenceParams {
    fn parameters() -> Vec<Parameter> {
        vec![Parameter {
            name: "record",
            description: "The record, `deal:019aa000-0000-7000-8000-0000000000d1`.",
            required: true,
            longest: RecordAt::LONGEST,
            schema: <RecordAt as ParameterType>::schema(),
            dependencies: <RecordAt as ParameterType>::dependencies,
        }]
    }
}

/// Somebody who has a card open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Present {
    /// Who.
    #[schema(required = true)]
    pub user_id: UserId,
    /// His name.
    #[schema(required = true)]
    pub name: String,
    /// Since when.
    #[schema(required = true)]
    pub since: DateTime<Utc>,
}

/// Who has a card open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CardPresence {
    /// Type of the record.
    #[schema(required = true)]
    pub record_type: RecordType,
    /// Its id.
    #[schema(required = true, value_type = crate::id::AnyId)]
    pub record_id: Uuid,
    /// Those who have it open, the asker among them; the first comer first, at most 50.
    #[schema(required = true)]
    pub people: Vec<Present>,
}

/// Why a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// It was open long enough, or the server stops: go on from the last event.
    Resume,
    /// What was sent was not taken: go on from the last event.
    TooSlow,
    /// What follows the last event is not kept any more: read the lists anew.
    EventsGone,
    /// The credential does not hold any more.
    SignedOut,
}

/// One event as the stream carries it (<https://html.spec.whatwg.org/multipage/server-sent-events.html>): `data` is one line of JSON.
pub fn frame(into: &mut String, id: Option<i64>, name: &str, data: &str) {
    use std::fmt::Write;
    if let Some(id) = id {
        let _ = writeln!(into, "id: {id}");
    }
    // JSON written compactly has no line breaks of its own
    let _ = write!(into, "event: {name}\ndata: {data}\n\n");
}

/// Where the reader has come to although nothing was for him: moves his `Last-Event-ID`, says nothing.
pub fn mark(into: &mut String, id: i64) {
    use std::fmt::Write;
    let _ = write!(into, "id: {id}\n\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_named_by_type_and_id() {
        let id = "019aa000-0000-7000-8000-0000000000d1";
        assert_eq!(RecordAt::read(&format!("deal:{id}")).map(|at| at.record), Some(RecordType::Deal));
        for bad in ["", "deal", "deal:", "deal:x", "role:019aa000-0000-7000-8000-0000000000d1", "deal:019aa0000000700080000000000000d1"] {
            assert_eq!(RecordAt::read(bad), None, "{bad}");
        }
    }

    #[test]
    fn frames_are_what_browsers_read() {
        let mut text = String::new();
        frame(&mut text, Some(7), "deal.created", r#"{"a":1}"#);
        mark(&mut text, 9);
        assert_eq!(text, "id: 7\nevent: deal.created\ndata: {\"a\":1}\n\nid: 9\n\n");
    }
}
