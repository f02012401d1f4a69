//! Tasks over HTTP: finishing one brings its next step along in the same transaction.

pub mod hand_over;
pub mod no_answer;
pub mod repeat;

use std::collections::BTreeSet;

use kartoteka_domain::{
    access::RecordType,
    deal::Deal,
    event::{Action, Event},
    id::{ContactId, Id, TaskId, UserId},
    invalid::{FieldCode, FieldErrors, line},
    list::{Parameter, ParameterType, Parameters},
    next_step::Subject,
    record::Record,
    task::{
        CompletedTask, ContactShelf, ListTasks, MyDay, NewTask, Task, TaskCompletion, overdue_share,
        share::{self, OverdueShares},
    },
    workspace::Workspace,
    zone,
};
use kartoteka_persistence::{ReadTx, Reading, Stored, WriteTx, contact, next_step as store_next_step, task as store, user, workspace};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;

use crate::{
    answer::{Answer, Created, Found, Plain, Sought},
    can::{Can, ReadTasks, UpdateTasks},
    clock,
    next_step::{self, Links},
    problem::{Problem, ProblemCode, Result},
    record,
    request::{At, IfMatch, Params, Patch, Valid},
};

crud! { Task, NewTask, ListTasks; "tasks", "/v1/tasks", "/v1/tasks/{id}", "/v1/tasks/{id}/restore";
    list list_tasks "List tasks", get get_task "Get a task", read ReadTasks, expand expand;
    create create_task "Create a task", right CreateTasks, by create;
    update update_task "Change a task", right UpdateTasks, by update;
    archive archive_task "Archive a task", by archive, may 422;
    restore restore_task "Restore a task", by restore;
}

/// Complete a task
///
/// With its result, and with the next step in the same transaction. What happens when there is none is the workspace's
/// policy: allowed, warned of, or refused unless a reason is given. A recurring task makes the next one.
#[utoipa::path(post, path = "/v1/tasks/{id}/complete", tag = "tasks")]
pub async fn complete_task(
    can: Can<UpdateTasks>,
    at: At<Task>,
    if_match: IfMatch,
    completion: Valid<TaskCompletion>,
) -> Answer<Plain<CompletedTask>> {
    can.write(move |tx| complete(tx, at.0, &if_match, &completion).map(Plain)).await
}

/// Why a task is cancelled.
#[derive(Debug, Clone, Default, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskCancellation {
    /// Why it will not be done.
    #[validate(length(max = 1000))]
    #[schema(max_length = 1000)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Cancel a task
///
/// It will not be done; the reason stands where a next step would. Of a recurring task the next one is made; to end a series,
/// clear `recurrence` first.
#[utoipa::path(post, path = "/v1/tasks/{id}/cancel", tag = "tasks")]
pub async fn cancel_task(
    can: Can<UpdateTasks>,
    at: At<Task>,
    if_match: IfMatch,
    cancellation: Valid<TaskCancellation>,
) -> Answer<Found<Task>> {
    can.write(move |tx| cancel(tx, at.0, &if_match, &cancellation).map(Found)).await
}

/// Reopen a task
///
/// A finished or cancelled task is open again.
#[utoipa::path(post, path = "/v1/tasks/{id}/reopen", tag = "tasks")]
pub async fn reopen_task(can: Can<UpdateTasks>, at: At<Task>, if_match: IfMatch) -> Answer<Found<Task>> {
    can.write(move |tx| {
        let before: Task = record::get_in_use(tx, at.0, &if_match)?;
        let after = before.reopen()?;
        let after = record::store_change(tx, &before, after, Action::Updated)?;
        refresh(tx, &after)?;
        Ok(Found(after))
    })
    .await
}

/// Whose day.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MyDayParams {
    /// Whose day; the asking user's when absent.
    #[serde(default)]
    pub user_id: Option<UserId>,
    /// Whether shares of overdue tasks are told, too.
    #[serde(default)]
    pub shares: Option<bool>,
}
impl Parameters for MyDayParams {
    fn parameters() -> Vec<Parameter> {
        vec![
            Parameter {
                name: "user_id",
                description: "Whose day; the asking user's when absent. A colleague's day shows what the asker may see of it.",
                required: false,
                longest: UserId::LONGEST,
                schema: <UserId as ParameterType>::schema(),
                dependencies: <UserId as ParameterType>::dependencies,
            },
            Parameter {
                name: "shares",
                description: "Whether it is told which part of the open tasks is overdue per kind, person and department, of the people whose figures the asker's role sees.",
                required: false,
                longest: bool::LONGEST,
                schema: <bool as ParameterType>::schema(),
                dependencies: <bool as ParameterType>::dependencies,
            },
        ]
    }
}

