//! Who is told of what happened: a pure table from an event to people. Whether they may see it is asked where records are read.

use serde_json::{Map, Value};
use uuid::Uuid;

use super::NotificationKind as Kind;
use crate::{
    access::RecordType,
    actor::{ActorRef, ActorType},
    event::Action,
    id::{ContactId, FormId, Id, UserId},
};

/// Something that happened.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Id of the event.
    pub id: Uuid,
    /// Type of the record.
    pub record: RecordType,
    /// Its id.
    pub record_id: Uuid,
    /// What happened.
    pub action: Action,
    /// Who did it.
    pub by: ActorRef,
    /// The record after.
    pub data: Value,
    /// Changed fields, each `{before, after}`.
    pub changes: Map<String, Value>,
}

/// Who is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    /// This person.
    Person(UserId),
    /// Who heads this person.
    HeadOf(UserId),
    /// Who is responsible for this client; where nobody is, whoever looks after enquiries that are nobody's.
    KeeperOf(ContactId),
    /// Whom this form names.
    NamedBy(FormId),
    /// Whoever looks after enquiries that are nobody's; the administrator on duty where nobody does.
    Unassigned,
}

/// Something somebody is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telling {
    /// What about.
    pub kind: Kind,
    /// Who.
    pub whom: Whom,
    /// The cause: a person is told of it once.
    pub cause: String,
}

impl Seen {
    fn id_of(&self, field: &str) -> Option<UserId> {
        read(self.data.get(field))
    }
    fn text(&self, field: &str) -> Option<&str> {
        self.data.get(field)?.as_str()
    }
    /// Who became responsible by this.
    fn given_to(&self) -> Option<UserId> {
        read(self.changes.get("owner_id")?.get("after"))
    }
    fn became(&self, field: &str, word: &str) -> bool {
        self.changes.get(field).and_then(|change| change.get("after")).and_then(Value::as_str) == Some(word)
    }
    fn by_somebody(&self) -> bool {
        matches!(self.by.kind, ActorType::User | ActorType::ApiKey)
    }
    /// Whether it is part of a hand-over, which is told as a whole.
    fn of_a_hand_over(&self) -> bool {
        self.action == Action::Assigned
            && matches!(self.record, RecordType::Task | RecordType::Deal | RecordType::Contact | RecordType::Company)
            || self.record == RecordType::Lead && self.action == Action::Assigned && self.text("assignment_reason") == Some("handed over")
    }
    /// Whether somebody did this himself.
    pub fn is_deed_of(&self, person: UserId) -> bool {
        self.by.kind == ActorType::User && self.by.id == Some(person.uuid())
    }
}

fn read<T>(value: Option<&Value>) -> Option<Id<T>> {
    value?.as_str().and_then(|id| Uuid::try_parse(id).ok()).map(Id::new)
}

