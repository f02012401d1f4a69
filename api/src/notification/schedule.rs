//! The scheduler: what is told at a time. A wake-up per task, deal and person says when to look; whatever is due is told in the
//! transaction that moves the wake-up, under the record's lock, so that each cause is told once, whoever of several processes comes first,
//! however late, and whatever the clock does.

use std::time::Duration;

use kartoteka_domain::{
    access::{RecordType, Scope},
    actor::ActorRef,
    deal::Deal,
    id::UserId,
    notification::{
        NotificationKind as Kind,
        watch::{self, Due, Watched},
    },
    task::Task,
    working_time::WorkingTime,
    zone,
};
use kartoteka_persistence::{
    Stored, WriteTx, notification as store, task as tasks, user,
    workspace::{self, Wakeup},
};
use uuid::Uuid;

use super::{Facts, Notice, Reader, shown, tell, tell_reader};
use crate::{app::App, clock, problem::Result};

/// How long it sleeps.
const NAP: Duration = Duration::from_secs(1);

/// How long it waits after a failure, seconds.
const AFTER_FAILURE: i64 = 60;

/// So many tasks a digest names of each kind.
const MOST_LINES: usize = 20;

/// Runs until the application stops.
pub async fn run(app: App) {
    while !app.stopping() {
        let mut found = false;
        for as_what in Watched::ALL {
            match workspace::due(&app.store, as_what.word(), clock::now(), 100).await {
                Ok(due) => {
                    found |= !due.is_empty();
                    for wakeup in due {
                        take_up(&app, wakeup, *as_what).await;
                    }
                }
                Err(error) => tracing::warn!(%error, "what is due is told later"),
            }
        }
        if !found {
            tokio::time::sleep(NAP).await;
        }
    }
}

async fn take_up(app: &App, wakeup: Wakeup, as_what: Watched) {
    let scope = Scope::of_the_server(wakeup.workspace, ActorRef::system());
    let done = app.store.write(scope.clone(), clock::own_circumstances(), move |tx| look(tx, wakeup, as_what)).await;
    let Err(problem) = done else { return };
    tracing::warn!(%problem, watched = %as_what, id = %wakeup.id, "what is due is told later");
    let later = clock::now() + chrono::Duration::seconds(AFTER_FAILURE);
    let noted: Result<()> = app
        .store
        .write(scope, clock::own_circumstances(), move |tx| {
            if workspace::is_still_due(tx, wakeup)? {
                workspace::wake(tx, as_what.word(), wakeup.id, later)?;
            }
            Ok(())
        })
        .await;
    if let Err(problem) = noted {
        tracing::error!(%problem, "a failure was not put off");
    }
}

/// Tells what is due and says when to look again.
fn look(tx: &mut WriteTx<'_>, wakeup: Wakeup, as_what: Watched) -> Result<()> {
    // the record first, as whoever changes it does
    match as_what {
        Watched::Task => tx.hold(RecordType::Task, wakeup.id)?,
        Watched::Deal => tx.hold(RecordType::Deal, wakeup.id)?,
        Watched::Digest | Watched::DigestPlan => tx.hold(RecordType::User, wakeup.id)?,
    }
    if !workspace::is_still_due(tx, wakeup)? {
        return Ok(());
    }
    match as_what {
        Watched::Task => task(tx, wakeup.id),
        Watched::Deal => deal(tx, wakeup.id),
        Watched::DigestPlan => plan_digest(tx, UserId::new(wakeup.id)),
        Watched::Digest => digest(tx, wakeup),
    }
}

fn causes(all: &[Due]) -> Vec<String> {
    all.iter().map(|due| due.cause.clone()).collect()
}

fn task(tx: &mut WriteTx<'_>, id: Uuid) -> Result<()> {
    let Some(task) = Task::find(tx, id)? else { return Ok(workspace::settle(tx, id)?) };
    let told = store::told(tx, &causes(&watch::of_task(&task)))?;
    let plan = watch::task(&task, &told, tx.now());
    for due in plan.now {
        tell(tx, task.owner_id, Notice { kind: due.kind, cause: due.cause, about: Some((RecordType::Task, id)), facts: Facts::default() })?;
    }
    go_on(tx, Watched::Task, id, plan.next)
}

