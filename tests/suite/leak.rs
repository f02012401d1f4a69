//! What is hidden, masked or out of reach comes out nowhere: every answer that can be had is searched for the words
//! planted in the fields its asker must not see.

mod drive;
mod plant;

use std::time::Instant;

use kartoteka_tests::{Answer, Caller, Value, Workspace, app, eventually, json, spec};

use drive::drive;
use plant::{Garden, Place, RECORDS, Set, words_of};

/// Contact data: what the ready-made roles mask.
const POINTS: [&str; 3] = ["phones", "emails", "messengers"];

/// Somebody who reads everything he can.
struct Reader {
    name: &'static str,
    caller: Caller,
    hidden: Vec<(&'static str, String)>,
}

impl Reader {
    /// Whether a word of that place must not reach him.
    fn must_not_see(&self, place: &Place) -> bool {
        let is_point = ["contact", "company"].contains(&place.record) && POINTS.contains(&place.field.as_str());
        match self.name {
            "administrator" | "integration" => false,
            "head" => place.set == Set::Far,
            // a lead nobody is responsible for shows to the call centre
            "operator" => place.set != Set::Posted || is_point,
            "manager" | "own" => true,
            "marketer" => is_point || ["deal", "task", "communication", "note"].contains(&place.record),
            "analyst" | "masked" => is_point,
            // a form's words are the words of its communication, too, which is another record
            "single" if place.set == Set::Posted && place.field == "comment" => false,
            _ => self.hidden.iter().any(|(record, field)| (*record, field) == (place.record, &place.field)),
        }
    }
}

/// Everything an answer says, cursors opened.
fn said(answer: &Answer) -> String {
    let headers: Vec<String> = answer.headers().iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let cursor = answer["next_cursor"].as_str().unwrap_or_default();
    let bytes = (0..cursor.len()).step_by(2).filter_map(|at| u8::from_str_radix(cursor.get(at..at + 2)?, 16).ok()).collect::<Vec<u8>>();
    format!("{}\n{}\n{}", answer.text(), headers.join("\n"), String::from_utf8_lossy(&bytes))
}

/// Records that stand beside a reference that is hidden.
fn links(value: &Value, leaks: &mut Vec<String>) {
    let hides = |record: &Value, field: &str| record["access"]["hidden"].as_array().is_some_and(|all| all.iter().any(|f| f == field));
    if let Value::Object(object) = value {
        for (link, _) in value["expanded"].as_object().into_iter().flatten().filter(|(link, _)| hides(value, &format!("{link}_id"))) {
            leaks.push(format!("{link} beside its hidden reference"));
        }
        if value["expanded"]["contacts"].as_array().is_some_and(|all| all.iter().any(|one| hides(one, "company_id"))) {
            leaks.push("the people of a company whose company is hidden".into());
        }
        if value["open_leads"].is_array() && hides(&value["contact"], "company_id") && !value["company"].is_null() {
            leaks.push("the company of a client whose company is hidden".into());
        }
        object.values().for_each(|inner| links(inner, leaks));
    }
    value.as_array().into_iter().flatten().for_each(|inner| links(inner, leaks));
}

/// What one reader was told.
struct Search<'a> {
    garden: &'a Garden,
    reader: &'a Reader,
    answers: usize,
    words: usize,
    faults: Vec<String>,
}

impl Search<'_> {
    /// Searches one answer for what its reader must not see.
    fn look(&mut self, what: &str, answer: &Answer) {
        let (found, mut leaks) = (words_of(&said(answer)), Vec::new());
        for word in &found {
            if let Some(place) = self.garden.words.get(word).filter(|place| self.reader.must_not_see(place)) {
                // the trail of the tags themselves, and the key one asked by oneself
                let own_trail = place.field == "tags" && (what.contains("/v1/audit-events") || what.contains("/v1/events"));
                if !own_trail && !what.contains(&format!("/{word}")) {
                    leaks.push(format!("{word}, {place:?}"));
                }
            }
        }
        links(answer.json(), &mut leaks);
        let posted = Place { set: Set::Posted, record: "contact", field: "phones".into() };
        if answer.text().contains("\"body_base64\":\"") && self.reader.must_not_see(&posted) {
            leaks.push("the raw body of a submission".into());
        }
        self.answers += 1;
        self.words += found.len();
        self.faults.extend(leaks.into_iter().map(|leak| format!("{} → {}: {what} tells {leak}", self.reader.name, answer.status)));
    }
}

