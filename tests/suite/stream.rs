//! The live stream: what happens is heard once, in order, by whoever may; who has which card open is told. Streams of these tests end after a second,
//! so that every reader has to come back.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use kartoteka_tests::{Caller, Value, app, eventually, json};

use crate::api_key::later;

/// One event as it was sent.
#[derive(Debug)]
struct Heard {
    id: Option<i64>,
    name: String,
    data: Value,
}

/// Reads a stream to its end: what was told, and the last id.
fn listen(caller: &Caller, query: &str, last: Option<i64>) -> (Vec<Heard>, Option<i64>) {
    let caller = last.map_or_else(|| caller.clone(), |last| caller.with("last-event-id", &last.to_string()));
    let answer = caller.get(&format!("/v1/stream{query}")).ok();
    assert!(answer.header("content-type").unwrap().starts_with("text/event-stream"));
    assert_eq!((answer.header("content-encoding"), answer.header("cache-control")), (Some("identity"), Some("no-store")));
    let (mut all, mut last) = (Vec::new(), last);
    for block in answer.text().split("\n\n") {
        let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let id = field("id:").map(|id| id.parse().unwrap());
        last = id.or(last);
        if let (Some(name), Some(data)) = (field("event:"), field("data:")) {
            all.push(Heard { id, name: name.to_owned(), data: serde_json::from_str(data).unwrap() });
        }
    }
    let end = all.pop().unwrap();
    assert_eq!((end.name.as_str(), &end.data), ("end", &json!({"reason": "resume"})));
    (all, last)
}

#[test]
fn every_change_is_heard_once_and_in_order_by_whoever_comes_back() {
    let workspace = app().workspace();
    let (admin, anna, boris) = (workspace.administrator(), workspace.manager(), workspace.manager());
    let begin = admin.get("/v1/events?limit=1").ok()["latest"].as_i64().unwrap();
    let done = AtomicBool::new(false);
    let (heard, made) = thread::scope(|scope| {
        let readers: Vec<_> = [&admin, &anna, &boris]
            .into_iter()
            .map(|reader| {
                let done = &done;
                scope.spawn(move || {
                    let (mut all, mut last) = (Vec::new(), Some(begin));
                    loop {
                        let over = done.load(Ordering::Acquire);
                        let (some, id) = listen(reader, "?types=contact.created,contact.updated", last);
                        let nothing = some.is_empty();
                        all.extend(some);
                        last = id;
                        if over && nothing {
                            return all;
                        }
                    }
                })
            })
            .collect();
        let mut made: Vec<(String, usize)> = Vec::new();
        for number in 0..30 {
            let (place, who) = if number % 3 == 0 { (2, &boris) } else { (1, &anna) };
            let card = who.post("/v1/contacts", json!({"last_name": format!("Живой {number}")})).created();
            who.patch(&card.path(), json!({"position": "x"})).ok();
            made.push((card.id(), place));
        }
        done.store(true, Ordering::Release);
        (readers.into_iter().map(|reader| reader.join().unwrap()).collect::<Vec<_>>(), made)
    });
    for (place, heard) in heard.iter().enumerate() {
        let ids: Vec<i64> = heard.iter().map(|event| event.id.unwrap()).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{ids:?}");
        let told: Vec<(&str, &str)> = heard.iter().map(|e| (e.data["record_id"].as_str().unwrap(), e.name.as_str())).collect();
        let expected: Vec<(&str, &str)> = made
            .iter()
            .filter(|(_, whose)| place == 0 || *whose == place)
            .flat_map(|(id, _)| [(id.as_str(), "contact.created"), (id.as_str(), "contact.updated")])
            .collect();
        assert_eq!(told, expected);
        assert!(heard.iter().all(|event| event.data["sequence"].as_i64() == event.id && event.data["type"] == event.name.as_str()));
    }
}

