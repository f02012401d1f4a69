//! The Big List of Naughty Strings through every text of every request body and query: judged as any other text, never a 500, kept as it
//! was sent. U+0000 is refused by name everywhere.

use kartoteka_tests::{
    Answer, Caller, Value, Workspace, app, json,
    spec::{self, Operation, Spec},
    wire::encode,
};

const STRINGS: &str = include_str!("../data/naughty_strings.json");

/// Where a text is in a body: names, and `0` for the first item of a list.
type Place = Vec<String>;

/// A text of a request body.
struct Text {
    place: Place,
    longest: usize,
}

/// A body's operation with a valid request to spoil.
struct Attempt<'a> {
    operation: &'a Operation,
    path: String,
    example: Value,
    texts: Vec<Text>,
}

fn strings() -> Vec<String> {
    let all: Vec<String> = serde_json::from_str(STRINGS).unwrap();
    all.into_iter().filter(|text| !text.contains('\0')).collect()
}

/// The strings one after the other, as many at a time as fit.
fn portions(longest: usize) -> Vec<String> {
    let mut portions = vec![String::new()];
    for text in strings() {
        let last = portions.last_mut().unwrap();
        if last.chars().count() + 1 + text.chars().count() <= longest.min(2000) {
            last.push('\n');
            last.push_str(&text);
        } else {
            portions.push(text);
        }
    }
    portions
}

/// Every text in a schema without a form of its own.
fn texts(spec: &Spec, schema: &Value, place: &Place, found: &mut Vec<Text>) {
    let schema = spec.resolved(schema);
    if let Some(variant) = schema["oneOf"].as_array().and_then(|all| all.iter().find(|s| s["type"] != "null")) {
        return texts(spec, variant, place, found);
    }
    let kind = |name: &str| schema["type"] == name || schema["type"].as_array().is_some_and(|all| all.contains(&json!(name)));
    if kind("string") && ["format", "enum", "const"].iter().all(|told| schema.get(told).is_none()) {
        let longest = schema["maxLength"].as_u64().map_or(2000, |n| usize::try_from(n).unwrap());
        found.push(Text { place: place.clone(), longest });
    }
    if kind("array") {
        texts(spec, &schema["items"], &[place.as_slice(), &["0".to_owned()]].concat(), found);
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        texts(spec, property, &[place.as_slice(), std::slice::from_ref(name)].concat(), found);
    }
}

fn put(body: &mut Value, place: &[String], text: &str) {
    match place {
        [] => *body = json!(text),
        [first, rest @ ..] if first == "0" => {
            if body.as_array().is_none_or(Vec::is_empty) {
                *body = json!([null]);
            }
            put(&mut body[0], rest, text);
        }
        [name, rest @ ..] => {
            if !body.is_object() {
                *body = json!({});
            }
            put(&mut body[name.as_str()], rest, text);
        }
    }
}

/// Nothing in it is composed, invisible or a control character: it is kept to the letter.
fn is_plain(text: &str) -> bool {
    text.chars().all(|c| matches!(c, ' '..='~' | 'À'..='ÿ' | 'А'..='я' | '\u{3041}'..='\u{9fff}' | '\u{1f300}'..='\u{1faff}'))
}

fn pointer(place: &Place) -> String {
    place.iter().map(|step| format!("/{step}")).collect()
}

/// Ids in an example are nobody's: those of the workspace take their place.
fn with_ids(example: &Value, ids: &Value) -> Value {
    let mut body = example.clone();
    for (name, id) in ids.as_object().unwrap() {
        if let Some(field) = body.get_mut(name).filter(|field| !field.is_null()) {
            *field = id.clone();
        }
    }
    body
}

/// One record of each kind, by the field that names it.
fn records(admin: &Caller) -> Value {
    let contact = admin.post("/v1/contacts", json!({"last_name": "Ахматова"})).created().id();
    let reason = admin.get("/v1/reject-reasons").ok().ids()[0].clone();
    json!({"contact_id": contact, "reject_reason_id": reason})
}

fn attempts<'a>(spec: &'a Spec, workspace: &Workspace) -> Vec<Attempt<'a>> {
    let admin = workspace.administrator();
    let ids = records(&admin);
    let bodies = spec.operations.iter().filter(|o| o.path.starts_with("/v1/") && spec.json_body(o).is_some());
    bodies
        .map(|operation| {
            let media = spec.json_body(operation).unwrap();
            let mut found = Vec::new();
            texts(spec, &media["schema"], &Vec::new(), &mut found);
            let example = with_ids(spec.example(media).expect("every body has an example"), &ids);
            Attempt { operation, path: path(spec, operation, &admin, &ids), example, texts: found }
        })
        .collect()
}

/// The operation's path with a record of its own.
fn path(spec: &Spec, operation: &Operation, admin: &Caller, ids: &Value) -> String {
    let Some((collection, _)) = operation.path.split_once("/{id}") else {
        return operation.path.replace("{external_id}", "naughty");
    };
    let creating = spec.operations.iter().find(|o| o.method == "POST" && o.path == collection).expect("a collection takes POST");
    let mut body = with_ids(spec.example(spec.json_body(creating).unwrap()).unwrap(), ids);
    if body["email"].is_string() {
        body["email"] = json!(format!("{}@example.com", operation.id));
    }
    if body["key"].is_string() {
        body["key"] = json!(operation.id);
        body["name"] = json!(operation.id);
    }
    let made = admin.post(&format!("{collection}{}", keeps_twins(creating)), body).created();
    operation.path.replace("{id}", &made.id())
}

