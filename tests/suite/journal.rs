//! The journal: every change in the order of commits, without gaps, as far as the asker sees the record.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use kartoteka_tests::{Answer, App, Caller, Database, Server, Value, app, eventually, json};

fn page(caller: &Caller, query: &str) -> Answer {
    caller.get(&format!("/v1/events?{query}")).ok()
}

/// Everything the caller is told after a number, page by page, to the journal's end.
fn all_after(caller: &Caller, mut after: i64, limit: usize) -> (Vec<Value>, i64) {
    let mut events = Vec::new();
    loop {
        let page = page(caller, &format!("after={after}&limit={limit}"));
        events.extend(page.items().iter().cloned());
        let (next, latest) = (page["next_after"].as_i64().unwrap(), page["latest"].as_i64().unwrap());
        assert!(next >= after && next <= latest);
        after = next;
        if next == latest {
            return (events, after);
        }
    }
}

/// The number of the last event, once everything written so far has one.
fn settled(caller: &Caller) -> i64 {
    let mark = caller.post("/v1/notes", json!({"body": "mark"}));
    let mark = if mark.status == 201 { mark } else { caller.post("/v1/contacts", json!({"last_name": "Метка"})).created() };
    let id = mark.id();
    let mut after = 0;
    eventually("the last event to be numbered", || {
        let (events, end) = all_after(caller, after, 200);
        after = end;
        events.iter().find(|event| event["record_id"] == id.as_str()).map(|event| event["sequence"].as_i64().unwrap())
    })
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

#[test]
fn events_are_numbered_without_gaps_and_tell_the_record_and_its_changes() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let card = admin.post("/v1/contacts", json!({"last_name": "Блок"})).created();
    admin.patch(&card.path(), json!({"position": "поэт"})).ok();
    admin.delete(&card.path()).no_content();
    let end = settled(&admin);
    let (events, _) = all_after(&admin, 0, 7);
    let numbers: Vec<i64> = events.iter().map(|event| event["sequence"].as_i64().unwrap()).collect();
    assert_eq!(numbers, (1..=numbers.len().try_into().unwrap()).collect::<Vec<_>>());
    assert_eq!(numbers.last(), Some(&end));
    let of_card: Vec<Value> = events.into_iter().filter(|event| event["record_id"] == card.id().as_str()).collect();
    assert_eq!(kinds(&of_card), ["contact.created", "contact.updated", "contact.archived"]);
    let updated = &of_card[1];
    assert_eq!(updated["changes"], json!({"position": {"before": null, "after": "поэт"}}));
    assert_eq!((&updated["data"]["position"], &updated["data"]["version"]), (&json!("поэт"), &json!(2)));
    assert_eq!((&updated["actor"]["id"], &updated["reach"]), (&json!(admin.user_id), &Value::Null));
    assert_eq!(updated["workspace_id"], workspace.id.as_str());
    let (event, audit) = (of_card[0]["id"].as_str().unwrap(), "/v1/audit-events");
    assert_eq!(admin.get(&format!("{audit}/{event}")).ok()["action"], "created");
}

#[test]
fn types_narrow_the_journal_and_the_place_moves_on_all_the_same() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let from = settled(&admin);
    let deal = admin.post("/v1/deals", json!({"name": "Бетон", "amount": {"amount": 100, "currency": "RUB"}})).created();
    let pipeline = admin.get(&format!("/v1/pipelines/{}", deal["pipeline_id"].as_str().unwrap())).ok();
    admin.post(&format!("{}/move", deal.path()), json!({"stage_id": pipeline.at("/stages/1/id")})).ok();
    admin.post("/v1/companies", json!({"name": "Ромашка"})).created();
    let end = settled(&admin);
    let told = |query: &str| {
        let page = page(&admin, &format!("after={from}&{query}"));
        assert_eq!(page["next_after"].as_i64(), Some(end), "{query}: {page}");
        kinds(page.items()).join(" ")
    };
    assert_eq!(told("types=deal.*"), "deal.created deal.stage_changed");
    assert_eq!(told("types=deal.stage_changed,company.*"), "deal.stage_changed company.created");
    assert_eq!(told("record_type=company"), "company.created");
    assert_eq!(told("record_type=company&types=deal.*"), "");
    assert_eq!(told("record_type=deal,company&types=deal.created"), "deal.created");
    for bad in
        ["types=deal.moved", "types=deal", "types=*.created", "after=-1", "wait_seconds=26", "record_type=client", "limit=0", "after=x"]
    {
        admin.get(&format!("/v1/events?{bad}")).is_problem(400, "invalid_parameter");
    }
}

