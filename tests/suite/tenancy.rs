//! Tenancy: another workspace sees nothing, through no endpoint.

use std::collections::BTreeMap;

use kartoteka_tests::{Workspace, app, eventually, json, spec};

/// One record of each kind, by the path of its collection. A new kind is taught here, or the walks fail.
pub fn one_of_each(workspace: &Workspace) -> BTreeMap<String, String> {
    let admin = workspace.administrator();
    let mut ids = BTreeMap::new();
    let mark = format!("Секрет{}", kartoteka_tests::workspace::unique());
    ids.insert("/v1/me/sessions".to_owned(), admin.get("/v1/me/sessions").ok().ids().remove(0));
    let mut make =
        |path: &str, body| ids.insert(path.to_owned(), admin.post(path, body).created().path().rsplit('/').next().unwrap().to_owned());
    make("/v1/departments", json!({"name": mark}));
    make("/v1/users", json!({"email": format!("{}@example.com", workspace.slug), "name": mark}));
    make("/v1/api-keys", json!({"name": mark}));
    make(
        "/v1/roles",
        json!({"key": format!("own_{}", workspace.slug.replace('-', "_").chars().filter(char::is_ascii_alphanumeric).collect::<String>()), "name": mark}),
    );
    for list in [
        "/v1/sources",
        "/v1/contact-statuses",
        "/v1/reject-reasons",
        "/v1/lost-reasons",
        "/v1/communication-outcomes",
        "/v1/tags",
        "/v1/pipelines",
    ] {
        make(list, json!({"name": mark}));
    }
    make("/v1/assignment-rules", json!({"name": mark, "method": "keep_present"}));
    make("/v1/companies", json!({"name": mark, "external_id": "shared", "tax_id": "7707083893"}));
    make(
        "/v1/contacts",
        json!({"last_name": mark, "external_id": "shared", "phones": [{"value": "+79123456789"}], "emails": [{"value": "secret@example.com"}]}),
    );
    let contact = ids["/v1/contacts"].clone();
    let mut make = |path: &str, body| ids.insert(path.to_owned(), admin.post(path, body).created().id());
    make("/v1/leads", json!({"contact_id": contact, "title": mark}));
    make("/v1/deals", json!({"name": mark, "contacts": [{"contact_id": contact}]}));
    make("/v1/tasks", json!({"title": mark, "contact_id": contact}));
    make("/v1/communications", json!({"channel": "call", "direction": "inbound", "contact_id": contact, "subject": mark}));
    make("/v1/notes", json!({"body": mark, "contact_id": contact}));
    make("/v1/forms", json!({"name": mark}));
    make("/v1/webhooks", json!({"name": mark, "url": "https://hooks.example/x", "active": false}));
    let hook = ids["/v1/webhooks"].clone();
    let tried = admin.post_nothing(&format!("/v1/webhooks/{hook}/test")).accepted().id();
    ids.insert("/v1/webhook-deliveries".to_owned(), tried);
    let colleague = ids["/v1/users"].clone();
    let handed = json!({"from_user_id": colleague, "to_user_id": admin.user_id, "record_types": ["task"], "comment": mark});
    ids.insert("/v1/hand-overs".to_owned(), admin.post("/v1/hand-overs", handed).created().id());
    let soon = crate::api_key::later(2);
    admin.post("/v1/tasks", json!({"title": mark, "contact_id": contact, "remind_at": [soon]})).created();
    let told = eventually("a reminder", || admin.get("/v1/notifications").ok().ids().pop());
    ids.insert("/v1/notifications".to_owned(), told);
    let form = ids["/v1/forms"].clone();
    let receipt = admin.post(&format!("/v1/forms/{form}/test"), json!({"fields": {"comment": mark}})).accepted();
    let submission = receipt["submission_id"].as_str().unwrap().to_owned();
    eventually("the submission", || (admin.get(&format!("/v1/submissions/{submission}")).ok()["state"] == "processed").then_some(()));
    ids.insert("/v1/submissions".into(), submission);
    let about = format!("/v1/audit-events?record_id={contact}&limit=1");
    let event = eventually("an event to be sealed", || Some(admin.get(&about).ok().items()[0].clone()).filter(|e| e["hash"].is_string()));
    ids.insert("/v1/audit-events".into(), event["id"].as_str().unwrap().to_owned());
    ids
}

