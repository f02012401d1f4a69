//! Tasks.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::{dsl::count_star, prelude::*};
use kartoteka_domain::{
    access::{Owners, RecordType},
    event::Event,
    id::{ContactId, TaskId, UserId, WorkspaceId},
    list::Page,
    task::{ListTasks, Task, TaskShelf, share::Tally},
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    db::{At, Doc, MultiBackend, Uid},
    entity::{Entity, Stored, pack, revive},
    fragment,
    schema::task,
    store::{Reading, StoreError, WriteTx},
};

row! {
    TaskRow in task {
        kind: String, due_at: Option<At>, due_key: At, owner_id: Uid, status: String, priority: String, contact_id: Option<Uid>,
        company_id: Option<Uid>, lead_id: Option<Uid>, deal_id: Option<Uid>, series_id: Option<Uid>, completed_at: Option<At>, profile: Doc,
    }
}
keyed!(TaskRow { due_key, created_at, updated_at });

const ELSEWHERE: &[&str] =
    &["kind", "due_at", "owner_id", "status", "priority", "contact_id", "company_id", "lead_id", "deal_id", "series_id", "completed_at"];

fn row(workspace: WorkspaceId, t: &Task) -> Result<TaskRow, StoreError> {
    Ok(stamped! { TaskRow of t, in workspace.into();
    kind: t.kind.clone(),
    due_at: t.due_at.map(At),
    due_key: At(t.due_at.unwrap_or_else(fragment::far_future)),
    owner_id: t.owner_id.into(),
    status: t.status.word().to_owned(),
    priority: t.priority.word().to_owned(),
    contact_id: t.contact_id.map(Uid::from),
    company_id: t.company_id.map(Uid::from),
    lead_id: t.lead_id.map(Uid::from),
    deal_id: t.deal_id.map(Uid::from),
    series_id: t.series_id.map(Uid::from),
    completed_at: t.completed_at.map(At),
    profile: pack(t, ELSEWHERE)?,    })
}

fn record(row: TaskRow) -> Result<Task, StoreError> {
    let columns = [
        ("kind", json!(row.kind)),
        ("due_at", json!(row.due_at)),
        ("owner_id", json!(row.owner_id)),
        ("status", json!(row.status)),
        ("priority", json!(row.priority)),
        ("contact_id", json!(row.contact_id)),
        ("company_id", json!(row.company_id)),
        ("lead_id", json!(row.lead_id)),
        ("deal_id", json!(row.deal_id)),
        ("series_id", json!(row.series_id)),
        ("completed_at", json!(row.completed_at)),
    ];
    revive(row.profile.clone(), row.envelope(), columns)
}

impl Stored for Task {
    type Params = ListTasks;

    fn find(tx: &mut dyn Reading, id: Uuid) -> Result<Option<Self>, StoreError> {
        let row: Option<TaskRow> = seen!(tx, task, RecordType::Task).filter(task::id.eq(Uid::from(id))).first(tx.db().0).optional()?;
        row.map(record).transpose()
    }

