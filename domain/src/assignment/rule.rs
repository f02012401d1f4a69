//! Rules of assignment, in their order: the first that fits an enquiry and finds somebody decides.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use validator::Validate;

use crate::{
    access::RecordType,
    contact::slice,
    deal::turnover::{Turnover, TurnoverCondition},
    id::{ContactId, DepartmentId, FormId, SourceId, UserId},
    invalid::{FieldCode, FieldErrors},
    record::{Made, Making, Reference},
    text,
};

words! {
    /// How a rule chooses.
    pub enum AssignmentMethod {
        /// Who is responsible for the client already.
        KeepPresent = "keep_present",
        /// The first named person who is there.
        User = "user",
        /// One after the other.
        RoundRobin = "round_robin",
        /// Who has the fewest open leads, then the fewest open tasks.
        LeastLoaded = "least_loaded",
    }
}

words! {
    /// How an answer is compared.
    pub enum AnswerOperator {
        /// It is this, case and spaces aside.
        Equals = "equals",
        /// It contains this, case and spaces aside.
        Contains = "contains",
    }
}

/// What an answer must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerCondition {
    /// The question's name, as in the lead's `answers`.
    #[validate(length(min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200, pattern = r"\S")]
    pub key: String,
    /// How it is compared.
    pub operator: AnswerOperator,
    /// With what.
    #[validate(length(min = 1, max = 500))]
    #[schema(min_length = 1, max_length = 500, pattern = r"\S")]
    pub value: String,
}

/// Which enquiries a rule is for: each list that is not empty must have one that fits, every answer must be as said. Without any, for all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RuleConditions {
    /// Came from one of these sources.
    #[validate(length(max = 50))]
    #[schema(required = true, max_items = 50)]
    pub source_ids: Vec<SourceId>,
    /// Came through one of these forms.
    #[validate(length(max = 50))]
    #[schema(required = true, max_items = 50)]
    pub form_ids: Vec<FormId>,
    /// The client has a phone that begins so: `+7495`.
    #[validate(length(max = 200))]
    #[schema(required = true, max_items = 200, value_type = Vec<crate::free::Line>)]
    pub phone_prefixes: Vec<String>,
    /// The region is one of these, by the answers or the card's address.
    #[validate(length(max = 200))]
    #[schema(required = true, max_items = 200, value_type = Vec<crate::free::Line>)]
    pub regions: Vec<String>,
    /// The city is one of these, by the answers or the card's address.
    #[validate(length(max = 200))]
    #[schema(required = true, max_items = 200, value_type = Vec<crate::free::Line>)]
    pub cities: Vec<String>,
    /// The client bought so much, by the deals he takes part in.
    #[validate(nested)]
    #[schema(required = true)]
    pub turnover: Option<TurnoverCondition>,
    /// All these answers were given.
    #[validate(length(max = 20), nested)]
    #[schema(required = true, max_items = 20)]
    pub answers: Vec<AnswerCondition>,
}

record! {
    /// A rule of assignment. Whoever may change the workspace's settings may change its rules.
    pub struct AssignmentRule (RecordType::AssignmentRule) {
        /// Its name.
        pub name: String,
        /// Whether it is asked.
        pub active: bool,
        /// Its place: the smallest is asked first.
        pub position: i64,
        /// Which enquiries it is for.
        pub conditions: RuleConditions,
        /// How it chooses.
        pub method: AssignmentMethod,
        /// Among whom, in this order.
        pub user_ids: Vec<UserId>,
        /// Among whose people, when none are named.
        pub department_id: Option<DepartmentId>,
    }
}

input! {
    /// A rule of assignment to create.
    pub struct NewAssignmentRule, AssignmentRulePatch clears AssignmentRuleField {
        /// Its name.
        name (required = true): String, max 200;
        /// Whether it is asked; `true` when absent.
        active: bool;
        /// Its place: the smallest is asked first; 0 when absent.
        position: i64, range 0 to 1_000_000;
        /// Which enquiries it is for; all when absent.
        #[validate(nested)]
        conditions: RuleConditions;
        /// How it chooses.
        method (required = true): AssignmentMethod;
        /// Among whom, in this order.
        user_ids: Vec<UserId>, items 200;
        /// Among whose people, when none are named.
        department_id: DepartmentId;
    }
}

