//! Decisions: what the rules say of one enquiry. The same facts, people and seed always give the same choice.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Candidate,
    rule::{AssignmentMethod, AssignmentRule, Facts},
};
use crate::{
    id::{AnyId, AssignmentRuleId, LeadId, UserId},
    list::{AnyOf, Archived, Cursor, Limit, ListParameters, PageRequest},
};

words! {
    /// What made somebody ask the rules.
    pub enum Occasion {
        /// A submission of a form.
        Submission = "submission",
        /// A call of an unknown number.
        Call = "call",
        /// Somebody asked to choose anew.
        Request = "request",
        /// Nobody reacted in time.
        Escalation = "escalation",
    }
}

words! {
    /// Why somebody was not chosen although he could have been.
    pub enum SkipReason {
        /// He is away.
        Absent = "absent",
        /// He does not work here any more.
        Deactivated = "deactivated",
        /// He is the one who did not react.
        Excluded = "excluded",
        /// It is not his turn.
        NotHisTurn = "not_his_turn",
        /// He has more to do than the chosen one.
        BusyMore = "busy_more",
        /// An earlier one in the list is there.
        Later = "later",
    }
}

/// Somebody who could have been chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Considered {
    /// Who.
    #[schema(required = true)]
    pub user_id: UserId,
    /// Why not he; null of the chosen one.
    #[schema(required = true)]
    pub skipped: Option<SkipReason>,
    /// How many open leads he had.
    #[schema(required = true)]
    pub open_leads: i64,
    /// How many open tasks he had.
    #[schema(required = true)]
    pub open_tasks: i64,
}

/// One decision, as it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AssignmentDecision {
    /// Identifier, UUID v7 made by the server.
    #[schema(required = true, value_type = AnyId)]
    pub id: uuid::Uuid,
    /// When.
    #[schema(required = true)]
    pub at: DateTime<Utc>,
    /// About which enquiry.
    #[schema(required = true)]
    pub lead_id: LeadId,
    /// What made somebody ask.
    #[schema(required = true)]
    pub occasion: Occasion,
    /// The rule that decided; null when none did, or the form did itself.
    #[schema(required = true)]
    pub rule_id: Option<AssignmentRuleId>,
    /// Its name then.
    #[schema(required = true)]
    pub rule_name: Option<String>,
    /// How it chose.
    #[schema(required = true)]
    pub method: Option<AssignmentMethod>,
    /// Who was chosen; null when nobody was.
    #[schema(required = true)]
    pub user_id: Option<UserId>,
    /// Why, in words.
    #[schema(required = true)]
    pub reason: String,
    /// Among whom, the first 50.
    #[schema(required = true)]
    pub candidates: Vec<Considered>,
    /// What decided between equals.
    #[schema(required = true)]
    pub seed: i64,
}

sorts! {
    /// Orders of decisions.
    pub enum AssignmentDecisionSort { NewestFirst = "-at" => "at" down, OldestFirst = "at" => "at" up }
}

params! {
    /// Which decisions.
    pub struct ListAssignmentDecisions {
        /// About which enquiries.
        lead_id: AnyOf<LeadId>,
        /// Who was chosen.
        user_id: AnyOf<UserId>,
        /// Which rules decided.
        rule_id: AnyOf<AssignmentRuleId>,
        /// How many records a page holds, 1 to 200; 50 when absent.
        limit: Limit,
        /// Where to go on: the `next_cursor` of the page before, with the same sort and filters.
        cursor: Cursor,
        /// Order; `-` means descending. The id breaks ties.
        sort: AssignmentDecisionSort,
        /// Adds `total`, the count of all matching records.
        include_total: bool,
    }
}
impl ListParameters for ListAssignmentDecisions {
    type Sort = AssignmentDecisionSort;
    fn page(&self) -> PageRequest<AssignmentDecisionSort> {
        PageRequest {
            limit: self.limit.unwrap_or_default().get(),
            cursor: self.cursor.as_ref().map(|cursor| cursor.0.clone()),
            sort: self.sort.unwrap_or_default(),
            archived: Archived::Include,
            include_total: self.include_total.unwrap_or_default(),
        }
    }
}

