//! What waits and what is sent again is told as it may be told then, not as it might have been when it happened.

use std::sync::{
    Arc,
    atomic::{AtomicU16, Ordering},
};

use kartoteka_tests::{Answer, Caller, Receiver, Reply, Value, eventually, json};

use super::{deliveries, ended, heard, make, workspace};

/// A receiver whose answer can be set.
fn receiver() -> (Receiver, Arc<AtomicU16>) {
    let status = Arc::new(AtomicU16::new(500));
    let answer = Arc::clone(&status);
    (Receiver::start(move |_, _| Reply::Status(answer.load(Ordering::SeqCst))), status)
}

/// A role that sees cards without what is written there.
fn narrow(admin: &Caller) -> Answer {
    let hidden = |field: &str| json!({"record": "contact", "field": field, "effect": "hidden"});
    let own = json!({"key": "narrow", "name": "Узкая", "rights": [{"record": "contact", "read": "all"},
        {"record": "webhook", "read": "all"}], "field_rules": [hidden("comment"), hidden("phones")]});
    admin.post("/v1/roles", own).created()
}

/// A card whose delivery was tried in vain.
fn tried(admin: &Caller, hook: &Answer) -> Value {
    admin.post("/v1/contacts", json!({"last_name": "Блок", "comment": "тайна", "phones": [{"value": "+79123456789"}]})).created();
    eventually("the first try", || deliveries(admin, hook, "").into_iter().find(|one| one["attempts"].as_i64() >= Some(1)))
}

fn one(admin: &Caller, delivery: &Value) -> Answer {
    admin.get(&format!("/v1/webhook-deliveries/{}", delivery["id"].as_str().unwrap())).ok()
}

fn replay(admin: &Caller, delivery: &Value) {
    admin.post_nothing(&format!("/v1/webhook-deliveries/{}/replay", delivery["id"].as_str().unwrap())).accepted();
}

/// Why a delivery was given up, once it was.
fn given_up(admin: &Caller, delivery: &Value) -> String {
    let failed = eventually("it to be given up", || Some(one(admin, delivery)).filter(|one| one["status"] == "failed"));
    failed["log"].as_array().unwrap().last().unwrap()["error"].as_str().unwrap().to_owned()
}

#[test]
fn a_narrowed_role_holds_for_what_waits_and_for_what_is_sent_again() {
    let workspace = workspace();
    let admin = workspace.administrator();
    narrow(&admin);
    let (receiver, status) = receiver();
    let hook = make(&admin, &receiver, json!({}));
    let delivery = tried(&admin, &hook);
    admin.patch(&hook.path(), json!({"role": "narrow"})).ok();
    let before = receiver.messages().len();
    status.store(200, Ordering::SeqCst);
    let done = ended(&admin, &hook, 1).remove(0);
    assert_eq!(done["status"], "delivered");
    replay(&admin, &delivery);
    let all =
        eventually("it to be sent again", || Some(receiver.messages()).filter(|all| all.iter().filter(|m| m.answered == 200).count() == 2));
    assert!(all[0].body.contains("тайна") && all[0].body.contains("79123456789"));
    // one may have been on its way when the role was changed
    for message in &all[(before + 1).min(all.len() - 2)..] {
        assert!(!message.body.contains("тайна") && !message.body.contains("79123456789"), "{}", message.body);
        assert_eq!(
            (message.json()["data"]["last_name"].clone(), message.header("webhook-id")),
            (json!("Блок"), all[0].header("webhook-id"))
        );
    }
    assert_eq!(all[all.len() - 1].body, all[all.len() - 2].body);
    // the log tells what was really sent
    let shown = eventually("the last try to be kept", || Some(one(&admin, &delivery)).filter(|one| one["status"] == "delivered"));
    assert_eq!(shown["request_body"], all[all.len() - 1].json());
}

