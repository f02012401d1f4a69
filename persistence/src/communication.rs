//! Communications.

pub mod outcome;

use diesel::prelude::*;
use kartoteka_domain::{
    access::RecordType,
    communication::{
        Communication, CommunicationStatus, ListCommunications,
        chain::{LinkKind, Place},
    },
    event::Event,
    id::{CommunicationId, ContactId, WorkspaceId},
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
        submission_id: Option<Uid>, owner_id: Option<Uid>, deal_id: Option<Uid>, profile: Doc, triggered_by_id: Option<Uid>,
        agreed_task_id: Option<Uid>, outcome_missing: bool, outcome_id: Option<Uid>,
    }
}
keyed!(CommunicationRow { occurred_at, created_at });

const ELSEWHERE: &[&str] = &[
    "channel",
    "direction",
    "status",
    "occurred_at",
    "contact_id",
    "lead_id",
    "task_id",
    "submission_id",
    "owner_id",
    "deal_id",
    "outcome_id",
];

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
    profile: pack(c, ELSEWHERE)?,
    triggered_by_id: c.triggered_by.as_ref().map(|trigger| Uid(trigger.id)),
    agreed_task_id: c.next_task.as_ref().map(|task| task.id.into()),
    outcome_missing: c.outcome_missing(),
    outcome_id: c.outcome_id.map(Uid::from), })
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
        ("outcome_id", json!(row.outcome_id)),
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
            narrow!(query, params; communication.contact_id in contact_id, communication.lead_id in lead_id, communication.task_id in task_id, communication.deal_id in deal_id, communication.owner_id in owner_id, communication.outcome_id in outcome_id);
            narrow!(query, words params; communication.channel in channel, communication.direction in direction, communication.status in status);
            narrow!(query, from params; communication.occurred_at in occurred_after);
            narrow!(query, until params; communication.occurred_at in occurred_before);
            if let Some(missing) = params.outcome_missing {
                query = query.filter(communication::outcome_missing.eq(missing));
            }
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

/// One whatever the asker's reach: for the server's own conclusions, never for an answer.
pub fn find_regardless(tx: &mut WriteTx<'_>, id: CommunicationId) -> Result<Option<Communication>, StoreError> {
    let row: Option<CommunicationRow> = all!(tx, communication).filter(communication::id.eq(Uid::from(id))).first(tx.db().0).optional()?;
    row.map(record).transpose()
}

/// The latest communication with any of some contacts that took place, if the scope sees it.
pub fn latest_of(tx: &mut dyn Reading, contacts: &[Uuid]) -> Result<Option<Communication>, StoreError> {
    let row: Option<CommunicationRow> = seen!(tx, communication, RecordType::Communication)
        .filter(fragment::one_of("communication.contact_id", contacts.iter().copied()))
        .filter(communication::status.eq(CommunicationStatus::Done.word()))
        .filter(communication::archived_at.is_null())
        .order((communication::occurred_at.desc(), communication::id.desc()))
        .first(tx.db().0)
        .optional()?;
    row.map(record).transpose()
}

/// What led to a place of a chain, whoever may see it: for the rule that no chain bites its tail.
pub fn cause_of(tx: &mut dyn Reading, place: Place) -> Result<Option<Place>, StoreError> {
    let query = all!(tx, communication);
    let row: Option<CommunicationRow> = match place.kind {
        LinkKind::Communication => query.filter(communication::id.eq(Uid::from(place.id))).first(tx.db().0).optional()?,
        LinkKind::Task => {
            let agreed = query.filter(communication::agreed_task_id.eq(Uid::from(place.id)));
            return Ok(agreed
                .select(communication::id)
                .first::<Uid>(tx.db().0)
                .optional()?
                .map(|id| Place { kind: LinkKind::Communication, id: id.0 }));
        }
        LinkKind::Submission => None,
    };
    Ok(row.map(record).transpose()?.and_then(|found| found.cause()))
}

/// The communication in which a task was agreed, if the scope sees it.
pub fn agreeing_on(tx: &mut dyn Reading, task: Uuid) -> Result<Option<Communication>, StoreError> {
    let row: Option<CommunicationRow> = seen!(tx, communication, RecordType::Communication)
        .filter(communication::agreed_task_id.eq(Uid::from(task)))
        .first(tx.db().0)
        .optional()?;
    row.map(record).transpose()
}

/// Communications these records may have led to, the oldest first, at most `most`; which of them they did is [`Communication::cause`]'s to say.
pub fn following(tx: &mut dyn Reading, records: &[Uuid], most: i64) -> Result<Vec<Communication>, StoreError> {
    let named = ["communication.triggered_by_id IN ", " OR communication.task_id IN ", " OR communication.submission_id IN "];
    let after = named.into_iter().fold(Fragment::default(), |all, column| all.sql(column).guids(records.iter().copied()));
    let rows: Vec<CommunicationRow> = seen!(tx, communication, RecordType::Communication)
        .filter(communication::archived_at.is_null())
        .filter(after)
        .order((communication::occurred_at, communication::id))
        .limit(most)
        .load(tx.db().0)?;
    rows.into_iter().map(record).collect()
}
