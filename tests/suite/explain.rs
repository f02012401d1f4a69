//! Why somebody sees something: the explanation, the lists, the single reads and an independent naive model agree.

use std::collections::BTreeMap;

use kartoteka_tests::{Caller, Value, app, json};

struct Person {
    caller: Caller,
    role: &'static str,
    department: Option<usize>,
}

struct Card {
    id: String,
    owner: Option<usize>,
    further: Option<usize>,
}

/// Parents of the departments by place.
const PARENTS: [Option<usize>; 5] = [None, Some(0), Some(0), Some(1), None];

fn is_under(department: Option<usize>, root: usize) -> bool {
    let mut at = department;
    while let Some(here) = at {
        if here == root {
            return true;
        }
        at = PARENTS[here];
    }
    false
}

/// What the matrix says in words: own is whom one is responsible for, department is whose people are, all is all.
fn sees(people: &[Person], person: &Person, me: usize, card: &Card) -> bool {
    let theirs = || [card.owner, card.further].into_iter().flatten();
    match person.role {
        "administrator" | "marketer" | "analyst" => true,
        "head" => match person.department {
            None => theirs().any(|who| who == me),
            Some(root) => theirs().any(|who| is_under(people[who].department, root)),
        },
        _ => theirs().any(|who| who == me),
    }
}

fn shape(person: &Person, me: usize, card: &Card, field: &str) -> &'static str {
    let own = card.owner == Some(me) || card.further == Some(me);
    match (person.role, field) {
        ("marketer" | "analyst", "phones") => "masked",
        ("operator", "phones") if !own => "masked",
        _ => "clear",
    }
}

#[test]
fn explanation_lists_single_reads_and_a_naive_model_agree() {
    let long = std::env::var_os("SUITE_LONG").is_some();
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let mut departments: Vec<String> = Vec::new();
    for (place, parent) in PARENTS.into_iter().enumerate() {
        let body = json!({"name": format!("Отдел {place}"), "parent_id": parent.map(|p| departments[p].clone())});
        departments.push(admin.post("/v1/departments", body).created().id());
    }
    let roles = ["administrator", "head", "head", "manager", "manager", "operator", "marketer", "analyst", "head", "manager"];
    let people: Vec<Person> = (0..20)
        .map(|n| {
            let role = roles[n % roles.len()];
            let department = (n % 6 != 5).then_some(n % 5);
            let more = json!({"department_id": department.map(|d| departments[d].clone())});
            Person { caller: workspace.somebody(role, more), role, department }
        })
        .collect();
    let count = if long { 500 } else { 60 };
    let cards: Vec<Card> = (0..count)
        .map(|n| {
            let owner = (n % 7 != 0).then_some((n * 13) % people.len());
            let further = (n % 5 == 0).then_some((n * 7 + 3) % people.len());
            let responsibles: Vec<Value> = further.iter().map(|who| json!({"user_id": people[*who].caller.user_id})).collect();
            let body = json!({"last_name": format!("Клиент {n}"), "phones": [{"value": format!("+7912000{n:04}")}], "responsibles": responsibles,
                "owner_id": people[owner.unwrap_or(0)].caller.user_id});
            let made = admin.post("/v1/contacts", body).created();
            if owner.is_none() {
                admin.patch(&made.path(), json!({"owner_id": null})).ok();
            }
            Card { id: made.id(), owner, further }
        })
        .collect();
    let mut compared = 0;
    for (me, person) in people.iter().enumerate() {
        let mut listed: BTreeMap<String, Value> = BTreeMap::new();
        let mut path = "/v1/contacts?limit=200".to_owned();
        loop {
            let page = person.caller.get(&path).ok();
            listed.extend(page.items().iter().map(|c| (c["id"].as_str().unwrap().to_owned(), c.clone())));
            match page["next_cursor"].as_str() {
                Some(cursor) => path = format!("/v1/contacts?limit=200&cursor={cursor}"),
                None => break,
            }
        }
        for card in &cards {
            let expected = sees(&people, person, me, card);
            let who = format!("{} {me} on a card of {:?} and {:?}", person.role, card.owner, card.further);
            assert_eq!(listed.contains_key(&card.id), expected, "list: {who}");
            let single = person.caller.get(&format!("/v1/contacts/{}", card.id));
            assert_eq!(single.status == 200, expected, "single read: {who}");
            for field in ["phones", "comment"] {
                let asked =
                    format!("/v1/access/explain?user_id={}&record_type=contact&record_id={}&field={field}", person.caller.user_id, card.id);
                let told = admin.get(&asked).ok();
                let visible = if expected { shape(person, me, card, field) } else { "nothing" };
                assert_eq!((&told["allowed"], &told["visible"]), (&json!(expected), &json!(visible)), "{field}: {who}\n{told}");
                if expected && field == "phones" {
                    let shown = single["phones"][0]["e164"].as_str().unwrap();
                    assert_eq!(shown.contains('•'), visible == "masked", "{who}");
                    assert_eq!(&listed[&card.id]["phones"], &single["phones"], "{who}");
                }
                compared += 1;
            }
        }
    }
    assert_eq!(compared, people.len() * cards.len() * 2);
}

#[test]
fn one_asks_for_oneself_and_whoever_may_change_roles_for_others() {
    let workspace = app().workspace();
    let (anna, boris) = (workspace.manager(), workspace.manager());
    let card = anna.post("/v1/contacts", json!({"last_name": "А"})).created();
    let told = anna.get(&format!("/v1/access/explain?record_type=contact&record_id={}", card.id())).ok();
    assert_eq!((&told["allowed"], told.at("/steps/1/step")), (&json!(true), &json!("role")));
    let denied = boris.get("/v1/access/explain?record_type=form").ok();
    assert_eq!((&denied["allowed"], &denied["visible"]), (&json!(false), &json!("nothing")));
    boris.get(&format!("/v1/access/explain?record_type=contact&user_id={}", anna.user_id)).is_problem(403, "forbidden");
    for record in ["workspace", "session", "audit_event", "tag", "api_key", "role"] {
        boris.get(&format!("/v1/access/explain?record_type={record}&record_id={}", card.id())).ok();
    }
    boris.get("/v1/access/explain").is_problem(400, "invalid_parameter");
    boris.get("/v1/access/explain?record_type=contact&field=soul").is_problem(400, "invalid_parameter");
    let admin = workspace.administrator();
    admin.get("/v1/access/explain?record_type=contact&user_id=01939d5a-0000-7000-8000-000000000000").is_problem(404, "not_found");
}
