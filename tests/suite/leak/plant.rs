//! What is planted: in every field of every record a word of its own, which is found again wherever it comes out.

use std::collections::{BTreeMap, BTreeSet};

use kartoteka_tests::{Caller, Value, json};

/// The record types field rules can name, by collection.
pub const RECORDS: [(&str, &str); 7] = [
    ("company", "/v1/companies"),
    ("contact", "/v1/contacts"),
    ("lead", "/v1/leads"),
    ("deal", "/v1/deals"),
    ("task", "/v1/tasks"),
    ("communication", "/v1/communications"),
    ("note", "/v1/notes"),
];

/// Whose records they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Set {
    /// Somebody's of the first department.
    Near,
    /// Somebody's of another one.
    Far,
    /// What came through a form: nobody is responsible yet.
    Posted,
}

/// Where a word was put.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Whose.
    pub set: Set,
    /// Record type.
    pub record: &'static str,
    /// Field.
    pub field: String,
}

/// Everything planted.
#[derive(Debug, Default)]
pub struct Garden {
    /// Where each word was put.
    pub words: BTreeMap<String, Place>,
    /// Ids by collection.
    pub ids: BTreeMap<String, Vec<String>>,
    /// Phones, addresses and handles, as they are looked up.
    pub points: Vec<(String, String)>,
}

/// The states a record goes through, so that its history holds words, too.
pub const STATES: u32 = 3;

/// Makes the words of one state of one record.
struct Seed {
    set: Set,
    record: &'static str,
    state: u32,
}

impl Seed {
    fn letter(&self) -> char {
        let place = u8::try_from(RECORDS.iter().position(|(record, _)| *record == self.record).unwrap()).unwrap();
        char::from(b'a' + place)
    }
    fn number(&self) -> u32 {
        let set = match self.set {
            Set::Near => 1,
            Set::Far => 2,
            Set::Posted => 3,
        };
        set * 100 + u32::from(self.letter()) % 10 * 10 + self.state
    }
    /// A word for a field.
    fn word(&self, field: &str) -> String {
        let set = match self.set {
            Set::Near => 'n',
            Set::Far => 'f',
            Set::Posted => 'p',
        };
        format!("qz{set}{}{}x{}", self.letter(), field.replace('_', ""), self.state)
    }
    fn phone(&self) -> String {
        format!("+7917{}6789", self.number())
    }
    fn points(&self, messengers: bool) -> Value {
        let mut all = json!({"phones": [{"value": self.phone()}], "emails": [{"value": format!("{}@example.com", self.word("emails"))}]});
        if messengers {
            all["messengers"] = json!([{"network": "telegram", "handle": self.word("messengers")}]);
        }
        all
    }

    fn body(&self) -> Value {
        let w = |field: &str| self.word(field);
        let number = self.number();
        let mut body = match self.record {
            "contact" => json!({"last_name": w("last_name"), "first_name": w("first_name"), "middle_name": w("middle_name"),
                "position": w("position"), "interests": [w("interests")], "tags": [w("tags")], "comment": w("comment"),
                "convenient_hours": w("convenient_hours"), "address": {"text": w("address"), "street": w("address")},
                "birthday": format!("19{number}-03-13", number = number / 100 * 10 + self.state), "external_id": w("external_id"),
                "dates": [{"label": w("dates"), "on": "1999-01-01"}]}),
            "company" => json!({"name": w("name"), "legal_name": w("legal_name"), "industry": w("industry"), "comment": w("comment"),
                "opening_hours": w("opening_hours"), "site": format!("https://{}.example", w("site")), "external_id": w("external_id"), "tags": [w("tags")],
                "addresses": [{"kind": "legal", "address": {"text": w("addresses")}}], "heads": [{"name": w("heads"), "position": w("heads")}],
                "requisites": {"bank": w("requisites")}}),
            "lead" => {
                json!({"title": w("title"), "comment": w("comment"), "answers": {"вопрос": w("answers")}, "utm": {"source": w("utm"), "term": w("utm")},
                "page_url": format!("https://example.com/{}", w("page_url")), "referrer": format!("https://example.com/{}", w("referrer")), "tags": [w("tags")]})
            }
            "deal" => json!({"name": w("name"), "comment": w("comment"), "utm": {"source": w("utm"), "term": w("utm")},
                "contacts": [{"contact_id": Value::Null, "role": w("contacts")}], "line_items": [{"name": w("line_items"), "code": w("line_items"), "price": 100}]}),
            "task" => json!({"title": w("title"), "description": w("description"), "checklist": [{"text": w("checklist"), "done": false}]}),
            "communication" => {
                json!({"channel": "call", "direction": "inbound", "subject": w("subject"), "body": w("body"), "outcome": w("outcome"),
                "place": w("place"), "topic": w("topic"), "transcript": w("transcript"), "recording_url": format!("https://example.com/{}", w("recording_url")),
                "coordinates": {"latitude": 55.0 + f64::from(number) / 1_000_000.0, "longitude": 37.5}, "participants": [{"name": w("participants"), "role": w("participants")}]})
            }
            _ => json!({"body": w("body")}),
        };
        if ["contact", "company"].contains(&self.record) {
            extend(&mut body, &self.points(self.record == "contact"));
        }
        body
    }
}

