//! Workspaces and the other tables that belong to no tenant: doors, wake-ups, signing keys. The only module that
//! reaches across workspaces.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex},
};

use chrono::{DateTime, Utc};
use diesel::{
    dsl::{count_star, sql},
    prelude::*,
    sql_types::Nullable,
};
use kartoteka_domain::{
    escalation::UntouchedLeads,
    event::Event,
    id::WorkspaceId,
    notification::watch::Look,
    task::no_answer::RepeatContact,
    telephony::settings::TelephonySettings,
    user::WorkspaceBrief,
    workspace::{Policies, SILENT_AFTER_DAYS, Workspace, calendar::WorkingCalendar},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    db::{At, Db, Doc, Guid, Instant, MultiBackend, Uid, uids},
    entity::{json, map, pack},
    schema::{door, signing_key, wakeup, workspace},
    store::{Reading, Recorded, Store, StoreError, WriteTx},
};

#[derive(Debug, Clone, diesel::Queryable, diesel::Insertable, diesel::AsChangeset)]
#[diesel(table_name = workspace, treat_none_as_null = true, treat_none_as_default_value = false)]
struct WorkspaceRow {
    id: Uid,
    slug: String,
    name: String,
    settings: Doc,
    version: i64,
    created_at: At,
    updated_at: At,
    created_by: Doc,
    updated_by: Doc,
    archived_at: Option<At>,
}

part! { DoorRow in door { id: Uid, kind: String, hash: Vec<u8>, workspace_id: Uid, target: Uid } }
part! { WakeupRow in wakeup { id: Uid, workspace_id: Uid, kind: String, due_at: At } }
part! { KeyRow in signing_key { id: Uid, algorithm: String, sealed: Vec<u8>, created_at: At } }

fn row(w: &Workspace) -> Result<WorkspaceRow, StoreError> {
    Ok(WorkspaceRow {
        id: w.id.into(),
        slug: w.slug.clone(),
        name: w.name.clone(),
        settings: pack(w, &["slug", "name"])?,
        version: w.version,
        created_at: At(w.created_at),
        updated_at: At(w.updated_at),
        created_by: json(&w.created_by),
        updated_by: json(&w.updated_by),
        archived_at: w.archived_at.map(At),
    })
}

fn record(row: WorkspaceRow) -> Result<Workspace, StoreError> {
    // settings that a newer version added are absent in older rows
    let mut settings = map([
        ("policies", json(Policies::default()).0),
        ("working_calendar", json(WorkingCalendar::default()).0),
        ("repeat_contact", json(RepeatContact::default()).0),
        ("silent_after_days", json!(SILENT_AFTER_DAYS)),
        ("event_retention_days", json!(kartoteka_domain::journal::KEPT_DAYS)),
        ("contact_types", json!([])),
        ("cors_origins", json!([])),
        ("meeting_radius_m", json!(kartoteka_domain::communication::meeting::USUAL_RADIUS)),
        ("untouched_leads", json(UntouchedLeads::default()).0),
        ("telephony", json(TelephonySettings::default()).0),
        ("languages", json!(["en"])),
        ("country", json!("RU")),
        ("time_zone", json!("UTC")),
        ("currency", json!("EUR")),
    ]);
    if let Value::Object(stored) = row.settings.0 {
        settings.extend(stored);
    }
    settings.extend(map([
        ("id", json!(row.id)),
        ("slug", json!(row.slug)),
        ("name", json!(row.name)),
        ("version", json!(row.version)),
        ("created_at", json!(row.created_at)),
        ("updated_at", json!(row.updated_at)),
        ("created_by", row.created_by.0),
        ("updated_by", row.updated_by.0),
        ("archived_at", json!(row.archived_at)),
    ]));
    serde_json::from_value(Value::Object(settings)).map_err(|e| StoreError::Internal(format!("a stored workspace cannot be read: {e}")))
}

/// Workspaces as they were read last. Nearly every request needs the settings, which nearly never change: the row is asked only
/// whether they did.
static KNOWN: LazyLock<Mutex<HashMap<WorkspaceId, Arc<Workspace>>>> = LazyLock::new(Mutex::default);

