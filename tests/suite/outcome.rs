//! What may come of a communication: a list with rules, and what choosing one of it demands.

use kartoteka_tests::{Answer, Caller, Value, Workspace, app, json};

fn card(caller: &Caller) -> String {
    caller.post("/v1/contacts", json!({"last_name": "Блок"})).created().id()
}

fn outcome(workspace: &Workspace, body: &Value) -> String {
    let mut all = json!({"name": "Договорились"});
    all.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
    workspace.administrator().post("/v1/communication-outcomes", all).created().id()
}

/// A call with this outcome, and more.
fn call(caller: &Caller, contact: &str, outcome: &str, more: &Value) -> Answer {
    let mut body = json!({"channel": "call", "direction": "outbound", "contact_id": contact, "outcome_id": outcome});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    caller.post("/v1/communications", body)
}

fn count(caller: &Caller, contact: &str) -> usize {
    caller.get(&format!("/v1/communications?contact_id={contact}")).ok().items().len()
}

#[test]
fn a_workspace_begins_with_a_list_in_its_order() {
    let workspace = app().workspace();
    let manager = workspace.manager();
    let list = manager.get("/v1/communication-outcomes").ok();
    let steps: Vec<&Value> = list.items().iter().map(|one| &one["next_step"]).collect();
    assert_eq!(steps, ["none", "meeting", "task", "task", "none", "none"]);
    let of_forms = manager.get("/v1/communication-outcomes?channel=form").ok();
    assert!(of_forms.items().len() < 6 && of_forms.items().iter().all(|one| one["channels"] == json!([])), "{of_forms}");
    let id = outcome(&workspace, &json!({"topic": "Жалоба", "channels": ["email", "call", "email"], "position": 5}));
    let found = |filter: &str| manager.get(&format!("/v1/communication-outcomes?{filter}")).ok().ids().contains(&id);
    assert!(found("topic=%D0%B6%D0%B0%D0%BB%D0%BE%D0%B1%D0%B0&channel=call") && found("q=%D0%B4%D0%BE%D0%B3%D0%BE%D0%B2%D0%BE%D1%80"));
    assert!(!found("topic=sales") && !found("channel=meeting"));
    assert_eq!(manager.get("/v1/communication-outcomes").ok().ids()[0], id);
    assert_eq!(manager.get(&format!("/v1/communication-outcomes/{id}")).ok()["channels"], json!(["call", "email"]));
    manager.post("/v1/communication-outcomes", json!({"name": "x"})).is_problem(403, "forbidden");
}

#[test]
fn an_entry_that_makes_no_sense_is_refused() {
    let admin = app().workspace().administrator();
    let refused = |body: Value| admin.post("/v1/communication-outcomes", body).is_problem(422, "validation_failed");
    refused(json!({"name": " "})).names_with("/name", "required");
    refused(json!({"name": "x", "task_title": "y"})).names_with("/task_title", "conflicting_fields");
    refused(json!({"name": "x", "next_step": "task", "task_title": "y"})).names_with("/due_in_seconds", "required");
    refused(json!({"name": "x", "next_step": "task", "due_in_seconds": 3600})).names_with("/task_title", "required");
    refused(json!({"name": "x", "next_step": "task", "task_title": "y", "due_in_seconds": 1}))
        .names_with("/due_in_seconds", "out_of_range");
    admin
        .post("/v1/communication-outcomes", json!({"name": "x", "channels": ["smoke"]}))
        .is_problem(422, "validation_failed")
        .names_with("/channels/0", "invalid_value");
}

#[test]
fn an_outcome_fits_the_channel_and_the_topic_and_is_told_by_its_name() {
    let workspace = app().workspace();
    let manager = workspace.manager();
    let contact = card(&manager);
    let id = outcome(&workspace, &json!({"channels": ["call"], "topic": "Жалоба"}));
    let does_not_fit = |more: Value| {
        call(&manager, &contact, &id, &more).is_problem(422, "validation_failed").names_with("/outcome_id", "conflicting_fields")
    };
    does_not_fit(json!({}));
    does_not_fit(json!({"topic": "sales"}));
    does_not_fit(json!({"topic": "жалоба", "channel": "email"}));
    assert_eq!(count(&manager, &contact), 0);
    let made = call(&manager, &contact, &id, &json!({"topic": "жалоба"})).created();
    assert_eq!(
        (&made["outcome"], &made["outcome_id"], &made["next_task"], &made["next_meeting"]),
        (&json!("Договорились"), &json!(id), &Value::Null, &Value::Null)
    );
    assert_eq!(manager.get(&made.path()).ok().text(), made.text());
    let told = call(&manager, &contact, &id, &json!({"topic": "жалоба", "outcome": "вернём деньги"})).created();
    assert_eq!(told["outcome"], "вернём деньги");
    let listed = |filter: &str| manager.get(&format!("/v1/communications?{filter}")).ok().items().len();
    assert_eq!((listed(&format!("outcome_id={id}")), listed("outcome_missing=true")), (2, 0));
    assert_eq!(listed(&format!("outcome_id={}", manager.get("/v1/communication-outcomes").ok().ids()[1])), 0);
}

