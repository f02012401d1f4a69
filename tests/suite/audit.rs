//! The trace: who did what, where and through what; proven complete; and the way back.

mod chain;
mod replay;
mod reversal;
mod rights;

use kartoteka_tests::{Answer, Caller, Value, app, eventually, json, wire::encode};

/// Every event of a workspace as the chain orders it, once all are sealed.
pub fn whole_trace(admin: &Caller) -> Vec<Value> {
    eventually("all events to be sealed", || (admin.get("/v1/audit-events/verify").ok()["unsealed"] == 0).then_some(()));
    let mut events = pages(admin, "/v1/audit-events?limit=200&sort=at");
    events.sort_by_key(|e| e["sequence"].as_i64().expect("sealed"));
    events
}

/// Every item of every page.
pub fn pages(caller: &Caller, path: &str) -> Vec<Value> {
    let glue = if path.contains('?') { '&' } else { '?' };
    let (mut items, mut next) = (Vec::new(), path.to_owned());
    loop {
        let page = caller.get(&next).ok();
        items.extend(page.items().to_vec());
        match page["next_cursor"].as_str() {
            Some(cursor) => next = format!("{path}{glue}cursor={}", encode(cursor)),
            None => return items,
        }
    }
}

fn events_of(admin: &Caller, record: &Answer) -> Vec<Value> {
    pages(admin, &format!("/v1/audit-events?record_id={}&limit=200", record.id()))
}

#[test]
fn an_event_says_who_did_what_from_where_through_what_and_exactly_which_fields() {
    let workspace = app().workspace();
    let (admin, manager) =
        (workspace.administrator(), workspace.manager().with("user-agent", "Тетрадь/1").with("user-agent", "Notebook/1"));
    let card = manager.post("/v1/contacts", json!({"last_name": "Блок", "comment": "а"})).created();
    manager.with("x-request-id", "request-7").patch(&card.path(), json!({"comment": "б", "position": "поэт"})).ok();
    let event = events_of(&admin, &card)[0].clone();
    assert_eq!(event["changes"], json!({"comment": {"before": "а", "after": "б"}, "position": {"before": null, "after": "поэт"}}));
    assert_eq!((&event["action"], &event["record_type"], &event["record_id"]), (&json!("updated"), &json!("contact"), &json!(card.id())));
    assert_eq!((&event["actor"]["type"], &event["actor"]["id"]), (&json!("user"), &json!(manager.user_id)));
    assert_eq!(
        (&event["request_id"], &event["user_agent"], &event["address"]),
        (&json!("request-7"), &json!("Notebook/1"), &json!("127.0.0.1"))
    );
    assert!(event["via"].as_str().unwrap().starts_with("session:"), "{event}");
    assert_eq!(admin.get(&format!("/v1/audit-events/{}", event["id"].as_str().unwrap())).ok()["changes"], event["changes"]);

    let note = workspace.key("integration").post("/v1/contacts", json!({"last_name": "Белый"})).created();
    let event = &events_of(&admin, &note)[0];
    assert!(event["actor"]["type"] == "api_key" && event["via"].as_str().unwrap().starts_with("api_key:kk_live_"), "{event}");

    let form = workspace.form(json!({}));
    let receipt = admin.post(&format!("{}/test", form.path()), json!({"fields": {"comment": "x"}})).accepted();
    let about = format!("/v1/audit-events?record_id={}&actor_type=form", receipt["submission_id"].as_str().unwrap());
    let event = eventually("the form's own event", || admin.get(&about).ok().items().first().cloned());
    assert_eq!(event["via"], format!("form:{}", form.id()));
}

#[test]
fn events_are_found_by_actor_record_kind_time_and_request() {
    let workspace = app().workspace();
    let (admin, anna, boris) = (workspace.administrator(), workspace.manager(), workspace.manager());
    let card = anna.post("/v1/contacts", json!({"last_name": "А"})).created();
    let other = boris.with("x-request-id", "by-boris").post("/v1/contacts", json!({"last_name": "Б"})).created();
    anna.patch(&card.path(), json!({"comment": "x"})).ok();
    anna.delete(&card.path()).no_content();
    let found = |query: &str| -> Vec<String> {
        let page = admin.get(&format!("/v1/audit-events?{query}&include_total=true")).ok();
        assert_eq!(page["total"], page.items().len());
        page.items().iter().map(|e| format!("{}.{}", e["record_type"].as_str().unwrap(), e["action"].as_str().unwrap())).collect()
    };
    assert_eq!(found(&format!("record_id={}", card.id())), ["contact.archived", "contact.updated", "contact.created"]);
    assert_eq!(found(&format!("record_id={}&sort=at&action=created,archived", card.id())), ["contact.created", "contact.archived"]);
    assert_eq!(found(&format!("actor_id={}&record_type=contact", boris.user_id)), ["contact.created"]);
    assert_eq!(found("request_id=by-boris"), ["contact.created"]);
    assert_eq!(found(&format!("actor_id={},{}&record_type=company", anna.user_id, boris.user_id)), [""; 0]);
    let at = admin.get("/v1/audit-events?request_id=by-boris").ok().items()[0]["at"].as_str().unwrap().to_owned();
    assert_eq!(found(&format!("record_type=contact&before={at}")), ["contact.created"]);
    assert_eq!(found(&format!("record_type=contact&after={at}")).len(), 3);
    assert_eq!(found(&format!("record_id={}", other.id())).len(), 1);
    whole_trace(&admin);
    let all = pages(&admin, "/v1/audit-events?limit=200");
    assert_eq!(pages(&admin, "/v1/audit-events?limit=3"), all);
    assert_eq!(pages(&admin, "/v1/audit-events?limit=2&sort=at").len(), all.len());
    for bad in ["action=danced", "actor_id=7", "after=yesterday", "record_type=poem", "cursor=zz", "sort=hash"] {
        admin.get(&format!("/v1/audit-events?{bad}")).is_problem(400, "invalid_parameter");
    }
}

