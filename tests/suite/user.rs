//! Users: colleagues, their passwords, me.

use kartoteka_tests::{
    app, eventually, json,
    workspace::{PASSWORD, sign_in, unique},
};

fn address() -> String {
    format!("user-{}-{}@example.com", unique(), std::process::id())
}

#[test]
fn a_colleague_with_a_first_password_signs_in() {
    let workspace = app().workspace();
    let email = address();
    let user = json!({"email": email, "name": "Борис Годунов", "role": "head", "password": PASSWORD, "language": "uk", "time_zone": "Europe/Kyiv"});
    let made = workspace.administrator().post("/v1/users", user).created();
    assert_eq!(
        (&made["email"], &made["role"], &made["active"], &made["language"]),
        (&json!(email), &json!("head"), &json!(true), &json!("uk"))
    );
    assert!(!made.text().contains("password"), "nothing of the password is ever answered: {made}");
    let me = sign_in(app(), &email).get("/v1/me").ok();
    assert_eq!((me.at("/user/id"), me.at("/role"), me.at("/workspace/id")), (&json!(made.id()), &json!("head"), &json!(workspace.id)));
}

#[test]
fn a_colleague_without_a_password_sets_one_by_a_link_that_works_once() {
    let admin = app().workspace().administrator();
    let email = address();
    let user = admin.post("/v1/users", json!({"email": email, "name": "Новая"})).created();
    assert_eq!(user["role"], "manager");
    let link = admin.post_nothing(&format!("{}/password-link", user.path())).status(201);
    assert_eq!(link["user_id"], user.id().as_str());
    let confirm =
        |password: &str| app().anyone().post("/v1/auth/password-reset/confirm", json!({"token": link["token"], "new_password": password}));
    confirm("short").is_problem(422, "validation_failed").names_with("/new_password", "weak_password");
    confirm(PASSWORD).no_content();
    sign_in(app(), &email);
    let again = confirm("другой пароль 77");
    assert!(matches!((again.status, again["code"].as_str()), (401, Some("invalid_token")) | (422, _)), "{again}");
}

#[test]
fn weak_passwords_are_refused() {
    let admin = app().workspace().administrator();
    for password in ["короткий", "qwerty12345", "aaaaaaaaaaaa"] {
        let user = json!({"email": address(), "name": "X", "password": password});
        admin.post("/v1/users", user).is_problem(422, "validation_failed").names_with("/password", "weak_password");
    }
}

#[test]
fn an_e_mail_is_taken_once_per_workspace_and_never_changed() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let email = address();
    let user = admin.post("/v1/users", json!({"email": email, "name": "X"})).created();
    admin
        .post("/v1/users", json!({"email": email.to_uppercase(), "name": "Y"}))
        .is_problem(422, "validation_failed")
        .names_with("/email", "already_taken");
    admin.patch(&user.path(), json!({"email": address()})).is_problem(422, "validation_failed").names("/email");
    app().workspace().administrator().post("/v1/users", json!({"email": email, "name": "Z"})).created();
}

#[test]
fn faults_of_a_user_are_told_at_once() {
    let user = json!({"email": "a@b", "time_zone": "Moon", "language": "Русский", "department_id": "01939d5a-0000-7000-8000-000000000000"});
    let refused = app().workspace().administrator().post("/v1/users", user).is_problem(422, "validation_failed");
    refused.names_with("/email", "invalid_email").names_with("/name", "required").names("/time_zone").names("/language");
}

#[test]
fn a_deactivated_person_is_out_within_a_second_and_cannot_come_back_in() {
    let workspace = app().workspace();
    let (admin, manager) = (workspace.administrator(), workspace.manager());
    manager.get("/v1/me").ok();
    admin.patch(&format!("/v1/users/{}", manager.user_id), json!({"active": false})).ok();
    kartoteka_tests::wait::within(std::time::Duration::from_secs(2), "the token to stop", || {
        (manager.get("/v1/me").status == 401).then_some(())
    });
    app().anyone().post("/v1/auth/token", json!({"email": manager.email, "password": PASSWORD})).is_problem(401, "invalid_credentials");
    app().anyone().post("/v1/auth/refresh", json!({"refresh_token": manager.refresh_token})).is_problem(401, "invalid_token");
}

#[test]
fn a_changed_role_counts_at_once() {
    let workspace = app().workspace();
    let (admin, manager) = (workspace.administrator(), workspace.manager());
    manager.get("/v1/forms").is_problem(403, "forbidden");
    admin.patch(&format!("/v1/users/{}", manager.user_id), json!({"role": "head"})).ok();
    eventually("the new role", || (manager.get("/v1/forms").status == 200).then_some(()));
}

