//! Idempotency keys: the same request twice has one effect.

use kartoteka_tests::{app, json};

#[test]
fn the_same_key_and_body_replay_the_first_outcome() {
    let manager = app().workspace().manager().with("idempotency-key", "k-1");
    let first = manager.post("/v1/contacts", json!({"last_name": "А"})).created();
    let second = manager.post("/v1/contacts", json!({"last_name": "А"})).created();
    assert_eq!((first.text(), second.header("idempotent-replayed")), (second.text(), Some("true")));
    assert_eq!((first.header("idempotent-replayed"), second.header("location")), (None, first.header("location")));
    assert_eq!(second.header("etag"), first.header("etag"));
    assert_eq!(manager.get("/v1/contacts").ok().items().len(), 1);
}

#[test]
fn the_same_key_with_another_body_is_refused() {
    let manager = app().workspace().manager().with("idempotency-key", "k-1");
    manager.post("/v1/contacts", json!({"last_name": "А"})).created();
    manager.post("/v1/contacts", json!({"last_name": "Б"})).is_problem(422, "idempotency_key_reused");
}

#[test]
fn keys_count_per_actor_and_path() {
    let workspace = app().workspace();
    let one = workspace.manager().with("idempotency-key", "k-1");
    let two = workspace.manager().with("idempotency-key", "k-1");
    let a = one.post("/v1/contacts", json!({"last_name": "А"})).created();
    let b = two.post("/v1/contacts", json!({"last_name": "А"})).created();
    assert_ne!(a.id(), b.id());
    let company = one.post("/v1/companies", json!({"name": "А"})).created();
    assert_eq!(company.header("idempotent-replayed"), None);
}

#[test]
fn a_conflict_and_a_refusal_are_replayed_too() {
    let manager = app().workspace().manager();
    manager.post("/v1/contacts", json!({"last_name": "А", "phones": [{"value": "+79123456789"}]})).created();
    let keyed = manager.with("idempotency-key", "k-409");
    let twin = || json!({"phones": [{"value": "+79123456789"}]});
    keyed.post("/v1/contacts", twin()).is_problem(409, "duplicate_found");
    let replayed = keyed.post("/v1/contacts", twin()).is_problem(409, "duplicate_found");
    assert_eq!(replayed.header("idempotent-replayed"), Some("true"));
    let keyed = manager.with("idempotency-key", "k-422");
    let first = keyed.post("/v1/contacts", json!({"phones": [{"value": "12"}]})).is_problem(422, "validation_failed");
    let again = keyed.post("/v1/contacts", json!({"phones": [{"value": "12"}]})).is_problem(422, "validation_failed");
    assert_eq!(first["errors"], again["errors"]);
}

#[test]
fn a_request_without_credential_is_not_remembered() {
    let workspace = app().workspace();
    app().anyone().with("idempotency-key", "k-1").post("/v1/contacts", json!({"last_name": "А"})).is_problem(401, "unauthenticated");
    workspace.manager().with("idempotency-key", "k-1").post("/v1/contacts", json!({"last_name": "А"})).created();
}

#[test]
fn a_verb_is_done_once_under_its_key() {
    let manager = app().workspace().manager();
    let task = manager.post("/v1/tasks", json!({"title": "x"})).created();
    let keyed = manager.with("idempotency-key", "done");
    let body = || json!({"result": "да", "next_task": {"title": "дальше"}});
    let first = keyed.post(&format!("{}/complete", task.path()), body()).ok();
    let second = keyed.post(&format!("{}/complete", task.path()), body()).ok();
    assert_eq!((first.text(), second.header("idempotent-replayed")), (second.text(), Some("true")));
    assert_eq!(manager.get("/v1/tasks?status=open").ok().items().len(), 1);
}

#[test]
fn twins_at_the_same_moment_have_one_effect() {
    let manager = app().workspace().manager().with("idempotency-key", "twins");
    let answers: Vec<_> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..12).map(|_| scope.spawn(|| manager.post("/v1/contacts", json!({"last_name": "А"})))).collect();
        running.into_iter().map(|r| r.join().unwrap()).collect()
    });
    for answer in answers {
        assert!(
            answer.status == 201
                || (answer.status == 409 && answer["code"] == "request_in_progress" && answer.header("retry-after").is_some()),
            "{answer}"
        );
    }
    assert_eq!(manager.get("/v1/contacts").ok().items().len(), 1);
}

#[test]
fn a_key_may_be_as_long_as_255_characters_and_no_longer() {
    let manager = app().workspace().manager();
    manager.with("idempotency-key", &"k".repeat(255)).post("/v1/contacts", json!({"last_name": "А"})).created();
    let refused = manager.with("idempotency-key", &"k".repeat(256)).post("/v1/contacts", json!({"last_name": "Б"}));
    assert!(matches!(refused.status, 400 | 422), "{refused}");
}

#[test]
fn issued_keys_are_never_replayed_since_their_secret_is_not_kept() {
    let admin = app().workspace().administrator().with("idempotency-key", "k-1");
    let first = admin.post("/v1/api-keys", json!({"name": "x"})).created();
    let second = admin.post("/v1/api-keys", json!({"name": "x"})).created();
    assert_ne!(first["secret"], second["secret"]);
}

#[test]
fn a_dry_run_spends_no_key_and_writes_nothing() {
    let manager = app().workspace().manager();
    let keyed = manager.with("idempotency-key", "k");
    let card = json!({"last_name": "А", "tags": ["проба"]});
    keyed.post("/v1/contacts?dry_run=true", card.clone()).ok();
    assert!(manager.get("/v1/tags").ok().items().is_empty());
    assert!(manager.get("/v1/contacts").ok().items().is_empty());
    keyed.post("/v1/contacts", card).created();
}

#[test]
fn a_bad_key_is_refused_where_nothing_is_written_too() {
    let workspace = app().workspace();
    let (admin, manager) = (workspace.administrator(), workspace.manager());
    let order = json!({"from_user_id": manager.user_id, "to_user_id": admin.user_id});
    for key in ["", " ", &"k".repeat(256)] {
        let keyed = admin.with("idempotency-key", key);
        keyed.post("/v1/hand-overs?dry_run=true", order.clone()).is_problem(400, "invalid_parameter");
        keyed.post("/v1/contacts?dry_run=true", json!({"last_name": "А"})).is_problem(400, "invalid_parameter");
    }
    admin.with("idempotency-key", "fine").post("/v1/hand-overs?dry_run=true", order).ok();
}

#[test]
fn a_webhook_asked_for_twice_is_one_with_one_secret() {
    let admin = app().workspace().administrator();
    let body = json!({"name": "Склад", "url": "https://hooks.example/x", "event_types": ["contact.*"], "role": "administrator"});
    let keyed = admin.with("idempotency-key", "once");
    let (one, again) = (keyed.post("/v1/webhooks", body.clone()).created(), keyed.post("/v1/webhooks", body).created());
    assert_eq!((again.header("idempotent-replayed"), &one["secret"]), (Some("true"), &again["secret"]));
    assert!(one["id"] == again["id"] && one["secret"].is_string());
    assert_eq!(admin.get("/v1/webhooks").ok().items().len(), 1);
    let turn = |caller: &kartoteka_tests::Caller| caller.post(&format!("{}/rotate", one.path()), json!({})).ok()["secret"].clone();
    let (first, second) = (turn(&keyed), turn(&keyed));
    assert!(first == second && first != one["secret"]);
    assert_ne!(turn(&admin), first);
    assert_eq!(keyed.post("/v1/webhooks", json!({"name": "x"})).status, 422);
}
