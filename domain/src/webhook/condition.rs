//! Conditions: what must hold of an event, small and closed. They see what the webhook is told, so that nothing hidden can be felt for.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use validator::Validate;

use crate::{
    invalid::{FieldCode, FieldErrors},
    journal::EventType,
    role::has_field,
};

words! {
    /// How a field is compared.
    pub enum ConditionOperator {
        /// It has this value after the change; of a list, one of its items is.
        Equals = "equals",
        /// It has another value.
        NotEquals = "not_equals",
        /// It has none.
        IsEmpty = "is_empty",
        /// It has one.
        IsNotEmpty = "is_not_empty",
        /// It was changed by the event.
        Changed = "changed",
        /// It was changed to this value.
        ChangedTo = "changed_to",
    }
}

/// What must hold of one field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConditionTerm {
    /// The field, `stage_id`; further in by dots, `amount.currency`.
    #[validate(length(min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200, pattern = r"^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*$")]
    pub field: String,
    /// How it is compared.
    pub operator: ConditionOperator,
    /// With what, where it is compared with something: a text, a number, true or false.
    #[serde(default)]
    #[schema(required = true, value_type = crate::free::AnyValue, default = json!(null))]
    pub value: Value,
}

impl ConditionTerm {
    /// Notes what is wrong with it; whether it names a field at all.
    pub fn check(&self, at: &str, errors: &mut FieldErrors) -> bool {
        let named = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let names = self.field.split('.').all(named);
        if !names {
            errors.add_with(format!("{at}/field"), FieldCode::InvalidValue, &self.field);
        }
        let compares = matches!(self.operator, ConditionOperator::Equals | ConditionOperator::NotEquals | ConditionOperator::ChangedTo);
        match &self.value {
            Value::Null if compares => errors.add(format!("{at}/value"), FieldCode::Required),
            Value::Null => {}
            _ if !compares => errors.add(format!("{at}/value"), FieldCode::ConflictingFields),
            // no list and no object equals anything
            Value::Array(_) | Value::Object(_) => errors.add(format!("{at}/value"), FieldCode::ConflictingFields),
            Value::String(text) if text.len() > 2000 => errors.add(format!("{at}/value"), FieldCode::TooLong),
            Value::String(_) | Value::Number(_) | Value::Bool(_) => {}
        }
        names
    }

    /// Whether any of these events may be about a record with its field; records whose fields are not known here may have any.
    pub fn may_concern(&self, events: &[EventType]) -> bool {
        let field = self.field.split('.').next().unwrap_or_default();
        events.is_empty() || events.iter().any(|event| has_field(event.record, field).unwrap_or(true))
    }

    /// Whether it holds of a record after a change.
    pub fn holds(&self, data: &Value, changes: &Map<String, Value>) -> bool {
        let mut parts = self.field.split('.');
        let first = parts.next().unwrap_or_default();
        let rest: Vec<&str> = parts.collect();
        let deep = |value: Option<&Value>| rest.iter().fold(value, |value, part| value?.get(part)).cloned().unwrap_or_default();
        let now = deep(data.get(first));
        let changed =
            || changes.get(first).is_some_and(|change| rest.is_empty() || deep(change.get("before")) != deep(change.get("after")));
        match self.operator {
            ConditionOperator::Equals => is(&now, &self.value),
            ConditionOperator::NotEquals => !is(&now, &self.value),
            ConditionOperator::IsEmpty => is_empty(&now),
            ConditionOperator::IsNotEmpty => !is_empty(&now),
            ConditionOperator::Changed => changed(),
            ConditionOperator::ChangedTo => changed() && is(&now, &self.value),
        }
    }
}

/// Whether every term holds.
pub fn all_hold(terms: &[ConditionTerm], data: &Value, changes: &Map<String, Value>) -> bool {
    terms.iter().all(|term| term.holds(data, changes))
}

