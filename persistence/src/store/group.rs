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
    lane::{Job, Place, Queued, abandon, alone, connection, depth},
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
        if jobs.is_empty() {
            alone(pool, job);
            continue;
        }
        let Some((mut db, job)) = connection(pool, job) else { continue };
        let (members, committed) = together(&mut db, job, jobs, patience);
        // a connection that lost its transaction is not used again
        drop(db);
        for job in members {
            if committed && !job.may_do_better() {
                job.answer();
            } else {
                alone(pool, job);
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Barrier};

    use diesel::{RunQueryDsl, connection::SimpleConnection, sql_types::BigInt};

    use super::super::{StoreSettings, lane::Lane};
    use super::*;

    #[derive(diesel::QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }

    /// A job's work between savepoints of its own, as `tx::write` does it.
    fn between(db: &mut Db, place: Place, work: impl FnOnce(&mut Db) -> Result<(), StoreError>) -> Result<(), StoreError> {
        match place {
            Place::Alone => tx::begin_group(db)?,
            Place::Grouped => <Db as Connection>::TransactionManager::begin_transaction(db)?,
        }
        match work(db) {
            Ok(()) => Ok(<Db as Connection>::TransactionManager::commit_transaction(db)?),
            Err(error) => {
                <Db as Connection>::TransactionManager::rollback_transaction(db)?;
                Err(error)
            }
        }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a table of the test's own")]
    fn an_error_and_a_panic_leave_the_others_of_a_group_untouched() {
        let path = std::env::temp_dir().join(format!("kartoteka-group-{}.db", std::process::id()));
        let url = format!("sqlite:{}", path.display());
        let settings = StoreSettings {
            write_url: url.clone(),
            read_url: url.clone(),
            readers: 1,
            writers: 1,
            queue: 100,
            patience: Duration::from_mins(1),
            cache_statements: true,
        };
        let lane = Lane::start("write", &url, 1, true, &settings).unwrap();
        lane.run_blocking(|db, _| Ok::<_, StoreError>(db.batch_execute("CREATE TABLE kept (n INTEGER)")?)).unwrap();
        // the first job holds the writer until all others wait
        let gate = Arc::new(Barrier::new(2));
        let (held, entered) = (Arc::clone(&gate), Arc::clone(&gate));
        let submit = |number: i64| {
            let lane = lane.clone();
            std::thread::spawn(move || {
                lane.run_blocking(move |db, place| {
                    between(db, place, |db| {
                        db.batch_execute(&format!("INSERT INTO kept VALUES ({number})"))?;
                        match number % 10 {
                            3 => Err(StoreError::Full),
                            7 => std::panic::resume_unwind(Box::new("a mistake of ours")),
                            _ => Ok(()),
                        }
                    })
                })
            })
        };
        let first = {
            let lane = lane.clone();
            std::thread::spawn(move || {
                lane.run_blocking(move |_, _| {
                    entered.wait();
                    held.wait();
                    Ok::<_, StoreError>(())
                })
            })
        };
        gate.wait();
        let others: Vec<_> = (0..50).map(submit).collect();
        while lane.waiting() < 50 {
            std::thread::yield_now();
        }
        gate.wait();
        assert_eq!(first.join().unwrap(), Ok(()));
        for (number, outcome) in others.into_iter().enumerate() {
            let outcome = outcome.join().unwrap();
            match number % 10 {
                3 => assert_eq!(outcome, Err(StoreError::Full)),
                7 => assert!(matches!(outcome, Err(StoreError::Internal(_)))),
                _ => assert_eq!(outcome, Ok(())),
            }
        }
        let kept = lane
            .run_blocking(|db, _| {
                let Db::Sqlite(c) = db else { return Err(StoreError::Internal("not SQLite".into())) };
                Ok(diesel::sql_query("SELECT count(*) AS count FROM kept").get_result::<Count>(c)?.count)
            })
            .unwrap();
        assert_eq!(kept, 40);
        for end in ["", "-wal", "-shm"] {
            drop(std::fs::remove_file(format!("{}{end}", path.display())));
        }
    }
}