#[test]
fn everybody_hears_of_what_he_sees_and_once_of_what_left_him() {
    let workspace = app().workspace();
    let (admin, anna, boris) = (workspace.administrator(), workspace.manager(), workspace.manager());
    let from = settled(&admin);
    let card = anna.post("/v1/contacts", json!({"last_name": "Блок", "comment": "её клиент"})).created();
    let of_card = |caller: &Caller| -> Vec<Value> {
        let all = all_after(caller, from, 200).0;
        all.into_iter().filter(|event| event["record_id"] == card.id().as_str()).collect()
    };
    settled(&admin);
    assert_eq!((kinds(&of_card(&anna)).len(), of_card(&boris).len()), (1, 0));
    admin.patch(&card.path(), json!({"owner_id": boris.user_id})).ok();
    boris.patch(&card.path(), json!({"comment": "уже его"})).ok();
    settled(&admin);
    let annas = of_card(&anna);
    assert_eq!(annas.len(), 1, "{annas:?}");
    assert_eq!((&annas[0]["reach"], &annas[0]["data"], &annas[0]["changes"]), (&json!("left"), &Value::Null, &json!({})));
    let boriss = of_card(&boris);
    assert_eq!(kinds(&boriss), ["contact.created", "contact.updated", "contact.updated"]);
    assert_eq!((&boriss[1]["reach"], &boriss[2]["reach"]), (&json!("entered"), &Value::Null));
    // as a further responsible person she sees it again, and all of it
    admin.patch(&card.path(), json!({"responsibles": [{"user_id": anna.user_id}]})).ok();
    settled(&admin);
    let annas = of_card(&anna);
    assert_eq!(annas.len(), 4);
    assert_eq!((&annas[1]["reach"], &annas[3]["reach"]), (&Value::Null, &json!("entered")));
    assert!(of_card(&admin).iter().all(|event| event["reach"].is_null()));
    // another workspace's journal speaks of nothing here
    let stranger = app().workspace().administrator();
    assert!(!page(&stranger, "limit=200").text().contains(&card.id()));
}

#[test]
fn field_rules_and_the_audits_secrets_hold_in_the_journal() {
    let workspace = app().workspace();
    let (admin, marketer, manager) = (workspace.administrator(), workspace.somebody("marketer", json!({})), workspace.manager());
    let card = admin.post("/v1/contacts", json!({"phones": [{"value": "+79123456789"}]})).created();
    admin.patch(&card.path(), json!({"phones": [{"value": "+79123450000"}]})).ok();
    admin.post("/v1/deals", json!({"name": "тайная"})).created();
    settled(&admin);
    let told = page(&marketer, "limit=200");
    assert!(told.text().contains("+7 ••• •••-00-00") && told.text().contains("+7 ••• •••-67-89"), "{told}");
    assert!(!told.text().contains("912345") && !told.text().contains("тайная"), "{told}");
    let of = |caller: &Caller| kinds(&all_after(caller, 0, 200).0).into_iter().map(ToOwned::to_owned).collect::<BTreeSet<_>>();
    let (all, seen) = (of(&admin), of(&manager));
    assert!(all.contains("session.signed_in") && all.contains("user.created"));
    assert!(
        seen.contains("user.created") && !seen.iter().any(|kind| kind.starts_with("session.") || kind.ends_with("password_changed")),
        "{seen:?}"
    );
    assert!(!page(&admin, "limit=200").text().contains("kk_live_secret"));
}

