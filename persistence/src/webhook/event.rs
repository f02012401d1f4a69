//! The events that deliveries tell of, as they were written: what may be told of them is asked when they are posted.

use diesel::prelude::*;
use kartoteka_domain::{access::RecordType, actor::ActorRef};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    db::{At, Uid},
    fragment,
    journal::RawEvent,
    schema::outbox_event,
    store::{Reading, StoreError},
};

#[derive(serde::Deserialize)]
struct Payload {
    #[serde(default)]
    actor: Option<ActorRef>,
    changes: Map<String, Value>,
    data: Value,
}

type Row = (Uid, Option<i64>, At, String, String, Uid, String);

fn read((id, sequence, at, kind, record, record_id, payload): Row) -> Option<RawEvent> {
    let record = RecordType::from_word(&record)?;
    let Payload { actor, changes, data } = serde_json::from_str(&payload).ok()?;
    Some(RawEvent { id: id.0, sequence: sequence?, at: at.0, kind, record, record_id: record_id.0, actor, data, changes })
}

/// Those of these events that are kept, by their ids: one question, however many they are.
pub fn of(tx: &mut dyn Reading, ids: &[Uuid]) -> Result<Vec<RawEvent>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<Row> = all!(tx, outbox_event)
        .filter(fragment::one_of("outbox_event.id", ids.iter().copied()))
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
    Ok(rows.into_iter().filter_map(read).collect())
}
