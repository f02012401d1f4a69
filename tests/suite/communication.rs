//! Communications: calls, meetings, letters; always with a card.

use kartoteka_tests::{Caller, Value, app, json};

fn card(caller: &Caller) -> String {
    caller.post("/v1/contacts", json!({"last_name": "Блок", "phones": [{"value": "+79123456789"}]})).created().id()
}

#[test]
fn a_call_is_logged_with_outcome_duration_and_recording() {
    let manager = app().workspace().manager();
    let contact = card(&manager);
    let call = json!({
        "channel": "call", "direction": "outbound", "occurred_at": "2026-01-02T03:04:05Z", "duration_seconds": 125, "contact_id": contact,
        "participants": [{"contact_id": null, "user_id": manager.user_id, "name": null, "role": "ведущий"}], "subject": "Щебень", "body": "обсудили цену",
        "topic": "sales", "outcome": "договорились", "recording_url": "https://pbx.example/rec/1.mp3", "place": "офис", "coordinates": {"latitude": 55.75, "longitude": 37.62}
    });
    let made = manager.post("/v1/communications", call.clone()).created();
    for (field, value) in call.as_object().unwrap() {
        assert_eq!(&made[field.as_str()], value, "{field}");
    }
    assert_eq!((&made["status"], &made["owner_id"]), (&json!("done"), &json!(manager.user_id)));
    assert_eq!(manager.get(&made.path()).ok().text(), made.text());
    assert_eq!(manager.get(&format!("/v1/contacts/{contact}")).ok()["last_communication_at"], "2026-01-02T03:04:05Z");
}

#[test]
fn an_unknown_number_makes_a_card_and_a_known_one_finds_it() {
    let manager = app().workspace().manager();
    let call = |party| json!({"channel": "call", "direction": "inbound", "party": party});
    let first = manager.post("/v1/communications", call(json!({"name": "Анна", "phone": "8 912 345 67 89"}))).created();
    let card = manager.get(&format!("/v1/contacts/{}", first["contact_id"].as_str().unwrap())).ok();
    assert_eq!((&card["first_name"], card.at("/phones/0/e164")), (&json!("Анна"), &json!("+79123456789")));
    let second = manager.post("/v1/communications", call(json!({"phone": "+7 (912) 345-67-89", "email": "anna@example.com"}))).created();
    assert_eq!(second["contact_id"], first["contact_id"]);
    assert_eq!(manager.get("/v1/contacts").ok().items().len(), 1);
    manager
        .post("/v1/communications", call(json!({"phone": "12"})))
        .is_problem(422, "validation_failed")
        .names_with("/party/phone", "invalid_phone");
    manager
        .post("/v1/communications", call(json!({"email": "a@b"})))
        .is_problem(422, "validation_failed")
        .names_with("/party/email", "invalid_email");
}

#[test]
fn the_next_step_is_made_in_the_same_request() {
    let manager = app().workspace().manager();
    let contact = card(&manager);
    let call = json!({"channel": "call", "direction": "outbound", "contact_id": contact, "next_task": {"title": "Отправить КП", "due_at": "2030-01-02T00:00:00Z"}});
    let made = manager.post("/v1/communications", call).created();
    let tasks = manager.get(&format!("/v1/tasks?contact_id={contact}")).ok();
    assert_eq!((made.at("/next_task/id"), made.at("/next_task/title")), (tasks.at("/data/0/id"), &json!("Отправить КП")));
    assert_eq!(manager.get(&format!("/v1/contacts/{contact}")).ok()["next_task_at"], "2030-01-02T00:00:00Z");
}

#[test]
fn a_communication_that_cannot_have_happened_is_refused() {
    let manager = app().workspace().manager();
    manager
        .post("/v1/communications", json!({}))
        .is_problem(422, "validation_failed")
        .names("/channel")
        .names("/direction")
        .names("/contact_id");
    let wrong = json!({
        "channel": "call", "direction": "inbound", "contact_id": card(&manager), "occurred_at": "2090-01-01T00:00:00Z", "duration_seconds": -1,
        "recording_url": "javascript:alert(1)", "coordinates": {"latitude": 91.0, "longitude": 181.0}, "participants": [{"role": "никто"}]
    });
    let refused =
        manager.post("/v1/communications", wrong).is_problem(422, "validation_failed").names_with("/occurred_at", "in_the_future");
    let refused =
        refused.names_with("/duration_seconds", "out_of_range").names_with("/recording_url", "invalid_url").names("/coordinates/latitude");
    refused.names("/coordinates/longitude").names("/participants/0/name");
    assert!(manager.get("/v1/communications").ok().items().is_empty());
}

