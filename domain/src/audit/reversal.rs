//! The way back: which values a record gets when some of its events are taken back and others stay. What was changed again
//! since by an event that stays is left as it is, and said.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;

use crate::{
    access::RecordType,
    id::AnyId,
    invalid::{FieldCode, FieldErrors},
};

words! {
    /// Why something is left as it is. Open to additions.
    pub enum ConflictReason {
        /// Another event changed it since.
        ChangedAgain = "changed_again",
        /// The record is archived.
        Archived = "archived",
        /// Another card has the same phone, e-mail or tax id.
        Duplicate = "duplicate",
        /// The old value is not valid any more: what it refers to is gone, or a rule forbids it.
        NotValid = "not_valid",
        /// Events of this kind, this field or this type of record cannot be taken back: passwords, second factors, sessions, keys.
        NotRevertible = "not_revertible",
        /// Nobody would be left to administer the workspace.
        LastAdministrator = "last_administrator",
        /// Somebody has the role.
        RoleInUse = "role_in_use",
        /// A ready-made role stays, and the administrator's rights with it.
        RoleProtected = "role_protected",
        /// It would give, or concerns somebody who has, more rights than the asker.
        ExceedsOwnRights = "exceeds_own_rights",
        /// The record is not there any more.
        Gone = "gone",
        /// The asker may not change records of this type everywhere.
        NotPermitted = "not_permitted",
    }
}

/// A record that was put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RevertedRecord {
    /// Type of the record.
    #[schema(required = true)]
    pub record_type: RecordType,
    /// Its id.
    #[schema(required = true)]
    pub record_id: Uuid,
    /// The fields that have their old values again; `archived_at` where it was archived or restored, `active` where a person that was
    /// added may no longer sign in.
    #[schema(required = true)]
    pub fields: Vec<String>,
}

/// Something that was left as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RevertConflict {
    /// Type of the record.
    #[schema(required = true)]
    pub record_type: RecordType,
    /// Its id.
    #[schema(required = true)]
    pub record_id: Uuid,
    /// The field; null when it is the record as a whole.
    #[schema(required = true)]
    pub field: Option<String>,
    /// Why.
    #[schema(required = true)]
    pub reason: ConflictReason,
}

/// A record that is as it was already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UntouchedRecord {
    /// Type of the record.
    #[schema(required = true)]
    pub record_type: RecordType,
    /// Its id.
    #[schema(required = true)]
    pub record_id: Uuid,
}

/// What taking changes back did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reversal {
    /// Whether this is a preview: nothing was written.
    #[schema(required = true)]
    pub dry_run: bool,
    /// What was put back.
    #[schema(required = true)]
    pub reverted: Vec<RevertedRecord>,
    /// What was left as it is, and why.
    #[schema(required = true)]
    pub conflicts: Vec<RevertConflict>,
    /// What is as it was already.
    #[schema(required = true)]
    pub unchanged: Vec<UntouchedRecord>,
    /// Where to go on with the same request; null when everything was gone through.
    #[schema(required = true)]
    pub next_cursor: Option<String>,
}

params! {
    /// How to take changes back.
    pub struct RevertParams {
        /// Answers what would happen and writes nothing.
        dry_run: bool,
    }
}

/// To which moment a record goes back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevertMoment {
    /// The moment: everything that happened to the record after it is taken back.
    #[schema(required = true)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moment: Option<DateTime<Utc>>,
}

impl RevertMoment {
    /// The moment, or what is wrong with it.
    pub fn checked(&self) -> Result<DateTime<Utc>, FieldErrors> {
        let mut errors = FieldErrors::default();
        let moment = errors.time("/moment", self.moment);
        required(&mut errors, "/moment", moment)
    }
}

fn required<T>(errors: &mut FieldErrors, pointer: &str, value: Option<T>) -> Result<T, FieldErrors> {
    if value.is_none() && errors.0.is_empty() {
        errors.add(pointer, FieldCode::Required);
    }
    value.ok_or_else(|| std::mem::take(errors))
}

/// Whose changes of which time are taken back.
#[derive(Debug, Clone, Default, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevertPeriod {
    /// The user, key, form or rule.
    #[schema(required = true, value_type = Option<AnyId>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_id: Option<Uuid>,
    /// From this moment on.
    #[schema(required = true)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<DateTime<Utc>>,
    /// Until before this moment.
    #[schema(required = true)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<DateTime<Utc>>,
    /// Where to go on: the `next_cursor` of the answer before.
    #[validate(length(max = 2000))]
    #[schema(max_length = 2000)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// A period that can be worked on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period {
    /// Whose changes.
    pub actor: Uuid,
    /// From.
    pub from: DateTime<Utc>,
    /// Until before.
    pub to: DateTime<Utc>,
}

impl RevertPeriod {
    /// The period, or everything that is wrong with it.
    pub fn checked(&self) -> Result<Period, FieldErrors> {
        let mut errors = FieldErrors::default();
        errors.absorb(self.validate());
        let (from, to) = (errors.time("/from", self.from), errors.time("/to", self.to));
        for (pointer, given) in [("/actor_id", self.actor_id.is_some()), ("/from", self.from.is_some()), ("/to", self.to.is_some())] {
            if !given {
                errors.add(pointer, FieldCode::Required);
            }
        }
        if let (Some(from), Some(to)) = (from, to)
            && from >= to
        {
            errors.add("/to", FieldCode::ConflictingFields);
        }
        errors.finish()?;
        match (self.actor_id, from, to) {
            (Some(actor), Some(from), Some(to)) => Ok(Period { actor, from, to }),
            _ => Err(FieldErrors::one("/actor_id", FieldCode::Required)),
        }
    }
}

