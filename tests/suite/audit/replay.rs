//! Replaying the events from nothing gives the records as they are.

use std::{collections::BTreeMap, sync::Mutex};

use kartoteka_tests::{Caller, Value, app, json};
use serde_json::Map;

use super::whole_trace;

/// Envelope and derived fields: they change by themselves and are not audited.
const NOT_AUDITED: &[&str] = &[
    "id",
    "version",
    "created_at",
    "updated_at",
    "created_by",
    "updated_by",
    "access",
    "next_task_at",
    "last_communication_at",
    "last_used_at",
];

/// Numbers from a seed: what failed once fails again.
pub struct Dice(u64);

impl Dice {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }
    /// Below a number.
    pub fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % most.max(1)
    }
    fn pick<'a>(&mut self, all: &'a [String]) -> Option<&'a String> {
        all.get(self.below(all.len()))
    }
}

/// Ids by collection.
pub type World = BTreeMap<&'static str, Vec<String>>;

/// One operation out of everything people do with records; refusals by the rules are part of it.
pub fn operate(caller: &Caller, dice: &mut Dice, world: &Mutex<World>) {
    let known = world.lock().unwrap().clone();
    let of = |collection: &str| known.get(collection).cloned().unwrap_or_default();
    let contact = dice.pick(&of("contacts")).cloned();
    let text = format!("т{}", dice.below(50));
    let digits = format!("+7912{:07}", dice.below(5_000_000));
    let make = |collection: &'static str, body: Value| {
        let answer = caller.post(&format!("/v1/{collection}"), body);
        if answer.status == 201 {
            world.lock().unwrap().entry(collection).or_default().push(answer.id());
        }
    };
    let Some(contact) = contact else { return make("contacts", json!({"last_name": text})) };
    let collections = ["contacts", "companies", "leads", "tasks", "notes", "communications"];
    match dice.below(14) {
        0 => make("contacts", json!({"last_name": text, "phones": [{"value": digits}], "tags": [text], "birthday": "1880-11-28"})),
        1 => make("companies", json!({"name": text, "phones": [{"value": digits}], "requisites": {"bank": text}})),
        2 => make(
            "leads",
            json!({"contact_id": contact, "title": text, "answers": {"budget": dice.below(9), "share": 0.5, "ids": [1, "2", null]}}),
        ),
        3 | 4 => {
            make(
                "tasks",
                json!({"title": text, "contact_id": contact, "due_at": format!("2027-01-{:02}T09:00:00.5Z", 1 + dice.below(28))}),
            );
        }
        5 => make("notes", json!({"contact_id": contact, "body": text})),
        6 => make(
            "communications",
            json!({"channel": "call", "direction": "outbound", "contact_id": contact, "subject": text, "coordinates": {"latitude": 55.75, "longitude": 37.0}, "duration_seconds": dice.below(600)}),
        ),
        7 => {
            if let Some(task) = dice.pick(&of("tasks")) {
                let verb = ["complete", "cancel", "reopen"][dice.below(3)];
                let body = match verb {
                    "complete" => json!({"result": text, "next_task": {"title": text, "due_at": "2027-02-01T09:00:00Z"}}),
                    _ => json!({"reason": text}),
                };
                let path = format!("/v1/tasks/{task}/{verb}");
                let answer = if verb == "reopen" { caller.post_nothing(&path) } else { caller.post(&path, body) };
                if let Some(next) = answer["next_task"]["id"].as_str() {
                    world.lock().unwrap().entry("tasks").or_default().push(next.to_owned());
                }
            }
        }
        8 => {
            let collection = collections[dice.below(6)];
            if let Some(id) = dice.pick(&of(collection)) {
                caller.delete(&format!("/v1/{collection}/{id}"));
            }
        }
        9 => {
            let collection = collections[dice.below(6)];
            if let Some(id) = dice.pick(&of(collection)) {
                caller.post_nothing(&format!("/v1/{collection}/{id}/restore"));
            }
        }
        10 => {
            let body = match dice.below(4) {
                0 => json!({"phones": [{"value": digits, "label": text}], "emails": []}),
                1 => json!({"tags": [text, "общее"], "comment": null}),
                2 => json!({"owner_id": caller.user_id, "address": {"city": text}}),
                _ => {
                    json!({"first_name": text, "comment": text, "messengers": [{"network": "telegram", "handle": format!("@user{}", dice.below(900))}]})
                }
            };
            caller.patch(&format!("/v1/contacts/{contact}"), body);
        }
        11 => {
            if let Some(lead) = dice.pick(&of("leads")) {
                caller.patch(
                    &format!("/v1/leads/{lead}"),
                    json!({"status": (["new", "in_work", "qualified"][dice.below(3)]), "tags": [text], "comment": text}),
                );
            }
        }
        12 => {
            if let Some(company) = dice.pick(&of("companies")) {
                caller.patch(
                    &format!("/v1/companies/{company}"),
                    json!({"industry": text, "legal_name": null, "site": "https://example.com"}),
                );
            }
        }
        _ => {
            if let Some(task) = dice.pick(&of("tasks")) {
                caller.patch(
                    &format!("/v1/tasks/{task}"),
                    json!({"title": text, "priority": "high", "due_at": null, "checklist": [{"text": text, "done": true}]}),
                );
            }
            if let Some(communication) = dice.pick(&of("communications")) {
                caller.patch(&format!("/v1/communications/{communication}"), json!({"outcome": text, "body": text}));
            }
        }
    }
}