/// Who is to be told of an event, before it is asked what they may see.
pub fn tellings(seen: &Seen) -> Vec<Telling> {
    let tell = |kind, whom| Telling { kind, whom, cause: format!("{}:{}", kind, seen.id) };
    let person = |kind, id: Option<UserId>| id.map(|id| tell(kind, Whom::Person(id))).into_iter().collect::<Vec<_>>();
    if seen.of_a_hand_over() {
        return Vec::new();
    }
    match (seen.record, seen.action) {
        (RecordType::Lead, Action::Created) => {
            let whom = seen.id_of("owner_id").map_or(Whom::Unassigned, Whom::Person);
            let form = read(seen.data.get("form_id")).map(Whom::NamedBy);
            std::iter::once(whom).chain(form).map(|whom| tell(Kind::LeadReceived, whom)).collect()
        }
        // who gets what nobody answered is told so by the escalation itself
        (RecordType::Lead, Action::Assigned) if seen.by.kind == ActorType::System => Vec::new(),
        (RecordType::Lead, Action::Updated | Action::Assigned) => person(Kind::LeadReceived, seen.given_to()),
        // what the server plans by itself is told by what made it plan
        (RecordType::Task, Action::Created | Action::Updated) if seen.by_somebody() && seen.text("status") == Some("open") => {
            person(Kind::TaskAssigned, seen.given_to())
        }
        (RecordType::Deal, _) if seen.became("outcome", "won") || seen.became("outcome", "lost") => {
            let kind = if seen.became("outcome", "won") { Kind::DealWon } else { Kind::DealLost };
            let owner = seen.id_of("owner_id");
            let mut all = person(kind, owner);
            all.extend(owner.map(|owner| tell(kind, Whom::HeadOf(owner))));
            all
        }
        (RecordType::Communication, Action::Created | Action::Updated)
            if seen.became("status", "missed") && seen.text("channel") == Some("call") && seen.text("direction") == Some("inbound") =>
        {
            // a call's events are told again and again: the call is one cause
            let whom = match (seen.id_of("owner_id"), read(seen.data.get("contact_id"))) {
                (Some(owner), _) => Whom::Person(owner),
                (None, Some(contact)) => Whom::KeeperOf(contact),
                (None, None) => Whom::Unassigned,
            };
            vec![Telling { kind: Kind::CallMissed, whom, cause: format!("{}:{}", Kind::CallMissed, seen.record_id) }]
        }
        (RecordType::User, Action::HandedOver) => {
            let shares = seen.changes.get("hand_over").and_then(|change| change.pointer("/after/to")).and_then(Value::as_array);
            let people = shares.into_iter().flatten().filter_map(|share| read(share.get("user_id")));
            people.map(|id| tell(Kind::RecordHandedOver, Whom::Person(id))).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ANNA: &str = "00000000-0000-0000-0000-00000000000a";
    const BORIS: &str = "00000000-0000-0000-0000-00000000000b";

    fn id(text: &str) -> UserId {
        UserId::new(Uuid::parse_str(text).unwrap())
    }
    fn seen(record: RecordType, action: Action, by: ActorType, data: Value, changes: Value) -> Seen {
        let by = ActorRef { kind: by, id: Some(id(ANNA).uuid()), name: "Anna".into() };
        let changes = changes.as_object().unwrap().clone();
        Seen { id: Uuid::from_u128(1), record, record_id: Uuid::from_u128(2), action, by, data, changes }
    }
    fn told(seen: &Seen) -> Vec<(Kind, Whom)> {
        tellings(seen).into_iter().map(|telling| (telling.kind, telling.whom)).collect()
    }
    fn given(to: &str) -> Value {
        json!({"owner_id": {"before": null, "after": to}})
    }

    #[test]
    fn an_enquiry_is_told_to_its_owner_and_nobody_s_to_those_who_look_after_them() {
        let (lead, made) = (RecordType::Lead, Action::Created);
        let owned = seen(lead, made, ActorType::Form, json!({"owner_id": BORIS}), given(BORIS));
        assert_eq!(told(&owned), [(Kind::LeadReceived, Whom::Person(id(BORIS)))]);
        let nobodys = seen(lead, made, ActorType::Form, json!({"owner_id": null}), json!({}));
        assert_eq!(told(&nobodys), [(Kind::LeadReceived, Whom::Unassigned)]);
        let by_a_form = seen(lead, made, ActorType::Form, json!({"owner_id": BORIS, "form_id": ANNA}), given(BORIS));
        assert_eq!(told(&by_a_form).len(), 2);
        let assigned = seen(lead, Action::Assigned, ActorType::User, json!({"owner_id": BORIS}), given(BORIS));
        assert_eq!(told(&assigned), [(Kind::LeadReceived, Whom::Person(id(BORIS)))]);
        let renamed = seen(lead, Action::Updated, ActorType::User, json!({"owner_id": BORIS}), json!({"comment": {"after": "x"}}));
        assert_eq!(told(&renamed), []);
    }

    #[test]
    fn a_task_is_told_when_somebody_gave_it_and_not_when_the_server_planned_it() {
        let data = json!({"owner_id": BORIS, "status": "open"});
        let task = |by, action| seen(RecordType::Task, action, by, data.clone(), given(BORIS));
        assert_eq!(told(&task(ActorType::User, Action::Created)), [(Kind::TaskAssigned, Whom::Person(id(BORIS)))]);
        assert_eq!(told(&task(ActorType::System, Action::Created)), []);
        assert_eq!(told(&task(ActorType::User, Action::Completed)), []);
        // a hand-over is told as a whole
        assert_eq!(told(&task(ActorType::User, Action::Assigned)), []);
    }

    #[test]
    fn a_deal_s_end_is_told_to_owner_and_head() {
        let ended = |word: &str| {
            let changes = json!({"outcome": {"before": "open", "after": word}});
            seen(RecordType::Deal, Action::Updated, ActorType::User, json!({"owner_id": BORIS}), changes)
        };
        assert_eq!(told(&ended("won")), [(Kind::DealWon, Whom::Person(id(BORIS))), (Kind::DealWon, Whom::HeadOf(id(BORIS)))]);
        assert_eq!(told(&ended("lost")).len(), 2);
        assert_eq!(told(&ended("open")), []);
    }

    #[test]
    fn a_missed_call_is_one_cause_however_often_it_is_told() {
        let call = |direction: &str| {
            let data = json!({"owner_id": BORIS, "channel": "call", "direction": direction});
            seen(
                RecordType::Communication,
                Action::Created,
                ActorType::System,
                data,
                json!({"status": {"before": null, "after": "missed"}}),
            )
        };
        let inbound = call("inbound");
        let again = Seen { id: Uuid::from_u128(9), action: Action::Updated, ..inbound.clone() };
        assert_eq!(tellings(&inbound), tellings(&again));
        assert_eq!(told(&inbound), [(Kind::CallMissed, Whom::Person(id(BORIS)))]);
        assert_eq!(told(&call("outbound")), []);
    }

    #[test]
    fn a_hand_over_is_told_to_everybody_who_takes_over() {
        let changes = json!({"hand_over": {"before": null, "after": {"to": [{"user_id": ANNA}, {"user_id": BORIS}]}}});
        let done = seen(RecordType::User, Action::HandedOver, ActorType::User, Value::Null, changes);
        assert_eq!(told(&done).len(), 2);
        assert!(done.is_deed_of(id(ANNA)) && !done.is_deed_of(id(BORIS)));
    }
}
