//! Nobody reacted: the responsible person is reminded, his head is told, somebody else gets the lead. Each step once.

use kartoteka_tests::{App, Caller, Database, Server, Value, Workspace, app, eventually, json};

/// An enquiry that has waited since long ago.
fn waiting(caller: &Caller) -> Value {
    let card = caller.post("/v1/contacts", json!({"last_name": "Блок"})).created();
    caller.post("/v1/leads", json!({"contact_id": card["id"], "received_at": "2026-01-01T00:00:00Z"})).created().json().clone()
}

fn settings(workspace: &Workspace, remind: Value, head: Value, reassign: Value) {
    let wanted = json!({"remind_after_minutes": remind, "head_after_minutes": head, "reassign_after_minutes": reassign});
    workspace.administrator().patch("/v1/workspace", json!({"untouched_leads": wanted})).ok();
}

fn tasks(admin: &Caller, lead: &Value) -> Vec<(String, String)> {
    let all = admin.get(&format!("/v1/tasks?lead_id={}&limit=200", lead["id"].as_str().unwrap())).ok();
    let mut told: Vec<(String, String)> =
        all.items().iter().map(|task| (task["kind"].as_str().unwrap().to_owned(), task["owner_id"].as_str().unwrap().to_owned())).collect();
    told.sort();
    told
}

#[test]
fn each_step_is_taken_once_and_says_whom_it_concerns() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let department = admin.post("/v1/departments", json!({"name": "Север"})).created();
    let of = json!({"department_id": department["id"]});
    let (head, anna, boris) =
        (workspace.somebody("head", of.clone()), workspace.somebody("manager", of.clone()), workspace.somebody("manager", of));
    admin.patch(&department.path(), json!({"head_id": head.user_id})).ok();
    admin
        .post("/v1/assignment-rules", json!({"name": "круг", "method": "round_robin", "user_ids": [anna.user_id, boris.user_id]}))
        .created();
    settings(&workspace, json!(15), json!(60), json!(90));
    let lead = waiting(&anna);
    let path = format!("/v1/leads/{}", lead["id"].as_str().unwrap());
    let given = eventually("the lead to be given to somebody else", || {
        Some(admin.get(&path).ok()).filter(|l| l["owner_id"] == boris.user_id.as_str())
    });
    assert!(given["assignment_reason"].as_str().unwrap().starts_with("nobody reacted within"), "{given}");
    let expected = [("untouched_head".to_owned(), head.user_id.clone()), ("untouched_remind".to_owned(), anna.user_id.clone())];
    assert_eq!(tasks(&admin, &lead), expected);
    let decided = admin.get(&format!("/v1/assignment-decisions?lead_id={}", lead["id"].as_str().unwrap())).ok();
    assert_eq!((decided.items().len(), decided.at("/data/0/occasion")), (1, &json!("escalation")));
    assert_eq!(decided.at("/data/0/candidates/1/skipped"), "excluded");
    let history = admin.get(&format!("/v1/audit-events?record_id={}&action=assigned", lead["id"].as_str().unwrap())).ok();
    assert!(history.at("/data/0/reason").as_str().unwrap().contains("nobody reacted"), "{history}");
    // other settings do not begin it anew
    settings(&workspace, json!(1), json!(1), json!(1));
    std::thread::sleep(std::time::Duration::from_secs(4));
    assert_eq!(tasks(&admin, &lead), expected);
}

