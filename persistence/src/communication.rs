//! Communications.

use diesel::prelude::*;
use kartoteka_domain::{
    access::RecordType,
    communication::{Communication, ListCommunications},
    event::Event,
    id::{ContactId, WorkspaceId},
    list::Page,
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    db::{At, Doc, Uid},
    entity::{Entity, Stored, pack, revive},
    fragment::{self, Fragment},
    schema::communication,
    store::{Reading, StoreError, WriteTx},
};

row! {
    CommunicationRow in communication {
        channel: String, direction: String, status: String, occurred_at: At, contact_id: Uid, lead_id: Option<Uid>, task_id: Option<Uid>,
        submission_id: Option<Uid>, owner_id: Option<Uid>, deal_id: Option<Uid>, profile: Doc,
    }
}
keyed!(CommunicationRow { occurred_at, created_at });

const ELSEWHERE: &[&str] =
    &["channel", "direction", "status", "occurred_at", "contact_id", "lead_id", "task_id", "submission_id", "owner_id", "deal_id"];

fn row(workspace: WorkspaceId, c: &Communication) -> Result<CommunicationRow, StoreError> {
    Ok(stamped! { CommunicationRow of c, in workspace.into();
    channel: c.channel.word().to_owned(),
    direction: c.direction.word().to_owned(),
    status: c.status.word().to_owned(),
    occurred_at: At(c.occurred_at),
    contact_id: c.contact_id.into(),
    lead_id: c.lead_id.map(Uid::from),
    task_id: c.task_id.map(Uid::from),
    submission_id: c.submission_id.map(Uid::from),
    owner_id: c.owner_id.map(Uid::from),
    deal_id: c.deal_id.map(Uid::from),
    profile: pack(c, ELSEWHERE)?,    })
}

fn record(row: CommunicationRow) -> Result<Communication, StoreError> {
    let columns = [
        ("channel", json!(row.channel)),
        ("direction", json!(row.direction)),
        ("status", json!(row.status)),
        ("occurred_at", json!(row.occurred_at)),
        ("contact_id", json!(row.contact_id)),
        ("lead_id", json!(row.lead_id)),
        ("task_id", json!(row.task_id)),
        ("submission_id", json!(row.submission_id)),
        ("owner_id", json!(row.owner_id)),
        ("deal_id", json!(row.deal_id)),
    ];
    revive(row.profile.clone(), row.envelope(), columns)
}

impl Stored for Communication {
    type Params = ListCommunications;

    fn find(tx: &mut dyn Reading, id: Uuid) -> Result<Option<Self>, StoreError> {
        let row: Option<CommunicationRow> =
            seen!(tx, communication, RecordType::Communication).filter(communication::id.eq(Uid::from(id))).first(tx.db().0).optional()?;
        row.map(record).transpose()
    }

    fn list(tx: &mut dyn Reading, params: &ListCommunications) -> Result<Page<Self>, StoreError> {
        let request = kartoteka_domain::list::ListParameters::page(params);
        let build = || {
            let mut query = seen!(tx, communication, RecordType::Communication);
            if let Some(archived) = fragment::archived(request.archived, "communication.archived_at") {
                query = query.filter(archived);
            }
            narrow!(query, params; communication.contact_id in contact_id, communication.lead_id in lead_id, communication.task_id in task_id, communication.deal_id in deal_id, communication.owner_id in owner_id);
            narrow!(query, words params; communication.channel in channel, communication.direction in direction, communication.status in status);
            narrow!(query, from params; communication.occurred_at in occurred_after);
            narrow!(query, until params; communication.occurred_at in occurred_before);
            query
        };
        let mut rows = page!(tx, CommunicationRow, communication, request, ["occurred_at", "created_at"], build);
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

/// Communications of a contact, newest first.
pub(crate) fn of_contact_before(
    tx: &mut dyn Reading,
    contact: ContactId,
    before: Option<Fragment>,
    most: i64,
) -> Result<Vec<Communication>, StoreError> {
    let mut query = seen!(tx, communication, RecordType::Communication)
        .filter(communication::contact_id.eq(Uid::from(contact)))
        .filter(communication::archived_at.is_null());
    if let Some(before) = before {
        query = query.filter(before);
    }
    let rows: Vec<CommunicationRow> =
        query.order((communication::occurred_at.desc(), communication::id.desc())).limit(most).load(tx.db().0)?;
    rows.into_iter().map(record).collect()
}
