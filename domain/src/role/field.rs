//! Field rules: what a role sees of a record's fields, and what it may not write. They act on the record as it is answered.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema, schema::SchemaType, schema::Type},
};

use crate::{
    access::{FieldAccess, RecordType},
    id::UserId,
};

words! {
    /// What a field rule does.
    pub enum FieldEffect {
        /// Answered as null, or as an empty list; not written, not filtered by, not sorted by.
        Hidden = "hidden",
        /// Answered with `•` in place of most characters.
        Masked = "masked",
        /// Not written.
        ReadOnly = "read_only",
    }
}

/// One rule on one field of one record type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FieldRule {
    /// On which records.
    pub record: RecordType,
    /// Name of the field.
    #[schema(max_length = 100)]
    pub field: String,
    /// What is done to it.
    pub effect: FieldEffect,
    /// Whether records one is responsible for are excepted.
    #[serde(default)]
    #[schema(required = true, default = false)]
    pub except_own: bool,
}

impl FieldEffect {
    fn strength(self) -> u8 {
        match self {
            Self::ReadOnly => 1,
            Self::Masked => 2,
            Self::Hidden => 3,
        }
    }
}

impl FieldRule {
    /// Whether the field can bear the effect: what a record cannot be told without is not hidden, and only contact points
    /// have a shape to be masked to.
    pub fn fits(&self) -> bool {
        match self.effect {
            FieldEffect::Hidden => hideable(self.record).contains(&self.field),
            FieldEffect::Masked => matches!(self.field.as_str(), "phones" | "emails" | "messengers"),
            FieldEffect::ReadOnly => true,
        }
    }
}

/// The envelope, which no rule touches.
const ENVELOPE: &[&str] =
    &["id", "version", "created_at", "updated_at", "created_by", "updated_by", "archived_at", "access", "expanded", "warnings"];

fn properties(record: RecordType) -> Vec<(String, RefOr<Schema>)> {
    let schema = match record {
        RecordType::Contact => crate::contact::Contact::schema(),
        RecordType::Company => crate::company::Company::schema(),
        RecordType::Lead => crate::lead::Lead::schema(),
        RecordType::Deal => crate::deal::Deal::schema(),
        RecordType::Task => crate::task::Task::schema(),
        RecordType::Communication => crate::communication::Communication::schema(),
        RecordType::Note => crate::note::Note::schema(),
        _ => return Vec::new(),
    };
    match schema {
        RefOr::T(Schema::Object(object)) => object.properties.into_iter().filter(|(name, _)| !ENVELOPE.contains(&name.as_str())).collect(),
        _ => Vec::new(),
    }
}

/// The fields rules can be written for.
pub fn fields_of(record: RecordType) -> Vec<String> {
    properties(record).into_iter().map(|(name, _)| name).collect()
}

/// Whether records of a type have a field, the envelope's among them; `None` where the fields of the type are not known here.
pub fn has_field(record: RecordType, field: &str) -> Option<bool> {
    let known = properties(record);
    (!known.is_empty()).then(|| ENVELOPE.contains(&field) || known.iter().any(|(name, _)| name == field))
}

/// Parts of what a card is shown by.
const NAMES: &[&str] = &["last_name", "first_name", "middle_name"];

/// Those that can be hidden: what may be null or is a list, but for the parts of a name, which `display_name` tells anyway.
pub fn hideable(record: RecordType) -> Vec<String> {
    let may = |schema: &RefOr<Schema>| match schema {
        RefOr::T(Schema::Object(object)) => matches!(&object.schema_type, SchemaType::Array(types) if types.contains(&Type::Null)),
        RefOr::T(Schema::Array(_) | Schema::OneOf(_)) => true,
        _ => false,
    };
    let named = |name: &str| record == RecordType::Contact && NAMES.contains(&name);
    properties(record).into_iter().filter(|(name, schema)| may(schema) && !named(name)).map(|(name, _)| name).collect()
}