#[test]
fn everybody_changes_his_own_password_and_only_with_the_present_one() {
    let manager = app().workspace().manager();
    let change = |current: &str, new: &str| manager.post("/v1/me/password", json!({"current_password": current, "new_password": new}));
    let wrong = change("не тот пароль", "новый пароль 4242");
    assert!(matches!(wrong.status, 401 | 403 | 422), "{wrong}");
    change(PASSWORD, "1234567890").is_problem(422, "validation_failed").names_with("/new_password", "weak_password");
    change(PASSWORD, "новый пароль 4242").no_content();
    app().anyone().post("/v1/auth/token", json!({"email": manager.email, "password": PASSWORD})).is_problem(401, "invalid_credentials");
    app().anyone().post("/v1/auth/token", json!({"email": manager.email, "password": "новый пароль 4242"})).ok();
}

#[test]
fn me_tells_what_may_be_done() {
    let workspace = app().workspace();
    let me = workspace.operator().get("/v1/me").ok();
    let right = |record: &str| {
        me["rights"]
            .as_array()
            .unwrap()
            .iter()
            .find(|r| r["record"] == record)
            .cloned()
            .unwrap_or_else(|| panic!("no right on {record}\n{me}"))
    };
    let contact = json!({"record": "contact", "read": "own", "create": "all", "update": "none", "delete": "none", "export": "none", "merge": "none", "assign": "none"});
    assert_eq!(right("contact"), contact);
    assert_eq!(right("form")["read"], "none");
    assert_eq!(me.at("/workspaces/0/id"), workspace.id.as_str());
    let key = workspace.key("integration").get("/v1/me").ok();
    assert_eq!((&key["user"], key.at("/actor/type")), (&json!(null), &json!("api_key")));
}

#[test]
fn everybody_finds_his_colleagues_to_pick_an_owner() {
    let workspace = app().workspace();
    let (admin, manager, operator) = (workspace.administrator(), workspace.manager(), workspace.operator());
    assert_eq!(operator.get("/v1/users").ok().items().len(), 3);
    assert_eq!(operator.get("/v1/users?role=manager,head").ok().ids(), [manager.user_id.as_str()]);
    assert_eq!(operator.get(&format!("/v1/users?q={}", &manager.email[..14])).ok().ids(), [manager.user_id.as_str()]);
    admin.patch(&format!("/v1/users/{}", manager.user_id), json!({"active": false})).ok();
    assert_eq!(admin.get("/v1/users?active=false").ok().ids(), [manager.user_id.as_str()]);
    operator.get(&format!("/v1/users/{}", manager.user_id)).ok();
}

#[test]
fn nobody_becomes_responsible_who_is_deactivated() {
    let workspace = app().workspace();
    let (admin, manager) = (workspace.administrator(), workspace.manager());
    admin.patch(&format!("/v1/users/{}", manager.user_id), json!({"active": false})).ok();
    let card = json!({"last_name": "А", "owner_id": manager.user_id});
    admin.post("/v1/contacts", card).is_problem(422, "validation_failed").names_with("/owner_id", "inactive_user");
}

#[test]
fn the_last_administrator_cannot_lock_the_workspace() {
    let admin = app().workspace().administrator();
    let path = format!("/v1/users/{}", admin.user_id);
    for change in [json!({"active": false}), json!({"role": "manager"})] {
        let refused = admin.patch(&path, change);
        assert!(matches!(refused.status, 409 | 422), "{refused}");
    }
    admin.get("/v1/users").ok();
}

