//! Sessions: one refresh token at a time; the one before it, seen again, ends the session.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use kartoteka_domain::{
    event::Event,
    id::{SessionId, UserId},
};
use uuid::Uuid;

use crate::{
    db::{At, Uid},
    schema::session,
    store::{Reading, StoreError, WriteTx},
};

part! {
    SessionRow in session {
        workspace_id: Uid, id: Uid, user_id: Uid, refresh_hash: Vec<u8>, used_hash: Option<Vec<u8>>, rotated_at: At, expires_at: At,
        created_at: At, ended_at: Option<At>, address: Option<String>,
    }
}

/// A session as sign-in sees it.
#[derive(Debug, Clone)]
pub struct Kept {
    /// Whose.
    pub user: UserId,
    /// Hash of the refresh token that works.
    pub refresh_hash: Vec<u8>,
    /// Hashes of those that were exchanged, the last ones one after the other.
    pub used: Vec<u8>,
    /// When it ends unless refreshed.
    pub expires_at: DateTime<Utc>,
    /// When it was ended.
    pub ended_at: Option<DateTime<Utc>>,
}

/// A session.
pub fn find(tx: &mut dyn Reading, id: SessionId) -> Result<Option<Kept>, StoreError> {
    let row: Option<SessionRow> = session::table
        .filter(session::workspace_id.eq(Uid::from(tx.workspace())))
        .filter(session::id.eq(Uid::from(id)))
        .first(tx.db().0)
        .optional()?;
    Ok(row.map(|row| Kept {
        user: row.user_id.into(),
        refresh_hash: row.refresh_hash,
        used: row.used_hash.unwrap_or_default(),
        expires_at: row.expires_at.0,
        ended_at: row.ended_at.map(|at| at.0),
    }))
}

/// Begins one.
pub fn insert(
    tx: &mut WriteTx<'_>,
    id: SessionId,
    user: UserId,
    refresh_hash: Vec<u8>,
    expires_at: DateTime<Utc>,
    address: Option<String>,
    event: Event,
) -> Result<(), StoreError> {
    let now = tx.now();
    let row = SessionRow {
        workspace_id: tx.workspace().into(),
        id: id.into(),
        user_id: user.into(),
        refresh_hash,
        used_hash: None,
        rotated_at: At(now),
        expires_at: At(expires_at),
        created_at: At(now),
        ended_at: None,
        address,
    };
    let recorded = tx.record(event)?;
    row.insert(tx.db().0, &recorded)?;
    Ok(())
}

/// Exchanges the refresh token; `false` when another request was first.
pub fn rotate(
    tx: &mut WriteTx<'_>,
    id: SessionId,
    from: &[u8],
    used: Vec<u8>,
    to: Vec<u8>,
    expires_at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let workspace = tx.workspace();
    let now = tx.now();
    let recorded = tx.unaudited("the clockwork of a session");
    let changed = set_columns!(tx.db().0, &recorded, session, workspace, id, refresh_hash = to, used_hash = Some(used), rotated_at = At(now), expires_at = At(expires_at);
        where session::refresh_hash.eq(from.to_vec()).and(session::ended_at.is_null()))?;
    Ok(changed == 1)
}

/// Ends one.
pub fn end(tx: &mut WriteTx<'_>, id: SessionId, event: Event) -> Result<(), StoreError> {
    let workspace = tx.workspace();
    let now = tx.now();
    let recorded = tx.record(event)?;
    set_columns!(tx.db().0, &recorded, session, workspace, id, ended_at = Some(At(now)); where session::ended_at.is_null())?;
    Ok(())
}

/// Ends all of a user, but perhaps one.
#[expect(clippy::disallowed_methods, reason = "what makes sessions end is audited by the caller")]
pub fn end_all(tx: &mut WriteTx<'_>, user: UserId, but: Option<SessionId>) -> Result<(), StoreError> {
    let now = tx.now();
    diesel::update(
        session::table
            .filter(session::workspace_id.eq(Uid::from(tx.workspace())))
            .filter(session::user_id.eq(Uid::from(user)))
            .filter(session::ended_at.is_null())
            .filter(session::id.ne(Uid(but.map_or_else(Uuid::nil, kartoteka_domain::id::Id::uuid)))),
    )
    .set(session::ended_at.eq(Some(At(now))))
    .execute(tx.db().0)?;
    Ok(())
}
