//! Roles as data: own ones, what nobody may grant, and what a field rule keeps from the asker.

use kartoteka_tests::{Caller, Value, Workspace, app, json};

/// A person with a role of that matrix and those field rules.
fn with_role(workspace: &Workspace, key: &str, rights: Value, rules: Value) -> Caller {
    let admin = workspace.administrator();
    admin.post("/v1/roles", json!({"key": key, "name": key, "rights": rights, "field_rules": rules})).created();
    workspace.somebody(key, json!({}))
}

fn all(record: &str) -> Value {
    json!({"record": record, "read": "all", "create": "all", "update": "all", "delete": "all", "assign": "all"})
}

#[test]
fn a_workspace_comes_with_its_roles_and_keeps_them() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let roles = admin.get("/v1/roles?limit=200").ok();
    let keys: Vec<&str> = roles["data"].as_array().unwrap().iter().map(|r| r["key"].as_str().unwrap()).collect();
    for key in ["administrator", "head", "manager", "operator", "marketer", "analyst", "integration"] {
        assert!(keys.contains(&key), "{key} in {keys:?}");
    }
    let role = |key: &str| roles["data"].as_array().unwrap().iter().find(|r| r["key"] == key).unwrap()["id"].as_str().unwrap().to_owned();
    admin.delete(&format!("/v1/roles/{}", role("manager"))).is_problem(409, "role_protected");
    admin.patch(&format!("/v1/roles/{}", role("administrator")), json!({"rights": []})).is_problem(409, "role_protected");
    let changed = admin.patch(&format!("/v1/roles/{}", role("manager")), json!({"see_unassigned": true})).ok();
    assert_eq!((&changed["see_unassigned"], &changed["version"]), (&json!(true), &json!(2)));
}

#[test]
fn an_own_role_is_what_its_matrix_says() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let card = admin.post("/v1/contacts", json!({"last_name": "Чужой"})).created();
    let reader = with_role(&workspace, "reader", json!([{"record": "contact", "read": "all"}]), json!([]));
    assert_eq!(reader.get(&card.path()).ok()["last_name"], "Чужой");
    reader.patch(&card.path(), json!({"last_name": "Мой"})).is_problem(403, "forbidden");
    reader.post("/v1/contacts", json!({"last_name": "Мой"})).is_problem(403, "forbidden");
    reader.get("/v1/tasks").is_problem(403, "forbidden");
    assert_eq!(reader.get("/v1/me").ok()["role"], "reader");
    // a change of the role holds from the next request on
    let id = admin.get("/v1/roles?q=reader").ok().ids()[0].clone();
    admin.patch(&format!("/v1/roles/{id}"), json!({"rights": [{"record": "contact", "read": "all", "update": "all"}]})).ok();
    reader.patch(&card.path(), json!({"last_name": "Мой"})).ok();
    // in use it stays
    admin.delete(&format!("/v1/roles/{id}")).is_problem(409, "role_in_use");
}

#[test]
fn a_matrix_with_unknown_names_is_refused() {
    let admin = app().workspace().administrator();
    let post =
        |rights: Value, rules: Value| admin.post("/v1/roles", json!({"key": "x", "name": "X", "rights": rights, "field_rules": rules}));
    post(json!([{"record": "secrets", "read": "all"}]), json!([])).is_problem(422, "validation_failed").names("/rights/0/record");
    post(json!([{"record": "contact", "read": "everything"}]), json!([])).is_problem(422, "validation_failed").names("/rights/0/read");
    post(json!([{"record": "contact", "reed": "all"}]), json!([])).is_problem(400, "unknown_field");
    post(json!([all("contact"), all("contact")]), json!([])).is_problem(422, "validation_failed").names("/rights/1/record");
    let rule = |field: &str, effect: &str| json!([{"record": "contact", "field": field, "effect": effect}]);
    post(json!([]), rule("soul", "hidden")).is_problem(422, "validation_failed").names_with("/field_rules/0/field", "reference_not_found");
    post(json!([]), rule("display_name", "hidden")).is_problem(422, "validation_failed").names_with("/field_rules/0/field", "field_needed");
    post(json!([]), rule("comment", "masked")).is_problem(422, "validation_failed").names_with("/field_rules/0/field", "field_needed");
    admin
        .post("/v1/roles", json!({"key": "manager", "name": "X"}))
        .is_problem(422, "validation_failed")
        .names_with("/key", "already_taken");
    assert_eq!(admin.get("/v1/roles?include_total=true").ok()["total"], 7);
}

