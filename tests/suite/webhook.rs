//! Webhooks: told what their role sees, signed, in order, as often as it takes, and never into private networks.

mod flood;
mod narrowed;
mod private;
mod storm;

use std::{
    collections::BTreeMap,
    sync::{
        LazyLock,
        atomic::{AtomicU16, Ordering},
    },
    time::{Duration, Instant},
};

use kartoteka_tests::{Answer, App, Caller, Database, Message, Receiver, Reply, Server, Value, Workspace, app, eventually, json};

/// A server that may call this machine, and does not wait long.
static LOCAL: LazyLock<Server> = LazyLock::new(|| {
    let settings = [
        ("KARTOTEKA_OUTGOING_ALLOWED_NETWORKS", "127.0.0.1"),
        ("KARTOTEKA_WEBHOOK_PAUSES", "1,1,1"),
        ("KARTOTEKA_WEBHOOK_TIMEOUT_SECONDS", "1"),
        ("KARTOTEKA_SIGN_IN_PER_MINUTE", "1000000"),
    ];
    Server::start(&Database::fresh(), &settings)
});

fn workspace() -> Workspace {
    App::of(&LOCAL).workspace()
}

fn make(admin: &Caller, receiver: &Receiver, more: Value) -> Answer {
    let mut body = json!({"name": "Склад", "url": receiver.url(), "event_types": ["contact.*"], "role": "administrator"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    admin.post("/v1/webhooks", body).created()
}

fn card(caller: &Caller, name: &str) -> Answer {
    caller.post("/v1/contacts", json!({"last_name": name})).created()
}

fn heard(receiver: &Receiver, count: usize) -> Vec<Message> {
    eventually("messages to come", || Some(receiver.messages()).filter(|all| all.len() >= count))
}

fn deliveries(admin: &Caller, hook: &Answer, filter: &str) -> Vec<Value> {
    admin.get(&format!("/v1/webhook-deliveries?sort=created_at&limit=200&webhook_id={}{filter}", hook.id())).ok().items().to_vec()
}

/// The deliveries of a webhook, once none waits any more.
fn ended(admin: &Caller, hook: &Answer, count: usize) -> Vec<Value> {
    eventually("deliveries to end", || {
        let all = deliveries(admin, hook, "");
        (all.len() >= count && all.iter().all(|one| one["status"] != "waiting")).then_some(all)
    })
}

#[test]
fn an_event_is_posted_as_the_journal_tells_it_and_signed_by_the_convention() {
    let admin = workspace().administrator();
    let receiver = Receiver::start(|_, _| Reply::Status(204));
    let hook = make(&admin, &receiver, json!({}));
    let secret = hook["secret"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("whsec_"));
    assert!(admin.get(&hook.path()).ok()["secret"].is_null());
    let made = card(&admin, "Блок");
    let message = heard(&receiver, 1).remove(0);
    assert!(message.is_signed_by(&secret), "{message:?}");
    assert!(!message.is_signed_by("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
    let told = message.json();
    assert_eq!(
        (&told["type"], &told["record_id"], &told["data"]["last_name"]),
        (&json!("contact.created"), &json!(made.id()), &json!("Блок"))
    );
    let from = told["sequence"].as_i64().unwrap() - 1;
    let journal = admin.get(&format!("/v1/events?after={from}&limit=1")).ok();
    assert_eq!(journal.items()[0], told);
    let delivery = ended(&admin, &hook, 1).remove(0);
    assert_eq!(
        (&delivery["status"], &delivery["attempts"], &delivery["message_id"]),
        (&json!("delivered"), &json!(1), &json!(message.header("webhook-id")))
    );
    let one = admin.get(&format!("/v1/webhook-deliveries/{}", delivery["id"].as_str().unwrap())).ok();
    assert_eq!((&one["request_body"], one.at("/log/0/status")), (&told, &json!(204)));
    assert!(admin.get(&hook.path()).ok()["last_success_at"].is_string());
    assert_eq!(receiver.messages().len(), 1);
}

#[test]
fn types_conditions_and_the_role_say_what_is_told() {
    let workspace = workspace();
    let admin = workspace.administrator();
    let all = Receiver::start(|_, _| Reply::Status(200));
    make(
        &admin,
        &all,
        json!({"event_types": [], "role": "marketer", "condition": [{"field": "position", "operator": "changed_to", "value": "поэт"}]}),
    );
    let plain = admin.post("/v1/contacts", json!({"last_name": "Блок", "phones": [{"value": "+79123456789"}]})).created();
    admin.patch(&plain.path(), json!({"position": "прозаик"})).ok();
    admin.patch(&plain.path(), json!({"position": "поэт"})).ok();
    admin.post("/v1/deals", json!({"name": "тайная"})).created();
    let message = heard(&all, 1).remove(0);
    assert_eq!((&message.json()["type"], &message.json()["data"]["position"]), (&json!("contact.updated"), &json!("поэт")));
    assert!(message.body.contains("+7 ••• •••-67-89") && !message.body.contains("912345"), "{}", message.body);
    assert_eq!(all.messages().len(), 1);
    let bad = |body: Value, pointer: &str, code: &str| {
        let mut whole = json!({"name": "x", "url": all.url()});
        whole.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        admin.post("/v1/webhooks", whole).is_problem(422, "validation_failed").names_with(pointer, code);
    };
    bad(json!({"condition": [{"field": "a b", "operator": "changed"}]}), "/condition/0/field", "invalid_value");
    let misspelt = json!({"event_types": ["contact.*"], "condition": [{"field": "last_nmae", "operator": "changed"}]});
    bad(misspelt, "/condition/0/field", "reference_not_found");
    bad(json!({"condition": [{"field": "a", "operator": "equals"}]}), "/condition/0/value", "required");
    bad(json!({"url": "ftp://example.com"}), "/url", "invalid_url");
    bad(json!({"role": "no_such"}), "/role", "reference_not_found");
    bad(json!({"name": " "}), "/name", "required");
}

#[test]
fn nobody_lets_be_told_what_he_does_not_see_himself() {
    let workspace = workspace();
    let admin = workspace.administrator();
    let own = json!({"key": "keeper", "name": "Хранитель", "rights": [{"record": "webhook", "read": "all", "create": "all", "update": "all", "delete": "all"},
        {"record": "contact", "read": "all"}], "field_rules": [{"record": "contact", "field": "phones", "effect": "masked"}]});
    admin.post("/v1/roles", own).created();
    let keeper = workspace.somebody("keeper", json!({}));
    let receiver = Receiver::start(|_, _| Reply::Status(200));
    let body = |role: &str| json!({"name": "x", "url": receiver.url(), "role": role, "event_types": ["contact.*"]});
    keeper.post("/v1/webhooks", body("integration")).is_problem(403, "exceeds_own_rights");
    let mine = keeper.post("/v1/webhooks", body("keeper")).created();
    keeper.patch(&mine.path(), json!({"role": "administrator"})).is_problem(403, "exceeds_own_rights");
    let theirs = make(&admin, &receiver, json!({}));
    for verb in ["rotate", "resume", "test", "replay"] {
        let path = format!("{}/{verb}", theirs.path());
        let answer = if verb == "replay" { keeper.post(&path, json!({"from_sequence": 1})) } else { keeper.post(&path, json!({})) };
        let answer = if answer.status == 415 || answer.status == 400 { keeper.post_nothing(&path) } else { answer };
        answer.is_problem(403, "exceeds_own_rights");
    }
    keeper.patch(&theirs.path(), json!({"url": "https://hooks.example"})).is_problem(403, "exceeds_own_rights");
    keeper.delete(&theirs.path()).is_problem(403, "exceeds_own_rights");
    admin.post("/v1/contacts", json!({"phones": [{"value": "+79123456789"}]})).created();
    heard(&receiver, 2);
    let tried = ended(&admin, &theirs, 1).remove(0);
    let path = format!("/v1/webhook-deliveries/{}", tried["id"].as_str().unwrap());
    assert!(keeper.get(&path).ok()["request_body"].is_null());
    assert!(admin.get(&path).ok()["request_body"].is_object());
    admin.delete("/v1/roles/none").is_problem(404, "not_found");
}

#[test]
fn during_a_rotation_both_secrets_sign() {
    let admin = workspace().administrator();
    let receiver = Receiver::start(|_, _| Reply::Status(200));
    let hook = make(&admin, &receiver, json!({}));
    let old = hook["secret"].as_str().unwrap().to_owned();
    let rotated = admin.post(&format!("{}/rotate", hook.path()), json!({"overlap_seconds": 3600})).ok();
    let new = rotated["secret"].as_str().unwrap().to_owned();
    assert!(old != new && rotated["previous_until"].is_string());
    card(&admin, "Блок");
    let message = heard(&receiver, 1).remove(0);
    assert_eq!(message.header("webhook-signature").split(' ').count(), 2);
    assert!(message.is_signed_by(&old) && message.is_signed_by(&new));
    let third = admin.post(&format!("{}/rotate", hook.path()), json!({"overlap_seconds": 0})).ok()["secret"].as_str().unwrap().to_owned();
    card(&admin, "Белый");
    let message = heard(&receiver, 2).remove(1);
    assert!(message.is_signed_by(&third) && !message.is_signed_by(&new));
}

#[test]
fn what_fails_is_tried_again_with_the_same_id_and_what_follows_it_waits() {
    let admin = workspace().administrator();
    // the first two tries of the first record's first event fail: by an error, by silence
    let receiver = Receiver::start(|place, _| match place {
        0 => Reply::Raw(b"HTTP/1.1 503 x\r\nretry-after: 2\r\ncontent-length: 4\r\n\r\nno\0!".to_vec()),
        1 => Reply::Silence,
        _ => Reply::Status(200),
    });
    let hook = make(&admin, &receiver, json!({}));
    let first = card(&admin, "Первый");
    heard(&receiver, 1);
    let began = Instant::now();
    admin.patch(&first.path(), json!({"position": "a"})).ok();
    admin.patch(&first.path(), json!({"position": "b"})).ok();
    let all = ended(&admin, &hook, 3);
    assert!(began.elapsed() >= Duration::from_millis(1800), "Retry-After is honoured");
    assert!(all.iter().all(|one| one["status"] == "delivered"), "{all:?}");
    let log = &all[0]["log"];
    assert_eq!((&log[0]["status"], &log[0]["response_excerpt"], &log[0]["error"]), (&json!(503), &json!("no !"), &json!("answered 503")));
    assert_eq!((&log[1]["status"], &log[1]["error"]), (&Value::Null, &json!("no answer within 1 s")));
    assert_eq!(log[2]["status"], 200);
    let messages = receiver.messages();
    let of: Vec<String> = messages.iter().map(|m| format!("{} {}", m.json()["data"]["version"], m.answered)).collect();
    assert_eq!(of, ["1 0", "1 0", "1 200", "2 200", "3 200"]);
    assert!(messages[..3].iter().all(|m| m.header("webhook-id") == messages[0].header("webhook-id")));
    assert!(messages[3].header("webhook-id") != messages[0].header("webhook-id"));
}

#[test]
fn a_receiver_that_asks_to_wait_is_left_alone_with_everything() {
    let admin = workspace().administrator();
    let receiver = Receiver::start(|place, _| match place {
        0 => Reply::Raw(b"HTTP/1.1 429 x\r\nretry-after: 3\r\ncontent-length: 0\r\n\r\n".to_vec()),
        _ => Reply::Status(200),
    });
    let hook = make(&admin, &receiver, json!({}));
    card(&admin, "Первый");
    heard(&receiver, 1);
    let first = eventually("the wait", || deliveries(&admin, &hook, "&status=waiting").into_iter().find(|one| one["attempts"] == 1));
    let began = Instant::now();
    for n in 0..5 {
        card(&admin, &format!("Другой {n}"));
    }
    let waiting = eventually("the others", || Some(deliveries(&admin, &hook, "&status=waiting")).filter(|all| all.len() == 6));
    assert!(waiting.iter().all(|one| one["next_attempt_at"].as_str() >= first["next_attempt_at"].as_str()), "{waiting:?}");
    heard(&receiver, 6);
    assert!(began.elapsed() >= Duration::from_millis(1500), "{:?}", began.elapsed());
    assert!(ended(&admin, &hook, 6).iter().all(|one| one["status"] == "delivered"));
}

#[test]
fn another_record_does_not_wait_for_one_that_hangs() {
    let admin = workspace().administrator();
    let receiver = Receiver::start(|_, message| if message.body.contains("Тихий") { Reply::Silence } else { Reply::Status(200) });
    let hook = make(&admin, &receiver, json!({}));
    card(&admin, "Тихий");
    for n in 0..20 {
        card(&admin, &format!("Громкий {n}"));
    }
    heard(&receiver, 21);
    eventually("the others to get through", || (deliveries(&admin, &hook, "&status=delivered").len() == 20).then_some(()));
}

#[test]
fn after_long_failure_it_is_paused_and_resuming_brings_everything() {
    static STATUS: AtomicU16 = AtomicU16::new(500);
    let admin = workspace().administrator();
    let receiver = Receiver::start(|_, _| Reply::Status(STATUS.load(Ordering::SeqCst)));
    let hook = make(&admin, &receiver, json!({}));
    let blok = card(&admin, "Блок");
    let paused = eventually("the pause", || Some(admin.get(&hook.path()).ok()).filter(|hook| hook["paused_at"].is_string()));
    assert!(paused["paused_reason"].as_str().unwrap().contains("answered 500"), "{paused}");
    assert_eq!(paused["last_error"], "answered 500");
    assert_eq!(receiver.messages().len(), 4, "once and after each of three pauses");
    let told = eventually("the notice", || {
        admin
            .get("/v1/events?limit=200&types=webhook.paused")
            .ok()
            .items()
            .first()
            .cloned()
            .filter(|event| event["record_id"] == hook.id().as_str())
    });
    assert_eq!(told["data"]["paused_reason"], paused["paused_reason"]);
    admin.patch(&blok.path(), json!({"position": "поэт"})).ok();
    assert_eq!(deliveries(&admin, &hook, "&status=failed").len(), 1);
    STATUS.store(200, Ordering::SeqCst);
    let resumed = admin.post_nothing(&format!("{}/resume", hook.path())).ok();
    assert!(resumed["paused_at"].is_null() && resumed["paused_reason"].is_null());
    // what was given up comes first, then what happened to it during the pause
    let told = heard(&receiver, 6);
    assert_eq!((&told[4].json()["data"]["version"], &told[5].json()["data"]["version"]), (&json!(1), &json!(2)));
    assert_eq!(told[4].header("webhook-id"), told[0].header("webhook-id"));
    let all = ended(&admin, &hook, 2);
    assert!(all.iter().all(|one| one["status"] == "delivered"), "{all:?}");
    assert!(admin.get(&hook.path()).ok()["failing_since"].is_null());
    // a receiver that is gone is told nothing more
    STATUS.store(410, Ordering::SeqCst);
    card(&admin, "Чёрный");
    let gone = eventually("the pause", || Some(admin.get(&hook.path()).ok()).filter(|hook| hook["paused_at"].is_string()));
    assert!(gone["paused_reason"].as_str().unwrap().contains("410"));
    assert_eq!(receiver.messages().len(), 7);
    // one that came back is told that, too
    STATUS.store(200, Ordering::SeqCst);
    admin.post_nothing(&format!("{}/resume", hook.path())).ok();
    let told = heard(&receiver, 8);
    assert_eq!(told[7].header("webhook-id"), told[6].header("webhook-id"));
}

#[test]
fn a_test_and_replays_say_what_became_of_them() {
    let admin = workspace().administrator();
    let receiver = Receiver::start(|_, _| Reply::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{garbage!".to_vec()));
    let hook = make(&admin, &receiver, json!({}));
    let tried = admin.post_nothing(&format!("{}/test", hook.path())).accepted();
    let done = eventually("the test", || {
        Some(admin.get(&format!("/v1/webhook-deliveries/{}", tried.id())).ok()).filter(|d| d["status"] == "delivered")
    });
    assert_eq!((&done["event_type"], done.at("/log/0/response_excerpt")), (&json!("webhook.test"), &json!("{garbage!")));
    assert_eq!(heard(&receiver, 1)[0].json()["type"], "webhook.test");
    let made = card(&admin, "Блок");
    admin.patch(&made.path(), json!({"position": "x"})).ok();
    let all = ended(&admin, &hook, 3);
    admin.post_nothing(&format!("/v1/webhook-deliveries/{}/replay", all[1]["id"].as_str().unwrap())).accepted();
    let messages = heard(&receiver, 4);
    assert_eq!(messages[3].header("webhook-id"), messages[1].header("webhook-id"));
    assert_eq!(messages[3].body, messages[1].body);
    let from = all[1]["sequence"].as_i64().unwrap();
    let replay = |body: Value| admin.post(&format!("{}/replay", hook.path()), body);
    assert_eq!(replay(json!({"from_sequence": from, "to_sequence": from + 1})).ok()["count"], 2);
    let ids = |all: &[Message]| all.iter().map(|m| m.header("webhook-id").to_owned()).collect::<Vec<_>>();
    assert_eq!(ids(&heard(&receiver, 6)[4..]), ids(&messages[1..3]));
    replay(json!({})).is_problem(422, "validation_failed").names_with("/from_sequence", "required");
    replay(json!({"from_sequence": 5, "to_sequence": 4})).is_problem(422, "validation_failed").names("/to_sequence");
    admin.delete(&hook.path()).no_content();
    replay(json!({"from_sequence": 1})).is_problem(409, "archived");
}

#[test]
fn what_happens_while_it_is_off_follows_when_it_is_on() {
    let admin = workspace().administrator();
    let receiver = Receiver::start(|_, _| Reply::Status(200));
    let hook = make(&admin, &receiver, json!({}));
    admin.patch(&hook.path(), json!({"active": false})).ok();
    card(&admin, "Первый");
    card(&admin, "Второй");
    admin.patch(&hook.path(), json!({"active": true})).ok();
    let told = heard(&receiver, 2);
    let names: BTreeMap<String, usize> = told.iter().fold(BTreeMap::new(), |mut all, m| {
        *all.entry(m.json()["data"]["last_name"].as_str().unwrap().to_owned()).or_default() += 1;
        all
    });
    assert_eq!(names.into_iter().collect::<Vec<_>>(), [("Второй".to_owned(), 1), ("Первый".to_owned(), 1)]);
    // a server that may not call this machine says so at once
    let strict = app().workspace().administrator();
    strict
        .post("/v1/webhooks", json!({"name": "x", "url": receiver.url()}))
        .is_problem(422, "validation_failed")
        .names_with("/url", "private_address");
}
