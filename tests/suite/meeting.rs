//! Meetings: being there, held against the plan.

use kartoteka_tests::{Answer, Caller, Value, Workspace, app, json};

struct Team {
    workspace: Workspace,
    head: Caller,
    manager: Caller,
}

fn team() -> Team {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let department = admin.post("/v1/departments", json!({"name": "Север"})).created();
    let of = json!({"department_id": department["id"]});
    let (head, manager) = (workspace.somebody("head", of.clone()), workspace.somebody("manager", of));
    admin.patch(&department.path(), json!({"head_id": head.user_id})).ok();
    Team { workspace, head, manager }
}

fn planned(caller: &Caller, more: &Value) -> Answer {
    let contact = caller.post("/v1/contacts", json!({"last_name": "Блок"})).created().id();
    let mut body = json!({"channel": "meeting", "direction": "outbound", "status": "planned", "occurred_at": "2090-01-01T00:00:00Z", "contact_id": contact,
        "place": "офис клиента", "coordinates": {"latitude": 55.75, "longitude": 37.62}, "participants": [{"user_id": caller.user_id}, {"contact_id": contact}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    caller.post("/v1/communications", body).created()
}

fn at(latitude: f64, longitude: f64, time: &str) -> Value {
    json!({"coordinates": {"latitude": latitude, "longitude": longitude}, "at": time})
}

#[test]
fn a_meeting_takes_place_where_and_when_somebody_checks_in() {
    let Team { workspace, manager, .. } = team();
    let plan = planned(&manager, &json!({}));
    let come = manager.post(&format!("{}/check-in", plan.path()), at(55.7505, 37.62, "2026-01-01T10:00:00Z")).ok();
    assert_eq!(
        json!([
            come["status"],
            come["occurred_at"],
            come["place_matches"],
            come["place_mismatch"],
            come["planned_at"],
            come["check_in"]["distance_m"]
        ]),
        json!(["done", "2026-01-01T10:00:00Z", true, null, "2090-01-01T00:00:00Z", 56])
    );
    assert_eq!(come["coordinates"], json!({"latitude": 55.7505, "longitude": 37.62}));
    manager.post(&format!("{}/check-in", plan.path()), at(55.75, 37.62, "2026-01-01T10:00:00Z")).is_problem(409, "already_checked_in");
    let mut leave = at(55.75, 37.62, "2026-01-01T10:45:00Z");
    leave["outcome"] = json!("договорились");
    let gone = manager.post(&format!("{}/check-out", plan.path()), leave).ok();
    assert_eq!((&gone["duration_seconds"], gone.at("/check_out/at")), (&json!(2700), &json!("2026-01-01T10:45:00Z")));
    assert_eq!(manager.get(&plan.path()).ok().text(), gone.text());
    // an ordinary change keeps what was recorded on the spot
    let after = manager.patch(&plan.path(), json!({"outcome": "подписали"})).ok();
    assert_eq!((&after["check_in"], &after["check_out"]), (&gone["check_in"], &gone["check_out"]));
    assert!(workspace.administrator().get("/v1/tasks?kind=control").ok().items().is_empty());
}

#[test]
fn a_meeting_elsewhere_is_told_to_the_head_once() {
    let Team { workspace, head, manager } = team();
    let plan = planned(&manager, &json!({}));
    let come = manager.post(&format!("{}/check-in", plan.path()), at(55.80, 37.62, "2026-01-01T10:00:00Z")).ok();
    assert_eq!((&come["place_matches"], &come["place_mismatch"]), (&json!(false), &json!({"distance_m": 5560, "radius_m": 300})));
    manager.post(&format!("{}/check-out", plan.path()), at(55.90, 37.62, "2026-01-01T10:30:00Z")).ok();
    let told = workspace.administrator().get("/v1/tasks?kind=control").ok();
    assert_eq!((told.items().len(), told.at("/data/0/owner_id")), (1, &json!(head.user_id)));
    assert_eq!(told.at("/data/0/contact_id"), &plan["contact_id"]);
    // the workspace says how far is too far
    workspace.administrator().patch("/v1/workspace", json!({"meeting_radius_m": 10_000})).ok();
    let near = planned(&manager, &json!({}));
    assert_eq!(manager.post(&format!("{}/check-in", near.path()), at(55.80, 37.62, "2026-01-01T10:00:00Z")).ok()["place_matches"], true);
    assert_eq!(workspace.administrator().get("/v1/tasks?kind=control").ok().items().len(), 1);
}

#[test]
fn a_meeting_told_of_afterwards_is_held_against_its_plan_too() {
    let Team { workspace, head, manager } = team();
    let plan = planned(&manager, &json!({}));
    let silent = manager.patch(&plan.path(), json!({"status": "done", "occurred_at": "2026-01-01T10:00:00Z"})).ok();
    assert_eq!(silent["place_matches"], Value::Null, "nobody said where it was");
    assert_eq!(manager.patch(&plan.path(), json!({"outcome": "подписали"})).ok()["place_matches"], Value::Null);
    let far = manager.patch(&plan.path(), json!({"coordinates": {"latitude": 56.75, "longitude": 37.62}})).ok();
    assert_eq!((&far["place_matches"], far.at("/place_mismatch/distance_m")), (&json!(false), &json!(111_195)));
    assert_eq!(far.at("/planned_coordinates/latitude"), &json!(55.75));
    let told = workspace.administrator().get("/v1/tasks?kind=control").ok();
    assert_eq!((told.items().len(), told.at("/data/0/owner_id")), (1, &json!(head.user_id)));
    let near = planned(&manager, &json!({}));
    let near = manager
        .patch(
            &near.path(),
            json!({"status": "done", "occurred_at": "2026-01-01T10:00:00Z", "coordinates": {"latitude": 55.7501, "longitude": 37.62}}),
        )
        .ok();
    assert_eq!((&near["place_matches"], &near["place_mismatch"]), (&json!(true), &Value::Null));
    assert_eq!(workspace.administrator().get("/v1/tasks?kind=control").ok().items().len(), 1);
}

#[test]
fn a_meeting_does_not_end_without_what_came_of_it_where_that_is_demanded() {
    let Team { workspace, manager, .. } = team();
    let admin = workspace.administrator();
    let policy = |word: &str| {
        let mut policies = admin.get("/v1/workspace").ok()["policies"].clone();
        policies["outcome"] = json!(word);
        admin.patch("/v1/workspace", json!({"policies": policies})).ok();
    };
    let begun = || {
        let plan = planned(&manager, &json!({}));
        manager.post(&format!("{}/check-in", plan.path()), at(55.75, 37.62, "2026-01-01T10:00:00Z")).ok();
        plan.path()
    };
    let leave = |meeting: &str, outcome: Value| {
        let mut body = at(55.75, 37.62, "2026-01-01T11:00:00Z");
        body["outcome"] = outcome;
        manager.post(&format!("{meeting}/check-out"), body)
    };
    policy("require");
    let meeting = begun();
    leave(&meeting, Value::Null).is_problem(422, "validation_failed").names_with("/outcome", "outcome_required");
    assert_eq!(manager.get(&meeting).ok()["check_out"], Value::Null);
    let gone = leave(&meeting, json!("подписали")).ok();
    assert_eq!((&gone["outcome"], gone.warnings().len()), (&json!("подписали"), 0));
    // what was told before need not be told again
    let meeting = begun();
    manager.patch(&meeting, json!({"outcome": "перенесли"})).ok();
    assert_eq!(leave(&meeting, Value::Null).ok()["outcome"], "перенесли");
    policy("warn");
    assert_eq!(leave(&begun(), Value::Null).ok().warnings(), ["outcome_missing"]);
    policy("off");
    assert!(leave(&begun(), Value::Null).ok().warnings().is_empty());
}

#[test]
fn nobody_is_off_the_globe_or_leaves_before_he_came() {
    let Team { workspace, manager, .. } = team();
    let plan = planned(&manager, &json!({"coordinates": null}));
    let go = |verb: &str, body: Value| manager.post(&format!("{}/{verb}", plan.path()), body);
    go("check-out", at(1.0, 1.0, "2026-01-01T10:00:00Z")).is_problem(409, "not_checked_in");
    let refused = go("check-in", at(91.0, -181.0, "2090-01-01T10:00:00Z")).is_problem(422, "validation_failed");
    refused.names_with("/coordinates/latitude", "out_of_range").names("/coordinates/longitude").names_with("/at", "in_the_future");
    go("check-in", json!({})).is_problem(422, "validation_failed").names_with("/coordinates", "required");
    assert_eq!(manager.get(&plan.path()).ok()["version"], 1);
    let come = go("check-in", at(1.0, 1.0, "2026-01-01T10:00:00Z")).ok();
    assert_eq!((&come["place_matches"], come.at("/check_in/distance_m")), (&Value::Null, &Value::Null));
    go("check-out", at(1.0, 1.0, "2026-01-01T09:00:00Z")).is_problem(422, "validation_failed").names_with("/at", "in_the_past");
    let call =
        manager.post("/v1/communications", json!({"channel": "call", "direction": "outbound", "contact_id": plan["contact_id"]})).created();
    manager.post(&format!("{}/check-in", call.path()), at(1.0, 1.0, "2026-01-01T10:00:00Z")).is_problem(409, "not_a_meeting");
    workspace.manager().post(&format!("{}/check-in", plan.path()), at(1.0, 1.0, "2026-01-01T10:00:00Z")).is_problem(404, "not_found");
}