/// The audited fields of a record, absent ones null.
pub fn audited(record: &Value) -> Map<String, Value> {
    // of a card it is derived, of a task it is told
    let derived = |name: &str| name == "no_next_step_reason" && record.get("next_task_at").is_some();
    let told = |name: &str| !NOT_AUDITED.contains(&name) && !derived(name);
    let fields = record.as_object().unwrap().iter().filter(|(name, value)| told(name) && !value.is_null());
    fields.map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[test]
fn replaying_every_event_from_nothing_gives_the_records_as_they_are() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let mut people = vec![admin.clone(), workspace.manager(), workspace.head()];
    people.push(workspace.somebody("administrator", json!({})));
    let operations = if std::env::var("SUITE_LONG").is_ok_and(|v| v == "1") { 10_000 } else { 300 };
    let world = Mutex::new(World::new());
    std::thread::scope(|scope| {
        for (number, caller) in people.iter().enumerate() {
            let (world, share) = (&world, operations / people.len());
            scope.spawn(move || {
                let mut dice = Dice::new(u64::try_from(number).unwrap() + 42);
                (0..share).for_each(|_| operate(caller, &mut dice, world));
            });
        }
    });
    let mut replayed: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    let events = whole_trace(&admin);
    for event in &events {
        let Some(id) = event["record_id"].as_str() else { continue };
        let record = replayed.entry(id.to_owned()).or_default();
        for (field, change) in event["changes"].as_object().unwrap() {
            assert_eq!(record.get(field).unwrap_or(&Value::Null), &change["before"], "{field} before {event}");
            match &change["after"] {
                Value::Null => drop(record.remove(field)),
                after => drop(record.insert(field.clone(), after.clone())),
            }
        }
    }
    let mut compared = 0;
    for (collection, ids) in world.into_inner().unwrap() {
        for id in ids {
            let now = admin.get(&format!("/v1/{collection}/{id}")).ok();
            assert_eq!(
                Value::Object(replayed.remove(&id).unwrap_or_default()).to_string(),
                Value::Object(audited(now.json())).to_string(),
                "{collection} {id}"
            );
            compared += 1;
        }
    }
    eprintln!("{operations} operations, {} events, {compared} records compared", events.len());
    assert!(compared > operations / 10, "{compared}");
    assert_eq!(admin.get("/v1/audit-events/verify").ok()["ok"], true);
}
