//! Roles over HTTP: the matrix, the field rules, who may grant what.

use kartoteka_domain::{
    access::{Reach, RecordType, Right, Rights, RoleKey},
    event::{Action, Event},
    invalid::FieldCode,
    record::Record,
    role::{self, FieldRules, ListRoles, NewRole, Role},
};
use kartoteka_persistence::{Reading, Store, Stored, WriteTx, idempotency, pipeline, role as store};
use uuid::Uuid;

use crate::{
    answer::{Answer, Created, Done, Found},
    can::{Can, CreateRoles, ToDelete, UpdateRoles},
    clock, credential,
    problem::{Problem, ProblemCode, Result},
    record,
    request::{At, IfMatch, Patch, Valid},
    session::Conflicting,
    setup,
};

crud_read! { Role, ListRoles; "roles", "/v1/roles", "/v1/roles/{id}";
list list_roles "List roles", get get_role "Get a role", read ReadRoles }

/// Create a role
///
/// Nobody gives a role more than he has himself.
#[utoipa::path(post, path = "/v1/roles", tag = "roles")]
pub async fn create_role(can: Can<CreateRoles>, new: Valid<NewRole>) -> Answer<Created<Role>> {
    can.write(move |tx| {
        let role: Role = record::make(tx, &new.0, None)?;
        if store::by_key(tx, &role.key)?.is_some() {
            return Err(Problem::invalid("/key", FieldCode::AlreadyTaken));
        }
        check_cover(tx, &role.compiled())?;
        Role::insert(tx, &role, Event::created(&role))?;
        Ok(Created::new(role))
    })
    .await
}

/// Change a role
///
/// Holds for everybody who has it from the next request on. The administrator's rights cannot be changed.
#[utoipa::path(patch, path = "/v1/roles/{id}", tag = "roles")]
pub async fn update_role(can: Can<UpdateRoles>, at: At<Role>, if_match: IfMatch, patch: Patch<NewRole>) -> Answer<Found<Role>> {
    let app = can.app().clone();
    let answer =
        can.write(move |tx| record::change(tx, at.0, &patch, &if_match, |tx, before, after: &mut Role| check(tx, before, after))).await;
    app.credentials.invalidate_all();
    answer
}

/// Archive a role
///
/// A ready-made one stays, and so does one that somebody has.
#[utoipa::path(delete, path = "/v1/roles/{id}", tag = "roles")]
pub async fn archive_role(can: Can<ToDelete<UpdateRoles>>, at: At<Role>, if_match: IfMatch) -> Answer<Conflicting<Done>> {
    can.write(move |tx| {
        archive(tx, at.0, &if_match)?;
        Ok(Conflicting(Done))
    })
    .await
}

/// Restore a role
///
/// Brings an archived role back.
#[utoipa::path(post, path = "/v1/roles/{id}/restore", tag = "roles")]
pub async fn restore_role(can: Can<ToDelete<UpdateRoles>>, at: At<Role>, if_match: IfMatch) -> Answer<Found<Role>> {
    can.write(move |tx| restore(tx, at.0, &if_match).map(Found)).await
}

/// What a change of a role must satisfy beside its own rules.
pub fn check(tx: &WriteTx<'_>, before: &Role, after: &Role) -> Result<()> {
    let (old, new) = (before.compiled(), after.compiled());
    if old != new && before.key == RoleKey::Administrator.word() {
        return Err(Problem::new(ProblemCode::RoleProtected));
    }
    // neither a right one has not, nor somebody's who has more
    check_cover(tx, &old)?;
    check_cover(tx, &new)
}

/// Archives a role that is neither ready-made nor anybody's.
pub fn archive(tx: &mut WriteTx<'_>, id: Uuid, if_match: &IfMatch) -> Result<Role> {
    let role: Role = record::get_to_change(tx, id)?;
    check_cover(tx, &role.compiled())?;
    if role.ready_made {
        return Err(Problem::new(ProblemCode::RoleProtected));
    }
    if store::holders(tx, &role.key)? > 0 {
        return Err(Problem::new(ProblemCode::RoleInUse));
    }
    record::archive(tx, id, if_match)
}

/// Brings a role back.
pub fn restore(tx: &mut WriteTx<'_>, id: Uuid, if_match: &IfMatch) -> Result<Role> {
    let role: Role = record::get_to_change(tx, id)?;
    check_cover(tx, &role.compiled())?;
    record::restore(tx, id, if_match)
}

/// What a role of this key may do; nothing, when there is none.
pub fn rights(tx: &mut dyn Reading, key: &str) -> Result<Rights> {
    if let Some(role) = store::by_key(tx, key)?.filter(|role| role.archived_at().is_none()) {
        return Ok(role.compiled());
    }
    Ok(match RoleKey::from_word(key) {
        // a workspace that was made before roles were data
        Some(ready_made) => role::ready_made(ready_made),
        None => Rights {
            role: key.to_owned(),
            matrix: Vec::<Right>::new(),
            analytics: Reach::None,
            see_unassigned: false,
            override_duplicates: false,
            reveal: false,
            fields: FieldRules::default(),
        },
    })
}

