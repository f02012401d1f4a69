//! What a server offers its operators: health, metrics, logs, docs, a graceful end.

use kartoteka_tests::{App, Database, Engine, Server, Value, app, json, workspace::PASSWORD};

#[test]
fn a_server_says_that_it_lives_and_is_ready() {
    app().anyone().get("/healthz").ok();
    app().anyone().get("/readyz").ok();
}

#[test]
fn the_api_reference_needs_nothing_from_elsewhere() {
    let answer = app().anyone().send_unchecked("GET", "/docs", None, None);
    let docs = if answer.status == 200 {
        answer
    } else {
        app().anyone().send_unchecked("GET", answer.header("location").expect("a page or the way to it"), None, None).ok()
    };
    assert!(docs.header("content-type").unwrap().starts_with("text/html"));
    let page = docs.text();
    for (at, _) in page.match_indices("src=").chain(page.match_indices("href=")) {
        let rest: String = page[at..].chars().take(40).collect();
        assert!(!rest.contains("//"), "an outside download: {rest}");
    }
}

#[test]
fn a_sane_request_id_is_taken_over_and_another_replaced() {
    let anyone = app().anyone();
    assert_eq!(anyone.with("x-request-id", "order-42_a.b").get("/healthz").header("x-request-id"), Some("order-42_a.b"));
    for insane in ["", " ", "<script>", &"x".repeat(500), "a b", "é"] {
        let answer = anyone.with("x-request-id", insane).get("/healthz").ok();
        assert!(answer.header("x-request-id").is_some_and(|id| !id.is_empty() && id != insane), "{answer}");
    }
    let problem = anyone.with("x-request-id", "mine").get("/v1/contacts").is_problem(401, "unauthenticated");
    assert_eq!(problem["request_id"], "mine");
}

#[test]
fn metrics_name_patterns_and_never_ids() {
    let manager = app().workspace().manager();
    let card = manager.post("/v1/contacts", json!({"last_name": "А"})).created();
    manager.get(&card.path()).ok();
    let metrics = app().anyone().get("/metrics").ok().text();
    assert!(metrics.contains("/v1/contacts/{id}"), "{metrics}");
    assert!(!metrics.contains(&card.id()));
}

#[test]
fn logs_are_json_lines_without_personal_data() {
    let server = Server::start(&Database::fresh(), &[("KARTOTEKA_LOG_FORMAT", "json"), ("KARTOTEKA_SIGN_IN_PER_MINUTE", "1000")]);
    let workspace = App::of(&server).workspace();
    let manager = workspace.manager();
    let card = json!({"last_name": "Секретный", "phones": [{"value": "+79123456789"}], "emails": [{"value": "secret@example.com"}]});
    manager.post("/v1/contacts", card.clone()).created();
    manager.post("/v1/contacts", card).is_problem(409, "duplicate_found");
    manager.get("/v1/contacts?q=секретный").ok();
    manager.get("/v1/lookup?email=secret@example.com").ok();
    let form = workspace.form(json!({}));
    let door = format!("/public/v1/forms/{}/submissions", form["key"].as_str().unwrap());
    let receipt = App::of(&server)
        .anyone()
        .post(&door, json!({"fields": {"name": "Секретный", "phone": "+79123456789", "email": "secret@example.com"}}))
        .accepted();
    let path = format!("/v1/submissions/{}", receipt["submission_id"].as_str().unwrap());
    kartoteka_tests::eventually("the submission", || (workspace.administrator().get(&path).ok()["state"] == "processed").then_some(()));
    let (log, email) = (server.log.clone(), manager.email);
    assert!(server.stop());
    let text = std::fs::read_to_string(log).unwrap();
    for secret in ["Секретный", "секретный", "79123456789", "secret@example.com", email.as_str(), PASSWORD, "%D1%81%D0%B5%D0%BA"]
    {
        assert!(!text.contains(secret), "«{secret}» is in the log");
    }
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with('{')).collect();
    assert!(!lines.is_empty(), "no JSON lines in\n{text}");
    for line in lines {
        serde_json::from_str::<Value>(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    }
}

#[test]
fn a_server_asked_to_stop_ends_well_and_starts_again_with_everything() {
    let database = Database::fresh();
    let server = Server::start(&database, &[]);
    let manager = App::of(&server).workspace().manager();
    let card = manager.post("/v1/contacts", json!({"last_name": "А"})).created();
    assert!(server.stop(), "a graceful stop is a success");
    let again = Server::start(&database, &[]);
    let mut caller = manager.clone();
    caller.app = App::of(&again);
    assert_eq!(caller.get(&card.path()).ok().text(), card.text(), "the token outlives a restart, too");
}

#[test]
fn a_bad_setting_is_named_and_stops_the_start() {
    let database = Database::fresh();
    for (name, value, named) in [
        ("KARTOTEKA_LISTEN", "nowhere", "listen"),
        ("KARTOTEKA_LOG_FORMAT", "xml", "log"),
        ("KARTOTEKA_QUEUE_LENGTH", "many", "queue"),
        ("KARTOTEKA_DATABASE_URL", "mysql://x/y", "database"),
    ] {
        let mut command = database.command(if name == "KARTOTEKA_LISTEN" { &["serve"] } else { &["serve", "--listen", "127.0.0.1:0"] });
        let output = command.env(name, value).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).to_lowercase();
        assert!(!output.status.success() && said.contains(named), "{name}={value}: {} {said}", output.status);
    }
}

#[test]
fn a_database_that_is_not_there_is_named() {
    let database = Database::fresh();
    let url = match database.engine {
        Engine::Sqlite => "sqlite:/no/such/directory/x.db",
        Engine::Postgres => "postgres://nobody@127.0.0.1:1/nothing",
    };
    let output = database.command(&["serve", "--listen", "127.0.0.1:0"]).env("KARTOTEKA_DATABASE_URL", url).output().unwrap();
    assert!(!output.status.success());
    assert!(!output.stderr.is_empty(), "it says why");
}

#[test]
fn answers_are_compressed_for_those_who_ask() {
    let answer = app().anyone().with("accept-encoding", "gzip").send_unchecked("GET", "/openapi.json", None, None).ok();
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    assert!(answer.body.starts_with(&[0x1f, 0x8b]));
}
