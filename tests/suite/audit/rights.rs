//! The way back of people, roles and forms: by the rules of any other change, and never of a secret.

use kartoteka_tests::{Answer, Caller, Value, Workspace, app, json, workspace::sign_in};

/// The newest event of a record.
fn last(admin: &Caller, id: &str) -> String {
    admin.get(&format!("/v1/audit-events?record_id={id}&limit=1")).ok().items()[0]["id"].as_str().unwrap().to_owned()
}

/// The event that made a record.
fn made(admin: &Caller, id: &str) -> String {
    admin.get(&format!("/v1/audit-events?record_id={id}&action=created")).ok().items()[0]["id"].as_str().unwrap().to_owned()
}

fn revert(by: &Caller, event: &str) -> Answer {
    by.post_nothing(&format!("/v1/audit-events/{event}/revert")).ok()
}

fn conflicts(done: &Answer) -> Vec<(Option<&str>, &str)> {
    done["conflicts"].as_array().unwrap().iter().map(|c| (c["field"].as_str(), c["reason"].as_str().unwrap())).collect()
}

fn user(admin: &Caller, who: &Caller) -> Answer {
    admin.get(&format!("/v1/users/{}", who.user_id)).ok()
}

/// A role and somebody who has it.
fn with_role(workspace: &Workspace, key: &str, records: &[&str]) -> (Answer, Caller) {
    let all = |record: &&str| json!({"record": record, "read": "all", "create": "all", "update": "all", "delete": "all"});
    let rights: Vec<Value> = records.iter().map(all).collect();
    let role = workspace.administrator().post("/v1/roles", json!({"key": key, "name": key, "rights": rights})).created();
    (role, workspace.somebody(key, json!({})))
}

#[test]
fn a_change_of_a_person_is_taken_back_and_his_rights_with_it_at_once() {
    let workspace = app().workspace();
    let (admin, person) = (workspace.administrator(), workspace.manager());
    let path = format!("/v1/users/{}", person.user_id);
    let department = admin.post("/v1/departments", json!({"name": "Отдел"})).created();
    admin.patch(&path, json!({"role": "administrator", "name": "Другой", "department_id": department.id()})).ok();
    person.get("/v1/api-keys").ok();
    let event = last(&admin, &person.user_id);
    let preview = admin.post_nothing(&format!("/v1/audit-events/{event}/revert?dry_run=true")).ok();
    person.get("/v1/api-keys").ok();
    let done = revert(&admin, &event);
    assert_eq!((&preview["reverted"], conflicts(&done)), (&done["reverted"], vec![]));
    assert_eq!(
        done["reverted"],
        json!([{"record_type": "user", "record_id": person.user_id, "fields": ["department_id", "name", "role"]}])
    );
    person.get("/v1/api-keys").is_problem(403, "forbidden");
    // a dismissal: the person may sign in again, the sessions that ended stay so
    admin.patch(&path, json!({"active": false})).ok();
    revert(&admin, &last(&admin, &person.user_id));
    person.get("/v1/me").is_problem(401, "invalid_token");
    sign_in(app(), &person.email).get("/v1/contacts").ok();
    let moment = admin.get(&format!("/v1/audit-events?record_id={}&limit=1", person.user_id)).ok().items()[0]["at"].clone();
    admin.patch(&path, json!({"role": "head", "language": "uk"})).ok();
    let back = admin.post(&format!("{path}/revert-to"), json!({"moment": moment})).ok();
    assert_eq!(back["reverted"][0]["fields"], json!(["language", "role"]));
}

#[test]
fn the_making_of_a_person_is_taken_back_by_deactivating_and_secrets_are_never_put_back() {
    let workspace = app().workspace();
    let (admin, person) = (workspace.administrator(), workspace.manager());
    person.get("/v1/me").ok();
    // the password of a new person is set beside the record
    let done = revert(&admin, &last(&admin, &person.user_id));
    assert_eq!((&done["reverted"], conflicts(&done)), (&json!([]), vec![(None, "not_revertible")]));
    let done = revert(&admin, &made(&admin, &person.user_id));
    assert_eq!(done["reverted"][0]["fields"], json!(["active"]));
    person.get("/v1/me").is_problem(401, "invalid_token");
    assert_eq!((&user(&admin, &person)["active"], &user(&admin, &person)["archived_at"]), (&json!(false), &Value::Null));
    assert_eq!(conflicts(&revert(&admin, &made(&admin, &person.user_id))), [(Some("active"), "changed_again")]);
    let key = admin.post("/v1/api-keys", json!({"name": "1C"})).created();
    assert_eq!(conflicts(&revert(&admin, &made(&admin, &key.id()))), [(None, "not_revertible")]);
}

