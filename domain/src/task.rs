//! Task: something somebody has to do by a time. Finishing one can bring its next step along, so that no client is left without.

pub mod no_answer;
pub mod repeat;
pub mod share;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use crate::{
    access::RecordType,
    contact::{Contact, slice},
    id::{CompanyId, ContactId, DealId, LeadId, TaskId, UserId},
    invalid::{FieldCode, FieldErrors, line, prose},
    list::AnyOf,
    record::{Made, Making, Reference},
};

words! {
    /// Where a task stands.
    pub enum TaskStatus {
        /// To be done.
        Open = "open",
        /// Done, with its result.
        Done = "done",
        /// Will not be done.
        Cancelled = "cancelled",
    }
}

words! {
    /// How urgent a task is.
    pub enum Priority {
        /// Can wait.
        Low = "low",
        /// As usual.
        Normal = "normal",
        /// Before the others.
        High = "high",
    }
}

/// One line of a checklist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChecklistItem {
    /// What to do.
    #[validate(length(min = 1, max = 300))]
    #[schema(min_length = 1, max_length = 300)]
    pub text: String,
    /// Whether it is done.
    #[serde(default)]
    #[schema(required = true, default = false)]
    pub done: bool,
}

record! {
    /// Something somebody has to do by a time.
    pub struct Task (RecordType::Task) {
        /// Kind: `call`, `meeting`, `letter`, `send_documents`, `payment_control`, `follow_up` or an own word.
        pub kind: String,
        /// What to do.
        pub title: String,
        /// More about it.
        pub description: Option<String>,
        /// When it is due.
        pub due_at: Option<DateTime<Utc>>,
        /// Zone the due time is meant in, IANA.
        pub time_zone: Option<String>,
        /// The responsible user.
        pub owner_id: UserId,
        /// Where it stands.
        pub status: TaskStatus,
        /// How urgent it is.
        pub priority: Priority,
        /// What came of it.
        pub result: Option<String>,
        /// When it was finished or cancelled.
        pub completed_at: Option<DateTime<Utc>>,
        /// Why there is no next step after it.
        pub no_next_step_reason: Option<String>,
        /// The contact it is about.
        pub contact_id: Option<ContactId>,
        /// The company it is about.
        pub company_id: Option<CompanyId>,
        /// The lead it is about.
        pub lead_id: Option<LeadId>,
        /// The deal it is about.
        pub deal_id: Option<DealId>,
        /// Steps of it.
        pub checklist: Vec<ChecklistItem>,
        /// When to remind.
        pub remind_at: Vec<DateTime<Utc>>,
        /// Which try of reaching the client it is.
        #[serde(default = "first_attempt")]
        pub attempt: i64,
        /// When it comes round again, RFC 5545.
        pub recurrence: Option<String>,
        /// The first time of its rule.
        pub recurrence_start_at: Option<DateTime<Utc>>,
        /// The first task of its series; what comes round again has it, too.
        pub series_id: Option<TaskId>,
    }
}

input! {
    /// A task to create.
    pub struct NewTask, TaskPatch clears TaskField {
        /// Kind: `call`, `meeting`, `letter`, `send_documents`, `payment_control`, `follow_up` (default) or an own word.
        #[schema(pattern = "^([a-z][a-z0-9_]*)?$")]
        kind: String, max 50;
        /// What to do.
        title (required = true): String, max 300;
        /// More about it.
        description: String, max 20_000;
        /// When it is due.
        due_at: DateTime<Utc>;
        /// Zone the due time is meant in, IANA.
        time_zone: String, max 60;
        /// The responsible user; the asking user when absent.
        owner_id: UserId;
        /// How urgent it is; `normal` when absent.
        priority: Priority;
        /// The contact it is about.
        contact_id: ContactId;
        /// The company it is about.
        company_id: CompanyId;
        /// The lead it is about.
        lead_id: LeadId;
        /// The deal it is about.
        deal_id: DealId;
        /// Steps of it.
        #[validate(nested)]
        checklist: Vec<ChecklistItem>, items 50;
        /// When to remind.
        remind_at: Vec<DateTime<Utc>>, items 10;
        /// When it comes round again: a repetition rule (RFC 5545) by days, weeks, months or years, `FREQ=WEEKLY;BYDAY=MO`. Finishing or
        /// cancelling the task makes the next one. The rule begins at `due_at`; moving that alone moves this one task.
        recurrence: String, max 500;
    }
}

