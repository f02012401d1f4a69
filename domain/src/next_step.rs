//! Always a next step: every open lead, open deal and active client has an open task with a due time and a person who is there, or a stated
//! reason why not. The workspace's policy says what happens to a request that would leave one without.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    access::RecordType,
    event::{Action, Event},
    id::{ContactId, DealId, LeadId, UserId},
    workspace::{NextStepPolicies, Policy},
};

/// A record that is to have a next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A lead.
    Lead(LeadId),
    /// A deal.
    Deal(DealId),
    /// A client.
    Contact(ContactId),
}

impl Subject {
    /// Its id.
    pub fn uuid(self) -> Uuid {
        match self {
            Self::Lead(id) => id.uuid(),
            Self::Deal(id) => id.uuid(),
            Self::Contact(id) => id.uuid(),
        }
    }
    /// Its type.
    pub fn record(self) -> RecordType {
        match self {
            Self::Lead(_) => RecordType::Lead,
            Self::Deal(_) => RecordType::Deal,
            Self::Contact(_) => RecordType::Contact,
        }
    }
    /// What the policies say of it.
    pub fn policy(self, policies: &NextStepPolicies) -> Policy {
        match self {
            Self::Lead(_) => policies.lead,
            Self::Deal(_) => policies.deal,
            Self::Contact(_) => policies.contact,
        }
    }
    /// Whether one in this state (status of a lead, outcome of a deal, type of a contact) is to have a next step by itself.
    pub fn is_open(self, state: &str) -> bool {
        match self {
            Self::Lead(_) => matches!(state, "new" | "in_work"),
            Self::Deal(_) => state == "open",
            Self::Contact(_) => state == "customer",
        }
    }
    /// The records a task or communication with these links is about.
    pub fn of(lead: Option<Uuid>, deal: Option<Uuid>, contact: Option<Uuid>) -> impl Iterator<Item = Self> {
        [lead.map(|id| Self::Lead(id.into())), deal.map(|id| Self::Deal(id.into())), contact.map(|id| Self::Contact(id.into()))]
            .into_iter()
            .flatten()
    }
}

/// Why a subject is looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Concern {
    /// It was made or changed itself.
    Changed,
    /// A communication about it was recorded.
    Talked,
    /// Something about its tasks changed.
    Tasks,
}

/// The subjects an event concerns: of a task those before and after.
pub fn concerns(event: &Event) -> Vec<(Subject, Concern)> {
    let now = |field: &str| event.after.get(field).and_then(|v| v.as_str()).and_then(|v| Uuid::try_parse(v).ok());
    let was = |field: &str| {
        event.changes.get(field).and_then(|change| change.get("before")).and_then(|v| v.as_str()).and_then(|v| Uuid::try_parse(v).ok())
    };
    let touched = |fields: &[&str]| event.action != Action::Updated || fields.iter().any(|field| event.changes.contains_key(*field));
    let itself = |subject: Subject, fields: &[&str]| if touched(fields) { vec![(subject, Concern::Changed)] } else { Vec::new() };
    match event.record {
        RecordType::Task => {
            // a new task takes nothing away
            if event.action == Action::Created
                || !touched(&["status", "due_at", "owner_id", "contact_id", "lead_id", "deal_id", "archived_at"])
            {
                return Vec::new();
            }
            let now = Subject::of(now("lead_id"), now("deal_id"), now("contact_id"));
            let was = Subject::of(was("lead_id"), was("deal_id"), was("contact_id"));
            now.chain(was).map(|subject| (subject, Concern::Tasks)).collect()
        }
        RecordType::Communication if event.action == Action::Created => {
            Subject::of(now("lead_id"), now("deal_id"), now("contact_id")).map(|subject| (subject, Concern::Talked)).collect()
        }
        RecordType::Lead => itself(Subject::Lead(event.id.into()), &["status", "owner_id", "archived_at"]),
        RecordType::Deal => itself(Subject::Deal(event.id.into()), &["stage_id", "outcome", "owner_id", "archived_at"]),
        // other cards are looked at when their tasks are taken away
        RecordType::Contact if !now_is(event, "type", "customer") => Vec::new(),
        RecordType::Contact => itself(Subject::Contact(event.id.into()), &["type", "owner_id", "archived_at"]),
        _ => Vec::new(),
    }
}

