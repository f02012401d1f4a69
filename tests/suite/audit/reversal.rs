//! The way back: previewed, by the rules, exact; what was changed again since stays and is said.

use std::{collections::BTreeMap, sync::Mutex};

use kartoteka_tests::{Answer, Caller, Value, app, json};

use super::{
    pages,
    replay::{Dice, World, audited, operate},
};

fn last_event(admin: &Caller, record: &Answer) -> String {
    admin.get(&format!("/v1/audit-events?record_id={}&limit=1", record.id())).ok().items()[0]["id"].as_str().unwrap().to_owned()
}

fn now(admin: &Caller, record: &Answer) -> String {
    admin.get(&format!("/v1/audit-events?record_id={}&limit=1", record.id())).ok().items()[0]["at"].as_str().unwrap().to_owned()
}

#[test]
fn one_change_is_previewed_and_taken_back_with_its_reason_and_twice_does_nothing() {
    let workspace = app().workspace();
    let (admin, manager) = (workspace.administrator(), workspace.manager());
    let body = json!({"last_name": "Блок", "comment": "а", "phones": [{"value": "+79123456789", "label": "mobile"}], "tags": ["VIP"]});
    let card = manager.post("/v1/contacts", body).created();
    manager.patch(&card.path(), json!({"comment": "б", "phones": [], "tags": ["Опт"]})).ok();
    let event = last_event(&admin, &card);
    let path = format!("/v1/audit-events/{event}/revert");
    let preview = admin.post_nothing(&format!("{path}?dry_run=true")).ok();
    let reverted = json!([{"record_type": "contact", "record_id": card.id(), "fields": ["comment", "phones", "tags"]}]);
    assert_eq!((&preview["dry_run"], &preview["reverted"], &preview["conflicts"]), (&json!(true), &reverted, &json!([])));
    assert_eq!(admin.get(&card.path()).ok()["comment"], "б", "a preview writes nothing");
    let done = admin.post_nothing(&path).ok();
    assert_eq!((&done["dry_run"], &done["reverted"]), (&json!(false), &reverted));
    let back = admin.get(&card.path()).ok();
    assert_eq!(audited(back.json()), audited(card.json()));
    assert_eq!(back["updated_by"]["id"], admin.user_id.as_str());
    let said = admin.get(&format!("/v1/audit-events/{}", last_event(&admin, &card))).ok();
    assert_eq!((&said["reason"], &said["action"]), (&json!(format!("revert of {event}")), &json!("updated")));
    let again = admin.post_nothing(&path).ok();
    assert_eq!((&again["reverted"], &again["unchanged"][0]["record_id"]), (&json!([]), &json!(card.id())));
    manager.post_nothing(&path).is_problem(403, "forbidden");
    workspace.head().post_nothing(&path).is_problem(403, "forbidden");
}

#[test]
fn what_was_changed_again_since_stays_and_is_listed() {
    let workspace = app().workspace();
    let (admin, manager) = (workspace.administrator(), workspace.manager());
    let card = manager.post("/v1/contacts", json!({"last_name": "Блок", "comment": "а", "position": "а"})).created();
    manager.patch(&card.path(), json!({"comment": "б", "position": "б"})).ok();
    let event = last_event(&admin, &card);
    admin.patch(&card.path(), json!({"comment": "в"})).ok();
    let done = admin.post_nothing(&format!("/v1/audit-events/{event}/revert")).ok();
    assert_eq!(
        done["conflicts"],
        json!([{"record_type": "contact", "record_id": card.id(), "field": "comment", "reason": "changed_again"}])
    );
    assert_eq!(done["reverted"][0]["fields"], json!(["position"]));
    let card = admin.get(&card.path()).ok();
    assert_eq!((&card["comment"], &card["position"]), (&json!("в"), &json!("а")));
    // an archived card is not changed; what its old values would break is said
    manager.patch(&card.path(), json!({"position": "г"})).ok();
    let event = last_event(&admin, &card);
    admin.delete(&card.path()).no_content();
    let done = admin.post_nothing(&format!("/v1/audit-events/{event}/revert")).ok();
    assert_eq!(done["conflicts"][0]["reason"], "archived");
}

