//! Idempotency keys: the same request twice has one effect.

use kartoteka_tests::{Value, app, json, workspace::PASSWORD};

use crate::second_factor::{audited, codes};

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

#[test]
fn every_post_takes_a_key_but_where_a_secret_or_a_search_makes_it_senseless() {
    let document = app().anyone().get("/openapi.json").ok();
    let mut without: Vec<&str> = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let Some(post) = item.get("post") else { continue };
        let parameters = post["parameters"].as_array().unwrap();
        if !parameters.iter().any(|parameter| parameter["name"] == "Idempotency-Key") {
            without.push(path);
        }
    }
    without.retain(|path| !path.starts_with("/v1/auth/"));
    assert_eq!(without, ["/v1/api-keys", "/v1/api-keys/{id}/rotate", "/v1/contacts/{id}/reveal"]);
}

#[test]
fn a_password_is_changed_once_under_its_key() {
    let workspace = app().workspace();
    let (person, new) = (workspace.manager(), "совсем другая фраза 42");
    let keyed = person.with("idempotency-key", "k");
    let change = |new: &str| json!({"current_password": PASSWORD, "new_password": new});
    let before = audited(&workspace, "password_changed");
    keyed.post("/v1/me/password", change(new)).no_content();
    // by now the present password is another; the answer is that of before
    let again = keyed.post("/v1/me/password", change(new)).no_content();
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    keyed.post("/v1/me/password", change("и ещё одна фраза 43")).is_problem(422, "idempotency_key_reused");
    assert_eq!(audited(&workspace, "password_changed"), before + 1);
    person.post("/v1/me/password", change(new)).is_problem(422, "validation_failed").names_with("/current_password", "wrong_password");
}

#[test]
fn a_refused_proof_that_is_sent_again_counts_once() {
    let person = app().workspace().manager();
    let wrong = json!({"current_password": "не тот пароль"});
    let keyed = person.with("idempotency-key", "k");
    for turn in 0..15 {
        let refused = keyed.post("/v1/me/recovery-codes", wrong.clone()).is_problem(422, "validation_failed");
        assert_eq!(refused.header("idempotent-replayed"), (turn > 0).then_some("true"));
    }
    // nobody was locked out by it
    person.post("/v1/me/totp", json!({"current_password": PASSWORD})).ok();
}

#[test]
fn secrets_of_ones_own_are_answered_again_under_their_key() {
    let person = app().workspace().manager();
    let keyed = person.with("idempotency-key", "k");
    let twice = |path: &str, body: Value| {
        let (one, two) = (keyed.post(path, body.clone()), keyed.post(path, body));
        assert_eq!((one.status, one.text(), two.header("idempotent-replayed")), (two.status, two.text(), Some("true")), "{path}");
        one
    };
    let begun = twice("/v1/me/totp", json!({"current_password": PASSWORD})).ok();
    let [now, _] = codes(begun["secret"].as_str().unwrap());
    twice("/v1/me/totp/confirm", json!({"code": now})).ok();
    let made = twice("/v1/me/recovery-codes", json!({"current_password": PASSWORD})).ok();
    assert_ne!(made["recovery_codes"], person.post("/v1/me/recovery-codes", json!({"current_password": PASSWORD})).ok()["recovery_codes"]);
    twice("/v1/me/totp/disable", json!({"current_password": PASSWORD})).no_content();
    let link = twice("/v1/me/calendar-link", json!({}));
    let url = link["url"].as_str().unwrap();
    app().anyone().get(&url[url.find("/public/").unwrap()..]).ok();
    twice("/v1/notifications/read", json!({})).ok();
}
