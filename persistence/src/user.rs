//! Users of a workspace, their passwords and the links to set one.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
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
    db::{At, Doc, Uid},
    entity::{Entity, Stored, revive},
    fragment,
    schema::{department, member, password_link},
    store::{Reading, StoreError, WriteTx},
};

row! {
    MemberRow in member {
        email: String, name: String, sort_key: String, search_text: String, #[diesel(skip_update)] password_hash: Option<String>, role: String, department_id: Option<Uid>,
        active: bool, absent_until: Option<At>, language: Option<String>, time_zone: Option<String>,
    }
}
keyed!(MemberRow { sort_key, created_at });

part! {
    LinkRow in password_link {
        workspace_id: Uid, id: Uid, user_id: Uid, hash: Vec<u8>, expires_at: At, used_at: Option<At>, created_at: At,
    }
}

fn row(workspace: WorkspaceId, u: &User, password_hash: Option<String>) -> MemberRow {
    stamped! { MemberRow of u, in workspace.into();
    email: u.email.clone(),
    name: u.name.clone(),
    sort_key: text::sort_key(&u.name),
    search_text: text::fold(&format!("{} {}", u.name, u.email)),
    password_hash: password_hash,
    role: u.role.clone(),
    department_id: u.department_id.map(Uid::from),
    active: u.active,
    absent_until: u.absent_until.map(At),
    language: u.language.clone(),
    time_zone: u.time_zone.clone(),    }
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
        ("invited_at", json!(row.password_hash.is_none().then_some(row.created_at))),
    ];
    let envelope = row.envelope();
    revive(Doc(Value::Null), envelope, columns)
}

impl Stored for User {
    type Params = ListUsers;

    fn find(tx: &mut dyn Reading, id: Uuid) -> Result<Option<Self>, StoreError> {
        let row: Option<MemberRow> = all!(tx, member).filter(member::id.eq(Uid::from(id))).first(tx.db().0).optional()?;
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
            narrow!(query, texts params; member.role in role);
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
        replace!(tx, row(tx.workspace(), after, None), before.version, event);
        Ok(())
    }
}

/// Several by id.
pub fn find_many(tx: &mut dyn Reading, ids: &[Uuid]) -> Result<Vec<User>, StoreError> {
    let rows: Vec<MemberRow> = all!(tx, member).filter(fragment::one_of("member.id", ids.iter().copied())).load(tx.db().0)?;
    rows.into_iter().map(record).collect()
}

/// The stored hash of a password.
pub fn password_hash(tx: &mut dyn Reading, user: UserId) -> Result<Option<String>, StoreError> {
    let hash: Option<Option<String>> =
        all!(tx, member).filter(member::id.eq(Uid::from(user))).select(member::password_hash).first(tx.db().0).optional()?;
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
    let rows: Vec<(Uid, bool, Option<At>)> = all!(tx, member)
        .filter(fragment::one_of("member.id", ids.iter().copied()))
        .select((member::id, member::active, member::absent_until))
        .load(tx.db().0)?;
    Ok(rows
        .into_iter()
        .map(|(id, active, absent_until)| Candidate { id: id.into(), active, absent_until: absent_until.map(|at| at.0) })
        .collect())
}

/// The administrator to turn to when nobody else is there: who works here and is not away, the first who came; else whoever works here.
pub fn administrator_on_duty(tx: &mut dyn Reading) -> Result<Option<UserId>, StoreError> {
    let found: Option<Uid> = all!(tx, member)
        .filter(member::role.eq(RoleKey::Administrator.word()).and(member::active.eq(true)))
        .select(member::id)
        .order((member::absent_until.is_not_null(), member::created_at, member::id))
        .first(tx.db().0)
        .optional()?;
    Ok(found.map(Into::into))
}

/// Whoever works here and is not away, with the key of his role, at most 500.
pub fn at_work(tx: &mut WriteTx<'_>) -> Result<Vec<(UserId, String)>, StoreError> {
    let now = tx.now();
    let rows: Vec<(Uid, String)> = all!(tx, member)
        .filter(member::active.eq(true))
        .filter(member::absent_until.is_null().or(member::absent_until.le(At(now))))
        .select((member::id, member::role))
        .order((member::created_at, member::id))
        .limit(500)
        .load(tx.db().0)?;
    Ok(rows.into_iter().map(|(id, role)| (id.into(), role)).collect())
}

/// Somebody, or the administrator to turn to when there is nobody.
pub fn or_on_duty(tx: &mut dyn Reading, user: Option<UserId>) -> Result<Option<UserId>, StoreError> {
    match user {
        Some(user) => Ok(Some(user)),
        None => administrator_on_duty(tx),
    }
}