#[test]
fn nobody_grants_more_than_he_has() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let rights = json!([all("user"), all("role"), all("api_key"), all("contact")]);
    let personnel = with_role(&workspace, "personnel", rights, json!([{"record": "contact", "field": "phones", "effect": "masked"}]));
    let new = |role: &str| json!({"email": format!("{role}@grant.example"), "name": role, "role": role});
    personnel.post("/v1/users", new("administrator")).is_problem(403, "exceeds_own_rights");
    personnel.post("/v1/users", new("head")).is_problem(403, "exceeds_own_rights");
    personnel.post("/v1/users", new("personnel")).created();
    personnel.post("/v1/users", new("nothing_known")).is_problem(422, "validation_failed").names_with("/role", "reference_not_found");
    personnel.post("/v1/api-keys", json!({"name": "x", "role": "integration"})).is_problem(403, "exceeds_own_rights");
    // the same matrix without the mask is more
    let more = json!({"key": "seer", "name": "Seer", "rights": [all("contact")]});
    personnel.post("/v1/roles", more).is_problem(403, "exceeds_own_rights");
    let masked = json!({"key": "clerk", "name": "Clerk", "rights": [all("contact")], "field_rules": [{"record": "contact", "field": "phones", "effect": "hidden"}]});
    personnel.post("/v1/roles", masked).created();
    // nor takes from who has more
    let administrator = admin.get("/v1/me").ok().at("/user/id").as_str().unwrap().to_owned();
    personnel.patch(&format!("/v1/users/{administrator}"), json!({"role": "personnel"})).is_problem(403, "exceeds_own_rights");
    admin.patch(&format!("/v1/users/{administrator}"), json!({"role": "manager"})).is_problem(409, "last_administrator");
}

#[test]
fn nobody_acts_on_who_has_more_and_everybody_on_who_has_as_much() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let personnel = with_role(&workspace, "personnel", json!([all("user"), all("api_key")]), json!([]));
    let key = admin.post("/v1/api-keys", json!({"name": "1C"})).created();
    let peer = workspace.somebody("personnel", json!({}));
    let victims = [admin.user_id.clone(), workspace.head().user_id, workspace.manager().user_id];
    for victim in &victims {
        let path = format!("/v1/users/{victim}");
        for change in [
            json!({"active": false}),
            json!({"name": "X"}),
            json!({"email": "x@example.com"}),
            json!({"password": "жил был пёс 1"}),
            json!({"role": "personnel"}),
            json!({}),
        ] {
            personnel.patch(&path, change).is_problem(403, "exceeds_own_rights");
        }
        for act in ["password-link", "end-sessions", "reset-totp"] {
            personnel.post_nothing(&format!("{path}/{act}")).is_problem(403, "exceeds_own_rights");
        }
        assert_eq!(admin.get(&path).ok()["version"], 1, "nothing was written");
    }
    admin.get("/v1/me").ok();
    let keys = format!("/v1/api-keys/{}", key.id());
    personnel.patch(&keys, json!({"allowed_addresses": ["203.0.113.7"]})).is_problem(403, "exceeds_own_rights");
    personnel.post(&format!("{keys}/rotate"), json!({})).is_problem(403, "exceeds_own_rights");
    personnel.delete(&keys).is_problem(403, "exceeds_own_rights");
    app().anyone().bearer(key["secret"].as_str().unwrap()).get("/v1/contacts").ok();
    // as much as oneself is not more
    let path = format!("/v1/users/{}", peer.user_id);
    personnel.post_nothing(&format!("{path}/password-link")).status(201);
    personnel.post_nothing(&format!("{path}/reset-totp")).no_content();
    personnel.post_nothing(&format!("{path}/end-sessions")).no_content();
    peer.get("/v1/me").is_problem(401, "invalid_token");
    personnel.patch(&path, json!({"active": false})).ok();
    // once more is taken from them they are within reach
    admin.patch(&format!("/v1/users/{}", victims[2]), json!({"role": "personnel"})).ok();
    personnel.patch(&format!("/v1/users/{}", victims[2]), json!({"active": false})).ok();
    // what was refused can be read
    let told = admin.get(&format!("/v1/audit-events?action=refused&actor_id={}", personnel.user_id)).ok();
    assert!(told.items().iter().any(|e| e["reason"].as_str().unwrap().starts_with("exceeds_own_rights: ")), "{told}");
}

#[test]
fn of_two_administrators_who_dismiss_each_other_at_once_one_stays() {
    let workspace = app().workspace();
    let first = workspace.administrator();
    for _ in 0..8 {
        let second = workspace.somebody("administrator", json!({}));
        let dismiss = |by: &Caller, whom: &Caller| by.patch(&format!("/v1/users/{}", whom.user_id), json!({"role": "manager"})).status;
        let (one, two) = std::thread::scope(|scope| {
            let one = scope.spawn(|| dismiss(&first, &second));
            (dismiss(&second, &first), one.join().unwrap())
        });
        let left: Vec<bool> = [&first, &second].iter().map(|who| who.get("/v1/me").ok()["role"] == "administrator").collect();
        assert!(left.contains(&true), "{one} and {two}");
        if !left[0] {
            return;
        }
    }
}