#[test]
fn every_missing_field_is_told_at_once_and_nothing_is_written() {
    let workspace = app().workspace();
    let manager = workspace.manager();
    let contact = card(&manager);
    let id = outcome(&workspace, &json!({"required_fields": ["subject", "body", "duration_seconds", "place"], "next_step": "meeting"}));
    let answer = call(&manager, &contact, &id, &json!({"body": "обсудили"})).is_problem(422, "validation_failed");
    let named: Vec<&Value> = answer["errors"].as_array().unwrap().iter().map(|error| &error["pointer"]).collect();
    assert_eq!(named, ["/subject", "/duration_seconds", "/place", "/next_meeting"]);
    assert!(answer["errors"].as_array().unwrap().iter().all(|error| error["code"] == "required"));
    assert_eq!(count(&manager, &contact), 0);
}

#[test]
fn a_planned_meeting_is_made_in_the_same_request() {
    let workspace = app().workspace();
    let manager = workspace.manager();
    let contact = card(&manager);
    let deal = manager.post("/v1/deals", json!({"name": "Бетон", "contacts": [{"contact_id": contact}]})).created().id();
    let id = outcome(&workspace, &json!({"next_step": "meeting"}));
    let next = json!({"occurred_at": "2090-03-01T09:00:00Z", "place": "офис клиента", "coordinates": {"latitude": 55.75, "longitude": 37.62},
        "duration_seconds": 3600, "participants": [{"user_id": manager.user_id}]});
    let made = call(&manager, &contact, &id, &json!({"deal_id": deal, "topic": "sales", "next_meeting": next})).created();
    let agreed = &made["next_meeting"];
    assert_eq!((&agreed["occurred_at"], &agreed["place"]), (&json!("2090-03-01T09:00:00Z"), &json!("офис клиента")));
    let meeting = manager.get(&format!("/v1/communications/{}", agreed["id"].as_str().unwrap())).ok();
    for (field, value) in json!({"channel": "meeting", "direction": "outbound", "status": "planned", "contact_id": contact, "deal_id": deal, "topic": "sales",
        "place": "офис клиента", "planned_at": "2090-03-01T09:00:00Z", "planned_duration_seconds": 3600, "owner_id": manager.user_id, "outcome_id": null,
        "triggered_by": {"kind": "communication", "id": made.id()}})
    .as_object()
    .unwrap()
    {
        assert_eq!(&meeting[field.as_str()], value, "{field}");
    }
    assert_eq!(meeting.at("/participants/0/user_id"), &json!(manager.user_id));
    let chain = manager.get(&format!("{}/chain", made.path())).ok();
    assert_eq!(chain.at("/led_to/0/communication/id"), &agreed["id"]);
    let back = manager.get(&format!("{}/chain", meeting.path())).ok();
    assert_eq!(back.at("/led_here/0/communication/id"), &json!(made.id()));
    let timeline = manager.get(&format!("/v1/contacts/{contact}/timeline")).ok().text();
    assert!(timeline.contains(&meeting.id()) && timeline.contains(&made.id()) && timeline.contains("Договорились"), "{timeline}");
    // also where no outcome asks for one
    let body = json!({"channel": "email", "direction": "inbound", "contact_id": contact, "next_meeting": next});
    assert_eq!(manager.post("/v1/communications", body).created().at("/next_meeting/place"), &json!("офис клиента"));
    assert_eq!(count(&manager, &contact), 4);
}

