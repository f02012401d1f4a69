//! Next steps: what is derived from the open tasks of a lead, a deal or a client, and which records have none.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use kartoteka_domain::{
    access::RecordType,
    id::{ContactId, UserId},
    list::Page,
    next_step::{Missing, NextStepStanding, Subject},
};
use uuid::Uuid;

use crate::{
    db::{At, Uid},
    entity::cut,
    fragment::{self, Fragment, Key},
    schema::{contact, deal as deal_table, lead as lead_table, member, task},
    store::{Reading, StoreError, WriteTx},
};

/// The open tasks of a subject that have a due time.
fn steps(subject: Subject) -> Fragment {
    let column = match subject {
        Subject::Lead(_) => "task.lead_id = ",
        Subject::Deal(_) => "task.deal_id = ",
        Subject::Contact(_) => "task.contact_id = ",
    };
    Fragment::default()
        .sql(column)
        .guid(subject.uuid())
        .sql(" AND task.status = 'open' AND task.archived_at IS NULL AND task.due_at IS NOT NULL")
}

/// Keeps `next_task_at` of a record inside the transaction that changed its tasks, and its reason for having none: a new one when given, gone
/// with the next task. The record is held first: of two that change its tasks at once the second sees what the first did.
pub fn refresh(tx: &mut WriteTx<'_>, subject: Subject, reason: Option<&str>) -> Result<(), StoreError> {
    tx.hold(subject.record(), subject.uuid())?;
    let workspace = tx.workspace();
    let earliest: Option<At> = all!(tx, task)
        .filter(steps(subject))
        .order((task::due_key, task::id))
        .select(task::due_at)
        .first::<Option<At>>(tx.db().0)
        .optional()?
        .flatten();
    let key = earliest.unwrap_or_else(|| At(fragment::far_future()));
    let recorded = tx.unaudited("derived from tasks");
    let id = subject.uuid();
    macro_rules! keep {
        ($table:ident) => {
            if earliest.is_some() || reason.is_some() {
                let reason = reason.filter(|_| earliest.is_none()).map(ToOwned::to_owned);
                set_columns!(
                    tx.db().0,
                    &recorded,
                    $table,
                    workspace,
                    id,
                    next_task_at = earliest,
                    next_task_key = key,
                    no_next_step_reason = reason
                )?
            } else {
                set_columns!(tx.db().0, &recorded, $table, workspace, id, next_task_at = earliest, next_task_key = key)?
            }
        };
    }
    match subject {
        Subject::Lead(_) => keep!(lead),
        Subject::Deal(_) => keep!(deal),
        Subject::Contact(_) => keep!(contact),
    };
    Ok(())
}

/// Forgets why a record had no next step: it is opened again.
pub(crate) fn forget_reason(tx: &mut WriteTx<'_>, subject: Subject) -> Result<(), StoreError> {
    let (workspace, id) = (tx.workspace(), subject.uuid());
    let recorded = tx.unaudited("derived from tasks");
    let none: Option<String> = None;
    match subject {
        Subject::Lead(_) => set_columns!(tx.db().0, &recorded, lead, workspace, id, no_next_step_reason = none)?,
        Subject::Deal(_) => set_columns!(tx.db().0, &recorded, deal, workspace, id, no_next_step_reason = none)?,
        Subject::Contact(_) => set_columns!(tx.db().0, &recorded, contact, workspace, id, no_next_step_reason = none)?,
    };
    Ok(())
}

/// How a record stands: whether it is to have a next step, and whether it has one whose person is there.
pub fn standing(tx: &mut WriteTx<'_>, subject: Subject) -> Result<Option<NextStepStanding>, StoreError> {
    tx.hold(subject.record(), subject.uuid())?;
    let id = Uid(subject.uuid());
    type Found = (String, Option<String>, Option<At>);
    let found: Option<Found> = match subject {
        Subject::Lead(_) => all!(tx, lead)
            .filter(lead_table::id.eq(id))
            .select((lead_table::status, lead_table::no_next_step_reason, lead_table::archived_at))
            .first(tx.db().0)
            .optional()?,
        Subject::Deal(_) => all!(tx, deal)
            .filter(deal_table::id.eq(id))
            .select((deal_table::outcome, deal_table::no_next_step_reason, deal_table::archived_at))
            .first(tx.db().0)
            .optional()?,
        Subject::Contact(_) => all!(tx, contact)
            .filter(contact::id.eq(id))
            .select((contact::kind, contact::no_next_step_reason, contact::archived_at))
            .first(tx.db().0)
            .optional()?,
    };
    let Some((state, reason, archived_at)) = found else { return Ok(None) };
    let active = Fragment::default()
        .sql("EXISTS (SELECT 1 FROM member m WHERE m.workspace_id = task.workspace_id AND m.id = task.owner_id AND m.active)");
    let mut owner: Option<Uid> = None;
    loop {
        let step: Option<Uid> =
            all!(tx, task).filter(steps(subject)).filter(active.clone()).select(task::owner_id).first(tx.db().0).optional()?;
        // the person may be dismissed this moment by somebody who does not see this task yet: held, he is there or is not
        match step {
            Some(person) if owner != Some(person) => {
                tx.hold_in_use(person.0)?;
                owner = step;
            }
            _ => return Ok(Some(NextStepStanding { state, reason, archived: archived_at.is_some(), has_step: step.is_some() })),
        }
    }
}

