//! The second factor: set up, asked for, demanded by the workspace, reset; no code is taken twice.

use std::time::{SystemTime, UNIX_EPOCH};

use kartoteka_tests::{Caller, Workspace, app, json, workspace::PASSWORD};

/// The codes of this step and of the next one, which the server takes too.
pub fn codes(secret: &str) -> [String; 2] {
    let secret = totp_rs::Secret::try_from_base32(secret).expect("base32");
    let device = totp_rs::Builder::new().with_secret(secret).build().expect("a device");
    #[allow(clippy::disallowed_methods, reason = "a device has a clock of its own")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    [now, now + 30].map(|time| device.generate(time).to_string())
}

/// Somebody with a second factor: the code that is good next, and the recovery codes.
pub fn enrolled(person: &Caller) -> (String, Vec<String>) {
    let begun = person.post("/v1/me/totp", json!({"current_password": PASSWORD})).ok();
    let [now, next] = codes(begun["secret"].as_str().unwrap());
    let confirmed = person.post("/v1/me/totp/confirm", json!({"code": now})).ok();
    let recovery = confirmed["recovery_codes"].as_array().unwrap().iter().map(|c| c.as_str().unwrap().to_owned()).collect();
    (next, recovery)
}

fn sign_in(person: &Caller, totp: &str) -> kartoteka_tests::Answer {
    app().anyone().post("/v1/auth/token", json!({"email": person.email, "password": PASSWORD, "totp": totp}))
}

/// How often something was written down in a workspace.
pub fn audited(workspace: &Workspace, action: &str) -> i64 {
    let database = workspace.app.database();
    database
        .number(&format!("SELECT count(*) FROM audit_event WHERE workspace_id = {} AND action = '{action}'", database.uuid(&workspace.id)))
}

fn demand(workspace: &Workspace, word: &str) {
    let admin = workspace.administrator();
    let mut policies = admin.get("/v1/workspace").ok()["policies"].clone();
    policies["second_factor"] = json!(word);
    admin.patch("/v1/workspace", json!({"policies": policies})).ok();
}

#[test]
fn a_second_factor_is_asked_for_and_no_code_is_taken_twice() {
    let workspace = app().workspace();
    let person = workspace.manager();
    let (next, recovery) = enrolled(&person);
    assert_eq!(recovery.len(), 10);
    let state = person.get("/v1/me").ok()["second_factor"].clone();
    assert_eq!(state, json!({"enabled": true, "demanded": "off", "recovery_codes_left": 10}));
    app().anyone().post("/v1/auth/token", json!({"email": person.email, "password": PASSWORD})).is_problem(401, "totp_required");
    app()
        .anyone()
        .post("/v1/auth/token", json!({"email": person.email, "password": "не тот пароль", "totp": next}))
        .is_problem(401, "invalid_credentials");
    sign_in(&person, "000000000").is_problem(401, "invalid_credentials");
    sign_in(&person, &next).ok();
    sign_in(&person, &next).is_problem(401, "invalid_credentials");
    assert_eq!(audited(&workspace, "reuse_refused"), 1);
    assert_eq!(audited(&workspace, "second_factor_enabled"), 1);
    assert_eq!(audited(&workspace, "sign_in_refused"), 3);
}

#[test]
fn a_recovery_code_signs_in_once_and_new_ones_replace_all() {
    let workspace = app().workspace();
    let person = workspace.manager();
    let (_, recovery) = enrolled(&person);
    sign_in(&person, &recovery[0].to_uppercase().replace('-', " ")).ok();
    sign_in(&person, &recovery[0]).is_problem(401, "invalid_credentials");
    assert_eq!(person.get("/v1/me").ok().at("/second_factor/recovery_codes_left"), 9);
    person
        .post("/v1/me/recovery-codes", json!({"current_password": "не тот"}))
        .is_problem(422, "validation_failed")
        .names_with("/current_password", "wrong_password");
    let fresh = person.post("/v1/me/recovery-codes", json!({"current_password": PASSWORD})).ok();
    sign_in(&person, &recovery[1]).is_problem(401, "invalid_credentials");
    sign_in(&person, fresh.at("/recovery_codes/0").as_str().unwrap()).ok();
    assert_eq!((audited(&workspace, "recovery_code_used"), audited(&workspace, "recovery_codes_made")), (2, 2));
}