sorts! {
    /// Orders of rules.
    pub enum AssignmentRuleSort {
        Position = "position" => "position" up,
        CreatedDown = "-created_at" => "created_at" down,
    }
}

list_params! {
    /// Filters of rules.
    pub struct ListAssignmentRules sort AssignmentRuleSort {
        /// Only those that are asked (`true`), or are not (`false`).
        active: bool,
    }
}

/// Longest prefix, region or city.
const LONGEST: usize = 100;

fn cleaned(pointer: &str, given: &[String], errors: &mut FieldErrors, fits: impl Fn(&str) -> bool) -> Vec<String> {
    let mut kept = Vec::new();
    for (index, value) in given.iter().enumerate() {
        let line = text::clean_line(value);
        if line.chars().count() > LONGEST {
            errors.add_with(format!("{pointer}/{index}"), FieldCode::TooLong, LONGEST.to_string());
        } else if line.is_empty() {
            errors.add(format!("{pointer}/{index}"), FieldCode::Required);
        } else if !fits(&line) {
            errors.add_with(format!("{pointer}/{index}"), FieldCode::InvalidPhone, &line);
        } else if !kept.contains(&line) {
            kept.push(line);
        }
    }
    kept
}

/// `+7495`, whatever signs stand between the digits.
fn prefix(line: &str) -> String {
    format!("+{}", crate::phone::digits(line))
}

impl Made for AssignmentRule {
    type Input = NewAssignmentRule;

    fn input(&self) -> NewAssignmentRule {
        NewAssignmentRule {
            name: Some(self.name.clone()),
            active: Some(self.active),
            position: Some(self.position),
            conditions: Some(self.conditions.clone()),
            method: Some(self.method),
            user_ids: Some(self.user_ids.clone()),
            department_id: self.department_id,
        }
    }

    fn make(input: &NewAssignmentRule, previous: Option<&Self>, making: &Making<'_>) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        let name = errors.required_line("/name", input.name.as_deref());
        if input.method.is_none() {
            errors.add("/method", FieldCode::Required);
        }
        let given = input.conditions.clone().unwrap_or_default();
        let is_prefix = |line: &str| line.starts_with('+') && line.chars().any(|c| c.is_ascii_digit()) && prefix(line).len() <= 16;
        let phone_prefixes = cleaned("/conditions/phone_prefixes", &given.phone_prefixes, &mut errors, is_prefix);
        let mut answers = given.answers.clone();
        for (index, answer) in answers.iter_mut().enumerate() {
            answer.key = errors.required_line(&format!("/conditions/answers/{index}/key"), Some(&answer.key));
            answer.value = errors.required_line(&format!("/conditions/answers/{index}/value"), Some(&answer.value));
        }
        let conditions = RuleConditions {
            answers,
            turnover: given.turnover.as_ref().map(|condition| condition.checked("/conditions/turnover", &mut errors)),
            phone_prefixes: phone_prefixes.iter().map(|line| prefix(line)).collect(),
            regions: cleaned("/conditions/regions", &given.regions, &mut errors, |_| true),
            cities: cleaned("/conditions/cities", &given.cities, &mut errors, |_| true),
            ..given
        };
        let mut met = HashSet::new();
        let user_ids: Vec<UserId> = slice(input.user_ids.as_ref()).iter().copied().filter(|id| met.insert(*id)).collect();
        let chooses = input.method.is_some_and(|method| method != AssignmentMethod::KeepPresent);
        if chooses && user_ids.is_empty() && (input.department_id.is_none() || input.method == Some(AssignmentMethod::User)) {
            errors.add("/user_ids", FieldCode::Required);
        }
        errors.finish()?;
        let Some(method) = input.method else { return Err(FieldErrors::one("/method", FieldCode::Required)) };
        let rule = fresh!(AssignmentRule, making.birth, {
            name: name,
            active: input.active.unwrap_or(true),
            position: input.position.unwrap_or(0),
            conditions: conditions,
            method: method,
            user_ids: user_ids,
            department_id: input.department_id,
        });
        Ok(match previous {
            None => rule,
            Some(old) => rule.in_the_envelope_of(old),
        })
    }

