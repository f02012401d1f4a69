//! Role: what may be done to which records, and what is seen of their fields. Ready-made ones come with a workspace and
//! may be changed, all but the administrator; own ones are added.

mod field;

pub use field::{FieldEffect, FieldRule, FieldRules, Seen, fields_of, has_field, hideable, is_own, mask_value};

use crate::{
    access::{Reach, RecordType, Right, Rights, RoleKey, Verb},
    invalid::{FieldCode, FieldErrors, prose},
    record::{Made, Making},
    workspace,
};

record! {
    /// A role.
    pub struct Role (RecordType::Role) {
        /// Key: what users and API keys name.
        pub key: String,
        /// Its name.
        pub name: String,
        /// What it is for.
        pub description: Option<String>,
        /// Whether it came with the workspace: it can be changed, but not archived.
        pub ready_made: bool,
        /// What may be done, per record type; what is not named is not allowed.
        pub rights: Vec<Right>,
        /// Whose figures are seen.
        pub analytics: Reach,
        /// Whether leads nobody is responsible for are shown.
        pub see_unassigned: bool,
        /// Whether a duplicate may be created although the policy forbids it.
        pub override_duplicates: bool,
        /// Whether masked fields may be revealed, each time with a reason.
        pub reveal: bool,
        /// What is hidden, masked, read-only.
        pub field_rules: Vec<FieldRule>,
    }
}

input! {
    /// A role to create.
    pub struct NewRole, RolePatch clears RoleField {
        /// Key, lower snake_case: what users and API keys name; cannot be changed later.
        #[schema(pattern = "^[a-z][a-z0-9_]*$")]
        key (required = true): String, max 50;
        /// Its name.
        name (required = true): String, max 100;
        /// What it is for.
        description: String, max 1000;
        /// What may be done, per record type; what is not named is not allowed.
        rights: Vec<Right>, items 100;
        /// Whose figures are seen; `none` when absent.
        analytics: Reach;
        /// Whether leads nobody is responsible for are shown.
        see_unassigned: bool;
        /// Whether a duplicate may be created although the policy forbids it.
        override_duplicates: bool;
        /// Whether masked fields may be revealed, each time with a reason.
        reveal: bool;
        /// What is hidden, masked, read-only.
        field_rules: Vec<FieldRule>, items 500;
    }
}

list_params! {
    /// Filters of roles.
    pub struct ListRoles sort crate::catalogue::CatalogueSort {
        /// Words the name contains.
        q: String,
    }
}

impl Role {
    /// What it may do.
    pub fn compiled(&self) -> Rights {
        Rights {
            role: self.key.clone(),
            matrix: self.rights.clone(),
            analytics: self.analytics,
            see_unassigned: self.see_unassigned,
            override_duplicates: self.override_duplicates,
            reveal: self.reveal,
            fields: self.rules(),
        }
    }
}

impl Role {
    /// Its rules of fields, with the one that follows from its right to listen: a link may be told by whoever may not follow it.
    fn rules(&self) -> FieldRules {
        let listening = self.rights.iter().find(|right| right.record == RecordType::Recording).map_or(Reach::None, |right| right.read);
        let mut rules = field::with_plans(&self.field_rules);
        let Some(rule) = crate::recording::rule_of(listening) else { return FieldRules::new(rules) };
        let same = |known: &FieldRule| (known.record, &known.field) == (rule.record, &rule.field);
        // the stricter of what is said of the field
        let holds = |known: &FieldRule| known.effect == FieldEffect::Hidden && (!known.except_own || rule.except_own);
        if rules.iter().any(|known| same(known) && holds(known)) {
            return FieldRules::new(rules);
        }
        let was_said = rules.iter().any(same);
        rules.retain(|known| !same(known));
        let (record, field) = (rule.record, rule.field.clone());
        rules.push(rule);
        let rules = FieldRules::new(rules);
        if was_said { rules } else { rules.telling(record, &field) }
    }

