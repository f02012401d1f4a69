//! API keys over HTTP.

use kartoteka_domain::{
    api_key::{ApiKey, ListApiKeys, NewApiKey},
    event::Event,
    record::Record,
};
use kartoteka_persistence::{
    WriteTx, api_key as store,
    workspace::{self, DoorKind},
};

use crate::{
    answer::{Answer, Created, Done, Found},
    can::{Can, CanSecretly, CreateApiKeys, ToDelete, UpdateApiKeys},
    credential::{digest, secret, token},
    problem::Result,
    record,
    request::{At, IfMatch, Patch, Valid},
    role,
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
/// Its name, role and end; the secret stays.
#[utoipa::path(patch, path = "/v1/api-keys/{id}", tag = "api-keys")]
pub async fn update_api_key(can: Can<UpdateApiKeys>, at: At<ApiKey>, if_match: IfMatch, patch: Patch<NewApiKey>) -> Answer<Found<ApiKey>> {
    let app = can.app().clone();
    let answer = can
        .write(move |tx| {
            record::change(tx, at.0, &patch, &if_match, |tx, before: &ApiKey, after: &mut ApiKey| {
                role::check_grant(tx, &after.role, Some(&before.role))
            })
        })
        .await;
    app.credentials.invalidate_all();
    answer
}

/// Revoke an API key
///
/// It stops working at once and stays listed as archived.
#[utoipa::path(delete, path = "/v1/api-keys/{id}", tag = "api-keys")]
pub async fn archive_api_key(can: Can<ToDelete<UpdateApiKeys>>, at: At<ApiKey>, if_match: IfMatch) -> Answer<Done> {
    let app = can.app().clone();
    let answer = can
        .write(move |tx| {
            let key = record::archive::<ApiKey>(tx, at.0, &if_match)?;
            workspace::close_doors(tx, DoorKind::ApiKey, key.uuid())?;
            Ok(Done)
        })
        .await;
    app.credentials.invalidate_all();
    answer
}

/// Makes a key and opens its door.
pub fn create(tx: &mut WriteTx<'_>, input: &NewApiKey) -> Result<ApiKey> {
    let mut key: ApiKey = record::make(tx, input, None)?;
    role::check_grant(tx, &key.role, None)?;
    key.prefix = format!("kk_live_{}", key.uuid().simple());
    let secret = secret();
    store::insert_with_secret(tx, &key, digest(&secret), Event::created(&key))?;
    workspace::open_door(tx, DoorKind::ApiKey, key.uuid().as_bytes().to_vec(), key.uuid())?;
    key.secret = Some(token("kk_live", key.uuid(), &secret));
    Ok(key)
}