fn now_is(event: &Event, field: &str, word: &str) -> bool {
    event.after.get(field).and_then(|value| value.as_str()) == Some(word)
}

/// The record that an event opens again: it was closed, archived or no client, and is to have a next step from here on. Why it had none
/// before is no reason any more.
pub fn reopens(event: &Event) -> Option<Subject> {
    let (subject, field) = match event.record {
        RecordType::Lead => (Subject::Lead(event.id.into()), "status"),
        RecordType::Deal => (Subject::Deal(event.id.into()), "outcome"),
        RecordType::Contact => (Subject::Contact(event.id.into()), "type"),
        _ => return None,
    };
    let now = |field: &str| event.after.get(field);
    let was = |field: &str| event.changes.get(field).map_or_else(|| now(field), |change| change.get("before"));
    let is_open = |state: Option<&serde_json::Value>, archived: Option<&serde_json::Value>| {
        state.and_then(serde_json::Value::as_str).is_some_and(|state| subject.is_open(state))
            && archived.is_none_or(serde_json::Value::is_null)
    };
    let opened = is_open(now(field), now("archived_at")) && !is_open(was(field), was("archived_at"));
    (event.action != Action::Created && opened).then_some(subject)
}

/// Whether an event takes a person away from his open tasks.
pub fn dismisses(event: &Event) -> bool {
    let active = |when: &str| event.changes.get("active").and_then(|change| change.get(when)).and_then(serde_json::Value::as_bool);
    event.record == RecordType::User && active("before") == Some(true) && active("after") == Some(false)
}

/// How a record stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextStepStanding {
    /// Status of a lead, outcome of a deal, type of a contact.
    pub state: String,
    /// The stated reason for having none.
    pub reason: Option<String>,
    /// Whether it is archived.
    pub archived: bool,
    /// Whether it has an open task with a due time whose person is active.
    pub has_step: bool,
}

/// Whether a record is left without what it is to have.
///
/// A card that is no customer's is to have a next step only when its tasks were taken away: whoever finishes the last one says what comes next.
pub fn is_left_without(subject: Subject, concern: Concern, standing: &NextStepStanding) -> bool {
    let wanted = subject.is_open(&standing.state) || matches!((subject, concern), (Subject::Contact(_), Concern::Tasks));
    wanted && !standing.archived && !standing.has_step && standing.reason.is_none()
}

/// Whether a policy of warnings speaks of it: a card that is only just made, or changed, is not left by anybody yet.
pub fn is_worth_a_warning(subject: Subject, concern: Concern) -> bool {
    !matches!((subject, concern), (Subject::Contact(_), Concern::Changed))
}

/// A record without a next step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Missing {
    /// Its type.
    #[schema(required = true)]
    pub record_type: RecordType,
    /// Its id.
    #[schema(required = true)]
    pub record_id: Uuid,
    /// The responsible user.
    #[schema(required = true)]
    pub owner_id: Option<UserId>,
    /// Since when it is kept.
    #[schema(required = true)]
    pub since: DateTime<Utc>,
}

words! {
    /// Records that are to have a next step.
    pub enum AttentionType {
        /// Open leads.
        Lead = "lead",
        /// Open deals.
        Deal = "deal",
        /// Customers.
        Contact = "contact",
    }
}

