//! The workspace's settings over HTTP.

use kartoteka_domain::{
    event::Event,
    record::{Made, Making, Record},
    workspace::{NewWorkspace, Workspace},
};
use kartoteka_persistence::{WriteTx, reference, workspace as store};
use validator::Validate;

use crate::{
    answer::{Answer, Found},
    can::{Can, ReadWorkspace, UpdateWorkspace},
    clock, escalation,
    problem::{Problem, Result},
    record,
    request::{IfMatch, Patch},
};

/// Get the workspace
///
/// Its settings and policies.
#[utoipa::path(get, path = "/v1/workspace", tag = "workspace")]
pub async fn get_workspace(can: Can<ReadWorkspace>) -> Answer<Found<Workspace>> {
    can.read(move |tx| Ok(Found(Workspace::clone(&*store::current(tx)?)))).await
}

/// Change the workspace
///
/// Settings, policies of the guarantees, origins that may call from a browser.
#[utoipa::path(patch, path = "/v1/workspace", tag = "workspace")]
pub async fn update_workspace(can: Can<UpdateWorkspace>, if_match: IfMatch, patch: Patch<NewWorkspace>) -> Answer<Found<Workspace>> {
    let app = can.app().clone();
    let answer = can.write(move |tx| update(tx, &patch, &if_match)).await;
    app.refresh_origins().await;
    // a second factor may be demanded now
    app.credentials.invalidate_all();
    answer
}

fn update(tx: &mut WriteTx<'_>, patch: &Patch<NewWorkspace>, if_match: &IfMatch) -> Result<Found<Workspace>> {
    let before = Workspace::clone(&*store::current(tx)?);
    record::check_version(tx, &before, if_match)?;
    let input = patch.applied_to(&before.input())?;
    let mut errors = kartoteka_domain::invalid::FieldErrors::default();
    errors.absorb(input.validate());
    let birth = tx.birth();
    let making = Making { birth: &birth, workspace: None, fresh_id: &clock::fresh_id, asker: None };
    let made = Workspace::make(&input, Some(&before), &making);
    if let Err(found) = &made {
        errors.0.extend(found.0.iter().filter(|f| !errors.0.iter().any(|e| e.pointer == f.pointer)).cloned().collect::<Vec<_>>());
    }
    if let Ok(made) = &made {
        reference::check(tx, &made.references(), &before.references(), &mut errors)?;
    }
    errors.finish()?;
    let mut after = made.map_err(Problem::from)?;
    if kartoteka_domain::record::difference(Some(&before), &after).is_empty() {
        return Ok(Found(before));
    }
    after.stamp(&birth.by, birth.at);
    store::update(tx, &before, &after, Event::updated(&before, &after))?;
    if before.untouched_leads != after.untouched_leads && after.untouched_leads.is_on() {
        escalation::settings_changed(tx)?;
    }
    Ok(Found(after))
}
