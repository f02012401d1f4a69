//! Notes.

use diesel::prelude::*;
use kartoteka_domain::{
    access::RecordType,
    event::Event,
    id::{ContactId, WorkspaceId},
    list::Page,
    note::{ListNotes, Note},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    db::{Doc, Uid},
    entity::{Entity, Stored, revive},
    fragment::{self, Fragment},
    schema::note,
    store::{Reading, StoreError, WriteTx},
};

row! {
    NoteRow in note { body: String, pinned: bool, contact_id: Option<Uid>, company_id: Option<Uid>, lead_id: Option<Uid>, task_id: Option<Uid>, deal_id: Option<Uid> }
}
keyed!(NoteRow { created_at, updated_at });

fn row(workspace: WorkspaceId, n: &Note) -> NoteRow {
    stamped! { NoteRow of n, in workspace.into();
    body: n.body.clone(),
    pinned: n.pinned,
    contact_id: n.contact_id.map(Uid::from),
    company_id: n.company_id.map(Uid::from),
    lead_id: n.lead_id.map(Uid::from),
    task_id: n.task_id.map(Uid::from),
    deal_id: n.deal_id.map(Uid::from),    }
}

fn record(row: NoteRow) -> Result<Note, StoreError> {
    let columns = [
        ("body", json!(row.body)),
        ("pinned", json!(row.pinned)),
        ("contact_id", json!(row.contact_id)),
        ("company_id", json!(row.company_id)),
        ("lead_id", json!(row.lead_id)),
        ("task_id", json!(row.task_id)),
        ("deal_id", json!(row.deal_id)),
    ];
    revive(Doc(Value::Null), row.envelope(), columns)
}

impl Stored for Note {
    type Params = ListNotes;

    fn find(tx: &mut dyn Reading, id: Uuid) -> Result<Option<Self>, StoreError> {
        let row: Option<NoteRow> = seen!(tx, note, RecordType::Note).filter(note::id.eq(Uid::from(id))).first(tx.db().0).optional()?;
        row.map(record).transpose()
    }

    fn list(tx: &mut dyn Reading, params: &ListNotes) -> Result<Page<Self>, StoreError> {
        let request = kartoteka_domain::list::ListParameters::page(params);
        let build = || {
            let mut query = seen!(tx, note, RecordType::Note);
            if let Some(archived) = fragment::archived(request.archived, "note.archived_at") {
                query = query.filter(archived);
            }
            narrow!(query, params; note.contact_id in contact_id, note.company_id in company_id, note.lead_id in lead_id, note.task_id in task_id, note.deal_id in deal_id);
            narrow!(query, from params; note.updated_at in updated_after);
            query
        };
        let mut rows = page!(tx, NoteRow, note, request, ["created_at", "updated_at"], build);
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

pub(crate) fn of_contact_before(
    tx: &mut dyn Reading,
    contact: ContactId,
    before: Option<Fragment>,
    most: i64,
) -> Result<Vec<Note>, StoreError> {
    let mut query = seen!(tx, note, RecordType::Note).filter(note::contact_id.eq(Uid::from(contact))).filter(note::archived_at.is_null());
    if let Some(before) = before {
        query = query.filter(before);
    }
    let rows: Vec<NoteRow> = query.order((note::created_at.desc(), note::id.desc())).limit(most).load(tx.db().0)?;
    rows.into_iter().map(record).collect()
}
