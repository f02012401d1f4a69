//! Escalation: nobody reacted to an enquiry. First who should have is reminded, then his head is told, then somebody else gets it. Each
//! step once; a reaction ends it.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use crate::{lead::Lead, working_time::WorkingTime};

words! {
    /// What is done when nobody reacts.
    pub enum Step {
        /// The responsible person is reminded.
        Remind = "remind",
        /// His head is told.
        Head = "head",
        /// Somebody else is made responsible.
        Reassign = "reassign",
    }
}

/// After how long, in working time, something is done about an enquiry nobody reacted to. Without a number that step is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UntouchedLeads {
    /// Working minutes until the responsible person is reminded.
    #[validate(range(min = 1, max = 43_200))]
    #[schema(required = true, minimum = 1, maximum = 43_200)]
    pub remind_after_minutes: Option<i64>,
    /// Working minutes until his head is told.
    #[validate(range(min = 1, max = 43_200))]
    #[schema(required = true, minimum = 1, maximum = 43_200)]
    pub head_after_minutes: Option<i64>,
    /// Working minutes until somebody else is made responsible.
    #[validate(range(min = 1, max = 43_200))]
    #[schema(required = true, minimum = 1, maximum = 43_200)]
    pub reassign_after_minutes: Option<i64>,
}

/// What is to be done about one enquiry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// At once, in this order.
    pub now: Vec<Step>,
    /// When to look again; `None` when nothing will be to do.
    pub next: Option<DateTime<Utc>>,
}

impl UntouchedLeads {
    fn minutes(&self, step: Step) -> Option<i64> {
        match step {
            Step::Remind => self.remind_after_minutes,
            Step::Head => self.head_after_minutes,
            Step::Reassign => self.reassign_after_minutes,
        }
    }
    /// Whether anything is ever done.
    pub fn is_on(&self) -> bool {
        Step::ALL.iter().any(|step| self.minutes(*step).is_some())
    }
    /// What is to be done now about an enquiry, and when there may be more; `done` are the steps that were taken.
    pub fn plan(&self, lead: &Lead, done: &[Step], time: &WorkingTime, now: DateTime<Utc>) -> Plan {
        if !lead.is_untouched() {
            return Plan::default();
        }
        let mut steps: Vec<(DateTime<Utc>, Step)> = Step::ALL
            .iter()
            .filter(|step| !done.contains(step))
            .filter_map(|step| {
                let minutes = self.minutes(*step)?;
                // where nobody ever works, clients wait all the same
                let due = time.after(lead.received_at, minutes * 60).unwrap_or(lead.received_at + Duration::minutes(minutes));
                Some((due, *step))
            })
            .collect();
        steps.sort_unstable();
        Plan {
            now: steps.iter().filter(|(due, _)| *due <= now).map(|(_, step)| *step).collect(),
            next: steps.iter().map(|(due, _)| *due).find(|due| *due > now),
        }
    }
}

impl Lead {
    /// Whether nobody reacted to it yet.
    pub fn is_untouched(&self) -> bool {
        self.status.is_open() && self.first_response_at.is_none() && self.archived_at.is_none()
    }
}

