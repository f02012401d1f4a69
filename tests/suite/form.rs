//! Forms: their settings, key, snippet, public definition and test.

use kartoteka_tests::{app, eventually, json};

#[test]
fn a_form_without_settings_asks_the_usual_things() {
    let admin = app().workspace().administrator();
    let form = admin.post("/v1/forms", json!({"name": "Сайт"})).created();
    let kinds: Vec<_> = form["fields"].as_array().unwrap().iter().map(|f| f["kind"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds, ["name", "phone", "email", "comment"]);
    assert_eq!((&form["active"], &form["task_minutes"], &form["assignment"]), (&json!(true), &json!(null), &json!(null)));
    assert!(form["key"].as_str().unwrap().len() > 20);
    assert_eq!(admin.get(&form.path()).ok().text(), form.text());
}

#[test]
fn a_form_keeps_all_its_settings() {
    let workspace = app().workspace();
    let source = workspace.administrator().post("/v1/sources", json!({"name": "Ярмарка"})).created().id();
    let manager = workspace.manager().user_id;
    let settings = json!({
        "fields": [{"name": "tel", "kind": "phone", "label": "Телефон", "required": true, "options": []},
                   {"name": "service", "kind": "choice", "label": null, "required": false, "options": ["Аудит", "Ремонт"]}],
        "allowed_origins": ["https://site.example"], "redirect_url": "https://site.example/thanks", "source_id": source, "tags": ["сайт"],
        "assignment": {"kind": "round_robin", "user_ids": [manager]}, "task_minutes": 15, "task_title": "Перезвонить", "honeypot_field": "hp",
        "start_field": "t0", "min_fill_seconds": 3, "duplicate_window_seconds": 60, "rate_per_minute": 100, "max_body_bytes": 4096
    });
    let form = workspace.form(settings.clone());
    for (field, value) in settings.as_object().unwrap() {
        assert_eq!(&form[field.as_str()], value, "{field}");
    }
}

#[test]
fn a_form_s_faults_are_told_at_once() {
    let admin = app().workspace().administrator();
    let form = json!({
        "fields": [{"name": "a", "kind": "text"}, {"name": "a", "kind": "text"}, {"name": "c", "kind": "choice"}],
        "allowed_origins": ["site.example/path"], "redirect_url": "javascript:x", "task_minutes": 0, "max_body_bytes": 1,
        "assignment": {"kind": "user", "user_id": "01939d5a-0000-7000-8000-000000000000"}
    });
    let refused = admin.post("/v1/forms", form).is_problem(422, "validation_failed").names_with("/name", "required");
    let refused = refused.names_with("/fields/1/name", "already_taken").names("/fields/2/options").names("/allowed_origins/0");
    refused
        .names_with("/redirect_url", "invalid_url")
        .names_with("/task_minutes", "out_of_range")
        .names_with("/max_body_bytes", "out_of_range");
    let unknown = json!({"name": "x", "assignment": {"kind": "user", "user_id": "01939d5a-0000-7000-8000-000000000000"}});
    admin.post("/v1/forms", unknown).is_problem(422, "validation_failed").names_with("/assignment/user_id", "reference_not_found");
}

#[test]
fn a_page_is_told_the_fields_and_nothing_of_the_workspace() {
    let workspace = app().workspace();
    let form = workspace.form(json!({"honeypot_field": "hp", "start_field": "t0", "tags": ["секрет"]}));
    let public = app().anyone().get(&format!("/public/v1/forms/{}", form["key"].as_str().unwrap())).ok();
    assert_eq!((&public["honeypot_field"], &public["start_field"], &public["fields"]), (&json!("hp"), &json!("t0"), &form["fields"]));
    assert!(!public.text().contains(&workspace.id) && !public.text().contains("секрет"));
}

#[test]
fn an_unknown_inactive_or_archived_form_is_not_there() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let anyone = app().anyone();
    let form = workspace.form(json!({}));
    let public = format!("/public/v1/forms/{}", form["key"].as_str().unwrap());
    let submissions = format!("{public}/submissions");
    anyone.get("/public/v1/forms/f_unknown").is_problem(404, "not_found");
    anyone.post("/public/v1/forms/f_unknown/submissions", json!({"fields": {"name": "x"}})).is_problem(404, "not_found");
    admin.patch(&form.path(), json!({"active": false})).ok();
    eventually("the form to be closed", || (anyone.get(&public).status == 404).then_some(()));
    anyone.post(&submissions, json!({"fields": {"name": "x"}})).is_problem(404, "not_found");
    admin.patch(&form.path(), json!({"active": true})).ok();
    eventually("the form to be open", || (anyone.get(&public).status == 200).then_some(()));
    admin.delete(&form.path()).no_content();
    eventually("the form to be archived", || (anyone.get(&public).status == 404).then_some(()));
    admin.post_nothing(&format!("{}/restore", form.path())).ok();
    eventually("the form to be back", || (anyone.get(&public).status == 200).then_some(()));
}

