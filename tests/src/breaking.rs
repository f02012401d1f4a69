//! Tells what a later specification takes away from those who built on an earlier one.
//!
//! What a client sends may only be allowed more, what it reads may only be promised more. Allowed: new operations,
//! optional parameters and properties, new properties of answers, new words of open lists, new variants of answered
//! unions, new refusals. Names count, too: generated code is called by operation ids, tags and schema names.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Which way a schema goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Sent,
    Read,
}

struct Comparison<'a> {
    old: &'a Value,
    new: &'a Value,
    seen: BTreeSet<(String, String, Way)>,
    found: Vec<String>,
}

/// Every break, one line each; empty when whoever built on `old` goes on undisturbed.
pub fn breaks(old: &Value, new: &Value) -> Vec<String> {
    let mut comparison = Comparison { old, new, seen: BTreeSet::new(), found: Vec::new() };
    comparison.names();
    comparison.operations();
    comparison.found.sort();
    comparison.found.dedup();
    comparison.found
}

fn resolved<'a>(document: &'a Value, mut value: &'a Value) -> &'a Value {
    while let Some(target) = value["$ref"].as_str().and_then(|r| document.pointer(r.trim_start_matches('#'))) {
        value = target;
    }
    value
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn words(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Array(items) => items.iter().map(ToString::to_string).collect(),
        Value::Null => BTreeSet::new(),
        one => BTreeSet::from([one.to_string()]),
    }
}

impl<'a> Comparison<'a> {
    fn say(&mut self, what: String) {
        self.found.push(what);
    }

    fn names(&mut self) {
        let kept = &self.new["components"]["schemas"];
        let gone: Vec<String> = members(&self.old["components"]["schemas"])
            .map(|(name, _)| name)
            .filter(|name| kept[name.as_str()].is_null())
            .cloned()
            .collect();
        for name in gone {
            self.say(format!("schema {name} is gone"));
        }
    }

    fn operations(&mut self) {
        let (old, new) = (self.old, self.new);
        for (path, item) in members(&old["paths"]) {
            for (method, before) in members(item) {
                let after = &new["paths"][path][method];
                if after.is_null() {
                    self.say(format!("{method} {path} is gone"));
                } else {
                    self.operation(before, after);
                }
            }
        }
    }

    fn operation(&mut self, before: &'a Value, after: &'a Value) {
        let id = before["operationId"].as_str().unwrap_or_default();
        for name in ["operationId", "tags"] {
            if before[name] != after[name] {
                self.say(format!("{id}: {name} {} became {}", before[name], after[name]));
            }
        }
        if before["security"] == serde_json::json!([]) && after["security"] != before["security"] {
            self.say(format!("{id}: needs a credential now"));
        }
        self.parameters(id, before, after);
        self.body(id, before, after);
        self.answers(id, before, after);
    }

    fn parameters(&mut self, id: &str, before: &'a Value, after: &'a Value) {
        fn list<'v>(document: &'v Value, operation: &'v Value) -> BTreeMap<(&'v str, &'v str), &'v Value> {
            let all = operation["parameters"].as_array().into_iter().flatten().map(|p| resolved(document, p));
            all.map(|p| ((p["in"].as_str().unwrap_or_default(), p["name"].as_str().unwrap_or_default()), p)).collect()
        }
        let (old, new) = (list(self.old, before), list(self.new, after));
        for (&(place, name), parameter) in &old {
            match new.get(&(place, name)) {
                None => self.say(format!("{id}: {place} parameter {name} is gone")),
                Some(kept) => {
                    if kept["required"] == true && parameter["required"] != true {
                        self.say(format!("{id}: {place} parameter {name} is required now"));
                    }
                    self.schema(&format!("{id}: {place} parameter {name}"), &parameter["schema"], &kept["schema"], Way::Sent);
                }
            }
        }
        for (&(place, name), _) in new.iter().filter(|(key, p)| p["required"] == true && !old.contains_key(key)) {
            self.say(format!("{id}: {place} parameter {name} is new and required"));
        }
    }

    fn body(&mut self, id: &str, before: &'a Value, after: &'a Value) {
        let (before, after) = (resolved(self.old, &before["requestBody"]), resolved(self.new, &after["requestBody"]));
        if after["required"] == true && before["required"] != true {
            self.say(format!("{id}: a body is required now"));
        }
        for (kind, media) in members(&before["content"]) {
            let kept = &after["content"][kind];
            if kept.is_null() {
                self.say(format!("{id}: a body of {kind} is no longer taken"));
            } else {
                self.schema(&format!("{id}: body"), &media["schema"], &kept["schema"], Way::Sent);
            }
        }
    }

    fn answers(&mut self, id: &str, before: &'a Value, after: &'a Value) {
        for (status, answer) in members(&before["responses"]) {
            let (answer, kept) = (resolved(self.old, answer), &after["responses"][status]);
            if kept.is_null() {
                if status.starts_with('2') {
                    self.say(format!("{id}: {status} is no longer answered"));
                }
                continue;
            }
            let kept = resolved(self.new, kept);
            for (name, _) in members(&answer["headers"]).filter(|(name, _)| kept["headers"][name.as_str()].is_null()) {
                self.say(format!("{id}: {status} no longer has the header {name}"));
            }
            for (kind, media) in members(&answer["content"]) {
                if kept["content"][kind].is_null() {
                    self.say(format!("{id}: {status} is no longer {kind}"));
                } else {
                    self.schema(&format!("{id}: {status}"), &media["schema"], &kept["content"][kind]["schema"], Way::Read);
                }
            }
        }
        for (status, _) in
            members(&after["responses"]).filter(|(status, _)| status.starts_with('2') && before["responses"][status.as_str()].is_null())
        {
            self.say(format!("{id}: answers {status}, which nobody expects"));
        }
    }

