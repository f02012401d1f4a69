//! What looks like an attack is written down where its victim can read it: in the workspace it names. Once a minute for each
//! target and reason, so that a flood of made-up tokens does not become a flood of rows.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use actix_web::HttpRequest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use kartoteka_domain::{
    access::{RecordType, Scope},
    event::{Action, Event},
    id::WorkspaceId,
};
use kartoteka_persistence::workspace;
use uuid::Uuid;

use super::{Known, lookup_scope};
use crate::{app::App, can::circumstances, problem::Result};

/// What was written down within the last minute; looked at by one at a time, since of many at the same moment exactly one is the first.
pub type Noted = Mutex<moka::sync::Cache<(Action, Uuid, &'static str), ()>>;

/// Nothing yet.
pub fn noted() -> Noted {
    Mutex::new(moka::sync::Cache::builder().max_capacity(10_000).time_to_live(Duration::from_mins(1)).build())
}

/// Whether this is the first of its kind within the minute, however many arrive at once.
fn first(app: &App, action: Action, target: Uuid, why: &'static str) -> bool {
    let noted = app.attacks.lock().unwrap_or_else(PoisonError::into_inner);
    noted.entry((action, target, why)).or_insert(()).is_fresh()
}

async fn note(app: &App, req: &HttpRequest, scope: Scope, event: Event) {
    let written: Result<()> = app
        .store
        .write(scope, circumstances(req), move |tx| {
            tx.record(event.clone())?;
            Ok(())
        })
        .await;
    if let Err(problem) = written {
        tracing::warn!(%problem, "an attack was not recorded");
    }
}

/// A token that names a workspace of ours and that this server did not sign.
pub async fn forged_token(app: &App, req: &HttpRequest, token: &str) {
    let claims = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let claims: Option<serde_json::Value> = claims.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let id = |name: &str| claims.as_ref().and_then(|c| c.get(name)?.as_str()).and_then(|text| Uuid::try_parse(text).ok());
    let Some(named) = id("ws") else { return };
    if !first(app, Action::ForgeryRefused, named, "")
        || !workspace::briefs(&app.store, vec![named]).await.is_ok_and(|found| !found.is_empty())
    {
        return;
    }
    let event = Event::bare(RecordType::Session, id("sid").unwrap_or(named), Action::ForgeryRefused)
        .because("an access token that this server did not sign");
    note(app, req, lookup_scope(WorkspaceId::new(named)), event).await;
}

/// A key from an address that is not on its list.
pub async fn foreign_address(app: &App, req: &HttpRequest, known: &Known) {
    let Some(key) = known.actor.who().id else { return };
    if !first(app, Action::AddressRefused, key, "") {
        return;
    }
    let event = Event::bare(RecordType::ApiKey, key, Action::AddressRefused);
    note(app, req, lookup_scope(known.actor.workspace()), event).await;
}

/// A key of ours that does not open: with another secret, ended or revoked.
pub async fn refused_key(app: &App, req: &HttpRequest, workspace: WorkspaceId, key: Uuid, why: &'static str) {
    if !first(app, Action::KeyRefused, key, why) {
        return;
    }
    note(app, req, lookup_scope(workspace), Event::bare(RecordType::ApiKey, key, Action::KeyRefused).because(why)).await;
}
