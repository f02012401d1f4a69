//! Field rules where a record becomes an answer: whatever operation answers it, wherever in the answer it stands. Where
//! records stand is read from the document itself, so that a new operation cannot forget.

use std::{
    any::TypeId,
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{LazyLock, Mutex, PoisonError},
};

use kartoteka_domain::{
    access::{Actor, RecordType},
    record::Record,
    role::FieldRules,
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{
    answer::{Outcome, Respond},
    problem::{Problem, Result},
    spec::Shape,
};

const PREFIX: &str = "#/components/schemas/";

/// A client's data, and what a lead keeps of a form: a submission is all of it in one.
const POINTS: &[&str] = &["phones", "emails", "messengers"];
const SENT: &[&str] = &["answers", "comment", "page_url", "referrer", "utm"];

/// What of a schema concerns field rules.
#[derive(Debug, Default)]
struct Node {
    /// Properties that lead to records, with their schemas.
    parts: BTreeMap<String, String>,
    /// The tag of a union, and its variants.
    variants: Option<(String, BTreeMap<String, String>)>,
}

/// The schemas that hold records, directly or further in.
static NODES: LazyLock<BTreeMap<String, Node>> =
    LazyLock::new(|| crate::app::openapi().pointer("/components/schemas").map(nodes).unwrap_or_default());

/// The schema each kind of answer has.
static ANSWERS: LazyLock<Mutex<HashMap<TypeId, Option<String>>>> = LazyLock::new(Mutex::default);

fn record_type(schema: &str) -> Option<RecordType> {
    match schema {
        "Contact" => Some(RecordType::Contact),
        "Company" => Some(RecordType::Company),
        "Lead" => Some(RecordType::Lead),
        "Deal" => Some(RecordType::Deal),
        "Task" => Some(RecordType::Task),
        "Communication" => Some(RecordType::Communication),
        "Note" => Some(RecordType::Note),
        _ => None,
    }
}

/// Schemas that say something of records in another way.
fn is_special(schema: &str) -> bool {
    matches!(schema, "FieldChange" | "AuditEvent" | "FieldHistoryEntry" | "Submission")
}

fn named(schema: &Value) -> Option<String> {
    schema["$ref"].as_str().and_then(|r| r.strip_prefix(PREFIX)).map(ToOwned::to_owned)
}

/// The schema a property leads to: its own, its items', or the one beside null.
fn target(property: &Value) -> Option<String> {
    named(property).or_else(|| named(&property["items"])).or_else(|| property["oneOf"].as_array()?.iter().find_map(named))
}

fn nodes(schemas: &Value) -> BTreeMap<String, Node> {
    let mut all: BTreeMap<String, Node> = BTreeMap::new();
    for (name, schema) in schemas.as_object().into_iter().flatten() {
        let parts =
            schema["properties"].as_object().into_iter().flatten().filter_map(|(property, value)| Some((property.clone(), target(value)?)));
        let variants = schema.pointer("/discriminator/propertyName").and_then(Value::as_str).map(|tag| {
            let mapping = schema.pointer("/discriminator/mapping").and_then(Value::as_object).into_iter().flatten();
            (tag.to_owned(), mapping.filter_map(|(word, to)| Some((word.clone(), to.as_str()?.strip_prefix(PREFIX)?.to_owned()))).collect())
        });
        all.insert(name.clone(), Node { parts: parts.collect(), variants });
    }
    // only what leads to records stays
    let mut leading: BTreeSet<String> = all.keys().filter(|name| record_type(name).is_some() || is_special(name)).cloned().collect();
    loop {
        let more: Vec<String> = all
            .iter()
            .filter(|(name, node)| {
                let inner = node.variants.iter().flat_map(|(_, variants)| variants.values());
                !leading.contains(*name) && node.parts.values().chain(inner).any(|part| leading.contains(part))
            })
            .map(|(name, _)| name.clone())
            .collect();
        if more.is_empty() {
            break;
        }
        leading.extend(more);
    }
    all.retain(|name, _| leading.contains(name));
    for node in all.values_mut() {
        node.parts.retain(|_, part| leading.contains(part));
    }
    all
}

fn answer_schema<R: Respond + 'static>() -> Option<String> {
    let mut known = ANSWERS.lock().unwrap_or_else(PoisonError::into_inner);
    known
        .entry(TypeId::of::<R>())
        .or_insert_with(|| {
            let mut shape = Shape::default();
            R::describe(&mut shape);
            shape.answered()
        })
        .clone()
}

/// An answer as the asker may see it.
pub fn conceal<R: Respond + 'static>(actor: &Actor, mut outcome: Outcome) -> Result<Outcome> {
    let rules = &actor.role().fields;
    if rules.is_empty() || R::UNMASKED {
        return Ok(outcome);
    }
    let (Some(body), Some(schema)) = (&outcome.body, answer_schema::<R>()) else { return Ok(outcome) };
    if !NODES.contains_key(&schema) {
        return Ok(outcome);
    }
    let mut value: Value = serde_json::from_str(body).map_err(Problem::internal)?;
    walk(&schema, &mut value, rules, actor);
    outcome.body = Some(value.to_string());
    Ok(outcome)
}

/// A record as the asker may see it, where it is not answered as one.
pub fn seen<T: Record + DeserializeOwned>(actor: &Actor, record: &T) -> Result<T> {
    if actor.role().fields.is_empty() {
        return Ok(record.clone());
    }
    serde_json::from_value(shown(actor, record)?).map_err(Problem::internal)
}