/// Where a meeting was planned, where the next one is to be, and where somebody was, are told with the place itself; what came of it is told
/// in words and by its entry of the list.
const TOGETHER: &[(&str, &[&str])] = &[
    ("outcome", &["outcome_id"]),
    ("place", &["planned_place", "next_meeting"]),
    ("coordinates", &["planned_coordinates", "check_in", "check_out", "place_mismatch"]),
];

/// The rules with those that follow from them: what hides a place hides its plan, unless a rule of its own says otherwise.
pub fn with_plans(rules: &[FieldRule]) -> Vec<FieldRule> {
    let mut all = rules.to_vec();
    for rule in rules.iter().filter(|rule| rule.record == RecordType::Communication && rule.effect == FieldEffect::Hidden) {
        let follows = TOGETHER.iter().find(|(field, _)| *field == rule.field).map_or(&[][..], |(_, follows)| *follows);
        for field in follows {
            if !all.iter().any(|known| known.record == rule.record && known.field == *field) {
                all.push(FieldRule { field: (*field).to_owned(), ..rule.clone() });
            }
        }
    }
    all
}

/// Everything a role says of fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldRules(Vec<FieldRule>, Vec<(RecordType, String)>);

/// What somebody sees of one field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// All of it.
    Clear,
    /// Its shape.
    Masked,
    /// Nothing.
    Hidden,
}