#[test]
fn a_meeting_that_cannot_be_is_refused_with_everything() {
    let workspace = app().workspace();
    let manager = workspace.manager();
    let contact = card(&manager);
    let id = outcome(&workspace, &json!({"next_step": "meeting"}));
    let refused = |next: Value| call(&manager, &contact, &id, &json!({"next_meeting": next})).is_problem(422, "validation_failed");
    refused(json!({})).names_with("/next_meeting/occurred_at", "required").names_with("/next_meeting/place", "required");
    refused(json!({"occurred_at": "2020-01-01T00:00:00Z", "place": "x"})).names_with("/next_meeting/occurred_at", "in_the_past");
    refused(json!({"occurred_at": "2090-01-01T00:00:00Z", "place": "x", "coordinates": {"latitude": 91, "longitude": 0}}))
        .names_with("/next_meeting/coordinates/latitude", "out_of_range");
    let nobody = json!({"contact_id": "01939d5a-0000-7000-8000-000000000000"});
    refused(json!({"occurred_at": "2090-01-01T00:00:00Z", "place": "x", "participants": [nobody]}))
        .names_with("/next_meeting/participants/0/contact_id", "reference_not_found");
    assert_eq!(count(&manager, &contact), 0);
}

#[test]
fn a_task_is_made_of_the_defaults_or_brought() {
    let workspace = app().workspace();
    let manager = workspace.manager();
    let contact = card(&manager);
    let own = outcome(&workspace, &json!({"next_step": "task", "task_title": "Перезвонить", "task_kind": "call", "due_in_seconds": 3600}));
    let made = call(&manager, &contact, &own, &json!({"occurred_at": "2026-01-01T10:00:00Z"})).created();
    let task = manager.get(&format!("/v1/tasks/{}", made.at("/next_task/id").as_str().unwrap())).ok();
    assert_eq!(
        json!([task["title"], task["kind"], task["owner_id"], task["contact_id"]]),
        json!(["Перезвонить", "call", manager.user_id, contact])
    );
    assert!(task["due_at"].as_str().unwrap() > task["created_at"].as_str().unwrap(), "{task}");
    assert_eq!(manager.get(&format!("/v1/contacts/{contact}")).ok()["next_task_at"], task["due_at"]);
    let brought =
        call(&manager, &contact, &own, &json!({"next_task": {"title": "Отправить КП", "due_at": "2090-01-01T00:00:00Z"}})).created();
    assert_eq!(brought.at("/next_task/title"), &json!("Отправить КП"));
    assert_eq!(manager.get(&format!("/v1/tasks?contact_id={contact}")).ok().items().len(), 2);
    let asked = outcome(&workspace, &json!({"next_step": "task"}));
    call(&manager, &contact, &asked, &json!({})).is_problem(422, "validation_failed").names_with("/next_task", "required");
    call(&manager, &contact, &asked, &json!({"next_task": {"title": "Отправить КП"}})).created();
}

#[test]
fn a_task_of_its_own_goes_to_somebody_who_works_here() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let key = workspace.key("integration");
    let contact = card(&key);
    let own = outcome(&workspace, &json!({"next_step": "task", "task_title": "Перезвонить", "due_in_seconds": 3600}));
    let made = call(&key, &contact, &own, &json!({})).created();
    let task = admin.get(&format!("/v1/tasks/{}", made.at("/next_task/id").as_str().unwrap())).ok();
    assert_eq!(task["owner_id"], json!(admin.user_id));
}

#[test]
fn an_archived_outcome_is_not_chosen_anew_and_stays_where_it_was() {
    let workspace = app().workspace();
    let (admin, manager) = (workspace.administrator(), workspace.manager());
    let contact = card(&manager);
    let id = outcome(&workspace, &json!({"required_fields": ["subject"]}));
    let made = call(&manager, &contact, &id, &json!({"subject": "x"})).created();
    admin.delete(&format!("/v1/communication-outcomes/{id}")).no_content();
    call(&manager, &contact, &id, &json!({"subject": "x"}))
        .is_problem(422, "validation_failed")
        .names_with("/outcome_id", "reference_not_found");
    // what was demanded when it was chosen is not demanded again
    let changed = manager.patch(&made.path(), json!({"body": "ещё", "subject": null})).ok();
    assert_eq!((&changed["outcome_id"], &changed["subject"]), (&json!(id), &Value::Null));
    call(&manager, &contact, "01939d5a-0000-7000-8000-000000000000", &json!({}))
        .is_problem(422, "validation_failed")
        .names_with("/outcome_id", "reference_not_found");
}

