//! A task handed over to a colleague, with what he should know.

use kartoteka_domain::{
    access::{RecordType, Verb},
    event::Action,
    invalid::{FieldCode, FieldErrors, prose},
    note::{NewNote, Note},
    record::Reference,
    task::{Task, TaskHandOver},
};
use kartoteka_persistence::{WriteTx, reference};
use uuid::Uuid;
use validator::Validate;

use super::refresh;
use crate::{
    answer::{Answer, Found},
    can::{Can, UpdateTasks},
    problem::{Problem, ProblemCode, Result},
    record,
    request::{At, IfMatch, Valid},
};

/// Hand a task over
///
/// To a colleague, with a comment that stays on the task as a note.
#[utoipa::path(post, path = "/v1/tasks/{id}/hand-over", tag = "tasks")]
pub async fn hand_over_task(can: Can<UpdateTasks>, at: At<Task>, if_match: IfMatch, told: Valid<TaskHandOver>) -> Answer<Found<Task>> {
    can.write(move |tx| hand_over(tx, at.0, &if_match, &told).map(Found)).await
}

fn hand_over(tx: &mut WriteTx<'_>, id: Uuid, if_match: &IfMatch, told: &TaskHandOver) -> Result<Task> {
    let before: Task = record::get_in_use(tx, id, if_match)?;
    let mut errors = FieldErrors::default();
    errors.absorb(told.validate());
    match told.owner_id {
        None => errors.add("/owner_id", FieldCode::Required),
        Some(owner) if owner == before.owner_id => errors.add("/owner_id", FieldCode::ConflictingFields),
        Some(owner) => reference::check(tx, &[Reference::new("/owner_id", RecordType::User, owner.uuid())], &[], &mut errors)?,
    }
    errors.finish()?;
    let comment = prose(told.comment.as_deref());
    if comment.is_some() && !tx.may(RecordType::Note, Verb::Create) {
        return Err(Problem::new(ProblemCode::Forbidden));
    }
    let given = Task { owner_id: told.owner_id.unwrap_or(before.owner_id), ..before.clone() };
    tx.because(comment.clone());
    tx.explain_next_step(None, "/owner_id");
    let given = record::store_change(tx, &before, given, Action::Assigned)?;
    tx.because(None);
    refresh(tx, &given)?;
    if comment.is_some() {
        record::create::<Note>(tx, &NewNote { task_id: Some(given.id), body: comment, ..NewNote::default() })?;
    }
    Ok(given)
}
