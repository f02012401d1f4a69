//! Users of a workspace, their passwords and the links to set one.

use chrono::{DateTime, Utc};
use diesel::{BoolExpressionMethods, ExpressionMethods, OptionalExtension, QueryDsl, RunQueryDsl};
use kartoteka_domain::{
    access::RoleKey,
    assignment::Candidate,
    event::Event,
    id::{DepartmentId, UserId, WorkspaceId},
    list::Page,
    text,
    user::{ListUsers, User},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    entity::{Entity, Stored, json, revive},
    fragment,
    schema::{member, password_link},
    store::{Reading, StoreError, WriteTx},
};

row! {
    MemberRow in member {
        email: String, name: String, sort_key: String, search_text: String, password_hash: Option<String>, role: String, department_id: Option<Uuid>,
        active: bool, absent_until: Option<DateTime<Utc>>, language: Option<String>, time_zone: Option<String>,
    }
}
keyed!(MemberRow { sort_key, created_at });

part! {
    LinkRow in password_link {
        workspace_id: Uuid, id: Uuid, user_id: Uuid, hash: Vec<u8>, expires_at: DateTime<Utc>, used_at: Option<DateTime<Utc>>, created_at: DateTime<Utc>,
    }
}

fn row(workspace: WorkspaceId, u: &User, password_hash: Option<String>) -> MemberRow {
    MemberRow {
        workspace_id: workspace.uuid(),
        id: u.id.uuid(),
        email: u.email.clone(),
        name: u.name.clone(),
        sort_key: text::sort_key(&u.name),
        search_text: text::fold(&format!("{} {}", u.name, u.email)),
        password_hash,
        role: u.role.word().to_owned(),
        department_id: u.department_id.map(|id| id.uuid()),
        active: u.active,
        absent_until: u.absent_until,
        language: u.language.clone(),
        time_zone: u.time_zone.clone(),
        version: u.version,
        created_at: u.created_at,
        updated_at: u.updated_at,
        created_by: json(&u.created_by),
        updated_by: json(&u.updated_by),
        archived_at: u.archived_at,
    }
}

fn record(row: MemberRow) -> Result<User, StoreError> {
    let columns = [
        ("email", json!(row.email)),
        ("name", json!(row.name)),
        ("role", json!(row.role)),
        ("department_id", json!(row.department_id)),
        ("active", json!(row.active)),
        ("absent_until", json!(row.absent_until)),
        ("language", json!(row.language)),
        ("time_zone", json!(row.time_zone)),
    ];
    let envelope = row.envelope();
    revive(Value::Null, envelope, columns)
}

impl Stored for User {
    type Params = ListUsers;

    fn find(tx: &mut dyn Reading, id: Uuid) -> Result<Option<Self>, StoreError> {
        let row: Option<MemberRow> = all!(tx, member).filter(member::id.eq(id)).first(tx.db().0).optional()?;
        row.map(record).transpose()
    }

    fn list(tx: &mut dyn Reading, params: &ListUsers) -> Result<Page<Self>, StoreError> {
        let request = kartoteka_domain::list::ListParameters::page(params);
        let build = || {
            let mut query = all!(tx, member);
            if let Some(archived) = fragment::archived(request.archived, "member.archived_at") {
                query = query.filter(archived);
            }
            narrow!(query, params; member.department_id in department_id);
            narrow!(query, words params; member.role in role);
            if let Some(active) = params.active {
                query = query.filter(member::active.eq(active));
            }
            if let Some(found) = params.q.as_deref().and_then(|q| fragment::search(&["member.search_text"], q)) {
                query = query.filter(found);
            }
            query
        };
        let mut rows = page!(tx, MemberRow, member, request, ["sort_key", "created_at"], build);
        let records = rows.take().into_iter().map(record).collect::<Result<_, _>>()?;
        Ok(rows.into_page(records))
    }

    fn insert(tx: &mut WriteTx<'_>, user: &Self, event: Event) -> Result<(), StoreError> {
        let recorded = tx.record(event)?;
        row(tx.workspace(), user, None).insert(tx.db().0, &recorded)?;
        Ok(())
    }