#[test]
fn deactivation_stops_tokens_and_links_at_once_and_tells_what_is_left_undone() {
    let workspace = app().workspace();
    let (admin, person) = (workspace.administrator(), workspace.manager());
    let path = format!("/v1/users/{}", person.user_id);
    let card = person.post("/v1/contacts", json!({"last_name": "Клиент"})).created();
    let company = person.post("/v1/companies", json!({"name": "Фирма", "owner_id": person.user_id})).created();
    let lead = person.post("/v1/leads", json!({"contact_id": card.id(), "owner_id": person.user_id})).created();
    let task = person.post("/v1/tasks", json!({"title": "Позвонить", "contact_id": card.id()})).created();
    let done = person.post("/v1/tasks", json!({"title": "Сделано"})).created();
    person.post(&format!("{}/complete", done.path()), json!({"result": "да"})).ok();
    let link = admin.post_nothing(&format!("{path}/password-link")).status(201);
    person.get("/v1/contacts").ok();
    admin.patch(&path, json!({"active": false})).ok();
    person.get("/v1/contacts").is_problem(401, "invalid_token");
    let confirm = json!({"token": link["token"], "new_password": "другой пароль 77"});
    app().anyone().post("/v1/auth/password-reset/confirm", confirm.clone()).is_problem(401, "invalid_token");
    let open = admin.get(&format!("{path}/open-work")).ok();
    for (kind, id) in [("tasks", task.id()), ("leads", lead.id()), ("contacts", card.id()), ("companies", company.id())] {
        assert_eq!(open[kind], json!({"count": 1, "first": [id]}), "{kind}");
    }
    admin.patch(&path, json!({"active": true})).ok();
    app().anyone().post("/v1/auth/password-reset/confirm", confirm).is_problem(401, "invalid_token");
    person.get("/v1/contacts").is_problem(401, "invalid_token");
    sign_in(app(), &person.email).get(&format!("{path}/open-work")).is_problem(403, "forbidden");
}

#[test]
fn an_invited_person_is_told_apart_until_he_sets_a_password() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let email = address();
    let invited = admin.post("/v1/users", json!({"email": email, "name": "Наталья Приглашённая"})).created();
    assert_eq!(invited["invited_at"], invited["created_at"]);
    assert_eq!(admin.get(&invited.path()).ok().text(), invited.text());
    app().anyone().post("/v1/auth/token", json!({"email": email, "password": PASSWORD})).is_problem(401, "invalid_credentials");
    let link = || admin.post_nothing(&format!("{}/password-link", invited.path())).status(201)["token"].clone();
    let (one, two) = (link(), link());
    let confirm = |token: &kartoteka_tests::Value, password: &str| {
        app().anyone().post("/v1/auth/password-reset/confirm", json!({"token": token, "new_password": password}))
    };
    confirm(&one, "Приглашённая 1").is_problem(422, "validation_failed").names_with("/new_password", "weak_password");
    confirm(&one, "ключ от чердака 17").no_content();
    confirm(&two, "ключ от подвала 18").is_problem(401, "invalid_token");
    assert!(admin.get(&invited.path()).ok()["invited_at"].is_null());
    app().anyone().post("/v1/auth/token", json!({"email": email, "password": "ключ от чердака 17"})).ok();
    let whole = admin.post("/v1/users", json!({"email": address(), "name": "Сразу", "password": PASSWORD})).created();
    assert!(whole["invited_at"].is_null());
}

#[test]
fn a_password_is_neither_common_nor_one_s_own_name() {
    let admin = app().workspace().administrator();
    for password in ["Football2026", "пароль12345", "gfhjkmgfhjkm", "Виктор Петренко", "1q2w3e4r5t6y"] {
        let user = json!({"email": address(), "name": "Виктор Петренко", "password": password});
        admin.post("/v1/users", user).is_problem(422, "validation_failed").names_with("/password", "weak_password");
    }
    let long = json!({"email": address(), "name": "X", "password": "жил был пёс ".repeat(25)});
    admin.post("/v1/users", long).is_problem(422, "validation_failed").names_with("/password", "too_long");
}

#[test]
fn another_process_believes_a_dismissed_person_for_a_second_at_most() {
    let database = kartoteka_tests::Database::fresh();
    let (one, two) = (kartoteka_tests::Server::start(&database, &[]), kartoteka_tests::Server::start(&database, &[]));
    let workspace = kartoteka_tests::App::of(&one).workspace();
    let person = workspace.manager();
    let there = kartoteka_tests::App::of(&two).anyone().bearer(&person.token());
    there.get("/v1/contacts").ok();
    workspace.administrator().patch(&format!("/v1/users/{}", person.user_id), json!({"active": false})).ok();
    let answered = std::time::Instant::now();
    person.get("/v1/contacts").is_problem(401, "invalid_token");
    // asked without a pause until it is refused: the last good answer began within the second
    let mut last_good = None;
    loop {
        let asked = answered.elapsed();
        match there.get("/v1/contacts").status {
            200 => last_good = Some(asked),
            _ => break,
        }
        assert!(asked.as_secs() < 10, "never refused");
    }
    assert!(last_good.is_none_or(|asked| asked.as_millis() <= 1000), "{last_good:?}");
}