    /// A ready-made role to be stored.
    pub fn ready_made(birth: &crate::record::Birth, name: &str, rights: &Rights) -> Self {
        fresh!(Role, birth, {
            key: rights.role.clone(),
            name: name.to_owned(),
            description: None,
            ready_made: true,
            rights: rights.matrix.clone(),
            analytics: rights.analytics,
            see_unassigned: rights.see_unassigned,
            override_duplicates: rights.override_duplicates,
            reveal: rights.reveal,
            field_rules: rights.fields.all().to_vec(),
        })
    }
}

impl Made for Role {
    type Input = NewRole;
    fn input(&self) -> NewRole {
        NewRole {
            key: Some(self.key.clone()),
            name: Some(self.name.clone()),
            description: self.description.clone(),
            rights: Some(self.rights.clone()),
            analytics: Some(self.analytics),
            see_unassigned: Some(self.see_unassigned),
            override_duplicates: Some(self.override_duplicates),
            reveal: Some(self.reveal),
            field_rules: Some(self.field_rules.clone()),
        }
    }
    fn make(input: &NewRole, previous: Option<&Self>, making: &Making<'_>) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        let name = errors.required_line("/name", input.name.as_deref());
        let key = input.key.clone().unwrap_or_default();
        if previous.is_some_and(|old| old.key != key) {
            errors.add("/key", FieldCode::Unchangeable);
        } else if key.is_empty() {
            errors.add("/key", FieldCode::Required);
        } else if !workspace::is_key(&key) {
            errors.add_with("/key", FieldCode::InvalidKey, &key);
        } else if previous.is_none() && RoleKey::from_word(&key).is_some() {
            errors.add_with("/key", FieldCode::AlreadyTaken, &key);
        }
        let rights = input.rights.clone().unwrap_or_default();
        for (index, right) in rights.iter().enumerate() {
            if rights.iter().take(index).any(|other| other.record == right.record) {
                errors.add_with(format!("/rights/{index}/record"), FieldCode::AlreadyTaken, right.record.word());
            }
        }
        let field_rules = input.field_rules.clone().unwrap_or_default();
        for (index, rule) in field_rules.iter().enumerate() {
            let at = format!("/field_rules/{index}/field");
            if !fields_of(rule.record).contains(&rule.field) {
                errors.add_with(at, FieldCode::ReferenceNotFound, &rule.field);
            } else if !rule.fits() {
                errors.add_with(at, FieldCode::FieldNeeded, &rule.field);
            } else if field_rules.iter().take(index).any(|other| (other.record, &other.field) == (rule.record, &rule.field)) {
                errors.add_with(at, FieldCode::AlreadyTaken, &rule.field);
            }
        }
        errors.finish()?;
        let role = fresh!(Role, making.birth, {
            key: key,
            name: name,
            description: prose(input.description.as_deref()),
            ready_made: previous.is_some_and(|old| old.ready_made),
            rights: rights,
            analytics: input.analytics.unwrap_or_default(),
            see_unassigned: input.see_unassigned.unwrap_or(false),
            override_duplicates: input.override_duplicates.unwrap_or(false),
            reveal: input.reveal.unwrap_or(false),
            field_rules: field_rules,
        });
        Ok(match previous {
            None => role,
            Some(old) => role.in_the_envelope_of(old),
        })
    }
}

/// The role a key or a webhook is given: that of integrations where none is named. A name of nothing but signs that are not seen is none.
pub fn named(given: Option<&str>, errors: &mut FieldErrors) -> String {
    match (given, crate::invalid::line(given)) {
        (Some(text), None) if !text.is_empty() => {
            errors.add("/role", FieldCode::InvalidText);
            String::new()
        }
        (_, named) => named.unwrap_or_else(|| RoleKey::Integration.word().to_owned()),
    }
}

