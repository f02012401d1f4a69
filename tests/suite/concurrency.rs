//! Many at the same moment: one person stays one card, and nobody is answered with a 5xx.

use kartoteka_tests::{Answer, Caller, Value, app, eventually, json};

const CROWD: usize = 200;

/// Runs all at once and answers what each got.
fn at_once(count: usize, ask: impl Fn(usize) -> Answer + Sync) -> Vec<Answer> {
    let gate = std::sync::Barrier::new(count);
    std::thread::scope(|scope| {
        let (ask, gate) = (&ask, &gate);
        let running: Vec<_> = (0..count)
            .map(|n| {
                scope.spawn(move || {
                    gate.wait();
                    ask(n)
                })
            })
            .collect();
        running.into_iter().map(|r| r.join().unwrap()).collect()
    })
}

fn contacts(admin: &Caller) -> Vec<String> {
    admin.get("/v1/contacts?limit=200").ok().ids()
}

fn settle(admin: &Caller, count: i64) {
    eventually("all submissions to be processed", || {
        let waiting = admin.get("/v1/submissions?state=received,failed&include_total=true&limit=1").ok()["total"].as_i64().unwrap();
        let all = admin.get("/v1/submissions?include_total=true&limit=1").ok()["total"].as_i64().unwrap();
        (waiting == 0 && all == count).then_some(())
    });
}

#[test]
fn two_hundred_creates_of_one_person_make_one_card() {
    let manager = app().workspace().manager();
    let answers =
        at_once(CROWD, |_| manager.post("/v1/contacts", json!({"last_name": "Ахматова", "phones": [{"value": "8 (912) 345-67-89"}]})));
    assert_eq!(answers.iter().filter(|a| a.status == 201).count(), 1);
    assert!(
        answers.iter().all(|a| a.status == 201 || (a.status == 409 && a["code"] == "duplicate_found")),
        "{:?}",
        answers.iter().map(|a| a.status).collect::<Vec<_>>()
    );
    assert_eq!(contacts(&manager).len(), 1);
}

#[test]
fn two_hundred_attaching_creates_of_one_person_make_one_card() {
    let manager = app().workspace().manager();
    let answers = at_once(CROWD, |_| {
        manager.post("/v1/contacts?on_duplicate=attach", json!({"last_name": "А", "emails": [{"value": "a@example.com"}]}))
    });
    assert!(answers.iter().all(|a| a.status == 201 || a.status == 200));
    let first = answers[0].id();
    assert!(answers.iter().all(|a| a.id() == first));
    assert_eq!(contacts(&manager), [first]);
}

#[test]
fn two_hundred_submissions_of_one_person_make_one_card() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let form = workspace.form(json!({"rate_per_minute": 100_000, "duplicate_window_seconds": 0, "assignment": {"kind": "user", "user_id": admin.user_id}, "task_minutes": 15}));
    let door = format!("/public/v1/forms/{}/submissions", form["key"].as_str().unwrap());
    let answers =
        at_once(CROWD, |n| app().anyone().post(&door, json!({"fields": {"name": "Анна", "phone": "8 912 345 67 89", "comment": n}})));
    assert!(answers.iter().all(|a| a.status == 202), "{:?}", answers.iter().map(|a| a.status).collect::<Vec<_>>());
    settle(&admin, 200);
    assert_eq!(contacts(&admin).len(), 1);
    assert_eq!(admin.get("/v1/leads?include_total=true&limit=1").ok()["total"], 200, "each enquiry is a lead");
    assert_eq!(admin.get("/v1/communications?include_total=true&limit=1").ok()["total"], 200);
    assert_eq!(admin.get("/v1/tasks?include_total=true&limit=1").ok()["total"], 200);
}