#[test]
fn no_way_back_goes_past_the_last_administrator_or_one_s_own_rights() {
    let workspace = app().workspace();
    let (admin, heir) = (workspace.administrator(), workspace.manager());
    admin.patch(&format!("/v1/users/{}", heir.user_id), json!({"role": "administrator", "name": "Наследник"})).ok();
    let promoted = last(&admin, &heir.user_id);
    heir.patch(&format!("/v1/users/{}", admin.user_id), json!({"role": "manager"})).ok();
    let done = revert(&heir, &promoted);
    assert_eq!((&done["reverted"][0]["fields"], conflicts(&done)), (&json!(["name"]), vec![(Some("role"), "last_administrator")]));
    assert_eq!(conflicts(&revert(&heir, &made(&heir, &heir.user_id))), [(Some("name"), "changed_again"), (Some("role"), "changed_again")]);
    revert(&heir, &last(&heir, &admin.user_id));
    // somebody who may take changes back and change people, and no more
    let (role, auditor) = with_role(&workspace, "auditor", &["audit_event", "user", "role"]);
    let path = format!("/v1/users/{}", auditor.user_id);
    admin.patch(&path, json!({"role": "administrator"})).ok();
    admin.patch(&path, json!({"role": "auditor", "name": "Аудитор"})).ok();
    let done = revert(&auditor, &last(&admin, &auditor.user_id));
    assert_eq!((&done["reverted"][0]["fields"], conflicts(&done)), (&json!(["name"]), vec![(Some("role"), "exceeds_own_rights")]));
    admin.patch(&format!("/v1/users/{}", heir.user_id), json!({"time_zone": "Europe/Kyiv"})).ok();
    let done = revert(&auditor, &last(&admin, &heir.user_id));
    assert_eq!((&done["reverted"], conflicts(&done)), (&json!([]), vec![(Some("time_zone"), "exceeds_own_rights")]));
    // nor by way of the role itself
    admin.patch(&role.path(), json!({"rights": [{"record": "contact", "read": "all"}, {"record": "audit_event", "read": "all", "update": "all"}, {"record": "role", "read": "all", "update": "all"}]})).ok();
    let done = revert(&auditor, &last(&admin, &role.id()));
    assert_eq!(conflicts(&done), [(Some("rights"), "exceeds_own_rights")]);
}

#[test]
fn a_role_goes_back_for_everybody_who_has_it_and_stays_where_it_must() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let (role, holder) = with_role(&workspace, "reader", &["contact"]);
    admin.patch(&role.path(), json!({"rights": [], "name": "Никто"})).ok();
    holder.get("/v1/contacts").is_problem(403, "forbidden");
    let done = revert(&admin, &last(&admin, &role.id()));
    assert_eq!((&done["reverted"][0]["fields"], conflicts(&done)), (&json!(["name", "rights"]), vec![]));
    holder.get("/v1/contacts").ok();
    let other = admin.post("/v1/roles", json!({"key": "other", "name": "Другая"})).created();
    assert_eq!(revert(&admin, &made(&admin, &other.id()))["reverted"][0]["fields"], json!(["archived_at"]));
    assert_eq!(revert(&admin, &last(&admin, &other.id()))["reverted"][0]["fields"], json!(["archived_at"]));
    assert!(admin.get(&other.path()).ok()["archived_at"].is_null());
    let (fresh, _) = with_role(&workspace, "fresh", &["note"]);
    assert_eq!(conflicts(&revert(&admin, &made(&admin, &fresh.id()))), [(Some("archived_at"), "role_in_use")]);
    let head =
        admin.get("/v1/roles?limit=200").ok().items().iter().find(|r| r["key"] == "head").unwrap()["id"].as_str().unwrap().to_owned();
    assert_eq!(conflicts(&revert(&admin, &made(&admin, &head))), [(Some("archived_at"), "role_protected")]);
    let moment = admin.get(&format!("/v1/audit-events?record_id={}&limit=1", role.id())).ok().items()[0]["at"].clone();
    admin.patch(&role.path(), json!({"reveal": true})).ok();
    let back = admin.post(&format!("{}/revert-to", role.path()), json!({"moment": moment})).ok();
    assert_eq!(back["reverted"][0]["fields"], json!(["reveal"]));
}

