//! What people are told: once per cause, whoever of several processes comes first and whatever the clock does; by the channels they chose,
//! and nothing that they may not see.

use std::{fs, process::Command};

use kartoteka_tests::{App, Caller, Database, Engine, Server, Value, app, eventually, json, sink::MailSink};

use crate::api_key::later;

fn told(who: &Caller, query: &str) -> Vec<Value> {
    who.get(&format!("/v1/notifications?limit=200{query}")).ok().items().to_vec()
}

fn kinds(who: &Caller) -> Vec<String> {
    let mut kinds: Vec<String> = told(who, "").iter().map(|one| one["kind"].as_str().unwrap().to_owned()).collect();
    kinds.sort();
    kinds
}

#[test]
fn a_reminder_and_an_overdue_task_are_told_and_read() {
    let workspace = app().workspace();
    let anna = workspace.manager();
    let card = anna.post("/v1/contacts", json!({"last_name": "Ахматова"})).created();
    let (remind, due) = (later(2), later(3));
    let task =
        anna.post("/v1/tasks", json!({"title": "Позвонить", "contact_id": card["id"], "remind_at": [remind], "due_at": due})).created();
    assert_eq!(anna.get("/v1/notifications/unread-count").ok()["unread"], 0);
    eventually("both to be told", || (kinds(&anna) == ["task_overdue", "task_reminder"]).then_some(()));
    let all = told(&anna, "");
    assert_eq!((&all[0]["record_type"], &all[0]["record_id"], &all[0]["read_at"]), (&json!("task"), &task["id"], &Value::Null));
    assert_eq!(all[1]["title"], "Напоминание: Позвонить");
    assert!(all[0]["body"].as_str().unwrap().starts_with("Ахматова"), "{}", all[0]);
    assert_eq!(told(&anna, "&kind=task_reminder").len(), 1);
    // one is read, then all
    let path = format!("/v1/notifications/{}", all[0]["id"].as_str().unwrap());
    assert!(anna.get(&path).ok()["read_at"].is_null());
    let read = anna.post_nothing(&format!("{path}/read")).ok();
    assert!(read["read_at"].is_string());
    assert_eq!(anna.post_nothing(&format!("{path}/read")).ok()["read_at"], read["read_at"]);
    assert_eq!(anna.get("/v1/notifications/unread-count").ok()["unread"], 1);
    assert_eq!(told(&anna, "&unread=true").len(), 1);
    assert_eq!(anna.post("/v1/notifications/read", json!({"until": "2026-01-01T00:00:00Z"})).ok()["unread"], 1);
    assert_eq!(anna.post("/v1/notifications/read", json!({})).ok()["unread"], 0);
    assert_eq!(told(&anna, "&unread=false").len(), 2);
    // nobody else's
    let boris = workspace.manager();
    assert!(told(&boris, "").is_empty());
    boris.get(&path).is_problem(404, "not_found");
    boris.post_nothing(&format!("{path}/read")).is_problem(404, "not_found");
    // what is done, moved or somebody else's by now is told accordingly
    anna.post(&format!("{}/complete", task.path()), json!({"result": "да", "no_next_step_reason": "всё"})).ok();
    workspace.key("manager").get("/v1/notifications").is_problem(403, "forbidden");
}

#[test]
fn a_record_out_of_sight_is_not_told_any_more() {
    let workspace = app().workspace();
    let (admin, anna, boris) = (workspace.administrator(), workspace.manager(), workspace.manager());
    let task = anna.post("/v1/tasks", json!({"title": "Тайна", "remind_at": [later(2)]})).created();
    eventually("the reminder", || (told(&anna, "").len() == 1).then_some(()));
    admin.patch(&task.path(), json!({"owner_id": boris.user_id})).ok();
    let all = told(&anna, "");
    assert_eq!((&all[0]["title"], &all[0]["body"]), (&json!("Напоминание"), &Value::Null));
}

