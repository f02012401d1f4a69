//! What is told at a time: reminders and overdue tasks, deals whose stage's time ends, the morning digest. A change of the record says
//! when to look; whoever looks does everything that is due and was not told, and says when to look again.

use chrono::{DateTime, Duration, Utc};
use serde::Deserialize;

use super::{NotificationKind as Kind, settings::MOST_AHEAD};
use crate::{
    access::RecordType,
    deal::{Deal, DealOutcome},
    event::{Action, Event},
    task::{Task, TaskStatus},
};

words! {
    /// What is looked after.
    pub enum Watched {
        /// A task.
        Task = "task_watch",
        /// A deal.
        Deal = "deal_watch",
        /// When a person's next digest is due has to be worked out.
        DigestPlan = "digest_plan",
        /// A person's digest is due.
        Digest = "digest",
    }
}

/// When a record is to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// As what.
    pub as_what: Watched,
    /// When; `None` when there is nothing to look for any more.
    pub at: Option<DateTime<Utc>>,
    /// Whether somebody may have been asked to look before.
    pub known: bool,
}

#[derive(Deserialize)]
struct Timed {
    status: TaskStatus,
    archived_at: Option<DateTime<Utc>>,
    due_at: Option<DateTime<Utc>>,
    remind_at: Vec<DateTime<Utc>>,
}

#[derive(Deserialize)]
struct Staged {
    outcome: DealOutcome,
    archived_at: Option<DateTime<Utc>>,
    stage_due_at: Option<DateTime<Utc>>,
}

/// When a change wants somebody to look at its record; `None` when it changes nothing about that.
pub fn look(event: &Event, now: DateTime<Utc>) -> Option<Look> {
    let touches = |fields: &[&str]| fields.iter().any(|field| event.changes.contains_key(*field));
    let known = event.action != Action::Created;
    match event.record {
        RecordType::Task if touches(&["status", "archived_at", "due_at", "remind_at"]) => {
            let task = Timed::deserialize(&event.after).ok()?;
            let live = task.status == TaskStatus::Open && task.archived_at.is_none();
            let at = task.remind_at.into_iter().chain(task.due_at).min().filter(|_| live);
            (known || at.is_some()).then_some(Look { as_what: Watched::Task, at, known })
        }
        RecordType::Deal if touches(&["outcome", "archived_at", "stage_due_at"]) => {
            let deal = Staged::deserialize(&event.after).ok()?;
            let live = deal.outcome == DealOutcome::Open && deal.archived_at.is_none();
            let at = deal.stage_due_at.filter(|_| live).map(|due| due - Duration::minutes(MOST_AHEAD));
            (known || at.is_some()).then_some(Look { as_what: Watched::Deal, at, known })
        }
        RecordType::User if touches(&["active", "time_zone", "archived_at"]) => {
            Some(Look { as_what: Watched::DigestPlan, at: Some(now), known })
        }
        _ => None,
    }
}

/// Something that is told at a time, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// When.
    pub at: DateTime<Utc>,
    /// What.
    pub kind: Kind,
    /// The cause: nobody is told of it twice.
    pub cause: String,
}

impl Due {
    fn new(kind: Kind, record: &str, id: uuid::Uuid, what: &str, at: DateTime<Utc>) -> Self {
        Self { at, kind, cause: format!("{record}:{id}:{what}:{}", at.timestamp_micros()) }
    }
}

/// What is to be done, and when to look again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// To be told now, the earliest first.
    pub now: Vec<Due>,
    /// When to look again; `None` when nothing will be to tell.
    pub next: Option<DateTime<Utc>>,
}

impl Plan {
    fn of(mut all: Vec<Due>, told: &[String], now: DateTime<Utc>) -> Self {
        all.sort_by(|a, b| (a.at, &a.cause).cmp(&(b.at, &b.cause)));
        all.dedup();
        let next = all.iter().map(|due| due.at).find(|at| *at > now);
        Self { now: all.into_iter().filter(|due| due.at <= now && !told.contains(&due.cause)).collect(), next }
    }
    /// The same with another look not later than so.
    fn looking_again(mut self, by: DateTime<Utc>) -> Self {
        self.next = self.next.map(|next| next.min(by));
        self
    }
}

