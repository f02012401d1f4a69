//! A lane: threads with connections behind a bounded queue. Full, or waited too long: refused at once, never piled up.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, bounded};
use diesel::connection::{Connection, TransactionManager};
use tokio::sync::oneshot;

use super::{
    Refusal, StoreError, StoreSettings,
    connection::{Engine, Manager},
    group,
};
use crate::db::Db;

/// Whose commit makes a job's work durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Its own.
    Alone,
    /// That of the group it was taken into: it works between savepoints.
    Grouped,
}

/// Work for a database thread, and the one who waits for its outcome.
pub(super) trait Job: Send {
    /// Does the work and keeps the outcome.
    fn run(&mut self, db: &mut Db, place: Place);
    /// Whether the outcome may be better when it runs on its own: another transaction was in the way.
    fn may_do_better(&self) -> bool;
    /// Tells the outcome: what it speaks of is durable now.
    fn answer(self: Box<Self>);
    /// Tells that nothing was done.
    fn refuse(self: Box<Self>, error: StoreError);
}

struct Work<F, T, E> {
    work: F,
    outcome: Option<Result<T, E>>,
    answer: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Job for Work<F, T, E>
where
    F: FnMut(&mut Db, Place) -> Result<T, E> + Send,
    T: Send,
    E: Refusal,
{
    fn run(&mut self, db: &mut Db, place: Place) {
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.work)(db, place))).unwrap_or_else(|_| {
            abandon(db, u32::from(place == Place::Grouped));
            Err(E::from(StoreError::Internal("a database job panicked".into())))
        });
        self.outcome = Some(outcome);
    }
    fn may_do_better(&self) -> bool {
        let refused = self.outcome.as_ref().and_then(|outcome| outcome.as_ref().err());
        refused.and_then(Refusal::store_error).is_some_and(StoreError::is_transient)
    }
    fn answer(self: Box<Self>) {
        // nobody may be waiting any more: a client that hung up
        drop(self.answer.send(self.outcome.unwrap_or_else(|| Err(E::from(StoreError::Overloaded)))));
    }
    fn refuse(self: Box<Self>, error: StoreError) {
        drop(self.answer.send(Err(E::from(error))));
    }
}

/// A job and since when it waits.
pub(super) type Queued = (Instant, Box<dyn Job>);

#[derive(Clone)]
pub(super) struct Lane {
    queue: Sender<Queued>,
    /// A queue of length 0 takes no request at all.
    open: bool,
}

/// The thread's connection, or the refusal of the job that wanted it.
pub(super) fn connection(pool: &r2d2::Pool<Manager>, job: Box<dyn Job>) -> Option<(r2d2::PooledConnection<Manager>, Box<dyn Job>)> {
    match pool.get() {
        Ok(db) => Some((db, job)),
        Err(error) => {
            tracing::error!(%error, "no database connection");
            job.refuse(StoreError::Overloaded);
            None
        }
    }
}

/// Runs one job with a transaction of its own.
pub(super) fn alone(pool: &r2d2::Pool<Manager>, job: Box<dyn Job>) {
    if let Some((mut db, mut job)) = connection(pool, job) {
        job.run(&mut db, Place::Alone);
        job.answer();
    }
}

/// One after the other.
fn one_by_one(pool: &r2d2::Pool<Manager>, jobs: &Receiver<Queued>, patience: Duration) {
    while let Ok((since, job)) = jobs.recv() {
        if since.elapsed() > patience {
            job.refuse(StoreError::Overloaded);
        } else {
            alone(pool, job);
        }
    }
}

impl Lane {
    /// `gathers`: queued jobs share a commit; for the one writer of the embedded database.
    pub(super) fn start(name: &str, url: &str, threads: usize, gathers: bool, settings: &StoreSettings) -> Result<Self, StoreError> {
        let threads = threads.max(1);
        let manager = Manager { url: url.to_owned(), engine: Engine::of(url)?, cache_statements: settings.cache_statements };
        // the first connection is made here: its error is the readable one
        drop(r2d2::ManageConnection::connect(&manager)?);
        let engine = manager.engine;
        let pool = r2d2::Pool::builder()
            .max_size(u32::try_from(threads).unwrap_or(1))
            .min_idle(Some(u32::from(engine != Engine::Sqlite)))
            .test_on_check_out(false)
            .connection_timeout(Duration::from_secs(5))
            .build_unchecked(manager);
        let (queue, jobs) = bounded::<Queued>(settings.queue.max(1));
        for number in 0..threads {
            let (pool, jobs, patience) = (pool.clone(), jobs.clone(), settings.patience);
            thread::Builder::new()
                .name(format!("{name}-{number}"))
                .spawn(move || {
                    let work = if gathers { group::work } else { one_by_one };
                    // a thread outlives its panics: without it nobody would be served until the next start
                    while catch_unwind(AssertUnwindSafe(|| work(&pool, &jobs, patience))).is_err() {}
                })
                .map_err(|error| StoreError::Setup(format!("cannot start a database thread: {error}")))?;
        }
        Ok(Self { queue, open: settings.queue > 0 })
    }

    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// `waits` for a place: for the command line and the start.
    fn submit<T, E>(
        &self,
        waits: bool,
        work: impl FnMut(&mut Db, Place) -> Result<T, E> + Send + 'static,
    ) -> Result<oneshot::Receiver<Result<T, E>>, E>
    where
        T: Send + 'static,
        E: Refusal,
    {
        let (answer, result) = oneshot::channel();
        let job: Box<dyn Job> = Box::new(Work { work, outcome: None, answer });
        let sent = if waits {
            self.queue.send((Instant::now(), job)).is_ok()
        } else {
            self.open && self.queue.try_send((Instant::now(), job)).is_ok()
        };
        if sent { Ok(result) } else { Err(E::from(StoreError::Overloaded)) }
    }

    pub(super) async fn run<T, E>(&self, work: impl FnMut(&mut Db, Place) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: Refusal,
    {
        self.submit(false, work)?.await.unwrap_or_else(|_| Err(E::from(StoreError::Internal("a database thread ended".into()))))
    }

    pub(super) fn run_blocking<T, E>(&self, work: impl FnMut(&mut Db, Place) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: Refusal,
    {
        self.submit(true, work)?.blocking_recv().unwrap_or_else(|_| Err(E::from(StoreError::Internal("a database thread ended".into()))))
    }
}

/// How many transactions are open, one within the other; `None` when the connection has lost its place.
pub(super) fn depth(db: &mut Db) -> Option<u32> {
    let status = <Db as Connection>::TransactionManager::transaction_manager_status_mut(db);
    status.transaction_depth().ok().map(|depth| depth.map_or(0, std::num::NonZeroU32::get))
}

/// Leaves no transaction open behind a panic but the `kept` outermost.
pub(super) fn abandon(db: &mut Db, kept: u32) {
    while depth(db).is_some_and(|depth| depth > kept) {
        if <Db as Connection>::TransactionManager::rollback_transaction(db).is_err() {
            break;
        }
    }
}
