//! Handing a portfolio over: whose work becomes whose, shared out by client, and the way back. Refuses to hand over to oneself, and
//! more at once than one transaction can carry.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;

use crate::{
    access::RecordType,
    actor::ActorRef,
    company::Company,
    contact::Contact,
    deal::Deal,
    id::{ContactId, Id, UserId},
    invalid::{FieldCode, FieldErrors, prose},
    lead::Lead,
    record::Record,
    task::Task,
};

/// So many records are handed over at once.
pub const MOST_RECORDS: usize = 5000;
/// So many of each type are named in a preview.
pub const FIRST: usize = 20;
/// Why somebody is responsible for a lead that was handed over.
const REASON: &str = "handed over";

/// Marks ids of hand-overs.
#[derive(Debug)]
pub struct HandOverMark;
/// Id of a hand-over.
pub type HandOverId = Id<HandOverMark>;

words! {
    /// What of somebody's work can be handed over.
    pub enum HandedType {
        /// His clients' cards.
        Contact = "contact",
        /// Companies.
        Company = "company",
        /// Leads that are new or in work.
        Lead = "lead",
        /// Open deals.
        Deal = "deal",
        /// Open tasks.
        Task = "task",
    }
}

impl HandedType {
    /// The record type.
    pub fn record(self) -> RecordType {
        match self {
            Self::Contact => RecordType::Contact,
            Self::Company => RecordType::Company,
            Self::Lead => RecordType::Lead,
            Self::Deal => RecordType::Deal,
            Self::Task => RecordType::Task,
        }
    }
}

/// A record somebody is responsible for, to be given to somebody else.
pub trait Handed: Record {
    /// Which of them.
    const KIND: HandedType;
    /// Who is responsible.
    fn owner(&self) -> Option<UserId>;
    /// What else says who is responsible, to be put back with him.
    fn mark(&self) -> Option<String> {
        None
    }
    /// The record as somebody else's.
    #[must_use]
    fn given_to(self, owner: UserId, mark: Option<String>) -> Self;
}

macro_rules! handed {
    ($($record:ident { $owner:expr, $given:expr })*) => { $(impl Handed for $record {
        const KIND: HandedType = HandedType::$record;
        fn owner(&self) -> Option<UserId> {
            let owner: fn(&Self) -> Option<UserId> = $owner;
            owner(self)
        }
        fn given_to(self, owner: UserId, _: Option<String>) -> Self {
            let given: fn(Self, UserId) -> Self = $given;
            given(self, owner)
        }
    })* };
}
handed! {
    Contact { |contact| contact.owner_id, |contact, owner| Self { owner_id: Some(owner), ..contact } }
    Company { |company| company.owner_id, |company, owner| Self { owner_id: Some(owner), ..company } }
    Deal { |deal| deal.owner_id, |deal, owner| Self { owner_id: Some(owner), ..deal } }
    Task { |task| Some(task.owner_id), |task, owner| Self { owner_id: owner, ..task } }
}
impl Handed for Lead {
    const KIND: HandedType = HandedType::Lead;
    fn owner(&self) -> Option<UserId> {
        self.owner_id
    }
    fn mark(&self) -> Option<String> {
        self.assignment_reason.clone()
    }
    fn given_to(self, owner: UserId, mark: Option<String>) -> Self {
        Self { owner_id: Some(owner), assignment_reason: mark, ..self }
    }
}

/// What says why a record that was handed over is somebody's.
pub fn new_mark() -> Option<String> {
    Some(REASON.to_owned())
}

/// Somebody who takes over, and how much of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HandOverShare {
    /// Who.
    pub user_id: UserId,
    /// His part, beside those of the others.
    #[validate(range(min = 1, max = 1000))]
    #[serde(default = "one")]
    #[schema(required = true, minimum = 1, maximum = 1000, default = 1)]
    pub share: i64,
}

fn one() -> i64 {
    1
}

/// Somebody's work to hand over: to one colleague, or shared out among several.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHandOver {
    /// Whose work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = true)]
    pub from_user_id: Option<UserId>,
    /// Who takes all of it over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_user_id: Option<UserId>,
    /// Who take it over together; a client's records stay together.
    #[validate(nested, length(max = 50))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 50)]
    pub to: Option<Vec<HandOverShare>>,
    /// What is handed over; everything when absent.
    #[validate(length(max = 10))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 1, max_items = 10)]
    pub record_types: Option<Vec<HandedType>>,
    /// Only these contacts, and what hangs on them.
    #[validate(length(max = 500))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 500)]
    pub contact_ids: Option<Vec<ContactId>>,
    /// Why; kept with every record's change.
    #[validate(length(max = 2000))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 2000)]
    pub comment: Option<String>,
    /// Until when it is meant; it is taken back by `undo`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
}

