//! The secret link of a calendar: whoever has it reads as the person, by that person's rights of now.

use std::sync::Arc;

use kartoteka_domain::{
    access::{Actor, RecordType, Scope, Verb},
    actor::{ActorRef, ActorType},
    id::UserId,
    record::Record,
    user::User,
    workspace::Policy,
};
use kartoteka_persistence::{
    Stored, calendar, second_factor,
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
            let Some(person) = User::find(tx, door.target)?.filter(|person| person.active && link.active) else { return Ok(None) };
            let demanded = workspace::current(tx)?.policies.second_factor == Policy::Require;
            if demanded && second_factor::enabled(tx, user)?.is_none() {
                return Ok(None);
            }
            let colleagues = crate::access::colleagues(tx, &person)?;
            let rights = role::rights(tx, &person.role)?;
            Ok(Some((person, colleagues, rights, link)))
        })
        .await?;
    let (person, colleagues, rights, link) = found.ok_or_else(Problem::not_found)?;
    let who = ActorRef { kind: ActorType::User, id: Some(person.uuid()), name: person.name.clone() };
    let actor = Arc::new(Actor::verified(door.workspace, who, Some(person.id), Arc::new(rights), colleagues.into()));
    let scope = actor.authorize(RecordType::Task, Verb::Read).map_err(|_| Problem::not_found())?;
    let to_be_noted = link.read_at.is_none_or(|at| crate::clock::now() - at > chrono::Duration::minutes(1));
    Ok(Subscriber { person, scope, to_be_noted })
}