#[test]
fn a_hundred_identical_submissions_beside_a_hundred_creates_make_one_card_and_one_lead() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let form = workspace.form(json!({"rate_per_minute": 100_000}));
    let door = format!("/public/v1/forms/{}/submissions", form["key"].as_str().unwrap());
    at_once(CROWD, |n| {
        if n % 2 == 0 {
            app().anyone().post(&door, json!({"fields": {"name": "Анна", "phone": "8 912 345 67 89"}})).accepted()
        } else {
            let answer = admin.post("/v1/contacts", json!({"last_name": "А", "phones": [{"value": "+79123456789"}]}));
            assert!(matches!(answer.status, 201 | 409), "{answer}");
            answer
        }
    });
    settle(&admin, 100);
    assert_eq!(contacts(&admin).len(), 1);
    assert_eq!(admin.get("/v1/leads").ok().items().len(), 1, "the same content within the window is one enquiry");
}

#[test]
fn bodies_that_share_only_the_phone_or_only_the_mail_in_crossed_order_never_deadlock() {
    let manager = app().workspace().manager();
    let (phones, emails) = (["+79123456701", "+79123456702"], ["a@example.com", "b@example.com"]);
    let body = |n: usize| -> Value {
        let (p, e) = (n % 2, n / 2 % 2);
        let both = [json!({"value": phones[p]}), json!({"value": phones[1 - p]})];
        let mails = [json!({"value": emails[e]}), json!({"value": emails[1 - e]})];
        match n % 5 {
            0 => json!({"last_name": "А", "phones": [{"value": phones[p]}]}),
            1 => json!({"last_name": "Б", "emails": [{"value": emails[e]}]}),
            2 => json!({"last_name": "В", "phones": both}),
            3 => json!({"last_name": "Г", "emails": mails}),
            _ => json!({"last_name": "Д", "phones": [{"value": phones[p]}], "emails": [{"value": emails[e]}]}),
        }
    };
    let answers = at_once(CROWD, |n| manager.post("/v1/contacts", body(n)));
    assert!(answers.iter().all(|a| matches!(a.status, 201 | 409)), "{:?}", answers.iter().map(|a| a.status).collect::<Vec<_>>());
    let mut owners = std::collections::HashMap::new();
    for card in manager.get("/v1/contacts?limit=200").ok().items() {
        for point in card["phones"]
            .as_array()
            .unwrap()
            .iter()
            .map(|p| &p["e164"])
            .chain(card["emails"].as_array().unwrap().iter().map(|e| &e["value"]))
        {
            assert_eq!(owners.insert(point.as_str().unwrap().to_owned(), card["id"].clone()), None, "{point} is on two cards");
        }
    }
    assert!(owners.len() == 4, "{owners:?}");
}

#[test]
fn changes_of_one_card_at_the_same_moment_lose_none() {
    let manager = app().workspace().manager();
    let card = manager.post("/v1/contacts", json!({"last_name": "А"})).created();
    let answers = at_once(30, |n| manager.patch(&card.path(), json!({"comment": format!("{n}")})));
    assert!(answers.iter().all(|a| matches!(a.status, 200 | 409)), "{:?}", answers.iter().map(|a| a.status).collect::<Vec<_>>());
    let done = i64::try_from(answers.iter().filter(|a| a.status == 200).count()).unwrap();
    assert_eq!(manager.get(&card.path()).ok()["version"], 1 + done);
    let strict = manager.with("if-match", &format!("\"{}\"", 1 + done));
    let answers = at_once(30, |n| strict.patch(&card.path(), json!({"comment": format!("x{n}")})));
    assert_eq!(answers.iter().filter(|a| a.status == 200).count(), 1, "only one change is made on a version");
    assert!(answers.iter().all(|a| matches!(a.status, 200 | 412)));
}

#[test]
fn a_task_is_finished_by_one_of_many() {
    let manager = app().workspace().manager();
    let task = manager.post("/v1/tasks", json!({"title": "x"})).created();
    let answers =
        at_once(30, |_| manager.post(&format!("{}/complete", task.path()), json!({"result": "да", "next_task": {"title": "дальше"}})));
    assert_eq!(answers.iter().filter(|a| a.status == 200).count(), 1);
    assert_eq!(manager.get("/v1/tasks?status=open").ok().items().len(), 1);
}