fn deal(tx: &mut WriteTx<'_>, id: Uuid) -> Result<()> {
    let Some(deal) = Deal::find(tx, id)? else { return Ok(workspace::settle(tx, id)?) };
    let owner = user::or_on_duty(tx, deal.owner_id)?;
    let ahead = match owner {
        Some(owner) => store::wanted(tx, owner)?.settings.stage_limit_ahead_minutes,
        None => 0,
    };
    let told = store::told(tx, &causes(&watch::of_deal(&deal, ahead)))?;
    let now = tx.now();
    let plan = watch::deal(&deal, ahead, &told, now);
    let passed = deal.stage_due_at.is_some_and(|due| due <= now);
    for due in plan.now {
        let Some(owner) = owner else { continue };
        let facts = Facts { passed, ..Facts::default() };
        tell(tx, owner, Notice { kind: Kind::StageLimit, cause: due.cause, about: Some((RecordType::Deal, id)), facts })?;
    }
    go_on(tx, Watched::Deal, id, plan.next)
}

fn go_on(tx: &mut WriteTx<'_>, as_what: Watched, id: Uuid, next: Option<chrono::DateTime<chrono::Utc>>) -> Result<()> {
    match next {
        Some(next) => workspace::wake(tx, as_what.word(), id, next)?,
        None => workspace::settle(tx, id)?,
    }
    Ok(())
}

/// When somebody's next digest is due.
fn plan_digest(tx: &mut WriteTx<'_>, id: UserId) -> Result<()> {
    let next = match Reader::find(tx, id)? {
        Some(reader) => {
            let time = WorkingTime::new(&reader.settings.working_calendar, reader.zone());
            reader.wanted.settings.digest.next(tx.now(), reader.zone(), &time)
        }
        None => None,
    };
    go_on(tx, Watched::Digest, id.uuid(), next)
}

/// Somebody's day: what is overdue, what is due today. Nothing is told of an empty one, nor to somebody who is away.
fn digest(tx: &mut WriteTx<'_>, wakeup: Wakeup) -> Result<()> {
    let id = UserId::new(wakeup.id);
    let (Some(reader), now) = (Reader::find(tx, id)?, tx.now()) else { return Ok(workspace::settle(tx, wakeup.id)?) };
    let zone = reader.zone().to_owned();
    // of the day it was due on: told late, it is the same one still
    let cause = format!("{}:{}", Kind::Digest, zone::local(wakeup.due_at, &zone).0);
    let away = reader.person.absent_until.is_some_and(|until| until > now);
    if !away && !store::is_told(tx, id, &cause)? {
        let [_, tomorrow, _] = zone::day_starts(now, &zone);
        let scope = reader.actor.authorize(RecordType::Task, kartoteka_domain::access::Verb::Read).ok();
        let shelves = match scope {
            Some(scope) => {
                let tx = &mut tx.as_seen_by(scope)?;
                Some((tasks::shelf(tx, id, None, Some(now))?, tasks::shelf(tx, id, Some(now), Some(tomorrow))?))
            }
            None => None,
        };
        if let Some((late, today)) = shelves.filter(|(late, today)| late.count + today.count > 0) {
            let lines = |tasks: &[Task]| -> Vec<String> {
                let line = |task: &Task| match task.due_at {
                    Some(due) => format!("{} {}", shown(due, &zone), task.title),
                    None => task.title.clone(),
                };
                tasks.iter().take(MOST_LINES).map(line).collect()
            };
            let facts =
                Facts { overdue: late.count, today: today.count, late: lines(&late.tasks), lines: lines(&today.tasks), ..Facts::default() };
            tell_reader(tx, &reader, Notice { kind: Kind::Digest, cause, about: None, facts: facts.clone() }, facts)?;
        }
    }
    plan_digest(tx, id)
}
