//! The journal over HTTP, and the one door through which anything inside learns what it may tell whom: [`told`] for everything that has
//! listeners, [`Bell`] for what waits for news.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use kartoteka_domain::{
    access::{RecordType, Scope, Verb},
    event::Action,
    id::WorkspaceId,
    journal::{EventParams, Journal, JournalEvent, ReachChange, is_private, reach_change},
};
use kartoteka_persistence::{
    Reading,
    journal::{self as store, RawEvent},
    workspace,
};
use tokio::sync::broadcast;
use uuid::Uuid;

use crate::{
    answer::{Answer, Reply, Respond},
    app::App,
    can::SignedIn,
    clock, conceal, credential,
    problem::{Problem, ProblemCode, Result},
    request::Params,
    spec::Shape,
};

/// How often a waiting request looks by itself: for what another process numbered.
const LOOK: Duration = Duration::from_secs(1);

/// New events were numbered by this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rung {
    /// Of this workspace.
    pub workspace: WorkspaceId,
    /// The number of the newest.
    pub newest: i64,
}

/// Rings in this process when events were numbered. Whoever waits looks by himself now and then, too: another process may have numbered them,
/// and who listens too slowly misses rings, never events.
pub struct Bell(broadcast::Sender<Rung>);

impl Default for Bell {
    fn default() -> Self {
        Self(broadcast::channel(1024).0)
    }
}

impl Bell {
    /// Rings.
    pub fn ring(&self, rung: Rung) {
        // nobody may be listening
        drop(self.0.send(rung));
    }
    /// Listens from here on.
    pub fn listen(&self) -> broadcast::Receiver<Rung> {
        self.0.subscribe()
    }
}

/// Waits until something new may be there in a workspace, or the time is over.
pub async fn wait(bell: &mut broadcast::Receiver<Rung>, workspace: WorkspaceId, most: Duration) {
    let heard = async {
        loop {
            match bell.recv().await {
                Ok(rung) if rung.workspace != workspace => {}
                // also who missed some rings has reason to look
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => return,
                Err(broadcast::error::RecvError::Closed) => std::future::pending::<()>().await,
            }
        }
    };
    drop(tokio::time::timeout(most, heard).await);
}

/// What of these events the transaction's actor may be told, in order: by his rights and field rules of now, and only of records in his sight now;
/// of one that left it by the change itself, that it left.
pub fn told(tx: &mut dyn Reading, events: &[RawEvent]) -> Result<Vec<JournalEvent>> {
    let scope = tx.scope().clone();
    told_to(tx, &scope, events)
}

/// The same for somebody else of the workspace, in a transaction of the server's own.
pub fn told_to(tx: &mut dyn Reading, scope: &Scope, events: &[RawEvent]) -> Result<Vec<JournalEvent>> {
    let mut asked: HashMap<RecordType, Vec<Uuid>> = HashMap::new();
    for event in events {
        if scope.may(event.record, Verb::Read) {
            asked.entry(event.record).or_default().push(event.record_id);
        }
    }
    let mut in_sight: HashMap<RecordType, HashSet<Uuid>> = HashMap::new();
    for (record, mut ids) in asked {
        ids.sort_unstable();
        ids.dedup();
        in_sight.insert(record, store::in_sight(tx, scope, record, &ids)?);
    }
    let reads_audit = scope.may(RecordType::AuditEvent, Verb::Read);
    let mut all = Vec::with_capacity(events.len());
    for event in events {
        let Some(seen) = in_sight.get(&event.record) else { continue };
        if is_private(&event.kind) && !reads_audit {
            continue;
        }
        let owners = scope.readers(event.record);
        let is_new = event.kind.rsplit_once('.').is_some_and(|(_, action)| action == Action::Created.word());
        let reach = reach_change(event.record, &owners, scope.sees_unassigned(), is_new, &event.data, &event.changes);
        let mut heard = JournalEvent {
            id: event.id,
            sequence: event.sequence,
            r#type: event.kind.clone(),
            timestamp: event.at,
            workspace_id: scope.workspace(),
            record_type: event.record,
            record_id: event.record_id,
            actor: event.actor.clone(),
            reach,
            data: serde_json::Value::Null,
            changes: serde_json::Map::new(),
        };
        if seen.contains(&event.record_id) {
            // still seen some other way: it did not leave
            heard.reach = reach.filter(|change| *change == ReachChange::Entered);
            heard.data = event.data.clone();
            heard.changes.clone_from(&event.changes);
            conceal::event(scope.actor(), event.record, &mut heard.data, &mut heard.changes);
        } else if reach != Some(ReachChange::Left) {
            continue;
        }
        all.push(heard);
    }
    Ok(all)
}

