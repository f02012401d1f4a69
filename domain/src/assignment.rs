//! Assignment: who becomes responsible for an enquiry, and why. Absent and deactivated people are skipped. A form may say itself who; else
//! the workspace's rules do.

pub mod decision;
pub mod rule;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr, Schema,
        schema::{Discriminator, ObjectBuilder, OneOfBuilder, Ref, RefBuilder, Type},
    },
};

use crate::id::UserId;

words! {
    /// Kinds of assignment.
    pub enum AssignmentKind {
        /// Always the same user.
        User = "user",
        /// One after the other.
        RoundRobin = "round_robin",
    }
}

/// Always the same user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssignToUser {
    /// Who.
    pub user_id: UserId,
}

/// One after the other, in the order given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssignRoundRobin {
    /// Who take turns.
    pub user_ids: Vec<UserId>,
}

/// Who becomes responsible when the client has nobody yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Assignment {
    /// Always the same user.
    User(AssignToUser),
    /// One after the other.
    RoundRobin(AssignRoundRobin),
}

impl PartialSchema for Assignment {
    fn schema() -> RefOr<Schema> {
        OneOfBuilder::new()
            .description(Some("Who becomes responsible when the client has nobody yet."))
            .item(Ref::from_schema_name("AssignToUser"))
            .item(Ref::from_schema_name("AssignRoundRobin"))
            .discriminator(Some(Discriminator::with_mapping(
                "kind",
                [("user", "#/components/schemas/AssignToUser"), ("round_robin", "#/components/schemas/AssignRoundRobin")],
            )))
            .into()
    }
}
impl ToSchema for Assignment {
    fn name() -> std::borrow::Cow<'static, str> {
        "Assignment".into()
    }
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        let kind = |word: &str, text: &str| {
            ObjectBuilder::new().schema_type(Type::String).enum_values(Some([word])).description(Some(text.to_owned()))
        };
        schemas.push((
            "AssignToUser".into(),
            ObjectBuilder::new()
                .description(Some("Always the same user."))
                .property("kind", kind("user", "`user`."))
                .required("kind")
                .property("user_id", RefBuilder::new().ref_location_from_schema_name(UserId::name()).description(Some("Who.")))
                .required("user_id")
                .additional_properties(Some(utoipa::openapi::schema::AdditionalProperties::FreeForm(false)))
                .into(),
        ));
        schemas.push((
            "AssignRoundRobin".into(),
            ObjectBuilder::new()
                .description(Some("One after the other, in the order given."))
                .property("kind", kind("round_robin", "`round_robin`."))
                .required("kind")
                .property(
                    "user_ids",
                    utoipa::openapi::schema::ArrayBuilder::new()
                        .items(crate::list::reference::<UserId>())
                        .min_items(Some(1))
                        .max_items(Some(200))
                        .description(Some("Who take turns.")),
                )
                .required("user_ids")
                .additional_properties(Some(utoipa::openapi::schema::AdditionalProperties::FreeForm(false)))
                .into(),
        ));
        crate::list::dependency::<UserId>(schemas);
    }
}

/// What a choice needs to know of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Who.
    pub id: UserId,
    /// Whether he may sign in at all.
    pub active: bool,
    /// Until when he is away.
    pub absent_until: Option<DateTime<Utc>>,
}

impl Candidate {
    /// Whether he may be given work now.
    pub fn available(&self, now: DateTime<Utc>) -> bool {
        self.active && self.absent_until.is_none_or(|until| until <= now)
    }
}

/// Who was chosen and why; `turn` is the place after the chosen one, kept for the next round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Who is responsible; `None` when nobody could be.
    pub user: Option<UserId>,
    /// Why, in words.
    pub reason: String,
    /// Where the round goes on.
    pub turn: i64,
}