    fn references(&self) -> Vec<Reference> {
        fn each<T>(pointer: &str, record: RecordType, ids: &[crate::id::Id<T>]) -> Vec<Reference> {
            ids.iter().enumerate().map(|(index, id)| Reference::new(format!("{pointer}/{index}"), record, id.uuid())).collect()
        }
        let department = Reference::optional("/department_id", RecordType::Department, self.department_id);
        [
            each("/user_ids", RecordType::User, &self.user_ids),
            each("/conditions/source_ids", RecordType::Source, &self.conditions.source_ids),
            each("/conditions/form_ids", RecordType::Form, &self.conditions.form_ids),
            department.into_iter().collect(),
        ]
        .concat()
    }
}

/// What rules ask about an enquiry.
#[derive(Debug, Clone, Default)]
pub struct Facts<'a> {
    /// Where it came from.
    pub source_id: Option<SourceId>,
    /// Through which form.
    pub form_id: Option<FormId>,
    /// The client's phones in E.164.
    pub phones: Vec<&'a str>,
    /// Region of the card.
    pub region: Option<&'a str>,
    /// City of the card.
    pub city: Option<&'a str>,
    /// Answers of the enquiry.
    pub answers: Option<&'a BTreeMap<String, Value>>,
    /// The client.
    pub client: Option<ContactId>,
    /// What the client bought, where a rule asks about it.
    pub turnover: Option<&'a Turnover>,
    /// Who is responsible for the client.
    pub present: Option<UserId>,
}

/// What forms call the region and the city.
const REGION: &[&str] = &["region", "state", "регион", "область", "регіон"];
const CITY: &[&str] = &["city", "town", "город", "населённый пункт", "місто"];

fn same(text_of: &Value) -> String {
    let text = match text_of {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    text::fold(&text)
}

impl Facts<'_> {
    fn answer(&self, key: &str) -> Option<String> {
        let wanted = text::fold(key);
        self.answers?.iter().find(|(name, _)| text::fold(name) == wanted).map(|(_, value)| same(value))
    }
    fn place(&self, names: &[&str], of_card: Option<&str>) -> Vec<String> {
        names.iter().filter_map(|name| self.answer(name)).chain(of_card.map(text::fold)).collect()
    }
}