/// What is told of a task, and when. A time from before the task was there is not told, nor that of one that is due at once.
pub fn of_task(task: &Task) -> Vec<Due> {
    if task.status != TaskStatus::Open || task.archived_at.is_some() {
        return Vec::new();
    }
    let due = |kind, what, at| Due::new(kind, "task", task.id.uuid(), what, at);
    let reminders = task.remind_at.iter().map(|at| due(Kind::TaskReminder, "remind", *at));
    let overdue = task.due_at.map(|at| due(Kind::TaskOverdue, "overdue", at));
    reminders.chain(overdue).filter(|due| due.at > task.created_at).collect()
}

/// What is to be told of a task now.
pub fn task(task: &Task, told: &[String], now: DateTime<Utc>) -> Plan {
    Plan::of(of_task(task), told, now)
}

/// What is told of a deal's time in its stage, and when; `ahead` is how many minutes before its end its owner wants to know.
pub fn of_deal(deal: &Deal, ahead: i64) -> Vec<Due> {
    let Some(due) = deal.stage_due_at.filter(|_| deal.outcome == DealOutcome::Open && deal.archived_at.is_none()) else {
        return Vec::new();
    };
    // the cause is the end itself: another wish of how early to know makes no second notice
    let soon = Due { at: due - Duration::minutes(ahead), ..Due::new(Kind::StageLimit, "deal", deal.id.uuid(), "soon", due) };
    let passed = Due::new(Kind::StageLimit, "deal", deal.id.uuid(), "passed", due);
    if ahead > 0 && soon.at >= deal.stage_entered_at { vec![soon, passed] } else { vec![passed] }
}

