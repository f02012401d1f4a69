//! Tasks: due times, completion with the next step, my day.

use kartoteka_tests::{Caller, app, eventually, json};

fn card(caller: &Caller) -> String {
    caller.post("/v1/contacts", json!({"last_name": "Блок"})).created().id()
}

#[test]
fn a_task_keeps_all_its_fields() {
    let manager = app().workspace().manager();
    let task = json!({
        "kind": "call", "title": "Перезвонить", "description": "о щебне", "due_at": "2030-05-01T09:00:00Z", "time_zone": "Asia/Omsk", "priority": "high",
        "contact_id": card(&manager), "checklist": [{"text": "прайс", "done": false}], "remind_at": ["2030-05-01T08:45:00Z"]
    });
    let made = manager.post("/v1/tasks", task.clone()).created();
    for (field, value) in task.as_object().unwrap() {
        assert_eq!(&made[field.as_str()], value, "{field}");
    }
    assert_eq!((&made["status"], &made["owner_id"]), (&json!("open"), &json!(manager.user_id)));
    assert_eq!(manager.get(&made.path()).ok().text(), made.text());
}

#[test]
fn finishing_a_task_can_make_the_next_one_in_the_same_request() {
    let manager = app().workspace().manager();
    let contact = card(&manager);
    let task = manager.post("/v1/tasks", json!({"title": "Позвонить", "contact_id": contact, "due_at": "2026-01-01T00:00:00Z"})).created();
    let done = json!({"result": "договорились", "next_task": {"title": "Отправить КП", "due_at": "2030-01-02T00:00:00Z"}});
    let done = manager.post(&format!("{}/complete", task.path()), done).ok();
    assert_eq!((done.at("/task/status"), done.at("/task/result")), (&json!("done"), &json!("договорились")));
    assert!(done.at("/task/completed_at").is_string());
    assert_eq!(done.at("/next_task/contact_id"), contact.as_str(), "the next step is with the same client");
    assert_eq!(manager.get(&format!("/v1/contacts/{contact}")).ok()["next_task_at"], "2030-01-02T00:00:00Z");
    manager.post(&format!("{}/complete", task.path()), json!({})).is_problem(409, "task_not_open");
}

#[test]
fn a_next_step_that_is_wrong_leaves_the_task_open() {
    let manager = app().workspace().manager();
    let task = manager.post("/v1/tasks", json!({"title": "Позвонить"})).created();
    let wrong = json!({"result": "x", "next_task": {"title": "", "due_at": "9999-01-01T00:00:00Z"}});
    let refused = manager.post(&format!("{}/complete", task.path()), wrong).is_problem(422, "validation_failed");
    refused.names_with("/next_task/title", "required").names_with("/next_task/due_at", "in_the_future");
    assert_eq!(manager.get(&task.path()).ok()["status"], "open");
}

#[test]
fn leaving_a_client_without_a_next_step_is_warned_of_or_refused_by_policy() {
    let workspace = app().workspace();
    let (admin, manager) = (workspace.administrator(), workspace.manager());
    let contact = card(&manager);
    let task = |title: &str| manager.post("/v1/tasks", json!({"title": title, "contact_id": contact})).created().path();
    let warned = manager.post(&format!("{}/complete", task("первая")), json!({"result": "x"})).ok();
    assert!(warned.at("/task/warnings").as_array().is_some_and(|w| !w.is_empty()), "{warned}");
    let mut policies = admin.get("/v1/workspace").ok()["policies"].clone();
    policies["next_step"]["contact"] = json!("require");
    admin.patch("/v1/workspace", json!({"policies": policies})).ok();
    let second = format!("{}/complete", task("вторая"));
    manager.post(&second, json!({"result": "x"})).is_problem(422, "validation_failed").names_with("/next_task", "next_step_required");
    let reasoned = manager.post(&second, json!({"result": "x", "no_next_step_reason": "уехал"})).ok();
    assert_eq!(reasoned.at("/task/no_next_step_reason"), "уехал");
}

