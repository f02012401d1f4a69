//! Stuck deals: open ones that do not move, each with its reasons.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Deal, DealOutcome};
use crate::{
    id::{PipelineId, UserId},
    list::AnyOf,
};

words! {
    /// Why a deal counts as stuck.
    pub enum StuckCode {
        /// Longer in its stage than the stage allows.
        OverTimeLimit = "over_time_limit",
        /// No open task with a due time.
        NoNextStep = "no_next_step",
        /// No communication for as long as its pipeline allows.
        Silent = "silent",
    }
}

/// One reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StuckReason {
    /// Why.
    #[schema(required = true)]
    pub code: StuckCode,
    /// Since when.
    #[schema(required = true)]
    pub since: DateTime<Utc>,
}

/// A stuck deal and why.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct StuckDeal {
    /// The deal.
    #[schema(required = true)]
    pub deal: Deal,
    /// Why it is stuck.
    #[schema(required = true)]
    pub reasons: Vec<StuckReason>,
}

params! {
    /// Filters of stuck deals.
    pub struct StuckParams {
        /// Pipelines.
        pipeline_id: AnyOf<PipelineId>,
        /// Responsible users.
        owner_id: AnyOf<UserId>,
        /// How many a page holds, 1 to 200; 50 when absent.
        limit: crate::list::Limit,
        /// Where to go on: the `next_cursor` of the page before.
        cursor: crate::list::Cursor,
    }
}

/// Why a deal is stuck; nothing when it is not. `silent_after_days` is its pipeline's.
pub fn reasons(deal: &Deal, silent_after_days: i64, now: DateTime<Utc>) -> Vec<StuckReason> {
    if deal.outcome != DealOutcome::Open || deal.archived_at.is_some() {
        return Vec::new();
    }
    let mut reasons = Vec::new();
    if let Some(due) = deal.stage_due_at.filter(|due| *due < now) {
        reasons.push(StuckReason { code: StuckCode::OverTimeLimit, since: due });
    }
    if deal.next_task_at.is_none() {
        reasons.push(StuckReason { code: StuckCode::NoNextStep, since: deal.updated_at });
    }
    let heard = deal.last_communication_at.unwrap_or(deal.created_at);
    let silent = heard + Duration::days(silent_after_days);
    if silent < now {
        reasons.push(StuckReason { code: StuckCode::Silent, since: silent });
    }
    reasons
}
