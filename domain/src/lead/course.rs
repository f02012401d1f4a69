//! The course of an enquiry: which states are set by hand, what closes it, what counts as the first reaction.

use chrono::{DateTime, Utc};

use super::{Lead, LeadStatus};
use crate::{
    id::{DealId, RejectReasonId},
    working_time::WorkingTime,
};

impl LeadStatus {
    /// Whether a request may name it as the state of a lead that stood in `before`: being qualified comes by its own operation, with the deal, and
    /// stays what it is in other changes.
    pub fn is_set_by_hand(self, before: Option<Self>) -> bool {
        self != Self::Qualified || before == Some(self)
    }
}

impl Lead {
    /// Whether it may come into that state by anything but its own operations, taking back included. One that has its deal stays qualified:
    /// the deal goes on instead of it; and none is qualified without making one.
    pub fn may_turn(&self, to: LeadStatus) -> bool {
        to == self.status || (to != LeadStatus::Qualified && !(self.status == LeadStatus::Qualified && self.deal_id.is_some()))
    }

    /// The lead that became a deal.
    #[must_use]
    pub fn qualified(&self, deal: DealId, at: DateTime<Utc>) -> Self {
        Self {
            status: LeadStatus::Qualified,
            deal_id: Some(deal),
            first_response_at: self.first_response_at.or(Some(at.max(self.received_at))),
            ..self.clone()
        }
    }

    /// The lead that will not become one; what is said of it is added to what the client wrote.
    #[must_use]
    pub fn rejected(&self, reason: Option<RejectReasonId>, comment: Option<String>, at: DateTime<Utc>) -> Self {
        Self {
            status: LeadStatus::Rejected,
            reject_reason_id: reason,
            comment: match (&self.comment, comment) {
                (Some(old), Some(new)) => Some(format!("{old}\n{new}")),
                (old, new) => new.or_else(|| old.clone()),
            },
            first_response_at: self.first_response_at.or(Some(at.max(self.received_at))),
            ..self.clone()
        }
    }

    /// Whether what happened then is its first reaction, as far as is known: of several the earliest is, in whatever order they are reported.
    /// What happened before the enquiry was here answers nothing. Where the clock of who brought it runs ahead, ours counts.
    pub fn is_answered_first(&self, at: DateTime<Utc>) -> bool {
        let arrived = self.received_at.min(self.created_at);
        at >= arrived && self.first_response_at.is_none_or(|first| at.max(self.received_at) < first)
    }

    /// The lead after its first reaction: a new one is in work.
    #[must_use]
    pub fn responded(&self, at: DateTime<Utc>) -> Self {
        let status = if self.status == LeadStatus::New { LeadStatus::InWork } else { self.status };
        Self { status, first_response_at: Some(at.max(self.received_at)), ..self.clone() }
    }

    /// The lead with the working time that its first reaction took; another one is counted when `before` had other times.
    #[must_use]
    pub fn timed(self, before: &Self, time: &WorkingTime) -> Self {
        let same = before.received_at == self.received_at && before.first_response_at == self.first_response_at;
        let counted = self.first_response_seconds.filter(|_| same);
        let first_response_seconds = counted.or_else(|| Some(time.seconds_between(self.received_at, self.first_response_at?)));
        Self { first_response_seconds, ..self }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        actor::ActorRef,
        id::ContactId,
        invalid::{FieldCode, FieldErrors},
        lead::NewLead,
        record::{Birth, Made, Making},
    };

    fn time(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }
    fn make(input: &NewLead, previous: Option<&Lead>) -> Result<Lead, FieldErrors> {
        let birth = Birth { id: Uuid::from_u128(7), at: time("2026-11-22T10:00:00Z"), by: ActorRef::system() };
        let making = Making { birth: &birth, workspace: None, fresh_id: &Uuid::nil, asker: None };
        Lead::make(&NewLead { contact_id: Some(ContactId::new(Uuid::nil())), ..input.clone() }, previous, &making)
    }
    fn lead() -> Lead {
        make(&NewLead { received_at: Some(time("2026-11-22T09:00:00Z")), ..NewLead::default() }, None).unwrap()
    }