#[test]
fn a_task_is_cancelled_and_opened_again() {
    let manager = app().workspace().manager();
    let task = manager.post("/v1/tasks", json!({"title": "x"})).created();
    manager.post_nothing(&format!("{}/reopen", task.path())).is_problem(409, "task_open");
    assert_eq!(manager.post(&format!("{}/cancel", task.path()), json!({})).ok()["status"], "cancelled");
    manager.post(&format!("{}/cancel", task.path()), json!({})).is_problem(409, "task_not_open");
    let open = manager.post_nothing(&format!("{}/reopen", task.path())).ok();
    assert_eq!((&open["status"], &open["completed_at"]), (&json!("open"), &json!(null)));
}

#[test]
fn the_next_step_of_a_card_is_its_earliest_open_task_and_changes_no_version() {
    let manager = app().workspace().manager();
    let contact = card(&manager);
    let path = format!("/v1/contacts/{contact}");
    let before = manager.get(&path).ok();
    manager.post("/v1/tasks", json!({"title": "б", "contact_id": contact, "due_at": "2030-01-02T00:00:00Z"})).created();
    let first = manager.post("/v1/tasks", json!({"title": "а", "contact_id": contact, "due_at": "2030-01-01T00:00:00Z"})).created();
    let after = manager.get(&path).ok();
    assert_eq!(after["next_task_at"], "2030-01-01T00:00:00Z");
    assert_eq!((&after["version"], &after["updated_at"]), (&before["version"], &before["updated_at"]));
    manager.post(&format!("{}/cancel", first.path()), json!({})).ok();
    assert_eq!(manager.get(&path).ok()["next_task_at"], "2030-01-02T00:00:00Z");
}

#[test]
fn my_day_shows_what_is_overdue_due_and_undated() {
    let workspace = app().workspace();
    let manager = workspace.manager();
    let late = manager.post("/v1/tasks", json!({"title": "вчера", "due_at": "2026-01-01T00:00:00Z"})).created();
    let undated = manager.post("/v1/tasks", json!({"title": "когда-нибудь"})).created();
    manager.post("/v1/tasks", json!({"title": "нескоро", "due_at": "2090-01-01T00:00:00Z"})).created();
    let day = manager.get("/v1/my-day").ok();
    assert_eq!((day.at("/user_id"), day.at("/time_zone")), (&json!(manager.user_id), &json!("Europe/Moscow")));
    assert_eq!((day.at("/overdue/count"), day.at("/overdue/tasks/0/id")), (&json!(1), &json!(late.id())));
    assert_eq!((day.at("/without_date/count"), day.at("/without_date/tasks/0/id")), (&json!(1), &json!(undated.id())));
    let seen = workspace.administrator().get(&format!("/v1/my-day?user_id={}", manager.user_id)).ok();
    assert_eq!(seen.at("/overdue/count"), 1);
    let foreign = manager.get(&format!("/v1/my-day?user_id={}", workspace.administrator().user_id));
    assert!(matches!(foreign.status, 200 | 403 | 404), "{foreign}");
    if foreign.status == 200 {
        assert_eq!(foreign.at("/overdue/count"), 0, "a manager sees no colleague's tasks");
    }
}

#[test]
fn tasks_are_filtered_by_each_of_their_references() {
    let workspace = app().workspace();
    let (admin, manager) = (workspace.administrator(), workspace.manager());
    let contact = card(&admin);
    let company = admin.post("/v1/companies", json!({"name": "Акме"})).created().id();
    let lead = admin.post("/v1/leads", json!({"contact_id": contact})).created().id();
    let all = json!({"title": "x", "kind": "call", "priority": "high", "owner_id": manager.user_id, "contact_id": contact, "company_id": company, "lead_id": lead, "due_at": "2030-01-02T00:00:00Z"});
    let task = admin.post("/v1/tasks", all).created();
    let done = admin.post("/v1/tasks", json!({"title": "y"})).created();
    admin.post(&format!("{}/complete", done.path()), json!({"result": "ok"})).ok();
    let filters = [
        format!("contact_id={contact}"),
        format!("company_id={company}"),
        format!("lead_id={lead}"),
        format!("owner_id={}", manager.user_id),
        "kind=call,letter".into(),
        "priority=high".into(),
        "status=open".into(),
        "due_after=2030-01-01T00:00:00Z&due_before=2030-01-03T00:00:00Z".into(),
    ];
    for filter in filters {
        assert_eq!(admin.get(&format!("/v1/tasks?{filter}")).ok().ids(), [task.id()], "{filter}");
    }
    let expanded = admin.get("/v1/tasks?status=open&expand=owner,contact,company,lead").ok();
    for (what, id) in [("owner", &manager.user_id), ("contact", &contact), ("company", &company), ("lead", &lead)] {
        assert_eq!(expanded.at(&format!("/data/0/expanded/{what}/id")), id.as_str(), "{what}");
    }
}