fn keeps_twins(creating: &Operation) -> &'static str {
    let parameters = creating.definition["parameters"].as_array().map_or(&[][..], Vec::as_slice);
    if parameters.iter().any(|p| p["name"] == "on_duplicate") { "?on_duplicate=create" } else { "" }
}

/// Sends it, and again without what was refused, so that the rest is stored.
fn try_out(caller: &Caller, attempt: &Attempt<'_>, spoilt: &Value) -> Option<(Answer, Value)> {
    let method = &attempt.operation.method;
    let answer = caller.send_json(method, &attempt.path, spoilt);
    if answer.status < 300 {
        return Some((answer, spoilt.clone()));
    }
    let mut milder = spoilt.clone();
    for error in answer.json()["errors"].as_array().into_iter().flatten() {
        let name = error["pointer"].as_str().unwrap_or_default().split('/').nth(1).unwrap_or_default();
        match attempt.example.get(name) {
            Some(valid) => milder[name] = valid.clone(),
            None => drop(milder.as_object_mut().unwrap().remove(name)),
        }
    }
    let again = caller.send_json(method, &attempt.path, &milder);
    (again.status < 300).then_some((again, milder))
}

#[test]
fn naughty_strings_are_judged_and_kept_like_any_other_text() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    admin.patch("/v1/workspace", json!({"policies": {"duplicates": "off"}})).ok();
    let spec = spec::of(app().address);
    // one field is in several bodies: each tries another part of what is too much for one
    let rounds = if std::env::var_os("SUITE_LONG").is_some() { 1000 } else { 24 };
    let mut kept = 0;
    for (turn, attempt) in attempts(spec, &workspace).iter().enumerate() {
        let portions: Vec<Vec<String>> = attempt.texts.iter().map(|text| portions(text.longest)).collect();
        for round in 0..portions.iter().map(Vec::len).max().unwrap_or_default().min(rounds) {
            let mut spoilt = attempt.example.clone();
            for (text, portions) in attempt.texts.iter().zip(&portions) {
                put(&mut spoilt, &text.place, &portions[(round + turn * rounds) % portions.len()]);
            }
            let Some((answer, sent)) = try_out(&admin, attempt, &spoilt) else { continue };
            for name in ["comment", "description", "body", "result"] {
                if let (Some(stored), Some(sent)) = (answer.json()[name].as_str(), sent[name].as_str()) {
                    for line in sent.lines().map(str::trim).filter(|line| is_plain(line)) {
                        assert!(stored.contains(line), "{} /{name} lost «{line}»\n{stored}", attempt.operation.id);
                        kept += 1;
                    }
                }
            }
        }
    }
    assert!(kept > 1000, "only {kept} texts were kept");
}

#[test]
fn every_list_looks_for_naughty_strings() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let spec = spec::of(app().address);
    for operation in spec.operations.iter().filter(|o| o.method == "GET" && o.path.starts_with("/v1/") && !o.path.contains('{')) {
        for name in query(spec, operation, false) {
            for portion in portions(300) {
                let answer = admin.get(&format!("{}?{name}={}", operation.path, encode(&portion)));
                assert!(answer.status < 500, "{answer}");
            }
        }
    }
}

/// Names of the query parameters that are texts; `any` also takes those of a closed set or a form of their own.
fn query<'a>(spec: &'a Spec, operation: &'a Operation, any: bool) -> Vec<&'a str> {
    let all = operation.definition["parameters"].as_array().map_or(&[][..], Vec::as_slice);
    let parameters = all.iter().map(|p| spec.resolved(p)).filter(|p| p["in"] == "query");
    let texts = parameters.filter(|p| {
        let mut found = Vec::new();
        texts(spec, &p["schema"], &Vec::new(), &mut found);
        any || !found.is_empty()
    });
    texts.map(|p| p["name"].as_str().unwrap()).collect()
}

#[test]
fn a_null_character_is_refused_in_every_text_of_every_body() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    for attempt in attempts(spec::of(app().address), &workspace) {
        for text in &attempt.texts {
            let mut spoilt = attempt.example.clone();
            put(&mut spoilt, &text.place, "a\0b");
            let refused = admin.send_json(&attempt.operation.method, &attempt.path, &spoilt);
            refused.is_problem(400, "invalid_text").names_with(&pointer(&text.place), "invalid_text");
        }
    }
}

#[test]
fn a_null_character_is_refused_in_every_parameter() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let spec = spec::of(app().address);
    for operation in spec.operations.iter().filter(|o| o.method == "GET" && o.path.starts_with("/v1/") && !o.path.contains('{')) {
        for name in query(spec, operation, true) {
            let refused = admin.get(&format!("{}?{name}=a%00b", operation.path));
            assert_eq!(refused.status, 400, "{refused}");
        }
        for name in query(spec, operation, false) {
            let refused = admin.get(&format!("{}?{name}=a%00b", operation.path));
            refused.is_problem(400, "invalid_text").names_parameter(name);
        }
    }
}