impl FieldRules {
    /// From the rules of a role.
    pub fn new(rules: Vec<FieldRule>) -> Self {
        Self(rules, Vec::new())
    }
    /// The same, with a field that may be written to all the same where the record is new to the writer: told, but not read back.
    #[must_use]
    pub fn telling(mut self, record: RecordType, field: &str) -> Self {
        self.1.push((record, field.to_owned()));
        self
    }
    /// All of them.
    pub fn all(&self) -> &[FieldRule] {
        &self.0
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The rule on a field, where one holds: of a record of this owner, seen by this user.
    pub fn rule(&self, record: RecordType, field: &str, own: bool) -> Option<FieldEffect> {
        self.0.iter().find(|rule| rule.record == record && rule.field == field && !(own && rule.except_own)).map(|rule| rule.effect)
    }

    /// What is seen of a field.
    pub fn seen(&self, record: RecordType, field: &str, own: bool) -> Seen {
        match self.rule(record, field, own) {
            Some(FieldEffect::Hidden) => Seen::Hidden,
            Some(FieldEffect::Masked) => Seen::Masked,
            Some(FieldEffect::ReadOnly) | None => Seen::Clear,
        }
    }

    /// Whether a field is not to be seen on any record but perhaps one's own: then it is no ground to filter or sort by.
    pub fn hides(&self, record: RecordType, field: &str) -> bool {
        self.seen(record, field, false) == Seen::Hidden
    }
    /// Whether somebody who has these rules sees less of some field.
    pub fn touches(&self, record: RecordType, fields: &[&str]) -> bool {
        fields.iter().any(|field| self.seen(record, field, false) != Seen::Clear)
    }

    /// Whether a field may be written; masked ones may, with a new value.
    pub fn may_write(&self, record: RecordType, field: &str, own: bool) -> bool {
        let told = || self.1.iter().any(|(of, name)| *of == record && name == field);
        !matches!(self.rule(record, field, own), Some(FieldEffect::Hidden | FieldEffect::ReadOnly)) || told()
    }

    /// What two say of a record, the stricter of each field: `own` and `others_own` tell whose it is to whom.
    #[must_use]
    pub fn stricter(&self, own: bool, others: &Self, others_own: bool) -> Self {
        let mut all: Vec<FieldRule> = Vec::new();
        let holding = |rules: &Self, own: bool| rules.0.iter().filter(move |rule| !(own && rule.except_own)).cloned().collect::<Vec<_>>();
        for rule in holding(self, own).into_iter().chain(holding(others, others_own)) {
            let rule = FieldRule { except_own: false, ..rule };
            match all.iter_mut().find(|known| (known.record, &known.field) == (rule.record, &rule.field)) {
                Some(known) if rule.effect.strength() > known.effect.strength() => *known = rule,
                Some(_) => {}
                None => all.push(rule),
            }
        }
        Self(all, Vec::new())
    }

    /// The same without masks.
    #[must_use]
    pub fn without_masks(&self) -> Self {
        Self(self.0.iter().filter(|rule| rule.effect != FieldEffect::Masked).cloned().collect(), self.1.clone())
    }

    /// Whether these hide and lock at least what others do.
    pub fn hold_at_least(&self, others: &Self) -> bool {
        others.0.iter().all(|other| {
            self.0.iter().any(|rule| {
                (rule.record, &rule.field) == (other.record, &other.field)
                    && rule.effect.strength() >= other.effect.strength()
                    && (!rule.except_own || other.except_own)
            })
        })
    }

    /// Puts a record's answer into the shape the role sees, and says so in `access`.
    pub fn conceal(&self, record: RecordType, asker: Option<UserId>, object: &mut Map<String, Value>) {
        let own = is_own(asker, object);
        let mut access = FieldAccess::default();
        for rule in self.0.iter().filter(|rule| rule.record == record && !(own && rule.except_own)) {
            let Some(value) = object.get_mut(&rule.field) else { continue };
            match rule.effect {
                FieldEffect::Hidden => {
                    access.hidden.push(rule.field.clone());
                    empty(value);
                    unlink(object, &rule.field);
                }
                FieldEffect::Masked => {
                    access.masked.push(rule.field.clone());
                    mask_all(value);
                }
                FieldEffect::ReadOnly => access.read_only.push(rule.field.clone()),
            }
        }
        // a card without a name is shown by its phone or e-mail
        let nameless = NAMES.iter().all(|name| object.get(*name).is_some_and(Value::is_null));
        if record == RecordType::Contact
            && nameless
            && !access.is_clear()
            && self.touches(record, &["phones", "emails", "messengers"])
            && let Some(Value::String(name)) = object.get_mut("display_name")
        {
            *name = mask(name);
        }
        if let (Some(shown), false) = (object.get_mut("access"), access.is_clear()) {
            *shown = serde_json::to_value(access).unwrap_or_default();
        }
    }

    /// The same for a list of changes of a record, each `{before, after}`.
    pub fn conceal_changes(&self, record: RecordType, own: bool, changes: &mut Map<String, Value>) {
        for (field, change) in changes.iter_mut() {
            let apply = match self.seen(record, field, own) {
                Seen::Clear => continue,
                Seen::Hidden => empty,
                Seen::Masked => mask_all,
            };
            for side in ["before", "after"] {
                change.get_mut(side).into_iter().for_each(apply);
            }
        }
        if self.touches(record, &["phones", "emails", "messengers"])
            && let Some(change) = changes.get_mut("display_name")
        {
            for side in ["before", "after"] {
                if let Some(Value::String(name)) = change.get_mut(side)
                    && name.chars().any(|c| c.is_ascii_digit() || c == '@')
                {
                    *name = mask(name);
                }
            }
        }
    }
}

impl FieldAccess {
    /// Whether nothing is kept from the asker.
    pub fn is_clear(&self) -> bool {
        self.hidden.is_empty() && self.masked.is_empty() && self.read_only.is_empty()
    }
}

/// Whether a record is the asker's own: he is responsible for it.
pub fn is_own(asker: Option<UserId>, object: &Map<String, Value>) -> bool {
    let Some(asker) = asker.map(|user| user.uuid().to_string()) else { return false };
    let is = |value: &Value| value.as_str() == Some(asker.as_str());
    object.get("owner_id").is_some_and(is)
        || object.get("responsibles").and_then(Value::as_array).is_some_and(|all| all.iter().any(|one| is(&one["user_id"])))
}

/// Takes out the record beside a hidden reference: it would tell what the reference does not.
fn unlink(object: &mut Map<String, Value>, field: &str) {
    if let (Some(link), Some(Value::Object(expanded))) = (field.strip_suffix("_id"), object.get_mut("expanded")) {
        expanded.remove(link);
    }
}

fn empty(value: &mut Value) {
    *value = match value {
        Value::Array(_) => Value::Array(Vec::new()),
        _ => Value::Null,
    };
}

/// The parts of a contact point that are the client's data.
const DATA: &[&str] = &["value", "e164", "handle", "extension"];

/// Masks every text of a value, whatever it is.
pub fn mask_value(value: &mut Value) {
    match value {
        Value::String(text) => *text = mask(text),
        Value::Array(items) => items.iter_mut().for_each(mask_value),
        Value::Object(map) => map.values_mut().for_each(mask_value),
        Value::Number(_) => *value = Value::Null,
        Value::Null | Value::Bool(_) => {}
    }
}

fn mask_all(value: &mut Value) {
    match value {
        Value::String(text) => *text = mask(text),
        Value::Array(items) => {
            for item in items {
                match item {
                    Value::Object(point) => {
                        for part in DATA {
                            if let Some(part) = point.get_mut(*part) {
                                mask_all(part);
                            }
                        }
                    }
                    other => mask_all(other),
                }
            }
        }
        _ => {}
    }
}

/// Keeps the shape: `+7 ••• •••-67-89`, `a•••@example.com`, `@a•••`.
///
/// What is masked stays as it is, so that an answer may pass here twice.
pub fn mask(text: &str) -> String {
    if is_masked_phone(text) {
        return text.to_owned();
    }
    // what only looks like an address, as a sentence with one in it, keeps nothing after the sign
    let is_domain = |domain: &str| domain.contains('.') && domain.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-'));
    if let Some((name, domain)) = text.rsplit_once('@').filter(|(name, domain)| !name.is_empty() && is_domain(domain)) {
        return format!("{}•••@{domain}", name.chars().next().unwrap_or('•'));
    }
    let digits: Vec<char> = text.chars().filter(char::is_ascii_digit).collect();
    if digits.len() >= 7 && text.chars().all(|c| !c.is_alphabetic()) {
        let tail: String = digits.iter().skip(digits.len() - 4).collect();
        let (first, second) = tail.split_at(2);
        let code = match text.strip_prefix('+') {
            Some(_) => format!("+{} ", calling_code(&digits)),
            None => String::new(),
        };
        return format!("{code}••• •••-{first}-{second}");
    }
    let bare = text.trim_start_matches('@');
    let at = if bare.len() == text.len() { "" } else { "@" };
    format!("{at}{}•••", bare.chars().next().unwrap_or('•'))
}

fn is_masked_phone(text: &str) -> bool {
    let bare = match text.strip_prefix('+').and_then(|rest| rest.split_once(' ')) {
        Some((code, rest)) if (1..=3).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_digit()) => rest,
        _ => text,
    };
    let tail = bare.strip_prefix("••• •••-").map(str::as_bytes);
    matches!(tail, Some([a, b, b'-', c, d]) if [a, b, c, d].iter().all(|digit| digit.is_ascii_digit()))
}