#[test]
fn a_task_is_patched_archived_and_restored() {
    let manager = app().workspace().manager();
    let task = manager.post("/v1/tasks", json!({"title": "x", "due_at": "2030-01-01T00:00:00Z"})).created();
    let patched = manager.patch(&task.path(), json!({"due_at": null, "priority": "low"})).ok();
    assert_eq!((&patched["due_at"], &patched["priority"]), (&json!(null), &json!("low")));
    manager.delete(&task.path()).no_content();
    assert!(manager.get("/v1/tasks").ok().items().is_empty());
    manager.post_nothing(&format!("{}/restore", task.path())).ok();
    assert_eq!(manager.get("/v1/tasks").ok().ids(), [task.id()]);
}

#[test]
fn a_task_due_in_the_year_9999_or_without_a_title_is_refused() {
    let manager = app().workspace().manager();
    let refused = manager
        .post("/v1/tasks", json!({"due_at": "9999-12-31T23:59:59Z", "kind": "Звонок", "time_zone": "Moon"}))
        .is_problem(422, "validation_failed");
    refused
        .names_with("/title", "required")
        .names_with("/due_at", "in_the_future")
        .names("/kind")
        .names_with("/time_zone", "invalid_time_zone");
}

#[test]
fn a_client_who_does_not_answer_is_tried_again_until_it_is_enough() {
    let workspace = app().workspace();
    let (admin, manager) = (workspace.administrator(), workspace.manager());
    let mut policies = admin.get("/v1/workspace").ok()["policies"].clone();
    policies["next_step"]["contact"] = json!("require");
    let repeat = json!({"delays": [{"seconds": 0, "working_days": 1}], "most": 3});
    admin.patch("/v1/workspace", json!({"policies": policies, "repeat_contact": repeat})).ok();
    let contact = card(&manager);
    let mut task =
        manager.post("/v1/tasks", json!({"kind": "call", "title": "Позвонить", "contact_id": contact, "priority": "high"})).created().id();
    for attempt in 1..=3 {
        let told = manager.post(&format!("/v1/tasks/{task}/no-answer"), json!({"comment": "гудки"})).ok();
        assert_eq!((told.at("/task/status"), told.at("/task/result")), (&json!("done"), &json!("no answer")));
        assert_eq!((&told["attempts"], &told["exhausted"]), (&json!(attempt), &json!(attempt == 3)));
        let call = &told["communication"];
        assert_eq!((&call["channel"], &call["direction"], &call["status"]), (&json!("call"), &json!("outbound"), &json!("missed")));
        assert_eq!((&call["task_id"], &call["contact_id"], &call["body"]), (&json!(task), &json!(contact), &json!("гудки")));
        manager.post(&format!("/v1/tasks/{task}/no-answer"), json!({})).is_problem(409, "task_not_open");
        if attempt == 3 {
            assert_eq!(told["next_task"], json!(null));
            assert_eq!(told.at("/task/no_next_step_reason"), "3 attempts without an answer");
            break;
        }
        let next = &told["next_task"];
        assert_eq!((&next["attempt"], &next["title"], &next["priority"]), (&json!(attempt + 1), &json!("Позвонить"), &json!("high")));
        assert!(next["due_at"].as_str().is_some_and(|at| at.ends_with("T06:00:00Z")), "nine in the morning in Moscow: {next}");
        assert_eq!(manager.get(&format!("/v1/contacts/{contact}")).ok()["next_task_at"], next["due_at"]);
        task = next["id"].as_str().unwrap().to_owned();
    }
    assert_eq!(manager.get(&format!("/v1/communications?contact_id={contact}&status=missed&include_total=true")).ok()["total"], 3);
    assert_eq!(manager.get(&format!("/v1/contacts/{contact}")).ok()["last_communication_at"], json!(null), "nobody has talked to him");
}

