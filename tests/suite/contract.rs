//! What linters do not look at: what generators and readers of the specification rely on.

use std::collections::BTreeSet;

use kartoteka_tests::{
    Value, app,
    spec::{self, Spec, strict::reachable},
};

fn specification() -> &'static Spec {
    spec::of(app().address)
}

fn schemas() -> &'static serde_json::Map<String, Value> {
    specification().document["components"]["schemas"].as_object().expect("schemas")
}

/// Names and schemas that a part of every operation leads to.
fn reached(part: impl Fn(&Value) -> Vec<&Value>) -> BTreeSet<String> {
    let components = &specification().document["components"]["schemas"];
    let parts = specification().operations.iter().flat_map(|o| part(&o.definition));
    parts.flat_map(|p| reachable(p, components).as_object().cloned().unwrap_or_default().into_iter().map(|(name, _)| name)).collect()
}

fn asked() -> BTreeSet<String> {
    reached(|o| vec![&o["requestBody"], &o["parameters"]])
}

fn answered() -> BTreeSet<String> {
    let own = reached(|o| {
        o["responses"].as_object().into_iter().flatten().filter(|(status, _)| status.starts_with('2')).map(|(_, r)| r).collect()
    });
    let components = &specification().document["components"];
    let problems = reachable(&components["responses"], &components["schemas"]);
    own.into_iter().chain(problems.as_object().into_iter().flatten().map(|(name, _)| name.clone())).collect()
}

const VERBS: &str = "list create get update archive restore upsert batch add look submit test rotate replay complete cancel reopen reject check request confirm revoke
    refresh change reveal verify revert begin disable end reset qualify move place record assign undo hand count read resume stream
    upload delete listen play";

#[test]
fn operation_ids_are_verb_and_noun() {
    let verbs: BTreeSet<&str> = VERBS.split_whitespace().collect();
    for operation in &specification().operations {
        let id = &operation.id;
        let (verb, noun) = id.split_once('_').unwrap_or_else(|| panic!("{id} is not verb_noun"));
        assert!(verbs.contains(verb), "{id} does not begin with a verb");
        assert!(!noun.is_empty() && id.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{id} is not snake_case");
    }
}

#[test]
fn every_property_and_schema_says_what_it_is() {
    let said = |value: &Value| value["description"].as_str().is_some_and(|text| text.len() > 1);
    let mut faults = Vec::new();
    for (name, schema) in schemas() {
        if !said(schema) {
            faults.push(name.clone());
        }
        let properties = schema["properties"].as_object().into_iter().flatten();
        faults.extend(properties.filter(|(_, property)| !said(property)).map(|(property, _)| format!("{name}.{property}")));
    }
    assert!(faults.is_empty(), "without a description: {faults:?}");
}

#[test]
fn what_is_sent_is_closed() {
    // an enquiry is never refused for a name we do not know
    const OPEN: &[&str] = &["PostedForm", "PostedUtm"];
    for name in asked().iter().filter(|name| !OPEN.contains(&name.as_str())) {
        let schema = &schemas()[name];
        assert!(schema["x-extensible-enum"].is_null(), "{name} is an open list of words in a request");
        let is_record = schema["properties"].is_object() && schema["oneOf"].is_null();
        assert!(!is_record || schema["additionalProperties"] == false, "{name} is not closed");
        assert!(schema["allOf"].is_null(), "{name}: a closed record under allOf refuses its siblings");
    }
}

#[test]
fn what_is_answered_is_whole_and_open() {
    // told only when asked for, or in some refusals
    const OPTIONAL: &[&str] = &["expanded", "warnings", "total"];
    for name in answered() {
        let schema = &schemas()[&name];
        assert!(schema["enum"].is_null(), "{name} is a closed list of words in an answer");
        assert!(schema["additionalProperties"] != false, "{name} is closed against later properties");
        if matches!(name.as_str(), "Problem" | "Expanded") {
            continue;
        }
        for (property, _) in schema["properties"].as_object().into_iter().flatten().filter(|(name, _)| !OPTIONAL.contains(&name.as_str())) {
            assert!(schema["required"].as_array().is_some_and(|all| all.iter().any(|r| r == property)), "{name}.{property} may be absent");
        }
    }
}

#[test]
fn every_union_is_told_apart_by_its_tag() {
    for (name, schema) in schemas() {
        let Some(variants) = schema["oneOf"].as_array() else { continue };
        let tag = schema["discriminator"]["propertyName"].as_str().unwrap_or_else(|| panic!("{name} has no discriminator"));
        let mapping = schema["discriminator"]["mapping"].as_object().unwrap_or_else(|| panic!("{name} has no mapping"));
        assert_eq!(mapping.len(), variants.len(), "{name} maps each variant once");
        for (word, target) in mapping {
            assert!(variants.iter().any(|v| v["$ref"] == *target), "{name}: {word} leads to no variant");
            let variant = specification().resolved(variants.iter().find(|v| v["$ref"] == *target).unwrap());
            assert_eq!(variant["properties"][tag]["const"], word.as_str(), "{name}: the tag of {target}");
            assert!(variant["required"].as_array().is_some_and(|r| r.iter().any(|r| r == tag)), "{target} does not require its tag");
        }
    }
}

#[test]
fn links_lead_to_operations_that_take_what_they_give() {
    let mut count = 0;
    for operation in &specification().operations {
        for (_, response) in operation.definition["responses"].as_object().unwrap() {
            for (name, link) in response["links"].as_object().into_iter().flatten() {
                let target = specification().named(link["operationId"].as_str().unwrap());
                let takes = |parameter: &str| {
                    target.definition["parameters"].as_array().is_some_and(|all| all.iter().any(|p| p["name"] == parameter))
                };
                for (parameter, _) in link["parameters"].as_object().into_iter().flatten() {
                    assert!(takes(parameter), "{} → {name}: {} takes no {parameter}", operation.id, target.id);
                }
                count += 1;
            }
        }
    }
    assert!(count > 150, "{count} links");
}