#[test]
fn a_planned_meeting_may_lie_ahead_and_is_done_later() {
    let manager = app().workspace().manager();
    let meeting = json!({"channel": "meeting", "direction": "outbound", "status": "planned", "occurred_at": "2090-01-01T00:00:00Z", "contact_id": card(&manager)});
    let made = manager.post("/v1/communications", meeting).created();
    let done = manager.patch(&made.path(), json!({"status": "done", "occurred_at": "2026-01-01T00:00:00Z", "outcome": "подписали"})).ok();
    assert_eq!((&done["status"], &done["outcome"]), (&json!("done"), &json!("подписали")));
}

#[test]
fn what_led_to_a_communication_is_kept_and_must_be_there() {
    let manager = app().workspace().manager();
    let contact = card(&manager);
    let letter = manager.post("/v1/communications", json!({"channel": "email", "direction": "outbound", "contact_id": contact})).created();
    let reply = json!({"channel": "email", "direction": "inbound", "contact_id": contact, "triggered_by": {"kind": "communication", "id": letter.id()}});
    assert_eq!(manager.post("/v1/communications", reply).created().at("/triggered_by/id"), letter.id().as_str());
    let wrong =
        json!({"channel": "email", "direction": "inbound", "contact_id": contact, "triggered_by": {"kind": "task", "id": letter.id()}});
    manager.post("/v1/communications", wrong).is_problem(422, "validation_failed").names_with("/triggered_by/id", "reference_not_found");
}

#[test]
fn communications_are_filtered_by_each_of_their_references() {
    let manager = app().workspace().manager();
    let contact = card(&manager);
    let lead = manager.post("/v1/leads", json!({"contact_id": contact})).created().id();
    let task = manager.post("/v1/tasks", json!({"title": "x", "contact_id": contact})).created().id();
    let call = json!({"channel": "call", "direction": "outbound", "status": "missed", "contact_id": contact, "lead_id": lead, "task_id": task, "occurred_at": "2026-01-05T00:00:00Z"});
    let call = manager.post("/v1/communications", call).created();
    let other = manager.post("/v1/contacts", json!({"last_name": "Другой"})).created().id();
    manager
        .post(
            "/v1/communications",
            json!({"channel": "sms", "direction": "inbound", "contact_id": other, "occurred_at": "2026-01-01T00:00:00Z"}),
        )
        .created();
    let filters = [
        format!("contact_id={contact}"),
        format!("lead_id={lead}"),
        format!("task_id={task}"),
        "channel=call,meeting".into(),
        "direction=outbound".into(),
        "status=missed".into(),
        "occurred_after=2026-01-03T00:00:00Z&occurred_before=2026-01-06T00:00:00Z".into(),
        format!("owner_id={}&channel=call", manager.user_id),
    ];
    for filter in filters {
        assert_eq!(manager.get(&format!("/v1/communications?{filter}")).ok().ids(), [call.id()], "{filter}");
    }
    assert_eq!(manager.get("/v1/communications?channel=call&expand=contact,owner,lead").ok().at("/data/0/expanded/lead/id"), lead.as_str());
}

#[test]
fn a_communication_is_archived_and_restored() {
    let manager = app().workspace().manager();
    let made =
        manager.post("/v1/communications", json!({"channel": "other", "direction": "inbound", "contact_id": card(&manager)})).created();
    manager.delete(&made.path()).no_content();
    assert!(manager.get("/v1/communications").ok().items().is_empty());
    manager.post_nothing(&format!("{}/restore", made.path())).ok();
    assert_eq!(manager.get("/v1/communications").ok().ids(), [made.id()]);
}

#[test]
fn a_talk_with_one_client_is_not_about_another_s_enquiry_or_task() {
    let manager = app().workspace().manager();
    let anna = manager.post("/v1/contacts", json!({"last_name": "А"})).created();
    let boris = manager.post("/v1/contacts", json!({"last_name": "Б"})).created();
    let lead = manager.post("/v1/leads", json!({"contact_id": boris["id"]})).created();
    let task = manager.post("/v1/tasks", json!({"title": "x", "contact_id": boris["id"]})).created();
    let talk = |more: &str, id: &Value| {
        let mut body = json!({"channel": "call", "direction": "outbound", "contact_id": anna["id"]});
        body[more] = id.clone();
        manager.post("/v1/communications", body)
    };
    talk("lead_id", &lead["id"]).is_problem(422, "validation_failed").names("/lead_id");
    talk("task_id", &task["id"]).is_problem(422, "validation_failed").names("/task_id");
    let foreign = json!({"title": "x", "contact_id": anna["id"], "lead_id": lead["id"]});
    manager.post("/v1/tasks", foreign).is_problem(422, "validation_failed").names("/lead_id");
}