#[test]
fn a_form_goes_back_but_a_replaced_key_stays_shut_out() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let form = workspace.form(json!({"tags": ["Сайт"], "min_fill_seconds": 0}));
    let send = |key: &Value| {
        let body = json!({"name": "Иван", "phone": "+79123456789"}).to_string().into_bytes();
        let path = format!("/public/v1/forms/{}/submissions", key.as_str().unwrap());
        app().anyone().send("POST", &path, Some("application/json"), Some(body)).status
    };
    admin.patch(&form.path(), json!({"active": false, "tags": [], "task_minutes": 5})).ok();
    let done = revert(&admin, &last(&admin, &form.id()));
    assert_eq!((&done["reverted"][0]["fields"], conflicts(&done)), (&json!(["active", "tags", "task_minutes"]), vec![]));
    let rotated = admin.post_nothing(&format!("{}/rotate-key", form.path())).ok();
    let done = revert(&admin, &last(&admin, &form.id()));
    assert_eq!((&done["reverted"], conflicts(&done)), (&json!([]), vec![(Some("key"), "not_revertible")]));
    assert_eq!((send(&form["key"]), send(&rotated["key"])), (404, 202));
    let other = workspace.form(json!({}));
    revert(&admin, &made(&admin, &other.id()));
    assert!(admin.get(&other.path()).ok()["archived_at"].is_string());
    assert_eq!(send(&other["key"]), 404);
    let moment = admin.get(&format!("/v1/audit-events?record_id={}&limit=1", form.id())).ok().items()[0]["at"].clone();
    admin.patch(&form.path(), json!({"name": "Другая"})).ok();
    let back = admin.post(&format!("{}/revert-to", form.path()), json!({"moment": moment})).ok();
    assert_eq!(back["reverted"][0]["fields"], json!(["name"]));
}

#[test]
fn what_an_intruder_did_to_people_roles_and_forms_is_taken_back_by_his_period() {
    let workspace = app().workspace();
    let (admin, person, intruder) = (workspace.administrator(), workspace.manager(), workspace.somebody("administrator", json!({})));
    let form = workspace.form(json!({}));
    let manager = admin.get("/v1/roles?limit=200").ok().items().iter().find(|r| r["key"] == "manager").unwrap().clone();
    let role_path = format!("/v1/roles/{}", manager["id"].as_str().unwrap());
    let from = admin.get("/v1/audit-events?limit=1").ok().items()[0]["at"].clone();
    let accomplice = intruder
        .post("/v1/users", json!({"email": format!("accomplice-{}@example.com", workspace.slug), "name": "Тень", "role": "administrator"}))
        .created();
    intruder.patch(&format!("/v1/users/{}", admin.user_id), json!({"name": "Никто"})).ok();
    intruder.patch(&format!("/v1/users/{}", person.user_id), json!({"active": false})).ok();
    intruder.patch(&role_path, json!({"rights": [{"record": "contact", "read": "all", "export": "all"}], "reveal": true})).ok();
    intruder.patch(&form.path(), json!({"redirect_url": "https://evil.example/", "active": false})).ok();
    let body = json!({"actor_id": intruder.user_id, "from": from, "to": "2100-01-01T00:00:00Z"});
    let done = admin.post("/v1/audit-events/revert-period", body).ok();
    assert_eq!((conflicts(&done), done["reverted"].as_array().unwrap().len()), (vec![], 5), "{done}");
    assert_eq!(admin.get(&accomplice.path()).ok()["active"], false);
    assert_eq!((&user(&admin, &person)["active"], admin.get(&role_path).ok()["rights"] == manager["rights"]), (&json!(true), true));
    let form = admin.get(&form.path()).ok();
    assert_eq!((&form["redirect_url"], &form["active"]), (&Value::Null, &json!(true)));
    assert_eq!(admin.get("/v1/audit-events/verify").ok()["ok"], true);
}