/// A path template with the id of the record it speaks of.
pub fn filled(template: &str, ids: &BTreeMap<String, String>) -> String {
    let path = template.replace("{external_id}", "shared").replace("{form_key}", "f_unknown").replace("{secret}", "unknown");
    match path.split_once("/{id}") {
        None => path,
        Some((collection, rest)) => {
            let id = ids.get(collection).unwrap_or_else(|| panic!("one_of_each does not know how to make one of {collection}"));
            format!("{collection}/{id}{rest}")
        }
    }
}

#[test]
fn another_workspace_sees_nothing_through_any_endpoint() {
    let (theirs, ours) = (app().workspace(), app().workspace());
    let ids = one_of_each(&theirs);
    let stranger = ours.administrator();
    for operation in &spec::of(app().address).operations {
        if !operation.path.starts_with("/v1/") || operation.path.starts_with("/v1/auth") || operation.method != "GET" {
            continue;
        }
        let path = filled(&operation.path, &ids);
        let answer = match operation.path.as_str() {
            "/v1/lookup" => stranger.get("/v1/lookup?phone=%2B79123456789"),
            _ => stranger.get(&path),
        };
        let all: Vec<&String> = ids.values().filter(|id| answer.text().contains(*id)).collect();
        assert!(
            all.is_empty() && !answer.text().contains(&theirs.id) && !answer.text().contains("Секрет"),
            "{} leaks {all:?}\n{answer}",
            operation.id
        );
        assert_eq!(answer.status == 404, operation.path.contains("{id}"), "{answer}");
    }
}

#[test]
fn another_workspace_changes_nothing_through_any_endpoint() {
    let (theirs, ours) = (app().workspace(), app().workspace());
    let ids = one_of_each(&theirs);
    let admin = theirs.administrator();
    let before: Vec<String> = ids.iter().map(|(collection, id)| admin.get(&format!("{collection}/{id}")).ok().text()).collect();
    let stranger = ours.administrator();
    let specification = spec::of(app().address);
    for operation in specification.operations.iter().filter(|o| o.path.contains("{id}") && o.method != "GET") {
        let path = filled(&operation.path, &ids);
        match specification.json_body(operation).and_then(|media| specification.example(media)) {
            Some(example) => stranger.send_json(&operation.method, &path, example),
            None => stranger.send(&operation.method, &path, None, None),
        }
        .is_problem(404, "not_found");
    }
    let after: Vec<String> = ids.iter().map(|(collection, id)| admin.get(&format!("{collection}/{id}")).ok().text()).collect();
    assert_eq!(before, after);
}

#[test]
fn an_external_id_belongs_to_its_workspace() {
    let (one, two) = (app().workspace().key("integration"), app().workspace().key("integration"));
    let path = "/v1/contacts/by-external-id/shared";
    let a = one.put(path, json!({"last_name": "А"})).created();
    let b = two.put(path, json!({"last_name": "Б"})).created();
    assert_ne!(a.id(), b.id());
}

#[test]
fn the_workspace_comes_only_from_the_token() {
    let (theirs, ours) = (app().workspace(), app().workspace());
    let admin = ours.administrator();
    for header in ["x-workspace", "x-workspace-id", "workspace", "x-tenant-id"] {
        assert_eq!(admin.with(header, &theirs.id).get("/v1/workspace").ok()["id"], ours.id.as_str());
    }
    admin.get(&format!("/v1/workspace?workspace_id={}", theirs.id)).is_problem(400, "unknown_parameter");
}
