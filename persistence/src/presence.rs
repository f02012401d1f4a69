//! Who has which record open: rows of open streams, renewed while they last and believed only until they expire.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use kartoteka_domain::{access::RecordType, id::UserId, stream::Present};
use uuid::Uuid;

use crate::{
    db::{At, Uid},
    schema::presence,
    store::{Reading, StoreError, WriteTx},
    user,
};

part! {
    PresenceRow in presence { workspace_id: Uid, id: Uid, user_id: Uid, record: String, record_id: Uid, since: At, expires_at: At }
}

/// Says that somebody has a record open, until a time; the same stream says so again and again.
pub fn keep(
    tx: &mut WriteTx<'_>,
    stream: Uuid,
    user: UserId,
    record: RecordType,
    id: Uuid,
    until: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (workspace, since) = (tx.workspace(), At(tx.now()));
    let recorded = tx.unaudited("who looks at what is not kept");
    if set_columns!(tx.db().0, &recorded, presence, workspace, stream, expires_at = At(until))? == 0 {
        PresenceRow {
            workspace_id: workspace.into(),
            id: Uid(stream),
            user_id: user.into(),
            record: record.word().to_owned(),
            record_id: Uid(id),
            since,
            expires_at: At(until),
        }
        .insert(tx.db().0, &recorded)?;
    }
    Ok(())
}

/// The stream ended.
pub fn end(tx: &mut WriteTx<'_>, stream: Uuid) -> Result<(), StoreError> {
    let workspace = tx.workspace();
    let recorded = tx.unaudited("who looks at what is not kept");
    delete_parts!(tx.db().0, &recorded, presence, workspace, id = stream)?;
    Ok(())
}

/// Who has a record open now, each once, the first comer first; at most 50.
pub fn of(tx: &mut dyn Reading, record: RecordType, id: Uuid, now: DateTime<Utc>) -> Result<Vec<Present>, StoreError> {
    let rows: Vec<(Uid, At)> = presence::table
        .filter(presence::workspace_id.eq(Uid::from(tx.workspace())))
        .filter(presence::record.eq(record.word()))
        .filter(presence::record_id.eq(Uid(id)))
        .filter(presence::expires_at.gt(At(now)))
        .select((presence::user_id, presence::since))
        .order((presence::since, presence::id))
        .limit(200)
        .load(tx.db().0)?;
    let mut since: BTreeMap<Uuid, DateTime<Utc>> = BTreeMap::new();
    for (user, at) in rows {
        since.entry(user.0).or_insert(at.0);
    }
    if since.is_empty() {
        return Ok(Vec::new());
    }
    let people = user::find_many(tx, &since.keys().copied().collect::<Vec<_>>())?;
    let mut people: Vec<Present> = people
        .into_iter()
        .filter_map(|person| Some(Present { since: *since.get(&person.id.uuid())?, user_id: person.id, name: person.name }))
        .collect();
    people.sort_by_key(|present| (present.since, present.user_id));
    people.truncate(50);
    Ok(people)
}

/// Forgets what expired.
#[expect(clippy::disallowed_methods, reason = "what nobody believes any more")]
pub fn forget_expired(tx: &mut WriteTx<'_>) -> Result<usize, StoreError> {
    let (workspace, now) = (Uid::from(tx.workspace()), At(tx.now()));
    Ok(diesel::delete(presence::table.filter(presence::workspace_id.eq(workspace)).filter(presence::expires_at.lt(now)))
        .execute(tx.db().0)?)
}
