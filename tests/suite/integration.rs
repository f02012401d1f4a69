//! Health of integrations: what works, what fails and why, what waits; who administers the workspace is told of what fails for long.

use kartoteka_tests::{Answer, App, Caller, Database, Receiver, Reply, Server, Value, eventually, json};

use crate::notification::clock;

const ALLOWED: (&str, &str) = ("KARTOTEKA_OUTGOING_ALLOWED_NETWORKS", "127.0.0.1");

fn hook(admin: &Caller, name: &str, receiver: &Receiver) -> Answer {
    let body = json!({"name": name, "url": receiver.url(), "event_types": ["contact.*"], "role": "administrator"});
    admin.post("/v1/webhooks", body).created()
}

fn health(admin: &Caller) -> Vec<Value> {
    admin.get("/v1/integrations/health").ok().items().to_vec()
}

#[test]
fn each_integration_says_what_it_managed_last_and_what_waits() {
    let server = Server::start(&Database::fresh(), &[ALLOWED]);
    let workspace = App::of(&server).workspace();
    let admin = workspace.administrator();
    let (deaf, open) = (Receiver::start(|_, _| Reply::Status(500)), Receiver::start(|_, _| Reply::Status(204)));
    let (deaf, open) = (hook(&admin, "Глухой", &deaf), hook(&admin, "Склад", &open));
    let form = workspace.form(json!({}));
    let door = format!("/public/v1/forms/{}/submissions", form["key"].as_str().unwrap());
    App::of(&server).anyone().post(&door, json!({"fields": {"name": "Анна", "phone": "+79123456789"}})).accepted();
    let of = |all: &[Value], id: &Value| all.iter().find(|one| one["id"] == *id).cloned().unwrap();
    let all = eventually("tries of both", || {
        let all = health(&admin);
        let tried = of(&all, &deaf["id"])["last_error"].is_string() && of(&all, &open["id"])["last_success_at"].is_string();
        (tried && of(&all, &form["id"])["queue_length"] == 0).then_some(all)
    });
    assert_eq!((&all[0]["kind"], &all[0]["id"]), (&json!("webhook"), &deaf["id"]), "what fails comes first");
    let failing = &all[0];
    assert_eq!(
        (&failing["name"], &failing["state"], &failing["last_error"]),
        (&json!("Глухой"), &json!("failing"), &json!("answered 500"))
    );
    assert!(failing["queue_length"].as_i64().unwrap() >= 1 && failing["lag_seconds"].is_i64() && failing["last_success_at"].is_null());
    let well = of(&all, &open["id"]);
    assert_eq!((&well["state"], &well["queue_length"], &well["lag_seconds"]), (&json!("working"), &json!(0), &Value::Null));
    let form = of(&all, &form["id"]);
    assert_eq!((&form["kind"], &form["state"], &form["name"]), (&json!("form"), &json!("working"), &form["name"]));
    assert!(form["last_success_at"].is_string());
    for kind in ["email", "telegram"] {
        let channel = all.iter().find(|one| one["kind"] == kind).unwrap();
        assert_eq!((&channel["state"], &channel["id"]), (&json!("off"), &Value::Null), "nobody set it up");
    }
    admin.patch(&deaf.path(), json!({"active": false})).ok();
    assert_eq!(of(&health(&admin), &deaf["id"])["state"], "off");
    workspace.manager().get("/v1/integrations/health").is_problem(403, "forbidden");
}

#[test]
fn what_fails_for_long_is_told_to_who_administers_and_metrics_say_how_late_it_is() {
    let database = Database::fresh();
    let (library, offset) = clock(&database);
    let jumping = [("LD_PRELOAD", library.as_str()), ("CLOCK_OFFSET", offset.as_str()), ALLOWED];
    let server = Server::start(&database, &jumping);
    let workspace = App::of(&server).workspace();
    let (admin, _manager) = (workspace.administrator(), workspace.manager());
    let receiver = Receiver::start(|_, _| Reply::Status(500));
    hook(&admin, "Склад", &receiver);
    admin.post("/v1/contacts", json!({"last_name": "Блок"})).created();
    eventually("a try", || (health(&admin)[0]["last_error"] == "answered 500").then_some(()));
    let told = || database.number("SELECT count(*) FROM notification WHERE kind = 'integration_alarm'");
    assert_eq!(told(), 0, "a moment's trouble is no alarm");
    server.kill();
    std::fs::write(&offset, "1200").unwrap();
    let later = Server::start(&database, &jumping);
    eventually("the alarm", || (told() == 1).then_some(()));
    let metrics = App::of(&later).anyone().get("/metrics").ok().text();
    for kind in ["submission", "escalation", "webhook", "deliver_email", "deliver_telegram", "task_watch", "digest"] {
        for name in ["work_due", "work_lag_seconds"] {
            assert!(metrics.contains(&format!("{name}{{kind=\"{kind}\"}} ")), "{name} of {kind}: {metrics}");
        }
    }
    later.kill();
}

#[test]
fn mail_that_nobody_takes_is_seen_at_once() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("smtp://127.0.0.1:{closed}");
    let server = Server::start(&Database::fresh(), &[("KARTOTEKA_SMTP_URL", url.as_str()), ("KARTOTEKA_MAIL_FROM", "crm@example.com")]);
    let workspace = App::of(&server).workspace();
    let (admin, anna, leaving) = (workspace.administrator(), workspace.manager(), workspace.manager());
    let mail = || health(&admin).into_iter().find(|one| one["kind"] == "email").unwrap();
    let by_mail = json!({"routes": {"task_assigned": ["email"]}});
    for who in [&anna, &leaving] {
        who.put("/v1/me/notification-settings", by_mail.clone()).ok();
    }
    assert_eq!(mail()["state"], "working");
    admin.post("/v1/tasks", json!({"title": "Позвонить", "owner_id": anna.user_id})).created();
    let failing = eventually("the first try", || Some(mail()).filter(|mail| mail["state"] == "failing"));
    assert!(failing["last_error"].is_string() && failing["last_error_at"].is_string() && failing["queue_length"] == 1, "{failing}");
    admin.post("/v1/tasks", json!({"title": "Ещё", "owner_id": leaving.user_id})).created();
    eventually("the second to wait", || (mail()["queue_length"] == 2).then_some(()));
    let why = mail()["last_error"].clone();
    admin.patch(&format!("/v1/users/{}", leaving.user_id), json!({"active": false})).ok();
    eventually("what is for nobody to be let go", || (mail()["queue_length"] == 1).then_some(()));
    assert_eq!(mail()["last_error"], why, "that somebody left is no fault of the mail");
}