#[test]
fn a_change_that_chooses_an_outcome_is_held_to_it_and_may_bring_what_it_demands() {
    let workspace = app().workspace();
    let manager = workspace.manager();
    let contact = card(&manager);
    let (plain, meeting) = (
        outcome(&workspace, &json!({"name": "Думает"})),
        outcome(&workspace, &json!({"next_step": "meeting", "required_fields": ["body"]})),
    );
    let made = call(&manager, &contact, &plain, &json!({})).created();
    let refused = manager.patch(&made.path(), json!({"outcome_id": meeting})).is_problem(422, "validation_failed");
    refused.names_with("/body", "required").names_with("/next_meeting", "required");
    let next = json!({"occurred_at": "2090-03-01T09:00:00Z", "place": "офис"});
    manager
        .patch(&made.path(), json!({"next_meeting": next}))
        .is_problem(422, "validation_failed")
        .names_with("/next_meeting", "unchangeable");
    let changed = manager.patch(&made.path(), json!({"outcome_id": meeting, "body": "согласны", "next_meeting": next})).ok();
    assert_eq!((&changed["outcome"], changed.at("/next_meeting/place")), (&json!("Договорились"), &json!("офис")));
    assert_eq!((manager.get(&made.path()).ok().text(), count(&manager, &contact)), (changed.text(), 2));
    // agreed once, it stays agreed
    let back = manager.patch(&made.path(), json!({"outcome_id": plain})).ok();
    assert_eq!((&back["outcome"], &back["next_meeting"]), (&json!("Думает"), &changed["next_meeting"]));
    manager.patch(&made.path(), json!({"outcome_id": meeting})).ok();
    assert_eq!(count(&manager, &contact), 2);
    let cleared = manager.patch(&made.path(), json!({"outcome_id": null, "outcome": "своими словами"})).ok();
    assert_eq!((&cleared["outcome"], &cleared["outcome_id"]), (&json!("своими словами"), &Value::Null));
    // own words stay
    assert_eq!(manager.patch(&made.path(), json!({"outcome_id": plain})).ok()["outcome"], "своими словами");
    let task = outcome(&workspace, &json!({"next_step": "task", "task_title": "Перезвонить", "due_in_seconds": 3600}));
    assert_eq!(manager.patch(&made.path(), json!({"outcome_id": task})).ok().at("/next_task/title"), &json!("Перезвонить"));
}