/// A hand-over that can be meant, apart from rights and people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Whose work.
    pub from: UserId,
    /// Who take it over, with the place of each in the request.
    pub to: Vec<(String, HandOverShare)>,
    /// What; none when everything is meant.
    pub types: Option<Vec<HandedType>>,
    /// Only of these contacts.
    pub contacts: Option<Vec<Uuid>>,
    /// Why.
    pub comment: Option<String>,
    /// Until when.
    pub until: Option<DateTime<Utc>>,
}

impl NewHandOver {
    /// What is asked for; every fault is told at once.
    pub fn order(&self, now: DateTime<Utc>) -> Result<Order, FieldErrors> {
        let mut errors = FieldErrors::default();
        errors.absorb(self.validate());
        if self.from_user_id.is_none() {
            errors.add("/from_user_id", FieldCode::Required);
        }
        let to: Vec<(String, HandOverShare)> = match (&self.to_user_id, &self.to) {
            (Some(user_id), None) => vec![("/to_user_id".to_owned(), HandOverShare { user_id: *user_id, share: 1 })],
            (None, Some(all)) if !all.is_empty() => {
                all.iter().enumerate().map(|(index, share)| (format!("/to/{index}/user_id"), share.clone())).collect()
            }
            (Some(_), Some(_)) => {
                errors.add("/to", FieldCode::ConflictingFields);
                Vec::new()
            }
            _ => {
                errors.add("/to_user_id", FieldCode::Required);
                Vec::new()
            }
        };
        for (index, (pointer, share)) in to.iter().enumerate() {
            if Some(share.user_id) == self.from_user_id {
                errors.add(pointer, FieldCode::ConflictingFields);
            } else if to.iter().take(index).any(|(_, other)| other.user_id == share.user_id) {
                errors.add_with(pointer, FieldCode::ToldTwice, share.user_id.to_string());
            }
        }
        if self.record_types.as_ref().is_some_and(Vec::is_empty) {
            errors.add("/record_types", FieldCode::Required);
        }
        if self.contact_ids.as_ref().is_some_and(Vec::is_empty) {
            errors.add("/contact_ids", FieldCode::Required);
        }
        let until = errors.time("/until", self.until);
        if until.is_some_and(|until| until < now) {
            errors.add_with("/until", FieldCode::InThePast, until.unwrap_or(now).to_rfc3339());
        }
        errors.finish()?;
        let Some(from) = self.from_user_id else { return Err(FieldErrors::one("/from_user_id", FieldCode::Required)) };
        let types = self.record_types.clone().map(|mut types| {
            types.sort_unstable();
            types.dedup();
            types
        });
        let contacts = self.contact_ids.as_ref().map(|ids| ids.iter().map(|id| id.uuid()).collect());
        Ok(Order { from, to, types, contacts, comment: prose(self.comment.as_deref()), until })
    }
}

/// Shares records out: in turn by everybody's part, and a client's records to the same person.
#[derive(Debug, Clone)]
pub struct Sharing {
    parts: Vec<(UserId, i64, i64)>,
    clients: HashMap<Uuid, UserId>,
}

impl Sharing {
    /// Among these.
    pub fn new(to: &[(String, HandOverShare)]) -> Self {
        Self { parts: to.iter().map(|(_, share)| (share.user_id, share.share.max(1), 0)).collect(), clients: HashMap::new() }
    }

    /// Who gets a record, of this client if it is of one.
    pub fn of(&mut self, record: Uuid, client: Option<Uuid>) -> Option<UserId> {
        let key = client.unwrap_or(record);
        if let Some(known) = self.clients.get(&key) {
            return Some(*known);
        }
        // the one who is most behind his part
        let all: i64 = self.parts.iter().map(|(_, share, _)| share).sum();
        for (_, share, credit) in &mut self.parts {
            *credit += *share;
        }
        let next = self.parts.iter_mut().rev().max_by_key(|(_, _, credit)| *credit)?;
        next.2 -= all;
        let user = next.0;
        self.clients.insert(key, user);
        Some(user)
    }
}

/// Records of one type that are handed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HandedShelf {
    /// Which.
    #[schema(required = true)]
    pub record_type: HandedType,
    /// How many.
    #[schema(required = true)]
    pub count: i64,
    /// Ids of the first 20.
    #[schema(required = true, value_type = Vec<crate::id::AnyId>)]
    pub first: Vec<Uuid>,
}

/// What would be handed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HandOverPreview {
    /// Whose work.
    #[schema(required = true)]
    pub from_user_id: UserId,
    /// Who would take it over.
    #[schema(required = true)]
    pub to: Vec<HandOverShare>,
    /// What, by type.
    #[schema(required = true)]
    pub records: Vec<HandedShelf>,
}