#[test]
fn a_try_without_an_answer_is_told_once_by_its_key_and_needs_a_client() {
    let manager = app().workspace().manager();
    let alone = manager.post("/v1/tasks", json!({"title": "Склад"})).created();
    manager.post(&format!("{}/no-answer", alone.path()), json!({})).is_problem(409, "no_contact");
    let task = manager.post("/v1/tasks", json!({"title": "Позвонить", "contact_id": card(&manager)})).created();
    let verb = format!("{}/no-answer", task.path());
    manager
        .post(&verb, json!({"occurred_at": "2099-01-01T00:00:00Z"}))
        .is_problem(422, "validation_failed")
        .names_with("/occurred_at", "in_the_future");
    assert_eq!(manager.get(&task.path()).ok()["status"], "open");
    let keyed = manager.with("idempotency-key", "once");
    let first = keyed.post(&verb, json!({})).ok();
    assert_eq!(keyed.post(&verb, json!({})).ok().text(), first.text());
    assert_eq!(manager.get("/v1/tasks?status=open&include_total=true").ok()["total"], 2, "the other one and the next try");
}

#[test]
fn a_recurring_task_makes_the_next_one_when_it_ends() {
    let manager = app().workspace().manager();
    let contact = card(&manager);
    let weekly = json!({"title": "Планёрка", "contact_id": contact, "due_at": "2026-10-19T06:00:00Z", "time_zone": "Europe/Kyiv", "recurrence": "freq=weekly;byday=mo",
        "checklist": [{"text": "повестка", "done": true}], "remind_at": ["2026-10-19T05:45:00Z"]});
    let first = manager.post("/v1/tasks", weekly).created();
    assert_eq!((&first["recurrence"], &first["series_id"]), (&json!("FREQ=WEEKLY;BYDAY=MO"), &json!(first.id())));
    let shown = manager.get(&format!("{}/occurrences?limit=3", first.path())).ok();
    assert_eq!(
        shown["occurrences"],
        json!(["2026-10-19T06:00:00Z", "2026-10-26T07:00:00Z", "2026-11-02T07:00:00Z"]),
        "nine o'clock in Kyiv"
    );
    manager.get(&format!("{}/occurrences?limit=101", first.path())).is_problem(400, "invalid_parameter");
    let done = manager.post(&format!("{}/complete", first.path()), json!({"result": "да"})).ok();
    let next = &done["next_task"];
    assert_eq!((&next["title"], &next["series_id"], &next["contact_id"]), (&json!("Планёрка"), &json!(first.id()), &json!(contact)));
    assert_eq!((next.pointer("/checklist/0/done"), &next["recurrence_start_at"]), (Some(&json!(false)), &first["due_at"]));
    assert!(next["due_at"].as_str() > Some("2026-11-2"), "after now: {next}");
    assert_eq!(manager.get(&format!("/v1/contacts/{contact}")).ok()["next_task_at"], next["due_at"], "and it is a next step");
    // opened and ended again, the series goes on but once
    manager.post_nothing(&format!("{}/reopen", first.path())).ok();
    assert_eq!(manager.post(&format!("{}/complete", first.path()), json!({"result": "да"})).ok()["next_task"], json!(null));
    let second = format!("/v1/tasks/{}", next["id"].as_str().unwrap());
    manager.post(&format!("{second}/cancel"), json!({"reason": "праздник"})).ok();
    let open = manager.get(&format!("/v1/tasks?series_id={}&status=open", first.id())).ok();
    assert_eq!(open.items().len(), 1, "{open}");
    let third = format!("/v1/tasks/{}", open.ids()[0]);
    manager.patch(&third, json!({"recurrence": null})).ok();
    manager.post(&format!("{third}/cancel"), json!({})).ok();
    assert!(manager.get(&format!("/v1/tasks?series_id={}&status=open", first.id())).ok().items().is_empty(), "the series has ended");
}