/// What can be hidden of every record type: everything the server lets one hide.
fn all_that_can_be_hidden(admin: &Caller, rights: &Value) -> Vec<(&'static str, String)> {
    let schemas = &spec::of(app().address).document["components"]["schemas"];
    let mut wanted: Vec<(&'static str, String)> = Vec::new();
    for (record, _) in RECORDS {
        let name = format!("{}{}", record[..1].to_uppercase(), &record[1..]);
        wanted.extend(schemas[&name]["properties"].as_object().unwrap().keys().map(|field| (record, field.clone())));
    }
    let rules = |wanted: &[(&str, String)]| -> Vec<Value> {
        wanted.iter().map(|(record, field)| json!({"record": record, "field": field, "effect": "hidden"})).collect()
    };
    let refused =
        admin.post("/v1/roles", json!({"key": "hidden", "name": "hidden", "rights": rights, "field_rules": rules(&wanted)})).status(422);
    let out: Vec<usize> = refused["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["pointer"].as_str().unwrap().split('/').nth(2).unwrap().parse().unwrap())
        .collect();
    let kept: Vec<_> = wanted.into_iter().enumerate().filter(|(at, _)| !out.contains(at)).map(|(_, rule)| rule).collect();
    admin.post("/v1/roles", json!({"key": "hidden", "name": "hidden", "rights": rights, "field_rules": rules(&kept)})).created();
    kept
}

fn readers(workspace: &Workspace, department: &str) -> Vec<Reader> {
    let admin = workspace.administrator();
    let rights = admin.get("/v1/roles?limit=200").ok().items().iter().find(|r| r["key"] == "administrator").unwrap()["rights"].clone();
    let hidden = all_that_can_be_hidden(&admin, &rights);
    let masks: Vec<Value> = ["contact", "company"]
        .iter()
        .flat_map(|record| POINTS.map(|field| json!({"record": record, "field": field, "effect": "masked"})))
        .filter(|rule| rule["record"] != "company" || rule["field"] != "messengers")
        .collect();
    admin.post("/v1/roles", json!({"key": "masked", "name": "masked", "rights": rights, "field_rules": masks})).created();
    let own: Vec<Value> = RECORDS
        .iter()
        .map(|(record, _)| json!({"record": record, "read": "own", "create": "own", "update": "own", "delete": "own"}))
        .collect();
    admin.post("/v1/roles", json!({"key": "own", "name": "own", "rights": own})).created();
    ["administrator", "head", "manager", "operator", "marketer", "analyst", "integration", "hidden", "masked", "own"]
        .into_iter()
        .map(|name| {
            let caller =
                if name == "integration" { workspace.key(name) } else { workspace.somebody(name, json!({"department_id": department})) };
            Reader { name, caller, hidden: if name == "hidden" { hidden.clone() } else { Vec::new() } }
        })
        .collect()
}

/// A workspace where every field of every record holds a word, also in its past, and what came through a form.
fn planted(workspace: &Workspace, near: &str) -> Garden {
    let admin = workspace.administrator();
    let far = workspace.manager();
    let close = workspace.somebody("manager", json!({"department_id": near}));
    let mut garden = Garden::default();
    garden.plant(&admin, Set::Near, &close.user_id);
    garden.plant(&admin, Set::Far, &far.user_id);
    let form = workspace.form(json!({}));
    garden.keep(&form.path());
    let posted = garden.posted();
    let receipt = app().anyone().post(&format!("/public/v1/forms/{}/submissions", form["key"].as_str().unwrap()), posted).accepted();
    let submission = format!("/v1/submissions/{}", receipt["submission_id"].as_str().unwrap());
    let done = eventually("the submission", || Some(admin.get(&submission).ok()).filter(|s| s["state"] == "processed"));
    garden.keep(&submission);
    garden.keep(&format!("/v1/contacts/{}", done["contact_id"].as_str().unwrap()));
    garden.keep(&format!("/v1/leads/{}", done["lead_id"].as_str().unwrap()));
    eventually("all events to be sealed", || (admin.get("/v1/audit-events/verify").ok()["unsealed"] == 0).then_some(()));
    // lists show all of them; one by one, as many as there is time for
    let each = if std::env::var_os("SUITE_LONG").is_some() { 1 } else { 8 };
    for event in admin.get("/v1/audit-events?limit=200").ok().ids().into_iter().step_by(each) {
        garden.keep(&format!("/v1/audit-events/{event}"));
    }
    for collection in
        ["/v1/users", "/v1/departments", "/v1/roles", "/v1/sources", "/v1/contact-statuses", "/v1/reject-reasons", "/v1/api-keys"]
    {
        garden.ids.insert(collection.into(), admin.get(collection).ok().ids().into_iter().take(1).collect());
    }
    garden
}

#[test]
fn what_is_hidden_masked_or_out_of_reach_comes_out_nowhere() {
    let started = Instant::now();
    let workspace = app().workspace();
    let department = workspace.administrator().post("/v1/departments", json!({"name": "Север"})).created().id();
    let readers = readers(&workspace, &department);
    let garden = planted(&workspace, &department);
    let mut searches: Vec<Search<'_>> =
        readers.iter().map(|reader| Search { garden: &garden, reader, answers: 0, words: 0, faults: Vec::new() }).collect();
    std::thread::scope(|scope| searches.iter_mut().for_each(|search| drop(scope.spawn(|| drive(search)))));
    let answers: usize = searches.iter().map(|s| s.answers).sum();
    let faults: Vec<&String> = searches.iter().flat_map(|s| &s.faults).collect();
    eprintln!(
        "leak: {answers} answers searched for {} words, {} finds, {} s; told by reader: {:?}",
        garden.words.len(),
        faults.len(),
        started.elapsed().as_secs(),
        searches.iter().map(|s| (s.reader.name, s.words)).collect::<Vec<_>>()
    );
    assert!(faults.is_empty(), "{} finds:\n{}", faults.len(), faults.iter().take(400).map(|f| f.as_str()).collect::<Vec<_>>().join("\n"));
    // the search itself finds: an administrator is told everything
    assert!(searches[0].words > garden.words.len(), "{} words", searches[0].words);
    assert!(answers > 5000, "{answers} answers");
}

#[test]
fn one_hidden_field_is_hidden_wherever_it_stands() {
    let started = Instant::now();
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let department = admin.post("/v1/departments", json!({"name": "Север"})).created().id();
    let rights = admin.get("/v1/roles?limit=200").ok().items().iter().find(|r| r["key"] == "administrator").unwrap()["rights"].clone();
    let fields = all_that_can_be_hidden(&admin, &rights);
    let role = admin.post("/v1/roles", json!({"key": "single", "name": "single", "rights": rights})).created();
    let caller = workspace.somebody("single", json!({}));
    let garden = planted(&workspace, &department);
    let (mut answers, mut faults) = (0, Vec::new());
    for (record, field) in fields {
        admin.patch(&role.path(), json!({"field_rules": [{"record": record, "field": field, "effect": "hidden"}]})).ok();
        let reader = Reader { name: "single", caller: caller.clone(), hidden: vec![(record, field)] };
        let mut search = Search { garden: &garden, reader: &reader, answers: 0, words: 0, faults: Vec::new() };
        drive::glance(&mut search);
        answers += search.answers;
        faults.extend(search.faults.into_iter().map(|fault| format!("{:?}: {fault}", reader.hidden)));
    }
    eprintln!("leak: {answers} answers searched with one hidden field each, {} finds, {} s", faults.len(), started.elapsed().as_secs());
    assert!(faults.is_empty(), "{} finds:\n{}", faults.len(), faults.join("\n"));
    assert!(answers > 1500, "{answers} answers");
}

#[test]
fn an_answer_told_again_is_told_by_the_rules_of_now() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let rights = json!([{"record": "contact", "read": "all", "create": "all", "update": "all"}]);
    let role = admin.post("/v1/roles", json!({"key": "clerk", "name": "clerk", "rights": rights})).created();
    let clerk = workspace.somebody("clerk", json!({})).with("idempotency-key", "once");
    let body = json!({"comment": "qztold", "phones": [{"value": "+79171116789"}]});
    let ask = || clerk.post("/v1/contacts", body.clone()).created();
    let first = ask();
    assert_eq!((first.text(), ask().header("idempotent-replayed")), (ask().text(), Some("true")));
    let rules = json!([{"record": "contact", "field": "comment", "effect": "hidden"}, {"record": "contact", "field": "phones", "effect": "masked"}]);
    admin.patch(&role.path(), json!({"field_rules": rules})).ok();
    let again = ask();
    assert_eq!((&again["comment"], again.at("/phones/0/e164")), (&Value::Null, &json!("+7 ••• •••-67-89")));
    assert!(!said(&again).contains("qztold") && !said(&again).contains("9171116"), "{again}");
    // a card without a name is shown masked, the same each time
    assert_eq!(again["display_name"], "+7 ••• •••-67-89");
    assert_eq!(ask().text(), again.text());
}

#[test]
fn asking_why_one_sees_nothing_tells_no_more_than_that() {
    let workspace = app().workspace();
    let department = workspace.administrator().post("/v1/departments", json!({"name": "Север"})).created().id();
    let (anna, boris, head) =
        (workspace.somebody("manager", json!({"department_id": department})), workspace.manager(), workspace.somebody("head", json!({})));
    let card = anna.post("/v1/contacts", json!({"last_name": "А"})).created();
    for caller in [&boris, &head] {
        let why = |id: &str| caller.get(&format!("/v1/access/explain?record_type=contact&record_id={id}")).ok();
        assert_eq!(why(&card.id()).text(), why("01939d5a-0000-7000-8000-000000000000").text());
    }
    assert!(
        workspace
            .administrator()
            .get(&format!("/v1/access/explain?record_type=contact&user_id={}&record_id={}", boris.user_id, card.id()))
            .ok()
            .text()
            .contains(&anna.user_id)
    );
}

#[test]
fn a_company_is_not_looked_up_by_what_is_hidden_of_it() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let company =
        json!({"name": "О", "tax_id": "7707083893", "phones": [{"value": "+79171116789"}], "emails": [{"value": "a@example.com"}]});
    let company = admin.post("/v1/companies", company).created();
    let rights = json!([{"record": "contact", "read": "all"}, {"record": "company", "read": "all"}]);
    let role = admin.post("/v1/roles", json!({"key": "clerk", "name": "clerk", "rights": rights})).created();
    let clerk = workspace.somebody("clerk", json!({}));
    for (field, query) in [("tax_id", "tax_id=7707083893"), ("phones", "phone=%2B79171116789"), ("emails", "email=a@example.com")] {
        let found = || clerk.get(&format!("/v1/lookup?{query}")).ok()["companies"].as_array().unwrap().len();
        admin.patch(&role.path(), json!({"field_rules": []})).ok();
        assert_eq!(found(), 1, "{query}");
        admin.patch(&role.path(), json!({"field_rules": [{"record": "company", "field": field, "effect": "hidden"}]})).ok();
        assert_eq!(found(), 0, "{query}");
        let q = query.split_once('=').unwrap().1;
        assert!(clerk.get(&format!("/v1/companies?q={q}")).ok().items().is_empty(), "{q}");
    }
    // who may not read companies is told of none, also through the contact rights that look up
    admin.patch(&role.path(), json!({"field_rules": [], "rights": [{"record": "contact", "read": "all"}]})).ok();
    assert!(!clerk.get("/v1/lookup?tax_id=7707083893").ok().text().contains(&company.id()));
}

#[test]
fn a_lead_is_not_found_by_a_card_out_of_reach() {
    let workspace = app().workspace();
    let (admin, boris) = (workspace.administrator(), workspace.manager());
    let card = admin.post("/v1/contacts", json!({"last_name": "Чужая", "phones": [{"value": "+79171116789"}]})).created();
    let lead = admin.post("/v1/leads", json!({"contact_id": card.id(), "title": "Смета", "owner_id": boris.user_id})).created();
    let found = |q: &str| boris.get(&format!("/v1/leads?q={q}")).ok().ids();
    assert_eq!(found("смета"), [lead.id()]);
    assert!(found("чужая").is_empty() && found("9171116789").is_empty());
    admin.patch(&card.path(), json!({"owner_id": boris.user_id})).ok();
    assert_eq!(found("чужая"), [lead.id()]);
    assert_eq!(found("9171116789"), [lead.id()]);
}
