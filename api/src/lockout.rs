//! Lock-out: who fails to prove himself waits longer and longer, an account and an address alike, in every process. An
//! e-mail nobody has is counted like one that somebody has, so that nothing tells them apart.

use chrono::{DateTime, Utc};
use kartoteka_domain::lockout::{self as rule, FORGOTTEN_AFTER, OF_AN_ACCOUNT};
use kartoteka_persistence::lockout as store;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    app::App,
    clock,
    problem::{Problem, ProblemCode, Result},
};

/// Locks this process knows of: asked again when the turn to hash has come, after a hundred guesses arrived at once.
pub type Locks = moka::sync::Cache<Uuid, DateTime<Utc>>;

/// Room for the locks of this process.
pub fn locks() -> Locks {
    moka::sync::Cache::builder().max_capacity(100_000).time_to_live(std::time::Duration::from_mins(15)).build()
}

/// A try that was let in.
#[derive(Debug, Clone)]
pub struct Try {
    account: Uuid,
    address: Option<Uuid>,
    failed_before: bool,
}

fn id_of(kind: &str, text: &str) -> Uuid {
    let hash = Sha256::digest(format!("{kind} {text}").as_bytes());
    let mut id = [0; 16];
    id.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
    Uuid::from_bytes(id)
}

fn locked(until: DateTime<Utc>, now: DateTime<Utc>) -> Problem {
    let seconds = u64::try_from((until - now).num_milliseconds()).unwrap_or_default().div_ceil(1000);
    Problem::new(ProblemCode::TooManyRequests).after(seconds)
}

/// Lets a try in, or tells how long to wait.
pub async fn admit(app: &App, email: &str, address: Option<&str>) -> Result<Try> {
    let tried = Try { account: id_of("account", email), address: address.map(|a| id_of("address", a)), failed_before: false };
    tried.still_free(app)?;
    let now = clock::now();
    let counts = store::counts(&app.store, tried.ids()).await?;
    match counts.iter().map(|count| count.locked_until).max().filter(|until| *until > now) {
        Some(until) => Err(locked(until, now)),
        None => Ok(Try { failed_before: !counts.is_empty(), ..tried }),
    }
}

impl Try {
    fn ids(&self) -> Vec<Uuid> {
        std::iter::once(self.account).chain(self.address).collect()
    }

    /// Whether nothing was locked meanwhile.
    pub fn still_free(&self, app: &App) -> Result<()> {
        let now = clock::now();
        let until = self.ids().into_iter().filter_map(|id| app.locks.get(&id)).max();
        until.filter(|until| *until > now).map_or(Ok(()), |until| Err(locked(until, now)))
    }

    /// Counts a failure; answers for how many seconds the account is locked now.
    pub async fn failed(&self, app: &App) -> Result<Option<i64>> {
        let now = clock::now();
        let forgotten = now - chrono::Duration::seconds(FORGOTTEN_AFTER);
        let mut locks_account = None;
        for (id, free) in [(Some(self.account), OF_AN_ACCOUNT), (self.address, i64::from(app.settings.failures_per_address))] {
            let Some(id) = id else { continue };
            let failures = store::count_failure(&app.store, id, now, forgotten).await?;
            if let Some(delay) = rule::delay(failures, free) {
                store::lock(&app.store, id, now + delay).await?;
                app.locks.insert(id, now + delay);
                if id == self.account {
                    locks_account = Some(delay.num_seconds());
                }
            }
        }
        Ok(locks_account)
    }

    /// Forgets the failures.
    pub async fn succeeded(&self, app: &App) -> Result<()> {
        let ids = self.ids();
        if self.failed_before || ids.iter().any(|id| app.locks.contains_key(id)) {
            for id in &ids {
                app.locks.invalidate(id);
            }
            store::forget(&app.store, ids).await?;
        }
        Ok(())
    }
}

/// An administrator's link, or a new password by it, opens a locked account again.
pub async fn pardon(app: &App, email: &str) -> Result<()> {
    Try { account: id_of("account", email), address: None, failed_before: true }.succeeded(app).await
}