    fn update(tx: &mut WriteTx<'_>, before: &Self, after: &Self, event: Event) -> Result<(), StoreError> {
        let password = password_hash(tx, before.id)?;
        replace!(tx, row(tx.workspace(), after, password), before.version, event);
        Ok(())
    }
}

/// Several by id.
pub fn find_many(tx: &mut dyn Reading, ids: &[Uuid]) -> Result<Vec<User>, StoreError> {
    let rows: Vec<MemberRow> = all!(tx, member).filter(member::id.eq_any(ids.to_vec())).load(tx.db().0)?;
    rows.into_iter().map(record).collect()
}

/// The stored hash of a password.
pub fn password_hash(tx: &mut dyn Reading, user: UserId) -> Result<Option<String>, StoreError> {
    let hash: Option<Option<String>> = all!(tx, member).filter(member::id.eq(user)).select(member::password_hash).first(tx.db().0).optional()?;
    Ok(hash.flatten())
}

/// Sets a password's hash; the event says that it was set, never to what.
pub fn set_password(tx: &mut WriteTx<'_>, user: UserId, hash: &str, event: Event) -> Result<(), StoreError> {
    let workspace = tx.workspace();
    let recorded = tx.record(event)?;
    set_columns!(tx.db().0, &recorded, member, workspace, user, password_hash = Some(hash.to_owned()))?;
    Ok(())
}

/// People as an assignment sees them.
pub fn candidates(tx: &mut dyn Reading, ids: &[Uuid]) -> Result<Vec<Candidate>, StoreError> {
    let rows: Vec<(Uuid, bool, Option<DateTime<Utc>>)> =
        all!(tx, member).filter(member::id.eq_any(ids.to_vec())).select((member::id, member::active, member::absent_until)).load(tx.db().0)?;
    Ok(rows.into_iter().map(|(id, active, absent_until)| Candidate { id: id.into(), active, absent_until }).collect())
}

/// Ids of the users of some departments.
pub fn of_departments(tx: &mut dyn Reading, departments: &[DepartmentId]) -> Result<Vec<UserId>, StoreError> {
    let ids: Vec<Uuid> = departments.iter().map(|d| d.uuid()).collect();
    let rows: Vec<Uuid> = all!(tx, member).filter(member::department_id.eq_any(ids)).select(member::id).order(member::id).load(tx.db().0)?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// How many active administrators there are beside one.
pub fn other_administrators(tx: &mut dyn Reading, but: UserId) -> Result<i64, StoreError> {
    Ok(all!(tx, member)
        .filter(member::role.eq(RoleKey::Administrator.word()).and(member::active.eq(true)).and(member::id.ne(but)))
        .count()
        .get_result(tx.db().0)?)
}

/// Keeps a link to set a password; only its hash is stored.
pub fn insert_link(tx: &mut WriteTx<'_>, id: Uuid, user: UserId, hash: Vec<u8>, expires_at: DateTime<Utc>, event: Event) -> Result<(), StoreError> {
    let row = LinkRow { workspace_id: tx.workspace().uuid(), id, user_id: user.uuid(), hash, expires_at, used_at: None, created_at: tx.now() };
    let recorded = tx.record(event)?;
    row.insert(tx.db().0, &recorded)?;
    Ok(())
}

/// Uses a link up: whose it is, when its secret is right, it is not used and not expired.
pub fn use_link(tx: &mut WriteTx<'_>, id: Uuid, matches: impl Fn(&[u8]) -> bool) -> Result<Option<UserId>, StoreError> {
    let workspace = tx.workspace();
    let now = tx.now();
    let row: Option<LinkRow> =
        password_link::table.filter(password_link::workspace_id.eq(workspace)).filter(password_link::id.eq(id)).first(tx.db().0).optional()?;
    let Some(row) = row.filter(|row| row.used_at.is_none() && row.expires_at > now && matches(&row.hash)) else { return Ok(None) };
    let recorded = tx.unaudited("the password's event says it");
    let used = set_columns!(tx.db().0, &recorded, password_link, workspace, id, used_at = Some(now); where password_link::used_at.is_null())?;
    Ok((used == 1).then(|| row.user_id.into()))
}
