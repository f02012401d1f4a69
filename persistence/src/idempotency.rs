//! Idempotency keys: the outcome of a request, stored in its own transaction.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use crate::{
    db::{At, Db, Uid},
    schema::idempotency_key,
    store::{Reading, Store, StoreError, WriteTx},
};

part! {
    KeyRow in idempotency_key {
        workspace_id: Uid, id: Uid, actor_id: Uid, method: String, path: String, key: String, body_hash: Vec<u8>, status: i64, headers: String, body: String,
        expires_at: At,
    }
}

/// Which request it is.
#[derive(Debug, Clone)]
pub struct RequestKey {
    /// Who asks.
    pub actor: Uuid,
    /// Method.
    pub method: String,
    /// Path.
    pub path: String,
    /// The key.
    pub key: String,
    /// Fingerprint of query and body.
    pub body_hash: Vec<u8>,
}

/// An outcome as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Status.
    pub status: i64,
    /// Headers as JSON text.
    pub headers: String,
    /// Body, exact.
    pub body: String,
}

/// What is known of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// Nothing: it is now reserved for this transaction.
    New,
    /// It was answered.
    Answered(Outcome),
    /// The key was used for another body.
    Reused,
}

/// Reserves the key, or finds what was answered. A twin that is still running is waited for by the database's own lock;
/// [`StoreError::LockTimeout`] when that takes over two seconds.
pub fn reserve(tx: &mut WriteTx<'_>, request: &RequestKey, expires_at: DateTime<Utc>) -> Result<Known, StoreError> {
    let now = tx.now();
    if tx.is_alone() {
        // nobody else is under way: the row is written once, with the outcome
        return Ok(find(tx, request, now)?.unwrap_or(Known::New));
    }
    let row = KeyRow::new(tx, request, expires_at, Outcome { status: 0, headers: String::new(), body: String::new() });
    // twice: an expired twin is deleted first
    for _ in 0..2 {
        // waits for a twin that is still running; whoever is new, which is nearly everybody, is known after one statement
        let Db::Postgres(c) = tx.db().0 else { break };
        #[expect(clippy::disallowed_methods, reason = "the clockwork of a request")]
        let inserted = diesel::insert_into(idempotency_key::table).values(&row).on_conflict_do_nothing().execute(c)?;
        if inserted == 1 {
            return Ok(Known::New);
        }
        if let Some(known) = find(tx, request, now)? {
            return Ok(known);
        }
    }
    Err(StoreError::Conflict("an idempotency key came and went".into()))
}

impl KeyRow {
    fn new(tx: &WriteTx<'_>, request: &RequestKey, expires_at: DateTime<Utc>, outcome: Outcome) -> Self {
        Self {
            workspace_id: tx.workspace().into(),
            id: Uid(tx.fresh_id()),
            actor_id: Uid(request.actor),
            method: request.method.clone(),
            path: request.path.clone(),
            key: request.key.clone(),
            body_hash: request.body_hash.clone(),
            status: outcome.status,
            headers: outcome.headers,
            body: outcome.body,
            expires_at: At(expires_at),
        }
    }

    fn known(self, request: &RequestKey) -> Known {
        if self.body_hash == request.body_hash {
            Known::Answered(Outcome { status: self.status, headers: self.headers, body: self.body })
        } else {
            Known::Reused
        }
    }
}

/// What is known of a request, reserving nothing; `None`: it is new.
pub fn known(tx: &mut dyn Reading, request: &RequestKey, now: DateTime<Utc>) -> Result<Option<Known>, StoreError> {
    Ok(row(tx, request)?.filter(|row| row.expires_at.0 > now).map(|row| row.known(request)))
}

fn row(tx: &mut dyn Reading, request: &RequestKey) -> Result<Option<KeyRow>, StoreError> {
    Ok(idempotency_key::table
        .filter(idempotency_key::workspace_id.eq(Uid::from(tx.workspace())))
        .filter(idempotency_key::actor_id.eq(Uid(request.actor)))
        .filter(idempotency_key::method.eq(&request.method))
        .filter(idempotency_key::path.eq(&request.path))
        .filter(idempotency_key::key.eq(&request.key))
        .first(tx.db().0)
        .optional()?)
}

fn find(tx: &mut WriteTx<'_>, request: &RequestKey, now: DateTime<Utc>) -> Result<Option<Known>, StoreError> {
    let Some(row) = row(tx, request)? else { return Ok(None) };
    if row.expires_at.0 <= now {
        let recorded = tx.unaudited("the clockwork of a request");
        delete_parts!(tx.db().0, &recorded, idempotency_key, tx.workspace(), id = row.id)?;
        return Ok(None);
    }
    Ok(Some(row.known(request)))
}

/// Keeps the outcome with the effect, for a key that was reserved in this transaction.
#[expect(clippy::disallowed_methods, reason = "the clockwork of a request")]
pub fn keep(tx: &mut WriteTx<'_>, request: &RequestKey, expires_at: DateTime<Utc>, outcome: Outcome) -> Result<(), StoreError> {
    if tx.is_alone() {
        let recorded = tx.unaudited("the clockwork of a request");
        KeyRow::new(tx, request, expires_at, outcome).insert(tx.db().0, &recorded)?;
        return Ok(());
    }
    diesel::update(
        idempotency_key::table
            .filter(idempotency_key::workspace_id.eq(Uid::from(tx.workspace())))
            .filter(idempotency_key::actor_id.eq(Uid(request.actor)))
            .filter(idempotency_key::method.eq(&request.method))
            .filter(idempotency_key::path.eq(&request.path))
            .filter(idempotency_key::key.eq(&request.key)),
    )
    .set((idempotency_key::status.eq(outcome.status), idempotency_key::headers.eq(outcome.headers), idempotency_key::body.eq(outcome.body)))
    .execute(tx.db().0)?;
    Ok(())
}

/// Forgets expired keys of one workspace.
#[expect(clippy::disallowed_methods, reason = "the clockwork of a request")]
pub fn forget_expired(tx: &mut WriteTx<'_>) -> Result<usize, StoreError> {
    let (workspace, now) = (tx.workspace(), tx.now());
    Ok(diesel::delete(
        idempotency_key::table
            .filter(idempotency_key::workspace_id.eq(Uid::from(workspace)))
            .filter(idempotency_key::expires_at.le(At(now))),
    )
    .execute(tx.db().0)?)
}

/// Ids of every workspace, for housekeeping.
pub async fn workspaces(store: &Store) -> Result<Vec<Uuid>, StoreError> {
    use crate::schema::workspace;
    store
        .read_global(|db| {
            let ids: Vec<Uid> = workspace::table.select(workspace::id).load(db)?;
            Ok(ids.into_iter().map(|id| id.0).collect())
        })
        .await
}
