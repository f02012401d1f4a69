//! Recurring tasks: each makes the next one when it is finished or cancelled, so that a rule without an end is one open task.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::{ChecklistItem, NewTask, Task};
use crate::{
    id::TaskId,
    invalid::{FieldCode, FieldErrors, line},
    record::Birth,
    recurrence::Rule,
};

/// When a recurring task comes round.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct TaskOccurrences {
    /// Its own due time and those that follow it; none of a task that does not recur.
    #[schema(required = true)]
    pub occurrences: Vec<DateTime<Utc>>,
}

/// What a task keeps of its rule.
#[derive(Debug, Default)]
pub(super) struct Repeating {
    pub recurrence: Option<String>,
    pub start_at: Option<DateTime<Utc>>,
    pub series_id: Option<TaskId>,
}

/// Reads the rule of a task, which must have a due time and come round at least once.
pub(super) fn read(input: &NewTask, home: Option<&str>, old: Option<&Task>, birth: &Birth, errors: &mut FieldErrors) -> Repeating {
    let series_id = old.and_then(|old| old.series_id);
    let Some(text) = line(input.recurrence.as_deref()) else { return Repeating { series_id, ..Repeating::default() } };
    let kept = old.filter(|old| old.recurrence.as_ref() == Some(&text)).and_then(|old| old.recurrence_start_at);
    let rule = match Rule::parse(&text) {
        Ok(rule) => rule,
        Err(part) => {
            errors.add_with("/recurrence", FieldCode::InvalidRecurrence, part);
            return Repeating::default();
        }
    };
    let Some(due_at) = input.due_at else {
        errors.add("/due_at", FieldCode::Required);
        return Repeating::default();
    };
    if kept.is_none() && crate::zone::is_sane(due_at) {
        let zone = input.time_zone.as_deref().or(home).unwrap_or("UTC");
        if rule.occurrences(due_at, zone, due_at - chrono::Duration::seconds(1), 1).is_empty() {
            errors.add_with("/recurrence", FieldCode::InvalidRecurrence, rule.text());
        }
    }
    let own = old.map_or_else(|| TaskId::new(birth.id), |old| old.id);
    Repeating {
        recurrence: Some(rule.text().to_owned()),
        start_at: Some(kept.unwrap_or_else(|| crate::zone::to_micros(due_at))),
        series_id: Some(series_id.unwrap_or(own)),
    }
}

impl Task {
    fn rule(&self) -> Option<(Rule, DateTime<Utc>, DateTime<Utc>, &str)> {
        let rule = Rule::parse(self.recurrence.as_deref()?).ok()?;
        Some((rule, self.recurrence_start_at.or(self.due_at)?, self.due_at?, self.time_zone.as_deref().unwrap_or("UTC")))
    }

    /// Its due time and those that follow it, so many in all.
    pub fn occurrences(&self, most: usize) -> Vec<DateTime<Utc>> {
        let Some((rule, start, due, zone)) = self.rule() else { return Vec::new() };
        let mut all = vec![due];
        all.extend(rule.occurrences(start, zone, due, most.saturating_sub(1)));
        all
    }

    /// Its rule as a calendar tells it, from its due time on.
    pub fn rule_from_here(&self) -> Option<String> {
        let (rule, start, due, zone) = self.rule()?;
        Some(rule.from(start, zone, due))
    }

    /// What comes round next: after now, and after its own due time. Its checklist is to be done anew, reminders keep their distance.
    pub fn next_occurrence(&self, now: DateTime<Utc>) -> Option<NewTask> {
        let (rule, start, due, zone) = self.rule()?;
        let at = rule.occurrences(start, zone, due.max(now), 1).first().copied()?;
        let checklist = self.checklist.iter().map(|item| ChecklistItem { done: false, ..item.clone() }).collect();
        Some(NewTask {
            checklist: Some(checklist),
            remind_at: Some(self.remind_at.iter().map(|before| *before + (at - due)).collect()),
            recurrence: self.recurrence.clone(),
            ..self.again(at)
        })
    }