impl RuleConditions {
    /// Whether an enquiry is one of those.
    pub fn fit(&self, facts: &Facts<'_>) -> bool {
        let among =
            |wanted: &[String], places: Vec<String>| wanted.is_empty() || wanted.iter().any(|one| places.contains(&text::fold(one)));
        let answered = |condition: &AnswerCondition| {
            let wanted = text::fold(&condition.value);
            facts.answer(&condition.key).is_some_and(|given| match condition.operator {
                AnswerOperator::Equals => given == wanted,
                AnswerOperator::Contains => given.contains(&wanted),
            })
        };
        (self.source_ids.is_empty() || facts.source_id.is_some_and(|id| self.source_ids.contains(&id)))
            && (self.form_ids.is_empty() || facts.form_id.is_some_and(|id| self.form_ids.contains(&id)))
            && (self.phone_prefixes.is_empty()
                || self.phone_prefixes.iter().any(|prefix| facts.phones.iter().any(|phone| phone.starts_with(prefix.as_str()))))
            && among(&self.regions, facts.place(REGION, facts.region))
            && among(&self.cities, facts.place(CITY, facts.city))
            && self.turnover.as_ref().is_none_or(|condition| facts.turnover.is_some_and(|turnover| condition.fits(turnover)))
            && self.answers.iter().all(answered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{actor::ActorRef, record::Birth};
    use serde_json::json;
    use uuid::Uuid;

    fn make(input: &NewAssignmentRule) -> Result<AssignmentRule, FieldErrors> {
        let birth = Birth { id: Uuid::from_u128(7), at: "2026-11-22T10:00:00Z".parse().unwrap(), by: ActorRef::system() };
        AssignmentRule::make(input, None, &Making { birth: &birth, workspace: None, fresh_id: &Uuid::nil, asker: None })
    }

    #[test]
    fn a_rule_needs_somebody_to_choose_from() {
        let rule = |method, user_ids: Option<Vec<UserId>>, department_id| NewAssignmentRule {
            name: Some("Москва".into()),
            method: Some(method),
            user_ids,
            department_id,
            ..NewAssignmentRule::default()
        };
        let (somebody, department) = (Some(vec![UserId::new(Uuid::nil()); 2]), Some(DepartmentId::new(Uuid::nil())));
        assert!(make(&rule(AssignmentMethod::KeepPresent, None, None)).is_ok());
        assert!(make(&rule(AssignmentMethod::LeastLoaded, None, department)).is_ok());
        assert_eq!(make(&rule(AssignmentMethod::RoundRobin, None, None)).unwrap_err().0[0].pointer, "/user_ids");
        assert_eq!(make(&rule(AssignmentMethod::User, None, department)).unwrap_err().0[0].pointer, "/user_ids");
        assert_eq!(make(&rule(AssignmentMethod::User, somebody, None)).unwrap().user_ids.len(), 1, "each once");
    }

    #[test]
    fn conditions_fit_by_prefix_place_and_answer() {
        let conditions = |value: Value| serde_json::from_value::<RuleConditions>(value).unwrap();
        let answers: BTreeMap<String, Value> = [
            ("Город".to_owned(), json!(" санкт-петербург ")),
            ("Услуга".to_owned(), json!("Аудит сайта")),
            ("budget".to_owned(), json!(50000)),
        ]
        .into();
        let facts =
            Facts { phones: vec!["+74951234567"], city: Some("Москва"), region: None, answers: Some(&answers), ..Facts::default() };
        for (fits, wanted) in [
            (true, json!({})),
            (true, json!({"phone_prefixes": ["+7812", "+7495"]})),
            (false, json!({"phone_prefixes": ["+7812"]})),
            (true, json!({"cities": ["МОСКВА"]})),
            (true, json!({"cities": ["Санкт-Петербург"]})),
            (false, json!({"regions": ["Москва"]})),
            (true, json!({"answers": [{"key": "услуга", "operator": "contains", "value": "аудит"}]})),
            (false, json!({"answers": [{"key": "услуга", "operator": "equals", "value": "аудит"}]})),
            (true, json!({"answers": [{"key": "budget", "operator": "equals", "value": "50000"}]})),
            (false, json!({"cities": ["Москва"], "answers": [{"key": "нет такой", "operator": "contains", "value": "x"}]})),
            (false, json!({"source_ids": ["019aa000-0000-7000-8000-000000000001"]})),
        ] {
            assert_eq!(conditions(wanted.clone()).fit(&facts), fits, "{wanted}");
        }
    }

    #[test]
    fn a_condition_on_an_answer_has_a_key_and_a_value() {
        let answer = AnswerCondition { key: "\u{c}".into(), operator: AnswerOperator::Equals, value: " аудит ".into() };
        let rule = |answer: &AnswerCondition| {
            make(&NewAssignmentRule {
                name: Some("x".into()),
                method: Some(AssignmentMethod::KeepPresent),
                conditions: Some(RuleConditions { answers: vec![answer.clone()], ..RuleConditions::default() }),
                ..NewAssignmentRule::default()
            })
        };
        assert_eq!(rule(&answer).unwrap_err().0[0].pointer, "/conditions/answers/0/key");
        let named = AnswerCondition { key: "услуга".into(), ..answer };
        assert_eq!(rule(&named).unwrap().conditions.answers[0].value, "аудит");
    }

    #[test]
    fn prefixes_are_digits_after_a_plus() {
        let with = |prefixes: &[&str]| {
            make(&NewAssignmentRule {
                name: Some("x".into()),
                method: Some(AssignmentMethod::KeepPresent),
                conditions: Some(RuleConditions {
                    phone_prefixes: prefixes.iter().map(ToString::to_string).collect(),
                    ..RuleConditions::default()
                }),
                ..NewAssignmentRule::default()
            })
        };
        assert_eq!(with(&["+7 (495)", "+7495"]).unwrap().conditions.phone_prefixes, ["+7495", "+7495"]);
        assert_eq!(with(&["495"]).unwrap_err().0[0].pointer, "/conditions/phone_prefixes/0");
    }
}
