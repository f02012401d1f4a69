//! Sessions that are open: one's own and, for administrators, those of colleagues.

use kartoteka_domain::{
    access::RecordType,
    event::{Action, Event},
    id::{SessionId, UserId},
    list::Page,
    record::Record,
    session::{EndSessions, ListSessions, SessionInfo},
    user::User,
};
use kartoteka_persistence::{WriteTx, session as store};

use crate::{
    answer::{Answer, Done, Plain, Reply, Respond},
    can::{Can, OwnChange, SignedIn, UpdateUsers},
    clock,
    problem::{Problem, ProblemCode, Result},
    record,
    request::{At, Params, Valid},
    role,
};

/// The person who asks; a key is nobody.
pub fn oneself(who: &SignedIn) -> Result<UserId> {
    who.actor.user().ok_or_else(|| Problem::new(ProblemCode::Forbidden))
}

/// List one's own sessions
///
/// Those that go on, the newest first; `archived` shows those that ended.
#[utoipa::path(get, path = "/v1/me/sessions", tag = "me")]
pub async fn list_my_sessions(who: SignedIn, params: Params<ListSessions>) -> Answer<Page<SessionInfo>> {
    let (user, session, now) = (oneself(&who)?, who.session, clock::now());
    let page = who.app.store.read(who.scope()?, move |tx| -> Result<_> { store::list(tx, user, &params, session, now)?.outcome() }).await?;
    Ok(Reply::kept(page))
}

/// Get one of one's own sessions
///
/// By id, ended or not.
#[utoipa::path(get, path = "/v1/me/sessions/{id}", tag = "me")]
pub async fn get_my_session(who: SignedIn, at: At<SessionInfo>) -> Answer<Plain<SessionInfo>> {
    let (user, session) = (oneself(&who)?, who.session);
    let found = who.app.store.read(who.scope()?, move |tx| -> Result<_> { Ok(store::of_user(tx, user, at.0, session)?) }).await?;
    Reply::of(&Plain(found.ok_or_else(Problem::not_found)?))
}

/// End one of one's own sessions
///
/// Its tokens stop working at once. Ending it again does nothing.
#[utoipa::path(delete, path = "/v1/me/sessions/{id}", tag = "me")]
pub async fn end_my_session(who: OwnChange, at: At<SessionInfo>) -> Answer<Done> {
    let (user, id) = (oneself(&who)?, at.0);
    let end = move |tx: &mut WriteTx<'_>| {
        let session = store::of_user(tx, user, id, None)?.ok_or_else(Problem::not_found)?;
        if session.ended_at.is_none() {
            store::end(tx, session.id, Event::bare(RecordType::Session, id, Action::SignedOut))?;
        }
        Ok(Done)
    };
    who.write(end).await.inspect(|_| who.app.credentials.revoke(id))
}

/// Sign out everywhere
///
/// Ends every session of the asker; with `except_current` all but the asking one.
#[utoipa::path(post, path = "/v1/me/sessions/end-all", tag = "me")]
pub async fn end_my_sessions(who: OwnChange, which: Valid<EndSessions>) -> Answer<Done> {
    let user = oneself(&who)?;
    let spared: Option<SessionId> = if which.except_current.unwrap_or_default() { who.session } else { None };
    let end = move |tx: &mut WriteTx<'_>| {
        tx.record(Event::bare(RecordType::User, user.uuid(), Action::SignedOut).because("signed out everywhere"))?;
        store::end_all(tx, user, spared)?;
        Ok(Done)
    };
    who.write(end).await.inspect(|_| who.app.credentials.revoke(user.uuid()))
}

/// List a colleague's sessions
///
/// For administrators: where and since when the person is signed in.
#[utoipa::path(get, path = "/v1/users/{id}/sessions", tag = "users")]
pub async fn get_user_sessions(can: Can<UpdateUsers>, at: At<User>, params: Params<ListSessions>) -> Answer<Page<SessionInfo>> {
    let now = clock::now();
    can.read(move |tx| {
        let user: User = record::get(tx, at.0)?;
        Ok(store::list(tx, user.id, &params, None, now)?)
    })
    .await
}

/// End a colleague's sessions
///
/// Signs the person out everywhere at once; it may sign in again.
#[utoipa::path(post, path = "/v1/users/{id}/end-sessions", tag = "users")]
pub async fn end_user_sessions(can: Can<UpdateUsers>, at: At<User>) -> Answer<Done> {
    let (app, id) = (can.app().clone(), at.0);
    let answer = can
        .write(move |tx| {
            let user: User = record::get(tx, id)?;
            role::check_over(tx, &user.role)?;
            tx.record(Event::bare(RecordType::User, user.uuid(), Action::SignedOut).because("ended by an administrator"))?;
            store::end_all(tx, user.id, None)?;
            Ok(Done)
        })
        .await;
    app.credentials.revoke(id);
    answer
}
