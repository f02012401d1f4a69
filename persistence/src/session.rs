//! Sessions: one refresh token at a time; the one before it, seen again, ends the session.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use kartoteka_domain::{
    event::Event,
    id::{SessionId, UserId},
    list::{Archived, Page},
    session::{ListSessions, SessionInfo},
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
        created_at: At, ended_at: Option<At>, address: Option<String>, user_agent: Option<String>,
    }
}
keyed!(SessionRow { created_at });

impl SessionRow {
    fn shown(self, current: Option<SessionId>) -> SessionInfo {
        let id: SessionId = self.id.into();
        SessionInfo {
            id,
            user_id: self.user_id.into(),
            created_at: self.created_at.0,
            refreshed_at: self.rotated_at.0,
            expires_at: self.expires_at.0,
            ended_at: self.ended_at.map(|at| at.0),
            address: self.address,
            user_agent: self.user_agent,
            current: current == Some(id),
        }
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

/// One of a user as it is shown, ended or not; `current` is the asker's own.
pub fn of_user(tx: &mut dyn Reading, user: UserId, id: Uuid, current: Option<SessionId>) -> Result<Option<SessionInfo>, StoreError> {
    let row: Option<SessionRow> =
        all!(tx, session).filter(session::id.eq(Uid(id))).filter(session::user_id.eq(Uid::from(user))).first(tx.db().0).optional()?;
    Ok(row.map(|row| row.shown(current)))
}

/// A page of a user's sessions; those that ended or ran out count as archived.
pub fn list(
    tx: &mut dyn Reading,
    user: UserId,
    params: &ListSessions,
    current: Option<SessionId>,
    now: DateTime<Utc>,
) -> Result<Page<SessionInfo>, StoreError> {
    let request = kartoteka_domain::list::ListParameters::page(params);
    let build = || {
        let query = all!(tx, session).filter(session::user_id.eq(Uid::from(user)));
        match request.archived {
            Archived::Include => query,
            Archived::Exclude => query.filter(session::ended_at.is_null()).filter(session::expires_at.gt(At(now))),
            Archived::Only => query.filter(session::ended_at.is_not_null().or(session::expires_at.le(At(now)))),
        }
    };
    let mut rows = page!(tx, SessionRow, session, request, ["created_at"], build);
    let shown = rows.take().into_iter().map(|row| row.shown(current)).collect();
    Ok(rows.into_page(shown))
}

/// What is known of where a session began.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// Address.
    pub address: Option<String>,
    /// What the client calls itself.
    pub user_agent: Option<String>,
}

/// Begins one.
pub fn insert(
    tx: &mut WriteTx<'_>,
    id: SessionId,
    user: UserId,
    refresh_hash: Vec<u8>,
    expires_at: DateTime<Utc>,
    origin: Origin,
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
        address: origin.address,
        user_agent: origin.user_agent,
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
