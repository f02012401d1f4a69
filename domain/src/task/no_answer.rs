//! The client did not answer: when he is tried again, how often, and what is kept of it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use super::{NewTask, Task, TaskCompletion};
use crate::{
    communication::{Channel, Communication, CommunicationStatus, Direction, NewCommunication},
    invalid::{FieldCode, FieldErrors},
    working_time::WorkingTime,
};

/// What a task says that ended so.
pub const RESULT: &str = "no answer";
/// So many tries, and so many waits between them, may be asked for.
const MOST_ATTEMPTS: i64 = 50;
/// No wait is longer: a year.
const LONGEST_SECONDS: i64 = 31_536_000;
/// No wait is longer, in working days.
const LONGEST_DAYS: i64 = 260;

/// How long to wait before the next try.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RepeatDelay {
    /// So many working days later, when work begins; 0 for the same day.
    #[schema(required = true, minimum = 0, maximum = 260)]
    pub working_days: i64,
    /// So many seconds after that; what falls outside working time is moved to its beginning.
    #[schema(required = true, minimum = 0, maximum = 31_536_000)]
    pub seconds: i64,
}

/// When a client who did not answer is tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RepeatContact {
    /// The wait after the first try, after the second and so on; the last one repeats.
    #[schema(required = true, min_items = 1, max_items = 50)]
    pub delays: Vec<RepeatDelay>,
    /// How many tries there are in all, the first among them.
    #[schema(required = true, minimum = 1, maximum = 50)]
    pub most: i64,
}

impl Default for RepeatContact {
    fn default() -> Self {
        let wait = |working_days, seconds| RepeatDelay { working_days, seconds };
        Self { delays: vec![wait(0, 7200), wait(1, 0), wait(2, 0)], most: 4 }
    }
}

impl RepeatContact {
    /// Tells every fault at its place under `at`.
    pub fn check(&self, at: &str, errors: &mut FieldErrors) {
        let mut range = |pointer: String, value: i64, first: i64, last: i64| {
            if !(first..=last).contains(&value) {
                errors.add_with(pointer, FieldCode::OutOfRange, format!("{first}…{last}"));
            }
        };
        range(format!("{at}/most"), self.most, 1, MOST_ATTEMPTS);
        for (index, delay) in self.delays.iter().enumerate().take(50) {
            range(format!("{at}/delays/{index}/working_days"), delay.working_days, 0, LONGEST_DAYS);
            range(format!("{at}/delays/{index}/seconds"), delay.seconds, 0, LONGEST_SECONDS);
        }
        match self.delays.len() {
            0 => errors.add(format!("{at}/delays"), FieldCode::Required),
            1..=50 => {}
            _ => errors.add_with(format!("{at}/delays"), FieldCode::TooLong, "50"),
        }
    }
}

/// When the client is tried again after so many tries without an answer; none when there were enough of them.
pub fn next_attempt(policy: &RepeatContact, time: &WorkingTime, attempts_so_far: i64, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    if attempts_so_far >= policy.most {
        return None;
    }
    let place = usize::try_from(attempts_so_far.max(1) - 1).unwrap_or_default();
    let wait = policy.delays.get(place).or_else(|| policy.delays.last()).cloned().unwrap_or_default();
    // somebody who never works is tried again all the same
    let day = if wait.working_days > 0 {
        time.morning(now, wait.working_days).unwrap_or_else(|| now + chrono::Duration::days(wait.working_days))
    } else {
        now
    };
    let at = crate::zone::into_range(day + chrono::Duration::seconds(wait.seconds));
    Some(time.next(at).unwrap_or(at))
}

/// What the next try is called, in a language of the business, where no task of somebody's gives it a name.
pub fn next_call_title(language: &str) -> &'static str {
    match language.get(..2) {
        Some("ru") => "Перезвонить",
        Some("uk") => "Передзвонити",
        _ => "Call again",
    }
}

