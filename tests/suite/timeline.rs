//! The timeline: everything about one client, newest first.

use kartoteka_tests::{Answer, Caller, app, json};

fn busy_card(manager: &Caller) -> Answer {
    let card = manager.post("/v1/contacts", json!({"last_name": "Блок"})).created();
    let of = json!({"contact_id": card.id()});
    let with = |mut more: kartoteka_tests::Value| {
        more.as_object_mut().unwrap().extend(of.as_object().unwrap().clone());
        more
    };
    manager.post("/v1/leads", with(json!({"title": "Щебень"}))).created();
    manager.post("/v1/tasks", with(json!({"title": "Позвонить"}))).created();
    manager.post("/v1/notes", with(json!({"body": "Заметка"}))).created();
    manager.post("/v1/communications", with(json!({"channel": "call", "direction": "inbound"}))).created();
    manager.patch(&card.path(), json!({"comment": "новое"})).ok();
    card
}

#[test]
fn a_client_s_whole_story_stands_newest_first() {
    let manager = app().workspace().manager();
    let card = busy_card(&manager);
    let page = manager.get(&format!("{}/timeline", card.path())).ok();
    let kinds: Vec<&str> = page.items().iter().map(|i| i["kind"].as_str().unwrap()).collect();
    for kind in ["lead", "task", "note", "communication", "change"] {
        assert!(kinds.contains(&kind), "{kind} is missing in {kinds:?}");
    }
    let times: Vec<&str> = page.items().iter().map(|i| i["at"].as_str().unwrap()).collect();
    assert!(
        times.windows(2).all(|pair| pair[0].trim_end_matches('Z') >= pair[1].trim_end_matches('Z') || pair[0][..19] == pair[1][..19]),
        "{times:?}"
    );
    let change = page.items().iter().find(|i| i["kind"] == "change" && i["record"]["action"] == "updated").expect("the change");
    assert_eq!(change["record"]["changes"], json!({"comment": {"before": null, "after": "новое"}}));
    assert_eq!(change["record"]["actor"]["id"], manager.user_id.as_str());
}

#[test]
fn a_timeline_is_filtered_by_kind_and_read_page_by_page_without_gaps() {
    let manager = app().workspace().manager();
    let card = busy_card(&manager);
    let path = format!("{}/timeline", card.path());
    let only = manager.get(&format!("{path}?kind=note,task")).ok();
    assert!(only.items().len() == 2 && only.items().iter().all(|i| i["kind"] == "note" || i["kind"] == "task"), "{only}");
    let whole: Vec<_> = manager.get(&path).ok().items().to_vec();
    let (mut paged, mut next) = (Vec::new(), format!("{path}?limit=2"));
    loop {
        let page = manager.get(&next).ok();
        paged.extend(page.items().to_vec());
        match page["next_cursor"].as_str() {
            Some(cursor) => next = format!("{path}?limit=2&cursor={}", kartoteka_tests::wire::encode(cursor)),
            None => break,
        }
    }
    assert_eq!(paged, whole);
    manager.get(&format!("{path}?cursor=nonsense")).is_problem(400, "invalid_parameter");
    manager.get(&format!("{path}?kind=gossip")).is_problem(400, "invalid_parameter");
}

#[test]
fn a_timeline_shows_nothing_beyond_its_reader_s_reach() {
    let workspace = app().workspace();
    let manager = workspace.manager();
    let card = busy_card(&manager);
    workspace.manager().get(&format!("{}/timeline", card.path())).is_problem(404, "not_found");
    workspace.administrator().get(&format!("{}/timeline", card.path())).ok();
}
