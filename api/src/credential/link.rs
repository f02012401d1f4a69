//! Secret links: whoever has one reads as the person it was made for, by that person's rights of now. A calendar has one; a recording is played by one.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use kartoteka_domain::{
    access::{Actor, RecordType, Scope, Verb},
    actor::{ActorRef, ActorType},
    api_key::ApiKey,
    id::{UserId, WorkspaceId},
    record::Record,
    recording::{Listener, Pass},
    user::User,
    workspace::Policy,
};
use kartoteka_persistence::{
    ReadTx, Reading, Stored, calendar, second_factor,
    workspace::{self, DoorKind},
};

use super::{digest, lookup_scope};
use crate::{
    app::App,
    problem::{Problem, Result},
    role,
};

/// Somebody whose calendar may be read.
pub struct Subscriber {
    /// Who.
    pub person: User,
    /// What he may read.
    pub scope: Scope,
    /// Whether the last reading was noted more than a minute ago.
    pub to_be_noted: bool,
}

/// The person behind a secret: not one who was dismissed, may read no tasks, or must set up a second factor first.
pub async fn by_calendar_link(app: &App, secret: &str) -> Result<Subscriber> {
    let doors = workspace::doors(&app.store, DoorKind::Calendar, digest(secret)).await?;
    let door = doors.first().copied().ok_or_else(Problem::not_found)?;
    let found = app
        .store
        .read(lookup_scope(door.workspace), move |tx| -> Result<_> {
            let user = UserId::new(door.target);
            let link = calendar::state(tx, user)?;
            let Some(person) = User::find(tx, door.target)?.filter(|_| link.active) else { return Ok(None) };
            Ok(person_now(tx, &person)?.map(|actor| (person, actor, link)))
        })
        .await?;
    let (person, actor, link) = found.ok_or_else(Problem::not_found)?;
    let scope = actor.authorize(RecordType::Task, Verb::Read).map_err(|_| Problem::not_found())?;
    let to_be_noted = link.read_at.is_none_or(|at| crate::clock::now() - at > chrono::Duration::minutes(1));
    Ok(Subscriber { person, scope, to_be_noted })
}

/// A person as he may act now: not one who was dismissed, or must set up a second factor first.
fn person_now(tx: &mut dyn Reading, person: &User) -> Result<Option<Arc<Actor>>> {
    let demanded = workspace::current(tx)?.policies.second_factor == Policy::Require;
    if !person.active || demanded && second_factor::enabled(tx, person.id)?.is_none() {
        return Ok(None);
    }
    let colleagues = crate::access::colleagues(tx, person)?;
    let rights = role::rights(tx, &person.role)?;
    let who = ActorRef { kind: ActorType::User, id: Some(person.uuid()), name: person.name.clone() };
    Ok(Some(Arc::new(Actor::verified(tx.workspace(), who, Some(person.id), Arc::new(rights), colleagues.into()))))
}

/// A key as it may act now: not one that was revoked or ended.
fn key_now(tx: &mut dyn Reading, key: &ApiKey, now: DateTime<Utc>) -> Result<Option<Arc<Actor>>> {
    if key.archived_at.is_some() || key.expires_at.is_some_and(|at| at <= now) {
        return Ok(None);
    }
    let rights = role::rights(tx, &key.role)?;
    let who = ActorRef { kind: ActorType::ApiKey, id: Some(key.uuid()), name: key.name.clone() };
    Ok(Some(Arc::new(Actor::verified(tx.workspace(), who, None, Arc::new(rights), Arc::from([])))))
}

/// Whoever was given a pass to a recording, as far as he may listen now.
pub async fn by_pass(app: &App, pass: &Pass) -> Result<Scope> {
    let (listener, now) = (pass.listener, crate::clock::now());
    let look = move |tx: &mut ReadTx<'_>| -> Result<_> {
        match listener {
            Listener::Person(id) => User::find(tx, id.uuid())?.map_or(Ok(None), |person| person_now(tx, &person)),
            Listener::Key(id) => ApiKey::find(tx, id)?.map_or(Ok(None), |key| key_now(tx, &key, now)),
        }
    };
    let actor = app.store.read(lookup_scope(WorkspaceId::new(pass.workspace)), look).await?.ok_or_else(Problem::not_found)?;
    actor.authorize(RecordType::Recording, Verb::Read).map_err(|_| Problem::not_found())
}