sorts! {
    /// Orders of tasks.
    pub enum TaskSort {
        DueUp = "due_at" => "due_key" up,
        DueDown = "-due_at" => "due_key" down,
        CreatedDown = "-created_at" => "created_at" down,
        CreatedUp = "created_at" => "created_at" up,
        UpdatedDown = "-updated_at" => "updated_at" down,
    }
}

expands!(Task by TaskExpansion { Owner = "owner", Contact = "contact", Company = "company", Lead = "lead", Deal = "deal" });

list_params! {
    /// Filters of tasks.
    pub struct ListTasks sort TaskSort {
        /// Responsible users.
        owner_id: AnyOf<UserId>,
        /// Where they stand.
        status: AnyOf<TaskStatus>,
        /// Kinds.
        kind: AnyOf<String>,
        /// How urgent they are.
        priority: AnyOf<Priority>,
        /// Contacts.
        contact_id: AnyOf<ContactId>,
        /// Companies.
        company_id: AnyOf<CompanyId>,
        /// Leads.
        lead_id: AnyOf<LeadId>,
        /// Deals.
        deal_id: AnyOf<DealId>,
        /// First tasks of series.
        series_id: AnyOf<TaskId>,
        /// Due at or after.
        due_after: crate::list::Moment,
        /// Due before.
        due_before: crate::list::Moment,
        /// Changed at or after.
        updated_after: crate::list::Moment,
        /// Related records to put beside each one: owner, contact, company, lead, deal.
        expand: AnyOf<TaskExpansion>,
    }
}

/// How a task was finished.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskCompletion {
    /// What came of it.
    #[validate(length(max = 20_000))]
    #[schema(max_length = 20_000)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// The next step with the same client, made in the same transaction; its links are this task's unless it names others.
    #[validate(nested)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_task: Option<NewTask>,
    /// Why there is no next step.
    #[validate(length(max = 1000))]
    #[schema(max_length = 1000)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_next_step_reason: Option<String>,
}

/// A finished task and what follows it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CompletedTask {
    /// The finished task.
    #[schema(required = true)]
    pub task: Task,
    /// The next step that was made with it; of a recurring task without one, what comes round next.
    #[schema(required = true)]
    pub next_task: Option<Task>,
}

/// The day of one person.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct MyDay {
    /// Whose day.
    #[schema(required = true)]
    pub user_id: UserId,
    /// Zone in which the day begins and ends.
    #[schema(required = true)]
    pub time_zone: String,
    /// Due before now, earliest first.
    #[schema(required = true)]
    pub overdue: TaskShelf,
    /// Due today from now on.
    #[schema(required = true)]
    pub today: TaskShelf,
    /// Due tomorrow.
    #[schema(required = true)]
    pub tomorrow: TaskShelf,
    /// Without a due time.
    #[schema(required = true)]
    pub without_date: TaskShelf,
    /// Which part of his open tasks is overdue, 0 to 1; null when he has none. Up to 0.05 is healthy.
    #[schema(required = true)]
    pub overdue_share: Option<f64>,
    /// His clients nobody has talked to for long, the longest first.
    #[schema(required = true)]
    pub silent: ContactShelf,
    /// Which part is overdue per kind, person and department; null when not asked for.
    #[schema(required = true)]
    pub shares: Option<share::OverdueShares>,
}

