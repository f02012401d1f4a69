//! Asks for everything that can be answered: every reading with its parameters, every writing in a way that ends in an
//! answer and changes nothing, or nothing of what is planted.

use kartoteka_tests::{
    Answer, Value, app, json,
    spec::{self, Operation, Spec},
    wire::encode,
};

use super::{
    Reader, Search,
    plant::{Place, RECORDS, STATES, Set},
};

fn specification() -> &'static Spec {
    spec::of(app().address)
}

/// A reading. That answers with holes are what the specification says is held where most is missing; elsewhere it would only
/// take its time.
fn get(reader: &Reader, path: &str) -> Answer {
    if ["hidden", "masked"].contains(&reader.name) {
        return reader.caller.get(path);
    }
    let answer = reader.caller.send_unchecked("GET", path, None, None);
    assert_ne!(answer.status, 500, "{answer}");
    answer
}

fn parameter<'a>(operation: &'a Operation, name: &str) -> Option<&'a Value> {
    let all = operation.definition["parameters"].as_array().into_iter().flatten();
    all.map(|p| specification().resolved(p)).find(|p| p["in"] == "query" && p["name"] == name)
}

/// The closed words a parameter takes, of its list or by itself.
fn words(operation: &Operation, name: &str) -> Vec<String> {
    fn find(value: &Value, into: &mut Vec<String>) {
        let value = specification().resolved(value);
        into.extend(value["enum"].as_array().into_iter().flatten().filter_map(|w| w.as_str().map(str::to_owned)));
        for part in ["items", "oneOf", "anyOf", "allOf"] {
            match &value[part] {
                Value::Array(parts) => parts.iter().for_each(|p| find(p, into)),
                Value::Object(_) => find(&value[part], into),
                _ => {}
            }
        }
    }
    let mut all = Vec::new();
    if let Some(parameter) = parameter(operation, name) {
        find(&parameter["schema"], &mut all);
    }
    all
}

/// The addresses a template stands for.
fn paths(garden: &super::Garden, template: &str) -> Vec<String> {
    match template.split_once("/{id}") {
        None => {
            let key = if template.contains("contacts") { "qznbexternalidx3" } else { "qznaexternalidx3" };
            vec![template.replace("{external_id}", key).replace("{form_key}", "f_unknown")]
        }
        Some((collection, rest)) => garden.ids.get(collection).into_iter().flatten().map(|id| format!("{collection}/{id}{rest}")).collect(),
    }
}

/// The queries one reading is asked with.
fn queries(operation: &Operation) -> Vec<String> {
    let expand = words(operation, "expand").join(",");
    let expand = if expand.is_empty() { String::new() } else { format!("expand={expand}&") };
    let mut all = vec![format!("?{expand}").trim_end_matches(['?', '&']).to_owned()];
    if parameter(operation, "limit").is_some() {
        all.push(format!("?{expand}limit=200"));
        all.push("?limit=2".into());
    }
    if parameter(operation, "archived").is_some() {
        all.push(format!("?{expand}archived=include&include_total=true"));
    }
    all.extend(
        words(operation, "sort").into_iter().map(|sort| format!("?limit={}&sort={sort}", if sort.starts_with('-') { 1 } else { 4 })),
    );
    all.extend(words(operation, "kind").into_iter().map(|kind| format!("?kind={kind}")));
    all
}

/// Asks everything as one reader.
pub fn drive(log: &mut Search<'_>) {
    for operation in &specification().operations {
        match operation.method.as_str() {
            "GET" => read(log, operation),
            _ if operation.path.starts_with("/v1/") => write(log, operation),
            _ => {}
        }
    }
    search(log);
    guess(log);
}

/// The readings that tell most, and the searches.
pub fn glance(log: &mut Search<'_>) {
    let told = |o: &&Operation| {
        let place = o.path.trim_start_matches("/v1/");
        let of_records = RECORDS.iter().any(|(_, collection)| o.path.starts_with(collection));
        o.method == "GET" && (of_records || place.starts_with("submissions") || o.path == "/v1/audit-events")
    };
    for operation in specification().operations.iter().filter(told) {
        // somebody's named one, and what came by itself
        let mut all = paths(log.garden, &operation.path);
        all.drain(1.min(all.len())..all.len().saturating_sub(1).max(1).min(all.len()));
        for path in all {
            let query = queries(operation).into_iter().find(|q| q.contains("limit=200")).or_else(|| queries(operation).into_iter().next());
            let target = format!("{path}{}", query.unwrap_or_default());
            let answer = get(log.reader, &target);
            log.look(&format!("GET {target}"), &answer);
        }
    }
    search(log);
}

fn read(log: &mut Search<'_>, operation: &Operation) {
    let (garden, reader) = (log.garden, log.reader);
    // a record of its own right: a tag's name is no card's
    if operation.path.starts_with("/v1/tags") || operation.id == "look_up" || operation.id == "get_access_explanation" {
        return;
    }
    for path in paths(garden, &operation.path) {
        for query in queries(operation) {
            let mut target = format!("{path}{query}");
            // every page of it: the cursors and what they lead to
            for _ in 0..4 {
                let answer = get(reader, &target);
                log.look(&format!("GET {target}"), &answer);
                match (answer["next_cursor"].as_str(), answer["next_after"].as_i64()) {
                    (Some(cursor), _) => target = format!("{path}{query}&cursor={cursor}"),
                    (_, Some(after)) if answer["latest"].as_i64() > Some(after) => target = format!("{path}?limit=200&after={after}"),
                    _ => break,
                }
            }
        }
    }
}