#[test]
fn a_lead_that_its_form_gave_goes_to_another_of_its_people_and_where_there_is_none_the_head_hears_of_it() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let department = admin.post("/v1/departments", json!({"name": "Север"})).created();
    let of = json!({"department_id": department["id"]});
    let (head, anna, boris) =
        (workspace.somebody("head", of.clone()), workspace.somebody("manager", of.clone()), workspace.somebody("manager", of));
    admin.patch(&department.path(), json!({"head_id": head.user_id})).ok();
    let enquire = |people: Value, phone: &str| {
        let form = workspace.form(json!({"assignment": {"kind": "round_robin", "user_ids": people}}));
        let door = format!("/public/v1/forms/{}/submissions", form["key"].as_str().unwrap());
        let receipt = app().anyone().post(&door, json!({"fields": {"name": "Анна", "phone": phone}})).accepted();
        let path = format!("/v1/submissions/{}", receipt["submission_id"].as_str().unwrap());
        let done = eventually("the submission", || Some(admin.get(&path).ok()).filter(|s| s["state"] == "processed"));
        let path = format!("/v1/leads/{}", done["lead_id"].as_str().unwrap());
        // it has waited since long ago
        admin.patch(&path, json!({"received_at": "2026-01-01T00:00:00Z"})).ok();
        path
    };
    let round = enquire(json!([anna.user_id, boris.user_id]), "+79123450001");
    let alone = enquire(json!([anna.user_id]), "+79123450002");
    // a rule that fits and finds nobody decides nothing
    admin.post("/v1/assignment-rules", json!({"name": "прежний", "method": "user", "user_ids": [anna.user_id]})).created();
    assert_eq!(admin.get(&round).ok()["owner_id"], anna.user_id.as_str());
    settings(&workspace, Value::Null, Value::Null, json!(90));
    let given = eventually("the lead to be given to another", || {
        Some(admin.get(&round).ok()).filter(|lead| lead["owner_id"] == boris.user_id.as_str())
    });
    let reason = given["assignment_reason"].as_str().unwrap();
    assert!(reason.starts_with("nobody reacted within") && reason.ends_with("another one named by the form"), "{reason}");
    let untouched = |who: &Caller| who.get("/v1/notifications?kind=lead_untouched&limit=200").ok().items().to_vec();
    eventually("who has it now and the head to be told", || (untouched(&boris).len() == 1 && untouched(&head).len() == 1).then_some(()));
    assert_eq!(admin.get(&alone).ok()["owner_id"], anna.user_id.as_str());
    let decided = admin.get(&format!("/v1/assignment-decisions?lead_id={}", alone.rsplit('/').next().unwrap())).ok();
    let why = decided.at("/data/0/reason").as_str().unwrap().to_owned();
    assert!(why.ends_with("the form names nobody else who is there"), "{why}");
    assert_eq!((untouched(&boris).len(), untouched(&head).len(), untouched(&anna).len()), (1, 1, 0));
}

#[test]
fn a_reaction_ends_it_and_without_settings_nothing_is_done() {
    let workspace = app().workspace();
    let (admin, anna) = (workspace.administrator(), workspace.manager());
    let (quiet, answered) = (waiting(&anna), waiting(&anna));
    anna.post(
        "/v1/communications",
        json!({"channel": "call", "direction": "outbound", "contact_id": answered["contact_id"], "outcome": "да"}),
    )
    .created();
    assert!(tasks(&admin, &quiet).is_empty());
    // what waits already is looked after when the settings change
    settings(&workspace, json!(15), Value::Null, Value::Null);
    eventually("a reminder", || (tasks(&admin, &quiet).len() == 1).then_some(()));
    assert!(tasks(&admin, &answered).is_empty());
    assert_eq!(admin.get(&format!("/v1/leads/{}", quiet["id"].as_str().unwrap())).ok()["owner_id"], anna.user_id.as_str());
    let wrong = json!({"untouched_leads": {"remind_after_minutes": 0}});
    admin.patch("/v1/workspace", wrong).is_problem(422, "validation_failed").names("/untouched_leads/remind_after_minutes");
}

#[test]
fn two_processes_and_a_kill_take_each_step_once() {
    let database = Database::fresh();
    let quiet = Server::start(&database, &[("KARTOTEKA_WORKERS", "false")]);
    let workspace = App::of(&quiet).workspace();
    let (admin, anna, boris) = (workspace.administrator(), workspace.manager(), workspace.manager());
    admin
        .post("/v1/assignment-rules", json!({"name": "круг", "method": "least_loaded", "user_ids": [anna.user_id, boris.user_id]}))
        .created();
    settings(&workspace, json!(15), json!(60), json!(90));
    let leads: Vec<Value> = (0..12).map(|_| waiting(&anna)).collect();
    let key = workspace.key("administrator");
    quiet.kill();
    let (one, two) = (Server::start(&database, &[]), Server::start(&database, &[]));
    std::thread::sleep(std::time::Duration::from_millis(300));
    one.kill();
    let (three, mut admin) = (Server::start(&database, &[]), key);
    admin.app = App::of(&two);
    for lead in &leads {
        let path = format!("/v1/leads/{}", lead["id"].as_str().unwrap());
        eventually("the lead to be given to somebody else", || (admin.get(&path).ok()["owner_id"] == boris.user_id.as_str()).then_some(()));
        let kinds: Vec<String> = tasks(&admin, lead).into_iter().map(|(kind, _)| kind).collect();
        assert_eq!(kinds, ["untouched_head", "untouched_remind"]);
        let decided = admin.get(&format!("/v1/assignment-decisions?lead_id={}", lead["id"].as_str().unwrap())).ok();
        assert_eq!(decided.items().len(), 1);
    }
    three.kill();
}
