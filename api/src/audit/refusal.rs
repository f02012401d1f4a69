//! What somebody asked for and may not: noted beside the answer, never in its way, and so many a minute at most.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use actix_web::{HttpMessage, HttpRequest, web};
use kartoteka_domain::{
    access::{RecordType, Scope},
    event::{Action, Event},
    id::WorkspaceId,
};
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::{
    app::App,
    can::{Verified, circumstances},
    observe::Pattern,
    problem::{Problem, Result},
};

/// Refusals of one actor noted in a minute; the rest are counted in the metrics only.
const A_MINUTE: u32 = 20;

/// Refusals being written at a time.
const AT_A_TIME: usize = 32;

/// How often each actor was refused lately.
pub struct Refusals {
    lately: moka::sync::Cache<(WorkspaceId, Uuid), Arc<AtomicU32>>,
    turn: Arc<Semaphore>,
}

impl Default for Refusals {
    fn default() -> Self {
        Self {
            lately: moka::sync::Cache::builder().max_capacity(100_000).time_to_live(Duration::from_mins(1)).build(),
            turn: Arc::new(Semaphore::new(AT_A_TIME)),
        }
    }
}

impl Refusals {
    fn admits(&self, workspace: WorkspaceId, actor: Uuid) -> bool {
        let count = self.lately.get_with((workspace, actor), Arc::default);
        count.fetch_add(1, Ordering::Relaxed) < A_MINUTE
    }
}

/// Notes that a signed-in actor was refused; the answer is on its way already.
pub fn note(req: &HttpRequest, record: RecordType, problem: Option<&Problem>) {
    let Some(Verified(actor)) = req.extensions().get::<Verified>().cloned() else { return };
    let Some(app) = req.app_data::<web::Data<App>>().cloned() else { return };
    let admitted = app.refusals.admits(actor.workspace(), actor.who().id.unwrap_or_default());
    let turn = if admitted { Arc::clone(&app.refusals.turn).try_acquire_owned().ok() } else { None };
    let Some(turn) = turn else {
        metrics::counter!("audit_refusals_not_noted_total").increment(1);
        return;
    };
    let id = req.match_info().get("id").and_then(|id| Uuid::try_parse(id).ok()).unwrap_or_default();
    let pattern = req.extensions().get::<Pattern>().map(|p| p.0.to_string()).unwrap_or_default();
    let code = problem.map_or("forbidden", |problem| problem.code.word());
    let event = Event::bare(record, id, Action::Refused).because(format!("{code}: {} {pattern}", req.method()));
    let scope = Scope::of_the_server(actor.workspace(), actor.who().clone());
    let circumstances = circumstances(req);
    actix_web::rt::spawn(async move {
        let noted: Result<()> = app.store.write(scope, circumstances, move |tx| Ok(tx.note(&event)?)).await;
        if let Err(problem) = noted {
            tracing::warn!(%problem, "a refusal was not noted");
        }
        drop(turn);
    });
}