#[test]
fn revoked_rights_and_other_event_types_hold_for_what_waits() {
    let workspace = workspace();
    let admin = workspace.administrator();
    let role = narrow(&admin);
    let (receiver, status) = receiver();
    let by_role = make(&admin, &receiver, json!({"role": "narrow"}));
    let by_type = make(&admin, &receiver, json!({}));
    let by_condition = make(&admin, &receiver, json!({"event_types": ["contact.created"]}));
    let first = tried(&admin, &by_role);
    let of = |hook: &Answer| {
        eventually("the first try", || deliveries(&admin, hook, "").into_iter().find(|one| one["attempts"].as_i64() >= Some(1)))
    };
    let (second, third) = (of(&by_type), of(&by_condition));
    admin.patch(&role.path(), json!({"rights": []})).ok();
    admin.patch(&by_type.path(), json!({"event_types": ["deal.*"]})).ok();
    admin.patch(&by_condition.path(), json!({"condition": [{"field": "last_name", "operator": "equals", "value": "Белый"}]})).ok();
    for delivery in [&first, &second, &third] {
        replay(&admin, delivery);
    }
    assert_eq!(given_up(&admin, &first), "the role may not see it any more");
    assert_eq!(given_up(&admin, &second), "the webhook is not told of such events any more");
    assert_eq!(given_up(&admin, &third), "the condition of the webhook does not hold of it");
    // nor does sending it again bring it
    status.store(200, Ordering::SeqCst);
    replay(&admin, &first);
    eventually("it to be given up again", || (one(&admin, &first)["attempts"].as_i64() > Some(2)).then_some(()));
    assert_eq!(given_up(&admin, &first), "the role may not see it any more");
    assert!(receiver.messages().iter().all(|message| message.answered == 500));
    // what follows is told, and the webhook is not held to fail by what it was not asked for
    admin.post("/v1/contacts", json!({"last_name": "Белый"})).created();
    let last = eventually("what follows", || receiver.messages().into_iter().find(|message| message.answered == 200));
    assert_eq!(last.json()["data"]["last_name"], "Белый");
    assert!(admin.get(&by_role.path()).ok()["paused_at"].is_null());
}

#[test]
fn what_was_sent_when_the_role_saw_more_is_shown_to_nobody_who_sees_less() {
    let workspace = workspace();
    let admin = workspace.administrator();
    narrow(&admin);
    let keeper = workspace.somebody("narrow", json!({}));
    let (receiver, status) = receiver();
    status.store(200, Ordering::SeqCst);
    let hook = make(&admin, &receiver, json!({}));
    admin.post("/v1/contacts", json!({"last_name": "Блок", "comment": "тайна"})).created();
    heard(&receiver, 1);
    let delivery = ended(&admin, &hook, 1).remove(0);
    assert!(one(&keeper, &delivery)["request_body"].is_null());
    admin.patch(&hook.path(), json!({"role": "narrow"})).ok();
    let shown = one(&keeper, &delivery);
    assert_eq!(shown.at("/request_body/data/last_name"), "Блок");
    assert!(shown.at("/request_body/data/comment").is_null(), "{shown}");
    assert_eq!(one(&admin, &delivery).at("/request_body/data/comment"), "тайна");
}

#[test]
fn one_whose_role_is_gone_does_not_come_back() {
    let workspace = workspace();
    let admin = workspace.administrator();
    let role = narrow(&admin);
    let (receiver, _) = receiver();
    let hook = make(&admin, &receiver, json!({"role": "narrow"}));
    admin.delete(&role.path()).is_problem(409, "role_in_use");
    admin.delete(&hook.path()).no_content();
    admin.delete(&role.path()).no_content();
    let restore = format!("{}/restore", hook.path());
    admin.post_nothing(&restore).is_problem(422, "validation_failed").names_with("/role", "reference_not_found");
    assert!(admin.get(&hook.path()).ok()["archived_at"].is_string());
    admin.post_nothing(&format!("{}/restore", role.path())).ok();
    assert_eq!(admin.post_nothing(&restore).ok()["archived_at"], Value::Null);
}
