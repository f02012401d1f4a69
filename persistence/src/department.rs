//! Departments.

use diesel::prelude::*;
use kartoteka_domain::{
    department::{Department, ListDepartments},
    event::Event,
    id::{DepartmentId, WorkspaceId},
    list::Page,
    text,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    db::{Doc, Uid},
    entity::{Entity, Stored, revive},
    fragment,
    schema::department,
    store::{Reading, StoreError, WriteTx},
};

row! {
    DepartmentRow in department { name: String, sort_key: String, search_text: String, parent_id: Option<Uid>, head_id: Option<Uid> }
}
keyed!(DepartmentRow { sort_key, created_at });

fn row(workspace: WorkspaceId, d: &Department) -> DepartmentRow {
    stamped! { DepartmentRow of d, in workspace.into();
    name: d.name.clone(),
    sort_key: text::sort_key(&d.name),
    search_text: text::fold(&d.name),
    parent_id: d.parent_id.map(Uid::from),
    head_id: d.head_id.map(Uid::from),    }
}

fn record(row: DepartmentRow) -> Result<Department, StoreError> {
    let columns = [("name", json!(row.name)), ("parent_id", json!(row.parent_id)), ("head_id", json!(row.head_id))];
    revive(Doc(Value::Null), row.envelope(), columns)
}

impl Stored for Department {
    type Params = ListDepartments;

    fn find(tx: &mut dyn Reading, id: Uuid) -> Result<Option<Self>, StoreError> {
        let row: Option<DepartmentRow> = all!(tx, department).filter(department::id.eq(Uid::from(id))).first(tx.db().0).optional()?;
        row.map(record).transpose()
    }

    fn list(tx: &mut dyn Reading, params: &ListDepartments) -> Result<Page<Self>, StoreError> {
        let request = kartoteka_domain::list::ListParameters::page(params);
        let build = || {
            let mut query = all!(tx, department);
            if let Some(archived) = fragment::archived(request.archived, "department.archived_at") {
                query = query.filter(archived);
            }
            if let Some(found) = params.q.as_deref().and_then(|q| fragment::search(&["department.search_text"], q)) {
                query = query.filter(found);
            }
            query
        };
        let mut rows = page!(tx, DepartmentRow, department, request, ["sort_key", "created_at"], build);
        let records = rows.take().into_iter().map(record).collect::<Result<_, _>>()?;
        Ok(rows.into_page(records))
    }

    fn insert(tx: &mut WriteTx<'_>, new: &Self, event: Event) -> Result<(), StoreError> {
        let recorded = tx.record(event)?;
        row(tx.workspace(), new).insert(tx.db().0, &recorded)?;
        Ok(())
    }

    fn update(tx: &mut WriteTx<'_>, before: &Self, after: &Self, event: Event) -> Result<(), StoreError> {
        replace!(tx, row(tx.workspace(), after), before.version, event);
        Ok(())
    }
}

/// Every department in use with the one above it.
pub fn tree(tx: &mut dyn Reading) -> Result<Vec<(DepartmentId, Option<DepartmentId>)>, StoreError> {
    let rows: Vec<(Uid, Option<Uid>)> =
        all!(tx, department).filter(department::archived_at.is_null()).select((department::id, department::parent_id)).load(tx.db().0)?;
    Ok(rows.into_iter().map(|(id, parent)| (id.into(), parent.map(Into::into))).collect())
}
