//! Far more happens in a moment than can be told in it: nothing is lost, nobody waits for it, everything is visible.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use kartoteka_tests::{App, Database, Receiver, Reply, Server, json, wait::within};

const WRITERS: usize = 16;

#[test]
fn a_flood_of_events_is_told_in_full_and_holds_nobody_up() {
    let many = if std::env::var("SUITE_LONG").is_ok_and(|v| v == "1") { 10_000 } else { 500 };
    let settings =
        [("KARTOTEKA_OUTGOING_ALLOWED_NETWORKS", "127.0.0.1"), ("KARTOTEKA_WEBHOOK_PAUSES", "1,1,1"), ("KARTOTEKA_PATIENCE_SECONDS", "60")];
    let server = Server::start(&Database::fresh(), &settings);
    let workspace = App::of(&server).workspace();
    let (admin, anna) = (workspace.administrator(), workspace.manager());
    let receiver = Receiver::start(|_, _| Reply::Status(204));
    let body = json!({"name": "поток", "url": receiver.url(), "event_types": ["task.created"], "role": "administrator"});
    let hook = admin.post("/v1/webhooks", body).created();
    let key = workspace.key("administrator");
    let (over, began) = (AtomicBool::new(false), Instant::now());
    let slowest = thread::scope(|threads| {
        let reader = threads.spawn(|| {
            let mut slowest = Duration::ZERO;
            while !over.load(Ordering::Acquire) {
                let asked = Instant::now();
                admin.get("/v1/integrations/health").ok();
                slowest = slowest.max(asked.elapsed());
            }
            slowest
        });
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (key, anna) = (key.clone(), &anna);
                threads.spawn(move || {
                    for number in (writer..many).step_by(WRITERS) {
                        key.post("/v1/tasks", json!({"title": format!("Дело {number}"), "owner_id": anna.user_id})).created();
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.join().unwrap();
        }
        over.store(true, Ordering::Release);
        reader.join().unwrap()
    });
    let written = began.elapsed();
    let limit = Duration::from_secs(60 + u64::try_from(many).unwrap() / 20);
    within(limit, "all to be told", || {
        let notified = anna.get("/v1/notifications/unread-count").ok()["unread"].as_u64();
        let told = || receiver.messages().iter().map(|one| one.header("webhook-id").to_owned()).collect::<BTreeSet<_>>().len();
        (notified == u64::try_from(many).ok() && told() >= many).then_some(())
    });
    let told = began.elapsed();
    // the journal has each, once; the webhook was told each of them
    let (mut after, mut numbers) = (0, BTreeMap::new());
    loop {
        let page = admin.get(&format!("/v1/events?types=task.created&limit=200&after={after}")).ok();
        for event in page.items() {
            assert!(numbers.insert(event["sequence"].as_i64().unwrap(), event["id"].clone()).is_none());
        }
        after = page["next_after"].as_i64().unwrap();
        if page["latest"].as_i64() == Some(after) {
            break;
        }
    }
    assert_eq!(numbers.len(), many);
    let known: BTreeSet<i64> = receiver.messages().iter().map(|one| one.json()["sequence"].as_i64().unwrap()).collect();
    assert!(known.iter().eq(numbers.keys()));
    let hook = admin.get(&hook.path()).ok();
    assert!(hook["failing_since"].is_null() && hook["paused_at"].is_null(), "{hook}");
    eprintln!(
        "flood: {many} tasks written in {:.1} s, told in {:.1} s; slowest answer meanwhile {} ms",
        written.as_secs_f64(),
        told.as_secs_f64(),
        slowest.as_millis()
    );
}