/// A ready-made role as it comes with a workspace: product.md, "Ready-made roles".
pub fn ready_made(key: RoleKey) -> Rights {
    use RoleKey as K;
    let masked = |record, field: &str, except_own| FieldRule { record, field: field.to_owned(), effect: FieldEffect::Masked, except_own };
    let contact_data = |except_own| {
        let on = |record, fields: &[&'static str]| fields.iter().map(|field| masked(record, field, except_own)).collect::<Vec<_>>();
        [on(RecordType::Contact, &["phones", "emails", "messengers"]), on(RecordType::Company, &["phones", "emails"])].concat()
    };
    Rights {
        role: key.word().to_owned(),
        matrix: RecordType::ALL.iter().map(|record| Right::of(*record, |verb| reach(key, *record, verb))).collect(),
        analytics: match key {
            K::Administrator | K::Analyst => Reach::All,
            K::Head => Reach::Department,
            K::Manager => Reach::Own,
            K::Operator | K::Marketer | K::Integration => Reach::None,
        },
        see_unassigned: !matches!(key, K::Manager),
        override_duplicates: matches!(key, K::Administrator),
        reveal: matches!(key, K::Administrator | K::Head),
        fields: FieldRules::new(match key {
            // the call centre works with the client until it hands him over
            K::Operator => contact_data(true),
            K::Marketer | K::Analyst => contact_data(false),
            K::Administrator | K::Head | K::Manager | K::Integration => Vec::new(),
        }),
    }
}

fn reach(key: RoleKey, record: RecordType, verb: Verb) -> Reach {
    use {RecordType as R, RoleKey as K, Verb as V};
    let card = matches!(record, R::Contact | R::Company | R::Lead);
    let work = matches!(record, R::Task | R::Communication | R::Note | R::Deal);
    match (key, record, verb) {
        (K::Administrator, _, _) => Reach::All,
        // who works here and what the choice lists offer is needed by every picker
        (
            _,
            R::Workspace
            | R::User
            | R::Department
            | R::Role
            | R::Source
            | R::ContactStatus
            | R::RejectReason
            | R::LostReason
            | R::CommunicationOutcome
            | R::Pipeline
            | R::Tag,
            V::Read,
        ) => Reach::All,
        (K::Head | K::Manager | K::Integration | K::Marketer, R::Tag, V::Create) => Reach::All,
        (K::Marketer, R::Tag, V::Update | V::Delete) => Reach::All,
        // what is kept of oneself one may see
        (K::Head, R::Position, V::Read) => Reach::Department,
        (K::Manager | K::Operator | K::Marketer | K::Analyst, R::Position, V::Read) => Reach::Own,
        // what somebody sees of talks he may hear; who sees them for counting need not
        (K::Head | K::Manager | K::Operator | K::Integration, R::Recording, V::Read) => Reach::All,
        // the call centre hands over before there is a deal
        (K::Operator | K::Marketer, R::Deal, _) => Reach::None,
        (K::Marketer, _, V::Read) if card => Reach::All,
        (K::Analyst, _, V::Read) if card || work => Reach::All,
        (K::Head | K::Integration, R::Form | R::Submission, V::Read) => Reach::All,
        (K::Head, R::Submission, V::Update) => Reach::All,
        (K::Head, R::DuplicateCandidate, V::Read) => Reach::All,
        (K::Integration, R::DuplicateCandidate, V::Read | V::Create | V::Update) => Reach::All,
        // a record of a card is made by whoever works with the card; the card itself must be in reach
        (K::Head | K::Manager | K::Operator | K::Integration, _, V::Create) if card || work => Reach::All,
        (K::Head, _, _) if card || work => Reach::Department,
        (K::Manager, _, V::Read | V::Update | V::Delete | V::Assign) if card || work => Reach::Own,
        (K::Operator, _, V::Read | V::Update | V::Delete | V::Assign) if work => Reach::Own,
        (K::Operator, _, V::Read) if card => Reach::Own,
        (K::Integration, _, V::Read | V::Update | V::Delete | V::Export | V::Assign) if card || work => Reach::All,
        _ => Reach::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_administrator_may_grant_every_role_and_nobody_else_his() {
        let administrator = ready_made(RoleKey::Administrator);
        for key in RoleKey::ALL {
            let role = ready_made(*key);
            assert!(administrator.cover(&role), "{key}");
            assert_eq!(role.cover(&administrator), *key == RoleKey::Administrator, "{key}");
            assert!(role.cover(&role));
        }
    }

    #[test]
    fn a_role_that_masks_may_not_grant_one_that_shows() {
        let (analyst, shown) = (ready_made(RoleKey::Analyst), Rights { fields: FieldRules::default(), ..ready_made(RoleKey::Analyst) });
        assert!(!analyst.cover(&shown));
        assert!(shown.cover(&analyst));
    }
}