/// Chooses: the present responsible person stays while available, then the form's rule decides.
pub fn choose(present: Option<UserId>, rule: Option<&Assignment>, people: &[Candidate], turn: i64, now: DateTime<Utc>) -> Choice {
    let available = |id: &UserId| people.iter().any(|p| p.id == *id && p.available(now));
    let skipped = |ids: &[UserId]| ids.iter().filter(|id| !available(id)).count();
    if let Some(user) = present.filter(|id| available(id)) {
        return Choice { user: Some(user), reason: "already responsible for the client".into(), turn };
    }
    let why_not = if present.is_some() { "the responsible person is away; " } else { "" };
    match rule {
        None => Choice { user: None, reason: format!("{why_not}the form assigns nobody"), turn },
        Some(Assignment::User(AssignToUser { user_id })) if available(user_id) => {
            Choice { user: Some(*user_id), reason: format!("{why_not}named by the form"), turn }
        }
        Some(Assignment::User(_)) => Choice { user: None, reason: format!("{why_not}the person named by the form is away"), turn },
        Some(Assignment::RoundRobin(AssignRoundRobin { user_ids })) => {
            let count = user_ids.len();
            let start = usize::try_from(turn).unwrap_or(0);
            let found = (0..count)
                .map(|step| (start + step) % count)
                .find_map(|at| user_ids.get(at).filter(|id| available(id)).map(|id| (at, *id)));
            match found {
                Some((at, user)) => Choice {
                    user: Some(user),
                    reason: format!("{why_not}round robin, {} of {count}, {} away", at + 1, skipped(user_ids)),
                    turn: i64::try_from((at + 1) % count).unwrap_or(0),
                },
                None => Choice { user: None, reason: format!("{why_not}round robin, all {count} away"), turn },
            }
        }
    }
}

/// Chooses somebody else than who has it and does not react.
pub fn choose_instead(of: Option<UserId>, rule: Option<&Assignment>, people: &[Candidate], turn: i64, now: DateTime<Utc>) -> Choice {
    let others: Vec<Candidate> = people.iter().filter(|person| Some(person.id) != of).cloned().collect();
    let choice = choose(None, rule, &others, turn, now);
    let reason = match (choice.user, rule) {
        (Some(_), _) => "another one named by the form",
        (None, Some(_)) => "the form names nobody else who is there",
        (None, None) => "the form assigns nobody",
    };
    Choice { reason: reason.into(), ..choice }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn id(n: u128) -> UserId {
        UserId::new(Uuid::from_u128(n))
    }
    fn person(n: u128, active: bool) -> Candidate {
        Candidate { id: id(n), active, absent_until: None }
    }
    fn now() -> DateTime<Utc> {
        "2026-11-22T10:00:00Z".parse().unwrap()
    }

    #[test]
    fn somebody_else_is_never_who_has_it() {
        let round = Assignment::RoundRobin(AssignRoundRobin { user_ids: vec![id(1), id(2)] });
        let people = [person(1, true), person(2, true)];
        let instead = |of: u128, rule: &Assignment, turn| choose_instead(Some(id(of)), Some(rule), &people, turn, now());
        for turn in 0..2 {
            assert_eq!((instead(1, &round, turn).user, instead(2, &round, turn).user), (Some(id(2)), Some(id(1))));
        }
        let named = Assignment::User(AssignToUser { user_id: id(1) });
        assert_eq!((instead(1, &named, 0).user, instead(2, &named, 0).user), (None, Some(id(1))));
        assert_eq!(choose_instead(Some(id(1)), Some(&round), &[person(1, true), person(2, false)], 0, now()).user, None);
    }

    #[test]
    fn a_round_is_fair_and_skips_who_is_away() {
        let rule = Assignment::RoundRobin(AssignRoundRobin { user_ids: vec![id(1), id(2), id(3)] });
        let people = [person(1, true), person(2, false), person(3, true)];
        let mut turn = 0;
        let mut counts = [0; 4];
        for _ in 0..10 {
            let choice = choose(None, Some(&rule), &people, turn, now());
            turn = choice.turn;
            counts[usize::try_from(choice.user.unwrap().uuid().as_u128()).unwrap()] += 1;
        }
        assert_eq!(counts, [0, 5, 0, 5]);
    }

    #[test]
    fn the_present_responsible_person_stays_unless_away() {
        let rule = Assignment::User(AssignToUser { user_id: id(1) });
        let people = [person(1, true), person(2, true)];
        assert_eq!(choose(Some(id(2)), Some(&rule), &people, 0, now()).user, Some(id(2)));
        let away = [person(1, true), Candidate { absent_until: Some(now() + chrono::Duration::days(1)), ..person(2, true) }];
        assert_eq!(choose(Some(id(2)), Some(&rule), &away, 0, now()).user, Some(id(1)));
    }

    #[test]
    fn nobody_available_is_said() {
        let rule = Assignment::RoundRobin(AssignRoundRobin { user_ids: vec![id(1)] });
        let choice = choose(None, Some(&rule), &[person(1, false)], 0, now());
        assert_eq!(choice.user, None);
        assert!(choice.reason.contains("away"));
    }
}