/// What the task of a step is called, in a language of the business.
pub fn title(step: Step, language: &str) -> &'static str {
    match (step, language.get(..2)) {
        (Step::Remind, Some("ru")) => "Клиент ждёт ответа",
        (Step::Remind, Some("uk")) => "Клієнт чекає на відповідь",
        (Step::Remind, _) => "A client waits for an answer",
        (_, Some("ru")) => "Клиенту никто не ответил",
        (_, Some("uk")) => "Клієнту ніхто не відповів",
        (_, _) => "Nobody answered a client",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        actor::ActorRef,
        id::ContactId,
        lead::{LeadStatus, NewLead},
        record::{Birth, Made, Making},
        workspace::calendar::WorkingCalendar,
    };
    use proptest::prelude::*;
    use uuid::Uuid;

    fn start() -> DateTime<Utc> {
        "2026-11-22T10:00:00Z".parse().unwrap()
    }
    fn lead() -> Lead {
        let birth = Birth { id: Uuid::from_u128(7), at: start(), by: ActorRef::system() };
        let making = Making { birth: &birth, workspace: None, fresh_id: &Uuid::nil, asker: None };
        Lead::make(&NewLead { contact_id: Some(ContactId::new(Uuid::nil())), ..NewLead::default() }, None, &making).unwrap()
    }
    fn always() -> WorkingTime {
        let day = serde_json::json!([{"from": "00:00", "until": "24:00"}]);
        let days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
        let weekly: serde_json::Map<String, serde_json::Value> = days.iter().map(|name| ((*name).to_owned(), day.clone())).collect();
        let calendar: WorkingCalendar = serde_json::from_value(serde_json::json!({"weekly": weekly})).unwrap();
        WorkingTime::new(&calendar, "UTC")
    }
    fn after(minutes: i64) -> DateTime<Utc> {
        start() + Duration::minutes(minutes)
    }

    #[test]
    fn steps_are_taken_when_they_are_due_and_a_reaction_ends_them() {
        let settings = UntouchedLeads { remind_after_minutes: Some(15), head_after_minutes: None, reassign_after_minutes: Some(60) };
        let time = always();
        let plan = |done: &[Step], minutes| settings.plan(&lead(), done, &time, after(minutes));
        assert_eq!(plan(&[], 14), Plan { now: vec![], next: Some(after(15)) });
        assert_eq!(plan(&[], 15), Plan { now: vec![Step::Remind], next: Some(after(60)) });
        assert_eq!(plan(&[Step::Remind], 15), Plan { now: vec![], next: Some(after(60)) });
        assert_eq!(plan(&[], 90), Plan { now: vec![Step::Remind, Step::Reassign], next: None });
        assert_eq!(plan(&[Step::Remind, Step::Reassign], 90), Plan::default());
        let now = after(90);
        for touched in [lead().responded(now), Lead { status: LeadStatus::Rejected, ..lead() }, Lead { archived_at: Some(now), ..lead() }] {
            assert_eq!(settings.plan(&touched, &[], &time, now), Plan::default());
        }
        assert!(settings.is_on() && !UntouchedLeads::default().is_on());
        assert_eq!(UntouchedLeads::default().plan(&lead(), &[], &time, now), Plan::default());
    }

    #[test]
    fn clients_who_come_at_night_wait_from_the_morning_on() {
        let settings = UntouchedLeads { remind_after_minutes: Some(15), ..UntouchedLeads::default() };
        // a Sunday: work begins on Monday at nine, Moscow time
        let time = WorkingTime::new(&WorkingCalendar::default(), "Europe/Moscow");
        assert_eq!(settings.plan(&lead(), &[], &time, after(60)), Plan { now: vec![], next: "2026-11-23T06:15:00Z".parse().ok() });
    }

    proptest! {
        /// However often and late somebody looks, each step is taken once, and none before its time.
        #[test]
        fn each_step_is_taken_once(minutes in proptest::array::uniform3(proptest::option::of(1_i64..200)), looks in proptest::collection::vec(0_i64..400, 1..30)) {
            let [remind_after_minutes, head_after_minutes, reassign_after_minutes] = minutes;
            let settings = UntouchedLeads { remind_after_minutes, head_after_minutes, reassign_after_minutes };
            let (mut looks, time) = (looks, always());
            looks.sort_unstable();
            let mut done: Vec<Step> = Vec::new();
            for minute in &looks {
                let plan = settings.plan(&lead(), &done, &time, after(*minute));
                for step in plan.now {
                    prop_assert!(!done.contains(&step));
                    prop_assert!(settings.minutes(step).unwrap() <= *minute);
                    done.push(step);
                }
                prop_assert!(plan.next.is_none_or(|next| next > after(*minute)));
            }
            let last = looks.last().copied().unwrap();
            let due = Step::ALL.iter().filter(|step| settings.minutes(**step).is_some_and(|m| m <= last)).count();
            prop_assert_eq!(done.len(), due);
        }
    }
}