#[test]
fn whoever_waits_hears_at_once() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let from = settled(&admin);
    let asked = Instant::now();
    assert!(page(&admin, &format!("after={from}&wait_seconds=1")).items().is_empty());
    assert!(asked.elapsed() >= Duration::from_millis(900));
    let waiting = thread::spawn({
        let admin = admin.clone();
        move || {
            let asked = Instant::now();
            (page(&admin, &format!("after={from}&wait_seconds=20")), asked.elapsed())
        }
    });
    admin.post("/v1/companies", json!({"name": "Ромашка"})).created();
    let (heard, after) = waiting.join().unwrap();
    assert_eq!(kinds(heard.items()), ["company.created"]);
    assert!(after < Duration::from_secs(5), "{after:?}");
}

#[test]
fn whoever_waits_hears_by_the_rights_of_that_moment() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let issued = admin.post("/v1/api-keys", json!({"name": "ожидание", "role": "administrator"})).created();
    let key = app().anyone().bearer(issued["secret"].as_str().unwrap());
    let from = settled(&admin);
    let waiting = thread::spawn(move || key.get(&format!("/v1/events?after={from}&types=contact.*&wait_seconds=20")));
    // the key is known to the server once it was read; what follows it is not for it
    eventually("the key to be used", || admin.get(&issued.path()).ok()["last_used_at"].is_string().then_some(()));
    admin.delete(&issued.path()).no_content();
    admin.post("/v1/contacts", json!({"last_name": "Блок"})).created();
    waiting.join().unwrap().is_problem(401, "invalid_token");
}

#[test]
fn a_lead_made_for_a_colleague_was_in_nobody_s_sight_before() {
    let workspace = app().workspace();
    let (admin, anna) = (workspace.administrator(), workspace.manager());
    let operator = workspace.operator();
    let card = admin.post("/v1/contacts", json!({"last_name": "Блок"})).created();
    let from = settled(&admin);
    let lead = admin.post("/v1/leads", json!({"contact_id": card["id"], "owner_id": anna.user_id})).created();
    let free = admin.post("/v1/leads", json!({"contact_id": card["id"]})).created();
    settled(&admin);
    let heard = all_after(&operator, from, 200).0;
    assert!(!heard.iter().any(|event| event["record_id"] == lead.id().as_str()), "{heard:?}");
    if free["owner_id"].is_null() {
        admin.patch(&free.path(), json!({"owner_id": anna.user_id})).ok();
        settled(&admin);
        let of_free: Vec<Value> = all_after(&operator, from, 200).0.into_iter().filter(|e| e["record_id"] == free.id().as_str()).collect();
        assert_eq!(of_free.last().unwrap()["reach"], "left", "this one he could take: {of_free:?}");
    }
}

#[test]
fn what_is_kept_no_longer_is_gone_and_what_had_no_number_gets_one() {
    let database = Database::fresh();
    let server = Server::start(&database, &[]);
    let workspace = App::of(&server).workspace();
    let admin = workspace.administrator();
    admin.patch("/v1/workspace", json!({"event_retention_days": 366})).is_problem(422, "validation_failed").names("/event_retention_days");
    assert_eq!(admin.patch("/v1/workspace", json!({"event_retention_days": 2})).ok()["event_retention_days"], 2);
    let key = workspace.key("administrator");
    let end = settled(&admin);
    assert!(server.stop());
    let mine = format!("workspace_id = {}", database.uuid(&workspace.id));
    let long_ago = match database.engine {
        kartoteka_tests::Engine::Sqlite => "at - 3 * 86400000000",
        kartoteka_tests::Engine::Postgres => "at - interval '3 days'",
    };
    // as if the base were older than the journal
    database.sql(&format!("UPDATE outbox_event SET sequence = NULL WHERE {mine}"));
    database.sql(&format!("UPDATE audit_head SET event_sequence = 0 WHERE {mine}"));
    let server = Server::start(&database, &[]);
    let mut later = key.clone();
    later.app = App::of(&server);
    let again = settled(&later);
    let (events, _) = all_after(&later, 0, 200);
    let numbers: Vec<i64> = events.iter().map(|event| event["sequence"].as_i64().unwrap()).collect();
    assert_eq!(numbers, (1..=again).collect::<Vec<_>>());
    assert!(again > end);
    assert!(server.stop());
    database.sql(&format!("UPDATE outbox_event SET at = {long_ago} WHERE {mine} AND sequence <= {end}"));
    let server = Server::start(&database, &[]);
    let mut later = key;
    later.app = App::of(&server);
    let gone = eventually("old events to be forgotten", || Some(later.get("/v1/events?after=0")).filter(|answer| answer.status == 410));
    let gone = gone.is_problem(410, "events_gone");
    assert_eq!((gone["oldest"].as_i64(), gone["latest"].as_i64()), (Some(end + 1), Some(again)));
    later.get(&format!("/v1/events?after={}", end - 1)).is_problem(410, "events_gone");
    assert_eq!(page(&later, &format!("after={end}&limit=1")).items()[0]["sequence"].as_i64(), Some(end + 1));
    assert_eq!(page(&later, "limit=1").items()[0]["sequence"].as_i64(), Some(end + 1));
}

