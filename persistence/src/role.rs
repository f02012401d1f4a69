//! Roles of a workspace.

use diesel::prelude::*;
use kartoteka_domain::{
    event::Event,
    id::WorkspaceId,
    list::Page,
    role::{ListRoles, Role},
    text,
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    db::{Doc, Uid},
    entity::{Entity, Stored, pack, revive},
    fragment,
    schema::{api_key, member, role, webhook},
    store::{Reading, StoreError, WriteTx},
};

row! {
    RoleRow in role { key: String, name: String, sort_key: String, search_text: String, ready_made: bool, profile: Doc }
}
keyed!(RoleRow { sort_key, created_at });

/// Fields with columns of their own.
const ELSEWHERE: &[&str] = &["key", "name", "ready_made"];

fn row(workspace: WorkspaceId, r: &Role) -> Result<RoleRow, StoreError> {
    Ok(stamped! { RoleRow of r, in workspace.into();
    key: r.key.clone(),
    name: r.name.clone(),
    sort_key: text::sort_key(&r.name),
    search_text: text::fold(&format!("{} {}", r.name, r.key)),
    ready_made: r.ready_made,
    profile: pack(r, ELSEWHERE)?, })
}

fn record(row: RoleRow) -> Result<Role, StoreError> {
    let columns = [("key", json!(row.key)), ("name", json!(row.name)), ("ready_made", json!(row.ready_made))];
    let envelope = row.envelope();
    revive(row.profile, envelope, columns)
}

impl Stored for Role {
    type Params = ListRoles;

    fn find(tx: &mut dyn Reading, id: Uuid) -> Result<Option<Self>, StoreError> {
        let row: Option<RoleRow> = all!(tx, role).filter(role::id.eq(Uid::from(id))).first(tx.db().0).optional()?;
        row.map(record).transpose()
    }

    fn list(tx: &mut dyn Reading, params: &ListRoles) -> Result<Page<Self>, StoreError> {
        let request = kartoteka_domain::list::ListParameters::page(params);
        let build = || {
            let mut query = all!(tx, role);
            if let Some(archived) = fragment::archived(request.archived, "role.archived_at") {
                query = query.filter(archived);
            }
            if let Some(found) = params.q.as_deref().and_then(|q| fragment::search(&["role.search_text"], q)) {
                query = query.filter(found);
            }
            query
        };
        let mut rows = page!(tx, RoleRow, role, request, ["sort_key", "created_at"], build);
        let records = rows.take().into_iter().map(record).collect::<Result<_, _>>()?;
        Ok(rows.into_page(records))
    }

    fn insert(tx: &mut WriteTx<'_>, new: &Self, event: Event) -> Result<(), StoreError> {
        let recorded = tx.record(event)?;
        row(tx.workspace(), new)?.insert(tx.db().0, &recorded)?;
        Ok(())
    }

    fn update(tx: &mut WriteTx<'_>, before: &Self, after: &Self, event: Event) -> Result<(), StoreError> {
        replace!(tx, row(tx.workspace(), after)?, before.version, event);
        Ok(())
    }
}

/// The role of a key, archived ones among them.
pub fn by_key(tx: &mut dyn Reading, key: &str) -> Result<Option<Role>, StoreError> {
    let row: Option<RoleRow> = all!(tx, role).filter(role::key.eq(key.to_owned())).first(tx.db().0).optional()?;
    row.map(record).transpose()
}

/// How many people and keys have a role.
pub fn holders(tx: &mut dyn Reading, key: &str) -> Result<i64, StoreError> {
    let people: i64 = all!(tx, member).filter(member::role.eq(key.to_owned())).count().get_result(tx.db().0)?;
    let keys: i64 =
        all!(tx, api_key).filter(api_key::role.eq(key.to_owned()).and(api_key::archived_at.is_null())).count().get_result(tx.db().0)?;
    let hooks: i64 =
        all!(tx, webhook).filter(webhook::role.eq(key.to_owned()).and(webhook::archived_at.is_null())).count().get_result(tx.db().0)?;
    Ok(people + keys + hooks)
}