/// A hand-over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HandOver {
    /// Identifier, UUID v7 made by the server.
    #[schema(required = true, value_type = crate::id::AnyId)]
    pub id: HandOverId,
    /// Whose work it was.
    #[schema(required = true)]
    pub from_user_id: UserId,
    /// Who took it over.
    #[schema(required = true)]
    pub to: Vec<HandOverShare>,
    /// What, by type.
    #[schema(required = true)]
    pub records: Vec<HandedShelf>,
    /// Why.
    #[schema(required = true)]
    pub comment: Option<String>,
    /// Until when it is meant.
    #[schema(required = true)]
    pub until: Option<DateTime<Utc>>,
    /// When it was done, UTC.
    #[schema(required = true)]
    pub created_at: DateTime<Utc>,
    /// Who did it.
    #[schema(required = true)]
    pub created_by: ActorRef,
    /// When it was taken back.
    #[schema(required = true)]
    pub undone_at: Option<DateTime<Utc>>,
    /// Who took it back.
    #[schema(required = true)]
    pub undone_by: Option<ActorRef>,
}

/// A record that is not taken back: it has become somebody else's since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HandOverConflict {
    /// Which type.
    #[schema(required = true)]
    pub record_type: HandedType,
    /// Which record.
    #[schema(required = true, value_type = crate::id::AnyId)]
    pub record_id: Uuid,
    /// Whose it is now.
    #[schema(required = true)]
    pub owner_id: Option<UserId>,
}

/// A hand-over that was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HandOverUndone {
    /// The hand-over.
    #[schema(required = true)]
    pub hand_over: HandOver,
    /// How many records are their former owner's again.
    #[schema(required = true)]
    pub restored: i64,
    /// Records that became somebody else's since and stay so.
    #[schema(required = true)]
    pub conflicts: Vec<HandOverConflict>,
}

sorts! {
    /// Orders of hand-overs.
    pub enum HandOverSort {
        CreatedDown = "-created_at" => "created_at" down,
        CreatedUp = "created_at" => "created_at" up,
    }
}

list_params! {
    /// Filters of hand-overs; those that were taken back count as archived.
    pub struct ListHandOvers sort HandOverSort {
        /// Whose work it was.
        from_user_id: crate::list::AnyOf<UserId>,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn user(number: u128) -> UserId {
        UserId::new(Uuid::from_u128(number))
    }

    fn shares(parts: &[i64]) -> Vec<(String, HandOverShare)> {
        let share = |(index, share): (usize, &i64)| (String::new(), HandOverShare { user_id: user(index as u128), share: *share });
        parts.iter().enumerate().map(share).collect()
    }

    #[test]
    fn nobody_hands_over_to_himself_or_to_nobody() {
        let now = "2026-11-22T10:00:00Z".parse().unwrap();
        let faults = |new: NewHandOver| {
            let errors = new.order(now).unwrap_err();
            errors.0.into_iter().map(|e| format!("{} {}", e.pointer, e.code)).collect::<Vec<_>>()
        };
        let from = NewHandOver { from_user_id: Some(user(1)), ..NewHandOver::default() };
        assert_eq!(faults(NewHandOver::default()), ["/from_user_id required", "/to_user_id required"]);
        assert_eq!(faults(NewHandOver { to_user_id: Some(user(1)), ..from.clone() }), ["/to_user_id conflicting_fields"]);
        let twice = vec![HandOverShare { user_id: user(2), share: 1 }, HandOverShare { user_id: user(2), share: 1 }];
        assert_eq!(faults(NewHandOver { to: Some(twice), ..from.clone() }), ["/to/1/user_id told_twice"]);
        let both = NewHandOver { to_user_id: Some(user(2)), to: Some(vec![HandOverShare { user_id: user(3), share: 1 }]), ..from };
        assert_eq!(faults(both), ["/to conflicting_fields"]);
    }

    #[test]
    fn a_client_s_records_stay_together() {
        let mut sharing = Sharing::new(&shares(&[1, 1]));
        let client = Uuid::from_u128(100);
        let first = sharing.of(client, Some(client));
        let other = sharing.of(Uuid::from_u128(101), None);
        assert_ne!(first, other);
        assert_eq!(sharing.of(Uuid::from_u128(102), Some(client)), first);
    }

    proptest! {
        #[test]
        fn everybody_gets_his_part(parts in proptest::collection::vec(1_i64..20, 1..6), rounds in 1_i64..20) {
            let mut sharing = Sharing::new(&shares(&parts));
            let all: i64 = parts.iter().sum();
            let mut got: HashMap<UserId, i64> = HashMap::new();
            for number in 0..(all * rounds).unsigned_abs() {
                *got.entry(sharing.of(Uuid::from_u128(u128::from(number) + 1000), None).unwrap()).or_default() += 1;
            }
            for (index, part) in parts.iter().enumerate() {
                prop_assert_eq!(got[&user(index as u128)], part * rounds);
            }
        }
    }
}