#[test]
fn a_creation_is_taken_back_by_archiving_and_an_archiving_by_restoring() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let card = admin.post("/v1/contacts", json!({"last_name": "Блок", "phones": [{"value": "+79123456789"}]})).created();
    let made = last_event(&admin, &card);
    admin.post_nothing(&format!("/v1/audit-events/{made}/revert")).ok();
    assert!(admin.get(&card.path()).ok()["archived_at"].is_string());
    let archived = last_event(&admin, &card);
    // another card has the phone meanwhile
    let twin = admin.post("/v1/contacts", json!({"last_name": "Другой", "phones": [{"value": "+79123456789"}]}));
    if twin.status == 201 {
        admin.patch("/v1/workspace", json!({"policies": {"duplicates": "require"}})).ok();
    }
    let done = admin.post_nothing(&format!("/v1/audit-events/{archived}/revert")).ok();
    assert!(done["reverted"][0]["fields"] == json!(["archived_at"]) || done["conflicts"][0]["reason"] == "duplicate", "{done}");
    let task = admin.post("/v1/tasks", json!({"title": "Т"})).created();
    admin.post(&format!("{}/complete", task.path()), json!({"result": "да"})).ok();
    admin.post_nothing(&format!("/v1/audit-events/{}/revert", last_event(&admin, &task))).ok();
    assert_eq!(audited(admin.get(&task.path()).ok().json()), audited(task.json()));
    // what is no change of such a record is not taken back
    let user = workspace.manager();
    let event =
        admin.get(&format!("/v1/audit-events?record_id={}&limit=1", user.user_id)).ok().items()[0]["id"].as_str().unwrap().to_owned();
    let left = admin.post_nothing(&format!("/v1/audit-events/{event}/revert")).ok();
    assert_eq!(left["conflicts"][0]["reason"], "not_revertible");
}

#[test]
fn a_record_goes_back_to_a_moment() {
    let workspace = app().workspace();
    let (admin, manager) = (workspace.administrator(), workspace.manager());
    let card = manager.post("/v1/contacts", json!({"last_name": "Блок", "comment": "а", "tags": ["VIP"]})).created();
    let good = manager.patch(&card.path(), json!({"comment": "б", "address": {"city": "Тверь"}})).ok();
    let moment = now(&admin, &card);
    manager.patch(&card.path(), json!({"comment": "в", "tags": []})).ok();
    admin.patch(&card.path(), json!({"comment": "г", "address": null})).ok();
    admin.delete(&card.path()).no_content();
    let path = format!("{}/revert-to", card.path());
    let preview = admin.post(&format!("{path}?dry_run=true"), json!({"moment": moment})).ok();
    let done = admin.post(&path, json!({"moment": moment})).ok();
    assert_eq!((&preview["reverted"], &done["conflicts"]), (&done["reverted"], &json!([])));
    assert_eq!(audited(admin.get(&card.path()).ok().json()), audited(good.json()));
    admin.post(&path, json!({})).is_problem(422, "validation_failed").names("/moment");
    manager.post(&path, json!({"moment": moment})).is_problem(403, "forbidden");
    // to before it was made: archived
    admin.post(&path, json!({"moment": "2026-01-01T00:00:00Z"})).ok();
    assert!(admin.get(&card.path()).ok()["archived_at"].is_string());
    let company = admin.post("/v1/companies", json!({"name": "О"})).created();
    let moment = now(&admin, &company);
    admin.patch(&company.path(), json!({"name": "П"})).ok();
    admin.post(&format!("{}/revert-to", company.path()), json!({"moment": moment})).ok();
    assert_eq!(admin.get(&company.path()).ok()["name"], "О");
}

/// Goes through the whole period, some records a request.
fn revert_period(admin: &Caller, body: &Value, query: &str) -> (Vec<Value>, Vec<Value>) {
    let (mut reverted, mut conflicts, mut body) = (Vec::new(), Vec::new(), body.clone());
    loop {
        let done = admin.post(&format!("/v1/audit-events/revert-period{query}"), body.clone()).ok();
        reverted.extend(done["reverted"].as_array().unwrap().clone());
        conflicts.extend(done["conflicts"].as_array().unwrap().clone());
        match done["next_cursor"].as_str() {
            Some(cursor) => body["cursor"] = json!(cursor),
            None => return (reverted, conflicts),
        }
    }
}

