//! A lane: threads with connections behind a bounded queue. Full, or waited too long: refused at once, never piled up.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::{Sender, bounded};
use tokio::sync::oneshot;

use super::{
    Refusal, StoreError, StoreSettings,
    connection::{Engine, Manager},
};
use crate::db::Db;

type Job = Box<dyn FnOnce(Result<&mut Db, StoreError>) + Send>;

#[derive(Clone)]
pub(super) struct Lane {
    queue: Sender<(Instant, Job)>,
    /// A queue of length 0 takes no request at all.
    open: bool,
}

impl Lane {
    pub(super) fn start(name: &str, url: &str, threads: usize, settings: &StoreSettings) -> Result<Self, StoreError> {
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
        let (queue, jobs) = bounded::<(Instant, Job)>(settings.queue.max(1));
        for number in 0..threads {
            let (pool, jobs, patience) = (pool.clone(), jobs.clone(), settings.patience);
            thread::Builder::new()
                .name(format!("{name}-{number}"))
                .spawn(move || {
                    while let Ok((since, job)) = jobs.recv() {
                        if since.elapsed() > patience {
                            job(Err(StoreError::Overloaded));
                            continue;
                        }
                        match pool.get() {
                            Ok(mut db) => job(Ok(&mut db)),
                            Err(error) => {
                                tracing::error!(%error, "no database connection");
                                job(Err(StoreError::Overloaded));
                            }
                        }
                    }
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
        f: impl FnOnce(&mut Db) -> Result<T, E> + Send + 'static,
    ) -> Result<oneshot::Receiver<Result<T, E>>, E>
    where
        T: Send + 'static,
        E: Refusal,
    {
        let (answer, result) = oneshot::channel();
        let job: Job = Box::new(move |db| {
            let outcome = match db {
                Err(error) => Err(E::from(error)),
                Ok(db) => catch_unwind(AssertUnwindSafe(|| f(db))).unwrap_or_else(|_| {
                    abandon(db);
                    Err(E::from(StoreError::Internal("a database job panicked".into())))
                }),
            };
            // nobody may be waiting any more: a client that hung up
            drop(answer.send(outcome));
        });
        let sent = if waits {
            self.queue.send((Instant::now(), job)).is_ok()
        } else {
            self.open && self.queue.try_send((Instant::now(), job)).is_ok()
        };
        if sent { Ok(result) } else { Err(E::from(StoreError::Overloaded)) }
    }

    pub(super) async fn run<T, E>(&self, f: impl FnOnce(&mut Db) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: Refusal,
    {
        self.submit(false, f)?.await.unwrap_or_else(|_| Err(E::from(StoreError::Internal("a database thread ended".into()))))
    }

    pub(super) fn run_blocking<T, E>(&self, f: impl FnOnce(&mut Db) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: Refusal,
    {
        self.submit(true, f)?.blocking_recv().unwrap_or_else(|_| Err(E::from(StoreError::Internal("a database thread ended".into()))))
    }
}

/// Leaves no transaction open behind a panic.
fn abandon(db: &mut Db) {
    use diesel::connection::{Connection, TransactionManager};
    while let Ok(Some(_)) = <Db as Connection>::TransactionManager::transaction_manager_status_mut(db).transaction_depth() {
        if <Db as Connection>::TransactionManager::rollback_transaction(db).is_err() {
            break;
        }
    }
}