/// One event of a record, as far as the way back is concerned.
#[derive(Debug, Clone)]
pub struct Step {
    /// Whether it is one of those that are taken back.
    pub taken_back: bool,
    /// Whether it made the record.
    pub made: bool,
    /// What it changed.
    pub changes: Map<String, Value>,
}

/// What is to be done with a record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The record was made by what is taken back, and nobody else changed it: it is archived.
    pub unmade: bool,
    /// Fields with the values they get.
    pub back: BTreeMap<String, Value>,
    /// Fields that another event changed since; they stay.
    pub changed_again: BTreeSet<String>,
}

/// Works it out from a record's events, oldest first from the first that is taken back, and from its present fields.
pub fn plan(steps: &[Step], present: &Map<String, Value>) -> Plan {
    let mut plan = Plan::default();
    if steps.iter().any(|s| s.made && s.taken_back) {
        plan.changed_again = steps.iter().filter(|s| !s.taken_back).flat_map(|s| s.changes.keys().cloned()).collect();
        plan.unmade = plan.changed_again.is_empty();
        return plan;
    }
    let fields: BTreeSet<&String> = steps.iter().filter(|s| s.taken_back).flat_map(|s| s.changes.keys()).collect();
    for field in fields {
        let now = present.get(field).cloned().unwrap_or(Value::Null);
        let touched: Vec<(&Step, &Value)> = steps.iter().filter_map(|s| Some((s, s.changes.get(field)?))).collect();
        let before = |change: &Value| change.get("before").cloned().unwrap_or(Value::Null);
        let first = touched.iter().find(|(step, _)| step.taken_back).map(|(_, change)| before(change));
        if first.as_ref() == Some(&now) {
            continue;
        }
        let known = touched.last().is_some_and(|(_, change)| change.get("after") == Some(&now));
        let on_top = touched.iter().rev().take_while(|(step, _)| step.taken_back && known);
        let (count, oldest) = on_top.fold((0, None), |(count, _), (_, change)| (count + 1, Some(before(change))));
        if count < touched.iter().filter(|(step, _)| step.taken_back).count() {
            plan.changed_again.insert(field.clone());
        }
        if let Some(value) = oldest.filter(|value| *value != now) {
            plan.back.insert(field.clone(), value);
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn step(taken_back: bool, changes: Value) -> Step {
        Step { taken_back, made: false, changes: changes.as_object().cloned().unwrap() }
    }
    fn change(before: impl Serialize, after: impl Serialize) -> Value {
        json!({"before": before, "after": after})
    }
    fn planned(steps: &[Step], present: Value) -> Plan {
        plan(steps, present.as_object().unwrap())
    }

    #[test]
    fn several_changes_of_a_field_go_back_to_what_was_before_the_first() {
        let steps = [step(true, json!({"a": change(1, 2), "b": change(null::<i64>(), 1)})), step(true, json!({"a": change(2, 3)}))];
        let plan = planned(&steps, json!({"a": 3, "b": 1}));
        assert_eq!(plan.back, BTreeMap::from([("a".into(), json!(1)), ("b".into(), Value::Null)]));
        assert!(plan.changed_again.is_empty() && !plan.unmade);
    }

    fn null<T>() -> Option<T> {
        None
    }

    #[test]
    fn what_another_event_changed_since_stays_and_is_said() {
        let mine = || step(true, json!({"a": change(1, 2), "b": change(1, 2)}));
        let plan = planned(&[mine(), step(false, json!({"a": change(2, 3)}))], json!({"a": 3, "b": 2}));
        assert_eq!((plan.back, plan.changed_again), (BTreeMap::from([("b".into(), json!(1))]), BTreeSet::from(["a".into()])));
        // only the change on top of it can be taken back
        let steps = [mine(), step(false, json!({"a": change(2, 3)})), step(true, json!({"a": change(3, 4)}))];
        let plan = planned(&steps, json!({"a": 4, "b": 1}));
        assert_eq!((plan.back, plan.changed_again), (BTreeMap::from([("a".into(), json!(3))]), BTreeSet::from(["a".into()])));
    }

    #[test]
    fn what_is_as_it_was_needs_nothing() {
        let steps = [step(true, json!({"a": change(1, 2)})), step(false, json!({"a": change(2, 1)}))];
        assert_eq!(planned(&steps, json!({"a": 1})), Plan::default());
    }

    #[test]
    fn a_record_made_by_it_is_unmade_unless_somebody_else_worked_on_it() {
        let made = Step { made: true, ..step(true, json!({"a": change(null::<i64>(), 1)})) };
        assert!(planned(&[made.clone(), step(true, json!({"a": change(1, 2)}))], json!({"a": 2})).unmade);
        let plan = planned(&[made, step(false, json!({"b": change(1, 2)}))], json!({"a": 1, "b": 2}));
        assert!(!plan.unmade && plan.changed_again == BTreeSet::from(["b".into()]) && plan.back.is_empty());
    }

    #[test]
    fn a_period_has_an_actor_a_beginning_and_a_later_end() {
        assert_eq!(RevertPeriod::default().checked().unwrap_err().0.len(), 3);
        let at = |text: &str| Some(text.parse().unwrap());
        let period =
            RevertPeriod { actor_id: Some(Uuid::nil()), from: at("2026-01-02T00:00:00Z"), to: at("2026-01-01T00:00:00Z"), cursor: None };
        assert_eq!(period.checked().unwrap_err().0[0].pointer, "/to");
    }
}