/// How many workspaces are remembered.
const MOST_KNOWN: usize = 1000;

/// The workspace of this scope.
pub fn current(tx: &mut dyn Reading) -> Result<Arc<Workspace>, StoreError> {
    let id = tx.workspace();
    let (version, updated_at): (i64, At) =
        workspace::table.filter(workspace::id.eq(Uid::from(id))).select((workspace::version, workspace::updated_at)).first(tx.db().0)?;
    let known = KNOWN.lock().ok().and_then(|known| known.get(&id).cloned());
    if let Some(known) = known.filter(|known| known.version == version && known.updated_at == updated_at.0) {
        return Ok(known);
    }
    let row: WorkspaceRow = workspace::table.filter(workspace::id.eq(Uid::from(id))).first(tx.db().0)?;
    let read = Arc::new(record(row)?);
    if let Ok(mut known) = KNOWN.lock() {
        if known.len() >= MOST_KNOWN {
            known.clear();
        }
        known.insert(id, Arc::clone(&read));
    }
    Ok(read)
}

/// Stores a new workspace; the scope must be that of the server in it.
#[expect(clippy::disallowed_methods, reason = "the tenant's own row")]
pub fn insert(tx: &mut WriteTx<'_>, new: &Workspace, event: Event) -> Result<(), StoreError> {
    // the row first: the audit's foreign key needs it
    diesel::insert_into(workspace::table).values(&row(new)?).execute(tx.db().0)?;
    tx.record(event)?;
    Ok(())
}

/// Stores the next state of the workspace.
#[expect(clippy::disallowed_methods, reason = "the tenant's own row")]
pub fn update(tx: &mut WriteTx<'_>, before: &Workspace, after: &Workspace, event: Event) -> Result<(), StoreError> {
    let _: Recorded = tx.record(event)?;
    let changed =
        diesel::update(workspace::table.filter(workspace::id.eq(Uid::from(tx.workspace()))).filter(workspace::version.eq(before.version)))
            .set(&row(after)?)
            .execute(tx.db().0)?;
    if changed == 0 { Err(StoreError::Stale) } else { Ok(()) }
}

/// Names of several workspaces.
pub async fn briefs(store: &Store, ids: Vec<Uuid>) -> Result<Vec<WorkspaceBrief>, StoreError> {
    store
        .read_global(move |db| {
            let rows: Vec<(Uid, String, String)> = workspace::table
                .filter(workspace::id.eq_any(uids(&ids)))
                .filter(workspace::archived_at.is_null())
                .select((workspace::id, workspace::slug, workspace::name))
                .order(workspace::slug)
                .load(db)?;
            Ok(rows.into_iter().map(|(id, slug, name)| WorkspaceBrief { id: id.into(), slug, name }).collect())
        })
        .await
}

/// Every origin some workspace lets its pages call from.
pub async fn all_cors_origins(store: &Store) -> Result<Vec<String>, StoreError> {
    store
        .read_global(|db| {
            let rows: Vec<Doc> = workspace::table.filter(workspace::archived_at.is_null()).select(workspace::settings).load(db)?;
            Ok(rows
                .iter()
                .filter_map(|settings| settings.0.get("cors_origins")?.as_array())
                .flatten()
                .filter_map(|origin| origin.as_str().map(ToOwned::to_owned))
                .collect())
        })
        .await
}

/// Whether there is any workspace yet.
pub fn is_empty_now(store: &Store) -> Result<bool, StoreError> {
    store.write_global_now(|db| {
        let first: Option<Uid> = workspace::table.select(workspace::id).first(db).optional()?;
        Ok(first.is_none())
    })
}

/// Whether the database answers and its tables are there.
pub async fn ping(store: &Store) -> Result<(), StoreError> {
    store
        .read_global(|db| {
            let _: Option<Uid> = workspace::table.select(workspace::id).first(db).optional()?;
            Ok(())
        })
        .await
}

