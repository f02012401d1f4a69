//! Leads: one enquiry each; status, rejection, first response, filters.

use kartoteka_tests::{Answer, Caller, app, json};

fn card(caller: &Caller) -> Answer {
    caller.post("/v1/contacts", json!({"last_name": "Ахматова", "first_name": "Анна"})).created()
}

#[test]
fn a_lead_made_by_hand_keeps_where_it_came_from() {
    let manager = app().workspace().manager();
    let lead = json!({
        "contact_id": card(&manager).id(), "title": "Щебень 20 т", "utm": {"source": "yandex", "medium": "cpc", "campaign": "весна"},
        "page_url": "https://site.example/price", "referrer": "https://ya.ru/", "answers": {"бюджет": 5000, "срочно": true},
        "comment": "Перезвоните", "received_at": "2026-01-02T03:04:05.678901Z", "tags": ["срочно"],
        "next_task": {"title": "Перезвонить", "due_at": "2026-12-01T10:00:00Z"}
    });
    let made = manager.post("/v1/leads", lead.clone()).created();
    for field in ["contact_id", "title", "page_url", "referrer", "answers", "comment", "received_at", "tags"] {
        assert_eq!(made[field], lead[field], "{field}");
    }
    assert_eq!(made["utm"], json!({"source": "yandex", "medium": "cpc", "campaign": "весна", "term": null, "content": null}));
    assert_eq!((&made["status"], &made["owner_id"]), (&json!("new"), &json!(manager.user_id)));
    assert_eq!(manager.get(&made.path()).ok().text(), made.text());
}

#[test]
fn a_lead_is_of_somebody() {
    let manager = app().workspace().manager();
    manager.post("/v1/leads", json!({"title": "x"})).is_problem(422, "validation_failed").names_with("/contact_id", "required");
    let stranger = json!({"contact_id": "01939d5a-0000-7000-8000-000000000000"});
    manager.post("/v1/leads", stranger).is_problem(422, "validation_failed").names_with("/contact_id", "reference_not_found");
}

#[test]
fn a_rejection_needs_its_reason() {
    let workspace = app().workspace();
    let manager = workspace.manager();
    let reason = workspace.administrator().post("/v1/reject-reasons", json!({"name": "Переехал"})).created().id();
    let lead = manager.post("/v1/leads", json!({"contact_id": card(&manager).id()})).created();
    let verb = format!("{}/reject", lead.path());
    manager.post(&verb, json!({})).is_problem(422, "validation_failed").names("/reject_reason_id");
    let rejected = manager.post(&verb, json!({"reject_reason_id": reason, "comment": "нашёл дешевле"})).ok();
    assert_eq!((&rejected["status"], &rejected["reject_reason_id"]), (&json!("rejected"), &json!(reason)));
    manager.patch(&lead.path(), json!({"status": "new"})).ok();
    let again = manager.post("/v1/leads", json!({"contact_id": card(&manager).id()})).created();
    manager.patch(&again.path(), json!({"status": "rejected"})).is_problem(422, "validation_failed").names("/reject_reason_id");
    manager.patch(&again.path(), json!({"status": "rejected", "reject_reason_id": reason})).ok();
}

#[test]
fn a_lead_is_qualified_by_its_own_operation_alone() {
    let manager = app().workspace().manager();
    let anna = card(&manager).id();
    let refused = manager.post("/v1/leads", json!({"contact_id": anna, "status": "qualified"}));
    refused.is_problem(422, "validation_failed").names_with("/status", "own_operation");
    let lead = manager.post("/v1/leads", json!({"contact_id": anna, "status": "in_work"})).created();
    manager.patch(&lead.path(), json!({"status": "qualified"})).is_problem(422, "validation_failed").names_with("/status", "own_operation");
    assert_eq!(manager.get(&lead.path()).ok()["version"], 1);
    manager.post(&format!("{}/qualify", lead.path()), json!({"name": "Щебень"})).ok();
}

#[test]
fn a_qualified_lead_keeps_its_deal_and_makes_no_other() {
    let workspace = app().workspace();
    let (admin, manager) = (workspace.administrator(), workspace.manager());
    let reason = admin.post("/v1/reject-reasons", json!({"name": "Своя причина"})).created().id();
    let lead = manager.post("/v1/leads", json!({"contact_id": card(&manager).id()})).created();
    let (qualify, reject) = (format!("{}/qualify", lead.path()), format!("{}/reject", lead.path()));
    let deal = manager.post(&qualify, json!({})).ok().at("/deal/id").clone();
    manager.post(&reject, json!({"reject_reason_id": reason})).is_problem(409, "lead_closed");
    manager.patch(&lead.path(), json!({"status": "new"})).is_problem(409, "lead_closed");
    manager.post(&qualify, json!({})).is_problem(409, "lead_closed");
    // what else is known of it may still be told
    let after = manager.patch(&lead.path(), json!({"comment": "перезвонит сам", "status": "qualified"})).ok();
    assert_eq!((&after["status"], &after["deal_id"]), (&json!("qualified"), &deal));
    assert_eq!(manager.get(&format!("/v1/deals?lead_id={}", lead.id())).ok().items().len(), 1);
}