#[test]
fn a_rotated_key_replaces_the_old_one() {
    let workspace = app().workspace();
    let form = workspace.form(json!({}));
    let rotated = workspace.administrator().post_nothing(&format!("{}/rotate-key", form.path())).ok();
    assert_ne!(rotated["key"], form["key"]);
    app().anyone().get(&format!("/public/v1/forms/{}", rotated["key"].as_str().unwrap())).ok();
    let old = format!("/public/v1/forms/{}", form["key"].as_str().unwrap());
    eventually("the old key to stop", || (app().anyone().get(&old).status == 404).then_some(()));
}

#[test]
fn the_snippet_is_html_that_posts_to_the_form_and_hides_its_trap() {
    let workspace = app().workspace();
    let form =
        workspace.form(json!({"fields": [{"name": "q\"<script>", "kind": "text"}, {"name": "tel", "kind": "phone", "required": true}]}));
    let snippet = workspace.administrator().get(&format!("{}/snippet", form.path())).ok();
    let html = snippet["html"].as_str().unwrap();
    let action = format!("/public/v1/forms/{}/submissions", form["key"].as_str().unwrap());
    assert!(snippet["action"].as_str().unwrap().ends_with(&action));
    assert!(html.contains(&action) && html.contains("name=\"website\"") && html.contains("type=\"tel\""), "{html}");
    assert!(!html.contains("q\"<script>"), "names are escaped: {html}");
}

#[test]
fn a_test_goes_the_whole_way_and_is_marked_as_one() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let form = workspace.form(json!({}));
    let receipt = admin.post(&format!("{}/test", form.path()), json!({"fields": {"name": "Проба", "phone": "+79123456789"}})).accepted();
    let path = format!("/v1/submissions/{}", receipt["submission_id"].as_str().unwrap());
    let submission = eventually("the test to be processed", || Some(admin.get(&path).ok()).filter(|s| s["state"] == "processed"));
    assert_eq!(submission["test"], true);
}

#[test]
fn forms_are_listed_patched_archived_and_restored() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let form = workspace.form(json!({"task_minutes": 15}));
    assert_eq!(admin.get("/v1/forms").ok().ids(), [form.id()]);
    let patched = admin.patch(&form.path(), json!({"task_minutes": null, "name": "Лендинг"})).ok();
    assert_eq!((&patched["task_minutes"], &patched["name"], &patched["key"]), (&json!(null), &json!("Лендинг"), &form["key"]));
    admin.delete(&form.path()).no_content();
    assert!(admin.get("/v1/forms").ok().items().is_empty());
    admin.post_nothing(&format!("{}/restore", form.path())).ok();
}

#[test]
fn an_assignment_becomes_one_of_another_kind() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let person = workspace.manager().user_id.clone();
    let form = admin.post("/v1/forms", json!({"name": "Сайт", "assignment": {"kind": "round_robin", "user_ids": [person]}})).created();
    let changed = admin.patch(&form.path(), json!({"assignment": {"kind": "user", "user_id": person}})).ok();
    assert_eq!(changed["assignment"], json!({"kind": "user", "user_id": person}));
}