#[test]
fn two_at_once_cannot_take_one_external_id_or_name() {
    let integration = app().workspace().key("integration");
    let answers = at_once(40, |_| integration.put("/v1/contacts/by-external-id/x", json!({"last_name": "А"})));
    assert!(answers.iter().all(|a| matches!(a.status, 200 | 201)), "{:?}", answers.iter().map(|a| a.status).collect::<Vec<_>>());
    assert_eq!(contacts(&integration).len(), 1);
    let answers = at_once(40, |_| integration.post("/v1/tags", json!({"name": "Опт"})));
    assert_eq!(answers.iter().filter(|a| a.status == 201).count(), 1);
    assert!(answers.iter().all(|a| matches!(a.status, 201 | 422)));
}

#[test]
fn a_round_robin_stays_fair_under_a_rush() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let people = [workspace.manager().user_id, workspace.manager().user_id];
    let form = workspace.form(json!({"rate_per_minute": 100_000, "assignment": {"kind": "round_robin", "user_ids": people}}));
    let door = format!("/public/v1/forms/{}/submissions", form["key"].as_str().unwrap());
    at_once(40, |n| app().anyone().post(&door, json!({"fields": {"phone": format!("+791234567{n:02}")}})).accepted());
    settle(&admin, 40);
    for person in &people {
        assert_eq!(admin.get(&format!("/v1/leads?owner_id={person}&include_total=true")).ok()["total"], 20);
    }
}

#[test]
fn a_change_of_a_card_does_not_take_back_what_was_derived_meanwhile() {
    let manager = app().workspace().manager();
    for round in 0..8 {
        let card = manager.post("/v1/contacts", json!({"last_name": format!("А{round}")})).created();
        let answers = at_once(6, |n| {
            if n == 0 {
                manager.post("/v1/tasks", json!({"title": "x", "due_at": "2030-01-01T00:00:00Z", "contact_id": card["id"]}))
            } else {
                manager.patch(&card.path(), json!({"comment": format!("{n}")}))
            }
        });
        assert!(answers.iter().all(|a| matches!(a.status, 200 | 201)), "{:?}", answers.iter().map(|a| a.status).collect::<Vec<_>>());
        assert_eq!(manager.get(&card.path()).ok()["next_task_at"], "2030-01-01T00:00:00Z");
    }
}

#[test]
fn what_one_says_of_oneself_in_two_windows_is_said_in_both() {
    let manager = app().workspace().manager();
    for _ in 0..6 {
        let answers = at_once(8, |n| {
            if n % 2 == 0 {
                manager.put("/v1/me/notification-settings", json!({"digest": {"enabled": true, "time": "08:30"}}))
            } else {
                manager.post_nothing("/v1/me/calendar-link")
            }
        });
        assert!(answers.iter().all(|a| matches!(a.status, 200 | 201)), "{:?}", answers.iter().map(|a| a.status).collect::<Vec<_>>());
    }
    assert_eq!(manager.get("/v1/me/calendar-link").ok()["active"], true);
}

#[test]
fn who_leaves_while_work_is_handed_over_to_him_does_not_take_it_along() {
    let workspace = app().workspace();
    let (admin, anna) = (workspace.administrator(), workspace.manager());
    crate::next_step::demand(&workspace, "require");
    for round in 0..8 {
        let leaving = workspace.manager();
        let next = json!({"title": "Позвонить", "due_at": "2030-01-01T00:00:00Z"});
        let card = json!({"last_name": format!("А{round}"), "type": "customer", "owner_id": anna.user_id, "next_task": next});
        let card = admin.post("/v1/contacts", card).created();
        let answers = at_once(2, |n| {
            if n == 0 {
                let of = json!([card["id"]]);
                let order = json!({"from_user_id": anna.user_id, "to_user_id": leaving.user_id, "contact_ids": of});
                admin.post("/v1/hand-overs", order)
            } else {
                admin.patch(&format!("/v1/users/{}", leaving.user_id), json!({"active": false}))
            }
        });
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        assert!(matches!(statuses[..], [201, 422] | [422, 200]), "{answers:?}");
    }
}