/// 200 with a page of the journal; 410 where it does not go back so far.
pub struct Read(Journal);

impl Respond for Read {
    fn outcome(&self) -> Result<crate::answer::Outcome> {
        crate::answer::Plain(self.0.clone()).outcome()
    }
    fn describe(shape: &mut Shape) {
        shape.answer::<Journal>(200, "What there is to tell.");
        shape.may_refuse(&[410]);
    }
}

/// Read the journal
///
/// Every change of the workspace in the order of commits, as far as the asker sees the record now. Sync like this: ask for one event and keep `latest`; read
/// the lists; then read on from there, each time after the `next_after` of the answer before. A record that left the asker's sight by a change is told once with
/// `reach: left` and without its data, and what hangs on it is gone with it; of one that came (`reach: entered`), read what hangs on it. 410 when what
/// follows `after` is not kept any more: read the lists anew. A `latest` below `after` says that the server was set back to an older state.
#[utoipa::path(get, path = "/v1/events", tag = "events")]
pub async fn get_events(by: SignedIn, params: Params<EventParams>) -> Answer<Read> {
    let mut scope = by.scope()?;
    let mut bell = by.app.journal_bell.listen();
    let until = Instant::now() + Duration::from_secs(params.wait_seconds.map_or(0, |wait| u64::try_from(wait.0).unwrap_or_default()));
    let types = params.wanted();
    let (limit, nothing) = (params.limit.unwrap_or_default().get(), params.is_nothing());
    let mut from = params.after.map(|after| after.0);
    loop {
        let (wanted, after) = (types.clone(), from);
        let page = by.app.store.read(scope.clone(), move |tx| page(tx, after, &wanted, nothing, limit)).await?;
        let left = until.saturating_duration_since(Instant::now());
        let has_news = !page.data.is_empty() || page.next_after < page.latest;
        if has_news || left.is_zero() || by.app.stopping() {
            return Reply::of(&Read(page));
        }
        from = Some(page.next_after);
        wait(&mut bell, scope.workspace(), left.min(LOOK)).await;
        // whoever waits hears by the rights of the moment he hears
        scope = credential::authenticate(&by.app, &by.request()).await?.actor.authorize(RecordType::Session, Verb::Read)?;
    }
}

/// A page of the journal.
pub fn page(
    tx: &mut dyn Reading,
    after: Option<i64>,
    types: &[kartoteka_domain::journal::EventType],
    nothing: bool,
    limit: i64,
) -> Result<Journal> {
    let from = match after {
        Some(after) => after,
        None => store::oldest(tx)?.saturating_sub(1),
    };
    let stretch = store::after(tx, from, types, limit)?;
    if from.saturating_add(1) < stretch.oldest {
        return Err(Problem::new(ProblemCode::EventsGone).with("oldest", stretch.oldest).with("latest", stretch.latest));
    }
    let data = if nothing { Vec::new() } else { told(tx, &stretch.events)? };
    Ok(Journal { data, next_after: stretch.looked_until, latest: stretch.latest })
}

/// How many events are forgotten in one transaction.
const SLICE: i64 = 500;

/// Forgets what a workspace does not keep any more, slice by slice.
pub async fn forget_old(app: &App, workspace: WorkspaceId) -> Result<()> {
    loop {
        let scope = crate::credential::lookup_scope(workspace);
        let gone: Result<usize> = app
            .store
            .write(scope, clock::own_circumstances(), |tx| {
                let days = workspace::current(tx)?.event_retention_days;
                let before = tx.now() - chrono::Duration::days(days);
                Ok(store::forget_before(tx, before, SLICE)?)
            })
            .await;
        if i64::try_from(gone?).is_ok_and(|gone| gone < SLICE) {
            return Ok(());
        }
    }
}
