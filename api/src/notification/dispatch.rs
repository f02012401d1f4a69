//! The dispatcher: goes through the journal and tells people of what happened. How far it came is kept per workspace and moved in the
//! transaction that tells, so that two processes and a restart tell everything once.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use kartoteka_domain::{
    access::{Reach, RecordType, Scope, Verb},
    actor::ActorRef,
    contact::Contact,
    event::Action,
    form::Form,
    id::{UserId, WorkspaceId},
    journal::EventType,
    notification::{
        NotificationKind as Kind,
        rule::{Seen, Telling, Whom, tellings},
    },
    user::User,
};
use kartoteka_persistence::{
    Reading, Stored, WriteTx, contact as contacts, idempotency,
    journal::{self, RawEvent},
    notification as store, user,
};
use serde_json::Value;
use tokio::sync::broadcast::error::RecvError;

use super::{Facts, Notice, tell};
use crate::{app::App, clock, problem::Result, role};

/// How often all workspaces are looked at: for what another process left behind.
const ROUND: Duration = Duration::from_secs(30);
/// Events told of in one transaction.
const SLICE: i64 = 50;
/// So far the kept place may lag behind where nothing was to tell.
const MOST_LAG: i64 = 500;
/// So often an event is tried before it is left out.
const MOST_TRIES: u32 = 3;
/// So many people hear of an enquiry that is nobody's.
const MOST_PEOPLE: usize = 50;

/// What may concern somebody.
const TYPES: [EventType; 5] = [
    EventType { record: RecordType::Lead, action: None },
    EventType { record: RecordType::Task, action: None },
    EventType { record: RecordType::Deal, action: None },
    EventType { record: RecordType::Communication, action: None },
    EventType { record: RecordType::User, action: Some(Action::HandedOver) },
];

/// How far a workspace was gone through in this process, and how often its next events failed.
#[derive(Debug, Default, Clone, Copy)]
struct Place {
    /// Up to here nothing is left to tell; never behind what is kept.
    until: i64,
    /// How often what comes next failed.
    failed: u32,
}