#[test]
fn a_refusal_is_noted_but_not_without_end_and_not_in_the_client_s_story() {
    let workspace = app().workspace();
    let (admin, operator) = (workspace.administrator(), workspace.operator());
    let card = operator.post("/v1/contacts", json!({"last_name": "К"})).created();
    for _ in 0..60 {
        operator.patch(&card.path(), json!({"comment": "x"})).is_problem(403, "forbidden");
    }
    operator.get("/v1/audit-events").is_problem(403, "forbidden");
    let about = format!("/v1/audit-events?action=refused&actor_id={}&limit=200", operator.user_id);
    eventually("the refusals to be noted", || (admin.get(&about).ok().items().len() == 20).then_some(()));
    let event = admin.get(&about).ok().items()[0].clone();
    assert_eq!((&event["record_type"], &event["record_id"]), (&json!("contact"), &json!(card.id())));
    assert_eq!(event["reason"], "forbidden: PATCH /v1/contacts/{id}");
    let story = admin.get(&format!("{}/timeline", card.path())).ok();
    assert!(story.items().iter().all(|i| i["record"]["action"] != "refused"), "{story}");
    // what changed since a version is not hidden behind refusals
    let stale = admin.with("if-match", "\"1\"");
    admin.patch(&card.path(), json!({"position": "y"})).ok();
    assert_eq!(
        stale.patch(&card.path(), json!({"position": "z"})).is_problem(412, "version_mismatch")["changed_fields"],
        json!(["position"])
    );
}

#[test]
fn a_field_s_history_is_told_to_whoever_may_read_the_record() {
    let workspace = app().workspace();
    let manager = workspace.manager();
    let card = manager.post("/v1/contacts", json!({"last_name": "Блок", "comment": "а"})).created();
    for comment in ["б", "в", "г"] {
        manager.patch(&card.path(), json!({"comment": comment, "position": comment})).ok();
    }
    let path = format!("{}/history", card.path());
    let of = |query: &str| -> Vec<(Value, Value)> {
        pages(&manager, &format!("{path}{query}")).into_iter().map(|c| (c["before"].clone(), c["after"].clone())).collect()
    };
    let pair = |a: &str, b: &str| (json!(a), json!(b));
    assert_eq!(of("?field=comment"), [pair("в", "г"), pair("б", "в"), pair("а", "б"), (Value::Null, json!("а"))]);
    assert_eq!(of("?field=comment&limit=1"), of("?field=comment"));
    assert_eq!(of("?field=nonsense"), []);
    let all = pages(&manager, &path);
    assert_eq!(pages(&manager, &format!("{path}?limit=1")), all);
    assert_eq!(pages(&manager, &format!("{path}?limit=3")), all);
    assert_eq!((&all[0]["field"], &all[0]["actor"]["id"]), (&json!("comment"), &json!(manager.user_id)));
    // masked fields stay masked in what they were
    let phoned = manager.post("/v1/contacts", json!({"last_name": "Ф", "phones": [{"value": "+79123456789"}]})).created();
    let masked = workspace.somebody("analyst", json!({})).get(&format!("{}/history?field=phones", phoned.path())).ok();
    assert!(masked.items().len() == 1 && masked.text().contains('•') && !masked.text().contains("9123456789"), "{masked}");
    workspace.manager().get(&path).is_problem(404, "not_found");
    manager.get(&format!("{path}?cursor=zz")).is_problem(400, "invalid_parameter");
    for (collection, body) in
        [("companies", json!({"name": "О"})), ("tasks", json!({"title": "Т"})), ("leads", json!({"contact_id": card.id()}))]
    {
        let record = manager.post(&format!("/v1/{collection}"), body).created();
        assert!(!manager.get(&format!("{}/history", record.path())).ok().items().is_empty());
    }
}
