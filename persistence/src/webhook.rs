//! Webhooks: the addresses that are told, their secrets, and how far each has been told.

pub mod delivery;
pub mod event;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use kartoteka_domain::{
    event::Event,
    id::{WebhookId, WorkspaceId},
    list::Page,
    text,
    webhook::{ListWebhooks, Webhook},
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    db::{At, Doc, Uid},
    entity::{Entity, Stored, pack, revive},
    fragment,
    schema::{wakeup, webhook},
    store::{Reading, Store, StoreError, WriteTx},
};

row! {
    HookRow in webhook {
        name: String, sort_key: String, search_text: String, role: String, active: bool, profile: Doc, #[diesel(skip_update)] sealed: Vec<u8>,
        #[diesel(skip_update)] previous_sealed: Option<Vec<u8>>, previous_until: Option<At>, #[diesel(skip_update)] read_until: i64,
        #[diesel(skip_update)] last_success_at: Option<At>, #[diesel(skip_update)] failing_since: Option<At>,
        #[diesel(skip_update)] last_error: Option<String>,
    }
}
keyed!(HookRow { sort_key, created_at });

const ELSEWHERE: &[&str] =
    &["name", "role", "active", "secret", "previous_until", "read_until", "last_success_at", "failing_since", "last_error"];

fn row(workspace: WorkspaceId, hook: &Webhook, sealed: Vec<u8>) -> Result<HookRow, StoreError> {
    Ok(stamped! { HookRow of hook, in workspace.into();
    name: hook.name.clone(),
    sort_key: text::sort_key(&hook.name),
    search_text: text::fold(&hook.name),
    role: hook.role.clone(),
    active: hook.active,
    profile: pack(hook, ELSEWHERE)?,
    sealed: sealed,
    previous_sealed: None,
    previous_until: hook.previous_until.map(At),
    read_until: hook.read_until,
    last_success_at: None,
    failing_since: None,
    last_error: None, })
}

fn record(row: HookRow) -> Result<Webhook, StoreError> {
    let columns = [
        ("name", json!(row.name)),
        ("role", json!(row.role)),
        ("active", json!(row.active)),
        ("secret", serde_json::Value::Null),
        ("previous_until", json!(row.previous_until)),
        ("read_until", json!(row.read_until)),
        ("last_success_at", json!(row.last_success_at)),
        ("failing_since", json!(row.failing_since)),
        ("last_error", json!(row.last_error)),
    ];
    let envelope = row.envelope();
    revive(row.profile, envelope, columns)
}

impl Stored for Webhook {
    type Params = ListWebhooks;

    fn find(tx: &mut dyn Reading, id: Uuid) -> Result<Option<Self>, StoreError> {
        let row: Option<HookRow> = all!(tx, webhook).filter(webhook::id.eq(Uid::from(id))).first(tx.db().0).optional()?;
        row.map(record).transpose()
    }

    fn list(tx: &mut dyn Reading, params: &ListWebhooks) -> Result<Page<Self>, StoreError> {
        let request = kartoteka_domain::list::ListParameters::page(params);
        let build = || {
            let mut query = all!(tx, webhook);
            if let Some(archived) = fragment::archived(request.archived, "webhook.archived_at") {
                query = query.filter(archived);
            }
            if let Some(active) = params.active {
                query = query.filter(webhook::active.eq(active));
            }
            if let Some(found) = params.q.as_deref().and_then(|q| fragment::search(&["webhook.search_text"], q)) {
                query = query.filter(found);
            }
            query
        };
        let mut rows = page!(tx, HookRow, webhook, request, ["sort_key", "created_at"], build);
        let records = rows.take().into_iter().map(record).collect::<Result<_, _>>()?;
        Ok(rows.into_page(records))
    }

    fn insert(tx: &mut WriteTx<'_>, new: &Self, event: Event) -> Result<(), StoreError> {
        insert_with_secret(tx, new, Vec::new(), event)
    }

    fn update(tx: &mut WriteTx<'_>, before: &Self, after: &Self, event: Event) -> Result<(), StoreError> {
        replace!(tx, row(tx.workspace(), after, Vec::new())?, before.version, event);
        Ok(())
    }
}

/// Stores a new one with its sealed secret.
pub fn insert_with_secret(tx: &mut WriteTx<'_>, new: &Webhook, sealed: Vec<u8>, event: Event) -> Result<(), StoreError> {
    let recorded = tx.record(event)?;
    row(tx.workspace(), new, sealed)?.insert(tx.db().0, &recorded)?;
    Ok(())
}

/// Sealed secrets: the present one, and the one before the last rotation.
pub type SealedSecrets = (Vec<u8>, Option<Vec<u8>>);