    fn schema(&mut self, at: &str, before: &'a Value, after: &'a Value, way: Way) {
        if let (Some(old), Some(new)) = (before["$ref"].as_str(), after["$ref"].as_str())
            && !self.seen.insert((old.to_owned(), new.to_owned(), way))
        {
            return;
        }
        let at = match before["$ref"].as_str().and_then(|r| r.rsplit('/').next()) {
            Some(name) => name.to_owned(),
            None => at.to_owned(),
        };
        let (before, after) = (resolved(self.old, before), resolved(self.new, after));
        self.values(&at, before, after, way);
        self.bounds(&at, before, after, way);
        self.properties(&at, before, after, way);
        if before["items"].is_object() && after["items"].is_object() {
            self.schema(&format!("{at}[]"), &before["items"], &after["items"], way);
        }
        self.variants(&at, before, after, way);
    }

    /// Types, formats and words.
    fn values(&mut self, at: &str, before: &Value, after: &Value, way: Way) {
        let (old, new) = (words(&before["type"]), words(&after["type"]));
        let lost = match way {
            Way::Sent if !new.is_empty() => old.difference(&new).cloned().collect::<Vec<_>>(),
            Way::Read if !old.is_empty() => new.difference(&old).cloned().collect(),
            _ => Vec::new(),
        };
        // a whole number is a number
        let lost: Vec<String> = lost.into_iter().filter(|t| !(t == "\"integer\"" && old.union(&new).any(|o| o == "\"number\""))).collect();
        if !lost.is_empty() || (way == Way::Read && !old.is_empty() && new.is_empty()) {
            self.say(format!("{at}: type {} became {}", before["type"], after["type"]));
        }
        for name in ["format", "pattern", "const"] {
            let tightened = before[name].is_null() && way == Way::Read || after[name].is_null() && way == Way::Sent;
            if before[name] != after[name] && !tightened {
                self.say(format!("{at}: {name} {} became {}", before[name], after[name]));
            }
        }
        let (old, new) = (words(&before["enum"]), words(&after["enum"]));
        let odd: Vec<&String> = match way {
            Way::Sent if !new.is_empty() => old.difference(&new).collect(),
            Way::Read if !old.is_empty() => new.difference(&old).collect(),
            _ => Vec::new(),
        };
        if !odd.is_empty() {
            self.say(format!("{at}: words {odd:?} are {}", if way == Way::Sent { "no longer taken" } else { "new in a closed list" }));
        }
        if (way == Way::Sent && old.is_empty() && !new.is_empty()) || (way == Way::Read && !old.is_empty() && new.is_empty()) {
            self.say(format!("{at}: a list of words {}", if way == Way::Sent { "was closed" } else { "was opened" }));
        }
    }

    /// Lengths, counts and ranges of what is sent.
    fn bounds(&mut self, at: &str, before: &Value, after: &Value, way: Way) {
        if way == Way::Read {
            return;
        }
        for (name, grows) in
            [("maxLength", true), ("maxItems", true), ("maximum", true), ("minLength", false), ("minItems", false), ("minimum", false)]
        {
            let Some(new) = after[name].as_f64() else { continue };
            let narrower = before[name].as_f64().is_none_or(|old| if grows { new < old } else { new > old });
            if narrower {
                self.say(format!("{at}: {name} {} became {}", before[name], after[name]));
            }
        }
    }

    fn properties(&mut self, at: &str, before: &'a Value, after: &'a Value, way: Way) {
        let (old, new) = (words(&before["required"]), words(&after["required"]));
        for (name, property) in members(&before["properties"]) {
            let kept = &after["properties"][name];
            if kept.is_null() {
                self.say(format!("{at}.{name} is gone"));
            } else {
                self.schema(&format!("{at}.{name}"), property, kept, way);
            }
        }
        let (lost, what) = match way {
            Way::Sent => (new.difference(&old).cloned().collect::<Vec<_>>(), "is required now"),
            Way::Read => (old.difference(&new).cloned().collect(), "may be absent now"),
        };
        for name in
            lost.into_iter().map(|name| name.trim_matches('"').to_owned()).filter(|name| !after["properties"][name.as_str()].is_null())
        {
            self.say(format!("{at}.{name} {what}"));
        }
        let closed = |schema: &Value| schema["additionalProperties"] == false;
        if way == Way::Sent && closed(after) && !closed(before) {
            self.say(format!("{at} is closed now"));
        }
        if before["additionalProperties"].is_object() && after["additionalProperties"].is_object() {
            self.schema(&format!("{at}.*"), &before["additionalProperties"], &after["additionalProperties"], way);
        }
    }

    /// Variants of a union, paired by the name of their schema.
    fn variants(&mut self, at: &str, before: &'a Value, after: &'a Value, way: Way) {
        let key = |variant: &Value| variant["$ref"].as_str().map_or_else(|| variant["type"].to_string(), ToOwned::to_owned);
        let old = before["oneOf"].as_array().map(Vec::as_slice).unwrap_or_default();
        let new = after["oneOf"].as_array().map(Vec::as_slice).unwrap_or_default();
        for variant in old {
            match new.iter().find(|v| key(v) == key(variant)) {
                Some(kept) => self.schema(&format!("{at}|"), variant, kept, way),
                None if way == Way::Sent || new.is_empty() => self.say(format!("{at}: {} is no longer a variant", key(variant))),
                None => {}
            }
        }
        let tagged = before["discriminator"].is_object();
        for variant in new.iter().filter(|v| way == Way::Read && !tagged && !old.iter().any(|o| key(o) == key(v))) {
            self.say(format!("{at}: {} is a new variant nobody can tell", key(variant)));
        }
    }
}
