//! The client did not answer: the missed call is kept, the task ends, and the next try is planned by the workspace's policy, all in
//! one transaction. Whoever learns of a missed call comes through here.

use kartoteka_domain::{
    communication::{Communication, NewCommunication},
    event::{Action, Event},
    id::ContactId,
    invalid::FieldErrors,
    record::Record,
    task::{
        NewTask, Task,
        no_answer::{NoAnswer, Unanswered, next_attempt, next_call_title},
    },
    working_time::WorkingTime,
    workspace::Workspace,
};
use kartoteka_persistence::{Stored, WriteTx, task as store, workspace};
use validator::Validate;

use super::{refresh, refresh_because, repeat};
use crate::{
    answer::{Answer, Plain},
    can::{Can, UpdateTasks},
    communication,
    problem::{Problem, ProblemCode, Result},
    record,
    request::{At, IfMatch, Valid},
};

/// Record that the client did not answer
///
/// Keeps the missed call, finishes the task with the result `no answer`, and plans the next try by the workspace's `repeat_contact`
/// in working time. After as many tries as it allows none is planned: `exhausted` is true, and the task keeps the reason.
#[utoipa::path(post, path = "/v1/tasks/{id}/no-answer", tag = "tasks")]
pub async fn record_no_answer(can: Can<UpdateTasks>, at: At<Task>, if_match: IfMatch, told: Valid<NoAnswer>) -> Answer<Plain<Unanswered>> {
    can.write(move |tx| {
        let task: Task = record::get_in_use(tx, at.0, &if_match)?;
        let mut errors = FieldErrors::default();
        errors.absorb(told.validate());
        errors.time("/occurred_at", told.occurred_at);
        errors.finish()?;
        let contact = task.contact_id.ok_or_else(|| Problem::new(ProblemCode::NoContact))?;
        no_answer(tx, contact, Some(task), None, &told).map(Plain)
    })
    .await
}

/// A contact did not answer. Without a task, his earliest open call ends with it; a call that is recorded already is not recorded
/// again.
pub fn no_answer(
    tx: &mut WriteTx<'_>,
    contact: ContactId,
    task: Option<Task>,
    call: Option<Communication>,
    told: &NoAnswer,
) -> Result<Unanswered> {
    let task = match task {
        Some(task) => Some(task),
        None => open_call(tx, contact)?,
    };
    let communication = match call {
        Some(call) => call,
        None => missed_call(tx, contact, task.as_ref(), told)?,
    };
    let settings = workspace::current(tx)?;
    let attempts = task.as_ref().map_or(1, |task| task.attempt);
    let at = next_attempt(&settings.repeat_contact, &WorkingTime::of(&settings), attempts, tx.now());
    let ended = match &task {
        None => None,
        Some(before) => {
            let done = before.complete(&before.unanswered(at.is_none()), tx.now())?;
            Some(record::store_change(tx, before, done, Action::Completed)?)
        }
    };
    let next_task = match at {
        None => None,
        Some(at) => {
            let input = task.as_ref().map_or_else(|| first_call(&settings, &communication), |task| task.again(at));
            let planned: Task = record::plan(tx, &settings, &NewTask { due_at: Some(at), ..input })?;
            let planned = Task { attempt: attempts + 1, ..planned };
            Task::insert(tx, &planned, Event::created(&planned))?;
            refresh(tx, &planned)?;
            Some(planned)
        }
    };
    if let Some(before) = &task {
        repeat::go_on(tx, before)?;
    }
    if let Some(done) = &ended {
        let reason = done.no_next_step_reason.as_deref();
        tx.explain_next_step(reason, "");
        refresh_because(tx, done, reason)?;
    }
    Ok(Unanswered { task: ended, communication, exhausted: next_task.is_none(), next_task, attempts })
}

/// The earliest open call of a contact, held.
fn open_call(tx: &mut WriteTx<'_>, contact: ContactId) -> Result<Option<Task>> {
    let open = store::open_of_contact(tx, contact, 50)?;
    let Some(call) = open.into_iter().find(|task| task.kind == "call") else { return Ok(None) };
    let held: Task = record::get_to_change(tx, call.uuid())?;
    Ok(Some(held).filter(|task| task.complete(&task.unanswered(false), tx.now()).is_ok()))
}

fn first_call(settings: &Workspace, call: &Communication) -> NewTask {
    NewTask {
        kind: Some("call".to_owned()),
        title: Some(next_call_title(settings.languages.first().map_or("en", String::as_str)).to_owned()),
        owner_id: call.owner_id,
        contact_id: Some(call.contact_id),
        lead_id: call.lead_id,
        ..NewTask::default()
    }
}

fn missed_call(tx: &mut WriteTx<'_>, contact: ContactId, task: Option<&Task>, told: &NoAnswer) -> Result<Communication> {
    let settings = workspace::current(tx)?;
    let input = NewCommunication { contact_id: Some(contact), ..NewCommunication::missed_call(task, told) };
    let call: Communication = record::make_trusted(tx, &settings, &input)?;
    Communication::insert(tx, &call, Event::created(&call))?;
    communication::consequences(tx, &call)?;
    Ok(call)
}
