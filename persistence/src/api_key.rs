//! API keys.

use diesel::prelude::*;
use kartoteka_domain::{
    api_key::{ApiKey, ListApiKeys},
    event::Event,
    list::Page,
    text,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    db::{At, Doc, Uid},
    entity::{Entity, Stored, revive},
    fragment,
    schema::api_key,
    store::{Reading, StoreError, WriteTx},
};

row! {
    KeyRow in api_key {
        name: String, sort_key: String, search_text: String, role: String, #[diesel(skip_update)] secret_hash: Vec<u8>, expires_at: Option<At>, #[diesel(skip_update)] last_used_at: Option<At>,
        allowed_addresses: Doc, #[diesel(skip_update)] previous_hash: Option<Vec<u8>>, previous_until: Option<At>,
    }
}
keyed!(KeyRow { sort_key, created_at });

fn row(workspace: Uuid, k: &ApiKey, secret_hash: Vec<u8>) -> KeyRow {
    stamped! { KeyRow of k, in workspace.into();
    name: k.name.clone(),
    sort_key: text::sort_key(&k.name),
    search_text: text::fold(&k.name),
    role: k.role.clone(),
    secret_hash: secret_hash,
    expires_at: k.expires_at.map(At),
    last_used_at: k.last_used_at.map(At),
    allowed_addresses: Doc(json!(k.allowed_addresses)),
    previous_hash: None,
    previous_until: k.previous_until.map(At),    }
}

fn record(row: KeyRow) -> Result<ApiKey, StoreError> {
    let columns = [
        ("name", json!(row.name)),
        ("role", json!(row.role)),
        ("prefix", json!(format!("kk_live_{}", row.id.0.simple()))),
        ("secret", Value::Null),
        ("expires_at", json!(row.expires_at)),
        ("last_used_at", json!(row.last_used_at)),
        ("allowed_addresses", row.allowed_addresses.0.clone()),
        ("previous_until", json!(row.previous_until)),
    ];
    revive(Doc(Value::Null), row.envelope(), columns)
}

impl Stored for ApiKey {
    type Params = ListApiKeys;

    fn find(tx: &mut dyn Reading, id: Uuid) -> Result<Option<Self>, StoreError> {
        let row: Option<KeyRow> = all!(tx, api_key).filter(api_key::id.eq(Uid::from(id))).first(tx.db().0).optional()?;
        row.map(record).transpose()
    }

    fn list(tx: &mut dyn Reading, params: &ListApiKeys) -> Result<Page<Self>, StoreError> {
        let request = kartoteka_domain::list::ListParameters::page(params);
        let build = || {
            let mut query = all!(tx, api_key);
            if let Some(archived) = fragment::archived(request.archived, "api_key.archived_at") {
                query = query.filter(archived);
            }
            if let Some(found) = params.q.as_deref().and_then(|q| fragment::search(&["api_key.search_text"], q)) {
                query = query.filter(found);
            }
            query
        };
        let mut rows = page!(tx, KeyRow, api_key, request, ["sort_key", "created_at"], build);
        let records = rows.take().into_iter().map(record).collect::<Result<_, _>>()?;
        Ok(rows.into_page(records))
    }

    fn insert(tx: &mut WriteTx<'_>, key: &Self, event: Event) -> Result<(), StoreError> {
        insert_with_secret(tx, key, Vec::new(), event)
    }

    fn update(tx: &mut WriteTx<'_>, before: &Self, after: &Self, event: Event) -> Result<(), StoreError> {
        replace!(tx, row(tx.workspace().uuid(), after, Vec::new()), before.version, event);
        Ok(())
    }
}

/// Stores a new key with the hash of its secret.
pub fn insert_with_secret(tx: &mut WriteTx<'_>, key: &ApiKey, secret_hash: Vec<u8>, event: Event) -> Result<(), StoreError> {
    let recorded = tx.record(event)?;
    row(tx.workspace().uuid(), key, secret_hash).insert(tx.db().0, &recorded)?;
    Ok(())
}

/// Hashes of a key's secrets.
#[derive(Debug, Clone)]
pub struct SecretHashes {
    /// Of the one that works.
    pub present: Vec<u8>,
    /// Of the one before the last rotation.
    pub before: Option<Vec<u8>>,
}

/// Hashes of a key's secrets: the one that works, and the one before it, which works until the key's `previous_until`.
pub fn secret_hashes(tx: &mut dyn Reading, id: Uuid) -> Result<Option<SecretHashes>, StoreError> {
    let query = all!(tx, api_key).filter(api_key::id.eq(Uid::from(id))).select((api_key::secret_hash, api_key::previous_hash));
    let hashes: Option<(Vec<u8>, Option<Vec<u8>>)> = query.first(tx.db().0).optional()?;
    Ok(hashes.map(|(present, before)| SecretHashes { present, before }))
}

/// Gives a key another secret; the one it had becomes the one before.
pub fn rotate(tx: &mut WriteTx<'_>, id: Uuid, secret_hash: Vec<u8>) -> Result<(), StoreError> {
    let workspace = tx.workspace();
    let before = secret_hashes(tx, id)?.map(|hashes| hashes.present);
    let recorded = tx.unaudited("the key's own event says it");
    set_columns!(tx.db().0, &recorded, api_key, workspace, id, secret_hash = secret_hash, previous_hash = before)?;
    Ok(())
}

/// Notes the use of a key, once a minute at most.
pub fn touch(tx: &mut WriteTx<'_>, id: Uuid) -> Result<(), StoreError> {
    let (workspace, now) = (tx.workspace(), tx.now());
    let recorded = tx.unaudited("the clockwork of a key");
    set_columns!(tx.db().0, &recorded, api_key, workspace, id, last_used_at = Some(At(now));
        where api_key::last_used_at.is_null().or(api_key::last_used_at.lt(At(now - chrono::Duration::minutes(1)))))?;
    Ok(())
}