/// Some clients: how many, and the first of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct ContactShelf {
    /// How many there are.
    #[schema(required = true)]
    pub count: i64,
    /// The first 50.
    #[schema(required = true)]
    pub contacts: Vec<Contact>,
}

/// Which part of some open tasks is overdue.
pub fn overdue_share(overdue: i64, open: i64) -> Option<f64> {
    let part = |count: i64| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    // four digits are enough to compare people by
    (open > 0).then(|| (part(overdue) / part(open) * 10_000.0).round() / 10_000.0)
}

/// A task to give to a colleague.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskHandOver {
    /// Who takes it over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = true)]
    pub owner_id: Option<UserId>,
    /// What he should know; kept as a note on the task.
    #[validate(length(max = 20_000))]
    #[schema(max_length = 20_000)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// A part of the day: how many, and the first of them.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TaskShelf {
    /// How many there are.
    #[schema(required = true)]
    pub count: i64,
    /// The first 50.
    #[schema(required = true)]
    pub tasks: Vec<Task>,
}

/// Tasks that were made before tries were counted are first ones, too.
fn first_attempt() -> i64 {
    1
}

/// Why a task cannot be finished or reopened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskRefused {
    /// It is finished or cancelled already.
    NotOpen,
    /// It is open.
    Open,
}

impl Made for Task {
    type Input = NewTask;

    fn input(&self) -> NewTask {
        NewTask {
            kind: Some(self.kind.clone()),
            title: Some(self.title.clone()),
            description: self.description.clone(),
            due_at: self.due_at,
            time_zone: self.time_zone.clone(),
            owner_id: Some(self.owner_id),
            priority: Some(self.priority),
            contact_id: self.contact_id,
            company_id: self.company_id,
            lead_id: self.lead_id,
            deal_id: self.deal_id,
            checklist: Some(self.checklist.clone()),
            remind_at: Some(self.remind_at.clone()),
            recurrence: self.recurrence.clone(),
        }
    }

    fn make(input: &NewTask, previous: Option<&Self>, making: &Making<'_>) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        let title = errors.required_line("/title", input.title.as_deref());
        let kind = line(input.kind.as_deref()).unwrap_or_else(|| "follow_up".into());
        if !crate::workspace::is_key(&kind) {
            errors.add_with("/kind", FieldCode::InvalidKey, &kind);
        }
        let due_at = errors.time("/due_at", input.due_at);
        let time_zone = errors.zone("/time_zone", input.time_zone.as_deref());
        let remind_at = slice(input.remind_at.as_ref())
            .iter()
            .enumerate()
            .filter_map(|(index, at)| errors.time(&format!("/remind_at/{index}"), Some(*at)))
            .collect();
        let home = making.workspace.map(|workspace| workspace.time_zone.as_str());
        let repeating = repeat::read(input, home, previous, making.birth, &mut errors);
        let time_zone = if repeating.recurrence.is_some() { time_zone.or_else(|| home.map(ToOwned::to_owned)) } else { time_zone };
        let owner = input.owner_id.or(making.asker).or(previous.map(|p| p.owner_id));
        if owner.is_none() {
            errors.add("/owner_id", FieldCode::Required);
        }
        errors.finish()?;
        let Some(owner_id) = owner else { return Err(FieldErrors::one("/owner_id", FieldCode::Required)) };
        let old = previous;
        let task = fresh!(Task, making.birth, {
            kind: kind,
            title: title,
            description: prose(input.description.as_deref()),
            due_at: due_at,
            time_zone: time_zone,
            owner_id: owner_id,
            status: old.map_or(TaskStatus::Open, |o| o.status),
            priority: input.priority.unwrap_or(Priority::Normal),
            result: old.and_then(|o| o.result.clone()),
            completed_at: old.and_then(|o| o.completed_at),
            no_next_step_reason: old.and_then(|o| o.no_next_step_reason.clone()),
            contact_id: input.contact_id,
            company_id: input.company_id,
            lead_id: input.lead_id,
            deal_id: input.deal_id,
            checklist: input.checklist.clone().unwrap_or_default(),
            remind_at: remind_at,
            attempt: old.map_or_else(first_attempt, |o| o.attempt),
            recurrence: repeating.recurrence,
            recurrence_start_at: repeating.start_at,
            series_id: repeating.series_id,
        });
        Ok(match old {
            None => task,
            Some(old) => task.in_the_envelope_of(old),
        })
    }

