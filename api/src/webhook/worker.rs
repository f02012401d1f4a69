//! The worker of webhooks. An endpoint's turn is one transaction: it keeps what came of the tries that ended, makes deliveries of what the journal tells since, and
//! claims what is due, the earliest of each record first. Sending happens between the turns. Whoever dies leaves claims that run out.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use kartoteka_domain::{
    access::{RecordType, Scope},
    actor::ActorRef,
    id::WorkspaceId,
    webhook::{
        Webhook,
        delivery::{self, DeliveryAttempt, Verdict, next_try, retry_after, verdict},
    },
};
use kartoteka_persistence::{
    Stored, WriteTx,
    journal::{self as events},
    webhook::{
        self as store,
        delivery::{self as deliveries, Claimed, Ended},
    },
    workspace,
};
use tokio::sync::broadcast::error::RecvError;
use uuid::Uuid;

use super::{message, pause, signature};
use crate::{app::App, clock, journal, notification, outside::Asked, problem::Result, role};

/// What its wake-ups are called: each webhook that is told has one.
pub const KIND: &str = "webhook";

/// How often it looks for what is due.
const TICK: Duration = Duration::from_millis(500);

/// How often it looks at the journals of all, for what another process numbered.
const ROUND: Duration = Duration::from_secs(2);

/// Tries of one webhook at a time, each of another record.
const AT_ONCE: usize = 16;

/// When nothing is due: after everything.
const NEVER: i64 = 253_402_214_400;

/// The webhooks that have a task of this process.
type Busy = Arc<Mutex<HashSet<Uuid>>>;

/// Runs until the application stops.
pub async fn run(app: App) {
    let (mut bell, busy) = (app.journal_bell.listen(), Busy::default());
    let (mut round, mut tick): (Option<Instant>, Option<Instant>) = (None, None);
    while !app.stopping() {
        let mut places: HashSet<WorkspaceId> = HashSet::new();
        match tokio::time::timeout(TICK, bell.recv()).await {
            Ok(Ok(rung)) => drop(places.insert(rung.workspace)),
            Ok(Err(RecvError::Lagged(_))) => round = None,
            Ok(Err(RecvError::Closed)) | Err(_) => {}
        }
        while let Ok(rung) = bell.try_recv() {
            places.insert(rung.workspace);
        }
        if round.is_none_or(|at| at.elapsed() >= ROUND) {
            round = Some(Instant::now());
            match store::workspaces(&app.store, KIND).await {
                Ok(all) => places.extend(all),
                Err(error) => tracing::warn!(%error, "webhooks are looked for later"),
            }
        }
        for place in places {
            look(&app, &busy, place).await;
        }
        if tick.is_none_or(|at| at.elapsed() >= TICK) {
            tick = Some(Instant::now());
            match workspace::due(&app.store, KIND, clock::now(), 200).await {
                Ok(due) => due.into_iter().for_each(|wakeup| begin(&app, &busy, wakeup.workspace, wakeup.id)),
                Err(error) => tracing::warn!(%error, "deliveries are looked for later"),
            }
        }
    }
}

/// Takes up the webhooks of a workspace that have not heard of its latest events.
async fn look(app: &App, busy: &Busy, place: WorkspaceId) {
    let behind: Result<Vec<Uuid>> = app
        .store
        .read(server(place), |tx| {
            let hooks = store::in_use(tx)?;
            let latest = if hooks.is_empty() { 0 } else { events::latest(tx)? };
            Ok(hooks.into_iter().filter(|hook| hook.listens() && hook.read_until < latest).map(|hook| hook.id.uuid()).collect())
        })
        .await;
    match behind {
        Ok(ids) => ids.into_iter().for_each(|id| begin(app, busy, place, id)),
        Err(problem) => tracing::warn!(%problem, "the webhooks of a workspace are looked at later"),
    }
}

fn server(place: WorkspaceId) -> Scope {
    Scope::of_the_server(place, ActorRef::system())
}

