//! Transactions. A reader sees one moment; a writer records the event of every change before it may change a row.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, Utc};
use diesel::{
    Connection, RunQueryDsl,
    connection::{AnsiTransactionManager, TransactionManager},
};
use kartoteka_domain::{
    access::{RecordType, Scope},
    event::Event,
    id::{PipelineId, WorkspaceId},
    next_step::{self, Concern, Subject},
    notification::watch,
    record::Birth,
};
use uuid::Uuid;

use super::{Circumstances, Refusal, StoreError, lane::Place};
use crate::{
    audit,
    db::{Db, Guid, Uid},
    workspace,
};

/// How often a transaction is tried again after a conflict.
const TRIES: u32 = 8;

/// Anything one can read through.
pub trait Reading {
    /// The connection; for functions of this crate.
    #[doc(hidden)]
    fn db(&mut self) -> Connected<'_>;
    /// Whose request this is.
    fn scope(&self) -> &Scope;
    /// The workspace.
    fn workspace(&self) -> WorkspaceId {
        self.scope().workspace()
    }
}

/// A connection that only this crate can open.
pub struct Connected<'a>(pub(crate) &'a mut Db);

/// A transaction that reads.
pub struct ReadTx<'a> {
    db: &'a mut Db,
    scope: Scope,
}

/// A transaction that changes.
pub struct WriteTx<'a> {
    db: &'a mut Db,
    scope: &'a Scope,
    circumstances: Circumstances,
    because: Option<String>,
    next_steps: NextSteps,
    events: u32,
}

/// What a transaction has to settle about next steps before it ends.
#[derive(Debug, Default)]
pub struct NextSteps {
    /// The records it touched, and how.
    pub concerns: BTreeMap<Subject, Concern>,
    /// People who were deactivated.
    pub dismissed: Vec<Uuid>,
    /// Why there is none, in the words of the request.
    pub reason: Option<String>,
    /// Where in the request the next step is missing.
    pub pointer: Option<&'static str>,
}

impl NextSteps {
    fn join(&mut self, other: Self) {
        for (subject, concern) in other.concerns {
            let known = self.concerns.entry(subject).or_insert(concern);
            *known = concern.max(*known);
        }
        self.dismissed.extend(other.dismissed);
        self.reason = other.reason.or(self.reason.take());
        self.pointer = other.pointer.or(self.pointer);
    }
}

/// Proof that a change's event is written, or that there is a stated reason for none.
pub struct Recorded(());

impl Reading for ReadTx<'_> {
    fn db(&mut self) -> Connected<'_> {
        Connected(self.db)
    }
    fn scope(&self) -> &Scope {
        &self.scope
    }
}

impl Reading for WriteTx<'_> {
    fn db(&mut self) -> Connected<'_> {
        Connected(self.db)
    }
    fn scope(&self) -> &Scope {
        self.scope
    }
}