fn is(value: &Value, wanted: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| is(item, wanted)),
        Value::Number(_) => value.as_f64().is_some() && value.as_f64() == wanted.as_f64(),
        _ => value == wanted,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn term(field: &str, operator: ConditionOperator, value: Value) -> ConditionTerm {
        ConditionTerm { field: field.into(), operator, value }
    }

    #[test]
    fn a_term_speaks_of_the_record_after_the_change() {
        use ConditionOperator as O;
        let data = json!({"status": "won", "tags": ["VIP"], "amount": {"amount": 5, "currency": "RUB"}, "comment": null});
        let changes = json!({"status": {"before": "open", "after": "won"}, "amount": {"before": {"amount": 4, "currency": "RUB"}, "after": {"amount": 5, "currency": "RUB"}}});
        let changes = changes.as_object().unwrap();
        for (field, operator, value, holds) in [
            ("status", O::Equals, json!("won"), true),
            ("status", O::Equals, json!("lost"), false),
            ("status", O::NotEquals, json!("lost"), true),
            ("tags", O::Equals, json!("VIP"), true),
            ("tags", O::NotEquals, json!("VIP"), false),
            ("amount.amount", O::Equals, json!(5.0), true),
            ("amount.amount", O::Changed, Value::Null, true),
            ("amount.currency", O::Changed, Value::Null, false),
            ("status", O::Changed, Value::Null, true),
            ("tags", O::Changed, Value::Null, false),
            ("status", O::ChangedTo, json!("won"), true),
            ("status", O::ChangedTo, json!("open"), false),
            ("comment", O::IsEmpty, Value::Null, true),
            ("no_such", O::IsEmpty, Value::Null, true),
            ("tags", O::IsNotEmpty, Value::Null, true),
        ] {
            assert_eq!(term(field, operator, value.clone()).holds(&data, changes), holds, "{field} {operator} {value}");
        }
    }

    #[test]
    fn a_term_that_cannot_be_meant_is_refused() {
        use ConditionOperator as O;
        let faults = |term: ConditionTerm| {
            let mut errors = FieldErrors::default();
            term.check("/condition/0", &mut errors);
            errors.0.into_iter().map(|e| e.pointer).collect::<Vec<_>>()
        };
        assert_eq!(faults(term("a..b", O::Changed, Value::Null)), ["/condition/0/field"]);
        assert_eq!(faults(term("a", O::Equals, Value::Null)), ["/condition/0/value"]);
        assert_eq!(faults(term("a", O::Changed, json!(1))), ["/condition/0/value"]);
        assert_eq!(faults(term("a", O::Equals, json!([1]))), ["/condition/0/value"]);
        assert!(faults(term("a.b_c", O::ChangedTo, json!(true))).is_empty());
    }

    #[test]
    fn a_field_that_no_record_of_the_events_has_is_none() {
        let concerns = |field: &str, events: &[&str]| {
            let events: Vec<EventType> = events.iter().map(|event| EventType::read(event).unwrap()).collect();
            term(field, ConditionOperator::Changed, Value::Null).may_concern(&events)
        };
        assert!(concerns("amount.currency", &["deal.*"]) && concerns("owner_id", &["contact.created"]) && concerns("version", &["task.*"]));
        assert!(concerns("outcome", &["contact.*", "deal.stage_changed"]), "one of them is enough");
        assert!(!concerns("nonexistent", &["contact.*", "deal.*"]) && !concerns("last_nmae", &["contact.updated"]));
        assert!(
            concerns("nonexistent", &[]) && concerns("nonexistent", &["contact.*", "form.*"]),
            "whose fields are not known may have it"
        );
    }

    proptest! {
        #[test]
        fn a_term_and_its_contrary_never_agree(value in "[a-c]{0,2}", wanted in "[a-c]{0,2}") {
            let data = json!({"field": value});
            let of = |operator, value| term("field", operator, value).holds(&data, &Map::new());
            prop_assert_ne!(of(ConditionOperator::Equals, json!(wanted)), of(ConditionOperator::NotEquals, json!(wanted)));
            prop_assert_ne!(of(ConditionOperator::IsEmpty, Value::Null), of(ConditionOperator::IsNotEmpty, Value::Null));
        }
    }
}