/// Get my day
///
/// Open tasks: overdue, due today, tomorrow, without a due time; in the person's time zone. Which part of them is overdue, and clients
/// nobody has talked to for as many days as the workspace says.
#[utoipa::path(get, path = "/v1/my-day", tag = "me")]
pub async fn get_my_day(can: Can<ReadTasks>, params: Params<MyDayParams>) -> Answer<Sought<MyDay>> {
    let now = clock::now();
    can.read(move |tx| {
        let user_id = params.user_id.or(tx.scope().actor().user()).ok_or_else(|| Problem::parameter("user_id", FieldCode::Required))?;
        let person: kartoteka_domain::user::User =
            kartoteka_domain::user::User::find(tx, user_id.uuid())?.ok_or_else(|| Problem::new(ProblemCode::NotFound))?;
        let time_zone = match person.time_zone {
            Some(zone) => zone,
            None => workspace::current(tx)?.time_zone.clone(),
        };
        let [_, tomorrow, after] = zone::day_starts(now, &time_zone);
        let overdue = store::shelf(tx, user_id, None, Some(now))?;
        let share = overdue_share(overdue.count, store::count_open(tx, user_id)?);
        let silent_for = workspace::current(tx)?.silent_after_days;
        let hidden = tx.scope().actor().role().fields.hides(RecordType::Contact, "last_communication_at");
        let silent = if hidden { ContactShelf::default() } else { contact::silent(tx, user_id, now - chrono::Duration::days(silent_for))? };
        Ok(Sought(MyDay {
            shares: if params.shares == Some(true) { Some(shares(tx, now)?) } else { None },
            user_id,
            overdue,
            overdue_share: share,
            silent,
            today: store::shelf(tx, user_id, Some(now), Some(tomorrow))?,
            tomorrow: store::shelf(tx, user_id, Some(tomorrow), Some(after))?,
            without_date: store::shelf(tx, user_id, None, None)?,
            time_zone,
        }))
    })
    .await
}

/// Shares of overdue tasks of the people whose figures the asker sees. What a field rule hides from him is not counted out to him.
fn shares(tx: &mut ReadTx<'_>, now: chrono::DateTime<chrono::Utc>) -> Result<OverdueShares> {
    if tx.scope().actor().role().fields.touches(RecordType::Task, &["kind", "owner_id", "due_at", "status"]) {
        return Ok(OverdueShares::default());
    }
    let whose = tx.scope().figures();
    let tallies = store::tallies(tx, &whose, now)?;
    let people: BTreeSet<_> = tallies.iter().map(|tally| tally.owner.uuid()).collect();
    let people = user::find_many(tx, &people.into_iter().collect::<Vec<_>>())?;
    Ok(share::shares(&tallies, &people))
}

/// Makes a task and keeps what is derived from it.
pub fn create(tx: &mut WriteTx<'_>, input: &NewTask) -> Result<Created<Task>> {
    let mut input = input.clone();
    // a task of a lead is a task of its client
    if let (Some(id), None) = (input.lead_id, input.contact_id)
        && let Some(lead) = kartoteka_domain::lead::Lead::find(tx, id.uuid())?
    {
        input.contact_id = Some(lead.contact_id);
    }
    if let (Some(id), None) = (input.deal_id, input.contact_id)
        && let Some(deal) = Deal::find(tx, id.uuid())?
    {
        input.contact_id = deal.contact_id();
        input.company_id = input.company_id.or(deal.company_id);
    }
    let task: Task = record::make(tx, &input, None)?;
    check_links(tx, &task)?;
    Task::insert(tx, &task, Event::created(&task))?;
    refresh(tx, &task)?;
    Ok(Created::new(task))
}

/// Makes a task of the server's own: every reference comes from a stored record.
pub fn plan(tx: &mut WriteTx<'_>, settings: &Workspace, input: &NewTask) -> Result<Task> {
    let task: Task = record::plan(tx, settings, input)?;
    Task::insert(tx, &task, Event::created(&task))?;
    refresh(tx, &task)?;
    Ok(task)
}

