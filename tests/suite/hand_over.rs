//! Handing over: a task, a portfolio; previewed, traced, taken back.

use kartoteka_tests::{Caller, Value, app, json};

/// A client with a lead, a deal and a task, of that person; ids by collection.
fn work(admin: &Caller, owner: &str) -> Vec<(&'static str, String)> {
    let mine = |mut body: Value| {
        body["owner_id"] = json!(owner);
        body
    };
    let company =
        admin.post("/v1/companies", mine(json!({"name": format!("Фирма {}", kartoteka_tests::workspace::unique())}))).created().id();
    let contact = admin.post("/v1/contacts", mine(json!({"last_name": "Клиент", "phones": [], "tags": ["VIP"]}))).created().id();
    let lead = admin.post("/v1/leads", mine(json!({"contact_id": contact, "tags": ["сайт"]}))).created().id();
    let pipeline = admin.get("/v1/pipelines").ok().ids().remove(0);
    let deal = mine(json!({"name": "Щебень", "pipeline_id": pipeline, "contacts": [{"contact_id": contact}]}));
    let deal = admin.post("/v1/deals", deal).created().id();
    let task = admin
        .post("/v1/tasks", mine(json!({"title": "Позвонить", "contact_id": contact, "due_at": "2030-01-01T09:00:00Z"})))
        .created()
        .id();
    vec![("/v1/companies", company), ("/v1/contacts", contact), ("/v1/leads", lead), ("/v1/deals", deal), ("/v1/tasks", task)]
}