    /// The task in the series of the one before it.
    #[must_use]
    pub fn in_the_series_of(self, before: &Self) -> Self {
        Self { recurrence_start_at: before.recurrence_start_at, series_id: before.series_id, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        actor::ActorRef,
        id::UserId,
        record::{Made, Making},
    };
    use uuid::Uuid;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn make(new: &NewTask, previous: Option<&Task>) -> Result<Task, FieldErrors> {
        let birth = Birth { id: Uuid::from_u128(7), at: at("2026-11-22T10:00:00Z"), by: ActorRef::system() };
        let making = Making { birth: &birth, workspace: None, fresh_id: &Uuid::nil, asker: Some(UserId::new(Uuid::nil())) };
        Task::make(new, previous, &making)
    }

    fn weekly() -> NewTask {
        NewTask {
            title: Some("Планёрка".into()),
            due_at: Some(at("2026-10-19T06:00:00Z")),
            time_zone: Some("Europe/Kyiv".into()),
            recurrence: Some("freq=weekly;byday=mo".into()),
            remind_at: Some(vec![at("2026-10-19T05:45:00Z")]),
            checklist: Some(vec![ChecklistItem { text: "а".into(), done: true }]),
            ..NewTask::default()
        }
    }

    #[test]
    fn the_next_one_comes_after_now_and_after_its_own_time() {
        let task = make(&weekly(), None).unwrap();
        assert_eq!((task.recurrence.as_deref(), task.series_id), (Some("FREQ=WEEKLY;BYDAY=MO"), Some(task.id)));
        // done before it was due
        assert_eq!(task.next_occurrence(at("2026-10-18T10:00:00Z")).unwrap().due_at, Some(at("2026-10-26T07:00:00Z")));
        // done three weeks late
        let late = task.next_occurrence(at("2026-11-09T10:00:00Z")).unwrap();
        assert_eq!(late.due_at, Some(at("2026-11-16T07:00:00Z")));
        assert_eq!(late.remind_at, Some(vec![at("2026-11-16T06:45:00Z")]));
        assert!(!late.checklist.unwrap()[0].done);
        assert_eq!(task.occurrences(3), [at("2026-10-19T06:00:00Z"), at("2026-10-26T07:00:00Z"), at("2026-11-02T07:00:00Z")]);
    }

    #[test]
    fn moving_one_task_moves_not_the_series() {
        let task = make(&weekly(), None).unwrap();
        let moved = make(&NewTask { due_at: Some(at("2026-10-21T12:00:00Z")), ..task.input() }, Some(&task)).unwrap();
        assert_eq!(moved.recurrence_start_at, task.recurrence_start_at);
        assert_eq!(moved.next_occurrence(at("2026-10-21T13:00:00Z")).unwrap().due_at, Some(at("2026-10-26T07:00:00Z")));
        let other = make(&NewTask { recurrence: Some("FREQ=DAILY".into()), ..moved.input() }, Some(&moved)).unwrap();
        assert_eq!(other.recurrence_start_at, moved.due_at, "another rule begins anew");
    }

    #[test]
    fn a_series_ends_with_its_rule() {
        let twice = NewTask { recurrence: Some("FREQ=WEEKLY;COUNT=2".into()), ..weekly() };
        let first = make(&twice, None).unwrap();
        let second = make(&first.next_occurrence(at("2026-10-19T10:00:00Z")).unwrap(), None).unwrap().in_the_series_of(&first);
        assert_eq!(second.next_occurrence(at("2026-10-26T10:00:00Z")), None);
        assert_eq!(second.rule_from_here().as_deref(), Some("FREQ=WEEKLY;COUNT=1"));
    }

    #[test]
    fn a_rule_needs_a_due_time_and_a_day_that_there_is() {
        let undated = make(&NewTask { due_at: None, ..weekly() }, None).unwrap_err();
        assert_eq!((undated.0[0].pointer.as_str(), undated.0[0].code), ("/due_at", FieldCode::Required));
        let never = make(&NewTask { recurrence: Some("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30".into()), ..weekly() }, None).unwrap_err();
        assert_eq!((never.0[0].pointer.as_str(), never.0[0].code), ("/recurrence", FieldCode::InvalidRecurrence));
    }
}
