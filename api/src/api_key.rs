//! API keys over HTTP.

use kartoteka_domain::{
    api_key::{ApiKey, KeyRotation, ListApiKeys, NewApiKey},
    event::{Action, Event},
    invalid::FieldErrors,
    record::Record,
};
use kartoteka_persistence::{
    WriteTx, api_key as store,
    workspace::{self, DoorKind},
};

use uuid::Uuid;
use validator::Validate;

use crate::{
    answer::{Answer, Created, Done, Found},
    can::{Can, CanSecretly, CreateApiKeys, ToDelete, UpdateApiKeys},
    credential::{digest, secret, token},
    problem::{Problem, ProblemCode, Result},
    record,
    request::{At, IfMatch, Patch, Valid},
    role,
    session::Conflicting,
};

crud_read! { ApiKey, ListApiKeys; "api-keys", "/v1/api-keys", "/v1/api-keys/{id}";
list list_api_keys "List API keys", get get_api_key "Get an API key", read ReadApiKeys }

/// Create an API key
///
/// The secret is in this answer and nowhere else.
#[utoipa::path(post, path = "/v1/api-keys", tag = "api-keys")]
pub async fn create_api_key(can: CanSecretly<CreateApiKeys>, new: Valid<NewApiKey>) -> Answer<Created<ApiKey>> {
    can.write(move |tx| create(tx, &new).map(Created::new)).await
}

/// Change an API key
///
/// Its name, role, addresses and end; the secret stays.
#[utoipa::path(patch, path = "/v1/api-keys/{id}", tag = "api-keys")]
pub async fn update_api_key(can: Can<UpdateApiKeys>, at: At<ApiKey>, if_match: IfMatch, patch: Patch<NewApiKey>) -> Answer<Found<ApiKey>> {
    let (app, id) = (can.app().clone(), at.0);
    let answer = can
        .write(move |tx| {
            record::change(tx, id, &patch, &if_match, |tx, before: &ApiKey, after: &mut ApiKey| {
                role::check_change(tx, &before.role, &after.role)
            })
        })
        .await;
    app.credentials.revoke(id);
    answer
}

/// Revoke an API key
///
/// It stops working at once and stays listed as archived.
#[utoipa::path(delete, path = "/v1/api-keys/{id}", tag = "api-keys")]
pub async fn archive_api_key(can: Can<ToDelete<UpdateApiKeys>>, at: At<ApiKey>, if_match: IfMatch) -> Answer<Done> {
    let (app, id) = (can.app().clone(), at.0);
    let answer = can
        .write(move |tx| {
            let key: ApiKey = record::get_to_change(tx, id)?;
            role::check_over(tx, &key.role)?;
            // its door stays, and leads to nothing: whoever still knocks is written down
            record::archive::<ApiKey>(tx, id, &if_match)?;
            Ok(Done)
        })
        .await;
    app.credentials.revoke(id);
    answer
}

/// Rotate an API key
///
/// Gives it another secret, told in this answer and nowhere else. The one before works for `overlap_seconds` more, up to seven days;
/// one from before that stops at once.
#[utoipa::path(post, path = "/v1/api-keys/{id}/rotate", tag = "api-keys")]
pub async fn rotate_api_key(
    can: CanSecretly<UpdateApiKeys>,
    at: At<ApiKey>,
    if_match: IfMatch,
    rotation: Valid<KeyRotation>,
) -> Answer<Conflicting<Found<ApiKey>>> {
    let (app, id) = (can.app().clone(), at.0);
    let answer = can.write(move |tx| rotate(tx, id, &if_match, &rotation).map(|key| Conflicting(Found(key)))).await;
    app.credentials.revoke(id);
    answer
}

fn rotate(tx: &mut WriteTx<'_>, id: Uuid, if_match: &IfMatch, rotation: &KeyRotation) -> Result<ApiKey> {
    let before: ApiKey = record::get_to_change(tx, id)?;
    record::check_version(tx, &before, if_match)?;
    // the new secret is all of the key's rights
    role::check_over(tx, &before.role)?;
    let mut errors = FieldErrors::default();
    errors.absorb(rotation.validate());
    errors.finish()?;
    if before.archived_at.is_some() {
        return Err(Problem::new(ProblemCode::Archived));
    }
    let overlap = rotation.overlap_seconds.unwrap_or_default();
    let secret = secret();
    store::rotate(tx, id, digest(&secret))?;
    let mut after = before.clone();
    after.previous_until = Some(tx.now() + chrono::Duration::seconds(overlap));
    let mut key = record::store_change(tx, &before, after, Action::KeyRotated)?;
    key.secret = Some(token("kk_live", id, &secret));
    Ok(key)
}

/// Makes a key and opens its door.
pub fn create(tx: &mut WriteTx<'_>, input: &NewApiKey) -> Result<ApiKey> {
    let mut key: ApiKey = record::make(tx, input, None)?;
    role::check_grant(tx, &key.role)?;
    key.prefix = format!("kk_live_{}", key.uuid().simple());
    let secret = secret();
    store::insert_with_secret(tx, &key, digest(&secret), Event::created(&key))?;
    workspace::open_door(tx, DoorKind::ApiKey, key.uuid().as_bytes().to_vec(), key.uuid())?;
    key.secret = Some(token("kk_live", key.uuid(), &secret));
    Ok(key)
}