/// Writings that show what they found: nothing new, an older version, what is refused, what would be.
fn write(log: &mut Search<'_>, operation: &Operation) {
    let (garden, reader) = (log.garden, log.reader);
    let owned = RECORDS.iter().find(|(_, collection)| operation.path.starts_with(collection));
    let reverts = operation.id.starts_with("revert_");
    // revealing and listening are rights of their own, and are asked for below and in a room of their own
    if owned.is_none() && !reverts || ["reveal_contact", "listen_to_recording"].contains(&operation.id.as_str()) {
        return;
    }
    let example = specification().json_body(operation).and_then(|media| specification().example(media)).cloned();
    let mut bodies = vec![example.clone()];
    if operation.method == "PATCH" {
        bodies = vec![Some(json!({})), Some(json!({"owner_id": "no-uuid"}))];
    } else if reverts {
        bodies = vec![example.map(|mut body| {
            if body["moment"].is_string() {
                body["moment"] = json!("2020-01-01T00:00:00Z");
            } else {
                body["from"] = json!("2020-01-01T00:00:00Z");
                body["to"] = json!("2100-01-01T00:00:00Z");
            }
            body
        })];
    }
    let dry = if parameter(operation, "dry_run").is_some() { "?dry_run=true" } else { "" };
    for path in paths(garden, &operation.path) {
        for body in &bodies {
            let send = |caller: &kartoteka_tests::Caller| match body {
                Some(body) => caller.send_json(&operation.method, &format!("{path}{dry}"), body),
                None => caller.send(&operation.method, &format!("{path}{dry}"), None, None),
            };
            let what = format!("{} {path}{dry}", operation.method);
            log.look(&format!("stale {what}"), &send(&reader.caller.with("if-match", "\"1\"")));
            if !dry.is_empty() || operation.method == "PATCH" {
                log.look(&what, &send(&reader.caller));
            }
        }
    }
}

/// Looking for what is kept from one finds nothing, and what is hidden is no ground to filter by.
fn search(log: &mut Search<'_>) {
    let (garden, reader) = (log.garden, log.reader);
    for (record, collection) in RECORDS {
        let operation = specification().operations.iter().find(|o| o.method == "GET" && o.path == collection).unwrap();
        for (word, place) in &garden.words {
            // a lead is found by its client's card, too
            let here = place.record == record || (record, place.record) == ("lead", "contact");
            if !here || word.len() < 8 || !reader.must_not_see(place) {
                continue;
            }
            if parameter(operation, "q").is_some() {
                for q in [word.clone(), word.chars().skip(1).take(9).collect()] {
                    let answer = get(reader, &format!("{collection}?q={}", encode(&q)));
                    let found = answer["data"].as_array().is_some_and(|data| !data.is_empty());
                    if found {
                        log.faults.push(format!("{} finds {record}s by {q}, which is {place:?}", reader.name));
                    }
                    log.look(&format!("GET {collection}?q={q}"), &answer);
                }
            }
        }
        let is_hidden = |sort: &String| reader.hidden.iter().any(|(of, field)| *of == record && *field == sort.trim_start_matches('-'));
        for sort in words(operation, "sort").into_iter().filter(is_hidden) {
            let answer = get(reader, &format!("{collection}?sort={sort}"));
            log.look(&format!("GET {collection}?sort={sort}"), &answer.is_problem(403, "field_not_permitted"));
        }
        for (_, field) in reader.hidden.iter().filter(|(of, field)| *of == record && parameter(operation, field).is_some()) {
            let value = if field.ends_with("_id") { "01939d5a-0000-7000-8000-000000000000" } else { "x" };
            let answer = get(reader, &format!("{collection}?{field}={value}"));
            log.look(&format!("GET {collection}?{field}"), &answer.is_problem(403, "field_not_permitted"));
        }
    }
}

/// Who knows a phone asks for its owner: by look-up, and by making the card again.
fn guess(log: &mut Search<'_>) {
    let (garden, reader) = (log.garden, log.reader);
    for (kind, value) in &garden.points {
        log.look(&format!("look up {value}"), &get(reader, &format!("/v1/lookup?{kind}={}", encode(value))));
        let (field, point) = match (kind.as_str(), value.split_once(':')) {
            ("messenger", Some((network, handle))) => ("messengers", json!({"network": network, "handle": handle})),
            ("phone", _) => ("phones", json!({"value": value})),
            _ => ("emails", json!({"value": value})),
        };
        for choice in ["reject", "attach", "create"] {
            let body = json!({"last_name": "Двойник", field: [point]});
            let path = format!("/v1/contacts?dry_run=true&on_duplicate={choice}");
            let answer = reader.caller.post(&path, body);
            // what somebody sends himself he may be told again
            if answer.status != 200 || answer["last_name"] != "Двойник" {
                log.look(&format!("{choice} {field} {value}"), &answer);
            }
        }
    }
    let mine = reader.caller.with("idempotency-key", "the same");
    // the card that has it now was changed since it was made, so that no stale request of another reader archives it; one of its past would make
    // a card of one's own, which tells what was sent
    let now = format!("qznbemailsx{STATES}@");
    let (_, address) = garden.points.iter().find(|(_, value)| value.starts_with(&now)).unwrap();
    for _ in 0..2 {
        let answer = mine.post("/v1/contacts", json!({"last_name": "Двойник", "emails": [{"value": address}]}));
        assert_ne!(answer.status, 201, "{}: {answer}", reader.name);
        log.look("the same request again", &answer);
    }
    let place = Place { set: Set::Near, record: "contact", field: "phones".into() };
    for path in paths(garden, "/v1/contacts/{id}/reveal") {
        let answer = reader.caller.post(&path, json!({"reason": "проверка"}));
        // revealing is for whoever may
        if reader.must_not_see(&place) {
            log.look(&format!("POST {path}"), &answer);
        }
    }
}