/// The calling code a number begins with: 1 and 7 are whole zones, the rest are told by ITU-T E.164's list of three digits at most.
fn calling_code(digits: &[char]) -> String {
    const TWO: &[&str] = &[
        "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47", "48", "49", "51", "52", "53", "54",
        "55", "56", "57", "58", "60", "61", "62", "63", "64", "65", "66", "81", "82", "84", "86", "90", "91", "92", "93", "94", "95", "98",
    ];
    let take = |count: usize| digits.iter().take(count).collect::<String>();
    match digits.first() {
        Some('1' | '7') => take(1),
        _ if TWO.contains(&take(2).as_str()) => take(2),
        _ => take(3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use uuid::Uuid;

    #[test]
    fn masking_keeps_the_shape() {
        assert_eq!(mask("+79123456789"), "+7 ••• •••-67-89");
        assert_eq!(mask("+380671234567"), "+380 ••• •••-45-67");
        assert_eq!(mask("8 (912) 345-67-89"), "••• •••-67-89");
        assert_eq!(mask("пишите a@example.com или 89123456789"), "п•••");
        for text in ["+79123456789", "+380671234567", "8 (912) 345-67-89", "anna@example.com", "@anna", "anna", ""] {
            assert_eq!(mask(&mask(text)), mask(text), "{text:?} twice");
        }
        assert_eq!(mask("anna@example.com"), "a•••@example.com");
        assert_eq!(mask("@anna"), "@a•••");
    }

    fn rules(except_own: bool) -> FieldRules {
        let rule = |field: &str, effect| FieldRule { record: RecordType::Contact, field: field.into(), effect, except_own };
        FieldRules::new(vec![
            rule("phones", FieldEffect::Masked),
            rule("comment", FieldEffect::Hidden),
            rule("tags", FieldEffect::ReadOnly),
        ])
    }

    #[test]
    fn what_hides_a_place_hides_its_plan_unless_a_rule_of_its_own_says_otherwise() {
        let rule = |field: &str, effect| FieldRule { record: RecordType::Communication, field: field.into(), effect, except_own: true };
        let told = with_plans(&[
            rule("coordinates", FieldEffect::Hidden),
            rule("check_in", FieldEffect::ReadOnly),
            rule("place", FieldEffect::ReadOnly),
        ]);
        let rules = FieldRules::new(told);
        for (field, effect) in [
            ("planned_coordinates", Some(FieldEffect::Hidden)),
            ("check_out", Some(FieldEffect::Hidden)),
            ("check_in", Some(FieldEffect::ReadOnly)),
            ("planned_place", None),
        ] {
            assert_eq!(rules.rule(RecordType::Communication, field, false), effect, "{field}");
            assert_eq!(rules.rule(RecordType::Communication, field, true), None, "{field} of one's own");
        }
    }

    fn card(owner: Uuid) -> Map<String, Value> {
        let card = json!({"owner_id": owner, "responsibles": [], "display_name": "+79123456789", "last_name": null, "first_name": null, "middle_name": null,
            "phones": [{"id": "1", "value": "8 912 345-67-89", "e164": "+79123456789", "label": "работа"}], "comment": "тайна", "tags": ["a"], "access": {}});
        card.as_object().cloned().unwrap()
    }

    #[test]
    fn a_record_is_answered_as_the_role_sees_it() {
        let mut seen = card(Uuid::from_u128(1));
        rules(false).conceal(RecordType::Contact, Some(UserId::new(Uuid::from_u128(1))), &mut seen);
        assert_eq!(seen["phones"], json!([{"id": "1", "value": "••• •••-67-89", "e164": "+7 ••• •••-67-89", "label": "работа"}]));
        assert_eq!((&seen["comment"], &seen["tags"], &seen["display_name"]), (&Value::Null, &json!(["a"]), &json!("+7 ••• •••-67-89")));
        assert_eq!(seen["access"], json!({"hidden": ["comment"], "masked": ["phones"], "read_only": ["tags"]}));
    }

    #[test]
    fn rules_may_except_what_one_is_responsible_for() {
        let (mine, theirs) = (UserId::new(Uuid::from_u128(1)), UserId::new(Uuid::from_u128(2)));
        let mut seen = card(Uuid::from_u128(1));
        rules(true).conceal(RecordType::Contact, Some(mine), &mut seen);
        assert_eq!(seen, card(Uuid::from_u128(1)));
        rules(true).conceal(RecordType::Contact, Some(theirs), &mut seen);
        assert_eq!(seen["comment"], Value::Null);
    }

    #[test]
    fn what_a_record_cannot_be_told_without_is_not_hidden() {
        let hidden = hideable(RecordType::Contact);
        assert!(hidden.contains(&"comment".to_owned()) && hidden.contains(&"phones".to_owned()) && hidden.contains(&"owner_id".to_owned()));
        assert!(!["display_name", "last_name", "first_name", "id"].iter().any(|name| hidden.iter().any(|h| h == name)));
        assert!(hideable(RecordType::Workspace).is_empty());
    }
}