#[test]
fn a_stage_s_limit_is_told_ahead_and_when_it_has_passed() {
    let workspace = app().workspace();
    let (admin, anna) = (workspace.administrator(), workspace.manager());
    let stages = json!([{"name": "Встреча", "kind": "open", "time_limit_seconds": 3600}, {"name": "Да", "kind": "won"}, {"name": "Нет", "kind": "lost"}]);
    let pipeline = admin.post("/v1/pipelines", json!({"name": "Бетон", "stages": stages})).created();
    anna.put("/v1/me/notification-settings", json!({"stage_limit_ahead_minutes": 60})).ok();
    let deal = anna.post("/v1/deals", json!({"name": "20 м³", "pipeline_id": pipeline["id"]})).created();
    assert!(deal["stage_due_at"].is_string(), "{deal}");
    eventually("a word ahead", || (kinds(&anna) == ["stage_limit"]).then_some(()));
    let all = told(&anna, "");
    assert_eq!(all[0]["title"], "Скоро выйдет время этапа: 20 м³");
    assert!(all[0]["body"].as_str().unwrap().contains("Встреча"));
}

#[test]
fn settings_are_as_usual_until_somebody_says_otherwise() {
    let workspace = app().workspace();
    let anna = workspace.manager();
    let usual = anna.get("/v1/me/notification-settings").ok();
    assert_eq!(
        (usual.at("/settings/digest/time"), usual.at("/settings/quiet_hours"), &usual["updated_at"]),
        (&json!("08:30"), &Value::Null, &Value::Null)
    );
    assert_eq!(usual.at("/channels/0"), &json!({"channel": "in_app", "available": true, "reason": null}));
    assert_eq!(usual.at("/channels/1/reason"), "not_set_up");
    let wanted = json!({"routes": {"task_reminder": [], "digest": ["email"]}, "quiet_hours": {"from": "21:00", "until": "08:00"}, "telegram_chat_id": "-100123"});
    let set = anna.put("/v1/me/notification-settings", wanted).ok();
    assert_eq!((set.at("/settings/routes/digest"), set.at("/settings/routes/deal_won/0")), (&json!(["email"]), &json!("in_app")));
    assert_eq!(anna.get("/v1/me/notification-settings").ok().text(), set.text());
    let wrong = json!({"quiet_hours": {"from": "25:00", "until": "08:00"}, "digest": {"time": "8"}, "telegram_chat_id": "Анна", "stage_limit_ahead_minutes": 10_081});
    let refused = anna.put("/v1/me/notification-settings", wrong).is_problem(422, "validation_failed");
    refused.names("/quiet_hours/from").names("/digest/time").names("/telegram_chat_id").names("/stage_limit_ahead_minutes");
    anna.put("/v1/me/notification-settings", json!({"routes": {"nonsense": []}})).status(400);
    assert_eq!(anna.get("/v1/me/notification-settings").ok().text(), set.text());
    // what is routed nowhere is not told
    anna.post("/v1/tasks", json!({"title": "тихо", "remind_at": [later(2)]})).created();
    anna.post("/v1/tasks", json!({"title": "громко", "due_at": later(3)})).created();
    eventually("the other one", || (kinds(&anna) == ["task_overdue"]).then_some(()));
    let events = workspace.administrator().get(&format!("/v1/audit-events?record_id={}", anna.user_id)).ok();
    assert!(events.items().iter().any(|event| event["action"] == "notification_settings_changed"), "{events}");
}

#[test]
fn a_lead_nobody_reacts_to_is_told_step_by_step() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let department = admin.post("/v1/departments", json!({"name": "Север"})).created();
    let of = json!({"department_id": department["id"]});
    let (head, anna) = (workspace.somebody("head", of.clone()), workspace.somebody("manager", of));
    admin.patch(&department.path(), json!({"head_id": head.user_id})).ok();
    let card = anna.post("/v1/contacts", json!({"last_name": "Блок"})).created();
    anna.post("/v1/leads", json!({"contact_id": card["id"], "received_at": "2026-01-01T00:00:00Z"})).created();
    let wanted = json!({"remind_after_minutes": 15, "head_after_minutes": 60});
    admin.patch("/v1/workspace", json!({"untouched_leads": wanted})).ok();
    let untouched = |who: &Caller| told(who, "&kind=lead_untouched");
    eventually("owner and head to be told", || (untouched(&anna).len() == 1 && untouched(&head).len() == 1).then_some(()));
    assert_eq!(untouched(&anna)[0]["title"], "Клиент ждёт ответа: Блок");
    assert_eq!(untouched(&head)[0]["title"], "Клиенту никто не ответил: Блок");
}

