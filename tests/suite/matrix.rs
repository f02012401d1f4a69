//! Who may do what: every operation of the specification, asked by everybody, about whoever's record. What is right is
//! computed from a table of its own; an operation the table does not know fails.

mod people;
mod table;

use std::{collections::BTreeMap, time::Instant};

use kartoteka_tests::{
    Answer, Value, app, json,
    spec::{self, Operation, Spec},
};

use people::{Asker, Office, Whose};
use table::{Line, Right};

const NOBODY: &str = "01939d5a-0000-7000-8000-000000000000";

/// What an asker must be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// Status and code, to the letter.
    Refused(u16, &'static str),
    /// The answer to an unknown id, to the letter.
    Unknown,
    /// No refusal: what is asked for, word that the version is stale, or whatever a changing request deserves.
    Allowed,
    /// A page with the record, or without it.
    Listed(bool),
    /// This status.
    Status(u16),
}

fn specification() -> &'static Spec {
    spec::of(app().address)
}

/// What the table says of one cell.
fn expected(line: &Line, asker: &Asker, whose: Whose) -> Expected {
    if let Right::Open(status, code) = line.right {
        return if code.is_empty() { Expected::Status(status) } else { Expected::Refused(status, code) };
    }
    if let Some(code) = asker.no_credential {
        return Expected::Refused(401, code);
    }
    match line.right {
        Right::Open(..) => unreachable!("answered above"),
        // it is about a card
        Right::Anybody if asker.is_stranger && line.id == "get_presence" => Expected::Unknown,
        Right::Anybody => Expected::Allowed,
        Right::Person if asker.is_key => Expected::Refused(403, "forbidden"),
        Right::Person if whose != Whose::Own && line.names_record() => Expected::Unknown,
        Right::Person => Expected::Allowed,
        // one explains oneself, whoever may change roles explains others
        Right::Explain if asker.is_stranger => Expected::Unknown,
        Right::Explain if whose == Whose::Own && !asker.is_key || asker.role == "administrator" => Expected::Allowed,
        Right::Explain => Expected::Refused(403, "forbidden"),
        Right::Record(record, verb) => {
            let reveals = line.id != "reveal_contact" || ["administrator", "head"].contains(&asker.role);
            match table::reach(asker.role, record, verb) {
                "none" => Expected::Refused(403, "forbidden"),
                _ if !reveals => Expected::Refused(403, "forbidden"),
                _ if asker.is_stranger && line.names_record() => Expected::Unknown,
                _ if asker.is_stranger => line.out_of_reach(),
                "own" if whose != Whose::Own => line.out_of_reach(),
                "department" if whose == Whose::Stranger => line.out_of_reach(),
                _ if line.lists_owned() => Expected::Listed(true),
                _ => Expected::Allowed,
            }
        }
    }
}

fn without_id(answer: &Answer) -> String {
    answer.text().replace(answer["request_id"].as_str().unwrap_or("-"), "")
}

/// In what a cell differs; `id` is the record it speaks of, `unknown` the answer where there is none.
fn differs(expected: Expected, answer: &Answer, operation: &Operation, id: &str, unknown: impl FnOnce() -> String) -> Option<String> {
    let code = answer["code"].as_str().unwrap_or("");
    let right = match expected {
        Expected::Refused(status, wanted) => (answer.status, code) == (status, wanted),
        Expected::Unknown => (answer.status, code) == (404, "not_found") && without_id(answer) == unknown(),
        Expected::Allowed if operation.method == "GET" => answer.status == 200,
        Expected::Allowed if takes_if_match(operation) => (answer.status, code) == (412, "version_mismatch"),
        Expected::Allowed => !matches!(answer.status, 401 | 403 | 404),
        Expected::Listed(there) => answer.status == 200 && answer.ids().iter().any(|listed| listed == id) == there,
        Expected::Status(status) => answer.status == status,
    };
    (!right).then(|| format!("{expected:?}, but {} {code}", answer.status))
}

/// One request: the example of the specification or what the table says, in a way that changes nothing where that can be.
fn ask(asker: &Asker, line: &Line, operation: &Operation, path: &str, office: &Office, whose: Whose) -> Answer {
    // an older version is refused after all other questions
    let caller = if takes_if_match(operation) { asker.caller.with("if-match", "\"999\"") } else { asker.caller.clone() };
    let path = format!("{path}{}", line.query(office, asker, whose));
    let example = || specification().json_body(operation).and_then(|media| specification().example(media)).cloned();
    match line.body(office, asker, whose).or_else(example) {
        Some(body) => caller.send_json(&operation.method, &path, &body),
        None => caller.send(&operation.method, &path, None, None),
    }
}

fn takes_if_match(operation: &Operation) -> bool {
    let parameters = operation.definition["parameters"].as_array();
    parameters
        .into_iter()
        .flatten()
        .any(|p| specification().resolved(p)["name"].as_str().is_some_and(|n| n.eq_ignore_ascii_case("if-match")))
}

/// All cells of one asker: how many, and what is not as the table says.
fn walk(office: &Office, asker: &Asker) -> (usize, Vec<String>) {
    let (mut cells, mut faults) = (0, Vec::new());
    for operation in &specification().operations {
        let line = table::line(&operation.id);
        let unknown = || {
            let path = operation.path.replace("{id}", NOBODY).replace("{external_id}", "nobody_has_it");
            without_id(&ask(asker, &line, operation, &path, office, Whose::Nobody))
        };
        for whose in line.relations(asker) {
            let answer = ask(asker, &line, operation, &office.path(operation, asker, whose), office, whose);
            cells += 1;
            let id = office.ids(asker, whose).get(&operation.path).map_or("", String::as_str);
            if let Some(fault) = differs(expected(&line, asker, whose), &answer, operation, id, unknown) {
                faults.push(format!("{} asked by {} of {whose:?}: {fault}", operation.id, asker.name));
            }
        }
    }
    (cells, faults)
}

#[test]
fn every_operation_answers_every_asker_what_the_matrix_says() {
    let started = Instant::now();
    table::knows_exactly(specification().operations.iter().map(|o| o.id.as_str()));
    let office = Office::open();
    let askers = office.askers();
    let results: Vec<(usize, Vec<String>)> = std::thread::scope(|scope| {
        let walks: Vec<_> = askers.iter().map(|asker| scope.spawn(|| walk(&office, asker))).collect();
        walks.into_iter().map(|walk| walk.join().expect("a walk ends")).collect()
    });
    let cells: usize = results.iter().map(|(cells, _)| cells).sum();
    let faults: Vec<&String> = results.iter().flat_map(|(_, faults)| faults).collect();
    eprintln!(
        "matrix: {} operations × {} askers, {cells} cells, {} differences, {} s",
        specification().operations.len(),
        askers.len(),
        faults.len(),
        started.elapsed().as_secs()
    );
    assert!(
        faults.is_empty(),
        "{} of {cells} cells differ:\n{}",
        faults.len(),
        faults.iter().map(|f| f.as_str()).collect::<Vec<_>>().join("\n")
    );
    assert!(cells > 2500, "{cells} cells");
}

/// Ids by collection, of one relation.
type Ids = BTreeMap<String, String>;

fn merged(mut one: Value, two: &Value) -> Value {
    one.as_object_mut().unwrap().extend(two.as_object().cloned().unwrap_or_default());
    one
}

fn user(id: &str) -> Value {
    json!({"owner_id": id})
}