#[test]
fn the_plan_of_a_meeting_stands_beside_what_became_of_it() {
    let manager = app().workspace().manager();
    let plan = json!({"channel": "meeting", "direction": "outbound", "status": "planned", "occurred_at": "2090-01-01T00:00:00Z", "contact_id": card(&manager),
        "place": "офис клиента", "coordinates": {"latitude": 55.75, "longitude": 37.62}, "duration_seconds": 3600});
    let made = manager.post("/v1/communications", plan).created();
    assert_eq!((&made["planned_at"], &made["planned_place"]), (&json!("2090-01-01T00:00:00Z"), &json!("офис клиента")));
    let moved = manager.patch(&made.path(), json!({"occurred_at": "2090-02-01T00:00:00Z"})).ok();
    assert_eq!(moved["planned_at"], "2090-02-01T00:00:00Z");
    let done = json!({"status": "done", "occurred_at": "2026-01-01T00:00:00Z", "place": "кафе", "coordinates": null, "duration_seconds": 600, "outcome": "да"});
    let done = manager.patch(&made.path(), done).ok();
    let kept = ["planned_at", "planned_place", "planned_coordinates", "planned_duration_seconds", "occurred_at", "place", "coordinates"];
    let told: Vec<&Value> = kept.iter().map(|field| &done[*field]).collect();
    assert_eq!(
        json!(told),
        json!(["2090-02-01T00:00:00Z", "офис клиента", {"latitude": 55.75, "longitude": 37.62}, 3600, "2026-01-01T00:00:00Z", "кафе", null])
    );
    assert_eq!(manager.get(&made.path()).ok().text(), done.text());
    let refused =
        json!({"channel": "meeting", "direction": "outbound", "occurred_at": "2090-01-01T00:00:00Z", "contact_id": another(&manager)});
    manager.post("/v1/communications", refused).is_problem(422, "validation_failed").names_with("/occurred_at", "in_the_future");
}

fn another(caller: &Caller) -> String {
    caller.post("/v1/contacts", json!({"last_name": "Другой"})).created().id()
}

