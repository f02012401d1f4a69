//! The store: database threads behind bounded queues, and transactions with a scope.

mod connection;
mod error;
mod group;
mod instrument;
mod lane;
mod tx;

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::{DateTime, Utc};
use diesel::{SqliteConnection, connection::SimpleConnection};
use kartoteka_domain::{access::Scope, id::WorkspaceId};
use uuid::Uuid;

pub use connection::Engine;
pub(crate) use connection::connect_as_owner;
pub use error::{Refusal, StoreError};
pub use tx::{ReadTx, Reading, Recorded, WriteTx};

use crate::db::Db;
use lane::Lane;

/// How the store is set up.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// Database for changes: `sqlite:PATH` or `postgres://…`.
    pub write_url: String,
    /// Database for reads; the same by default.
    pub read_url: String,
    /// Threads that read.
    pub readers: usize,
    /// Threads that write; SQLite has one.
    pub writers: usize,
    /// How many requests may wait for each; above that they are refused at once.
    pub queue: usize,
    /// How long a request may wait.
    pub patience: Duration,
    /// Whether statements are kept prepared; off for poolers that mix them up.
    pub cache_statements: bool,
}

/// The circumstances of a change, made once before the transaction so that a retry repeats it exactly.
#[derive(Debug, Clone)]
pub struct Circumstances {
    /// Now, cut to microseconds.
    pub now: DateTime<Utc>,
    /// Makes ids.
    pub fresh_id: fn() -> Uuid,
    /// Id of the request.
    pub request_id: Option<String>,
    /// Address it came from.
    pub address: Option<String>,
    /// Through what the actor acts: its session, its key.
    pub via: Option<String>,
    /// Program of the client, as it calls itself.
    pub user_agent: Option<String>,
}

/// The database behind its threads. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    engine: Engine,
    read: Lane,
    write: Lane,
    /// Workspaces written to since the sealer looked last.
    written: Arc<Mutex<HashSet<WorkspaceId>>>,
}

impl Store {
    /// Connects; tells a readable reason when it cannot.
    pub fn open(settings: &StoreSettings) -> Result<Self, StoreError> {
        let engine = Engine::of(&settings.write_url)?;
        let writers = if engine == Engine::Sqlite { 1 } else { settings.writers };
        Ok(Self {
            engine,
            write: Lane::start("write", &settings.write_url, writers, engine == Engine::Sqlite, settings)?,
            read: Lane::start("read", &settings.read_url, settings.readers, false, settings)?,
            written: Arc::default(),
        })
    }

    /// Which database it is.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// How many requests wait: (reads, writes).
    pub fn waiting(&self) -> (usize, usize) {
        (self.read.waiting(), self.write.waiting())
    }

    /// Reads in one transaction: everything is seen as of one moment.
    pub async fn read<T, E>(&self, scope: Scope, f: impl FnOnce(&mut ReadTx<'_>) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: Refusal,
    {
        let mut once = Some((scope, f));
        self.read
            .run(move |db, _| match once.take() {
                Some((scope, f)) => tx::read(db, scope, f),
                None => Err(E::from(StoreError::Internal("a reader ran twice".into()))),
            })
            .await
    }

    /// Changes in one transaction. `f` runs again after a conflict with another transaction.
    pub async fn write<T, E>(
        &self,
        scope: Scope,
        circumstances: Circumstances,
        f: impl Fn(&mut WriteTx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: Refusal,
    {
        let workspace = scope.workspace();
        let outcome = self.write.run(move |db, place| tx::write(db, place, &scope, &circumstances, &f)).await;
        if outcome.is_ok() {
            self.note_written(workspace);
        }
        outcome
    }

    /// The same for what leaves no event behind: the sealer is not called for it.
    pub(crate) async fn write_aside<T: Send + 'static>(
        &self,
        scope: Scope,
        circumstances: Circumstances,
        f: impl Fn(&mut WriteTx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.write.run(move |db, place| tx::write(db, place, &scope, &circumstances, &f)).await
    }

    /// Keeps the embedded database in shape, beside the requests: brings the write-ahead log into the database, so that the writer rarely
    /// has to and the log stays short; `thoroughly`, lets the planner look at what changed, too. PostgreSQL does that itself.
    pub async fn maintain(&self, thoroughly: bool) -> Result<(), StoreError> {
        self.read
            .run(move |db, _| match db {
                Db::Sqlite(c) => {
                    c.batch_execute("PRAGMA wal_checkpoint(PASSIVE)")?;
                    if thoroughly { analyse(c) } else { Ok(()) }
                }
                Db::Postgres(_) => Ok(()),
            })
            .await
    }

    /// Workspaces this process wrote to since it was asked last.
    pub fn take_written(&self) -> Vec<WorkspaceId> {
        self.written.lock().map(|mut written| written.drain().collect()).unwrap_or_default()
    }

    /// A workspace has events to be sealed.
    pub fn note_written(&self, workspace: WorkspaceId) {
        if let Ok(mut written) = self.written.lock() {
            written.insert(workspace);
        }
    }

    /// The same for the command line, which has no runtime.
    pub fn write_now<T, E>(
        &self,
        scope: Scope,
        circumstances: Circumstances,
        f: impl Fn(&mut WriteTx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: Refusal,
    {
        self.write.run_blocking(move |db, place| tx::write(db, place, &scope, &circumstances, &f))
    }

    /// Reads the tables that belong to no workspace: see [`crate::workspace`] and [`crate::session`].
    pub(crate) async fn read_global<T: Send + 'static>(
        &self,
        f: impl Fn(&mut Db) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.read.run(move |db, _| f(db)).await
    }

    /// Changes the tables that belong to no workspace, each by one statement; `f` may run again.
    pub(crate) async fn write_global<T: Send + 'static>(
        &self,
        f: impl Fn(&mut Db) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.write.run(move |db, _| f(db)).await
    }

    /// The same where there is no runtime.
    pub(crate) fn write_global_now<T: Send + 'static>(
        &self,
        f: impl Fn(&mut Db) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.write.run_blocking(move |db, _| f(db))
    }
}

/// Lets the planner look at what changed. What it learns of a small table is forgotten at once: a plan that scans twenty rows would
/// still scan when they have become a hundred thousand.
fn analyse(c: &mut SqliteConnection) -> Result<(), StoreError> {
    let looked = c.immediate_transaction(|c| {
        c.batch_execute("PRAGMA optimize = 0x10002; DELETE FROM sqlite_stat1 WHERE CAST(stat AS INTEGER) < 10000; ANALYZE sqlite_schema")
    });
    match looked {
        // nothing was ever worth a look
        Err(error) if error.to_string().contains("no such table: sqlite_stat1") => Ok(()),
        looked => Ok(looked?),
    }
}
