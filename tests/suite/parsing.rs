//! The files of JSONTestSuite as bodies and as values: what is no JSON has no effect, what is JSON never breaks the server.

use kartoteka_tests::{Answer, Caller, Value, app, json};

const FILES: &str = include_str!("../data/json_test_suite.json");

/// The files whose name begins so: `n_` is no JSON, `y_` is JSON, `i_` is for the reader to decide.
fn files(beginning: &str) -> Vec<(String, Vec<u8>)> {
    let all: Value = serde_json::from_str(FILES).unwrap();
    let chosen = all.as_object().unwrap().iter().filter(|(name, _)| name.starts_with(beginning));
    chosen.map(|(name, content)| (name.clone(), bytes(content))).collect()
}

fn bytes(content: &Value) -> Vec<u8> {
    match content {
        Value::String(text) => text.chars().map(|c| u8::try_from(c).expect("one character a byte")).collect(),
        repeated => repeated[0].as_str().unwrap().repeat(usize::try_from(repeated[1].as_u64().unwrap()).unwrap()).into_bytes(),
    }
}

fn sent(caller: &Caller, method: &str, path: &str, body: Vec<u8>) -> Answer {
    caller.send(method, path, Some("application/json"), Some(body))
}

fn door(workspace: &kartoteka_tests::Workspace) -> String {
    let form = workspace.form(json!({"rate_per_minute": 100_000}));
    format!("/public/v1/forms/{}/submissions", form["key"].as_str().unwrap())
}

fn around(before: &str, value: &[u8], after: &str) -> Vec<u8> {
    [before.as_bytes(), value, after.as_bytes()].concat()
}

#[test]
fn what_is_no_json_is_refused_everywhere() {
    let workspace = app().workspace();
    let manager = workspace.manager();
    let contact = manager.post("/v1/contacts", json!({"last_name": "Ахматова"})).created();
    for (name, body) in files("n_") {
        for (method, path) in [("POST", "/v1/contacts"), ("POST", "/v1/auth/token"), ("PATCH", contact.path().as_str())] {
            let refused = sent(&manager, method, path, body.clone());
            assert!((400..500).contains(&refused.status), "{name}: {refused}");
        }
    }
    assert_eq!(manager.get("/v1/contacts").ok().ids(), [contact.id()]);
    assert_eq!(manager.get(&contact.path()).ok()["version"], 1);
}

#[test]
fn the_public_door_takes_what_is_no_json_as_an_unreadable_post() {
    let workspace = app().workspace();
    let door = door(&workspace);
    for (name, body) in files("n_") {
        let answer = sent(&app().anyone(), "POST", &door, body);
        assert!(matches!(answer.status, 202 | 400 | 413 | 422), "{name}: {answer}");
    }
}

#[test]
fn any_json_is_a_value_the_server_can_judge() {
    let workspace = app().workspace();
    let manager = workspace.manager();
    let door = door(&workspace);
    for (name, value) in [files("y_"), files("i_")].concat() {
        let as_body = sent(&manager, "POST", "/v1/contacts", value.clone());
        let as_text = sent(&manager, "POST", "/v1/contacts", around(r#"{"last_name": "A", "comment": "#, &value, "}"));
        let answer = sent(&app().anyone(), "POST", &door, around(r#"{"fields": {"name": "Анна", "answer": "#, &value, "}}"));
        for told in [as_body, as_text, answer] {
            assert!(told.status < 500, "{name}: {told}");
        }
    }
}

#[test]
fn a_free_answer_of_any_json_comes_back_as_it_was() {
    let manager = app().workspace().manager();
    let contact = manager.post("/v1/contacts", json!({"last_name": "Ахматова"})).created();
    for (name, value) in files("y_") {
        let Ok(meant) = serde_json::from_slice::<Value>(&value) else { continue };
        let text = around(&format!(r#"{{"contact_id": "{}", "answers": {{"it": "#, contact.id()), &value, "}}");
        let lead = sent(&manager, "POST", "/v1/leads", text);
        if lead.status == 201 {
            assert_eq!(manager.get(&lead.path()).ok()["answers"]["it"], meant, "{name}");
        } else {
            assert!(matches!(lead.status, 400 | 422), "{name}: {lead}");
        }
    }
}
