//! Forms.

use diesel::prelude::*;
use kartoteka_domain::{
    event::Event,
    form::{Form, ListForms},
    id::WorkspaceId,
    list::Page,
    text,
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    db::{Doc, Uid},
    entity::{Entity, Stored, pack, revive},
    fragment,
    schema::form,
    store::{Reading, StoreError, WriteTx},
};

row! {
    FormRow in form { key: String, name: String, sort_key: String, search_text: String, active: bool, source_id: Option<Uid>, settings: Doc, #[diesel(skip_update)] turn: i64 }
}
keyed!(FormRow { sort_key, created_at });

fn row(workspace: WorkspaceId, f: &Form, turn: i64) -> Result<FormRow, StoreError> {
    Ok(stamped! { FormRow of f, in workspace.into();
        key: f.key.clone(),
        name: f.name.clone(),
        sort_key: text::sort_key(&f.name),
        search_text: text::fold(&f.name),
        active: f.active,
        source_id: f.source_id.map(Uid::from),
        settings: pack(f, &["key", "name", "active", "source_id"])?,
        turn: turn,
    })
}

fn record(row: FormRow) -> Result<Form, StoreError> {
    let columns = [("key", json!(row.key)), ("name", json!(row.name)), ("active", json!(row.active)), ("source_id", json!(row.source_id))];
    revive(row.settings.clone(), row.envelope(), columns)
}

impl Stored for Form {
    type Params = ListForms;

    fn find(tx: &mut dyn Reading, id: Uuid) -> Result<Option<Self>, StoreError> {
        let row: Option<FormRow> = all!(tx, form).filter(form::id.eq(Uid::from(id))).first(tx.db().0).optional()?;
        row.map(record).transpose()
    }

    fn list(tx: &mut dyn Reading, params: &ListForms) -> Result<Page<Self>, StoreError> {
        let request = kartoteka_domain::list::ListParameters::page(params);
        let build = || {
            let mut query = all!(tx, form);
            if let Some(archived) = fragment::archived(request.archived, "form.archived_at") {
                query = query.filter(archived);
            }
            narrow!(query, from params; form.updated_at in updated_after);
            if let Some(active) = params.active {
                query = query.filter(form::active.eq(active));
            }
            if let Some(found) = params.q.as_deref().and_then(|q| fragment::search(&["form.search_text"], q)) {
                query = query.filter(found);
            }
            query
        };
        let mut rows = page!(tx, FormRow, form, request, ["sort_key", "created_at"], build);
        let records = rows.take().into_iter().map(record).collect::<Result<_, _>>()?;
        Ok(rows.into_page(records))
    }

    fn insert(tx: &mut WriteTx<'_>, new: &Self, event: Event) -> Result<(), StoreError> {
        let recorded = tx.record(event)?;
        row(tx.workspace(), new, 0)?.insert(tx.db().0, &recorded)?;
        Ok(())
    }

    fn update(tx: &mut WriteTx<'_>, before: &Self, after: &Self, event: Event) -> Result<(), StoreError> {
        replace!(tx, row(tx.workspace(), after, 0)?, before.version, event);
        Ok(())
    }
}
