//! Turnover: what a client bought, wherever it is told, and rules of assignment that ask about it.

use kartoteka_tests::{Caller, Value, app, json};

use crate::pipeline::first;

fn client(caller: &Caller, phone: &str) -> String {
    caller.post("/v1/contacts", json!({"last_name": "Покупатель", "phones": [{"value": phone}]})).created().id()
}

fn won(caller: &Caller, contact: &str, amount: i64, currency: &str) {
    let (_, stages) = first(caller);
    let deal = json!({"name": "x", "contacts": [{"contact_id": contact}], "amount": {"amount": amount, "currency": currency}});
    let deal = caller.post("/v1/deals", deal).created();
    caller.post(&format!("{}/move", deal.path()), json!({"stage_id": stages[5]})).ok();
}

fn sums(answer: &Value) -> Value {
    json!([answer["turnover"]["deals"], answer["turnover"]["sums"]])
}

#[test]
fn a_client_s_turnover_is_told_with_the_card_and_by_look_up() {
    let workspace = app().workspace();
    let manager = workspace.manager();
    let contact = client(&manager, "+79171230001");
    let view = |query: &str| manager.get(&format!("/v1/contacts/{contact}/overview{query}")).ok().json().clone();
    assert_eq!(view("")["turnover"], json!({"since": null, "deals": 0, "sums": [], "last_won_at": null}));
    for (amount, currency) in [(9_007_199_254_740_991, "USD"), (5, "USD"), (150_050, "RUB"), (1, "RUB")] {
        won(&manager, &contact, amount, currency);
    }
    manager
        .post("/v1/deals", json!({"name": "open", "contacts": [{"contact_id": contact}], "amount": {"amount": 7, "currency": "RUB"}}))
        .created();
    // no sum is more than an amount can be
    let bought = json!([4, [{"amount": 150_051, "currency": "RUB"}, {"amount": 9_007_199_254_740_991_i64, "currency": "USD"}]]);
    assert_eq!(sums(&view("")), bought);
    assert!(view("")["turnover"]["last_won_at"].is_string());
    assert_eq!(sums(manager.get("/v1/lookup?phone=%2B79171230001").ok().json()), bought);
    let later = view("?turnover_since=2099-01-01T00:00:00Z");
    assert_eq!((sums(&later), &later["turnover"]["since"]), (json!([0, []]), &json!("2099-01-01T00:00:00Z")));
    assert_eq!(sums(&view("?turnover_since=2020-01-01T00:00:00Z")), bought);
    assert_eq!(manager.get("/v1/lookup?phone=%2B79170000000").ok()["turnover"], json!(null));
}

#[test]
fn who_may_not_see_what_deals_came_to_is_told_no_turnover() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let contact = client(&admin, "+79171230002");
    won(&admin, &contact, 100, "RUB");
    let rights = json!([{"record": "contact", "read": "all"}, {"record": "deal", "read": "all"}]);
    let role = admin.post("/v1/roles", json!({"key": "clerk", "name": "clerk", "rights": rights})).created();
    let clerk = workspace.somebody("clerk", json!({}));
    let told = || {
        let view = clerk.get(&format!("/v1/contacts/{contact}/overview")).ok()["turnover"].clone();
        assert_eq!(clerk.get("/v1/lookup?phone=%2B79171230002").ok()["turnover"], view);
        view["deals"].clone()
    };
    assert_eq!(told(), 1);
    for effect in ["hidden", "masked"] {
        for field in ["comment", "amount"] {
            let rules = json!([{"record": "deal", "field": field, "effect": effect}]);
            let set = admin.patch(&role.path(), json!({"field_rules": rules}));
            if set.status == 200 {
                assert_eq!(told(), if field == "amount" { json!(null) } else { json!(1) }, "{effect} {field}");
            }
        }
    }
    admin.patch(&role.path(), json!({"field_rules": [], "rights": [{"record": "contact", "read": "all"}]})).ok();
    assert_eq!(told(), json!(null));
    // of one's own deals: what others sold is not told
    admin.patch(&role.path(), json!({"rights": [{"record": "contact", "read": "own"}, {"record": "deal", "read": "own"}]})).ok();
    let own = client(&clerk_with_create(&admin, &role.path(), &clerk), "+79171230003");
    won(&admin, &own, 100, "RUB");
    assert_eq!(clerk.get(&format!("/v1/contacts/{own}/overview")).ok()["turnover"]["deals"], 1, "a deal of one's own client is seen");
}

fn clerk_with_create(admin: &Caller, role: &str, clerk: &Caller) -> Caller {
    admin.patch(role, json!({"rights": [{"record": "contact", "read": "own", "create": "own"}, {"record": "deal", "read": "own"}]})).ok();
    clerk.clone()
}

#[test]
fn retail_and_wholesale_go_to_different_people() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let (retail, wholesale) = (workspace.manager(), workspace.manager());
    let rule = |name: &str, condition: Value, user: &Caller| json!({"name": name, "conditions": {"turnover": condition}, "method": "user", "user_ids": [user.user_id]});
    let make = |body: Value| admin.post("/v1/assignment-rules", body);
    let made = make(rule("Опт", json!({"currency": "rub", "at_least": 5_000_000}), &wholesale)).created();
    assert_eq!(made.at("/conditions/turnover"), &json!({"currency": "RUB", "at_least": 5_000_000, "less_than": null}));
    make(rule("Розница", json!({"currency": "RUB", "less_than": 5_000_000}), &retail)).created();
    let wrong = make(rule("x", json!({"currency": "RUB"}), &retail)).is_problem(422, "validation_failed");
    wrong.names_with("/conditions/turnover/at_least", "required");
    make(rule("x", json!({"currency": "QQQ", "at_least": 1}), &retail))
        .is_problem(422, "validation_failed")
        .names_with("/conditions/turnover/currency", "invalid_currency");
    make(rule("x", json!({"currency": "RUB", "at_least": 1, "less_than": 1}), &retail))
        .is_problem(422, "validation_failed")
        .names_with("/conditions/turnover/less_than", "conflicting_fields");
    let contact = client(&admin, "+79171230004");
    let assigned = || {
        let lead = admin.post("/v1/leads", json!({"contact_id": contact, "title": "Заявка"})).created();
        admin.post(&format!("{}/assign", lead.path()), json!({})).ok()["owner_id"].clone()
    };
    assert_eq!(assigned(), retail.user_id.as_str());
    won(&admin, &contact, 5_000_000, "USD");
    assert_eq!(assigned(), retail.user_id.as_str());
    won(&admin, &contact, 5_000_000, "RUB");
    assert_eq!(assigned(), wholesale.user_id.as_str());
}
