//! The sealer: gives events their numbers and hashes soon after their commit. This process seals what it wrote itself at
//! once, and looks around now and then for what another process left behind when it ended.

use std::time::{Duration, Instant};

use kartoteka_domain::id::WorkspaceId;
use kartoteka_persistence::{
    audit::chain::{SealOutcome, seal},
    idempotency,
};

use crate::{app::App, clock, credential::lookup_scope, journal::Rung};

/// How soon events are sealed.
const TICK: Duration = Duration::from_millis(200);

/// How often all workspaces are looked at.
const ROUND: Duration = Duration::from_secs(30);

/// Events sealed in one transaction.
const SLICE: i64 = 100;

/// Runs until the application stops; what was written last is sealed before.
pub async fn run(app: App) {
    let mut round: Option<Instant> = None;
    loop {
        let stopping = app.stopping();
        if round.is_none_or(|at| at.elapsed() > ROUND) {
            round = Some(Instant::now());
            match idempotency::workspaces(&app.store).await {
                Ok(all) => all.into_iter().for_each(|id| app.store.note_written(id.into())),
                Err(error) => tracing::warn!(%error, "the sealer cannot look around"),
            }
        }
        for workspace in app.store.take_written() {
            seal_all(&app, workspace).await;
        }
        if stopping {
            return;
        }
        tokio::time::sleep(TICK).await;
    }
}

async fn seal_all(app: &App, workspace: WorkspaceId) {
    loop {
        match seal(&app.store, lookup_scope(workspace), clock::own_circumstances(), SLICE).await {
            Ok(SealOutcome::Sealed { count, newest }) => {
                if let Some(newest) = newest {
                    app.journal_bell.ring(Rung { workspace, newest });
                }
                if i64::try_from(count).is_ok_and(|count| count < SLICE) {
                    return;
                }
            }
            // whoever seals there may not see what was committed this moment
            Ok(SealOutcome::Busy) => return app.store.note_written(workspace),
            Err(error) => {
                tracing::warn!(%workspace, %error, "events could not be sealed; it is tried again");
                return app.store.note_written(workspace);
            }
        }
    }
}