/// Who heads somebody: the head of his department, or of the next one above that has another head who works here.
pub fn head_of(tx: &mut dyn Reading, user: UserId) -> Result<Option<UserId>, StoreError> {
    let mut at: Option<Uid> =
        all!(tx, member).filter(member::id.eq(Uid::from(user))).select(member::department_id).first(tx.db().0).optional()?.flatten();
    let mut met = Vec::new();
    while let Some(id) = at.filter(|id| !met.contains(id) && met.len() < 100) {
        met.push(id);
        let Some((parent, head)): Option<(Option<Uid>, Option<Uid>)> = all!(tx, department)
            .filter(department::id.eq(id))
            .select((department::parent_id, department::head_id))
            .first(tx.db().0)
            .optional()?
        else {
            break;
        };
        if let Some(head) = head.filter(|head| *head != Uid::from(user)) {
            let active: Option<bool> = all!(tx, member).filter(member::id.eq(head)).select(member::active).first(tx.db().0).optional()?;
            if active == Some(true) {
                return Ok(Some(head.into()));
            }
        }
        at = parent;
    }
    Ok(None)
}

/// Ids of the users of some departments.
pub fn of_departments(tx: &mut dyn Reading, departments: &[DepartmentId]) -> Result<Vec<UserId>, StoreError> {
    let inside = fragment::one_of("member.department_id", departments.iter().map(|d| d.uuid()));
    let rows: Vec<Uid> = all!(tx, member).filter(inside).select(member::id).order(member::id).load(tx.db().0)?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// How many active administrators there are beside one.
pub fn other_administrators(tx: &mut dyn Reading, but: UserId) -> Result<i64, StoreError> {
    Ok(all!(tx, member)
        .filter(member::role.eq(RoleKey::Administrator.word()).and(member::active.eq(true)).and(member::id.ne(Uid::from(but))))
        .count()
        .get_result(tx.db().0)?)
}

/// Keeps a link to set a password; only its hash is stored.
pub fn insert_link(
    tx: &mut WriteTx<'_>,
    id: Uuid,
    user: UserId,
    hash: Vec<u8>,
    expires_at: DateTime<Utc>,
    event: Event,
) -> Result<(), StoreError> {
    let row = LinkRow {
        workspace_id: tx.workspace().into(),
        id: Uid(id),
        user_id: user.into(),
        hash,
        expires_at: At(expires_at),
        used_at: None,
        created_at: At(tx.now()),
    };
    let recorded = tx.record(event)?;
    row.insert(tx.db().0, &recorded)?;
    Ok(())
}

/// Whose a link is, when its secret is right, it is not used and not expired.
pub fn link(tx: &mut dyn Reading, id: Uuid, now: DateTime<Utc>, matches: impl Fn(&[u8]) -> bool) -> Result<Option<User>, StoreError> {
    let row: Option<LinkRow> = password_link::table
        .filter(password_link::workspace_id.eq(Uid::from(tx.workspace())))
        .filter(password_link::id.eq(Uid::from(id)))
        .first(tx.db().0)
        .optional()?;
    let Some(row) = row.filter(|row| row.used_at.is_none() && row.expires_at.0 > now && matches(&row.hash)) else { return Ok(None) };
    Ok(User::find(tx, row.user_id.0)?.filter(|user| user.active))
}

/// Whether a link was made for a person since a time, and can be used still.
pub fn has_link_since(tx: &mut dyn Reading, user: UserId, since: DateTime<Utc>) -> Result<bool, StoreError> {
    let found: Option<Uid> = all!(tx, password_link)
        .filter(password_link::user_id.eq(Uid::from(user)))
        .filter(password_link::used_at.is_null())
        .filter(password_link::created_at.gt(At(since)))
        .select(password_link::id)
        .first(tx.db().0)
        .optional()?;
    Ok(found.is_some())
}

/// Ends every pending link of a person.
#[expect(clippy::disallowed_methods, reason = "what makes links end is audited by the caller")]
pub fn end_links(tx: &mut WriteTx<'_>, user: UserId) -> Result<(), StoreError> {
    let now = tx.now();
    diesel::update(
        password_link::table
            .filter(password_link::workspace_id.eq(Uid::from(tx.workspace())))
            .filter(password_link::user_id.eq(Uid::from(user)))
            .filter(password_link::used_at.is_null()),
    )
    .set(password_link::used_at.eq(Some(At(now))))
    .execute(tx.db().0)?;
    Ok(())
}

/// Replaces a password's hash by one of the same password.
pub fn rehash_password(tx: &mut WriteTx<'_>, user: UserId, hash: &str) -> Result<(), StoreError> {
    let workspace = tx.workspace();
    let recorded = tx.unaudited("the password stays the same");
    set_columns!(tx.db().0, &recorded, member, workspace, user, password_hash = Some(hash.to_owned()))?;
    Ok(())
}

/// Uses a link up; `None` when it cannot be used (any more).
pub fn use_link(tx: &mut WriteTx<'_>, id: Uuid, matches: impl Fn(&[u8]) -> bool) -> Result<Option<User>, StoreError> {
    let (workspace, now) = (tx.workspace(), tx.now());
    let Some(user) = link(tx, id, now, matches)? else { return Ok(None) };
    let recorded = tx.unaudited("the password's event says it");
    let used =
        set_columns!(tx.db().0, &recorded, password_link, workspace, id, used_at = Some(At(now)); where password_link::used_at.is_null())?;
    Ok((used == 1).then_some(user))
}
