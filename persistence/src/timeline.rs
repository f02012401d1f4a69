//! Timeline of a contact: a page of each kind, merged by time. A bounded number of queries whatever the history.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use kartoteka_domain::{
    access::{RecordType, Verb},
    actor::{ActorRef, ActorType},
    event::Action,
    id::ContactId,
    list::Page,
    timeline::{FieldChange, TimelineEntry, TimelineItem, TimelineKind},
};
use uuid::Uuid;

use crate::{
    communication,
    db::{At, Uid},
    deal,
    entity::cut,
    fragment::{self, Fragment, Key},
    lead, note,
    schema::{audit_event, lead as lead_table, submission as submission_table},
    store::{Reading, StoreError},
    submission, task,
};

/// The name of the one order, for cursors.
const ORDER: &str = "timeline";

/// One page, newest first.
pub fn of_contact(
    tx: &mut dyn Reading,
    contact: ContactId,
    kinds: &[TimelineKind],
    limit: i64,
    cursor: Option<&str>,
) -> Result<Page<TimelineItem>, StoreError> {
    let from: Option<(DateTime<Utc>, Uuid)> = match cursor {
        None => None,
        Some(cursor) => match fragment::read_cursor(ORDER, cursor)? {
            (Key::Instant(at), id) => Some((at, id)),
            _ => return Err(StoreError::BadCursor),
        },
    };
    let most = limit + 1;
    let before = |columns: &'static str| -> Option<Fragment> { from.map(|(at, id)| fragment::before(columns, at, id)) };
    let mut items: Vec<(DateTime<Utc>, Uuid, TimelineEntry)> = Vec::new();
    for kind in kinds {
        match kind {
            TimelineKind::Communication => items.extend(
                communication::of_contact_before(tx, contact, before("communication.occurred_at, communication.id"), most)?
                    .into_iter()
                    .map(|c| (c.occurred_at, c.id.uuid(), TimelineEntry::Communication(c))),
            ),
            TimelineKind::Task => items.extend(
                task::of_contact_before(tx, contact, before("task.created_at, task.id"), most)?
                    .into_iter()
                    .map(|t| (t.created_at, t.id.uuid(), TimelineEntry::Task(t))),
            ),
            TimelineKind::Note => items.extend(
                note::of_contact_before(tx, contact, before("note.created_at, note.id"), most)?
                    .into_iter()
                    .map(|n| (n.created_at, n.id.uuid(), TimelineEntry::Note(n))),
            ),
            TimelineKind::Lead => {
                let mut query = seen!(tx, lead, RecordType::Lead)
                    .filter(lead_table::contact_id.eq(Uid::from(contact)))
                    .filter(lead_table::archived_at.is_null());
                if let Some(before) = before("lead.received_at, lead.id") {
                    query = query.filter(before);
                }
                let ids: Vec<Uid> = query
                    .order((lead_table::received_at.desc(), lead_table::id.desc()))
                    .limit(most)
                    .select(lead_table::id)
                    .load(tx.db().0)?;
                items.extend(
                    lead::find_many(tx, &ids.iter().map(|id| id.0).collect::<Vec<_>>())?
                        .into_iter()
                        .map(|l| (l.received_at, l.id.uuid(), TimelineEntry::Lead(l))),
                );
            }
            TimelineKind::Submission => {
                if !tx.scope().may(RecordType::Submission, Verb::Read) {
                    continue;
                }
                let mut query = all!(tx, submission).filter(submission_table::contact_id.eq(Uid::from(contact)));
                if let Some(before) = before("submission.received_at, submission.id") {
                    query = query.filter(before);
                }
                let rows = query.order((submission_table::received_at.desc(), submission_table::id.desc())).limit(most).load(tx.db().0)?;
                for submission in submission::records(rows)? {
                    items.push((submission.received_at, submission.id.uuid(), TimelineEntry::Submission(submission)));
                }
            }
            TimelineKind::Deal => items.extend(
                deal::of_contact_before(tx, contact, before("deal.created_at, deal.id"), most)?
                    .into_iter()
                    .map(|d| (d.created_at, d.id.uuid(), TimelineEntry::Deal(d))),
            ),
            TimelineKind::StageChange => items.extend(
                deal::stage_change::of_contact_before(tx, contact, before("stage_change.at, stage_change.id"), most)?
                    .into_iter()
                    .map(|step| (step.at, step.id, TimelineEntry::StageChange(step))),
            ),
            TimelineKind::Change => {
                items.extend(changes(tx, contact, before("audit_event.at, audit_event.id"), most)?);
            }
        }
    }
    items.sort_by_key(|item| std::cmp::Reverse((item.0, item.1)));
    let more = cut(&mut items, limit);
    let next_cursor = items.last().filter(|_| more).map(|(at, id, _)| fragment::write_cursor(ORDER, &Key::Instant(*at), *id));
    Ok(Page { data: items.into_iter().map(|(at, _, what)| TimelineItem { at, what }).collect(), next_cursor, total: None })
}

type ChangeRow = (Uid, At, String, String, String, Option<Uid>, String, String);

fn changes(
    tx: &mut dyn Reading,
    contact: ContactId,
    before: Option<Fragment>,
    most: i64,
) -> Result<Vec<(DateTime<Utc>, Uuid, TimelineEntry)>, StoreError> {
    let mut query = all!(tx, audit_event)
        .filter(audit_event::record.eq(RecordType::Contact.word()))
        .filter(audit_event::action.ne(Action::Refused.word()))
        .filter(audit_event::record_id.eq(Uid::from(contact)));
    if let Some(before) = before {
        query = query.filter(before);
    }
    let rows: Vec<ChangeRow> = query
        .order((audit_event::at.desc(), audit_event::id.desc()))
        .limit(most)
        .select((
            audit_event::id,
            audit_event::at,
            audit_event::record,
            audit_event::action,
            audit_event::actor_type,
            audit_event::actor_id,
            audit_event::actor_name,
            audit_event::changes,
        ))
        .load(tx.db().0)?;
    rows.into_iter()
        .map(|(Uid(id), At(at), record, action, actor_type, actor_id, actor_name, changes)| {
            let change = FieldChange {
                id,
                record: RecordType::from_word(&record).unwrap_or(RecordType::Contact),
                action,
                actor: ActorRef {
                    kind: ActorType::from_word(&actor_type).unwrap_or(ActorType::System),
                    id: actor_id.map(|id| id.0),
                    name: actor_name,
                },
                changes: serde_json::from_str(&changes).map_err(|e| StoreError::Internal(e.to_string()))?,
            };
            Ok((at, id, TimelineEntry::Change(change)))
        })
        .collect()
}

/// The last communications of a contact.
pub fn recent_communications(
    tx: &mut dyn Reading,
    contact: ContactId,
    most: i64,
) -> Result<Vec<kartoteka_domain::communication::Communication>, StoreError> {
    communication::of_contact_before(tx, contact, None, most)
}

/// The last notes of a contact.
pub fn recent_notes(tx: &mut dyn Reading, contact: ContactId, most: i64) -> Result<Vec<kartoteka_domain::note::Note>, StoreError> {
    note::of_contact_before(tx, contact, None, most)
}