#[test]
fn hidden_and_masked_fields_stay_so_wherever_a_card_is_answered() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let rules = json!([
        {"record": "contact", "field": "phones", "effect": "masked"}, {"record": "contact", "field": "emails", "effect": "masked"},
        {"record": "contact", "field": "comment", "effect": "hidden"}, {"record": "contact", "field": "source_id", "effect": "hidden"},
        {"record": "contact", "field": "tags", "effect": "read_only"}, {"record": "task", "field": "description", "effect": "hidden"}]);
    let rights = json!([all("contact"), all("task"), all("lead"), all("company"), all("communication"), all("note"), {"record": "source", "read": "all"}]);
    let masked = with_role(&workspace, "masked", rights, rules);
    let source = admin.get("/v1/sources").ok().ids()[0].clone();
    let card = admin
        .post("/v1/contacts", json!({"last_name": "Тайная", "phones": [{"value": "8 912 345-67-89"}], "emails": [{"value": "secret@marker.example"}], "comment": "MARKER", "source_id": source}))
        .created();
    let nameless = admin.post("/v1/contacts", json!({"phones": [{"value": "+7 921 000-11-22"}]})).created();
    admin.patch(&card.path(), json!({"comment": "MARKER two", "phones": [{"value": "8 912 345-67-88"}]})).ok();
    let task = admin.post("/v1/tasks", json!({"title": "Позвонить", "description": "MARKER", "contact_id": card.id()})).created();
    admin.post("/v1/communications", json!({"channel": "call", "direction": "inbound", "contact_id": card.id()})).created();
    let one = masked.get(&card.path()).ok();
    assert_eq!(one.at("/phones/0/e164"), "+7 ••• •••-67-88");
    assert_eq!(one.at("/emails/0/value"), "s•••@marker.example");
    assert_eq!((&one["comment"], &one["source_id"]), (&Value::Null, &Value::Null));
    assert_eq!(one["access"], json!({"hidden": ["comment", "source_id"], "masked": ["phones", "emails"], "read_only": ["tags"]}));
    assert_eq!(masked.get(&nameless.path()).ok()["display_name"], "+7 ••• •••-11-22");
    // wherever it stands
    for path in [
        card.path(),
        "/v1/contacts?expand=owner,source".into(),
        format!("{}/overview", card.path()),
        format!("{}/timeline", card.path()),
        "/v1/lookup?phone=%2B79123456788".into(),
        format!("{}?expand=contact", task.path()),
        "/v1/tasks?expand=contact".into(),
        "/v1/my-day".into(),
        "/v1/communications?expand=contact".into(),
    ] {
        let text = masked.get(&path).ok().json().to_string();
        for marker in ["MARKER", "secret@", "3456788", "345-67-89", "0001122"] {
            assert!(!text.contains(marker), "{path} tells {marker}: {text}");
        }
    }
    // nor by asking for it
    masked.get(&format!("/v1/contacts?source_id={source}")).is_problem(403, "field_not_permitted");
    assert_eq!(masked.get("/v1/contacts?q=345678").ok().ids().len(), 0);
    assert_eq!(masked.get("/v1/contacts?q=secret").ok().ids().len(), 0);
    assert_eq!(masked.get("/v1/contacts?q=тайн").ok().ids(), [card.id()]);
    // the answers to its own changes neither, and a replay no more than the first time
    let changed = masked.patch(&card.path(), json!({"position": "Директор"})).ok();
    assert_eq!((&changed["comment"], changed.at("/phones/0/e164")), (&Value::Null, &json!("+7 ••• •••-67-88")));
    assert_eq!(admin.get(&card.path()).ok().at("/phones/0/e164"), "+79123456788", "what is not shown is not lost");
}