    #[test]
    fn a_lead_is_qualified_by_its_own_operation_alone() {
        let reason = Some(RejectReasonId::new(Uuid::from_u128(3)));
        let (fresh, rejected) = (lead(), lead().rejected(reason, None, time("2026-11-22T10:00:00Z")));
        let qualified = lead().qualified(DealId::new(Uuid::nil()), time("2026-11-22T10:00:00Z"));
        for (before, status, allowed) in [
            (None, LeadStatus::New, true),
            (None, LeadStatus::InWork, true),
            (None, LeadStatus::Qualified, false),
            (None, LeadStatus::Rejected, true),
            (Some(&fresh), LeadStatus::InWork, true),
            (Some(&fresh), LeadStatus::Qualified, false),
            (Some(&fresh), LeadStatus::Rejected, true),
            (Some(&rejected), LeadStatus::Rejected, true),
            (Some(&rejected), LeadStatus::New, true),
            (Some(&rejected), LeadStatus::Qualified, false),
            (Some(&qualified), LeadStatus::Qualified, true),
        ] {
            let input = NewLead { status: Some(status), reject_reason_id: reason, ..NewLead::default() };
            let faults = make(&input, before).err().map(|errors| (errors.0[0].pointer.clone(), errors.0[0].code));
            let expected = (!allowed).then(|| ("/status".to_owned(), FieldCode::OwnOperation));
            assert_eq!(faults, expected, "{status:?} after {:?}", before.map(|lead| lead.status));
        }
        assert!(!qualified.may_turn(LeadStatus::New) && qualified.may_turn(LeadStatus::Qualified));
        assert!(rejected.may_turn(LeadStatus::InWork) && !rejected.may_turn(LeadStatus::Qualified));
        assert!(Lead { deal_id: None, ..qualified }.may_turn(LeadStatus::New), "one without its deal can be taken up again");
    }

    #[test]
    fn what_happened_before_an_enquiry_does_not_answer_it() {
        let fresh = lead();
        assert!(!fresh.is_answered_first(time("2020-01-19T10:00:00Z")));
        assert!(!fresh.is_answered_first(time("2026-11-22T08:59:59Z")));
        assert!(fresh.is_answered_first(time("2026-11-22T09:00:00Z")));
    }

    #[test]
    fn the_earliest_reaction_is_the_first_in_whatever_order_they_are_reported() {
        let late = lead().responded(time("2026-11-22T12:00:00Z"));
        assert_eq!((late.status, late.first_response_at), (LeadStatus::InWork, Some(time("2026-11-22T12:00:00Z"))));
        assert!(!late.is_answered_first(time("2026-11-22T13:00:00Z")));
        assert!(!late.is_answered_first(time("2026-11-22T08:00:00Z")));
        assert!(late.is_answered_first(time("2026-11-22T11:00:00Z")));
        assert_eq!(late.responded(time("2026-11-22T11:00:00Z")).first_response_at, Some(time("2026-11-22T11:00:00Z")));
    }

    #[test]
    fn a_clock_that_runs_ahead_hides_no_reaction_and_makes_none_later_than_it_may_be() {
        let ahead = |at: &str| make(&NewLead { received_at: Some(time(at)), ..NewLead::default() }, None);
        let fresh = ahead("2026-11-22T10:05:00Z").unwrap();
        assert!(fresh.is_answered_first(time("2026-11-22T10:01:00Z")));
        assert_eq!(fresh.responded(time("2026-11-22T10:01:00Z")).first_response_at, Some(fresh.received_at));
        assert_eq!(ahead("2026-11-22T10:11:00Z").unwrap_err().0[0].code, FieldCode::InTheFuture);
    }
}