/// A library that puts the clock on the wall as far ahead as a file says.
pub fn clock(database: &Database) -> (String, String) {
    let (source, library, offset) =
        (database.directory.join("clock.c"), database.directory.join("clock.so"), database.directory.join("offset"));
    let code = r#"
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <time.h>
        int clock_gettime(clockid_t id, struct timespec *at) {
            static int (*real)(clockid_t, struct timespec *);
            if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
            int done = real(id, at);
            if (id != CLOCK_REALTIME) return done;
            FILE *file = fopen(getenv("CLOCK_OFFSET"), "r");
            long ahead = 0;
            if (file) { if (fscanf(file, "%ld", &ahead) != 1) ahead = 0; fclose(file); }
            at->tv_sec += ahead;
            return done;
        }"#;
    fs::write(&source, code).unwrap();
    fs::write(&offset, "0").unwrap();
    let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &source]).arg("-ldl").status().unwrap();
    assert!(built.success());
    (library.display().to_string(), offset.display().to_string())
}

#[test]
fn under_two_processes_a_kill_and_a_jumping_clock_each_cause_is_told_once() {
    let database = Database::fresh();
    let (library, offset) = clock(&database);
    let jumping = [("LD_PRELOAD", library.as_str()), ("CLOCK_OFFSET", offset.as_str())];
    let quiet = Server::start(&database, &[jumping[0], jumping[1], ("KARTOTEKA_WORKERS", "false")]);
    let workspace = App::of(&quiet).workspace();
    let anna = workspace.manager();
    let tasks = 15;
    for number in 0..tasks {
        let hours = [later(3600), later(7200)];
        let task = json!({"title": format!("Дело {number}"), "remind_at": hours, "due_at": later(10_800)});
        anna.post("/v1/tasks", task).created();
    }
    quiet.kill();
    let start = || Server::start(&database, &jumping);
    let jump = |seconds: i64| fs::write(&offset, seconds.to_string()).unwrap();
    let (one, two) = (start(), start());
    // a little over an hour ahead, back again, and over all there is, while servers come and go
    let count = || database.number("SELECT count(*) FROM notification WHERE kind IN ('task_reminder', 'task_overdue')");
    jump(3700);
    eventually("the first to be told", || (count() > 0).then_some(()));
    jump(-50_000);
    one.kill();
    let three = start();
    jump(7300);
    eventually("the next to be told", || (count() > tasks).then_some(()));
    two.kill();
    jump(40_000);
    let four = start();
    eventually("all to be told", || (count() >= tasks * 3).then_some(()));
    jump(0);
    three.kill();
    let five = start();
    jump(90_000);
    // whatever would be told again had its chance
    eventually("nothing to be due", || (database.number("SELECT count(*) FROM wakeup WHERE kind = 'task_watch'") == 0).then_some(()));
    assert_eq!(count(), tasks * 3);
    let causes = database.number("SELECT count(DISTINCT cause) FROM notification WHERE kind IN ('task_reminder', 'task_overdue')");
    assert_eq!(causes, tasks * 3);
    four.kill();
    five.kill();
}

