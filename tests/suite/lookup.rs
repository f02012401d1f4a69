//! Look-up: who is it, exactly, by a normalised value.

use kartoteka_tests::{app, json};

#[test]
fn whoever_calls_is_found_by_phone_mail_messenger_or_tax_id() {
    let manager = app().workspace().manager();
    let anna = manager.post("/v1/contacts", json!({"last_name": "А", "phones": [{"value": "8 912 345 67 89"}], "emails": [{"value": "Anna@Example.com"}], "messengers": [{"network": "telegram", "handle": "@Anna"}]})).created();
    let acme =
        manager.post("/v1/companies", json!({"name": "Акме", "tax_id": "7707083893", "phones": [{"value": "+7 495 123-45-67"}]})).created();
    for query in ["phone=8(912)345-67-89", "phone=%2B79123456789", "email=ANNA@example.com", "messenger=telegram:anna"] {
        let found = manager.get(&format!("/v1/lookup?{query}")).ok();
        assert_eq!((found.at("/contacts/0/id"), &found["companies"]), (&json!(anna.id()), &json!([])), "{query}");
    }
    for query in ["tax_id=7707083893", "phone=84951234567"] {
        let found = manager.get(&format!("/v1/lookup?{query}")).ok();
        assert_eq!((&found["contacts"], found.at("/companies/0/id")), (&json!([]), &json!(acme.id())), "{query}");
    }
}

#[test]
fn nobody_is_an_empty_answer_and_nonsense_a_problem() {
    let manager = app().workspace().manager();
    let nobody = manager.get("/v1/lookup?phone=%2B79990000000").ok();
    assert_eq!((&nobody["contacts"], &nobody["companies"]), (&json!([]), &json!([])));
    for query in ["", "?phone=%2B79123456789&email=a@example.com"] {
        let refused = manager.get(&format!("/v1/lookup{query}"));
        assert!(matches!(refused.status, 400 | 422), "exactly one is given: {refused}");
    }
    let unreadable = manager.get("/v1/lookup?phone=12");
    assert!(matches!(unreadable.status, 200 | 400 | 422), "{unreadable}");
}

#[test]
fn look_up_does_not_show_archived_cards() {
    let manager = app().workspace().manager();
    let anna = manager.post("/v1/contacts", json!({"last_name": "А", "phones": [{"value": "+79123456789"}]})).created();
    manager.delete(&anna.path()).no_content();
    assert_eq!(manager.get("/v1/lookup?phone=%2B79123456789").ok()["contacts"], json!([]));
}
