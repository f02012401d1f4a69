//! The command line: init, demo, migrate, config.

use kartoteka_tests::{App, Database, Server, Value, json};

#[test]
fn demo_fills_a_workspace_whose_printed_credentials_work_and_runs_twice() {
    let database = Database::fresh();
    let server = Server::start(&database, &[("KARTOTEKA_SIGN_IN_PER_MINUTE", "1000")]);
    let app = App::of(&server);
    for _ in 0..2 {
        let demo: Value = serde_json::from_str(&database.run(&["demo", "--json"])).expect("one JSON object");
        for user in demo["users"].as_array().expect("users") {
            let tokens = app.anyone().post("/v1/auth/token", json!({"email": user["email"], "password": user["password"]})).ok();
            let me = app.anyone().bearer(tokens["access_token"].as_str().unwrap()).get("/v1/me").ok();
            assert_eq!(me["role"], user["role"]);
        }
        let roles: Vec<&str> = demo["users"].as_array().unwrap().iter().map(|u| u["role"].as_str().unwrap()).collect();
        for role in ["administrator", "head", "manager", "operator"] {
            assert!(roles.contains(&role), "{role} in {roles:?}");
        }
        let integration = app.anyone().bearer(demo["api_key"].as_str().expect("api_key"));
        for list in ["contacts", "companies", "leads", "tasks"] {
            assert!(!integration.get(&format!("/v1/{list}")).ok().items().is_empty(), "no demo {list}");
        }
        app.anyone().get(&format!("/public/v1/forms/{}", demo["form_key"].as_str().expect("form_key"))).ok();
    }
}

#[test]
fn init_makes_the_first_workspace_before_any_server_runs() {
    let database = Database::fresh();
    std::fs::write(database.directory.join("password.txt"), "пароль из файла 1\n").unwrap();
    let printed =
        database.run(&["init", "--workspace", "Первая", "--email", "first@example.com", "--password-file", "password.txt", "--json"]);
    let made: Value = serde_json::from_str(&printed).expect("JSON");
    assert!(made["workspace_id"].is_string());
    let server = Server::start(&database, &[]);
    App::of(&server).anyone().post("/v1/auth/token", json!({"email": "first@example.com", "password": "пароль из файла 1"})).ok();
}

#[test]
fn init_refuses_a_weak_password_and_a_wrong_address() {
    let database = Database::fresh();
    for (email, password) in [("a@example.com", "1234567890"), ("a@b", "ключ под ковриком")] {
        let output = database.command(&["init", "--workspace", "X", "--email", email, "--password", password]).output().unwrap();
        assert!(!output.status.success() && !output.stderr.is_empty());
    }
}

#[test]
fn migrate_may_run_again_and_again() {
    let database = Database::fresh();
    for _ in 0..2 {
        database.run(&["migrate"]);
    }
    Server::start(&database, &[]);
}

#[test]
fn config_shows_what_counts_and_hides_secrets() {
    let database = Database::fresh();
    let output = database
        .command(&["config"])
        .env("KARTOTEKA_SECRET_KEY", "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I=")
        .env("KARTOTEKA_LISTEN", "127.0.0.1:9999")
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && shown.contains("127.0.0.1:9999"), "{shown}{}", String::from_utf8_lossy(&output.stderr));
    assert!(!shown.contains("c2VjcmV0"), "{shown}");
    let output = database.command(&["config"]).env("KARTOTEKA_DATABASE_URL", "postgres://kt:geheim@db.example/kt").output().unwrap();
    assert!(!String::from_utf8_lossy(&output.stdout).contains("geheim"));
}

#[test]
fn a_setting_in_the_file_counts_less_than_the_environment_and_that_less_than_a_flag() {
    let database = Database::fresh();
    std::fs::write(database.directory.join("kartoteka.toml"), "listen = \"127.0.0.1:7001\"\n").unwrap();
    let shown = |arguments: &[&str], listen: Option<&str>| {
        let mut command = database.command(arguments);
        if let Some(listen) = listen {
            command.env("KARTOTEKA_LISTEN", listen);
        }
        String::from_utf8_lossy(&command.output().unwrap().stdout).into_owned()
    };
    assert!(shown(&["config"], None).contains("127.0.0.1:7001"));
    assert!(shown(&["config"], Some("127.0.0.1:7002")).contains("127.0.0.1:7002"));
    std::fs::write(database.directory.join("kartoteka.toml"), "lisen = \"127.0.0.1:7001\"\n").unwrap();
    let output = database.command(&["config"]).output().unwrap();
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("lisen"), "a misspelt key is named");
}

#[test]
fn an_unknown_flag_or_command_is_refused() {
    let database = Database::fresh();
    for arguments in [&["serve", "--lisen", "x"][..], &["destroy"]] {
        assert!(!database.command(arguments).output().unwrap().status.success());
    }
    assert!(database.run(&["--version"]).contains("kartoteka"));
}
