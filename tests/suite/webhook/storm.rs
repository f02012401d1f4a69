//! A receiver that fails and hangs, senders that are killed: nothing is lost, the order of each record is kept, a repeat has the same id.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use kartoteka_tests::{App, Caller, Database, Engine, Receiver, Reply, Server, eventually, json};

const SETTINGS: [(&str, &str); 5] = [
    ("KARTOTEKA_OUTGOING_ALLOWED_NETWORKS", "127.0.0.1"),
    ("KARTOTEKA_WEBHOOK_PAUSES", "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1"),
    ("KARTOTEKA_WEBHOOK_TIMEOUT_SECONDS", "1"),
    ("KARTOTEKA_SIGN_IN_PER_MINUTE", "1000000"),
    ("KARTOTEKA_PATIENCE_SECONDS", "60"),
];

/// What came and got through, in order: record, number, id.
type Got = Arc<Mutex<Vec<(String, i64, String, bool)>>>;

fn receiver(got: &Got) -> Receiver {
    let (got, dice) = (Arc::clone(got), AtomicU64::new(7));
    Receiver::start(move |_, message| {
        let roll = dice.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst);
        let roll = (roll ^ (roll >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40;
        let body = message.json();
        let good = roll % 100 >= 35;
        let told = (
            body["record_id"].as_str().unwrap().to_owned(),
            body["sequence"].as_i64().unwrap(),
            message.header("webhook-id").to_owned(),
            good,
        );
        got.lock().unwrap().push(told);
        match roll % 100 {
            0..5 => Reply::Silence,
            5..35 => Reply::Status(500),
            _ => Reply::Status(200),
        }
    })
}

fn towards(caller: &Caller, server: &Server) -> Caller {
    let mut caller = caller.clone();
    caller.app = App::of(server);
    caller
}

/// `events` changes of `cards` cards, while servers are killed `kills` times.
fn storm(cards: usize, events: usize, kills: usize) {
    let database = Database::fresh();
    // the embedded database is one process's own
    let processes = if database.engine == Engine::Postgres { 2 } else { 1 };
    let start = || Server::start(&database, &SETTINGS);
    let mut servers: Vec<Server> = (0..processes).map(|_| start()).collect();
    let workspace = App::of(&servers[0]).workspace();
    let key = workspace.key("administrator");
    let got = Got::default();
    let receiver = receiver(&got);
    let body = json!({"name": "буря", "url": receiver.url(), "event_types": ["contact.*"], "role": "administrator"});
    let hook = towards(&key, &servers[0]).post("/v1/webhooks", body).created();
    let paths: Vec<String> = (0..cards)
        .map(|n| towards(&key, &servers[0]).post("/v1/contacts", json!({"last_name": format!("Клиент {n}")})).created().path())
        .collect();
    let began = Instant::now();
    let per_kill = (events - cards).div_ceil(kills.max(1));
    let mut written = cards;
    for kill in 0..kills.max(1) {
        // some of the changes, then a death in the middle of the sending
        let many = per_kill.min(events - written);
        let address = towards(&key, &servers[kill % processes]);
        thread::scope(|threads| {
            for part in 0..4 {
                let (address, paths) = (address.clone(), &paths);
                threads.spawn(move || {
                    for n in (part..many).step_by(4) {
                        address.patch(&paths[(n * 7 + kill) % paths.len()], json!({"comment": format!("{kill}-{n}")})).ok();
                    }
                });
            }
        });
        written += many;
        if kills == 0 {
            continue;
        }
        let victim = (kill + 1) % processes;
        servers.remove(victim).kill();
        servers.insert(victim, start());
    }
    let address = towards(&key, &servers[0]);
    let limit = Duration::from_secs(30 + u64::try_from(events).unwrap() / 4);
    let numbers: BTreeMap<i64, String> = loop {
        let mut after = 0;
        let mut all = BTreeMap::new();
        loop {
            let page = address.get(&format!("/v1/events?types=contact.*&limit=200&after={after}")).ok();
            all.extend(page.items().iter().map(|e| (e["sequence"].as_i64().unwrap(), e["record_id"].as_str().unwrap().to_owned())));
            after = page["next_after"].as_i64().unwrap();
            if page["latest"].as_i64() == Some(after) {
                break;
            }
        }
        let through: BTreeSet<i64> = got.lock().unwrap().iter().filter(|(.., good)| *good).map(|(_, number, ..)| *number).collect();
        if all.len() >= events && all.keys().all(|number| through.contains(number)) {
            break all;
        }
        let missing: Vec<_> = all.keys().filter(|number| !through.contains(number)).take(5).collect();
        assert!(began.elapsed() < limit, "{} of {events} got through; missing {missing:?}\n{}", through.len(), address.get(&hook.path()));
        thread::sleep(Duration::from_millis(500));
    };
    let got = got.lock().unwrap().clone();
    assert_eq!(numbers.len(), events);
    let mut ids: BTreeMap<i64, BTreeSet<&str>> = BTreeMap::new();
    let mut of_record: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for (number, record) in &numbers {
        of_record.entry(record).or_default().push(*number);
    }
    let mut first_through: BTreeSet<i64> = BTreeSet::new();
    let mut doubled = 0;
    for (record, number, id, good) in &got {
        ids.entry(*number).or_default().insert(id);
        // nothing comes before all that is earlier of the same record got through; what was told may come once more
        let waits_for = of_record[record.as_str()].iter().find(|earlier| *earlier < number && !first_through.contains(earlier));
        assert!(first_through.contains(number) || waits_for.is_none(), "{record}: {number} before {waits_for:?}");
        if *good && !first_through.insert(*number) {
            doubled += 1;
        }
    }
    assert!(ids.values().all(|ids| ids.len() == 1), "a repeat had another id");
    if kills == 0 {
        // each request is a try that its delivery tells of: nobody tried what somebody else had. A try may have come to nothing on the way.
        let tries: BTreeMap<String, u64> = eventually("every try to be kept", || {
            let (mut tries, mut waiting, mut cursor) = (BTreeMap::new(), 0, String::new());
            loop {
                let page = address.get(&format!("/v1/webhook-deliveries?limit=200&webhook_id={}{cursor}", hook.id())).ok();
                tries.extend(
                    page.items().iter().map(|one| (one["message_id"].as_str().unwrap().to_owned(), one["attempts"].as_u64().unwrap())),
                );
                waiting += page.items().iter().filter(|one| one["status"] == "waiting").count();
                match page["next_cursor"].as_str() {
                    Some(next) => cursor = format!("&cursor={next}"),
                    None => break,
                }
            }
            (waiting == 0).then_some(tries)
        });
        let mut came: BTreeMap<&str, u64> = BTreeMap::new();
        for (.., id, _) in &got {
            *came.entry(id).or_default() += 1;
        }
        assert!(came.iter().all(|(id, count)| tries.get(*id).is_some_and(|tried| count <= tried)), "{came:?}\n{tries:?}");
    }
    eprintln!(
        "webhooks: {events} events, {} messages, {} got through, {doubled} of them more than once, {kills} kills, {processes} processes, {} s",
        got.len(),
        first_through.len(),
        began.elapsed().as_secs()
    );
}

#[test]
fn nothing_is_lost_when_the_receiver_fails_and_the_senders_are_killed() {
    if std::env::var("SUITE_LONG").is_ok_and(|v| v == "1") {
        storm(200, 5_000, 20);
    } else {
        storm(30, 200, 3);
    }
}

#[test]
fn two_senders_never_try_the_same_delivery() {
    if std::env::var("SUITE_LONG").is_ok_and(|v| v == "1") {
        storm(100, 2_000, 0);
    } else {
        storm(20, 150, 0);
    }
}