#[test]
fn what_happened_before_an_enquiry_is_no_response_to_it() {
    let manager = app().workspace().manager();
    let anna = card(&manager).id();
    let lead = manager.post("/v1/leads", json!({"contact_id": anna, "received_at": "2026-03-02T09:00:00Z"})).created();
    let call = |at: &str| {
        let call = json!({"channel": "call", "direction": "outbound", "contact_id": anna, "occurred_at": at});
        manager.post("/v1/communications", call).created();
        manager.get(&lead.path()).ok()
    };
    let after = call("2020-01-19T10:00:00Z");
    assert_eq!(json!([after["status"], after["first_response_at"], after["first_response_seconds"]]), json!(["new", null, null]));
    // reported in any order, the earliest counts
    let after = call("2026-03-03T10:00:00Z");
    assert_eq!((&after["status"], &after["first_response_at"]), (&json!("in_work"), &json!("2026-03-03T10:00:00Z")));
    let after = call("2026-03-02T09:30:00Z");
    assert_eq!((&after["first_response_at"], &after["first_response_seconds"]), (&json!("2026-03-02T09:30:00Z"), &json!(1800)));
    assert_eq!(call("2026-03-02T11:00:00Z")["first_response_at"], "2026-03-02T09:30:00Z");
}

#[test]
fn an_outbound_call_is_the_first_response_and_puts_the_lead_in_work() {
    let manager = app().workspace().manager();
    let card = card(&manager);
    let lead = manager.post("/v1/leads", json!({"contact_id": card.id()})).created();
    assert_eq!(lead["first_response_at"], json!(null));
    let call = json!({"channel": "call", "direction": "outbound", "contact_id": card.id(), "lead_id": lead.id()});
    let call = manager.post("/v1/communications", call).created();
    let after = manager.get(&lead.path()).ok();
    assert_eq!(after["status"], "in_work");
    assert!(after["first_response_at"].is_string());
    manager
        .post("/v1/communications", json!({"channel": "email", "direction": "outbound", "contact_id": card.id(), "lead_id": lead.id()}))
        .created();
    assert_eq!(manager.get(&lead.path()).ok()["first_response_at"], after["first_response_at"], "the first reaction's time stays");
    drop(call);
}

#[test]
fn the_first_response_is_timed_in_working_hours() {
    let manager = app().workspace().manager();
    let card = card(&manager);
    // Friday 17:00 in Moscow, answered on Monday at 10:00
    let lead = manager.post("/v1/leads", json!({"contact_id": card.id(), "received_at": "2026-10-30T14:00:00Z"})).created();
    assert_eq!(lead["first_response_seconds"], json!(null));
    let call = json!({"channel": "call", "direction": "outbound", "contact_id": card.id(), "lead_id": lead.id(), "occurred_at": "2026-11-02T07:00:00Z"});
    manager.post("/v1/communications", call).created();
    assert_eq!(manager.get(&lead.path()).ok()["first_response_seconds"], 2 * 3600);
    let later = manager.patch(&lead.path(), json!({"received_at": "2026-11-02T06:30:00Z"})).ok();
    assert_eq!(later["first_response_seconds"], 1800, "another time of arrival is another time to the reaction");
    let by_hand = manager.post("/v1/leads", json!({"contact_id": card.id()})).created();
    assert!(manager.patch(&by_hand.path(), json!({"status": "in_work"})).ok()["first_response_seconds"].is_i64());
}

#[test]
fn leads_are_filtered_by_each_of_their_references() {
    let workspace = app().workspace();
    let (admin, manager) = (workspace.administrator(), workspace.manager());
    let source = admin.post("/v1/sources", json!({"name": "Ярмарка"})).created().id();
    let company = admin.post("/v1/companies", json!({"name": "Акме"})).created().id();
    let anna = card(&admin).id();
    let lead = admin.post("/v1/leads", json!({"contact_id": anna, "company_id": company, "source_id": source, "owner_id": manager.user_id, "tags": ["горячий"], "received_at": "2026-01-05T00:00:00Z"})).created();
    let other = admin.post("/v1/contacts", json!({"last_name": "Другой"})).created().id();
    let won = admin.post("/v1/leads", json!({"contact_id": other, "received_at": "2026-01-01T00:00:00Z"})).created();
    admin.post(&format!("{}/qualify", won.path()), json!({})).ok();
    let filters = [
        format!("contact_id={anna}"),
        format!("company_id={company}"),
        format!("source_id={source}"),
        format!("owner_id={}", manager.user_id),
        "tag=горячий".into(),
        "status=new,in_work".into(),
        "received_after=2026-01-03T00:00:00Z".into(),
        "received_after=2026-01-02T00:00:00Z&received_before=2026-01-06T00:00:00Z".into(),
        "q=ахматова".into(),
    ];
    for filter in filters {
        assert_eq!(admin.get(&format!("/v1/leads?{filter}")).ok().ids(), [lead.id()], "{filter}");
    }
}