/// Who is responsible for a record while he is active, and the client it is about.
pub fn responsible(tx: &mut WriteTx<'_>, subject: Subject) -> Result<(Option<UserId>, Option<ContactId>), StoreError> {
    let id = Uid(subject.uuid());
    let found: Option<(Option<Uid>, Option<Uid>)> = match subject {
        Subject::Lead(_) => all!(tx, lead)
            .filter(lead_table::id.eq(id))
            .select((lead_table::owner_id, lead_table::contact_id.nullable()))
            .first(tx.db().0)
            .optional()?,
        Subject::Deal(_) => all!(tx, deal)
            .filter(deal_table::id.eq(id))
            .select((deal_table::owner_id, deal_table::contact_id))
            .first(tx.db().0)
            .optional()?,
        Subject::Contact(_) => {
            all!(tx, contact).filter(contact::id.eq(id)).select((contact::owner_id, contact::id.nullable())).first(tx.db().0).optional()?
        }
    };
    let (owner, client) = found.unwrap_or_default();
    let active: Option<Uid> = match owner {
        Some(owner) => {
            all!(tx, member).filter(member::id.eq(owner)).filter(member::active.eq(true)).select(member::id).first(tx.db().0).optional()?
        }
        None => None,
    };
    Ok((active.map(Into::into), client.map(Into::into)))
}

/// Leads, deals and contacts somebody has open tasks on: what his leaving concerns, at most `most`.
pub fn of_person(tx: &mut WriteTx<'_>, person: Uuid, most: i64) -> Result<Vec<Subject>, StoreError> {
    type Links = (Option<Uid>, Option<Uid>, Option<Uid>);
    let rows: Vec<Links> = all!(tx, task)
        .filter(task::owner_id.eq(Uid(person)))
        .filter(task::status.eq("open"))
        .filter(task::archived_at.is_null())
        .select((task::lead_id, task::deal_id, task::contact_id))
        .order((task::due_key, task::id))
        .limit(most)
        .load(tx.db().0)?;
    let mut subjects: Vec<Subject> =
        rows.into_iter().flat_map(|(l, d, c)| Subject::of(l.map(|i| i.0), d.map(|i| i.0), c.map(|i| i.0))).collect();
    subjects.sort_unstable();
    subjects.dedup();
    Ok(subjects)
}

/// Records without a next step, oldest first, as far as the asker sees them.
pub fn missing(tx: &mut dyn Reading, kind: RecordType, limit: i64, cursor: Option<&str>) -> Result<Page<Missing>, StoreError> {
    const ORDER: &str = "attention";
    let after = match cursor.map(|cursor| fragment::read_cursor(ORDER, cursor)).transpose()? {
        None => None,
        Some((Key::Text(of), id)) if of == kind.word() => Some(Uid(id)),
        Some(_) => return Err(StoreError::BadCursor),
    };
    // an open task whose person was dismissed is no next step
    let lacking = |subject: &'static str| {
        Fragment::default()
            .sql("NOT EXISTS (SELECT 1 FROM task t JOIN member m ON m.workspace_id = t.workspace_id AND m.id = t.owner_id WHERE t.status = 'open' AND t.archived_at IS NULL AND t.due_at IS NOT NULL AND m.active AND ")
            .sql(subject)
            .sql(")")
    };
    macro_rules! page {
        ($table:ident, $record:expr, $state:ident in $states:expr, $subject:literal) => {{
            let mut query = seen!(tx, $table, $record)
                .filter(fragment::one_text_of(concat!(stringify!($table), ".", stringify!($state)), $states.map(str::to_owned)))
                .filter(crate::schema::$table::archived_at.is_null())
                .filter(crate::schema::$table::no_next_step_reason.is_null())
                .filter(lacking($subject));
            if let Some(after) = after {
                query = query.filter(crate::schema::$table::id.gt(after));
            }
            let rows: Vec<(Uid, Option<Uid>, At)> = query
                .order(crate::schema::$table::id)
                .limit(limit + 1)
                .select((crate::schema::$table::id, crate::schema::$table::owner_id, crate::schema::$table::created_at))
                .load(tx.db().0)?;
            rows
        }};
    }
    let mut rows: Vec<(Uid, Option<Uid>, At)> = match kind {
        RecordType::Lead => {
            page!(lead, RecordType::Lead, status in ["new", "in_work"], "t.workspace_id = lead.workspace_id AND t.lead_id = lead.id")
        }
        RecordType::Deal => {
            page!(deal, RecordType::Deal, outcome in ["open"], "t.workspace_id = deal.workspace_id AND t.deal_id = deal.id")
        }
        _ => {
            page!(contact, RecordType::Contact, kind in ["customer"], "t.workspace_id = contact.workspace_id AND t.contact_id = contact.id")
        }
    };
    let more = cut(&mut rows, limit);
    let next_cursor = rows.last().filter(|_| more).map(|row| fragment::write_cursor(ORDER, &Key::Text(kind.word().to_owned()), row.0.0));
    let data = rows.into_iter().map(|(id, owner, at)| missing_of(kind, id.0, owner, at.0)).collect();
    Ok(Page { data, next_cursor, total: None })
}

fn missing_of(record_type: RecordType, id: Uuid, owner: Option<Uid>, since: DateTime<Utc>) -> Missing {
    Missing { record_type, record_id: id, owner_id: owner.map(Into::into), since }
}
