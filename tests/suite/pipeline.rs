//! Pipelines: ready-made, changed with deals in them.

use kartoteka_tests::{Caller, Value, app, json};

/// The first pipeline, and the ids of its stages in their order.
pub fn first(caller: &Caller) -> (String, Vec<String>) {
    let all = caller.get("/v1/pipelines").ok();
    let pipeline = &all.items()[0];
    (pipeline["id"].as_str().unwrap().to_owned(), stages(pipeline))
}

fn stages(pipeline: &Value) -> Vec<String> {
    pipeline["stages"].as_array().unwrap().iter().map(|stage| stage["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_workspace_begins_with_a_pipeline_one_can_work_in() {
    let manager = app().workspace().manager();
    let (_, stages) = first(&manager);
    assert_eq!(stages.len(), 7);
    let deal = manager.post("/v1/deals", json!({"name": "Первая"})).created();
    assert_eq!((&deal["stage_id"], &deal["outcome"], &deal["owner_id"]), (&json!(stages[0]), &json!("open"), &json!(manager.user_id)));
    manager.post("/v1/pipelines", json!({"name": "Своя"})).is_problem(403, "forbidden");
}

#[test]
fn a_pipeline_keeps_its_stages_and_a_known_one_what_it_leaves_out() {
    let admin = app().workspace().administrator();
    let sent = json!({"name": "Опт", "skipping": "nobody", "stages": [
        {"name": "Заявка", "time_limit_seconds": 3600, "script": "Спросить объём", "checklist": [{"text": "Объём", "required": true}]},
        {"name": "Победа", "kind": "won"}, {"name": "Отказ", "kind": "lost"}, {"name": "Договор", "probability": 80, "required_fields": ["amount", "company_id"]}]});
    let made = admin.post("/v1/pipelines", sent).created();
    let names: Vec<&str> = made["stages"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Заявка", "Договор", "Победа", "Отказ"], "open stages come first");
    assert_eq!(admin.get(&made.path()).ok().text(), made.text());
    let ids = stages(made.json());
    let change = json!({"stages": [{"id": ids[1], "name": "Договор подписан"}, {"id": ids[0]}, {"id": ids[2]}, {"id": ids[3]}]});
    let changed = admin.patch(&made.path(), change).ok();
    let first = &changed["stages"][0];
    assert_eq!((&first["name"], &first["probability"]), (&json!("Договор подписан"), &json!(80)));
    assert_eq!(changed["stages"][1], made["stages"][0], "a known stage keeps what it leaves out");
    assert_eq!(admin.get(&made.path()).ok().text(), changed.text());
}

#[test]
fn a_pipeline_one_cannot_win_or_lose_in_is_refused() {
    let admin = app().workspace().administrator();
    let stages = json!([{"name": "А"}, {"name": "Б", "kind": "won"}]);
    admin
        .post("/v1/pipelines", json!({"name": "x", "stages": stages}))
        .is_problem(422, "validation_failed")
        .names_with("/stages", "stage_kinds");
    let twice = json!([{"name": "А"}, {"name": "а"}, {"name": "Б", "kind": "won"}, {"name": "В", "kind": "lost"}]);
    admin
        .post("/v1/pipelines", json!({"name": "x", "stages": twice}))
        .is_problem(422, "validation_failed")
        .names_with("/stages/1/name", "already_taken");
}

#[test]
fn deals_of_a_removed_stage_go_where_the_change_says() {
    let admin = app().workspace().administrator();
    let (pipeline, stages) = first(&admin);
    let path = format!("/v1/pipelines/{pipeline}");
    let deal = admin.post("/v1/deals", json!({"name": "x", "stage_id": stages[1], "amount": {"amount": 1, "currency": "RUB"}})).created();
    let kept: Vec<Value> = stages.iter().filter(|id| **id != stages[1]).map(|id| json!({"id": id})).collect();
    admin.patch(&path, json!({"stages": kept})).is_problem(422, "validation_failed").names_with("/moved_to", "successor_required");
    let to = |id: &str| json!({"stages": kept, "moved_to": [{"from_stage_id": stages[1], "to_stage_id": id}]});
    admin.patch(&path, to(&stages[5])).is_problem(422, "validation_failed").names_with("/moved_to/0/to_stage_id", "conflicting_fields");
    assert!(admin.patch(&path, to(&stages[5])).text().contains("from_stage_id"), "which field is told");
    assert_eq!(admin.get(&deal.path()).ok()["stage_id"], stages[1].as_str(), "a refusal moves nothing");
    assert_eq!(admin.patch(&path, to(&stages[2])).ok()["stages"].as_array().unwrap().len(), 6);
    assert_eq!(admin.get(&deal.path()).ok()["stage_id"], stages[2].as_str());
    let way = admin.get(&format!("{}/stage-changes", deal.path())).ok();
    assert_eq!(way.items()[0]["from_stage_name"], "Отправлено предложение", "a removed stage keeps its name");
}

#[test]
fn a_pipeline_with_open_deals_is_not_archived() {
    let admin = app().workspace().administrator();
    let pipeline = admin.post("/v1/pipelines", json!({"name": "Вторая"})).created();
    let deal = admin.post("/v1/deals", json!({"name": "x", "pipeline_id": pipeline.id()})).created();
    admin.delete(&pipeline.path()).is_problem(409, "pipeline_in_use");
    admin.delete(&deal.path()).no_content();
    admin.delete(&pipeline.path()).no_content();
    admin
        .post("/v1/deals", json!({"name": "y", "pipeline_id": pipeline.id()}))
        .is_problem(422, "validation_failed")
        .names_with("/pipeline_id", "reference_not_found");
}

#[test]
fn nothing_is_sold_in_an_archived_pipeline() {
    let admin = app().workspace().administrator();
    let pipeline = admin.post("/v1/pipelines", json!({"name": "Вторая"})).created();
    let stages = stages(pipeline.json());
    let make = || admin.post("/v1/deals", json!({"name": "x", "pipeline_id": pipeline.id()})).created();
    let (won, archived) = (make(), make());
    admin.patch(&won.path(), json!({"amount": {"amount": 1, "currency": "RUB"}})).ok();
    let to = |place: usize| admin.post(&format!("{}/move", won.path()), json!({"stage_id": stages[place]}));
    to(5).ok();
    admin.delete(&archived.path()).no_content();
    admin.delete(&pipeline.path()).no_content();
    to(0).is_problem(409, "pipeline_archived");
    let legal = admin.get(&format!("{}/moves", won.path())).ok();
    assert!(legal.items().iter().all(|m| m["kind"] == "lost"), "{legal}");
    admin.post_nothing(&format!("{}/restore", archived.path())).is_problem(409, "pipeline_archived");
    admin
        .post("/v1/deals", json!({"name": "y", "stage_id": stages[0]}))
        .is_problem(422, "validation_failed")
        .names_with("/stage_id", "reference_not_found");
    // what takes a change back brings no open deal there either
    let gone = admin.get(&format!("/v1/audit-events?record_id={}&action=archived", archived.id())).ok().ids().remove(0);
    let taken_back = admin.post(&format!("/v1/audit-events/{gone}/revert"), json!({})).ok();
    assert_eq!(taken_back.at("/conflicts/0/field"), "archived_at", "{taken_back}");
    admin.post_nothing(&format!("{}/restore", pipeline.path())).ok();
    to(0).ok();
    assert_eq!(admin.post_nothing(&format!("{}/restore", archived.path())).ok()["outcome"], "open");
}