/// Somebody who can be chosen, and how much he has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// Who, and whether he is there.
    pub person: Candidate,
    /// How many open leads he has.
    pub open_leads: i64,
    /// How many open tasks he has.
    pub open_tasks: i64,
}

/// A rule that fits, with the people it names in their order, and who was its last.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// The rule.
    pub rule: &'a AssignmentRule,
    /// Those it chooses among.
    pub people: Vec<UserId>,
    /// Whom it chose last.
    pub last: Option<UserId>,
}

/// What the rules said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Place of the deciding rule among those asked.
    pub rule: Option<usize>,
    /// Who.
    pub user: Option<UserId>,
    /// Why.
    pub reason: String,
    /// Among whom.
    pub candidates: Vec<Considered>,
}

/// How many candidates a decision names.
pub const MOST_CANDIDATES: usize = 50;

/// Between equals: a number that looks drawn, from the seed and the person alone.
fn draw(seed: i64, user: UserId) -> u64 {
    let (high, low) = user.uuid().as_u64_pair();
    // splitmix64: each bit of the input moves half of the output's
    let mut mixed = seed.cast_unsigned() ^ high.rotate_left(32) ^ low;
    for factor in [0xbf58_476d_1ce4_e5b9_u64, 0x94d0_49bb_1331_11eb] {
        mixed = (mixed ^ (mixed >> 30)).wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(factor);
    }
    mixed ^ (mixed >> 31)
}

