//! What a communication may be.

use super::*;
use crate::{actor::ActorRef, record::Birth};
use uuid::Uuid;

fn make(input: &NewCommunication, previous: Option<&Communication>) -> Result<Communication, FieldErrors> {
    let birth = Birth { id: Uuid::from_u128(7), at: "2026-11-22T10:00:00Z".parse().unwrap(), by: ActorRef::system() };
    let making = Making { birth: &birth, workspace: None, fresh_id: &Uuid::nil, asker: None };
    let who = ContactId::new(Uuid::from_u128(1));
    Communication::make(
        &NewCommunication {
            channel: input.channel.or(Some(Channel::Meeting)),
            direction: Some(Direction::Outbound),
            contact_id: Some(who),
            ..input.clone()
        },
        previous,
        &making,
    )
}
fn planned() -> NewCommunication {
    NewCommunication {
        status: Some(CommunicationStatus::Planned),
        occurred_at: "2026-11-23T09:00:00Z".parse().ok(),
        duration_seconds: Some(3600),
        place: Some("офис клиента".into()),
        coordinates: Some(Coordinates { latitude: 55.75, longitude: -0.0 }),
        ..NewCommunication::default()
    }
}

#[test]
fn the_plan_stays_when_it_is_done_otherwise() {
    let plan = make(&planned(), None).unwrap();
    let done = NewCommunication {
        status: Some(CommunicationStatus::Done),
        occurred_at: "2026-11-22T09:00:00Z".parse().ok(),
        duration_seconds: Some(600),
        place: Some("кафе".into()),
        coordinates: None,
        ..plan.input()
    };
    let done = make(&done, Some(&plan)).unwrap();
    assert_eq!((done.planned_at, done.planned_duration_seconds), ("2026-11-23T09:00:00Z".parse().ok(), Some(3600)));
    assert_eq!((done.planned_place.as_deref(), done.place.as_deref()), (Some("офис клиента"), Some("кафе")));
    assert_eq!((&done.planned_coordinates, &done.coordinates), (&plan.coordinates, &None));
    assert_eq!(done.duration_seconds, Some(600));
}

#[test]
fn a_plan_that_is_moved_is_the_new_plan_and_what_was_never_planned_has_none() {
    let plan = make(&planned(), None).unwrap();
    let moved = NewCommunication { occurred_at: "2026-11-24T09:00:00Z".parse().ok(), ..plan.input() };
    assert_eq!(make(&moved, Some(&plan)).unwrap().planned_at, "2026-11-24T09:00:00Z".parse().ok());
    let at_once = make(&NewCommunication { place: Some("офис".into()), ..NewCommunication::default() }, None).unwrap();
    assert_eq!((at_once.planned_at, at_once.planned_place, at_once.planned_duration_seconds), (None, None, None));
}

#[test]
fn what_is_later_was_planned_not_done() {
    let done = NewCommunication { status: Some(CommunicationStatus::Done), ..planned() };
    assert_eq!(make(&done, None).unwrap_err().0[0].code, FieldCode::InTheFuture);
}

#[test]
fn an_outcome_is_missed_only_of_what_took_place() {
    let is_missing = |input: &NewCommunication| make(input, None).unwrap().outcome_missing();
    assert!(is_missing(&NewCommunication::default()));
    assert!(!is_missing(&NewCommunication { outcome: Some("договорились".into()), ..NewCommunication::default() }));
    assert!(!is_missing(&planned()));
    assert!(!is_missing(&NewCommunication { channel: Some(Channel::Form), ..NewCommunication::default() }));
    let made = make(&NewCommunication::default(), None).unwrap();
    assert_eq!(made.outcome_verdict(Policy::Require), Policy::Require);
    assert_eq!(Communication { outcome: Some("x".into()), ..made }.outcome_verdict(Policy::Require), Policy::Off);
}

#[test]
fn a_next_meeting_is_still_to_come_and_says_where() {
    let sent = |meeting: NextMeeting| make(&NewCommunication { next_meeting: Some(meeting), ..NewCommunication::default() }, None);
    let pointers = |found: Result<Communication, FieldErrors>| -> Vec<String> {
        found.err().unwrap_or_default().0.into_iter().map(|error| format!("{} {}", error.pointer, error.code)).collect()
    };
    assert_eq!(pointers(sent(NextMeeting::default())), ["/next_meeting/occurred_at required", "/next_meeting/place required"]);
    let at = |time: &str| NextMeeting { occurred_at: time.parse().ok(), place: Some("офис".into()), ..NextMeeting::default() };
    assert_eq!(pointers(sent(at("2026-11-21T10:00:00Z"))), ["/next_meeting/occurred_at in_the_past"]);
    let of = sent(at("2026-11-23T10:00:00Z")).unwrap();
    let of = Communication { topic: Some("sales".into()), ..of };
    let plan = make(&at("2026-11-23T10:00:00Z").input(of.contact_id), None).unwrap().agreed_in(&of);
    assert_eq!((plan.cause().map(|cause| cause.id), &plan.topic), (Some(of.id.uuid()), &of.topic));
    assert_eq!((plan.status, plan.channel, plan.contact_id), (CommunicationStatus::Planned, Channel::Meeting, of.contact_id));
    assert_eq!((plan.planned_at, plan.planned_place.as_deref()), ("2026-11-23T10:00:00Z".parse().ok(), Some("офис")));
}

#[test]
fn what_an_outcome_demands_comes_when_it_is_chosen_once() {
    let before = make(&NewCommunication::default(), None).unwrap();
    let next =
        || NextMeeting { occurred_at: "2026-11-23T10:00:00Z".parse().ok(), place: Some("офис".into()), ..NextMeeting::default() };
    let chosen = Some(CommunicationOutcomeId::new(Uuid::from_u128(9)));
    let change = |outcome_id, old: &Communication| {
        make(&NewCommunication { outcome_id, next_meeting: Some(next()), next_task: Some(NewTask::default()), ..old.input() }, Some(old))
    };
    assert!(change(chosen, &before).is_ok());
    let codes = |found: Result<Communication, FieldErrors>| found.unwrap_err().0.into_iter().map(|error| error.code).collect::<Vec<_>>();
    assert_eq!(codes(change(None, &before)), [FieldCode::Unchangeable, FieldCode::Unchangeable]);
    let settled = Communication { outcome_id: chosen, ..before.clone() };
    assert_eq!(codes(change(chosen, &settled)), [FieldCode::Unchangeable, FieldCode::Unchangeable]);
    let agreed = Communication { next_meeting: Some(AgreedMeeting::from(&before)), ..before };
    assert_eq!(codes(change(chosen, &agreed)), [FieldCode::Unchangeable]);
}
