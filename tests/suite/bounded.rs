//! A number of queries that does not grow with what is answered: client view, board, timeline, my day, lists.

use kartoteka_tests::{App, Database, Server, json};

/// Statements so far.
fn statements(app: App) -> i64 {
    let text = app.anyone().get("/metrics").ok().text();
    text.lines()
        .filter(|line| line.starts_with("database_statements_total"))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum::<f64>() as i64
}

#[test]
fn queries_do_not_grow_with_what_is_answered() {
    let server = Server::start(&Database::fresh(), &[("KARTOTEKA_WORKERS", "false")]);
    let app = App::of(&server);
    let workspace = app.workspace();
    let admin = workspace.administrator();
    let contact = admin.post("/v1/contacts", json!({"last_name": "Блок"})).created().id();
    let pipeline = admin.get("/v1/pipelines").ok();
    let pipeline = &pipeline.items()[0];
    let paths = [
        format!("/v1/contacts/{contact}/overview"),
        format!("/v1/contacts/{contact}/timeline"),
        format!("/v1/pipelines/{}/board", pipeline["id"].as_str().unwrap()),
        "/v1/my-day".to_owned(),
        "/v1/deals?expand=contact,company,owner,source,lead".to_owned(),
        "/v1/stuck-deals".to_owned(),
        format!("/v1/lookup?phone=%2B7912{}", "3456789"),
    ];
    let fill = |times: usize| {
        for number in 0..times {
            let about = json!({"title": "x", "contact_id": contact, "due_at": "2030-01-01T00:00:00Z"});
            admin.post("/v1/tasks", about).created();
            admin.post("/v1/leads", json!({"contact_id": contact})).created();
            admin.post("/v1/communications", json!({"channel": "call", "direction": "inbound", "contact_id": contact})).created();
            admin.post("/v1/notes", json!({"body": "x", "contact_id": contact})).created();
            let stage = pipeline["stages"][number % 5]["id"].clone();
            let lines = json!([{"name": "x", "price": 1}, {"name": "y", "price": 2}]);
            admin
                .post("/v1/deals", json!({"name": "x", "stage_id": stage, "contacts": [{"contact_id": contact}], "line_items": lines}))
                .created();
        }
    };
    let counts = || -> Vec<i64> {
        paths
            .iter()
            .map(|path| {
                // who asks is remembered for a second: the least of some tries is what the answer itself takes
                let one = || {
                    let before = statements(app);
                    admin.get(path).ok();
                    statements(app) - before
                };
                (0..6).map(|_| one()).min().unwrap()
            })
            .collect()
    };
    fill(5);
    let few = counts();
    fill(20);
    let many = counts();
    println!("statements with few and with many: {:?}", paths.iter().zip(few.iter().zip(&many)).collect::<Vec<_>>());
    for (path, (few, many)) in paths.iter().zip(few.iter().zip(&many)) {
        assert!(*many <= few + 2 && *many <= 40, "{path}: {few} statements with few records, {many} with many");
    }
}