fn state(admin: &Caller, world: &World) -> BTreeMap<String, Value> {
    let paths = world.iter().flat_map(|(collection, ids)| ids.iter().map(move |id| format!("/v1/{collection}/{id}")));
    paths.map(|path| (path.clone(), admin.get(&path).ok().json().clone())).collect()
}

#[test]
fn an_actor_s_period_is_taken_back_exactly_but_for_what_others_changed_since() {
    let workspace = app().workspace();
    let (admin, vandal) = (workspace.administrator(), workspace.somebody("administrator", json!({})));
    let world = Mutex::new(World::new());
    let mut dice = Dice::new(7);
    for _ in 0..120 {
        operate(&admin, &mut dice, &world);
    }
    let old = world.lock().unwrap().clone();
    let before = state(&admin, &old);
    let from = admin.get("/v1/audit-events?limit=1").ok().items()[0]["at"].as_str().unwrap().to_owned();
    let long = std::env::var("SUITE_LONG").is_ok_and(|v| v == "1");
    for _ in 0..if long { 2000 } else { 150 } {
        operate(&vandal, &mut dice, &world);
    }
    // somebody works on: what he touches is not taken from him
    let touched = old["contacts"][0].clone();
    let path = format!("/v1/contacts/{touched}");
    admin.post_nothing(&format!("{path}/restore"));
    vandal.patch(&path, json!({"position": "вандал", "comment": "вандал"})).ok();
    admin.patch(&path, json!({"position": "человек"})).ok();
    let body = json!({"actor_id": vandal.user_id, "from": from, "to": "2100-01-01T00:00:00Z"});
    let preview = revert_period(&admin, &body, "?dry_run=true");
    let unchanged: BTreeMap<String, Value> = state(&admin, &old);
    let (reverted, conflicts) = revert_period(&admin, &body, "");
    assert_eq!(preview.0.len(), reverted.len(), "a preview tells what happens");
    assert_ne!(unchanged, state(&admin, &old));
    let left = |path: &str, field: &str| {
        conflicts.iter().any(|c| path.ends_with(c["record_id"].as_str().unwrap()) && (c["field"].is_null() || c["field"] == field))
    };
    assert!(left(&path, "position"), "{conflicts:#?}");
    assert_eq!(admin.get(&path).ok()["position"], "человек");
    let mut differing = Vec::new();
    let after = state(&admin, &old);
    for (path, record) in &before {
        let (was, is) = (audited(record), audited(&after[path]));
        let names: std::collections::BTreeSet<&String> = was.keys().chain(is.keys()).collect();
        for name in names {
            let same = match name.as_str() {
                // archived again, at another time
                "archived_at" => was.contains_key(name) == is.contains_key(name),
                _ => was.get(name) == is.get(name),
            };
            if !same && !left(path, name) {
                differing.push(format!("{path} {name}: {:?} → {:?}", was.get(name), is.get(name)));
            }
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    // what he made is archived
    for (collection, ids) in world.into_inner().unwrap() {
        for id in ids.iter().filter(|id| !old.get(collection).is_some_and(|old| old.contains(id))) {
            let record = admin.get(&format!("/v1/{collection}/{id}")).ok();
            assert!(record["archived_at"].is_string() || left(&format!("/{id}"), "archived_at"), "{record}");
        }
    }
    eprintln!("{} records put back, {} conflicts", reverted.len(), conflicts.len());
    assert!(
        pages(&admin, &format!("/v1/audit-events?actor_id={}&limit=200&after={from}", admin.user_id))
            .iter()
            .any(|e| e["reason"].as_str().is_some_and(|r| r.starts_with("revert of ")))
    );
    assert_eq!(admin.get("/v1/audit-events/verify").ok()["ok"], true);
    admin
        .post("/v1/audit-events/revert-period", json!({"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}))
        .is_problem(422, "validation_failed")
        .names("/actor_id")
        .names("/to");
    admin
        .post(
            "/v1/audit-events/revert-period",
            json!({"actor_id": vandal.user_id, "from": from, "to": "2100-01-01T00:00:00Z", "cursor": "zz"}),
        )
        .is_problem(422, "validation_failed")
        .names("/cursor");
}
