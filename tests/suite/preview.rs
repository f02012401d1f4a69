//! What a role would see: the preview and the real answers agree, and nothing is shown that the asker does not see himself.

use kartoteka_tests::{Answer, Value, app, json};

fn role_id(admin: &kartoteka_tests::Caller, key: &str) -> String {
    admin.get("/v1/roles?limit=200").ok().items().iter().find(|role| role["key"] == key).unwrap()["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_preview_is_what_the_person_s_own_request_answers() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let north = admin.post("/v1/departments", json!({"name": "Север"})).created().id();
    let city = admin.post("/v1/departments", json!({"name": "Город", "parent_id": north})).created().id();
    let seller = workspace.somebody("manager", json!({"department_id": city}));
    let keys = ["administrator", "head", "manager", "operator", "marketer", "analyst"];
    let people: Vec<_> =
        keys.iter().map(|key| (*key, role_id(&admin, key), workspace.somebody(key, json!({"department_id": north})))).collect();
    let mut records: Vec<(String, Answer)> = Vec::new();
    for owner in people.iter().map(|(_, _, person)| person).chain([&seller, &admin]) {
        let card = json!({"last_name": "А", "owner_id": owner.user_id, "comment": "тайна", "phones": [{"value": "8 912 345-67-89"}]});
        records.push(("contact".to_owned(), admin.post("/v1/contacts?on_duplicate=create", card).created()));
        let task = json!({"title": "Т", "owner_id": owner.user_id});
        records.push(("task".to_owned(), admin.post("/v1/tasks", task).created()));
    }
    let form = workspace.form(json!({}));
    records.push(("form".to_owned(), form));
    let mut seen = 0;
    for (key, id, person) in &people {
        for (record, answer) in &records {
            let query = format!("record_type={record}&record_id={}", answer.id());
            let told = admin.get(&format!("/v1/roles/{id}/preview?{query}&user_id={}", person.user_id)).ok();
            let real = person.get(&answer.path());
            assert_eq!(told["allowed"], real.status == 200, "{key} {record}\n{told}\n{real}");
            if real.status == 200 {
                assert_eq!(&told["record"], real.json(), "{key} {record}");
                assert!(real["access"].is_null() || told["access"] == real["access"], "{key} {record}\n{told}");
                seen += 1;
            } else {
                assert_eq!((&told["record"], told.at("/access/masked")), (&Value::Null, &json!([])));
            }
            // somebody of the department who is responsible for nothing
            let anyone = admin.get(&format!("/v1/roles/{id}/preview?{query}&department_id={north}")).ok();
            let own = real.status == 200 && (real["owner_id"] == person.user_id.as_str());
            if !own {
                assert_eq!((&anyone["allowed"], &anyone["record"]), (&told["allowed"], &told["record"]), "{key} {record}");
            } else if ["manager", "operator"].contains(key) {
                assert_eq!(anyone["allowed"], false, "{key} {record}");
            }
        }
    }
    assert!(seen > 30, "{seen}");
    // of no department at all a head sees nobody's
    let (_, head, _) = &people[1];
    let alone = admin.get(&format!("/v1/roles/{head}/preview?record_type=contact&record_id={}", records[0].1.id())).ok();
    assert_eq!((&alone["allowed"], alone["steps"].as_array().unwrap().last().unwrap()["step"].as_str()), (&json!(false), Some("reach")));
}

#[test]
fn a_preview_shows_nobody_more_than_he_sees() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let card =
        admin.post("/v1/contacts", json!({"last_name": "А", "comment": "MARKER", "phones": [{"value": "8 912 345-67-89"}]})).created();
    let all = |record: &str, read: &str| json!({"record": record, "read": read, "create": "all", "update": "all", "delete": "all"});
    let masked = |except_own: bool| json!([{"record": "contact", "field": "phones", "effect": "masked", "except_own": except_own}, {"record": "contact", "field": "comment", "effect": "hidden", "except_own": except_own}]);
    let make = |key: &str, rights: Value, rules: Value| {
        admin.post("/v1/roles", json!({"key": key, "name": key, "rights": rights, "field_rules": rules})).created().id()
    };
    let keeper = make("keeper", json!([all("role", "all"), all("contact", "all"), {"record": "user", "read": "all"}]), masked(true));
    let nobody = make("nobody", json!([all("role", "all")]), json!([]));
    let own = make("own", json!([all("contact", "own")]), masked(true));
    let preview = |role: &str, more: &str| format!("/v1/roles/{role}/preview?record_type=contact&record_id={}{more}", card.id());
    // the owner sees his card; he who asks is not the owner
    let asker = workspace.somebody("keeper", json!({}));
    let told = asker.get(&preview(&own, &format!("&user_id={}", admin.user_id))).ok();
    assert_eq!(told.at("/record/phones/0/e164"), "+7 ••• •••-67-89");
    assert_eq!(
        (told.at("/record/comment"), &told["access"]),
        (&Value::Null, &json!({"hidden": ["comment"], "masked": ["phones"], "read_only": []}))
    );
    assert_eq!(admin.get(&preview(&own, &format!("&user_id={}", admin.user_id))).ok().at("/record/comment"), "MARKER");
    asker.get(&preview(&keeper, "")).ok();
    asker.get(&preview(&role_id(&admin, "administrator"), "")).is_problem(403, "exceeds_own_rights");
    workspace.somebody("nobody", json!({})).get(&preview(&nobody, "")).is_problem(403, "forbidden");
    workspace.manager().get(&preview(&own, "")).is_problem(403, "forbidden");
    // what is asked for must be there
    admin.get(&format!("/v1/roles/{own}/preview")).is_problem(400, "invalid_parameter");
    admin.get(&format!("/v1/roles/{own}/preview?record_type=contact")).is_problem(400, "invalid_parameter");
    admin.get(&format!("/v1/roles/{own}/preview?record_type=contact&record_id={own}")).is_problem(404, "not_found");
    admin.get(&preview(&own, &format!("&user_id={}&department_id={own}", admin.user_id))).is_problem(400, "invalid_parameter");
    admin.get(&preview(&own, &format!("&department_id={own}"))).is_problem(404, "not_found");
    admin.get(&format!("/v1/roles/{own}/preview?record_type=role&record_id={own}")).ok();
}
