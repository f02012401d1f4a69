//! Failed sign-ins, counted over all workspaces and processes: one row for an account or address that failed lately. Each
//! change is one statement, so that a hundred failures at once count as a hundred.

use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types::BigInt};
use uuid::Uuid;

use crate::{
    db::{At, Guid, Instant, Uid, uids},
    schema::lockout,
    store::{Store, StoreError},
};

/// What is counted of an account or address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Which.
    pub id: Uuid,
    /// Failures since the last success.
    pub failures: i64,
    /// Until when it has to wait.
    pub locked_until: DateTime<Utc>,
}

/// What is counted of these.
pub async fn counts(store: &Store, ids: Vec<Uuid>) -> Result<Vec<Count>, StoreError> {
    store
        .read_global(move |db| {
            let rows: Vec<(Uid, i64, At)> = lockout::table
                .filter(lockout::id.eq_any(uids(&ids)))
                .select((lockout::id, lockout::failures, lockout::locked_until))
                .load(db)?;
            Ok(rows.into_iter().map(|(id, failures, until)| Count { id: id.0, failures, locked_until: until.0 }).collect())
        })
        .await
}

#[derive(diesel::QueryableByName)]
struct Failures {
    #[diesel(sql_type = BigInt)]
    failures: i64,
}

/// One more failure; answers how many there are. The count begins anew when the last one is older than `forgotten`.
pub async fn count_failure(store: &Store, id: Uuid, now: DateTime<Utc>, forgotten: DateTime<Utc>) -> Result<i64, StoreError> {
    store
        .write_global(move |db| {
            #[expect(clippy::disallowed_methods, reason = "belongs to no workspace and to no record")]
            let counted: Failures = diesel::sql_query(
                "INSERT INTO lockout (id, failures, locked_until, failed_at) VALUES ($1, 1, $2, $3) \
                 ON CONFLICT (id) DO UPDATE SET failed_at = excluded.failed_at, \
                 failures = CASE WHEN lockout.failed_at < $4 THEN 1 ELSE lockout.failures + 1 END RETURNING failures",
            )
            .bind::<Guid, _>(Uid(id))
            .bind::<Instant, _>(At(now))
            .bind::<Instant, _>(At(now))
            .bind::<Instant, _>(At(forgotten))
            .get_result(db)?;
            Ok(counted.failures)
        })
        .await
}

/// Locks until a time, unless it is locked for longer.
#[expect(clippy::disallowed_methods, reason = "belongs to no workspace and to no record")]
pub async fn lock(store: &Store, id: Uuid, until: DateTime<Utc>) -> Result<(), StoreError> {
    store
        .write_global(move |db| {
            diesel::update(lockout::table.filter(lockout::id.eq(Uid(id))).filter(lockout::locked_until.lt(At(until))))
                .set(lockout::locked_until.eq(At(until)))
                .execute(db)?;
            Ok(())
        })
        .await
}

/// Forgets what was counted of these.
#[expect(clippy::disallowed_methods, reason = "belongs to no workspace and to no record")]
pub async fn forget(store: &Store, ids: Vec<Uuid>) -> Result<(), StoreError> {
    store
        .write_global(move |db| {
            diesel::delete(lockout::table.filter(lockout::id.eq_any(uids(&ids)))).execute(db)?;
            Ok(())
        })
        .await
}

/// Forgets what failed last before a time.
#[expect(clippy::disallowed_methods, reason = "belongs to no workspace and to no record")]
pub async fn forget_before(store: &Store, time: DateTime<Utc>) -> Result<usize, StoreError> {
    store.write_global(move |db| Ok(diesel::delete(lockout::table.filter(lockout::failed_at.lt(At(time)))).execute(db)?)).await
}