#[test]
fn what_may_not_be_written_is_refused_and_what_is_masked_is_never_stored() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let rules = json!([{"record": "contact", "field": "phones", "effect": "masked"}, {"record": "contact", "field": "comment", "effect": "hidden"},
        {"record": "contact", "field": "tags", "effect": "read_only"}]);
    let clerk = with_role(&workspace, "clerk", json!([all("contact")]), rules);
    let card = admin
        .post("/v1/contacts", json!({"last_name": "А", "phones": [{"value": "8 912 345-67-89"}], "tags": ["VIP"], "comment": "x"}))
        .created();
    clerk.patch(&card.path(), json!({"comment": "y"})).is_problem(403, "field_not_permitted").names("/comment");
    clerk.patch(&card.path(), json!({"tags": []})).is_problem(403, "field_not_permitted").names("/tags");
    clerk.patch(&card.path(), json!({"clear": ["comment"]})).is_problem(403, "field_not_permitted").names("/comment");
    clerk.post("/v1/contacts", json!({"last_name": "Б", "tags": ["VIP"]})).is_problem(403, "field_not_permitted").names("/tags");
    let shown = clerk.get(&card.path()).ok();
    let refused = clerk.patch(&card.path(), json!({"phones": shown["phones"].as_array().unwrap().iter().map(|p| json!({"id": p["id"], "value": p["value"]})).collect::<Vec<_>>()}));
    assert_eq!(refused.status, 422, "{refused}");
    clerk.patch(&card.path(), json!({"phones": [{"id": shown.at("/phones/0/id"), "label": "дом"}]})).ok();
    let kept = admin.get(&card.path()).ok();
    assert_eq!(
        (kept.at("/phones/0/e164"), kept.at("/phones/0/label"), &kept["comment"]),
        (&json!("+79123456789"), &json!("дом"), &json!("x"))
    );
}

#[test]
fn an_operator_sees_the_contact_data_of_his_own_clients_only() {
    let workspace = app().workspace();
    let operator = workspace.operator();
    let card = operator.post("/v1/contacts", json!({"last_name": "Звонящий", "phones": [{"value": "8 912 345-67-89"}]})).created();
    assert_eq!(card.at("/phones/0/e164"), "+79123456789");
    let manager = workspace.manager().get("/v1/me").ok().at("/user/id").clone();
    workspace.administrator().patch(&card.path(), json!({"owner_id": manager, "responsibles": []})).ok();
    let found = operator.get("/v1/lookup?phone=89123456789").ok();
    for contact in found["contacts"].as_array().unwrap() {
        assert_eq!(contact["phones"][0]["e164"], "+7 ••• •••-67-89");
    }
}

#[test]
fn masked_fields_are_revealed_for_a_reason_that_is_kept() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let card =
        admin.post("/v1/contacts", json!({"last_name": "А", "comment": "тайна", "phones": [{"value": "8 912 345-67-89"}]})).created();
    let rules = json!([{"record": "contact", "field": "phones", "effect": "masked"}, {"record": "contact", "field": "comment", "effect": "hidden"}]);
    let watcher = with_role(&workspace, "watcher", json!([{"record": "contact", "read": "all"}]), rules);
    let reveal = format!("{}/reveal", card.path());
    watcher.post(&reveal, json!({"reason": "просил перезвонить"})).is_problem(403, "forbidden");
    let role = admin.get("/v1/roles?q=watcher").ok().ids()[0].clone();
    admin.patch(&format!("/v1/roles/{role}"), json!({"reveal": true})).ok();
    watcher.post(&reveal, json!({"reason": " "})).is_problem(422, "validation_failed").names("/reason");
    let shown = watcher.post(&reveal, json!({"reason": "просил перезвонить"})).ok();
    assert_eq!((shown.at("/phones/0/e164"), &shown["comment"]), (&json!("+79123456789"), &Value::Null));
    assert_eq!(watcher.get(&card.path()).ok().at("/phones/0/e164"), "+7 ••• •••-67-89", "for one answer only");
    let timeline = admin.get(&format!("{}/timeline?kind=change", card.path())).ok();
    assert!(timeline.items().iter().any(|item| item["record"]["action"] == "revealed"), "{timeline}");
}

#[test]
fn of_a_card_in_somebody_else_s_portfolio_only_its_being_and_its_owner_are_told() {
    let workspace = app().workspace();
    let (anna, boris) = (workspace.manager(), workspace.manager());
    let body = || json!({"last_name": "Общий", "phones": [{"value": "8 912 345-67-89"}], "emails": [{"value": "a@example.com"}]});
    anna.post("/v1/contacts", body()).created();
    let theirs = boris.post("/v1/contacts", body()).is_problem(409, "duplicate_found");
    let candidate = theirs.at("/candidates/0");
    assert_eq!(candidate["responsible"]["id"], anna.user_id.as_str());
    assert_eq!((&candidate["in_reach"], &candidate["evidence"]), (&json!(false), &json!([])));
    let own = anna.post("/v1/contacts", body()).is_problem(409, "duplicate_found");
    assert_eq!((own.at("/candidates/0/in_reach"), own.at("/candidates/0/evidence").as_array().unwrap().len()), (&json!(true), 2));
}