/// The client did not answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoAnswer {
    /// When he was tried; now when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<DateTime<Utc>>,
    /// More about it.
    #[validate(length(max = 20_000))]
    #[schema(max_length = 20_000)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// What came of a try that nobody answered.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Unanswered {
    /// The task that ended with it; null when the try belonged to none.
    #[schema(required = true)]
    pub task: Option<Task>,
    /// The missed call.
    #[schema(required = true)]
    pub communication: Communication,
    /// The next try; null when there were enough of them.
    #[schema(required = true)]
    pub next_task: Option<Task>,
    /// How many tries there were.
    #[schema(required = true)]
    pub attempts: i64,
    /// Whether there were as many as the workspace allows.
    #[schema(required = true)]
    pub exhausted: bool,
}

impl Task {
    /// How a task ends that nobody answered: with its reason, when no other try follows.
    pub fn unanswered(&self, exhausted: bool) -> TaskCompletion {
        let reason = exhausted.then(|| match self.attempt {
            1 => "1 attempt without an answer".to_owned(),
            many => format!("{many} attempts without an answer"),
        });
        TaskCompletion { result: Some(RESULT.to_owned()), next_task: None, no_next_step_reason: reason }
    }

    /// The same again at another time.
    pub fn again(&self, at: DateTime<Utc>) -> NewTask {
        NewTask {
            kind: Some(self.kind.clone()),
            title: Some(self.title.clone()),
            description: self.description.clone(),
            due_at: Some(at),
            time_zone: self.time_zone.clone(),
            owner_id: Some(self.owner_id),
            priority: Some(self.priority),
            contact_id: self.contact_id,
            company_id: self.company_id,
            lead_id: self.lead_id,
            deal_id: self.deal_id,
            ..NewTask::default()
        }
    }
}

impl NewCommunication {
    /// The missed call of a task.
    pub fn missed_call(task: Option<&Task>, told: &NoAnswer) -> Self {
        Self {
            channel: Some(Channel::Call),
            direction: Some(Direction::Outbound),
            status: Some(CommunicationStatus::Missed),
            occurred_at: told.occurred_at,
            lead_id: task.and_then(|task| task.lead_id),
            deal_id: task.and_then(|task| task.deal_id),
            task_id: task.map(|task| task.id),
            body: told.comment.clone(),
            outcome: Some(RESULT.to_owned()),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::calendar::WorkingCalendar;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn moscow() -> WorkingTime {
        WorkingTime::new(&WorkingCalendar::default(), "Europe/Moscow")
    }

    #[test]
    fn a_client_is_tried_again_in_two_hours_then_next_morning_then_two_days_later() {
        let (policy, time) = (RepeatContact::default(), moscow());
        let friday = at("2026-11-20T08:00:00Z");
        assert_eq!(next_attempt(&policy, &time, 1, friday), Some(at("2026-11-20T10:00:00Z")));
        assert_eq!(next_attempt(&policy, &time, 2, friday), Some(at("2026-11-23T06:00:00Z")));
        assert_eq!(next_attempt(&policy, &time, 3, friday), Some(at("2026-11-24T06:00:00Z")));
        assert_eq!(next_attempt(&policy, &time, 4, friday), None);
    }

    #[test]
    fn nobody_is_called_at_night() {
        let policy = RepeatContact::default();
        assert_eq!(next_attempt(&policy, &moscow(), 1, at("2026-11-20T14:30:00Z")), Some(at("2026-11-23T06:00:00Z")));
    }

    #[test]
    fn the_last_wait_repeats() {
        let policy = RepeatContact { delays: vec![RepeatDelay { working_days: 0, seconds: 60 }], most: 10 };
        let now = at("2026-11-20T08:00:00Z");
        for tries in 1..10 {
            assert_eq!(next_attempt(&policy, &moscow(), tries, now), Some(at("2026-11-20T08:01:00Z")));
        }
        assert_eq!(next_attempt(&policy, &moscow(), 10, now), None);
    }

    #[test]
    fn a_policy_that_cannot_be_meant_is_told_at_its_places() {
        let policy = RepeatContact { delays: vec![RepeatDelay { working_days: -1, seconds: i64::MAX }], most: 0 };
        let mut errors = FieldErrors::default();
        policy.check("/repeat_contact", &mut errors);
        let mut found: Vec<&str> = errors.0.iter().map(|e| e.pointer.as_str()).collect();
        found.sort_unstable();
        assert_eq!(found, ["/repeat_contact/delays/0/seconds", "/repeat_contact/delays/0/working_days", "/repeat_contact/most"]);
    }
}