#[test]
fn who_has_a_card_open_is_told_to_those_who_have_it_open_too() {
    let workspace = app().workspace();
    let (admin, manager) = (workspace.administrator(), workspace.manager());
    let deal = manager.post("/v1/deals", json!({"name": "x"})).created().id();
    let people = |answer: &Value| -> Vec<String> {
        answer["people"].as_array().unwrap().iter().map(|one| one["user_id"].as_str().unwrap().to_owned()).collect()
    };
    let present = || people(admin.get(&format!("/v1/presence?record=deal:{deal}")).ok().json());
    assert!(present().is_empty());
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let (done, deal) = (&done, &deal);
        let opened: Vec<_> = [&admin, &manager]
            .into_iter()
            .map(|reader| {
                scope.spawn(move || {
                    let mut told = Vec::new();
                    while !done.load(Ordering::Acquire) {
                        told.extend(listen(reader, &format!("?open=deal:{deal}&types=task.*"), None).0);
                    }
                    told
                })
            })
            .collect();
        // a stream that ends says so, and both come back every second: they meet
        eventually("both to have it open", || {
            let present = present();
            [&admin, &manager].iter().all(|one| present.contains(&one.user_id)).then_some(())
        });
        done.store(true, Ordering::Release);
        for reader in opened {
            let told = reader.join().unwrap();
            assert!(told.iter().all(|event| event.name == "presence" && event.data["record_id"] == deal.as_str()));
            assert!(!told.is_empty());
        }
    });
    eventually("nobody to have it open", || present().is_empty().then_some(()));
}

#[test]
fn a_reminder_is_heard_by_whom_it_concerns_and_again_by_who_comes_back() {
    let workspace = app().workspace();
    let (admin, anna, boris) = (workspace.administrator(), workspace.manager(), workspace.manager());
    let begin = admin.get("/v1/events?limit=1").ok()["latest"].as_i64().unwrap();
    let task = anna.post("/v1/tasks", json!({"title": "Позвонить", "remind_at": [later(1)], "due_at": later(3600)})).created();
    let told = |who: &Caller, query: &str, last| -> Vec<Value> {
        let (all, _) = listen(who, query, last);
        all.into_iter()
            .filter(|event| event.name == "notification")
            .map(|event| (event.id, event.data))
            .map(|(id, data)| {
                assert_eq!(id, None, "it is no event of the journal");
                data
            })
            .collect()
    };
    let heard = eventually("the reminder", || told(&anna, "?types=deal.*", Some(begin)).pop());
    assert_eq!((&heard["kind"], &heard["record_id"]), (&json!("task_reminder"), &task["id"]));
    assert_eq!(heard, *anna.get(&format!("/v1/notifications/{}", heard["id"].as_str().unwrap())).ok().json());
    let again = told(&anna, "", Some(begin));
    assert_eq!(again, std::slice::from_ref(&heard), "once in a stream; again for who comes back from before");
    assert!(told(&anna, "?notifications=false", Some(begin)).is_empty());
    assert!(told(&boris, "", Some(begin)).is_empty() && told(&admin, "", Some(begin)).is_empty());
    assert!(told(&workspace.key("administrator"), "", Some(begin)).is_empty(), "a key is nobody");
    anna.post_nothing(&format!("/v1/notifications/{}/read", heard["id"].as_str().unwrap())).ok();
    assert!(told(&anna, "", Some(begin)).is_empty(), "what is read is not new");
}

