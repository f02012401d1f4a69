//! Group commit: whatever waits for the embedded database's one writer shares a transaction, each job between savepoints of its
//! own, and so one fsync. Each is answered after the commit that holds its work; the error of one leaves the others untouched.
//!
//! A writer without company commits by itself at once: nobody is waited for.

use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use diesel::connection::{Connection, TransactionManager};

use super::{
    StoreError,
    connection::Manager,
    lane::{Job, Place, Queued, abandon, connection, depth},
    tx,
};
use crate::db::Db;

/// How many share a commit at most.
const MOST: usize = 128;
/// How long a group takes others in.
const LONGEST: Duration = Duration::from_millis(10);

/// Serves the queue until it closes.
pub(super) fn work(pool: &r2d2::Pool<Manager>, jobs: &Receiver<Queued>, patience: Duration) {
    while let Ok((since, job)) = jobs.recv() {
        if since.elapsed() > patience {
            job.refuse(StoreError::Overloaded);
            continue;
        }
        let Some((mut db, mut job)) = connection(pool, job) else { continue };
        if jobs.is_empty() {
            job.run(&mut db, Place::Alone);
            job.answer();
            continue;
        }
        let (members, committed) = together(&mut db, job, jobs, patience);
        // a connection that lost its transaction is not used again
        drop(db);
        for job in members {
            if committed && !job.may_do_better() {
                job.answer();
            } else if let Some((mut db, mut job)) = connection(pool, job) {
                job.run(&mut db, Place::Alone);
                job.answer();
            }
        }
    }
}

/// Runs what waits in one transaction; tells whether it was committed. If not, nothing of it happened.
fn together(db: &mut Db, first: Box<dyn Job>, jobs: &Receiver<Queued>, patience: Duration) -> (Vec<Box<dyn Job>>, bool) {
    if let Err(error) = tx::begin_group(db) {
        tracing::warn!(%error, "no group was begun");
        return (vec![first], false);
    }
    let began = Instant::now();
    let mut members = Vec::new();
    let mut next = Some((began, first));
    while let Some((since, mut job)) = next {
        if since.elapsed() > patience {
            job.refuse(StoreError::Overloaded);
        } else {
            job.run(db, Place::Grouped);
            members.push(job);
            // after an I/O error or a full disk SQLite takes the whole transaction back, savepoints and all
            if depth(db) != Some(1) {
                abandon(db, 0);
                return (members, false);
            }
        }
        next = if members.len() < MOST && began.elapsed() < LONGEST { jobs.try_recv().ok() } else { None };
    }
    match <Db as Connection>::TransactionManager::commit_transaction(db) {
        Ok(()) => (members, true),
        Err(error) => {
            tracing::error!(%error, members = members.len(), "a group was not committed");
            abandon(db, 0);
            (members, false)
        }
    }
}