/// Runs until the application stops.
pub async fn run(app: App) {
    let mut bell = app.journal_bell.listen();
    let mut places: HashMap<WorkspaceId, Place> = HashMap::new();
    let mut round: Option<Instant> = None;
    while !app.stopping() {
        let mut waiting: HashSet<WorkspaceId> = HashSet::new();
        match tokio::time::timeout(Duration::from_secs(1), bell.recv()).await {
            Ok(Ok(rung)) => drop(waiting.insert(rung.workspace)),
            // rings that were missed
            Ok(Err(RecvError::Lagged(_))) => round = None,
            Ok(Err(RecvError::Closed)) => return,
            Err(_) => {}
        }
        while let Ok(rung) = bell.try_recv() {
            waiting.insert(rung.workspace);
        }
        if round.is_none_or(|at| at.elapsed() > ROUND) {
            round = Some(Instant::now());
            match idempotency::workspaces(&app.store).await {
                Ok(all) => waiting.extend(all.into_iter().map(WorkspaceId::new)),
                Err(error) => tracing::warn!(%error, "the dispatcher cannot look around"),
            }
        }
        for workspace in waiting {
            let place = places.entry(workspace).or_default();
            if let Err(problem) = go_through(&app, workspace, place).await {
                place.failed += 1;
                tracing::warn!(%problem, %workspace, "people are told later");
                // what failed is tried again with the next look around
                round = None;
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
    }
}

/// Tells everything that is new in a workspace.
async fn go_through(app: &App, workspace: WorkspaceId, place: &mut Place) -> Result<()> {
    let scope = Scope::of_the_server(workspace, ActorRef::system());
    loop {
        let from = place.until;
        // one by one where something failed, so that one event holds up no other
        let limit = if place.failed > 0 { 1 } else { SLICE };
        let (kept, stretch) = app
            .store
            .read(scope.clone(), move |tx| -> Result<_> {
                let kept = store::cursor(tx)?;
                Ok((kept, journal::after(tx, from.max(kept), &TYPES, limit)?))
            })
            .await?;
        let (until, end) = (stretch.looked_until, stretch.is_end());
        let skip = place.failed > MOST_TRIES;
        let told: Vec<(Seen, Vec<Telling>)> = stretch
            .events
            .into_iter()
            .filter_map(seen)
            .map(|event| {
                let tellings = tellings(&event);
                (event, tellings)
            })
            .filter(|(_, tellings)| !tellings.is_empty())
            .collect();
        if skip && let Some((event, _)) = told.first() {
            tracing::error!(event = %event.id, "nobody is told of an event that cannot be told");
        }
        let told = if skip { Vec::new() } else { told };
        if skip || !told.is_empty() || until - kept > MOST_LAG {
            app.store.write(scope.clone(), clock::own_circumstances(), move |tx| tell_all(tx, kept, until, &told)).await?;
        }
        place.until = until.max(place.until);
        place.failed = 0;
        if end {
            return Ok(());
        }
    }
}

fn seen(event: RawEvent) -> Option<Seen> {
    let action = Action::from_word(event.kind.split_once('.')?.1)?;
    Some(Seen {
        id: event.id,
        record: event.record,
        record_id: event.record_id,
        action,
        by: event.actor?,
        data: event.data,
        changes: event.changes,
    })
}

/// Moves the place and tells, or does neither: whoever moved it before has told.
fn tell_all(tx: &mut WriteTx<'_>, from: i64, until: i64, all: &[(Seen, Vec<Telling>)]) -> Result<()> {
    if !store::move_cursor(tx, from, until)? {
        return Ok(());
    }
    for (event, tellings) in all {
        for telling in tellings {
            for person in people(tx, &telling.whom)? {
                if event.is_deed_of(person) {
                    continue;
                }
                let about = Some((event.record, event.record_id));
                let facts = facts(tx, telling.kind, event)?;
                tell(tx, person, Notice { kind: telling.kind, cause: telling.cause.clone(), about, facts })?;
            }
        }
    }
    Ok(())
}

/// What the event itself says.
fn facts(tx: &mut dyn Reading, kind: Kind, event: &Seen) -> Result<Facts> {
    let facts = Facts { by: event.by.name.clone(), ..Facts::default() };
    if kind != Kind::RecordHandedOver {
        return Ok(facts);
    }
    let records = event.changes.get("hand_over").and_then(|change| change.pointer("/after/records")).and_then(Value::as_object);
    let count = records.into_iter().flatten().filter_map(|(_, count)| count.as_i64()).sum();
    let subject = User::find(tx, event.record_id)?.map(|person| person.name).unwrap_or_default();
    Ok(Facts { subject, count, ..facts })
}

/// Who is meant.
fn people(tx: &mut WriteTx<'_>, whom: &Whom) -> Result<Vec<UserId>> {
    Ok(match whom {
        Whom::Person(person) => vec![*person],
        Whom::HeadOf(person) => user::head_of(tx, *person)?.into_iter().collect(),
        Whom::KeeperOf(contact) => match contacts::find_regardless(tx, contact.uuid())?.and_then(|contact: Contact| contact.owner_id) {
            Some(owner) => vec![owner],
            None => unassigned(tx)?,
        },
        Whom::NamedBy(form) => Form::find(tx, form.uuid())?.map(|form| form.notify_user_ids).unwrap_or_default(),
        Whom::Unassigned => unassigned(tx)?,
    })
}

/// Who looks after enquiries that are nobody's: whoever sees them and may take one; else the administrator on duty.
fn unassigned(tx: &mut WriteTx<'_>) -> Result<Vec<UserId>> {
    let mut known: HashMap<String, bool> = HashMap::new();
    let mut found = Vec::new();
    for (person, key) in user::at_work(tx)? {
        let looks = if let Some(looks) = known.get(&key) {
            *looks
        } else {
            let rights = role::rights(tx, &key)?;
            let looks = rights.see_unassigned && rights.reach(RecordType::Lead, Verb::Update) != Reach::None;
            known.insert(key, looks);
            looks
        };
        if looks && found.len() < MOST_PEOPLE {
            found.push(person);
        }
    }
    if found.is_empty() {
        found.extend(user::administrator_on_duty(tx)?);
    }
    Ok(found)
}