    fn references(&self) -> Vec<Reference> {
        [
            Some(Reference::new("/owner_id", RecordType::User, self.owner_id.uuid())),
            Reference::optional("/contact_id", RecordType::Contact, self.contact_id),
            Reference::optional("/company_id", RecordType::Company, self.company_id),
            Reference::optional("/lead_id", RecordType::Lead, self.lead_id),
            Reference::optional("/deal_id", RecordType::Deal, self.deal_id),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl Task {
    /// Finished, with what came of it.
    pub fn complete(&self, completion: &TaskCompletion, now: DateTime<Utc>) -> Result<Self, TaskRefused> {
        if self.status != TaskStatus::Open {
            return Err(TaskRefused::NotOpen);
        }
        Ok(Self {
            status: TaskStatus::Done,
            result: prose(completion.result.as_deref()),
            no_next_step_reason: line(completion.no_next_step_reason.as_deref()),
            completed_at: Some(now),
            ..self.clone()
        })
    }

    /// Will not be done.
    pub fn cancel(&self, reason: Option<&str>, now: DateTime<Utc>) -> Result<Self, TaskRefused> {
        if self.status != TaskStatus::Open {
            return Err(TaskRefused::NotOpen);
        }
        Ok(Self { status: TaskStatus::Cancelled, no_next_step_reason: line(reason), completed_at: Some(now), ..self.clone() })
    }

    /// Open again.
    pub fn reopen(&self) -> Result<Self, TaskRefused> {
        if self.status == TaskStatus::Open {
            return Err(TaskRefused::Open);
        }
        Ok(Self { status: TaskStatus::Open, completed_at: None, result: None, no_next_step_reason: None, ..self.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{actor::ActorRef, record::Birth};
    use uuid::Uuid;

    fn task() -> Task {
        let birth = Birth { id: Uuid::from_u128(7), at: "2026-11-22T10:00:00Z".parse().unwrap(), by: ActorRef::system() };
        let making = Making { birth: &birth, workspace: None, fresh_id: &Uuid::nil, asker: Some(UserId::new(Uuid::nil())) };
        Task::make(&NewTask { title: Some("Call".into()), ..NewTask::default() }, None, &making).unwrap()
    }

    #[test]
    fn a_task_is_finished_once() {
        let now = "2026-11-22T11:00:00Z".parse().unwrap();
        let done = task().complete(&TaskCompletion::default(), now).unwrap();
        assert_eq!(done.status, TaskStatus::Done);
        assert_eq!(done.complete(&TaskCompletion::default(), now), Err(TaskRefused::NotOpen));
        assert_eq!(done.cancel(None, now), Err(TaskRefused::NotOpen));
        assert_eq!(done.reopen().unwrap().status, TaskStatus::Open);
    }

    #[test]
    fn a_due_time_in_9999_is_not_meant() {
        let birth = Birth { id: Uuid::nil(), at: "2026-11-22T10:00:00Z".parse().unwrap(), by: ActorRef::system() };
        let making = Making { birth: &birth, workspace: None, fresh_id: &Uuid::nil, asker: Some(UserId::new(Uuid::nil())) };
        let input = NewTask { title: Some("x".into()), due_at: "9999-12-31T00:00:00Z".parse().ok(), ..NewTask::default() };
        let errors = Task::make(&input, None, &making).unwrap_err();
        assert_eq!(errors.0[0].pointer, "/due_at");
    }
}