/// The secrets of a webhook.
pub fn secrets(tx: &mut dyn Reading, id: WebhookId) -> Result<Option<SealedSecrets>, StoreError> {
    let found: Option<SealedSecrets> = all!(tx, webhook)
        .filter(webhook::id.eq(Uid::from(id)))
        .select((webhook::sealed, webhook::previous_sealed))
        .first(tx.db().0)
        .optional()?;
    Ok(found)
}

/// Puts another secret in place; the one before stays beside it.
pub fn rotate(tx: &mut WriteTx<'_>, id: WebhookId, sealed: Vec<u8>) -> Result<(), StoreError> {
    let before = secrets(tx, id)?.map(|(present, _)| present);
    let workspace = tx.workspace();
    let recorded = tx.unaudited("the rotation is audited with the record");
    set_columns!(tx.db().0, &recorded, webhook, workspace, id, sealed = sealed, previous_sealed = before)?;
    Ok(())
}

/// How many webhooks a workspace may have in use.
pub const MOST: i64 = 100;

/// Those that are in use.
pub fn in_use(tx: &mut dyn Reading) -> Result<Vec<Webhook>, StoreError> {
    let rows: Vec<HookRow> =
        all!(tx, webhook).filter(webhook::archived_at.is_null()).order((webhook::created_at, webhook::id)).limit(MOST).load(tx.db().0)?;
    rows.into_iter().map(record).collect()
}

/// Keeps up to where the journal was looked through.
pub fn set_read_until(tx: &mut WriteTx<'_>, id: WebhookId, until: i64) -> Result<(), StoreError> {
    let workspace = tx.workspace();
    let recorded = tx.unaudited("the clockwork of a webhook");
    set_columns!(tx.db().0, &recorded, webhook, workspace, id, read_until = until)?;
    Ok(())
}

/// Keeps that something got through.
pub fn note_success(tx: &mut WriteTx<'_>, id: WebhookId, at: DateTime<Utc>) -> Result<(), StoreError> {
    let workspace = tx.workspace();
    let recorded = tx.unaudited("the clockwork of a webhook");
    set_columns!(tx.db().0, &recorded, webhook, workspace, id, last_success_at = Some(At(at)), failing_since = None::<At>)?;
    Ok(())
}

/// Keeps that something did not, since when nothing does and why.
pub fn note_failure(tx: &mut WriteTx<'_>, id: WebhookId, since: DateTime<Utc>, error: &str) -> Result<(), StoreError> {
    let workspace = tx.workspace();
    let recorded = tx.unaudited("the clockwork of a webhook");
    set_columns!(tx.db().0, &recorded, webhook, workspace, id, failing_since = Some(At(since)), last_error = Some(error.to_owned()))?;
    Ok(())
}

/// Beside the record in its document: until when the receiver asked to be left alone. A change of the record forgets it: the address may be another
/// one, or whoever resumes knows better.
const QUIET_UNTIL: &str = "quiet_until";

/// Until when the receiver of a webhook asked to be left alone; `None` where that time is over.
pub fn quiet_until(tx: &mut WriteTx<'_>, id: WebhookId) -> Result<Option<DateTime<Utc>>, StoreError> {
    let kept: Option<Doc> = all!(tx, webhook).filter(webhook::id.eq(Uid::from(id))).select(webhook::profile).first(tx.db().0).optional()?;
    let until: Option<DateTime<Utc>> = kept.and_then(|Doc(kept)| kept.get(QUIET_UNTIL)?.as_str()?.parse().ok());
    let now = tx.now();
    Ok(until.filter(|until| *until > now))
}

/// Keeps until when it asked.
pub fn set_quiet_until(tx: &mut WriteTx<'_>, id: WebhookId, until: DateTime<Utc>) -> Result<(), StoreError> {
    let kept: Option<Doc> = all!(tx, webhook).filter(webhook::id.eq(Uid::from(id))).select(webhook::profile).first(tx.db().0).optional()?;
    let Some(Doc(serde_json::Value::Object(mut profile))) = kept else { return Ok(()) };
    profile.insert(QUIET_UNTIL.to_owned(), json!(until));
    let workspace = tx.workspace();
    let recorded = tx.unaudited("the clockwork of a webhook");
    set_columns!(tx.db().0, &recorded, webhook, workspace, id, profile = Doc(serde_json::Value::Object(profile)))?;
    Ok(())
}

/// Workspaces with webhooks, by the wake-ups that each of these has.
pub async fn workspaces(store: &Store, kind: &'static str) -> Result<Vec<WorkspaceId>, StoreError> {
    store
        .read_global(move |db| {
            let rows: Vec<Uid> = wakeup::table.filter(wakeup::kind.eq(kind)).select(wakeup::workspace_id).distinct().load(db)?;
            Ok(rows.into_iter().map(Into::into).collect())
        })
        .await
}
