//! Notifications of whoever listens: what the list shows as new.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use kartoteka_domain::{access::Scope, id::UserId, notification::Notification, stream::frame};
use kartoteka_persistence::ReadTx;
use uuid::Uuid;

use crate::{
    app::App,
    clock, notification,
    problem::{Problem, Result},
};

/// How often it is looked, however often the journal's bell rings.
const LOOK: Duration = Duration::from_millis(300);
/// Read at a time.
const PAGE: i64 = 100;
/// What another process keeps may carry a time of some seconds ago when it is there to be read.
const OVERLAP: chrono::Duration = chrono::Duration::seconds(30);
/// Who comes back after a longer time reads the list.
const LONGEST: chrono::Duration = chrono::Duration::hours(1);

/// What one listener was told.
pub struct Told {
    user: UserId,
    begun: DateTime<Utc>,
    /// The moment to look from, and the last that is known of it.
    from: (DateTime<Utc>, Uuid),
    known: HashSet<Uuid>,
    looked: Option<Instant>,
}

impl Told {
    /// Tells a person from a moment on.
    pub fn since(user: UserId, begun: DateTime<Utc>) -> Self {
        let begun = begun.max(clock::now() - LONGEST);
        Self { user, begun, from: (begun, Uuid::nil()), known: HashSet::new(), looked: None }
    }

    /// Writes what is new.
    pub async fn look(&mut self, app: &App, scope: &Scope, text: &mut String) -> Result<()> {
        if self.looked.is_some_and(|at| at.elapsed() < LOOK) {
            return Ok(());
        }
        self.looked = Some(Instant::now());
        let (user, from, now) = (self.user, self.from, clock::now());
        let found =
            app.store.read(scope.clone(), move |tx: &mut ReadTx<'_>| -> Result<_> { notification::heard(tx, user, from, PAGE) }).await?;
        let full = i64::try_from(found.len()).is_ok_and(|count| count == PAGE);
        self.from = match found.last() {
            Some(last) if full => (last.created_at, last.id.uuid()),
            _ => (self.begun.max(now - OVERLAP), Uuid::nil()),
        };
        if found.is_empty() {
            self.known.clear();
        }
        for one in found.into_iter().filter(|one: &Notification| self.known.insert(one.id.uuid())) {
            frame(text, None, "notification", &serde_json::to_string(&one).map_err(Problem::internal)?);
        }
        Ok(())
    }
}