#[test]
fn what_others_do_is_told_to_those_it_concerns_and_nobody_hears_of_his_own_deeds() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let department = admin.post("/v1/departments", json!({"name": "Север"})).created();
    let of = json!({"department_id": department["id"]});
    let (head, anna, boris) =
        (workspace.somebody("head", of.clone()), workspace.somebody("manager", of.clone()), workspace.somebody("manager", of));
    admin.patch(&department.path(), json!({"head_id": head.user_id})).ok();
    let card = anna.post("/v1/contacts", json!({"last_name": "Блок"})).created();
    // his own
    anna.post("/v1/tasks", json!({"title": "сама", "contact_id": card["id"]})).created();
    anna.post("/v1/leads", json!({"contact_id": card["id"]})).created();
    // others'
    admin.post("/v1/tasks", json!({"title": "Позвонить", "contact_id": card["id"], "owner_id": anna.user_id})).created();
    let deal = anna
        .post(
            "/v1/deals",
            json!({"name": "20 м³", "contacts": [{"contact_id": card["id"]}], "amount": {"amount": 150_000, "currency": "RUB"}}),
        )
        .created();
    let pipeline = admin.get(&format!("/v1/pipelines/{}", deal["pipeline_id"].as_str().unwrap())).ok();
    let won = pipeline["stages"].as_array().unwrap().iter().find(|stage| stage["kind"] == "won").unwrap()["id"].clone();
    anna.post(&format!("{}/move", deal.path()), json!({"stage_id": won})).ok();
    let theirs = admin.post("/v1/contacts", json!({"last_name": "Белый", "owner_id": boris.user_id})).created();
    admin.post("/v1/leads", json!({"contact_id": theirs["id"], "owner_id": boris.user_id})).created();
    eventually("everybody to be told", || {
        (kinds(&anna) == ["task_assigned"] && kinds(&head) == ["deal_won"] && kinds(&boris) == ["lead_received"]).then_some(())
    });
    assert!(told(&anna, "")[0]["title"] == "Вам поставлена задача: Позвонить", "{:?}", told(&anna, ""));
    // a hand-over is one word, however much it is
    admin.post("/v1/hand-overs", json!({"from_user_id": anna.user_id, "to_user_id": boris.user_id})).created();
    eventually("the hand-over to be told", || (kinds(&boris) == ["lead_received", "record_handed_over"]).then_some(()));
    let handed = told(&boris, "&kind=record_handed_over");
    assert!(handed[0]["body"].as_str().unwrap().contains("Записей: "), "{handed:?}");
    assert!(told(&admin, "").is_empty());
}

#[test]
fn an_enquiry_that_is_nobody_s_is_told_to_those_who_look_after_them() {
    let workspace = app().workspace();
    let (admin, head, manager, marketer) = (
        workspace.administrator().clone(),
        workspace.somebody("head", json!({})),
        workspace.manager(),
        workspace.somebody("marketer", json!({})),
    );
    let form = workspace.form(json!({"min_fill_seconds": 0}));
    let path = format!("/public/v1/forms/{}/submissions", form["key"].as_str().unwrap());
    workspace.app.anyone().post(&path, json!({"fields": {"name": "Пётр", "phone": "+79123456780"}})).accepted();
    eventually("those who look after it to be told", || {
        (kinds(&head) == ["lead_received"] && kinds(&admin) == ["lead_received"]).then_some(())
    });
    assert!(told(&manager, "").is_empty() && told(&marketer, "").is_empty());
}

#[test]
fn two_processes_and_a_kill_tell_of_each_event_once() {
    let database = Database::fresh();
    let quiet = Server::start(&database, &[("KARTOTEKA_WORKERS", "false")]);
    let workspace = App::of(&quiet).workspace();
    let anna = workspace.manager();
    let tasks: usize = 120;
    for number in 0..tasks {
        workspace.administrator().post("/v1/tasks", json!({"title": format!("Дело {number}"), "owner_id": anna.user_id})).created();
    }
    quiet.kill();
    let (one, two) = (Server::start(&database, &[]), Server::start(&database, &[]));
    let count = || database.number("SELECT count(*) FROM notification WHERE kind = 'task_assigned'");
    eventually("the first to be told", || (count() > 0).then_some(()));
    one.kill();
    let three = Server::start(&database, &[]);
    eventually("all to be told", || (count() == i64::try_from(tasks).unwrap()).then_some(()));
    assert_eq!(database.number("SELECT count(DISTINCT cause) FROM notification"), count());
    two.kill();
    three.kill();
}