fn begin(app: &App, busy: &Busy, place: WorkspaceId, id: Uuid) {
    if !busy.lock().unwrap_or_else(PoisonError::into_inner).insert(id) {
        return;
    }
    let (app, busy) = (app.clone(), Arc::clone(busy));
    actix_web::rt::spawn(async move {
        if let Err(problem) = serve(&app, place, id).await {
            tracing::warn!(%problem, webhook = %id, "a webhook is served later");
            // not at once again: what is wrong with it may stay so for a while
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        busy.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    });
}

/// A try that ended.
struct Tried {
    claimed: Claimed,
    asked: Asked,
    at: DateTime<Utc>,
    /// Spreads the next tries of what failed together.
    chance: f64,
}

/// What there is to do after a turn.
struct Turn {
    hook: Option<Webhook>,
    secrets: Vec<String>,
    claimed: Vec<Claimed>,
    /// Whether the journal was read to its end, and nothing was given up instead of being posted.
    is_end: bool,
}

async fn serve(app: &App, place: WorkspaceId, id: Uuid) -> Result<()> {
    let mut bell = app.journal_bell.listen();
    let mut running = FuturesUnordered::new();
    let mut ended: Arc<Vec<Tried>> = Arc::default();
    loop {
        let room = if app.stopping() { 0 } else { AT_ONCE.saturating_sub(running.len()) };
        let (kept, idle, for_turn) = (Arc::clone(&ended), running.is_empty(), app.clone());
        let turn: Turn =
            app.store.write(server(place), clock::own_circumstances(), move |tx| turn(tx, &for_turn, id, &kept, room, idle)).await?;
        let claimed_any = !turn.claimed.is_empty();
        if let Some(hook) = &turn.hook {
            let secrets: Arc<[String]> = turn.secrets.into();
            for claimed in turn.claimed {
                running.push(send(app, hook.url.clone(), Arc::clone(&secrets), claimed));
            }
        }
        if running.is_empty() {
            if turn.hook.is_none() || app.stopping() || (turn.is_end && !claimed_any) {
                return Ok(());
            }
            ended = Arc::default();
            continue;
        }
        let mut done = Vec::new();
        tokio::select! {
            tried = running.next() => done.extend(tried),
            // something new may be there for the free places
            () = journal::wait(&mut bell, place, Duration::from_secs(1)), if room > 0 => {}
        }
        while let Some(Some(tried)) = running.next().now_or_never() {
            done.push(tried);
        }
        ended = Arc::new(done);
    }
}

async fn send(app: &App, url: String, secrets: Arc<[String]>, claimed: Claimed) -> Tried {
    let at = clock::now();
    let message = deliveries::message_id(claimed.event);
    let signatures: Vec<String> =
        secrets.iter().filter_map(|secret| signature::sign(secret, &message, at.timestamp(), &claimed.body)).collect();
    let headers = [("webhook-id", message), ("webhook-timestamp", at.timestamp().to_string()), ("webhook-signature", signatures.join(" "))];
    let asked = app.outside.post(&url, &headers, claimed.body.clone()).await;
    Tried { claimed, asked, at, chance: rand::random() }
}

/// One turn of a webhook.
fn turn(tx: &mut WriteTx<'_>, app: &App, id: Uuid, ended: &[Tried], room: usize, idle: bool) -> Result<Turn> {
    tx.hold(RecordType::Webhook, id)?;
    let nothing = Turn { hook: None, secrets: Vec::new(), claimed: Vec::new(), is_end: true };
    let Some(hook) = Webhook::find(tx, id)? else {
        workspace::settle(tx, id)?;
        return Ok(nothing);
    };
    keep(tx, app, &hook, ended)?;
    let hook = Webhook::find(tx, id)?.filter(Webhook::listens);
    let Some(hook) = hook else {
        workspace::settle(tx, id)?;
        return Ok(nothing);
    };
    if !role::is_known(tx, &hook.role)? {
        // else it would hear of nothing, and nobody would know
        let why = format!("there is no role {} any more", hook.role);
        pause(tx, hook.id, &why)?;
        notification::alarm(tx, &format!("{}:{}", hook.id, tx.now().timestamp()), &hook.name, &why)?;
        workspace::settle(tx, id)?;
        return Ok(nothing);
    }
    let listener = message::listener(tx, &hook)?;
    let due_at = store::quiet_until(tx, hook.id)?.unwrap_or_else(|| tx.now());
    let mut is_end = message::hear(tx, &hook, listener.as_ref(), due_at)?;
    let until =
        tx.now() + chrono::Duration::seconds(app.settings.webhook_timeout.as_secs().saturating_mul(2).saturating_add(5).cast_signed());
    let mut claimed = if room == 0 { Vec::new() } else { deliveries::claim(tx, hook.id, i64::try_from(room).unwrap_or(1), until)? };
    let found = claimed.len();
    claimed = message::renew(tx, &hook, listener.as_ref(), claimed)?;
    // what was given up leaves room for what follows it
    is_end = is_end && claimed.len() == found;
    if claimed.is_empty() && idle && is_end {
        let next = deliveries::next_due(tx, hook.id)?.or_else(|| DateTime::from_timestamp(NEVER, 0)).unwrap_or_default();
        workspace::wake(tx, KIND, id, next)?;
    }
    let mut secrets = Vec::new();
    if !claimed.is_empty()
        && let Some((present, before)) = store::secrets(tx, hook.id)?
    {
        let before = before.filter(|_| hook.previous_until.is_some_and(|until| until > tx.now()));
        for sealed in std::iter::once(present).chain(before) {
            let secret = app.vault.open(&sealed)?;
            secrets.push(String::from_utf8_lossy(&secret).into_owned());
        }
    }
    Ok(Turn { hook: Some(hook), secrets, claimed, is_end })
}

/// Keeps what came of tries.
fn keep(tx: &mut WriteTx<'_>, app: &App, hook: &Webhook, ended: &[Tried]) -> Result<()> {
    let now = tx.now();
    let (mut failing_since, mut last_error, mut success) = (hook.failing_since, None, None);
    let mut why: Option<String> = None;
    let mut quiet_until = if ended.is_empty() { None } else { store::quiet_until(tx, hook.id)? };
    for tried in ended {
        let asked = &tried.asked;
        let wait = asked.retry_after.as_deref().and_then(|header| retry_after(header, now));
        quiet_until = quiet_until.max(asked.status.and_then(|status| delivery::quiet_until(status, wait, now)));
        let meaning = asked.status.map_or(Verdict::Again(None), |status| verdict(status, wait));
        let tries = tried.claimed.attempts + 1 - tried.claimed.tried_before;
        let error = match (meaning, asked.status) {
            (Verdict::Delivered, _) => None,
            (_, Some(status)) => Some(format!("answered {status}")),
            (_, None) => Some(asked.error.clone().unwrap_or_else(|| "no answer".to_owned())),
        };
        let end = match meaning {
            Verdict::Delivered => Ended::Delivered,
            Verdict::Gone => Ended::Failed,
            Verdict::Again(wait) => {
                next_try(&app.settings.webhook_pauses, tries, wait, tried.chance, now).map_or(Ended::Failed, Ended::Again)
            }
        };
        let attempt = DeliveryAttempt {
            at: tried.at,
            duration_ms: i64::try_from(asked.took.as_millis()).unwrap_or(i64::MAX),
            status: asked.status.map(i64::from),
            error: error.clone(),
            response_excerpt: asked.excerpt.clone(),
        };
        if !deliveries::finish(tx, &tried.claimed, &attempt, end)? {
            continue;
        }
        let outcome = if end == Ended::Delivered { "delivered" } else { "failed" };
        metrics::counter!("webhook_attempts_total", "outcome" => outcome).increment(1);
        match (end, error) {
            (Ended::Delivered, _) | (_, None) => {
                (success, failing_since) = (Some(now), None);
            }
            (end, Some(error)) => {
                let since = *failing_since.get_or_insert(tried.at);
                if meaning == Verdict::Gone {
                    why = Some("the receiver says that it is gone (410)".to_owned());
                } else if end == Ended::Failed && deliveries::first_try(&tried.claimed).is_none_or(|first| since <= first) {
                    why = Some(format!("nothing got through since {}: {error}", since.format("%Y-%m-%d %H:%M UTC")));
                }
                last_error = Some(error);
            }
        }
    }
    if let Some(until) = quiet_until {
        // also what was tried at the same time and would come sooner
        store::set_quiet_until(tx, hook.id, until)?;
        deliveries::put_off(tx, hook.id, until)?;
    }
    if let Some(at) = success {
        store::note_success(tx, hook.id, at)?;
    }
    if let (Some(since), Some(error)) = (failing_since, &last_error) {
        store::note_failure(tx, hook.id, since, error)?;
    }
    if let Some(why) = why.filter(|_| success.is_none()) {
        pause(tx, hook.id, &why)?;
        notification::alarm(tx, &format!("{}:{}", hook.id, tx.now().timestamp()), &hook.name, &why)?;
    }
    Ok(())
}

/// How many deliveries are forgotten in one transaction.
const FORGOTTEN_AT_ONCE: i64 = 500;

/// Forgets deliveries that ended as long ago as events are kept.
pub async fn forget_old(app: &App, place: WorkspaceId) -> Result<()> {
    loop {
        let gone: Result<usize> = app
            .store
            .write(server(place), clock::own_circumstances(), |tx| {
                let days = workspace::current(tx)?.event_retention_days;
                let before = tx.now() - chrono::Duration::days(days);
                Ok(deliveries::forget_before(tx, before, FORGOTTEN_AT_ONCE)?)
            })
            .await;
        if i64::try_from(gone?).is_ok_and(|gone| gone < FORGOTTEN_AT_ONCE) {
            return Ok(());
        }
    }
}