impl WriteTx<'_> {
    /// Now: when the request came, or later, where what it changes was changed after that.
    pub fn now(&self) -> DateTime<Utc> {
        self.circumstances.now
    }
    /// Lets this change be no earlier than what it follows: who waited for a record changes it after the one he waited for.
    pub fn follow(&mut self, changed_at: DateTime<Utc>) {
        self.circumstances.now = self.circumstances.now.max(changed_at);
    }
    /// A fresh id.
    pub fn fresh_id(&self) -> Uuid {
        (self.circumstances.fresh_id)()
    }
    /// The circumstances of a creation by this request's actor.
    pub fn birth(&self) -> Birth {
        Birth { id: self.fresh_id(), at: self.now(), by: self.scope.by().clone() }
    }
    /// Writes an event to the audit and the outbox.
    pub fn record(&mut self, mut event: Event) -> Result<Recorded, StoreError> {
        if event.reason.is_none() {
            event.reason.clone_from(&self.because);
        }
        for (subject, concern) in next_step::concerns(&event) {
            let known = self.next_steps.concerns.entry(subject).or_insert(concern);
            *known = concern.max(*known);
        }
        if let Some(subject) = next_step::reopens(&event) {
            crate::next_step::forget_reason(self, subject)?;
        }
        if next_step::dismisses(&event) {
            self.next_steps.dismissed.push(event.id);
        }
        audit::write(self.db, self.scope, &self.circumstances, &event)?;
        self.events = self.events.saturating_add(1);
        if let Some(look) = watch::look(&event, self.circumstances.now) {
            workspace::plan_look(self, event.id, look)?;
        }
        Ok(Recorded(()))
    }
    /// How many events it wrote so far: none, and nothing was changed.
    pub fn events(&self) -> u32 {
        self.events
    }
    /// Does a part of the work by another right of the same actor. What that part leaves unsettled is settled with the rest.
    pub fn acting<T, E: Refusal>(&mut self, scope: &Scope, f: impl FnOnce(&mut WriteTx<'_>) -> Result<T, E>) -> Result<T, E> {
        if scope.workspace() != self.scope.workspace() || scope.by() != self.scope.by() {
            return Err(StoreError::Internal("somebody else was to act here".into()).into());
        }
        let (circumstances, because) = (self.circumstances.clone(), self.because.clone());
        let mut part = WriteTx { db: self.db, scope, circumstances, because, next_steps: NextSteps::default(), events: 0 };
        let done = f(&mut part)?;
        let (now, left, events) = (part.circumstances.now, part.next_steps, part.events);
        self.circumstances.now = now;
        self.next_steps.join(left);
        self.events = self.events.saturating_add(events);
        Ok(done)
    }
    /// What is to be settled about next steps; whoever takes it, settles it.
    pub fn take_next_steps(&mut self) -> NextSteps {
        std::mem::take(&mut self.next_steps)
    }
    /// Why what this request touches has no next step, and where in the request one is missed.
    pub fn explain_next_step(&mut self, reason: Option<&str>, pointer: &'static str) {
        if let Some(reason) = kartoteka_domain::invalid::line(reason) {
            self.next_steps.reason = Some(reason);
        }
        self.next_steps.pointer = Some(pointer);
    }
    /// Holds a person as he is, active or not, until the end of the transaction; others may hold him, too.
    pub fn hold_in_use(&mut self, person: Uuid) -> Result<(), StoreError> {
        self.lock(RecordType::User, person, "SHARE")
    }
    /// Holds a pipeline as it is until the end of the transaction, so that no stage goes while a deal comes to it; others may hold it, too.
    /// Before the deal: whoever changes a pipeline holds it first and its deals after.
    pub fn hold_pipeline(&mut self, pipeline: PipelineId) -> Result<(), StoreError> {
        self.lock(RecordType::Pipeline, pipeline.uuid(), "SHARE")
    }
    /// Writes an event to the audit only: nothing happened that the outside would want to know.
    pub fn note(&mut self, event: &Event) -> Result<(), StoreError> {
        audit::write_audit(self.db, self.scope, &self.circumstances, self.fresh_id(), event)
    }
    /// The reason of every event from here on that brings none of its own.
    pub fn because(&mut self, reason: Option<String>) {
        self.because = reason;
    }
    /// The reason that events without one of their own get.
    pub(crate) fn reason(&self) -> Option<String> {
        self.because.clone()
    }
    /// For rows nobody audits: derived fields, locks, sessions' clockwork. Says why.
    pub fn unaudited(&mut self, _why: &'static str) -> Recorded {
        Recorded(())
    }
    /// Holds a record until the end of the transaction, so that two changes of it come one after the other. The embedded
    /// database has one writer and needs no lock.
    pub fn hold(&mut self, record: RecordType, id: Uuid) -> Result<(), StoreError> {
        self.lock(record, id, "NO KEY UPDATE")
    }
    fn lock(&mut self, record: RecordType, id: Uuid, strength: &str) -> Result<(), StoreError> {
        let Db::Postgres(c) = self.db else { return Ok(()) };
        let table = match record {
            RecordType::Workspace | RecordType::Session | RecordType::DuplicateCandidate => return Ok(()),
            RecordType::User => "member",
            RecordType::Source | RecordType::ContactStatus | RecordType::RejectReason | RecordType::LostReason | RecordType::Tag => {
                "catalogue_entry"
            }
            other => other.word(),
        };
        #[expect(clippy::disallowed_methods, reason = "a row lock; the table's name and the strength are ours")]
        diesel::sql_query(format!("SELECT id FROM {table} WHERE workspace_id = $1 AND id = $2 FOR {strength}"))
            .bind::<Guid, _>(Uid::from(self.scope.workspace()))
            .bind::<Guid, _>(Uid(id))
            .execute(c)?;
        Ok(())
    }
    /// Reads as somebody else of this workspace would, within this transaction.
    pub fn as_seen_by(&mut self, scope: Scope) -> Result<ReadTx<'_>, StoreError> {
        if scope.workspace() != self.scope.workspace() {
            return Err(StoreError::Internal("somebody of another workspace was to read here".into()));
        }
        Ok(ReadTx { db: self.db, scope })
    }
    /// Does something that may be refused, and takes back what it did when it is.
    pub fn attempt<T, E: Refusal>(&mut self, f: impl FnOnce(&mut Self) -> Result<T, E>) -> Result<T, E> {
        <Db as Connection>::TransactionManager::begin_transaction(self.db).map_err(StoreError::from)?;
        match f(self) {
            Ok(done) => {
                <Db as Connection>::TransactionManager::commit_transaction(self.db).map_err(StoreError::from)?;
                Ok(done)
            }
            Err(refused) => {
                <Db as Connection>::TransactionManager::rollback_transaction(self.db).map_err(StoreError::from)?;
                Err(refused)
            }
        }
    }
    /// Whether this is the embedded database, whose one writer needs no row locks.
    pub(crate) fn is_alone(&self) -> bool {
        self.db.is_sqlite()
    }
    /// Whether somebody may do something else, too.
    pub fn may(&self, record: RecordType, verb: kartoteka_domain::access::Verb) -> bool {
        self.scope.may(record, verb)
    }
}