#[test]
fn a_rule_that_cannot_be_kept_is_refused() {
    let manager = app().workspace().manager();
    let task = |rule: &str| json!({"title": "x", "due_at": "2030-01-01T09:00:00Z", "recurrence": rule});
    for rule in ["каждый день", "FREQ=HOURLY", "FREQ=DAILY;BYHOUR=9", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=DAILY;UNTIL=20200101"]
    {
        manager.post("/v1/tasks", task(rule)).is_problem(422, "validation_failed").names_with("/recurrence", "invalid_recurrence");
    }
    manager
        .post("/v1/tasks", json!({"title": "x", "recurrence": "FREQ=DAILY"}))
        .is_problem(422, "validation_failed")
        .names_with("/due_at", "required");
    let made = manager.post("/v1/tasks", task("RRULE:FREQ=DAILY;COUNT=2")).created();
    assert_eq!((&made["recurrence"], &made["time_zone"]), (&json!("FREQ=DAILY;COUNT=2"), &json!("Europe/Moscow")));
    assert_eq!(manager.get(&made.path()).ok().text(), made.text());
}

#[test]
fn shares_of_overdue_tasks_are_told_to_whoever_sees_the_figures() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let north = admin.post("/v1/departments", json!({"name": "Север"})).created().id();
    let head = workspace.somebody("head", json!({"department_id": north}));
    let (near, far) = (workspace.somebody("manager", json!({"department_id": north})), workspace.manager());
    for (caller, kind, due) in [
        (&near, "call", "2026-01-01T00:00:00Z"),
        (&near, "call", "2090-01-01T00:00:00Z"),
        (&near, "letter", "2026-01-01T00:00:00Z"),
        (&far, "call", "2026-01-01T00:00:00Z"),
    ] {
        caller.post("/v1/tasks", json!({"title": "x", "kind": kind, "due_at": due})).created();
    }
    assert_eq!(admin.get("/v1/my-day").ok()["shares"], json!(null));
    let shares = |caller: &Caller| caller.get("/v1/my-day?shares=true").ok()["shares"].clone();
    let all = shares(&admin);
    let kinds = json!([{"kind": "call", "open": 3, "overdue": 2, "overdue_share": 0.6667}, {"kind": "letter", "open": 1, "overdue": 1, "overdue_share": 1.0}]);
    assert_eq!(all["by_kind"], kinds);
    assert_eq!((&all["by_person"][0]["user_id"], &all["by_person"][0]["overdue"]), (&json!(near.user_id), &json!(2)));
    assert_eq!(all["by_department"].as_array().unwrap().len(), 2);
    // who works in the department is known for a second
    let own = eventually("the head's people", || {
        Some(shares(&head)).filter(|own| own["by_person"].as_array().is_some_and(|all| !all.is_empty()))
    });
    assert_eq!((own["by_person"].as_array().unwrap().len(), &own["by_department"][0]["department_id"]), (1, &json!(north)));
    assert_eq!(own["by_kind"][0]["open"], 2);
    let figures = &admin.get("/v1/roles?limit=200").ok().items().iter().find(|role| role["key"] == "manager").unwrap()["analytics"].clone();
    let seen = shares(&near)["by_person"].as_array().unwrap().len();
    assert_eq!(seen, usize::from(figures == "own"), "{figures}");
}

#[test]
fn my_day_says_how_much_is_overdue_and_who_was_not_talked_to_for_long() {
    let workspace = app().workspace();
    let (admin, manager) = (workspace.administrator(), workspace.manager());
    assert_eq!(manager.get("/v1/my-day").ok()["overdue_share"], json!(null));
    manager.post("/v1/tasks", json!({"title": "вчера", "due_at": "2026-01-01T00:00:00Z"})).created();
    for title in ["а", "б", "в"] {
        manager.post("/v1/tasks", json!({"title": title})).created();
    }
    let talked = card(&manager);
    let call = json!({"channel": "call", "direction": "outbound", "contact_id": talked, "occurred_at": "2026-02-01T09:00:00Z"});
    manager.post("/v1/communications", call).created();
    card(&manager);
    let day = manager.get("/v1/my-day").ok();
    assert_eq!((&day["overdue_share"], day.at("/silent/count")), (&json!(0.25), &json!(1)));
    assert_eq!(day.at("/silent/contacts/0/id"), talked.as_str(), "the card that was made today is not silent yet");
    admin.patch("/v1/workspace", json!({"silent_after_days": 3650})).ok();
    assert_eq!(manager.get("/v1/my-day").ok().at("/silent/count"), 0);
    admin
        .patch("/v1/workspace", json!({"silent_after_days": 0}))
        .is_problem(422, "validation_failed")
        .names_with("/silent_after_days", "out_of_range");
}