#[test]
fn the_morning_s_digest_comes_once_a_working_day() {
    let database = Database::fresh();
    let (library, offset) = clock(&database);
    let mail = MailSink::start();
    let jumping = [
        ("LD_PRELOAD", library.as_str()),
        ("CLOCK_OFFSET", offset.as_str()),
        ("KARTOTEKA_SMTP_URL", mail.url.as_str()),
        ("KARTOTEKA_MAIL_FROM", "crm@example.com"),
    ];
    let quiet = Server::start(&database, &jumping);
    let workspace = App::of(&quiet).workspace();
    let (anna, idle) = (workspace.manager(), workspace.manager());
    anna.post("/v1/tasks", json!({"title": "Просрочено давно", "due_at": "2026-01-01T00:00:00Z"})).created();
    assert!(idle.get("/v1/notifications").ok().items().is_empty());
    let planned = || database.number("SELECT count(*) FROM wakeup WHERE kind = 'digest'");
    eventually("the digests to be planned", || (planned() == 3).then_some(()));
    quiet.kill();
    let start = || Server::start(&database, &jumping);
    let (one, two) = (start(), start());
    let count = || database.number("SELECT count(*) FROM notification WHERE kind = 'digest'");
    // day after day for two weeks, of which ten days are working days
    for day in 1..=14 {
        fs::write(&offset, (day * 86_400).to_string()).unwrap();
        let ahead = match database.engine {
            Engine::Sqlite => format!("due_at > (unixepoch() + {day} * 86400) * 1000000"),
            Engine::Postgres => format!("due_at > now() + interval '{day} days'"),
        };
        let planned = format!("SELECT count(*) FROM wakeup WHERE kind = 'digest' AND {ahead}");
        eventually("the next digests to be planned", || (database.number(&planned) == 3).then_some(()));
        // a message on its way is had for so long by the clock that jumps
        let waiting = || database.number("SELECT count(*) FROM notification_delivery WHERE state = 'pending'");
        eventually("the mails to be sent", || (waiting() == 0).then_some(()));
    }
    assert_eq!(count(), 10);
    let letter = eventually("the last mail", || mail.mails(&anna.email).get(9).cloned()).read();
    assert!(letter.contains("Ваш день: просрочено 1, на сегодня 0") && letter.contains("Просрочено давно"), "{letter}");
    assert_eq!(mail.mails(&anna.email).len(), 10);
    assert_eq!(
        database.number("SELECT count(DISTINCT user_id) FROM notification WHERE kind = 'digest'"),
        1,
        "nothing is told of an empty day"
    );
    one.kill();
    two.kill();
}

#[test]
fn what_waits_is_read_anew_when_it_is_sent() {
    let database = Database::fresh();
    let (library, offset) = clock(&database);
    let mail = MailSink::start();
    let jumping = [
        ("LD_PRELOAD", library.as_str()),
        ("CLOCK_OFFSET", offset.as_str()),
        ("KARTOTEKA_SMTP_URL", mail.url.as_str()),
        ("KARTOTEKA_MAIL_FROM", "crm@example.com"),
    ];
    let server = Server::start(&database, &jumping);
    let workspace = App::of(&server).workspace();
    let (admin, anna, boris, vera) = (workspace.administrator(), workspace.manager(), workspace.manager(), workspace.manager());
    let all_day = json!({"from": "00:00", "until": "23:59"});
    for who in [&anna, &vera] {
        let by_mail = json!({"routes": {"task_assigned": ["in_app", "email"]}, "quiet_hours": all_day, "digest": {"enabled": false, "time": "08:30"}});
        who.put("/v1/me/notification-settings", by_mail).ok();
    }
    let give = |title: &str, owner: &Caller| admin.post("/v1/tasks", json!({"title": title, "owner_id": owner.user_id})).created();
    let (gone, done, put_away) = (give("Ушедшее", &anna), give("Сделанное", &anna), give("Убранное", &anna));
    let renamed = give("Старое имя", &anna);
    give("Нежданное", &vera);
    let waiting = || database.number("SELECT count(*) FROM notification_delivery WHERE state = 'pending'");
    eventually("all to be queued", || (waiting() == 5).then_some(()));
    admin.patch(&gone.path(), json!({"owner_id": boris.user_id})).ok();
    admin.post(&format!("{}/complete", done.path()), json!({"result": "да"})).ok();
    admin.delete(&put_away.path()).no_content();
    admin.patch(&renamed.path(), json!({"title": "Новое имя"})).ok();
    vera.put("/v1/me/notification-settings", json!({"routes": {"task_assigned": ["in_app"]}})).ok();
    fs::write(&offset, "90000").unwrap();
    eventually("all to be sent or let go", || (waiting() == 0).then_some(()));
    let letters: Vec<String> = mail.mails(&anna.email).iter().map(kartoteka_tests::sink::Mail::read).collect();
    assert!(letters.len() == 1 && letters[0].contains("Новое имя") && !letters[0].contains("Старое имя"), "{letters:?}");
    assert!(mail.mails(&vera.email).is_empty(), "by what she wants now");
    assert_eq!(database.number("SELECT count(*) FROM notification_delivery WHERE state = 'dropped'"), 4);
    server.kill();
}