/// Kinds of entrances that name no workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DoorKind {
    /// A person's e-mail at sign-in.
    SignIn,
    /// A session, for its refresh tokens.
    Session,
    /// An API key.
    ApiKey,
    /// A form's public key.
    Form,
    /// A link to set a password.
    PasswordLink,
    /// A link to a calendar.
    Calendar,
}

impl DoorKind {
    fn word(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::Session => "session",
            Self::ApiKey => "api_key",
            Self::Form => "form",
            Self::PasswordLink => "password_link",
            Self::Calendar => "calendar",
        }
    }
}

/// Where a door leads: the workspace and the record in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behind {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// The record.
    pub target: Uuid,
}

/// Where the doors of a hash lead, at most 20.
pub async fn doors(store: &Store, kind: DoorKind, hash: Vec<u8>) -> Result<Vec<Behind>, StoreError> {
    store
        .read_global(move |db| {
            let rows: Vec<(Uid, Uid)> = door::table
                .filter(door::kind.eq(kind.word()))
                .filter(door::hash.eq(&hash))
                .select((door::workspace_id, door::target))
                .order(door::id)
                .limit(20)
                .load(db)?;
            Ok(rows.into_iter().map(|(workspace, target)| Behind { workspace: workspace.into(), target: target.0 }).collect())
        })
        .await
}

/// Opens a door into this workspace.
pub fn open_door(tx: &mut WriteTx<'_>, kind: DoorKind, hash: Vec<u8>, target: Uuid) -> Result<(), StoreError> {
    let row =
        DoorRow { id: Uid(tx.fresh_id()), kind: kind.word().to_owned(), hash, workspace_id: tx.workspace().into(), target: Uid(target) };
    let recorded = tx.unaudited("the record behind the door is audited");
    row.insert(tx.db().0, &recorded)?;
    Ok(())
}

/// Closes every door of a kind to a record.
#[expect(clippy::disallowed_methods, reason = "the record behind the door is audited")]
pub fn close_doors(tx: &mut WriteTx<'_>, kind: DoorKind, target: Uuid) -> Result<(), StoreError> {
    diesel::delete(
        door::table
            .filter(door::kind.eq(kind.word()))
            .filter(door::workspace_id.eq(Uid::from(tx.workspace())))
            .filter(door::target.eq(Uid(target))),
    )
    .execute(tx.db().0)?;
    Ok(())
}

/// Work that waits for a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wakeup {
    /// Id of the wake-up; the id of the record to work on.
    pub id: Uuid,
    /// Its workspace.
    pub workspace: WorkspaceId,
    /// When it was due.
    pub due_at: DateTime<Utc>,
}

/// Asks a worker to take up a record at a time.
pub fn wake(tx: &mut WriteTx<'_>, kind: &str, record: Uuid, due_at: DateTime<Utc>) -> Result<(), StoreError> {
    let recorded = tx.unaudited("a reminder to the worker");
    settle(tx, record)?;
    let row = WakeupRow { id: Uid(record), workspace_id: tx.workspace().into(), kind: kind.to_owned(), due_at: At(due_at) };
    row.insert(tx.db().0, &recorded)?;
    Ok(())
}

/// Asks for a look at a record that just changed, or takes back that somebody was asked.
pub(crate) fn plan_look(tx: &mut WriteTx<'_>, record: Uuid, look: Look) -> Result<(), StoreError> {
    if look.known {
        settle(tx, record)?;
    }
    let Some(at) = look.at else { return Ok(()) };
    let recorded = tx.unaudited("a reminder to the worker");
    let row = WakeupRow { id: Uid(record), workspace_id: tx.workspace().into(), kind: look.as_what.word().to_owned(), due_at: At(at) };
    row.insert(tx.db().0, &recorded)?;
    Ok(())
}

/// The work is done.
#[expect(clippy::disallowed_methods, reason = "a reminder to the worker")]
pub fn settle(tx: &mut WriteTx<'_>, record: Uuid) -> Result<(), StoreError> {
    diesel::delete(wakeup::table.filter(wakeup::id.eq(Uid(record)))).execute(tx.db().0)?;
    Ok(())
}