#[test]
fn a_chain_leads_from_the_letter_to_the_meeting_and_back() {
    let workspace = app().workspace();
    let manager = workspace.manager();
    let contact = card(&manager);
    let talk = |more: Value| {
        let mut body = json!({"channel": "call", "direction": "outbound", "contact_id": contact, "outcome": "да"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        manager.post("/v1/communications", body).created()
    };
    let letter = talk(json!({"channel": "email"}));
    let call = talk(json!({"triggered_by": {"kind": "communication", "id": letter.id()}, "next_task": {"title": "Встретиться"}}));
    let task = call.at("/next_task/id").as_str().unwrap().to_owned();
    let meeting = talk(json!({"channel": "meeting", "task_id": task}));
    let other = talk(json!({"triggered_by": {"kind": "communication", "id": letter.id()}}));
    let ids = |chain: &Value| -> Vec<(String, i64)> {
        chain
            .as_array()
            .unwrap()
            .iter()
            .map(|link| {
                let record = ["communication", "task", "submission"].iter().map(|kind| &link[*kind]).find(|r| !r.is_null()).unwrap();
                (record["id"].as_str().unwrap().to_owned(), link["steps"].as_i64().unwrap())
            })
            .collect()
    };
    let chain = |of: &str| manager.get(&format!("/v1/communications/{of}/chain")).ok();
    let back = chain(&meeting.id());
    assert_eq!(ids(&back["led_here"]), [(task.clone(), 1), (call.id(), 2), (letter.id(), 3)]);
    assert_eq!((&back["led_to"], &back["truncated"], back.at("/communication/id")), (&json!([]), &json!(false), &json!(meeting.id())));
    let forth = chain(&letter.id());
    assert_eq!(ids(&forth["led_to"]), [(call.id(), 1), (other.id(), 1), (task, 2), (meeting.id(), 3)]);
    assert_eq!(forth.at("/led_to/3/next_id"), forth.at("/led_to/2/task/id"));
    // closing the circle is refused, at each of its places
    let closing = json!({"triggered_by": {"kind": "communication", "id": meeting.id()}});
    for record in [&letter, &call, &meeting] {
        manager.patch(&record.path(), closing.clone()).is_problem(422, "validation_failed").names_with("/triggered_by/id", "cycle");
    }
    assert_eq!(manager.get(&letter.path()).ok()["triggered_by"], Value::Null);
    // somebody else sees neither the communication nor its chain
    workspace.manager().get(&format!("/v1/communications/{}/chain", letter.id())).is_problem(404, "not_found");
}

#[test]
fn two_links_that_close_a_circle_together_are_not_both_set() {
    let manager = app().workspace().manager();
    let contact = card(&manager);
    let talk = || manager.post("/v1/communications", json!({"channel": "call", "direction": "outbound", "contact_id": contact})).created();
    for _ in 0..4 {
        let (a, b) = (talk(), talk());
        let link = |of: &str, to: &str| manager.patch(of, json!({"triggered_by": {"kind": "communication", "id": to}})).status;
        let (one, two) = std::thread::scope(|scope| {
            let one = scope.spawn(|| link(&a.path(), &b.id()));
            let two = link(&b.path(), &a.id());
            (one.join().unwrap(), two)
        });
        assert!(matches!((one, two), (200, 422) | (422, 200)), "{one} {two}");
    }
}

#[test]
fn a_talk_without_an_outcome_is_let_through_warned_of_or_refused_by_policy_and_listed() {
    let workspace = app().workspace();
    let (admin, manager) = (workspace.administrator(), workspace.manager());
    let contact = card(&manager);
    let set = |policy: &str| {
        let mut policies = admin.get("/v1/workspace").ok()["policies"].clone();
        policies["outcome"] = json!(policy);
        admin.patch("/v1/workspace", json!({"policies": policies})).ok();
    };
    let bare = json!({"channel": "call", "direction": "outbound", "contact_id": contact});
    let warned = manager.post("/v1/communications", bare.clone()).created();
    assert_eq!(warned.at("/warnings/0/code"), "outcome_missing");
    assert_eq!(manager.get(&warned.path()).ok()["warnings"], Value::Null);
    set("off");
    let silent = manager.post("/v1/communications", bare.clone()).created();
    assert_eq!(silent["warnings"], Value::Null);
    set("require");
    manager.post("/v1/communications", bare.clone()).is_problem(422, "validation_failed").names_with("/outcome", "outcome_required");
    let with = |field: &str, value: Value| {
        let mut body = bare.clone();
        body[field] = value;
        manager.post("/v1/communications", body).created()
    };
    with("outcome", json!("перезвонит"));
    with("next_task", json!({"title": "Перезвонить", "due_at": "2030-01-01T00:00:00Z"}));
    with("status", json!("missed"));
    let plan = with("status", json!("planned"));
    manager.patch(&plan.path(), json!({"status": "done"})).is_problem(422, "validation_failed").names_with("/outcome", "outcome_required");
    let mut listed = manager.get("/v1/communications?outcome_missing=true").ok().ids();
    listed.sort();
    let mut expected = [warned.id(), silent.id()];
    expected.sort();
    assert_eq!(listed, expected);
    manager.patch(&warned.path(), json!({"outcome": "договорились"})).ok();
    assert_eq!(manager.get("/v1/communications?outcome_missing=true").ok().ids(), [silent.id()]);
    assert_eq!(manager.get("/v1/communications?outcome_missing=false").ok().items().len(), 5);
}

#[test]
fn with_whom_and_who_else_is_told_once() {
    let manager = app().workspace().manager();
    let anna = manager.post("/v1/contacts", json!({"last_name": "Анна"})).created().id();
    let refused = |more: Value, pointer: &str, code: &str| {
        let mut body = json!({"channel": "call", "direction": "outbound", "contact_id": anna});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        manager.post("/v1/communications", body).is_problem(422, "validation_failed").names_with(pointer, code);
    };
    refused(json!({"party": {"name": "Пётр", "phone": "+79123456789"}}), "/party", "conflicting_fields");
    let both = json!([{"contact_id": anna, "user_id": manager.user_id}]);
    refused(json!({"participants": both}), "/participants/0/user_id", "conflicting_fields");
    refused(json!({"participants": [{"contact_id": anna}, {"contact_id": anna}]}), "/participants/1/contact_id", "told_twice");
    let twice = json!([{"user_id": manager.user_id}, {"contact_id": anna}, {"user_id": manager.user_id}]);
    refused(json!({"participants": twice}), "/participants/2/user_id", "told_twice");
    assert!(manager.get("/v1/communications").ok().items().is_empty());
    assert_eq!(manager.get("/v1/contacts").ok().items().len(), 1, "no card is made of what is refused");
}