fn owner(admin: &Caller, collection: &str, id: &str) -> String {
    admin.get(&format!("{collection}/{id}")).ok()["owner_id"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_portfolio_is_previewed_handed_over_and_taken_back() {
    let workspace = app().workspace();
    let (admin, anna, boris) = (workspace.administrator(), workspace.manager(), workspace.manager());
    let mine = work(&admin, &anna.user_id);
    let done = admin.post("/v1/tasks", json!({"title": "Сделано", "owner_id": anna.user_id})).created();
    admin.post(&format!("{}/complete", done.path()), json!({"result": "да"})).ok();
    let order = json!({"from_user_id": anna.user_id, "to_user_id": boris.user_id, "comment": "Анна уходит"});
    let preview = admin.post("/v1/hand-overs?dry_run=true", order.clone()).ok();
    let counts: Vec<i64> = preview["records"].as_array().unwrap().iter().map(|shelf| shelf["count"].as_i64().unwrap()).collect();
    assert_eq!(counts, [1, 1, 1, 1, 1], "{preview}");
    assert!(mine.iter().all(|(collection, id)| owner(&admin, collection, id) == anna.user_id), "a preview moves nothing");
    let before = admin.get(&format!("/v1/leads/{}", mine[2].1)).ok();
    let handed = admin.post("/v1/hand-overs", order).created();
    assert_eq!(handed["records"], preview["records"]);
    for (collection, id) in &mine {
        assert_eq!(owner(&admin, collection, id), boris.user_id, "{collection}");
    }
    assert_eq!(owner(&admin, "/v1/tasks", &done.id()), anna.user_id, "what is finished stays whose it was");
    let card = admin.get(&format!("/v1/contacts/{}", mine[1].1)).ok();
    assert_eq!((&card["tags"], &card["version"]), (&json!(["VIP"]), &json!(2)));
    let lead = admin.get(&format!("/v1/leads/{}", mine[2].1)).ok();
    assert_eq!((&lead["assignment_reason"], &lead["tags"]), (&json!("handed over"), &json!(["сайт"])));
    let traced = admin.get(&format!("/v1/audit-events?record_id={}&action=assigned", mine[3].1)).ok();
    assert_eq!((traced.at("/data/0/reason"), traced.at("/data/0/changes/owner_id/after")), (&json!("Анна уходит"), &json!(boris.user_id)));
    assert_eq!(admin.get(&handed.path()).ok().text(), handed.text());
    // Boris gave one away meanwhile
    admin.patch(&format!("/v1/tasks/{}", mine[4].1), json!({"owner_id": admin.user_id})).ok();
    let undone = admin.post_nothing(&format!("{}/undo", handed.path())).ok();
    assert_eq!((&undone["restored"], undone.at("/conflicts/0/record_id")), (&json!(4), &json!(mine[4].1)));
    assert_eq!(undone.at("/conflicts/0/owner_id"), admin.user_id.as_str());
    for (collection, id) in mine.iter().take(4) {
        assert_eq!(owner(&admin, collection, id), anna.user_id, "{collection}");
    }
    assert_eq!(admin.get(&format!("/v1/leads/{}", mine[2].1)).ok()["assignment_reason"], before["assignment_reason"], "exactly");
    admin.post_nothing(&format!("{}/undo", handed.path())).is_problem(409, "already_undone");
    assert!(admin.get("/v1/hand-overs").ok().items().is_empty());
    assert_eq!(admin.get("/v1/hand-overs?archived=only").ok().ids(), [handed.id()]);
}

#[test]
fn a_portfolio_is_shared_out_and_a_client_stays_in_one_hand() {
    let workspace = app().workspace();
    let (admin, anna) = (workspace.administrator(), workspace.manager());
    let (boris, vera) = (workspace.manager(), workspace.manager());
    let all: Vec<_> = (0..4).map(|_| work(&admin, &anna.user_id)).collect();
    let to = json!([{"user_id": boris.user_id, "share": 3}, {"user_id": vera.user_id}]);
    let order = json!({"from_user_id": anna.user_id, "to": to, "record_types": ["contact", "lead", "task"]});
    admin.with("idempotency-key", "once").post("/v1/hand-overs", order.clone()).created();
    admin.with("idempotency-key", "once").post("/v1/hand-overs", order).created();
    let mut of_boris = 0;
    for mine in &all {
        let client = owner(&admin, "/v1/contacts", &mine[1].1);
        of_boris += i32::from(client == boris.user_id);
        assert_eq!(owner(&admin, "/v1/leads", &mine[2].1), client);
        assert_eq!(owner(&admin, "/v1/tasks", &mine[4].1), client);
        assert_eq!(owner(&admin, "/v1/deals", &mine[3].1), anna.user_id, "not asked for");
    }
    assert_eq!(of_boris, 3);
    assert_eq!(admin.get("/v1/hand-overs?include_total=true").ok()["total"], 1, "once by its key");
}

#[test]
fn only_some_clients_are_handed_over_where_they_are_named() {
    let workspace = app().workspace();
    let (admin, anna, boris) = (workspace.administrator(), workspace.manager(), workspace.manager());
    let (one, other) = (work(&admin, &anna.user_id), work(&admin, &anna.user_id));
    let order = json!({"from_user_id": anna.user_id, "to_user_id": boris.user_id, "contact_ids": [one[1].1]});
    admin.post("/v1/hand-overs", order).created();
    for place in 1..5 {
        assert_eq!(owner(&admin, one[place].0, &one[place].1), boris.user_id);
        assert_eq!(owner(&admin, other[place].0, &other[place].1), anna.user_id);
    }
    assert_eq!(owner(&admin, "/v1/companies", &one[0].1), anna.user_id, "a company is no client's");
}

#[test]
fn nobody_hands_over_what_he_may_not_or_to_whom_he_may_not() {
    let workspace = app().workspace();
    let (admin, anna, gone) = (workspace.administrator(), workspace.manager(), workspace.manager());
    admin.patch(&format!("/v1/users/{}", gone.user_id), json!({"active": false})).ok();
    let order = |to: &str| json!({"from_user_id": anna.user_id, "to_user_id": to});
    let refused = |caller: &Caller, body: Value, pointer: &str, code: &str| {
        caller.post("/v1/hand-overs", body.clone()).is_problem(422, "validation_failed").names_with(pointer, code);
        caller.post("/v1/hand-overs?dry_run=true", body).is_problem(422, "validation_failed").names_with(pointer, code);
    };
    refused(&admin, order(&anna.user_id), "/to_user_id", "conflicting_fields");
    refused(&admin, order(&gone.user_id), "/to_user_id", "inactive_user");
    refused(&admin, order("01939d5a-0000-7000-8000-000000000000"), "/to_user_id", "reference_not_found");
    refused(&admin, json!({"to_user_id": anna.user_id}), "/from_user_id", "required");
    refused(&anna, order(&admin.user_id), "/to_user_id", "outside_reach");
    refused(&anna, json!({"from_user_id": admin.user_id, "to_user_id": anna.user_id}), "/from_user_id", "outside_reach");
    workspace.operator().post("/v1/hand-overs", order(&admin.user_id)).is_problem(403, "forbidden");
    // whoever left can be handed over from
    admin.post("/v1/hand-overs", json!({"from_user_id": gone.user_id, "to_user_id": anna.user_id})).created();
}

#[test]
fn a_task_is_handed_over_with_what_the_colleague_should_know() {
    let workspace = app().workspace();
    let (admin, anna, boris) = (workspace.administrator(), workspace.manager(), workspace.manager());
    let task = anna.post("/v1/tasks", json!({"title": "Позвонить"})).created();
    let verb = format!("{}/hand-over", task.path());
    anna.post(&verb, json!({})).is_problem(422, "validation_failed").names_with("/owner_id", "required");
    anna.post(&verb, json!({"owner_id": anna.user_id})).is_problem(422, "validation_failed").names("/owner_id");
    let given = admin.post(&verb, json!({"owner_id": boris.user_id, "comment": "просил после обеда"})).ok();
    assert_eq!(given["owner_id"], boris.user_id.as_str());
    let notes = boris.get(&format!("/v1/notes?task_id={}", task.id())).ok();
    assert_eq!(notes.at("/data/0/body"), "просил после обеда");
    let traced = admin.get(&format!("/v1/audit-events?record_id={}&action=assigned", task.id())).ok();
    assert_eq!(traced.at("/data/0/reason"), "просил после обеда");
}

#[test]
fn who_left_meanwhile_gets_nothing_back() {
    let workspace = app().workspace();
    let (admin, anna, boris) = (workspace.administrator(), workspace.manager(), workspace.manager());
    crate::next_step::demand(&workspace, "require");
    let next = json!({"title": "Позвонить", "due_at": "2030-01-01T00:00:00Z"});
    let card = json!({"last_name": "Ахматова", "type": "customer", "owner_id": anna.user_id, "next_task": next});
    let card = admin.post("/v1/contacts", card).created();
    let order = json!({"from_user_id": anna.user_id, "to_user_id": boris.user_id});
    let handed = admin.post("/v1/hand-overs", order).created();
    let seat = format!("/v1/users/{}", anna.user_id);
    admin.patch(&seat, json!({"active": false})).ok();
    let undo = format!("{}/undo", handed.path());
    admin.post_nothing(&undo).is_problem(422, "validation_failed").names_with("/from_user_id", "inactive_user");
    assert_eq!(owner(&admin, "/v1/contacts", &card.id()), boris.user_id, "nothing changed");
    assert!(admin.get("/v1/attention?record_type=contact").ok().items().is_empty());
    admin.patch(&seat, json!({"active": true})).ok();
    admin.post_nothing(&undo).ok();
    assert_eq!(owner(&admin, "/v1/contacts", &card.id()), anna.user_id);
}