// Sync

const LISTS: [(&str, &str); 7] = [
    ("contact", "contacts"),
    ("company", "companies"),
    ("lead", "leads"),
    ("deal", "deals"),
    ("task", "tasks"),
    ("communication", "communications"),
    ("note", "notes"),
];

/// Changes by itself, without an event of the record.
const DERIVED: [&str; 4] = ["next_task_at", "last_communication_at", "no_next_step_reason", "completeness"];

type Copied = BTreeMap<(String, String), Value>;

fn whole(record: &Value) -> Value {
    let mut own = record.clone();
    let object = own.as_object_mut().expect("a record");
    for name in DERIVED {
        object.remove(name);
    }
    own
}

fn read_lists(caller: &Caller, lists: &[(&str, &str)]) -> Copied {
    let mut all = Copied::new();
    for (kind, list) in lists {
        let mut cursor = String::new();
        loop {
            let page = caller.get(&format!("/v1/{list}?limit=200&archived=include{cursor}")).ok();
            for record in page.items() {
                all.insert(((*kind).to_owned(), record["id"].as_str().unwrap().to_owned()), whole(record));
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
    }
    all
}

/// Brings a copy up to what the journal tells; answers where it stands.
fn follow(caller: &Caller, copy: &mut Copied, after: i64, lists: &[(&str, &str)]) -> i64 {
    let (events, end) = all_after(caller, after, 13);
    for event in events {
        let kind = event["record_type"].as_str().unwrap().to_owned();
        if !lists.iter().any(|(known, _)| *known == kind) {
            continue;
        }
        let place = (kind, event["record_id"].as_str().unwrap().to_owned());
        if event["reach"] == "left" {
            copy.remove(&place);
        } else if event["data"].is_object() {
            // the lists were read after the place in the journal: what is older than the copy says nothing new
            let newer = copy.get(&place).is_none_or(|known| known["version"].as_i64() <= event["data"]["version"].as_i64());
            if newer {
                copy.insert(place, whole(&event["data"]));
            }
        }
    }
    end
}

struct Dice(u64);
impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

/// One random change; a refusal is as good as any answer.
fn write(caller: &Caller, people: &[&Caller], cards: &mut Vec<String>, dice: &mut Dice) {
    let person = people[dice.roll(people.len())].user_id.clone();
    let number = kartoteka_tests::workspace::unique();
    let card = (!cards.is_empty()).then(|| cards[dice.roll(cards.len())].clone());
    let path = card.as_ref().map(|id| format!("/v1/contacts/{id}"));
    let answer = match (dice.roll(9), card, path) {
        (0 | 1, ..) | (_, None, _) | (_, _, None) => {
            let made = caller.post("/v1/contacts", json!({"last_name": format!("Клиент {number}"), "owner_id": person}));
            if made.status == 201 {
                cards.push(made.id());
            }
            made
        }
        (2, _, Some(path)) => caller.patch(&path, json!({"owner_id": person})),
        (3, _, Some(path)) => caller.patch(&path, json!({"responsibles": [{"user_id": person}], "comment": number.to_string()})),
        (4, _, Some(path)) if dice.roll(2) == 0 => caller.delete(&path),
        (4, _, Some(path)) => caller.post_nothing(&format!("{path}/restore")),
        (5, Some(card), _) => caller.post("/v1/tasks", json!({"title": format!("Дело {number}"), "contact_id": card})),
        (6, Some(card), _) => caller.post("/v1/leads", json!({"contact_id": card})),
        (7, Some(card), _) => caller.post("/v1/deals", json!({"name": format!("Сделка {number}"), "contacts": [{"contact_id": card}]})),
        (_, Some(card), _) => caller.post("/v1/communications", json!({"channel": "call", "direction": "inbound", "contact_id": card})),
    };
    assert!(answer.status < 500, "{answer}");
}

fn one_sync(seed: u64) {
    let workspace = app().workspace();
    let (admin, anna, boris) = (workspace.administrator(), workspace.manager(), workspace.manager());
    let contacts = &LISTS[..1];
    let people = [&admin, &anna, &boris];
    let done = AtomicBool::new(false);
    let mut dice = Dice(seed);
    let mut cards = Vec::new();
    for _ in 0..15 {
        write(&admin, &people, &mut cards, &mut dice);
    }
    let (mut full, mut annas, ends) = thread::scope(|threads| {
        let writers: Vec<_> = [(&admin, 1), (&anna, 2), (&boris, 3)]
            .into_iter()
            .map(|(caller, n)| {
                let (mut cards, mut dice) = (cards.clone(), Dice(seed * 31 + n));
                threads.spawn(move || (0..40).for_each(|_| write(caller, &people, &mut cards, &mut dice)))
            })
            .collect();
        // the place first, then the lists, then the journal from that place on, all while others write
        let ends = [page(&admin, "limit=1")["latest"].as_i64().unwrap(), page(&anna, "limit=1")["latest"].as_i64().unwrap()];
        let (mut full, mut annas) = (read_lists(&admin, &LISTS), read_lists(&anna, contacts));
        let mut ends = ends;
        while !done.load(Ordering::Relaxed) {
            ends = [follow(&admin, &mut full, ends[0], &LISTS), follow(&anna, &mut annas, ends[1], contacts)];
            done.store(writers.iter().all(thread::ScopedJoinHandle::is_finished), Ordering::Relaxed);
        }
        for writer in writers {
            writer.join().unwrap();
        }
        (full, annas, ends)
    });
    settled(&admin);
    follow(&admin, &mut full, ends[0], &LISTS);
    follow(&anna, &mut annas, ends[1], contacts);
    let fields = |one: &Value, other: &Value| -> Vec<String> {
        let (one, other) = (one.as_object().unwrap(), other.as_object().unwrap());
        let names: BTreeSet<_> = one.keys().chain(other.keys()).collect();
        names
            .into_iter()
            .filter(|name| one.get(*name) != other.get(*name))
            .map(|name| format!("{name}: {:?} {:?}", one.get(name), other.get(name)))
            .collect()
    };
    let differences = |ours: &Copied, theirs: &Copied| -> Vec<String> {
        let places: BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
        let told = places.into_iter().filter_map(|place| match (ours.get(place), theirs.get(place)) {
            (Some(one), Some(other)) if one == other => None,
            (Some(one), Some(other)) => Some(format!("{place:?}: {:?}", fields(one, other))),
            (one, _) => Some(format!("{place:?}: only in the {}", if one.is_some() { "copy" } else { "base" })),
        });
        told.take(3).collect()
    };
    assert_eq!(differences(&full, &read_lists(&admin, &LISTS)), Vec::<String>::new(), "seed {seed}: everything");
    assert_eq!(differences(&annas, &read_lists(&anna, contacts)), Vec::<String>::new(), "seed {seed}: a manager's clients");
}

#[test]
fn a_copy_that_follows_the_journal_equals_the_base() {
    let long = std::env::var("SUITE_LONG").is_ok_and(|v| v == "1");
    for seed in 1..=(if long { 20 } else { 4 }) {
        one_sync(seed);
    }
}