/// Adds the members of one object to another.
pub fn extend(body: &mut Value, more: &Value) {
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
}

/// The words a value holds: those that were made, and whole phones.
pub fn words_of(text: &str) -> BTreeSet<String> {
    let lower = text.to_lowercase();
    let mut found = BTreeSet::new();
    for (at, _) in lower.match_indices("qz") {
        found.insert(lower[at..].chars().take_while(char::is_ascii_alphanumeric).collect());
    }
    let compact: String = lower.chars().filter(|c| !" -()".contains(*c)).collect();
    for (at, _) in compact.match_indices("917") {
        let digits: String = compact[at..].chars().take_while(char::is_ascii_digit).take(8).collect();
        if digits.len() == 8 && digits.ends_with("67") {
            found.insert(digits);
        }
    }
    found.extend(lower.match_indices("-03-13").filter_map(|(at, _)| lower.get(at.checked_sub(4)?..at).map(str::to_owned)));
    found.extend(lower.match_indices("55.000").filter_map(|(at, _)| lower.get(at..at + 9).map(str::to_owned)));
    found
}

impl Garden {
    /// Remembers where the words of a body are.
    pub fn note(&mut self, set: Set, record: &'static str, body: &Value) {
        for (field, value) in body.as_object().unwrap() {
            for word in words_of(&value.to_string()) {
                self.words.insert(word, Place { set, record, field: field.clone() });
            }
            for point in value.as_array().into_iter().flatten() {
                match field.as_str() {
                    "phones" => self.points.push(("phone".into(), point["value"].as_str().unwrap().to_owned())),
                    "emails" => self.points.push(("email".into(), point["value"].as_str().unwrap().to_owned())),
                    "messengers" => self.points.push(("messenger".into(), format!("telegram:{}", point["handle"].as_str().unwrap()))),
                    _ => {}
                }
            }
        }
    }

    /// Notes where a record is.
    pub fn keep(&mut self, path: &str) {
        let (collection, id) = path.rsplit_once('/').unwrap();
        self.ids.entry(collection.to_owned()).or_default().push(id.to_owned());
    }

    /// Plants one record of each type for somebody, and changes each field of it twice. `links` are put in first.
    pub fn plant(&mut self, admin: &Caller, set: Set, owner: &str) -> BTreeMap<&'static str, String> {
        let mut made: BTreeMap<&'static str, String> = BTreeMap::new();
        for (record, collection) in RECORDS {
            let mut body = Seed { set, record, state: 1 }.body();
            self.note(set, record, &body);
            if record != "note" {
                body["owner_id"] = json!(owner);
            }
            let links: &[&str] = match record {
                "company" => &[],
                "contact" => &["company"],
                "lead" => &["contact", "company"],
                "deal" => &["company", "lead"],
                "task" | "communication" => &["contact", "lead"],
                _ => &["contact"],
            };
            for link in links {
                body[format!("{link}_id")] = json!(made[link]);
            }
            if record == "deal" {
                body["contacts"][0]["contact_id"] = json!(made["contact"]);
            }
            let card = admin.post(collection, body).created();
            for state in 2..=STATES {
                let mut body = Seed { set, record, state }.body();
                self.note(set, record, &body);
                if record == "deal" {
                    body["contacts"][0]["contact_id"] = json!(made["contact"]);
                }
                if record == "communication" {
                    body.as_object_mut().unwrap().retain(|field, _| !["channel", "direction"].contains(&field.as_str()));
                }
                admin.patch(&card.path(), body).ok();
            }
            self.keep(&card.path());
            made.insert(record, card.id());
        }
        // cards without a name are shown by what is masked elsewhere
        for (state, field) in [(4, "phones"), (5, "emails"), (6, "messengers")] {
            let points = Seed { set, record: "contact", state }.points(true);
            let body = json!({field: points[field], "owner_id": owner});
            self.note(set, "contact", &json!({field: points[field]}));
            let card = admin.post("/v1/contacts", body).created();
            // those out of reach are looked for in lists, those in reach also one by one
            if set == Set::Near {
                self.keep(&card.path());
            }
        }
        made
    }

    /// What a page sends: the client's points and words of his own.
    pub fn posted(&mut self) -> Value {
        let seed = Seed { set: Set::Posted, record: "contact", state: 1 };
        let points = seed.points(false);
        self.note(Set::Posted, "contact", &points);
        let words = Seed { set: Set::Posted, record: "lead", state: 1 };
        self.note(Set::Posted, "lead", &json!({"comment": words.word("comment"), "answers": words.word("answers")}));
        json!({"fields": {"name": "Анна", "phone": points["phones"][0]["value"], "email": points["emails"][0]["value"],
            "comment": words.word("comment"), "размер": words.word("answers")}})
    }
}