/// What is due, the oldest first.
pub async fn due(store: &Store, kind: &'static str, now: DateTime<Utc>, most: i64) -> Result<Vec<Wakeup>, StoreError> {
    store
        .read_global(move |db| {
            let rows: Vec<(Uid, Uid, At)> = wakeup::table
                .filter(wakeup::due_at.le(At(now)))
                .filter(wakeup::kind.eq(kind))
                .order((wakeup::due_at, wakeup::id))
                .limit(most)
                .select((wakeup::id, wakeup::workspace_id, wakeup::due_at))
                .load(db)?;
            Ok(rows.into_iter().map(|(id, workspace, due_at)| Wakeup { id: id.0, workspace: workspace.into(), due_at: due_at.0 }).collect())
        })
        .await
}

/// How much of a kind is due, and since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueWork {
    /// The kind.
    pub kind: String,
    /// How many wake-ups.
    pub count: i64,
    /// When the first of them was due.
    pub since: DateTime<Utc>,
}

/// What is due of all workspaces, by kind.
pub async fn due_work(store: &Store, now: DateTime<Utc>) -> Result<Vec<DueWork>, StoreError> {
    store
        .read_global(move |db| {
            let rows: Vec<(String, i64, Option<At>)> = wakeup::table
                .group_by(wakeup::kind)
                .select((wakeup::kind, count_star(), sql::<Nullable<Instant>>("min(wakeup.due_at)")))
                .into_boxed::<MultiBackend>()
                .filter(wakeup::due_at.le(At(now)))
                .load(db)?;
            Ok(rows.into_iter().map(|(kind, count, since)| DueWork { kind, count, since: since.map_or(now, |at| at.0) }).collect())
        })
        .await
}

/// Whether a wake-up is still due as it was found: nobody else did the work or moved it meanwhile. On PostgreSQL it is held until the end
/// of the transaction.
pub fn is_still_due(tx: &mut WriteTx<'_>, found: Wakeup) -> Result<bool, StoreError> {
    if let Db::Postgres(c) = tx.db().0 {
        #[expect(clippy::disallowed_methods, reason = "a row lock")]
        diesel::sql_query("SELECT id FROM wakeup WHERE id = $1 FOR UPDATE").bind::<Guid, _>(Uid(found.id)).execute(c)?;
    }
    let due: Option<At> = wakeup::table.filter(wakeup::id.eq(Uid(found.id))).select(wakeup::due_at).first(tx.db().0).optional()?;
    Ok(due == Some(At(found.due_at)))
}

/// A signing key as it is kept: sealed with the installation's secret.
#[derive(Debug, Clone)]
pub struct SealedKey {
    /// Its id.
    pub id: Uuid,
    /// The sealed private key.
    pub sealed: Vec<u8>,
}

/// The signing keys, the newest first; makes one with `make` when there is none yet.
pub fn signing_keys_now(
    store: &Store,
    make: impl Fn() -> SealedKey + Send + 'static,
    now: DateTime<Utc>,
) -> Result<Vec<SealedKey>, StoreError> {
    store.write_global_now(move |db| {
        let load = |db: &mut Db| -> Result<Vec<SealedKey>, StoreError> {
            let rows: Vec<KeyRow> = signing_key::table.order(signing_key::created_at.desc()).load(db)?;
            Ok(rows.into_iter().map(|row| SealedKey { id: row.id.0, sealed: row.sealed }).collect())
        };
        let keys = load(db)?;
        if !keys.is_empty() {
            return Ok(keys);
        }
        let fresh = make();
        #[expect(clippy::disallowed_methods, reason = "a key of the installation, not of a tenant")]
        diesel::insert_into(signing_key::table)
            .values(&KeyRow { id: Uid(fresh.id), algorithm: "EdDSA".to_owned(), sealed: fresh.sealed, created_at: At(now) })
            .execute(db)?;
        load(db)
    })
}