/// Whether the asker may act on somebody, or some key, with this role: nobody acts on who has more than himself.
pub fn check_over(tx: &mut dyn Reading, key: &str) -> Result<()> {
    let rights = rights(tx, key)?;
    check_cover(tx, &rights)
}

/// Whether there is a role of this key that can be given.
pub fn is_known(tx: &mut dyn Reading, key: &str) -> Result<bool> {
    Ok(store::by_key(tx, key)?.is_some_and(|role| role.archived_at().is_none()) || RoleKey::from_word(key).is_some())
}

/// Whether the asker may give somebody this role: it exists, and has nothing that he has not.
pub fn check_grant(tx: &mut WriteTx<'_>, key: &str) -> Result<()> {
    if !is_known(tx, key)? {
        return Err(Problem::invalid("/role", FieldCode::ReferenceNotFound));
    }
    check_over(tx, key)
}

/// The same for a change from one role to another; the role one has may be one that is not given any more.
pub fn check_change(tx: &mut WriteTx<'_>, before: &str, after: &str) -> Result<()> {
    check_over(tx, before)?;
    if before == after { Ok(()) } else { check_grant(tx, after) }
}

/// Lets one transaction at a time change who is an administrator.
pub fn hold_administrator(tx: &mut WriteTx<'_>) -> Result<()> {
    if let Some(role) = store::by_key(tx, RoleKey::Administrator.word())? {
        tx.hold(Role::TYPE, role.uuid())?;
    }
    Ok(())
}

fn check_cover(tx: &dyn Reading, rights: &Rights) -> Result<()> {
    if tx.scope().actor().role().cover(rights) { Ok(()) } else { Err(Problem::new(ProblemCode::ExceedsOwnRights)) }
}

/// Puts the ready-made roles into the workspace of a transaction, in its language.
pub fn install(tx: &mut WriteTx<'_>, language: &str) -> Result<()> {
    for key in RoleKey::ALL {
        if store::by_key(tx, key.word())?.is_some() {
            continue;
        }
        let rights = role::ready_made(*key);
        let birth = tx.birth();
        let [en, ru, uk] = names(*key);
        let name = match language {
            "ru" => ru,
            "uk" => uk,
            _ => en,
        };
        let made = Role::ready_made(&birth, name, &rights);
        Role::insert(tx, &made, Event::created(&made))?;
    }
    Ok(())
}

/// What workspaces lack that were made by an older version: ready-made roles, their rights on newer types of records, a pipeline.
pub async fn install_everywhere(store: &Store) -> Result<()> {
    for id in idempotency::workspaces(store).await? {
        let scope = credential::lookup_scope(id.into());
        let complete = store
            .read(scope.clone(), |tx| {
                let role = self::store::by_key(tx, RoleKey::Administrator.word())?;
                Ok::<_, Problem>(role.is_some_and(|role| is_complete(&role)) && pipeline::first(tx)?.is_some())
            })
            .await?;
        if !complete {
            store.write(scope, clock::own_circumstances(), upgrade).await?;
        }
    }
    Ok(())
}

fn is_complete(role: &Role) -> bool {
    RecordType::ALL.iter().all(|record| role.rights.iter().any(|right| right.record == *record))
}

fn upgrade(tx: &mut WriteTx<'_>) -> Result<()> {
    let language = kartoteka_persistence::workspace::current(tx)?.languages.first().cloned().unwrap_or_default();
    install(tx, &language)?;
    for key in RoleKey::ALL {
        if let Some(before) = store::by_key(tx, key.word())?
            && !is_complete(&before)
        {
            let known = |record: RecordType| before.rights.iter().any(|right| right.record == record);
            let newer = role::ready_made(*key).matrix.into_iter().filter(|right| !known(right.record));
            let after = Role { rights: before.rights.iter().cloned().chain(newer).collect(), ..before.clone() };
            record::store_change(tx, &before, after, Action::Updated)?;
        }
    }
    if pipeline::first(tx)?.is_none() {
        setup::sales(tx, &language)?;
    }
    Ok(())
}

fn names(key: RoleKey) -> [&'static str; 3] {
    match key {
        RoleKey::Administrator => ["Administrator", "Администратор", "Адміністратор"],
        RoleKey::Head => ["Head of department", "Руководитель отдела", "Керівник відділу"],
        RoleKey::Manager => ["Manager", "Менеджер", "Менеджер"],
        RoleKey::Operator => ["Call centre operator", "Оператор колл-центра", "Оператор кол-центру"],
        RoleKey::Marketer => ["Marketer", "Маркетолог", "Маркетолог"],
        RoleKey::Analyst => ["Analyst", "Аналитик", "Аналітик"],
        RoleKey::Integration => ["Integration", "Интеграция", "Інтеграція"],
    }
}
