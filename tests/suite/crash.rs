//! The server killed without warning: what was receipted is processed, once.

use kartoteka_tests::{App, Caller, Database, Server, eventually, json};

fn rounds(usual: usize) -> usize {
    if std::env::var("SUITE_LONG").is_ok_and(|v| v == "1") { usual * 4 } else { usual }
}

/// A caller towards another incarnation of the server.
fn towards(caller: &Caller, server: &Server) -> Caller {
    let mut caller = caller.clone();
    caller.app = App::of(server);
    caller
}

/// Fresh tokens by a key, which outlives any number of restarts.
fn prepared(database: &Database) -> (Caller, String) {
    let server = Server::start(database, &[]);
    let workspace = App::of(&server).workspace();
    let admin = workspace.administrator();
    let form = workspace.form(json!({"rate_per_minute": 100_000, "duplicate_window_seconds": 0, "assignment": {"kind": "user", "user_id": admin.user_id}, "task_minutes": 15}));
    let door = format!("/public/v1/forms/{}/submissions", form["key"].as_str().unwrap());
    (workspace.key("administrator"), door)
}

/// Every receipt has exactly one lead, communication and task, and one card per person.
fn each_processed_once(admin: &Caller, receipts: &[String], people: usize) {
    for receipt in receipts {
        let path = format!("/v1/submissions/{receipt}");
        let submission =
            eventually("what was receipted to be processed", || Some(admin.get(&path).ok()).filter(|s| s["state"] == "processed"));
        let lead = submission["lead_id"].as_str().unwrap();
        assert_eq!(admin.get(&format!("/v1/communications?lead_id={lead}")).ok().items().len(), 1, "{submission}");
        assert_eq!(admin.get(&format!("/v1/tasks?lead_id={lead}")).ok().items().len(), 1, "{submission}");
    }
    let total =
        |list: &str| usize::try_from(admin.get(&format!("/v1/{list}?include_total=true&limit=1")).ok()["total"].as_i64().unwrap()).unwrap();
    let submissions = total("submissions");
    assert!(submissions >= receipts.len());
    assert_eq!(total("leads"), submissions, "a lead for each submission that became durable");
    assert_eq!(total("contacts"), people);
}

#[test]
fn fifty_kills_between_receipt_and_processing_lose_and_double_nothing() {
    let database = Database::fresh();
    let (admin, door) = prepared(&database);
    let mut receipts = Vec::new();
    let count = rounds(50);
    for n in 0..count {
        let server = Server::start(&database, &[("KARTOTEKA_WORKERS", "false")]);
        let receipt =
            App::of(&server).anyone().post(&door, json!({"fields": {"name": "Анна", "phone": format!("+7912345{n:04}")}})).accepted();
        receipts.push(receipt["submission_id"].as_str().unwrap().to_owned());
        server.kill();
    }
    let server = Server::start(&database, &[]);
    each_processed_once(&towards(&admin, &server), &receipts, count);
}

#[test]
fn kills_in_the_middle_of_processing_lose_and_double_nothing() {
    let database = Database::fresh();
    let (admin, door) = prepared(&database);
    let mut receipts = Vec::new();
    for n in 0..rounds(12) {
        let server = Server::start(&database, &[]);
        let anyone = App::of(&server).anyone();
        for person in 0..6 {
            let receipt = anyone.post(&door, json!({"fields": {"phone": format!("+791234500{person:02}"), "comment": n}})).accepted();
            receipts.push(receipt["submission_id"].as_str().unwrap().to_owned());
        }
        // the moment of death wanders through the processing: after none, one, two … of them are done
        let after = n % 6;
        let admin = towards(&admin, &server);
        eventually("some to be processed", || {
            (admin
                .get(&format!("/v1/submissions?state=processed&limit=200&received_after={}", "2026-01-01T00:00:00Z"))
                .ok()
                .items()
                .iter()
                .filter(|s| receipts[receipts.len() - 6..].contains(&s["id"].as_str().unwrap().to_owned()))
                .count()
                >= after)
                .then_some(())
        });
        server.kill();
    }
    let server = Server::start(&database, &[]);
    each_processed_once(&towards(&admin, &server), &receipts, 6);
}

#[test]
fn what_was_answered_is_there_after_a_kill() {
    let database = Database::fresh();
    let (admin, _) = prepared(&database);
    let mut made = Vec::new();
    for n in 0..rounds(8) {
        let server = Server::start(&database, &[]);
        let admin = towards(&admin, &server);
        std::thread::scope(|scope| {
            let running: Vec<_> = (0..4)
                .map(|thread| {
                    let admin = &admin;
                    scope.spawn(move || admin.post("/v1/contacts", json!({"last_name": format!("{n}-{thread}")})).created().path())
                })
                .collect();
            made.extend(running.into_iter().map(|r| r.join().unwrap()));
        });
        server.kill();
    }
    let server = Server::start(&database, &[]);
    let admin = towards(&admin, &server);
    for path in made {
        admin.get(&path).ok();
    }
}

#[test]
fn two_servers_on_one_database_process_each_enquiry_once() {
    let database = Database::fresh();
    let (admin, door) = prepared(&database);
    let (one, two) = (Server::start(&database, &[]), Server::start(&database, &[]));
    let receipts: Vec<String> = (0..40)
        .map(|n| {
            let server = if n % 2 == 0 { &one } else { &two };
            let receipt = App::of(server)
                .anyone()
                .post(&door, json!({"fields": {"phone": format!("+791234500{:02}", n % 5), "comment": n}}))
                .accepted();
            receipt["submission_id"].as_str().unwrap().to_owned()
        })
        .collect();
    each_processed_once(&towards(&admin, &one), &receipts, 5);
}