#[test]
fn a_stream_that_cannot_be_is_refused_before_it_begins() {
    let workspace = app().workspace();
    let (admin, manager) = (workspace.administrator(), workspace.manager());
    let foreign = admin.post("/v1/contacts", json!({"last_name": "Чужая"})).created().id();
    app().anyone().get("/v1/stream").is_problem(401, "unauthenticated");
    for caller in [&manager, &app().workspace().administrator()] {
        caller.get(&format!("/v1/stream?open=contact:{foreign}")).is_problem(404, "not_found");
        caller.get(&format!("/v1/presence?record=contact:{foreign}")).is_problem(404, "not_found");
    }
    for bad in
        ["open=", "open=contact", "open=role:01939d5a-0000-7000-8000-000000000000", "types=contact.vanished", "after=-1", "nonsense=1"]
    {
        assert_eq!(manager.get(&format!("/v1/stream?{bad}")).status, 400, "{bad}");
    }
    manager.with("last-event-id", "many").get("/v1/stream").is_problem(400, "invalid_parameter");
    manager.get("/v1/presence").is_problem(400, "invalid_parameter");
}

#[test]
fn what_is_hidden_is_not_heard_either() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let rights = json!([{"record": "contact", "read": "all"}]);
    let rules = json!([{"record": "contact", "field": "comment", "effect": "hidden"}, {"record": "contact", "field": "phones", "effect": "masked"}]);
    admin.post("/v1/roles", json!({"key": "clerk", "name": "clerk", "rights": rights, "field_rules": rules})).created();
    let clerk = workspace.somebody("clerk", json!({}));
    let begin = admin.get("/v1/events?limit=1").ok()["latest"].as_i64().unwrap();
    let card =
        admin.post("/v1/contacts", json!({"last_name": "А", "comment": "qzsecret", "phones": [{"value": "+79171116789"}]})).created();
    let heard = eventually("the card to be heard of", || {
        let (all, _) = listen(&clerk, "?record_type=contact", Some(begin));
        all.into_iter().find(|event| event.data["record_id"] == card.id().as_str())
    });
    let text = heard.data.to_string();
    assert!(!text.contains("qzsecret") && !text.contains("9171116"), "{text}");
    assert_eq!(heard.data["data"]["last_name"], "А");
}

#[test]
fn whoever_is_ahead_of_the_server_or_has_too_many_is_told() {
    let workspace = app().workspace();
    let manager = workspace.manager();
    let ahead = manager.get("/v1/stream?after=999999999").is_problem(410, "events_gone");
    assert!(ahead["latest"].as_i64().unwrap() < 999_999_999);
    manager.with("last-event-id", "999999999").get("/v1/stream").is_problem(410, "events_gone");
    let refused: Vec<Option<String>> = thread::scope(|scope| {
        let many: Vec<_> = (0..30).map(|_| scope.spawn(|| manager.get("/v1/stream"))).collect();
        let all = many.into_iter().map(|one| one.join().unwrap()).filter(|answer| answer.status != 200);
        all.map(|answer| answer.is_problem(429, "too_many_requests").header("retry-after").map(str::to_owned)).collect()
    });
    assert!(!refused.is_empty() && refused.iter().all(Option::is_some), "{refused:?}");
}

#[test]
fn who_loses_a_card_is_not_at_it_any_more() {
    let server = kartoteka_tests::Server::start(&kartoteka_tests::Database::fresh(), &[("KARTOTEKA_STREAM_SECONDS", "8")]);
    let workspace = kartoteka_tests::App::of(&server).workspace();
    let (admin, manager) = (workspace.administrator(), workspace.manager());
    let card = manager.post("/v1/contacts", json!({"last_name": "Блок"})).created();
    let present = || admin.get(&format!("/v1/presence?record=contact:{}", card.id())).ok()["people"].as_array().unwrap().len();
    thread::scope(|scope| {
        let reader = scope.spawn(|| listen(&manager, &format!("?open=contact:{}", card.id()), None));
        eventually("the manager to be there", || (present() == 1).then_some(()));
        admin.patch(&card.path(), json!({"owner_id": admin.user_id})).ok();
        let begun = std::time::Instant::now();
        eventually("the manager to be gone", || (present() == 0).then_some(()));
        assert!(begun.elapsed().as_secs() < 5, "sooner than the stream ends");
        reader.join().unwrap();
    });
}