/// Asks the rules in their order; the first that finds somebody decides. `except` is left out: he had his time.
pub fn decide(
    facts: &Facts<'_>,
    questions: &[Question<'_>],
    workers: &[Worker],
    except: Option<UserId>,
    seed: i64,
    now: DateTime<Utc>,
) -> Verdict {
    let worker = |id: UserId| workers.iter().find(|w| w.person.id == id);
    let obstacle = |id: UserId| match worker(id) {
        Some(w) if !w.person.active => Some(SkipReason::Deactivated),
        None => Some(SkipReason::Deactivated),
        Some(w) if !w.person.available(now) => Some(SkipReason::Absent),
        Some(_) if except == Some(id) => Some(SkipReason::Excluded),
        Some(_) => None,
    };
    let mut nobody = Vec::new();
    for (place, question) in questions.iter().enumerate().filter(|(_, q)| q.rule.active && q.rule.conditions.fit(facts)) {
        let method = question.rule.method;
        let people: Vec<UserId> = match method {
            AssignmentMethod::KeepPresent => facts.present.into_iter().collect(),
            _ => question.people.clone(),
        };
        let there: Vec<UserId> = people.iter().copied().filter(|id| obstacle(*id).is_none()).collect();
        let load = |id: &UserId| worker(*id).map_or((i64::MAX, i64::MAX), |w| (w.open_leads, w.open_tasks));
        let chosen = match method {
            AssignmentMethod::KeepPresent | AssignmentMethod::User => there.first().copied(),
            AssignmentMethod::RoundRobin => {
                let start = question.last.and_then(|last| people.iter().position(|id| *id == last)).map_or(0, |at| at + 1);
                let round = people.iter().skip(start).chain(people.iter().take(start));
                round.copied().find(|id| there.contains(id))
            }
            AssignmentMethod::LeastLoaded => there.iter().copied().min_by_key(|id| (load(id), draw(seed, *id), *id)),
        };
        let other = match method {
            AssignmentMethod::RoundRobin => SkipReason::NotHisTurn,
            AssignmentMethod::LeastLoaded => SkipReason::BusyMore,
            AssignmentMethod::KeepPresent | AssignmentMethod::User => SkipReason::Later,
        };
        let considered = |id: &UserId| {
            let (open_leads, open_tasks) = worker(*id).map_or((0, 0), |w| (w.open_leads, w.open_tasks));
            let skipped = if chosen == Some(*id) { None } else { Some(obstacle(*id).unwrap_or(other)) };
            Considered { user_id: *id, skipped, open_leads, open_tasks }
        };
        if let Some(user) = chosen {
            let mut candidates: Vec<Considered> = people.iter().map(considered).collect();
            // the chosen one is always among those told
            candidates.sort_by_key(|one| one.skipped.is_some());
            candidates.truncate(MOST_CANDIDATES);
            let away = people.len() - there.len();
            let skipped = if away == 0 { String::new() } else { format!(", {away} of {} skipped", people.len()) };
            return Verdict {
                rule: Some(place),
                user: Some(user),
                reason: format!("rule «{}»: {method}{skipped}", question.rule.name),
                candidates,
            };
        }
        nobody.extend(people.iter().map(considered));
    }
    nobody.truncate(MOST_CANDIDATES);
    let reason = if nobody.is_empty() { "no rule fits" } else { "the rules that fit find nobody who is there" };
    Verdict { rule: None, user: None, reason: reason.to_owned(), candidates: nobody }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::{
        actor::ActorRef,
        assignment::rule::NewAssignmentRule,
        record::{Birth, Made, Making},
    };
    use proptest::prelude::*;
    use uuid::Uuid;

    fn user(n: u8) -> UserId {
        UserId::new(Uuid::from_u128(u128::from(n) + 1))
    }
    fn now() -> DateTime<Utc> {
        "2026-11-22T10:00:00Z".parse().unwrap()
    }
    fn rule(method: AssignmentMethod, people: &[UserId]) -> AssignmentRule {
        let birth = Birth { id: Uuid::from_u128(7), at: now(), by: ActorRef::system() };
        let making = Making { birth: &birth, workspace: None, fresh_id: &Uuid::nil, asker: None };
        let input = NewAssignmentRule {
            name: Some("x".into()),
            method: Some(method),
            user_ids: Some(people.to_vec()),
            ..NewAssignmentRule::default()
        };
        AssignmentRule::make(&input, None, &making).unwrap()
    }
    fn worker(id: UserId, is_there: bool, open_leads: i64) -> Worker {
        let absent_until = (!is_there).then(|| now() + chrono::Duration::days(1));
        Worker { person: Candidate { id, active: true, absent_until }, open_leads, open_tasks: 0 }
    }

    proptest! {
        /// Over any number of decisions with the same people there, nobody has two more than anybody else.
        #[test]
        fn a_round_is_fair(there in proptest::collection::vec(any::<bool>(), 1..12), decisions in 1_usize..100, first in any::<prop::sample::Index>()) {
            let people: Vec<UserId> = (0..u8::try_from(there.len()).unwrap()).map(user).collect();
            let workers: Vec<Worker> = people.iter().zip(&there).map(|(id, there)| worker(*id, *there, 0)).collect();
            let rule = rule(AssignmentMethod::RoundRobin, &people);
            let mut last = Some(*first.get(&people));
            let mut counts: HashMap<UserId, usize> = HashMap::new();
            for seed in 0..decisions {
                let questions = [Question { rule: &rule, people: people.clone(), last }];
                let verdict = decide(&Facts::default(), &questions, &workers, None, i64::try_from(seed).unwrap(), now());
                prop_assert_eq!(verdict.user.is_some(), there.contains(&true));
                if let Some(chosen) = verdict.user {
                    *counts.entry(chosen).or_default() += 1;
                    last = Some(chosen);
                }
            }
            let of: Vec<usize> = people.iter().zip(&there).filter(|(_, there)| **there).map(|(id, _)| counts.get(id).copied().unwrap_or(0)).collect();
            if let (Some(most), Some(least)) = (of.iter().max(), of.iter().min()) {
                prop_assert!(most - least <= 1, "{:?}", of);
            }
            prop_assert_eq!(counts.values().sum::<usize>(), of.iter().sum::<usize>(), "somebody away was chosen");
        }

        /// The same question has the same answer, whoever asks when.
        #[test]
        fn the_same_input_and_seed_give_the_same_choice(loads in proptest::collection::vec((any::<bool>(), 0_i64..3), 1..10), seed in any::<i64>(), method in 0_usize..4) {
            let people: Vec<UserId> = (0..u8::try_from(loads.len()).unwrap()).map(user).collect();
            let mut workers: Vec<Worker> = people.iter().zip(&loads).map(|(id, (there, leads))| worker(*id, *there, *leads)).collect();
            let rule = rule(AssignmentMethod::ALL[method], &people);
            let facts = Facts { present: people.first().copied(), ..Facts::default() };
            let ask = |workers: &[Worker]| decide(&facts, &[Question { rule: &rule, people: people.clone(), last: None }], workers, None, seed, now());
            let first = ask(&workers);
            // in whatever order the store tells of people
            workers.reverse();
            prop_assert_eq!(&first, &ask(&workers));
            if let Some(chosen) = first.user {
                prop_assert!(loads[people.iter().position(|id| *id == chosen).unwrap()].0, "somebody away was chosen");
            }
        }
    }

    #[test]
    fn the_least_loaded_is_chosen_and_chance_decides_between_equals() {
        let people = [user(0), user(1), user(2)];
        let rule = rule(AssignmentMethod::LeastLoaded, &people);
        let ask = |workers: &[Worker], seed| {
            decide(&Facts::default(), &[Question { rule: &rule, people: people.to_vec(), last: None }], workers, None, seed, now())
        };
        let loaded = [worker(user(0), true, 5), worker(user(1), true, 2), worker(user(2), false, 0)];
        let verdict = ask(&loaded, 1);
        assert_eq!(verdict.user, Some(user(1)));
        let why: Vec<_> = verdict.candidates.iter().map(|c| (c.user_id, c.skipped)).collect();
        assert_eq!(why, [(user(1), None), (user(0), Some(SkipReason::BusyMore)), (user(2), Some(SkipReason::Absent))]);
        let equal = people.map(|id| worker(id, true, 1));
        let chosen: std::collections::HashSet<_> = (0..50).map(|seed| ask(&equal, seed).user).collect();
        assert_eq!(chosen.len(), 3, "each has his share");
    }

    #[test]
    fn the_first_rule_that_finds_somebody_decides_and_who_had_his_time_is_left_out() {
        let (keep, named, turn) = (
            rule(AssignmentMethod::KeepPresent, &[]),
            rule(AssignmentMethod::User, &[user(1), user(2)]),
            rule(AssignmentMethod::RoundRobin, &[user(3)]),
        );
        let question = |rule, people: &[UserId]| Question { rule, people: people.to_vec(), last: None };
        let questions = [question(&keep, &[]), question(&named, &[user(1), user(2)]), question(&turn, &[user(3)])];
        let workers: Vec<Worker> = (0..4).map(|n| worker(user(n), n != 1, 0)).collect();
        let ask = |present, except| {
            let verdict = decide(&Facts { present, ..Facts::default() }, &questions, &workers, except, 0, now());
            (verdict.rule, verdict.user)
        };
        assert_eq!(ask(Some(user(0)), None), (Some(0), Some(user(0))));
        assert_eq!(ask(None, None), (Some(1), Some(user(2))));
        assert_eq!(ask(Some(user(2)), Some(user(2))), (Some(2), Some(user(3))));
        let nobody = decide(&Facts::default(), &questions[1..2], &workers[..2], None, 0, now());
        assert_eq!((nobody.user, nobody.rule, nobody.candidates.len()), (None, None, 2));
    }
}