#[test]
fn a_meeting_that_ends_is_held_to_its_outcome_too() {
    let workspace = app().workspace();
    let (admin, manager) = (workspace.administrator(), workspace.manager());
    let mut policies = admin.get("/v1/workspace").ok()["policies"].clone();
    policies["outcome"] = json!("require");
    admin.patch("/v1/workspace", json!({"policies": policies})).ok();
    let contact = card(&manager);
    let id = outcome(&workspace, &json!({"channels": ["meeting"], "next_step": "meeting", "required_fields": ["duration_seconds"]}));
    let planned = json!({"channel": "meeting", "direction": "outbound", "status": "planned", "occurred_at": "2090-01-01T00:00:00Z", "contact_id": contact, "place": "офис"});
    let plan = manager.post("/v1/communications", planned).created();
    let here = |more: Value| {
        let mut body = json!({"coordinates": {"latitude": 55.75, "longitude": 37.62}});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    manager.post(&format!("{}/check-in", plan.path()), here(json!({}))).ok();
    let leave = format!("{}/check-out", plan.path());
    manager.post(&leave, here(json!({}))).is_problem(422, "validation_failed").names_with("/outcome", "outcome_required");
    manager.post(&leave, here(json!({"outcome_id": id}))).is_problem(422, "validation_failed").names_with("/next_meeting", "required");
    let next = json!({"occurred_at": "2090-03-01T09:00:00Z", "place": "офис клиента"});
    let archived = outcome(&workspace, &json!({}));
    admin.delete(&format!("/v1/communication-outcomes/{archived}")).no_content();
    for nowhere in [archived.as_str(), "01939d5a-0000-7000-8000-000000000000"] {
        manager
            .post(&leave, here(json!({"outcome_id": nowhere})))
            .is_problem(422, "validation_failed")
            .names_with("/outcome_id", "reference_not_found");
    }
    manager
        .post(&leave, here(json!({"next_meeting": next})))
        .is_problem(422, "validation_failed")
        .names_with("/next_meeting", "unchangeable");
    let gone = manager.post(&leave, here(json!({"outcome_id": id, "next_meeting": next}))).ok();
    assert_eq!(json!([gone["outcome"], gone["outcome_id"], gone.at("/next_meeting/place")]), json!(["Договорились", id, "офис клиента"]));
    let after = manager.get(&format!("/v1/communications/{}", gone.at("/next_meeting/id").as_str().unwrap())).ok();
    assert_eq!((after.at("/triggered_by/id"), &after["status"]), (&json!(plan.id()), &json!("planned")));
}

#[test]
fn a_repeated_request_makes_one_meeting() {
    let workspace = app().workspace();
    let manager = workspace.manager();
    let contact = card(&manager);
    let id = outcome(&workspace, &json!({"next_step": "meeting"}));
    let keyed = manager.with("idempotency-key", "meeting-1");
    let next = json!({"next_meeting": {"occurred_at": "2090-03-01T09:00:00Z", "place": "офис"}});
    let first = call(&keyed, &contact, &id, &next).created();
    let again = call(&keyed, &contact, &id, &next).created();
    assert_eq!((first.text(), count(&manager, &contact)), (again.text(), 2));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
}

#[test]
fn what_came_of_it_is_in_the_audit_and_goes_back() {
    let workspace = app().workspace();
    let (admin, manager) = (workspace.administrator(), workspace.manager());
    let contact = card(&manager);
    let id = outcome(&workspace, &json!({"next_step": "meeting"}));
    let body = json!({"channel": "call", "direction": "outbound", "contact_id": contact});
    let made = manager.post("/v1/communications", body).created();
    let next = json!({"occurred_at": "2090-03-01T09:00:00Z", "place": "офис"});
    let changed = manager.patch(&made.path(), json!({"outcome_id": id, "next_meeting": next})).ok();
    let event = admin.get(&format!("/v1/audit-events?record_id={}&action=updated", made.id())).ok().items()[0].clone();
    assert_eq!(event["changes"]["outcome_id"], json!({"before": null, "after": id}));
    let reversal = admin.post_nothing(&format!("/v1/audit-events/{}/revert", event["id"].as_str().unwrap())).ok();
    assert_eq!(reversal.at("/conflicts/0/field"), &json!("next_meeting"));
    let back = manager.get(&made.path()).ok();
    assert_eq!(json!([back["outcome"], back["outcome_id"], back["next_meeting"]]), json!([null, null, changed["next_meeting"]]));
}

#[test]
fn who_is_not_told_what_came_of_it_is_not_told_the_entry_either() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let role = json!({"key": "blind", "name": "Слепой", "rights": [{"record": "contact", "read": "all"}, {"record": "communication", "read": "all", "create": "all"}],
        "field_rules": [{"record": "communication", "field": "outcome", "effect": "hidden"}, {"record": "communication", "field": "place", "effect": "hidden"}]});
    admin.post("/v1/roles", role).created();
    let contact = card(&admin);
    let id = outcome(&workspace, &json!({}));
    let next = json!({"next_meeting": {"occurred_at": "2090-03-01T09:00:00Z", "place": "офис"}});
    let made = call(&admin, &contact, &id, &next).created();
    let blind = workspace.somebody("blind", json!({}));
    let seen = blind.get(&made.path()).ok();
    assert_eq!(json!([seen["outcome"], seen["outcome_id"], seen["next_meeting"]]), json!([null, null, null]));
    blind.get(&format!("/v1/communications?outcome_id={id}")).is_problem(403, "field_not_permitted");
}

#[test]
fn who_led_a_talk_plans_a_meeting_though_the_card_is_not_his() {
    let workspace = app().workspace();
    let (admin, manager) = (workspace.administrator(), workspace.manager());
    let contact = card(&admin);
    let id = outcome(&workspace, &json!({"next_step": "meeting"}));
    let body = json!({"channel": "call", "direction": "inbound", "contact_id": contact, "owner_id": manager.user_id});
    let made = admin.post("/v1/communications", body).created();
    manager.get(&format!("/v1/contacts/{contact}")).is_problem(404, "not_found");
    let next = json!({"occurred_at": "2090-03-01T09:00:00Z", "place": "офис"});
    let changed = manager.patch(&made.path(), json!({"outcome_id": id, "next_meeting": next})).ok();
    let meeting = manager.get(&format!("/v1/communications/{}", changed.at("/next_meeting/id").as_str().unwrap())).ok();
    assert_eq!(json!([meeting["owner_id"], meeting["contact_id"]]), json!([manager.user_id, contact]));
    // whoever may change talks and make none plans none
    let role = json!({"key": "editor", "name": "Правщик", "rights": [{"record": "communication", "read": "all", "update": "all"}]});
    admin.post("/v1/roles", role).created();
    let other = admin.post("/v1/communications", json!({"channel": "call", "direction": "inbound", "contact_id": contact})).created();
    let editor = workspace.somebody("editor", json!({}));
    editor
        .patch(&other.path(), json!({"outcome_id": id, "next_meeting": next}))
        .is_problem(422, "validation_failed")
        .names_with("/next_meeting", "not_permitted");
}