#[test]
fn an_unassigned_lead_is_found_as_such() {
    let workspace = app().workspace();
    let integration = workspace.key("integration");
    let anna = integration.post("/v1/contacts", json!({"last_name": "А"})).created().id();
    let lead = integration.post("/v1/leads", json!({"contact_id": anna})).created();
    assert_eq!(lead["owner_id"], json!(null));
    let admin = workspace.administrator();
    assert_eq!(admin.get("/v1/leads?unassigned=true").ok().ids(), [lead.id()]);
    assert!(admin.get("/v1/leads?unassigned=false").ok().items().is_empty());
    assert!(workspace.manager().get("/v1/leads").ok().items().is_empty(), "a manager sees only his own");
    assert_eq!(workspace.head().get("/v1/leads").ok().ids(), [lead.id()], "a head sees what nobody has taken");
}

#[test]
fn a_lead_shows_its_client_and_owner_on_request() {
    let manager = app().workspace().manager();
    let anna = card(&manager);
    manager.post("/v1/leads", json!({"contact_id": anna.id()})).created();
    let page = manager.get("/v1/leads?expand=contact,owner").ok();
    assert_eq!(page.at("/data/0/expanded/contact/id"), anna.id().as_str());
    assert_eq!(page.at("/data/0/expanded/owner/id"), manager.user_id.as_str());
}

#[test]
fn a_lead_is_archived_and_restored() {
    let manager = app().workspace().manager();
    let lead = manager.post("/v1/leads", json!({"contact_id": card(&manager).id()})).created();
    manager.delete(&lead.path()).no_content();
    assert!(manager.get("/v1/leads").ok().items().is_empty());
    manager.post_nothing(&format!("{}/restore", lead.path())).ok();
    assert_eq!(manager.get("/v1/leads").ok().ids(), [lead.id()]);
}

#[test]
fn giving_a_lead_to_a_colleague_says_it_was_done_by_hand() {
    let workspace = app().workspace();
    let (admin, manager) = (workspace.administrator(), workspace.manager());
    let lead = admin.post("/v1/leads", json!({"contact_id": card(&admin).id()})).created();
    let given = admin.patch(&lead.path(), json!({"owner_id": manager.user_id})).ok();
    assert_eq!(given["owner_id"], manager.user_id.as_str());
    assert!(given["assignment_reason"].is_string());
}

#[test]
fn an_enquiry_cannot_arrive_later_than_now() {
    let manager = app().workspace().manager();
    let anna = card(&manager).id();
    let soon = crate::api_key::later(20 * 3600);
    for (at, why) in [("9999-12-31T00:00:00Z", "in_the_future"), ("2040-01-01T00:00:00Z", "in_the_future"), (&soon, "in_the_future")] {
        manager
            .post("/v1/leads", json!({"contact_id": anna, "received_at": at}))
            .is_problem(422, "validation_failed")
            .names_with("/received_at", why);
    }
}

#[test]
fn a_lead_of_another_client_takes_its_tasks_along() {
    let manager = app().workspace().manager();
    let (wrong, right) = (card(&manager).id(), manager.post("/v1/contacts", json!({"last_name": "Гумилёв"})).created());
    let step = json!({"title": "Перезвонить", "due_at": "2090-01-02T10:00:00Z"});
    let lead = manager.post("/v1/leads", json!({"contact_id": wrong, "next_task": step})).created();
    let own = manager.post("/v1/tasks", json!({"title": "Поздравить", "contact_id": wrong})).created();
    manager.patch(&lead.path(), json!({"contact_id": right.id()})).ok();
    let tasks = manager.get(&format!("/v1/tasks?lead_id={}", lead.id())).ok();
    assert_eq!((tasks.items().len(), tasks.at("/data/0/contact_id")), (1, &json!(right.id())));
    assert_eq!(manager.get(&right.path()).ok()["next_task_at"], "2090-01-02T10:00:00Z");
    assert_eq!(manager.get(&format!("/v1/contacts/{wrong}")).ok()["next_task_at"], json!(null));
    assert_eq!(manager.get(&own.path()).ok()["contact_id"], wrong.as_str());
}

#[test]
fn a_text_that_grew_when_it_was_cleaned_keeps_nothing_from_being_changed() {
    let admin = app().workspace().administrator();
    let contact = admin.post("/v1/contacts", json!({"last_name": "Гафизов"})).created().id();
    // a letter that is kept as two (U+0958 becomes U+0915 U+093C)
    let comment = "\u{958}".repeat(20_000);
    let lead = admin.post("/v1/leads", json!({"contact_id": contact, "comment": comment})).created();
    assert_eq!(lead["comment"].as_str().unwrap().chars().count(), 40_000);
    let begun = admin.patch(&lead.path(), json!({"status": "in_work"})).ok();
    assert_eq!((&begun["status"], &begun["comment"]), (&json!("in_work"), &lead["comment"]));
    let longer = format!("{}!", lead["comment"].as_str().unwrap());
    admin.patch(&lead.path(), json!({"comment": longer})).is_problem(422, "validation_failed").names_with("/comment", "too_long");
    admin.patch(&lead.path(), json!({"title": "x".repeat(100_000)})).is_problem(422, "validation_failed").names_with("/title", "too_long");
}
