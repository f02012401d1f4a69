//! Endpoints for machines that run the server: health, readiness, metrics, the document itself.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, Responder, body::BoxBody, web};
use chrono::{DateTime, Utc};
use kartoteka_domain::notification::watch::Watched;
use kartoteka_persistence::workspace::{self, DueWork};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    answer::{Answer, Plain, Reply},
    app::{DOCUMENT_JSON, DOCUMENT_YAML},
    clock, escalation,
    problem::{Problem, ProblemCode, Result},
    router::Described,
    session::{Anybody, Caller},
    spec::Shape,
    submission, webhook,
};

/// How long the metrics wait for the database.
const DATABASE_PATIENCE: Duration = Duration::from_millis(500);

/// Kinds of work that wait for their time, beside what is watched.
const WORK: [&str; 5] = [submission::worker::KIND, escalation::KIND, webhook::worker::KIND, "deliver_email", "deliver_telegram"];

/// How the server is.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Health {
    /// `ok` or `ready`.
    pub status: String,
}

/// Check the process
///
/// Answers as long as the process lives.
#[utoipa::path(get, path = "/healthz", tag = "service")]
pub async fn check_health(_anybody: Anybody) -> Answer<Plain<Health>> {
    Reply::of(&Plain(Health { status: "ok".into() }))
}

/// Check readiness
///
/// Answers 503 when the database cannot be reached, is not migrated, or the server is stopping.
#[utoipa::path(get, path = "/readyz", tag = "service")]
pub async fn check_readiness(anybody: Caller) -> Answer<Plain<Health>> {
    let overloaded = || Problem::new(ProblemCode::Overloaded);
    if anybody.0.stopping() {
        return Err(overloaded());
    }
    workspace::ping(&anybody.0.store).await.map_err(|_| overloaded())?;
    Reply::of(&Plain(Health { status: "ready".into() }))
}

macro_rules! text_answer {
    ($(#[$meta:meta])* $name:ident, $kind:literal, $schema:expr) => {
        $(#[$meta])*
        pub struct $name(pub String);
        impl Responder for $name {
            type Body = BoxBody;
            fn respond_to(self, _: &HttpRequest) -> HttpResponse {
                HttpResponse::Ok().content_type($kind).body(self.0)
            }
        }
        impl Described for Result<$name> {
            fn describe(shape: &mut Shape) {
                shape.text(200, "The text.", $kind, &$schema);
            }
        }
    };
}
text_answer!(
    /// Prometheus' text format.
    MetricsText, "text/plain", serde_json::json!({"type": "string"})
);
text_answer!(
    /// The document as JSON.
    SpecJson, "application/json", serde_json::json!({"$ref": "#/components/schemas/OpenApiDocument"})
);
text_answer!(
    /// The document as YAML.
    SpecYaml, "application/yaml", serde_json::json!({"$ref": "#/components/schemas/OpenApiDocument"})
);

/// Get the metrics
///
/// In Prometheus' text format: requests by route pattern, queues, what is due and how late it is, what was sent.
#[utoipa::path(get, path = "/metrics", tag = "service")]
pub async fn get_metrics(anybody: Anybody) -> Result<MetricsText> {
    let (app, now) = (&anybody.0, clock::now());
    // a database that does not answer is no reason to hide what is known of it
    match tokio::time::timeout(DATABASE_PATIENCE, workspace::due_work(&app.store, now)).await {
        Ok(Ok(due)) => tell_due(&due, now),
        Ok(Err(error)) => tracing::debug!(%error, "what is due is not among the metrics"),
        Err(_) => {}
    }
    Ok(MetricsText(app.render_metrics()))
}

/// How much is due of each kind of work, and for how long the first of it waits.
fn tell_due(due: &[DueWork], now: DateTime<Utc>) {
    let others = Watched::ALL.iter().map(|kind| kind.word());
    for kind in WORK.iter().copied().chain(others) {
        let found = due.iter().find(|work| work.kind == kind);
        let (count, late) = found.map_or((0, 0.0), |work| (work.count, (now - work.since).as_seconds_f64().max(0.0)));
        metrics::gauge!("work_due", "kind" => kind).set(f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
        metrics::gauge!("work_lag_seconds", "kind" => kind).set(late);
    }
}

/// Get this document as JSON
///
/// The same as the committed `openapi.yaml`.
#[utoipa::path(get, path = "/openapi.json", tag = "service")]
pub async fn get_openapi_json(_anybody: Anybody) -> Result<SpecJson> {
    Ok(SpecJson(web::block(|| DOCUMENT_JSON.clone()).await.map_err(Problem::internal)?))
}

/// Get this document as YAML
///
/// The same as the committed `openapi.yaml`.
#[utoipa::path(get, path = "/openapi.yaml", tag = "service")]
pub async fn get_openapi_yaml(_anybody: Anybody) -> Result<SpecYaml> {
    Ok(SpecYaml(web::block(|| DOCUMENT_YAML.clone()).await.map_err(Problem::internal)?))
}