fn begin(db: &mut Db, workspace: WorkspaceId, writes: bool) -> Result<(), StoreError> {
    match db {
        Db::Sqlite(c) => {
            AnsiTransactionManager::begin_transaction_sql(c, if writes { "BEGIN IMMEDIATE" } else { "BEGIN" })?;
        }
        Db::Postgres(c) => {
            let mode = if writes { "" } else { " READ ONLY, ISOLATION LEVEL REPEATABLE READ" };
            AnsiTransactionManager::begin_transaction_sql(c, &format!("BEGIN{mode}; SET LOCAL app.workspace = '{}'", workspace.uuid()))?;
        }
    }
    Ok(())
}

/// Runs a reader.
pub(super) fn read<T, E: Refusal>(db: &mut Db, scope: Scope, f: impl FnOnce(&mut ReadTx<'_>) -> Result<T, E>) -> Result<T, E> {
    begin(db, scope.workspace(), false)?;
    let mut tx = ReadTx { db, scope };
    let outcome = f(&mut tx);
    <Db as Connection>::TransactionManager::rollback_transaction(tx.db).map_err(StoreError::from)?;
    outcome
}

/// Begins the transaction that a group of writers of the embedded database shares.
pub(super) fn begin_group(db: &mut Db) -> Result<(), StoreError> {
    if let Db::Sqlite(c) = db {
        AnsiTransactionManager::begin_transaction_sql(c, "BEGIN IMMEDIATE")?;
    }
    Ok(())
}

/// Runs a writer; alone, again after a conflict.
pub(super) fn write<T, E: Refusal>(
    db: &mut Db,
    place: Place,
    scope: &Scope,
    circumstances: &Circumstances,
    f: &dyn Fn(&mut WriteTx<'_>) -> Result<T, E>,
) -> Result<T, E> {
    let mut tried = 0;
    loop {
        let outcome = once(db, place, scope, circumstances, f);
        match outcome.as_ref().err().and_then(Refusal::store_error) {
            Some(error) if place == Place::Alone && error.is_transient() && tried < TRIES => {
                tried += 1;
                // another wait for each thread and try: twins that collided do not collide again
                let spread = circumstances.request_id.as_ref().map_or(3, |id| id.bytes().fold(0_u64, |sum, b| sum + u64::from(b))) % 7;
                std::thread::sleep(Duration::from_millis((1 << tried) + spread * u64::from(tried)));
            }
            _ => return outcome,
        }
    }
}

fn once<T, E: Refusal>(
    db: &mut Db,
    place: Place,
    scope: &Scope,
    circumstances: &Circumstances,
    f: &dyn Fn(&mut WriteTx<'_>) -> Result<T, E>,
) -> Result<T, E> {
    match place {
        Place::Alone => begin(db, scope.workspace(), true)?,
        Place::Grouped => <Db as Connection>::TransactionManager::begin_transaction(db).map_err(StoreError::from)?,
    }
    let mut tx = WriteTx { db, scope, circumstances: circumstances.clone(), because: None, next_steps: NextSteps::default(), events: 0 };
    match f(&mut tx) {
        Ok(done) => {
            <Db as Connection>::TransactionManager::commit_transaction(tx.db).map_err(StoreError::from)?;
            Ok(done)
        }
        Err(refused) => {
            if let Err(error) = <Db as Connection>::TransactionManager::rollback_transaction(tx.db) {
                tracing::warn!(%error, "a rollback failed");
            }
            Err(refused)
        }
    }
}