#[test]
fn nothing_of_a_second_factor_is_kept_readable() {
    let workspace = app().workspace();
    let person = workspace.manager();
    let begun = person.post("/v1/me/totp", json!({"current_password": PASSWORD})).ok();
    let secret = begun["secret"].as_str().unwrap();
    assert!(begun["otpauth_uri"].as_str().unwrap().starts_with("otpauth://totp/"), "{begun}");
    let raw = totp_rs::Secret::try_from_base32(secret).unwrap();
    let hex: String = raw.as_bytes().iter().map(|b| format!("{b:02x}")).collect();
    let database = app().database();
    let kept = match database.engine {
        kartoteka_tests::Engine::Sqlite => "SELECT lower(hex(sealed)) FROM second_factor",
        kartoteka_tests::Engine::Postgres => "SELECT encode(sealed, 'hex') FROM second_factor",
    };
    assert!(database.sql(kept).iter().all(|row| !row[0].contains(&hex)));
    // begun again: the first secret is good for nothing
    let again = person.post("/v1/me/totp", json!({"current_password": PASSWORD})).ok();
    assert_ne!(again["secret"], secret);
    person
        .post("/v1/me/totp/confirm", json!({"code": codes(secret)[0]}))
        .is_problem(422, "validation_failed")
        .names_with("/code", "wrong_code");
    person.post("/v1/me/totp/confirm", json!({"code": codes(again["secret"].as_str().unwrap())[0]})).ok();
    person.post("/v1/me/totp", json!({"current_password": PASSWORD})).is_problem(409, "second_factor_enabled");
    person.post("/v1/me/totp/confirm", json!({"code": "123456"})).is_problem(409, "second_factor_enabled");
}

#[test]
fn who_needs_a_second_factor_and_has_none_can_only_set_one_up() {
    let workspace = app().workspace();
    let (person, key) = (workspace.manager(), workspace.key("integration"));
    person.get("/v1/contacts").ok();
    demand(&workspace, "require");
    person.get("/v1/contacts").is_problem(403, "second_factor_required");
    person.get("/v1/me/sessions").is_problem(403, "second_factor_required");
    assert_eq!(person.get("/v1/me").ok()["second_factor"], json!({"enabled": false, "demanded": "require", "recovery_codes_left": 0}));
    key.get("/v1/contacts").ok();
    let again = kartoteka_tests::workspace::sign_in(app(), &person.email);
    again.get("/v1/users").is_problem(403, "second_factor_required");
    enrolled(&again);
    again.get("/v1/contacts").ok();
    person.get("/v1/contacts").ok();
    workspace.administrator().get("/v1/users").is_problem(403, "second_factor_required");
    let third = kartoteka_tests::app().workspace();
    demand(&third, "warn");
    assert_eq!(third.administrator().get("/v1/me").ok().at("/second_factor/demanded"), "warn");
    third.administrator().get("/v1/contacts").ok();
}

#[test]
fn it_is_given_up_by_password_or_code_and_reset_by_an_administrator_only() {
    let workspace = app().workspace();
    let (admin, person) = (workspace.administrator(), workspace.manager());
    person.post("/v1/me/totp/disable", json!({"current_password": PASSWORD})).is_problem(409, "second_factor_not_enabled");
    person.post("/v1/me/recovery-codes", json!({"current_password": PASSWORD})).is_problem(409, "second_factor_not_enabled");
    person.post("/v1/me/totp/confirm", json!({"code": "123456"})).is_problem(409, "second_factor_not_enabled");
    let (next, _) = enrolled(&person);
    person.post("/v1/me/totp/disable", json!({})).is_problem(422, "validation_failed");
    person.post("/v1/me/totp/disable", json!({"code": "9999999"})).is_problem(422, "validation_failed").names_with("/code", "wrong_code");
    person.post("/v1/me/totp/disable", json!({"code": next})).no_content();
    kartoteka_tests::workspace::sign_in(app(), &person.email);
    let other = workspace.manager();
    enrolled(&other);
    let reset = format!("/v1/users/{}/reset-totp", other.user_id);
    person.post_nothing(&reset).is_problem(403, "forbidden");
    admin.post_nothing(&reset).no_content();
    admin.post_nothing(&reset).no_content();
    kartoteka_tests::workspace::sign_in(app(), &other.email);
    assert_eq!(audited(&workspace, "second_factor_disabled"), 2);
    workspace.key("integration").post("/v1/me/totp", json!({"current_password": PASSWORD})).is_problem(403, "forbidden");
}

#[test]
fn of_many_sign_ins_with_one_code_at_once_one_is_let_in() {
    let workspace = app().workspace();
    let person = workspace.manager();
    let (next, recovery) = enrolled(&person);
    for code in [&next, &recovery[3]] {
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let all: Vec<_> = (0..4).map(|_| scope.spawn(|| sign_in(&person, code).status)).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    }
}
