//! Links of the document: what an answer leads to. A maker's answer carries the id that the other operations of its
//! record take, a list filters by it, and so on; they are worked out from the paths, so that a new operation is linked by
//! being there.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

type Paths = BTreeMap<String, Map<String, Value>>;

struct Target {
    id: String,
    method: String,
    path: String,
    filters: Vec<String>,
}

/// Adds every link.
pub fn connect(paths: &mut Paths) {
    let targets: Vec<Target> = paths
        .iter()
        .flat_map(|(path, item)| {
            item.iter().map(move |(method, operation)| Target {
                id: text(&operation["operationId"]),
                method: method.clone(),
                path: path.clone(),
                filters: operation["parameters"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter(|p| p["in"] == "query")
                    .map(|p| text(&p["name"]))
                    .collect(),
            })
        })
        .collect();
    for (path, item) in paths {
        for (method, operation) in item {
            for (status, links) in of(path, method, &targets) {
                let Some(answer) = operation.pointer_mut(&format!("/responses/{status}")).and_then(Value::as_object_mut) else { continue };
                answer.insert("links".into(), links.into());
            }
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The links of one operation, by status.
fn of(path: &str, method: &str, targets: &[Target]) -> Vec<(u16, Map<String, Value>)> {
    let is_item =
        |t: &&Target, collection: &str| t.path.strip_prefix(collection).is_some_and(|rest| rest == "/{id}" || rest.starts_with("/{id}/"));
    let items = |collection: &str, from: &str| -> Map<String, Value> {
        targets.iter().filter(|t| is_item(t, collection)).map(|t| link(&t.id, "The same record.", &json!({"id": from}))).collect()
    };
    let by_key = |from: &str| {
        targets
            .iter()
            .filter(|t| t.path.contains("{form_key}"))
            .map(|t| link(&t.id, "The form's public door.", &json!({"form_key": from})))
            .collect::<Vec<_>>()
    };
    let named = |id: &str, what: &str, parameters: Value| {
        targets.iter().filter(|t| t.id == id).map(|t| link(&t.id, what, &parameters)).collect::<Vec<_>>()
    };
    let collection = path.split("/{").next().unwrap_or(path).trim_end_matches("/by-external-id");
    match (method, path) {
        ("post", _) if path.contains("{form_key}") || path.ends_with("/test") => {
            vec![(202, items("/v1/submissions", "$response.body#/submission_id"))]
        }
        ("post", _) if path.ends_with("/rotate-key") => vec![(200, by_key("$response.body#/key").into_iter().collect())],
        ("post", _) if path == collection => {
            let mut links = items(collection, "$response.body#/id");
            if let Some(singular) = links.keys().find_map(|id| id.strip_prefix("get_").map(ToOwned::to_owned)) {
                let filter = format!("{singular}_id");
                links.extend(
                    targets
                        .iter()
                        .filter(|t| t.method == "get" && t.filters.contains(&filter))
                        .map(|t| link(&t.id, "What belongs to it.", &json!({filter.clone(): "$response.body#/id"}))),
                );
            }
            if collection == "/v1/forms" {
                links.extend(by_key("$response.body#/key"));
            }
            vec![(201, links)]
        }
        ("put", _) => [200, 201].map(|status| (status, items(collection, "$response.body#/id"))).into(),
        ("get", _) if path == collection => {
            let get = targets.iter().find(|t| t.method == "get" && t.path == format!("{collection}/{{id}}"));
            get.map(|get| (200, named(&get.id, "The first of them.", json!({"id": "$response.body#/data/0/id"})).into_iter().collect()))
                .into_iter()
                .collect()
        }
        ("delete", _) => vec![(204, items(collection, "$request.path.id"))],
        _ => Vec::new(),
    }
    .into_iter()
    .filter(|(_, links)| !links.is_empty())
    .collect()
}

fn link(id: &str, what: &str, parameters: &Value) -> (String, Value) {
    (id.to_owned(), json!({"operationId": id, "description": what, "parameters": parameters}))
}