/// Takes a task of the server's own back, if it is still open.
pub fn withdraw(tx: &mut WriteTx<'_>, id: TaskId, reason: &str) -> Result<()> {
    tx.hold(Task::TYPE, id.uuid())?;
    let Some(before) = Task::find(tx, id.uuid())?.filter(|task| task.archived_at().is_none()) else { return Ok(()) };
    let Ok(after) = before.cancel(Some(reason), tx.now()) else { return Ok(()) };
    let after = record::store_change(tx, &before, after, Action::Updated)?;
    refresh(tx, &after)
}

/// Whether a client has an open task of a kind.
pub fn is_open(tx: &mut WriteTx<'_>, contact: ContactId, kind: &str) -> Result<bool> {
    Ok(store::has_open_of_kind(tx, contact, kind)?)
}

/// Lead and deal must be about the task's client.
pub(crate) fn check_links(tx: &mut WriteTx<'_>, task: &Task) -> Result<()> {
    record::check_lead(tx, task.lead_id, task.contact_id)?;
    record::check_deal(tx, task.deal_id, task.contact_id)
}

/// Keeps `next_task_at` of the records a task is about.
pub fn refresh(tx: &mut WriteTx<'_>, task: &Task) -> Result<()> {
    refresh_because(tx, task, None)
}

fn refresh_because(tx: &mut WriteTx<'_>, task: &Task, reason: Option<&str>) -> Result<()> {
    let subjects = Subject::of(task.lead_id.map(Id::uuid), task.deal_id.map(Id::uuid), task.contact_id.map(Id::uuid));
    for subject in subjects {
        store_next_step::refresh(tx, subject, reason)?;
    }
    Ok(())
}

pub(crate) fn update(tx: &mut WriteTx<'_>, id: Uuid, patch: &Patch<NewTask>, if_match: &IfMatch) -> Result<Found<Task>> {
    let before: Task = record::get_to_change(tx, id)?;
    let Found(after) = record::change(tx, id, patch, if_match, |tx, _, after: &mut Task| check_links(tx, after))?;
    tx.explain_next_step(None, "/due_at");
    refresh(tx, &before)?;
    refresh(tx, &after)?;
    Ok(Found(after))
}

pub(crate) fn archive(tx: &mut WriteTx<'_>, id: Uuid, if_match: &IfMatch) -> Result<Task> {
    let task = record::archive::<Task>(tx, id, if_match)?;
    tx.explain_next_step(None, "");
    refresh(tx, &task)?;
    Ok(task)
}

pub(crate) fn restore(tx: &mut WriteTx<'_>, id: Uuid, if_match: &IfMatch) -> Result<Task> {
    let task = record::restore::<Task>(tx, id, if_match)?;
    refresh(tx, &task)?;
    Ok(task)
}

fn complete(tx: &mut WriteTx<'_>, id: Uuid, if_match: &IfMatch, completion: &TaskCompletion) -> Result<CompletedTask> {
    let before: Task = record::get_in_use(tx, id, if_match)?;
    let mut errors = FieldErrors::default();
    errors.absorb(completion.validate());
    errors.finish()?;
    let done = before.complete(completion, tx.now())?;
    let done = record::store_change(tx, &before, done, Action::Completed)?;
    let links = Links {
        contact_id: before.contact_id,
        company_id: before.company_id,
        lead_id: before.lead_id,
        deal_id: before.deal_id,
        owner_id: Some(before.owner_id),
    };
    let next_task = next_step::plan(tx, completion.next_task.as_ref(), links)?;
    let occurrence = repeat::go_on(tx, &before)?;
    let reason = completion.no_next_step_reason.as_deref();
    tx.explain_next_step(reason, "/next_task");
    refresh_because(tx, &done, line(reason).as_deref())?;
    Ok(CompletedTask { task: done, next_task: next_task.or(occurrence) })
}

fn cancel(tx: &mut WriteTx<'_>, id: Uuid, if_match: &IfMatch, cancellation: &TaskCancellation) -> Result<Task> {
    let before: Task = record::get_in_use(tx, id, if_match)?;
    let mut errors = FieldErrors::default();
    errors.absorb(cancellation.validate());
    errors.finish()?;
    let cancelled = before.cancel(cancellation.reason.as_deref(), tx.now())?;
    let cancelled = record::store_change(tx, &before, cancelled, Action::Updated)?;
    repeat::go_on(tx, &before)?;
    let reason = cancellation.reason.as_deref();
    tx.explain_next_step(reason, "/reason");
    refresh_because(tx, &cancelled, line(reason).as_deref())?;
    Ok(cancelled)
}