/// What is to be told of a deal now. Until the end it is looked at daily, since the owner and his wishes change. What was to be told
/// ahead is not told when the end has come.
pub fn deal(deal: &Deal, ahead: i64, told: &[String], now: DateTime<Utc>) -> Plan {
    let mut all = of_deal(deal, ahead);
    if let Some(passed) = all.pop_if(|passed| passed.at <= now) {
        all = vec![passed];
    }
    Plan::of(all, told, now).looking_again(now + Duration::days(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        actor::ActorRef,
        deal::NewDeal,
        id::{PipelineId, StageId, UserId},
        record::{Birth, Made, Making},
        task::NewTask,
    };
    use proptest::prelude::*;
    use uuid::Uuid;

    fn start() -> DateTime<Utc> {
        "2026-11-22T10:00:00Z".parse().unwrap()
    }
    fn after(minutes: i64) -> DateTime<Utc> {
        start() + Duration::minutes(minutes)
    }
    fn planned(due: Option<i64>, remind: &[i64]) -> Task {
        let birth = Birth { id: Uuid::from_u128(7), at: start(), by: ActorRef::system() };
        let making = Making { birth: &birth, workspace: None, fresh_id: &Uuid::nil, asker: Some(UserId::new(Uuid::nil())) };
        let remind_at = Some(remind.iter().map(|minutes| after(*minutes)).collect());
        let input = NewTask { title: Some("Call".into()), due_at: due.map(after), remind_at, ..NewTask::default() };
        Task::make(&input, None, &making).unwrap()
    }

    #[test]
    fn a_task_is_told_of_when_its_times_come_and_not_of_times_before_it_was_there() {
        let one = planned(Some(60), &[30, -5]);
        assert_eq!(task(&one, &[], after(29)), Plan { now: vec![], next: Some(after(30)) });
        let plan = task(&one, &[], after(30));
        assert_eq!(plan.now.iter().map(|due| due.kind).collect::<Vec<_>>(), [Kind::TaskReminder]);
        assert_eq!(plan.next, Some(after(60)));
        let told: Vec<String> = plan.now.into_iter().map(|due| due.cause).collect();
        let later = task(&one, &told, after(600));
        assert_eq!(later.now.iter().map(|due| due.kind).collect::<Vec<_>>(), [Kind::TaskOverdue]);
        assert_eq!(later.next, None);
        let done = Task { status: TaskStatus::Done, ..one.clone() };
        assert_eq!(task(&done, &[], after(600)), Plan::default());
        assert_eq!(task(&Task { archived_at: Some(start()), ..one }, &[], after(600)), Plan::default());
    }

    #[test]
    fn a_change_says_when_to_look() {
        let one = planned(Some(60), &[30]);
        let made = look(&Event::created(&one), start()).unwrap();
        assert_eq!(made, Look { as_what: Watched::Task, at: Some(after(30)), known: false });
        assert_eq!(look(&Event::created(&planned(None, &[])), start()), None);
        let renamed = Task { title: "Write".into(), ..one.clone() };
        assert_eq!(look(&Event::updated(&one, &renamed), start()), None);
        let done = Task { status: TaskStatus::Done, ..one.clone() };
        assert_eq!(look(&Event::updated(&one, &done), start()), Some(Look { as_what: Watched::Task, at: None, known: true }));
    }

    #[test]
    fn of_a_deal_the_end_is_told_ahead_and_when_it_has_come_each_once() {
        let birth = Birth { id: Uuid::from_u128(7), at: start(), by: ActorRef::system() };
        let making = Making { birth: &birth, workspace: None, fresh_id: &Uuid::nil, asker: None };
        let (pipeline_id, stage_id) = (Some(PipelineId::new(Uuid::nil())), Some(StageId::new(Uuid::nil())));
        let input = NewDeal { name: Some("x".into()), pipeline_id, stage_id, ..NewDeal::default() };
        let open = Deal { stage_due_at: Some(after(100)), ..Deal::make(&input, None, &making).unwrap() };
        let causes = |plan: &Plan| plan.now.iter().map(|due| due.cause.clone()).collect::<Vec<_>>();
        assert_eq!(deal(&open, 40, &[], after(59)), Plan { now: vec![], next: Some(after(60)) });
        let ahead = deal(&open, 40, &[], after(60));
        assert_eq!((ahead.now.len(), ahead.next), (1, Some(after(100))));
        // another wish of how early to know makes no second word
        assert_eq!(causes(&deal(&open, 30, &causes(&ahead), after(75))), Vec::<String>::new());
        let passed = deal(&open, 40, &causes(&ahead), after(100));
        assert_eq!((passed.now.len(), passed.next), (1, None));
        assert_ne!(causes(&passed), causes(&ahead));
        // looked at late, only the end is told, and nothing afterwards
        let late = deal(&open, 40, &[], after(500));
        assert_eq!(causes(&late), causes(&passed));
        assert_eq!(causes(&deal(&open, 40, &causes(&late), after(501))), Vec::<String>::new());
        // until then it is looked at daily, and not at all when there is nothing to come
        assert_eq!(deal(&open, 0, &[], after(-2000)).next, Some(after(-560)));
        assert_eq!(deal(&Deal { outcome: DealOutcome::Won, ..open }, 40, &[], after(100)), Plan::default());
    }

    proptest! {
        /// However often and late somebody looks, and however the clock jumps, each time is told once and none too early.
        #[test]
        fn each_time_is_told_once(due in proptest::option::of(1_i64..300), remind in proptest::collection::vec(1_i64..300, 0..5), looks in proptest::collection::vec(0_i64..400, 1..20)) {
            let one = planned(due, &remind);
            let mut told: Vec<String> = Vec::new();
            for minute in &looks {
                let plan = task(&one, &told, after(*minute));
                for due in plan.now {
                    prop_assert!(due.at <= after(*minute));
                    prop_assert!(!told.contains(&due.cause));
                    told.push(due.cause);
                }
                prop_assert!(plan.next.is_none_or(|next| next > after(*minute)));
            }
            let last = looks.iter().max().copied().unwrap();
            let mut passed: Vec<String> = of_task(&one).into_iter().filter(|due| due.at <= after(last)).map(|due| due.cause).collect();
            passed.sort();
            passed.dedup();
            told.sort();
            prop_assert_eq!(told, passed);
        }
    }
}
