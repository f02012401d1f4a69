use std::cell::Cell;

use uuid::Uuid;

use super::*;
use crate::{actor::ActorRef, record::Birth};

fn make(input: &NewPipeline, previous: Option<&Pipeline>) -> Result<Pipeline, FieldErrors> {
    let birth = Birth { id: Uuid::from_u128(7), at: "2026-11-22T10:00:00Z".parse().unwrap(), by: ActorRef::system() };
    let next = Cell::new(previous.map_or(100, |p| 1000 + p.stages.len() as u128));
    let fresh_id = || {
        next.set(next.get() + 1);
        Uuid::from_u128(next.get())
    };
    Pipeline::make(input, previous, &Making { birth: &birth, workspace: None, fresh_id: &fresh_id, asker: None })
}

fn named(name: &str) -> NewPipeline {
    NewPipeline { name: Some(name.into()), ..NewPipeline::default() }
}

#[test]
fn a_pipeline_without_stages_gets_the_ready_made_ones() {
    let pipeline = make(&named("Sales"), None).unwrap();
    assert_eq!(pipeline.stages.len(), 7);
    assert_eq!(pipeline.first().unwrap().name, "First contact");
    assert_eq!(pipeline.stages.last().unwrap().kind, StageKind::Lost);
}

#[test]
fn one_can_win_and_lose_in_every_pipeline() {
    let stage = |name: &str, kind| StageInput { name: Some(name.into()), kind: Some(kind), ..StageInput::default() };
    for stages in [
        vec![stage("a", StageKind::Open)],
        vec![stage("a", StageKind::Won), stage("b", StageKind::Lost)],
        vec![stage("a", StageKind::Open), stage("b", StageKind::Won), stage("c", StageKind::Won), stage("d", StageKind::Lost)],
    ] {
        let errors = make(&NewPipeline { stages: Some(stages), ..named("x") }, None).unwrap_err();
        assert!(errors.0.iter().all(|e| e.code == FieldCode::StageKinds && e.pointer == "/stages"));
    }
}

#[test]
fn a_known_stage_keeps_what_it_leaves_out_and_its_meaning() {
    let before = make(&named("Sales"), None).unwrap();
    let mut input = before.input();
    input.stages = Some(before.stages.iter().map(|s| StageInput { id: Some(s.id), ..StageInput::default() }).collect());
    assert_eq!(make(&input, Some(&before)).unwrap().stages, before.stages);
    input.stages.as_mut().unwrap()[0].kind = Some(StageKind::Won);
    assert!(make(&input, Some(&before)).unwrap_err().0.iter().any(|e| e.code == FieldCode::Unchangeable));
}

#[test]
fn a_removed_stage_is_told() {
    let before = make(&named("Sales"), None).unwrap();
    let mut input = before.input();
    input.stages.as_mut().unwrap().remove(1);
    let after = make(&input, Some(&before)).unwrap();
    assert_eq!(after.removed(&before).iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["Offer sent"]);
}

#[test]
fn a_reminder_longer_before_than_the_limit_is_refused_where_it_is_new() {
    let limits =
        |limit, remind| StageInput { time_limit_seconds: Some(limit), remind_before_seconds: Some(remind), ..StageInput::default() };
    let before = make(&named("Sales"), None).unwrap();
    let change = |of: &Pipeline, first: StageInput| {
        let mut stages: Vec<StageInput> = of.stages.iter().map(StageInput::from).collect();
        stages[0] = StageInput { id: Some(of.stages[0].id), ..first };
        make(&NewPipeline { stages: Some(stages), ..of.input() }, Some(of))
    };
    let fault = change(&before, limits(10, 100)).unwrap_err().0.remove(0);
    assert_eq!((fault.pointer.as_str(), fault.code), ("/stages/0/remind_before_seconds", FieldCode::ConflictingFields));
    assert!(change(&before, limits(100, 100)).is_ok() && change(&before, limits(0, 100)).is_ok());
    let mut kept = before;
    (kept.stages[0].time_limit_seconds, kept.stages[0].remind_before_seconds) = (Some(10), Some(100));
    assert!(change(&kept, limits(10, 100)).is_ok());
}
