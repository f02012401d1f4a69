//! The main flow: an enquiry from a website becomes a card with an owner, a task and a trace.

use std::time::{Duration, Instant};

use kartoteka_tests::{app, eventually, json, wait::within};

#[test]
fn an_enquiry_becomes_a_card_with_owner_task_and_trace_and_the_manager_works_it_off() {
    let workspace = app().workspace();
    let (admin, manager) = (workspace.administrator(), workspace.manager());
    let source = admin.post("/v1/sources", json!({"name": "Сайт-визитка"})).created().id();
    let settings = json!({"source_id": source, "assignment": {"kind": "user", "user_id": manager.user_id}, "task_minutes": 15, "task_title": "Перезвонить"});
    let form = workspace.form(settings.clone());

    // 2. the website posts; within a second there is everything
    let enquiry = json!({
        "fields": {"name": "Анна Ахматова", "phone": "8 (912) 345-67-89", "email": "Anna@Example.com", "comment": "Сколько стоит щебень?"},
        "utm": {"source": "yandex", "medium": "cpc"}, "page_url": "https://site.example/price"
    });
    let door = |form: &kartoteka_tests::Answer| format!("/public/v1/forms/{}/submissions", form["key"].as_str().unwrap());
    let posted = Instant::now();
    let receipt = app().anyone().post(&door(&form), enquiry).accepted();
    assert_eq!(receipt["status"], "accepted");
    let submission = format!("/v1/submissions/{}", receipt["submission_id"].as_str().unwrap());
    let processed = within(Duration::from_secs(5), "the enquiry to be processed", || {
        Some(admin.get(&submission).ok()).filter(|s| s["state"] == "processed")
    });
    let took = processed["processed_at"].as_str().unwrap().to_owned();
    assert!(posted.elapsed() < Duration::from_secs(5), "{took}");
    let lead = manager.get(&format!("/v1/leads/{}", processed["lead_id"].as_str().unwrap())).ok();
    assert_eq!(
        (&lead["source_id"], lead.at("/utm/source"), &lead["owner_id"], &lead["comment"]),
        (&json!(source), &json!("yandex"), &json!(manager.user_id), &json!("Сколько стоит щебень?"))
    );
    assert!(lead["assignment_reason"].is_string() && lead["submission_id"] == receipt["submission_id"] && lead["form_id"] == form.id());
    let card_path = format!("/v1/contacts/{}", lead["contact_id"].as_str().unwrap());
    let card = manager.get(&card_path).ok();
    assert_eq!(
        (card.at("/phones/0/e164"), card.at("/emails/0/value"), &card["first_name"], &card["last_name"]),
        (&json!("+79123456789"), &json!("Anna@example.com"), &json!("Анна"), &json!("Ахматова"))
    );

    // 3. the same person through another form: no second card
    let other = workspace.form(settings);
    app().anyone().post(&door(&other), json!({"fields": {"phone": "+7 912 345 67 89", "comment": "И песок"}})).accepted();
    eventually("the second lead", || (manager.get(&format!("/v1/leads?contact_id={}", card.id())).ok().items().len() == 2).then_some(()));
    assert_eq!(admin.get("/v1/contacts").ok().items().len(), 1);
    assert_eq!(manager.get(&format!("/v1/communications?contact_id={}&channel=form&direction=inbound", card.id())).ok().items().len(), 2);

    // 4. the manager's day, the call, the finished task with the next one
    let day = manager.get("/v1/my-day").ok();
    let task = [day.at("/today/tasks"), day.at("/tomorrow/tasks")]
        .iter()
        .flat_map(|s| s.as_array().unwrap())
        .find(|t| t["lead_id"] == lead.id())
        .cloned()
        .unwrap_or_else(|| panic!("no task in the day\n{day}"));
    assert_eq!((&task["title"], &task["contact_id"]), (&json!("Перезвонить"), &json!(card.id())));
    let call = json!({"channel": "call", "direction": "outbound", "contact_id": card.id(), "lead_id": lead.id(), "task_id": task["id"], "outcome": "договорились", "duration_seconds": 180, "recording_url": "https://pbx.example/1.mp3"});
    let call = manager.post("/v1/communications", call).created();
    let done = json!({"result": "отправлю КП", "next_task": {"title": "Отправить КП", "due_at": "2030-01-01T09:00:00Z"}});
    let done = manager.post(&format!("/v1/tasks/{}/complete", task["id"].as_str().unwrap()), done).ok();
    assert_eq!(done.at("/task/status"), "done");
    assert!(manager.get(&format!("/v1/leads/{}", lead.id())).ok()["first_response_at"].is_string());

    let view = manager.get(&format!("{card_path}/overview")).ok();
    assert!(view["open_tasks"].as_array().unwrap().iter().any(|t| t["id"] == *done.at("/next_task/id")));
    assert!(view["recent_communications"].as_array().unwrap().iter().any(|c| c["id"] == call.id()));
    let timeline = manager.get(&format!("{card_path}/timeline")).ok();
    let kinds: Vec<&str> = timeline.items().iter().map(|i| i["kind"].as_str().unwrap()).collect();
    for kind in ["communication", "task", "lead", "change"] {
        assert!(kinds.contains(&kind), "{kind} in {kinds:?}");
    }
    let times: Vec<&str> = timeline.items().iter().map(|i| &i["at"].as_str().unwrap()[..19]).collect();
    assert!(times.windows(2).all(|pair| pair[0] >= pair[1]), "newest first: {times:?}");
}

#[test]
fn every_step_of_processing_leaves_an_audit_and_an_outbox_event() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let form = workspace.form(json!({"assignment": {"kind": "user", "user_id": admin.user_id}, "task_minutes": 15}));
    let door = format!("/public/v1/forms/{}/submissions", form["key"].as_str().unwrap());
    let receipt = app().anyone().post(&door, json!({"fields": {"name": "Анна", "phone": "+79123456789"}})).accepted();
    let path = format!("/v1/submissions/{}", receipt["submission_id"].as_str().unwrap());
    let submission = eventually("the enquiry", || Some(admin.get(&path).ok()).filter(|s| s["state"] == "processed"));
    let lead = admin.get(&format!("/v1/leads/{}", submission["lead_id"].as_str().unwrap())).ok();
    let task = admin.get(&format!("/v1/tasks?lead_id={}", lead.id())).ok().ids().remove(0);
    let communication = admin.get(&format!("/v1/communications?lead_id={}", lead.id())).ok().ids().remove(0);
    let database = app().database();
    for (record, id) in [
        ("contact", lead["contact_id"].as_str().unwrap()),
        ("lead", &lead.id()),
        ("task", &task),
        ("communication", &communication),
        ("submission", &submission.id()),
    ] {
        for table in ["audit_event", "outbox_event"] {
            let count = database.number(&format!(
                "SELECT count(*) FROM {table} WHERE workspace_id = {} AND record = '{record}' AND record_id = {}",
                database.uuid(&workspace.id),
                database.uuid(id)
            ));
            assert!(count >= 1, "no {table} of the {record}");
        }
    }
}