params! {
    /// Which records without a next step.
    pub struct AttentionParams {
        /// Of which type; open leads when absent.
        record_type: AttentionType,
        /// How many a page holds, 1 to 200; 50 when absent.
        limit: crate::list::Limit,
        /// Where to go on: the `next_cursor` of the page before.
        cursor: crate::list::Cursor,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn standing(state: &str) -> NextStepStanding {
        NextStepStanding { state: state.into(), reason: None, archived: false, has_step: false }
    }

    #[test]
    fn open_leads_and_deals_and_customers_are_to_have_a_next_step() {
        let id = Uuid::from_u128(1);
        let (lead, deal, contact) = (Subject::Lead(id.into()), Subject::Deal(id.into()), Subject::Contact(id.into()));
        for (subject, concern, state, left) in [
            (lead, Concern::Changed, "new", true),
            (lead, Concern::Changed, "rejected", false),
            (deal, Concern::Changed, "open", true),
            (deal, Concern::Tasks, "won", false),
            (contact, Concern::Changed, "customer", true),
            (contact, Concern::Talked, "lead", false),
            (contact, Concern::Tasks, "lead", true),
        ] {
            assert_eq!(is_left_without(subject, concern, &standing(state)), left, "{subject:?} {state}");
        }
        assert!(!is_left_without(lead, Concern::Tasks, &NextStepStanding { has_step: true, ..standing("new") }));
        assert!(!is_left_without(lead, Concern::Tasks, &NextStepStanding { reason: Some("away".into()), ..standing("new") }));
        assert!(!is_left_without(lead, Concern::Tasks, &NextStepStanding { archived: true, ..standing("new") }));
    }

    #[test]
    fn a_task_that_goes_to_another_lead_concerns_both() {
        let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut event = Event::bare(RecordType::Task, Uuid::nil(), Action::Updated);
        event.after = json!({"lead_id": b, "deal_id": null, "contact_id": null});
        event.changes.insert("lead_id".into(), json!({"before": a, "after": b}));
        let found: Vec<Subject> = concerns(&event).into_iter().map(|(subject, _)| subject).collect();
        assert_eq!(found, [Subject::Lead(b.into()), Subject::Lead(a.into())]);
        event.changes = serde_json::Map::from_iter([("title".to_owned(), json!({}))]);
        assert!(concerns(&event).is_empty());
    }
    #[test]
    fn what_is_opened_again_needs_its_reason_anew() {
        let id = Uuid::from_u128(1);
        let opened = |record: RecordType, after: serde_json::Value, changes: serde_json::Value| {
            let mut event = Event::bare(record, id, Action::Updated);
            event.after = after;
            event.changes = changes.as_object().cloned().unwrap();
            reopens(&event)
        };
        let turned = |from: &str, to: &str| json!({"before": from, "after": to});
        let (lead, deal, client) = (RecordType::Lead, RecordType::Deal, RecordType::Contact);
        let restored = json!({"archived_at": {"before": "2026-11-22T10:00:00Z", "after": null}});
        for (record, after, changes, expected) in [
            (lead, json!({"status": "new"}), json!({"status": turned("rejected", "new")}), true),
            (lead, json!({"status": "in_work"}), json!({"status": turned("new", "in_work")}), false),
            (lead, json!({"status": "rejected"}), json!({"status": turned("new", "rejected")}), false),
            (deal, json!({"outcome": "open"}), json!({"outcome": turned("lost", "open")}), true),
            (deal, json!({"outcome": "open", "archived_at": null}), restored.clone(), true),
            (deal, json!({"outcome": "won", "archived_at": null}), restored.clone(), false),
            (deal, json!({"outcome": "open"}), json!({"name": turned("a", "b")}), false),
            (client, json!({"type": "customer"}), json!({"type": turned("lead", "customer")}), true),
            (client, json!({"type": "lead"}), json!({"type": turned("customer", "lead")}), false),
            (RecordType::Company, json!({}), restored, false),
        ] {
            assert_eq!(opened(record, after.clone(), changes.clone()).is_some(), expected, "{record} {after} {changes}");
        }
    }
}
