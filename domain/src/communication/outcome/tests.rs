//! What an outcome demands.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::{
    actor::ActorRef,
    communication::{Direction, NewCommunication, Participant},
    id::{ContactId, LeadId, UserId},
    record::Birth,
};

fn now() -> DateTime<Utc> {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

fn made<T: Made>(input: &T::Input) -> Result<T, FieldErrors> {
    let birth = Birth { id: Uuid::from_u128(7), at: now(), by: ActorRef::system() };
    T::make(input, None, &Making { birth: &birth, workspace: None, fresh_id: &Uuid::nil, asker: None })
}

fn outcome(input: NewCommunicationOutcome) -> CommunicationOutcome {
    made(&NewCommunicationOutcome { name: Some("Договорились".into()), ..input }).unwrap()
}

fn call(input: NewCommunication) -> Communication {
    made(&NewCommunication {
        channel: input.channel.or(Some(Channel::Call)),
        direction: Some(Direction::Outbound),
        contact_id: Some(ContactId::new(Uuid::from_u128(1))),
        ..input
    })
    .unwrap()
}

fn faults(found: Result<(), FieldErrors>) -> Vec<String> {
    found.err().unwrap_or_default().0.into_iter().map(|error| format!("{} {}", error.pointer, error.code)).collect()
}

fn refused(input: NewCommunicationOutcome) -> Vec<String> {
    faults(made::<CommunicationOutcome>(&NewCommunicationOutcome { name: Some("x".into()), ..input }).map(|_| ()))
}

const NOTHING: Brought = Brought { task: false, meeting: false };

#[test]
fn an_outcome_is_for_its_channels_and_its_topic() {
    let any = outcome(NewCommunicationOutcome::default());
    assert!(Channel::ALL.iter().all(|channel| any.fits(*channel, None) && any.fits(*channel, Some("sales"))));
    let narrow = outcome(NewCommunicationOutcome {
        channels: Some(vec![Channel::Meeting, Channel::Call, Channel::Meeting]),
        topic: Some(" Жалоба ".into()),
        ..NewCommunicationOutcome::default()
    });
    assert_eq!((narrow.channels.len(), narrow.topic.as_deref()), (2, Some("Жалоба")));
    assert!(narrow.fits(Channel::Call, Some("жалоба")));
    assert!(
        !narrow.fits(Channel::Email, Some("жалоба")) && !narrow.fits(Channel::Call, None) && !narrow.fits(Channel::Call, Some("sales"))
    );
    let letter = call(NewCommunication { channel: Some(Channel::Email), ..NewCommunication::default() });
    assert_eq!(faults(narrow.check(&letter, NOTHING)), ["/outcome_id conflicting_fields"]);
}

#[test]
fn everything_that_is_missing_is_told_at_once() {
    let strict = outcome(NewCommunicationOutcome {
        required_fields: Some(CommunicationRequirement::ALL.to_vec()),
        next_step: Some(OutcomeStep::Meeting),
        ..NewCommunicationOutcome::default()
    });
    let mut expected: Vec<String> = CommunicationRequirement::ALL.iter().map(|field| format!("/{field} required")).collect();
    expected.push("/next_meeting required".into());
    assert_eq!(faults(strict.check(&call(NewCommunication::default()), NOTHING)), expected);
    let full = call(NewCommunication {
        subject: Some("a".into()),
        body: Some("b".into()),
        topic: Some("c".into()),
        duration_seconds: Some(0),
        participants: Some(vec![Participant { name: Some("d".into()), ..Participant::default() }]),
        lead_id: Some(LeadId::new(Uuid::nil())),
        deal_id: Some(crate::id::DealId::new(Uuid::nil())),
        place: Some("e".into()),
        coordinates: Some(crate::communication::Coordinates { latitude: 1.0, longitude: 1.0 }),
        recording_url: Some("https://example.com/1.mp3".into()),
        transcript: Some("f".into()),
        ..NewCommunication::default()
    });
    assert!(strict.check(&full, Brought { meeting: true, ..NOTHING }).is_ok());
    assert_eq!(faults(strict.check(&full, Brought { task: true, ..NOTHING })), ["/next_meeting required"]);
}

#[test]
fn a_task_is_brought_or_made() {
    let demanding = outcome(NewCommunicationOutcome { next_step: Some(OutcomeStep::Task), ..NewCommunicationOutcome::default() });
    let of = call(NewCommunication { owner_id: Some(UserId::new(Uuid::from_u128(2))), ..NewCommunication::default() });
    assert_eq!(faults(demanding.check(&of, NOTHING)), ["/next_task required"]);
    assert!(demanding.check(&of, Brought { task: true, ..NOTHING }).is_ok());
    assert_eq!(demanding.own_task(&of, NOTHING, now()), None);
    let generous = outcome(NewCommunicationOutcome {
        next_step: Some(OutcomeStep::Task),
        task_title: Some("Перезвонить".into()),
        due_in_seconds: Some(7200),
        ..NewCommunicationOutcome::default()
    });
    assert!(generous.check(&of, NOTHING).is_ok());
    let task = generous.own_task(&of, NOTHING, now()).unwrap();
    assert_eq!((task.title.as_deref(), task.due_at, task.owner_id), (Some("Перезвонить"), Some(now() + Duration::hours(2)), of.owner_id));
    assert_eq!((task.contact_id, task.kind), (Some(of.contact_id), None));
    assert_eq!(generous.own_task(&of, Brought { task: true, ..NOTHING }, now()), None);
    // what was recorded late is due from now on
    let late = Communication { occurred_at: now() - Duration::days(3), ..of };
    assert_eq!(generous.own_task(&late, NOTHING, now()).unwrap().due_at, Some(now() + Duration::hours(2)));
}

#[test]
fn defaults_of_a_task_are_whole_and_only_where_a_task_is_made() {
    let title = || NewCommunicationOutcome { task_title: Some("x".into()), ..NewCommunicationOutcome::default() };
    assert_eq!(refused(title()), ["/task_title conflicting_fields"]);
    let task = |input| NewCommunicationOutcome { next_step: Some(OutcomeStep::Task), ..input };
    assert_eq!(refused(task(title())), ["/due_in_seconds required"]);
    let kind = NewCommunicationOutcome { task_kind: Some("Звонок".into()), ..NewCommunicationOutcome::default() };
    assert_eq!(refused(task(kind)), ["/task_kind invalid_key", "/task_title required", "/due_in_seconds required"]);
    assert!(refused(task(NewCommunicationOutcome { due_in_seconds: Some(60), ..title() })).is_empty());
    assert_eq!(faults(made::<CommunicationOutcome>(&NewCommunicationOutcome::default()).map(|_| ())), ["/name required"]);
}

#[test]
fn what_was_told_of_a_task_goes_with_it() {
    let task = outcome(NewCommunicationOutcome {
        next_step: Some(OutcomeStep::Task),
        task_title: Some("x".into()),
        task_kind: Some("call".into()),
        due_in_seconds: Some(60),
        ..NewCommunicationOutcome::default()
    });
    let birth = Birth { id: Uuid::from_u128(7), at: now(), by: ActorRef::system() };
    let making = Making { birth: &birth, workspace: None, fresh_id: &Uuid::nil, asker: None };
    let changed = |input: NewCommunicationOutcome| CommunicationOutcome::make(&input, Some(&task), &making);
    let none = changed(NewCommunicationOutcome { next_step: None, ..task.input() }).unwrap();
    assert_eq!((none.next_step, none.task_title, none.task_kind, none.due_in_seconds), (OutcomeStep::None, None, None, None));
    let other = changed(NewCommunicationOutcome { next_step: Some(OutcomeStep::Meeting), due_in_seconds: Some(61), ..task.input() });
    assert_eq!(faults(other.map(|_| ())), ["/due_in_seconds conflicting_fields"]);
}

#[test]
fn the_name_is_told_where_nobody_says_it_otherwise() {
    let (refusal, agreed) = (
        CommunicationOutcome { name: "Отказ".into(), ..outcome(NewCommunicationOutcome::default()) },
        outcome(NewCommunicationOutcome::default()),
    );
    assert_eq!(agreed.told(None, false, None), "Договорились");
    assert_eq!(agreed.told(Some("дорого".into()), true, None), "дорого");
    // what the outcome before was called gives way, own words stay
    assert_eq!(agreed.told(Some("Отказ".into()), false, Some(&refusal)), "Договорились");
    assert_eq!(agreed.told(Some("перезвонит сам".into()), false, Some(&refusal)), "перезвонит сам");
}

proptest! {
    /// Nothing is told missing that is there, and nothing is let through that is missing.
    #[test]
    fn what_is_refused_is_what_is_missing(
        wanted in proptest::sample::subsequence(CommunicationRequirement::ALL.to_vec(), 0..CommunicationRequirement::ALL.len()),
        subject in proptest::option::of("[a-z]{1,5}"), body in proptest::option::of("[a-z]{1,5}"), place in proptest::option::of("[a-z]{1,5}"),
        lasted in proptest::option::of(0_i64..1000), step in 0_usize..3, task in any::<bool>(), meeting in any::<bool>(),
        channels in proptest::sample::subsequence(Channel::ALL.to_vec(), 0..3),
    ) {
        let rule = outcome(NewCommunicationOutcome {
            required_fields: Some(wanted.clone()), next_step: Some(OutcomeStep::ALL[step]), channels: Some(channels.clone()), ..NewCommunicationOutcome::default()
        });
        let of = call(NewCommunication { subject, body, place, duration_seconds: lasted, ..NewCommunication::default() });
        let missing = wanted.iter().filter(|field| !field.is_met_by(&of)).count();
        let lacks_step = match rule.next_step {
            OutcomeStep::None => false,
            OutcomeStep::Task => !task,
            OutcomeStep::Meeting => !meeting,
        };
        let elsewhere = !channels.is_empty() && !channels.contains(&Channel::Call);
        let found = faults(rule.check(&of, Brought { task, meeting }));
        prop_assert_eq!(found.len(), missing + usize::from(lacks_step) + usize::from(elsewhere));
    }

    /// A task made by itself is never due at a time that is over.
    #[test]
    fn a_task_of_its_own_is_still_to_be_done(ago in -400_000_i64..100_000_000, wait in 60_i64..31_622_400) {
        let rule = outcome(NewCommunicationOutcome {
            next_step: Some(OutcomeStep::Task), task_title: Some("x".into()), due_in_seconds: Some(wait), ..NewCommunicationOutcome::default()
        });
        let of = Communication { occurred_at: now() - Duration::seconds(ago), ..call(NewCommunication::default()) };
        let due = rule.own_task(&of, NOTHING, now()).unwrap().due_at.unwrap();
        prop_assert!(due > now() && due >= of.occurred_at + Duration::seconds(wait));
        prop_assert!(due <= now().max(of.occurred_at) + Duration::seconds(wait));
    }

    /// An outcome made again from itself is the same.
    #[test]
    fn an_outcome_is_its_input(name in "[A-Za-zА-я ]{1,20}[а-я]", topic in proptest::option::of("[a-z]{1,5}"), position in 0_i64..1000) {
        let rule = made::<CommunicationOutcome>(&NewCommunicationOutcome { name: Some(name), topic, position: Some(position), ..NewCommunicationOutcome::default() }).unwrap();
        prop_assert_eq!(made::<CommunicationOutcome>(&rule.input()).unwrap(), rule);
    }
}