    fn list(tx: &mut dyn Reading, params: &ListTasks) -> Result<Page<Self>, StoreError> {
        let request = kartoteka_domain::list::ListParameters::page(params);
        let build = || {
            let mut query = seen!(tx, task, RecordType::Task);
            if let Some(archived) = fragment::archived(request.archived, "task.archived_at") {
                query = query.filter(archived);
            }
            narrow!(query, params; task.owner_id in owner_id, task.contact_id in contact_id, task.company_id in company_id, task.lead_id in lead_id, task.deal_id in deal_id, task.series_id in series_id);
            narrow!(query, texts params; task.kind in kind);
            narrow!(query, words params; task.status in status, task.priority in priority);
            narrow!(query, from params; task.due_at in due_after, task.updated_at in updated_after);
            narrow!(query, until params; task.due_at in due_before);
            query
        };
        let mut rows = page!(tx, TaskRow, task, request, ["due_key", "created_at", "updated_at"], build);
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

/// Several by id, those the scope sees.
pub fn find_many(tx: &mut dyn Reading, ids: &[Uuid]) -> Result<Vec<Task>, StoreError> {
    let rows: Vec<TaskRow> = seen!(tx, task, RecordType::Task).filter(fragment::one_of("task.id", ids.iter().copied())).load(tx.db().0)?;
    rows.into_iter().map(record).collect()
}

/// Open tasks of a contact, the earliest first, at most `most`.
pub fn open_of_contact(tx: &mut dyn Reading, contact: ContactId, most: i64) -> Result<Vec<Task>, StoreError> {
    let rows: Vec<TaskRow> = seen!(tx, task, RecordType::Task)
        .filter(task::contact_id.eq(Uid::from(contact)))
        .filter(task::status.eq("open"))
        .filter(task::archived_at.is_null())
        .order((task::due_key, task::id))
        .limit(most)
        .load(tx.db().0)?;
    rows.into_iter().map(record).collect()
}

/// Open tasks of some contacts, the earliest first, at most `most`.
pub fn open_of_contacts(tx: &mut dyn Reading, contacts: &[Uuid], most: i64) -> Result<Vec<Task>, StoreError> {
    let rows: Vec<TaskRow> = seen!(tx, task, RecordType::Task)
        .filter(fragment::one_of("task.contact_id", contacts.iter().copied()))
        .filter(task::status.eq("open"))
        .filter(task::archived_at.is_null())
        .order((task::due_key, task::id))
        .limit(most)
        .load(tx.db().0)?;
    rows.into_iter().map(record).collect()
}

/// Whether a contact has an open task of a kind; whatever the asker's reach.
pub fn has_open_of_kind(tx: &mut WriteTx<'_>, contact: ContactId, kind: &str) -> Result<bool, StoreError> {
    let found: Option<Uid> = all!(tx, task)
        .filter(task::contact_id.eq(Uid::from(contact)))
        .filter(task::status.eq("open"))
        .filter(task::kind.eq(kind.to_owned()))
        .filter(task::archived_at.is_null())
        .select(task::id)
        .first(tx.db().0)
        .optional()?;
    Ok(found.is_some())
}

/// How many open tasks somebody has, as far as the asker sees them.
pub fn count_open(tx: &mut dyn Reading, owner: UserId) -> Result<i64, StoreError> {
    Ok(owned!(tx, task, RecordType::Task, owner)
        .filter(task::status.eq("open"))
        .filter(task::archived_at.is_null())
        .count()
        .get_result(tx.db().0)?)
}

/// Whether a series has an open task, but for one.
pub fn goes_on(tx: &mut WriteTx<'_>, series: TaskId, but: Uuid) -> Result<bool, StoreError> {
    let found: Option<Uid> = all!(tx, task)
        .filter(task::series_id.eq(Uid::from(series)))
        .filter(task::status.eq("open"))
        .filter(task::archived_at.is_null())
        .filter(task::id.ne(Uid(but)))
        .select(task::id)
        .first(tx.db().0)
        .optional()?;
    Ok(found.is_some())
}

/// Open tasks of a person, due from and until a time (both may be absent), or those without a due time.
pub fn shelf(
    tx: &mut dyn Reading,
    owner: UserId,
    from: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
) -> Result<TaskShelf, StoreError> {
    let build = |tx: &mut dyn Reading| {
        let query = owned!(tx, task, RecordType::Task, owner).filter(task::status.eq("open")).filter(task::archived_at.is_null());
        match (from, until) {
            (None, None) => query.filter(task::due_key.eq(At(fragment::far_future()))),
            (from, until) => {
                let query = match from {
                    Some(from) => query.filter(task::due_key.ge(At(from))),
                    None => query,
                };
                match until {
                    Some(until) => query.filter(task::due_key.lt(At(until))),
                    None => query,
                }
            }
        }
    };
    let count = build(tx).count().get_result(tx.db().0)?;
    let rows: Vec<TaskRow> = build(tx).order((task::due_key, task::id)).limit(50).load(tx.db().0)?;
    Ok(TaskShelf { count, tasks: rows.into_iter().map(record).collect::<Result<_, _>>()? })
}

/// Open tasks of these people, counted per person and kind.
pub fn tallies(tx: &mut dyn Reading, whose: &Owners, now: DateTime<Utc>) -> Result<Vec<Tally>, StoreError> {
    let whose = match whose {
        Owners::All => None,
        Owners::None => return Ok(Vec::new()),
        Owners::Of(users) => Some(fragment::one_of("task.owner_id", users.iter().map(|user| user.uuid()))),
    };
    let workspace = Uid::from(tx.workspace());
    let counted = |due_before: Option<At>| {
        let mut query = task::table
            .group_by((task::owner_id, task::kind))
            .select((task::owner_id, task::kind, count_star()))
            .into_boxed::<MultiBackend>()
            .filter(task::workspace_id.eq(workspace))
            .filter(task::status.eq("open"))
            .filter(task::archived_at.is_null());
        if let Some(whose) = &whose {
            query = query.filter(whose.clone());
        }
        match due_before {
            Some(at) => query.filter(task::due_key.lt(at)),
            None => query,
        }
    };
    let open: Vec<(Uid, String, i64)> = counted(None).load(tx.db().0)?;
    let overdue: Vec<(Uid, String, i64)> = counted(Some(At(now))).load(tx.db().0)?;
    let overdue: HashMap<(Uuid, &str), i64> = overdue.iter().map(|(owner, kind, count)| ((owner.0, kind.as_str()), *count)).collect();
    Ok(open
        .iter()
        .map(|(owner, kind, open)| Tally {
            owner: (*owner).into(),
            kind: kind.clone(),
            open: *open,
            overdue: overdue.get(&(owner.0, kind.as_str())).copied().unwrap_or(0),
        })
        .collect())
}

/// Open tasks of a person that are due within a time, the earliest first, at most `most`.
pub fn open_between(
    tx: &mut dyn Reading,
    owner: UserId,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    most: i64,
) -> Result<Vec<Task>, StoreError> {
    let rows: Vec<TaskRow> = owned!(tx, task, RecordType::Task, owner)
        .filter(task::status.eq("open"))
        .filter(task::archived_at.is_null())
        .filter(task::due_key.ge(At(from)).and(task::due_key.lt(At(until))))
        .order((task::due_key, task::id))
        .limit(most)
        .load(tx.db().0)?;
    rows.into_iter().map(record).collect()
}

pub(crate) fn of_contact_before(
    tx: &mut dyn Reading,
    contact: ContactId,
    before: Option<fragment::Fragment>,
    most: i64,
) -> Result<Vec<Task>, StoreError> {
    let mut query = seen!(tx, task, RecordType::Task).filter(task::contact_id.eq(Uid::from(contact))).filter(task::archived_at.is_null());
    if let Some(before) = before {
        query = query.filter(before);
    }
    let rows: Vec<TaskRow> = query.order((task::created_at.desc(), task::id.desc())).limit(most).load(tx.db().0)?;
    rows.into_iter().map(record).collect()
}

/// Open tasks of a lead, whoever's they are, the earliest first, at most 200.
pub fn open_of_lead(tx: &mut WriteTx<'_>, lead: kartoteka_domain::id::LeadId) -> Result<Vec<Task>, StoreError> {
    let rows: Vec<TaskRow> = all!(tx, task)
        .filter(task::lead_id.eq(Uid::from(lead)))
        .filter(task::status.eq("open"))
        .filter(task::archived_at.is_null())
        .order((task::due_key, task::id))
        .limit(200)
        .load(tx.db().0)?;
    rows.into_iter().map(record).collect()
}
