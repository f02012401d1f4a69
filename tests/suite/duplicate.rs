//! Duplicates on create: refuse, attach, create.

use kartoteka_tests::{app, json};

#[test]
fn a_known_phone_or_mail_however_written_is_refused_with_the_candidates() {
    let manager = app().workspace().manager();
    let anna = manager
        .post(
            "/v1/contacts",
            json!({"last_name": "Ахматова", "phones": [{"value": "8 (912) 345-67-89"}], "emails": [{"value": "Anna@Example.com"}]}),
        )
        .created();
    for twin in [json!({"phones": [{"value": "+7 912 345 67 89"}]}), json!({"emails": [{"value": "anna@EXAMPLE.com"}]})] {
        let refused = manager.post("/v1/contacts", twin).is_problem(409, "duplicate_found");
        assert_eq!(refused["existing_id"], anna.id().as_str());
        assert_eq!(refused.at("/candidates/0/id"), anna.id().as_str());
        assert_eq!(refused.at("/candidates/0/verdict"), "same");
        assert!(refused.at("/candidates/0/score").as_f64().unwrap() >= 0.85);
        assert_eq!(refused.at("/candidates/0/evidence/0/agreement"), "exact");
    }
    let both = json!({"phones": [{"value": "+79123456789"}], "emails": [{"value": "anna@example.com"}]});
    let refused = manager.post("/v1/contacts", both).is_problem(409, "duplicate_found");
    assert_eq!(refused.at("/candidates/0/evidence").as_array().unwrap().len(), 2);
    assert_eq!(manager.get("/v1/contacts").ok().items().len(), 1);
}

#[test]
fn a_known_messenger_is_recognised_without_its_at_sign_and_case() {
    let manager = app().workspace().manager();
    manager.post("/v1/contacts", json!({"last_name": "А", "messengers": [{"network": "telegram", "handle": "@Anna"}]})).created();
    manager.post("/v1/contacts", json!({"messengers": [{"network": "telegram", "handle": "anna"}]})).is_problem(409, "duplicate_found");
    manager.post("/v1/contacts", json!({"messengers": [{"network": "vk", "handle": "anna"}]})).created();
}

#[test]
fn attach_fills_what_the_card_lacks_and_overwrites_nothing() {
    let manager = app().workspace().manager();
    let anna =
        manager.post("/v1/contacts", json!({"last_name": "Ахматова", "comment": "поэт", "phones": [{"value": "+79123456789"}]})).created();
    let twin = json!({"last_name": "Горенко", "first_name": "Анна", "comment": "другое", "position": "поэт", "phones": [{"value": "8 912 345 67 89"}], "emails": [{"value": "anna@example.com"}]});
    let attached = manager.post("/v1/contacts?on_duplicate=attach", twin).ok();
    assert_eq!((attached.id(), &attached["last_name"], &attached["comment"]), (anna.id(), &json!("Ахматова"), &json!("поэт")));
    assert_eq!((attached.at("/emails/0/value"), &attached["position"]), (&json!("anna@example.com"), &json!("поэт")));
    assert_eq!(attached["phones"].as_array().unwrap().len(), 1);
    assert_eq!(manager.get(&anna.path()).ok()["version"], attached["version"]);
}

#[test]
fn creating_a_duplicate_knowingly_needs_the_policy_or_the_right() {
    let workspace = app().workspace();
    let (admin, manager) = (workspace.administrator(), workspace.manager());
    let twin = || json!({"last_name": "А", "phones": [{"value": "+79123456789"}]});
    manager.post("/v1/contacts", twin()).created();
    let refused = manager.post("/v1/contacts?on_duplicate=create", twin());
    assert!(matches!(refused.status, 403 | 409), "{refused}");
    admin.post("/v1/contacts?on_duplicate=create", twin()).created();
    let mut policies = admin.get("/v1/workspace").ok()["policies"].clone();
    policies["duplicates"] = json!("warn");
    admin.patch("/v1/workspace", json!({"policies": policies})).ok();
    manager.post("/v1/contacts?on_duplicate=create", twin()).created();
    assert_eq!(admin.get("/v1/contacts").ok().items().len(), 3);
}

#[test]
fn a_duplicate_out_of_reach_is_refused_without_showing_the_card() {
    let workspace = app().workspace();
    let (anna, boris) = (workspace.manager(), workspace.manager());
    anna.post("/v1/contacts", json!({"last_name": "Тайный", "phones": [{"value": "+79123456789"}]})).created();
    let refused =
        boris.post("/v1/contacts", json!({"last_name": "Б", "phones": [{"value": "+79123456789"}]})).is_problem(409, "duplicate_found");
    assert!(!refused.text().contains("Тайный"));
    let attached = boris.post("/v1/contacts?on_duplicate=attach", json!({"last_name": "Б", "phones": [{"value": "+79123456789"}]}));
    assert_ne!(attached.status, 201, "still one card\n{attached}");
    assert!(!attached.text().contains("Тайный"), "{attached}");
}

#[test]
fn an_archived_card_does_not_stand_in_the_way_twice() {
    let manager = app().workspace().manager();
    let card = manager.post("/v1/contacts", json!({"last_name": "А", "phones": [{"value": "+79123456789"}]})).created();
    manager.delete(&card.path()).no_content();
    let again = manager.post("/v1/contacts", json!({"last_name": "А", "phones": [{"value": "+79123456789"}]}));
    assert!(matches!(again.status, 201 | 409), "{again}");
}

#[test]
fn a_dry_run_tells_of_a_duplicate_too() {
    let manager = app().workspace().manager();
    let card = json!({"last_name": "А", "phones": [{"value": "+79123456789"}]});
    manager.post("/v1/contacts?dry_run=true", card.clone());
    manager.post("/v1/contacts", card.clone()).created();
    manager.post("/v1/contacts?dry_run=true", card).is_problem(409, "duplicate_found");
}

#[test]
fn another_workspace_s_card_is_no_duplicate() {
    let card = json!({"last_name": "А", "phones": [{"value": "+79123456789"}]});
    app().workspace().manager().post("/v1/contacts", card.clone()).created();
    app().workspace().manager().post("/v1/contacts", card).created();
}