/// The same as JSON: what is hidden or masked need not be what the record holds.
pub fn shown<T: Record>(actor: &Actor, record: &T) -> Result<Value> {
    let mut value = serde_json::to_value(record).map_err(Problem::internal)?;
    if let Some(object) = value.as_object_mut() {
        actor.role().fields.conceal(T::TYPE, actor.user(), object);
    }
    Ok(value)
}

/// A record with what is hidden from the asker hidden, and what is masked shown.
pub fn without_masks<T: Record + DeserializeOwned>(actor: &Actor, record: &T) -> Result<T> {
    let mut value = serde_json::to_value(record).map_err(Problem::internal)?;
    if let Some(object) = value.as_object_mut() {
        actor.role().fields.without_masks().conceal(T::TYPE, actor.user(), object);
    }
    serde_json::from_value(value).map_err(Problem::internal)
}

fn walk(schema: &str, value: &mut Value, rules: &FieldRules, actor: &Actor) {
    let Some(node) = NODES.get(schema) else { return };
    let Value::Object(object) = value else {
        if let Value::Array(items) = value {
            for item in items {
                walk(schema, item, rules, actor);
            }
        }
        return;
    };
    if let Some((tag, variants)) = &node.variants
        && let Some(variant) = object.get(tag).and_then(Value::as_str).and_then(|word| variants.get(word))
    {
        return walk(variant, value, rules, actor);
    }
    for (property, part) in &node.parts {
        if let Some(inner) = object.get_mut(property) {
            walk(part, inner, rules, actor);
        }
    }
    unlink(schema, object, rules);
    match record_type(schema) {
        Some(record) => rules.conceal(record, actor.user(), object),
        None if is_special(schema) => special(object, rules),
        None => {}
    }
}

/// A card's company and a company's people stand beside each other without the reference that a rule hides.
fn unlink(schema: &str, object: &mut Map<String, Value>, rules: &FieldRules) {
    if !rules.hides(RecordType::Contact, "company_id") {
        return;
    }
    match schema {
        "ContactOverview" => drop(object.insert("company".into(), Value::Null)),
        "Company" => {
            if let Some(Value::Object(expanded)) = object.get_mut("expanded") {
                expanded.remove("contacts");
            }
        }
        _ => {}
    }
}

/// A record by itself as these rules let it be seen.
pub fn one(record: RecordType, object: &mut Map<String, Value>, rules: &FieldRules) {
    match record {
        RecordType::Submission => special(object, rules),
        _ => rules.conceal(record, None, object),
    }
}

/// An event's record and changes as the actor may see them. Whose the record was then decides what is excepted for one's own.
pub fn event(actor: &Actor, record: RecordType, data: &mut Value, changes: &mut Map<String, Value>) {
    let rules = &actor.role().fields;
    if rules.is_empty() {
        return;
    }
    let own = data.as_object().is_some_and(|object| kartoteka_domain::role::is_own(actor.user(), object));
    if let Value::Object(object) = data {
        match record {
            RecordType::Submission => special(object, rules),
            _ => rules.conceal(record, actor.user(), object),
        }
    }
    if record == RecordType::Submission && sends_client_data(rules) {
        changes.values_mut().for_each(kartoteka_domain::role::mask_value);
    }
    rules.conceal_changes(record, own, changes);
}

/// What changed, and what a form sent: a client's data under other names.
fn special(object: &mut Map<String, Value>, rules: &FieldRules) {
    let record = ["record", "record_type"].iter().find_map(|name| RecordType::from_word(object.get(*name)?.as_str()?));
    if let (Some(record), Some(Value::Object(changes))) = (record, object.get_mut("changes")) {
        // whose record it is now is not told here: as if it were somebody else's
        return rules.conceal_changes(record, false, changes);
    }
    if let (Some(record), Some(Value::String(field))) = (record, object.get("field").cloned()) {
        let side = |name: &str| object.get(name).cloned().unwrap_or_default();
        let mut changes = Map::new();
        changes.insert(field, serde_json::json!({"before": side("before"), "after": side("after")}));
        rules.conceal_changes(record, false, &mut changes);
        return changes.into_iter().filter_map(|(_, change)| change.as_object().cloned()).for_each(|change| object.extend(change));
    }
    if sends_client_data(rules) && object.contains_key("body_base64") {
        if rules.hides(RecordType::Lead, "page_url") {
            object.insert("page_url".into(), Value::Null);
        }
        object.insert("body_base64".into(), Value::Null);
        for field in object.get_mut("fields").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut) {
            kartoteka_domain::role::mask_value(field);
        }
    }
}

/// Whether what a form sent is more than these rules show of cards and leads.
fn sends_client_data(rules: &FieldRules) -> bool {
    rules.touches(RecordType::Contact, POINTS) || rules.touches(RecordType::Lead, SENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_found_wherever_they_stand() {
        for (schema, property, part) in [
            ("ContactPage", "data", "Contact"),
            ("Contact", "expanded", "Expanded"),
            ("Expanded", "company", "Company"),
            ("ContactOverview", "open_tasks", "Task"),
            ("TimelineChange", "record", "FieldChange"),
            ("CompletedTask", "next_task", "Task"),
        ] {
            assert_eq!(NODES[schema].parts.get(property).map(String::as_str), Some(part), "{schema}.{property}");
        }
        assert_eq!(NODES["TimelineItem"].variants.as_ref().map(|(tag, all)| (tag.as_str(), all.len())), Some(("kind", 8)));
        assert!(!NODES.contains_key("Reach"));
    }
}
