//! Moves: which stages a deal may go to from where it is, and what it lacks for them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;

use super::Deal;
use crate::{
    actor::ActorRef,
    id::{ChecklistStepId, DealId, LostReasonId, StageId},
    invalid::{FieldCode, FieldErrors},
    pipeline::{
        Pipeline, Stage,
        stage::{DealRequirement, StageKind},
    },
    task::NewTask,
};

words! {
    /// Why a move is refused.
    pub enum MoveRefusalReason {
        /// Stages may not be left out.
        SkippingNotAllowed = "skipping_not_allowed",
        /// One may not go back.
        GoingBackNotAllowed = "going_back_not_allowed",
        /// A closed deal may not be opened again.
        ReopeningNotAllowed = "reopening_not_allowed",
        /// The stage asks for fields the deal does not have.
        FieldsMissing = "fields_missing",
        /// Required steps of the checklist are not done.
        ChecklistIncomplete = "checklist_incomplete",
    }
}

/// Where to move a deal.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DealMove {
    /// The stage to go to: of the deal's pipeline, and another one than now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = true)]
    pub stage_id: Option<StageId>,
    /// Why it is lost; needed when it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost_reason_id: Option<LostReasonId>,
    /// More about why it is lost, or is moved.
    #[validate(length(max = 2000))]
    #[schema(max_length = 2000)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The deal it shall stand below on the board; on top when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below_deal_id: Option<DealId>,
    /// The next step, made in the same transaction.
    #[validate(nested)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_task: Option<NewTask>,
    /// Why there is no next step.
    #[validate(length(max = 1000))]
    #[schema(max_length = 1000)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_next_step_reason: Option<String>,
}

/// Where on its stage's column a deal shall stand.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DealPlace {
    /// The deal of the same stage it shall stand below; on top when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below_deal_id: Option<DealId>,
}

/// A stage one may go to, and what is still lacking for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LegalMove {
    /// The stage.
    #[schema(required = true)]
    pub stage_id: StageId,
    /// Its name.
    #[schema(required = true)]
    pub name: String,
    /// What it means.
    #[schema(required = true)]
    pub kind: StageKind,
    /// Fields the deal must have first.
    #[schema(required = true)]
    pub missing_fields: Vec<DealRequirement>,
    /// Steps of the checklist that must be done first.
    #[schema(required = true)]
    pub unchecked: Vec<ChecklistStepId>,
}

/// The legal moves of a deal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LegalMoves {
    /// Stages one may go to, in their order.
    #[schema(required = true)]
    pub data: Vec<LegalMove>,
}

/// Why a move is refused, and what would do instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoveRefusal {
    /// Why.
    pub reason: MoveRefusalReason,
    /// Fields the deal lacks for the stage asked for.
    pub missing_fields: Vec<DealRequirement>,
    /// Steps that are not done.
    pub unchecked: Vec<ChecklistStepId>,
    /// Where it may go.
    pub legal_moves: Vec<LegalMove>,
}

params! {
    /// A page of a deal's way through the stages.
    pub struct StageChangeParams {
        /// How many steps a page holds, 1 to 200; 50 when absent.
        limit: crate::list::Limit,
        /// Where to go on: the `next_cursor` of the page before.
        cursor: crate::list::Cursor,
    }
}

/// One step of a deal's way through the stages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StageChange {
    /// Its id.
    #[schema(required = true)]
    pub id: Uuid,
    /// The deal.
    #[schema(required = true)]
    pub deal_id: DealId,
    /// The stage it left; null when it was made.
    #[schema(required = true)]
    pub from_stage_id: Option<StageId>,
    /// Its name now; a removed stage keeps its last one.
    #[schema(required = true)]
    pub from_stage_name: Option<String>,
    /// The stage it came to.
    #[schema(required = true)]
    pub to_stage_id: StageId,
    /// Its name now.
    #[schema(required = true)]
    pub to_stage_name: String,
    /// When.
    #[schema(required = true)]
    pub at: DateTime<Utc>,
    /// How long it had been in the stage it left, seconds.
    #[schema(required = true)]
    pub seconds_in_from: Option<i64>,
    /// Who moved it.
    #[schema(required = true)]
    pub by: ActorRef,
    /// Why.
    #[schema(required = true)]
    pub reason: Option<String>,
}

/// Whether the order of the stages lets a deal go there; `leads` is whether the asker may change other people's deals. A deal whose stage is not
/// there any more begins anew.
fn order(pipeline: &Pipeline, from: Option<usize>, to: usize, leads: bool) -> Result<(), MoveRefusalReason> {
    let kind = |at: usize| pipeline.stages.get(at).map_or(StageKind::Open, |stage| stage.kind);
    let next = from.map_or(0, |from| from + 1);
    match (from.map(kind), kind(to)) {
        (Some(StageKind::Won | StageKind::Lost), _) if !pipeline.reopening.allows(leads) => Err(MoveRefusalReason::ReopeningNotAllowed),
        // what is lost is opened again before it is won: the stages between are left out otherwise
        (Some(StageKind::Won | StageKind::Lost) | None, StageKind::Won) if !pipeline.skipping.allows(leads) => {
            Err(MoveRefusalReason::SkippingNotAllowed)
        }
        (Some(StageKind::Won | StageKind::Lost) | None, _) | (_, StageKind::Lost) => Ok(()),
        _ if to < next && !pipeline.going_back.allows(leads) => Err(MoveRefusalReason::GoingBackNotAllowed),
        // open stages stand before won: the next one is the next open one, or won after the last
        _ if to > next && !pipeline.skipping.allows(leads) => Err(MoveRefusalReason::SkippingNotAllowed),
        _ => Ok(()),
    }
}

/// What the stages on the way ask for: leaving one out does not leave out its fields. Losing asks for none but its own. Whoever comes from
/// a closed stage, or from none, has the whole way before him.
fn missing(deal: &Deal, pipeline: &Pipeline, from: Option<usize>, to: usize) -> Vec<DealRequirement> {
    let Some(target) = pipeline.stages.get(to) else { return Vec::new() };
    let from = from.filter(|from| pipeline.stages.get(*from).is_some_and(|stage| stage.kind == StageKind::Open));
    let next = from.map_or(0, |from| from + 1);
    let passed: &[Stage] = if target.kind == StageKind::Lost || to < next {
        std::slice::from_ref(target)
    } else {
        pipeline.stages.get(next..=to).unwrap_or_default()
    };
    let mut missing: Vec<DealRequirement> =
        passed.iter().flat_map(|stage| &stage.required_fields).filter(|field| !deal.has(**field)).copied().collect();
    missing.sort_unstable();
    missing.dedup();
    missing
}

/// Required steps that are not done, of the stage that is left forward.
fn unchecked(deal: &Deal, pipeline: &Pipeline, from: Option<usize>, to: usize) -> Vec<ChecklistStepId> {
    let forward = |from: &usize| to > *from && pipeline.stages.get(to).is_some_and(|stage| stage.kind != StageKind::Lost);
    let steps = from.filter(forward).and_then(|from| pipeline.stages.get(from)).map_or(&[][..], |stage| stage.checklist.as_slice());
    steps.iter().filter(|step| step.required && !deal.checked.contains(&step.id)).map(|step| step.id).collect()
}

/// Where a deal may go, and what it lacks for each. In an archived pipeline nothing is sold: it may only end.
pub fn legal_moves(deal: &Deal, pipeline: &Pipeline, leads: bool) -> Vec<LegalMove> {
    let from = pipeline.place(deal.stage_id);
    let legal = |(to, stage): (usize, &Stage)| {
        let sold = pipeline.archived_at.is_none() || stage.kind != StageKind::Open;
        (Some(to) != from && sold && order(pipeline, from, to, leads).is_ok()).then(|| LegalMove {
            stage_id: stage.id,
            name: stage.name.clone(),
            kind: stage.kind,
            missing_fields: missing(deal, pipeline, from, to),
            unchecked: unchecked(deal, pipeline, from, to),
        })
    };
    pipeline.stages.iter().enumerate().filter_map(legal).collect()
}

/// Whether a deal may go to a stage of its pipeline.
pub fn check(deal: &Deal, pipeline: &Pipeline, to: StageId, leads: bool) -> Result<(), MoveRefusal> {
    let from = pipeline.place(deal.stage_id);
    let Some(to) = pipeline.place(to) else { return Ok(()) };
    let missing_fields = missing(deal, pipeline, from, to);
    let unchecked = unchecked(deal, pipeline, from, to);
    let reason = match order(pipeline, from, to, leads) {
        Err(reason) => reason,
        Ok(()) if !missing_fields.is_empty() => MoveRefusalReason::FieldsMissing,
        Ok(()) if !unchecked.is_empty() => MoveRefusalReason::ChecklistIncomplete,
        Ok(()) => return Ok(()),
    };
    Err(MoveRefusal { reason, missing_fields, unchecked, legal_moves: legal_moves(deal, pipeline, leads) })
}

/// What a new deal lacks to begin in a stage: the same that a move would ask for on the way there.
pub fn check_beginning(deal: &Deal, pipeline: &Pipeline, stage: &Stage) -> Result<(), FieldErrors> {
    let mut errors = FieldErrors::default();
    for field in pipeline.place(stage.id).map(|to| missing(deal, pipeline, None, to)).unwrap_or_default() {
        errors.add(format!("/{}", field.word()), FieldCode::Required);
    }
    errors.finish()
}

/// Steps that no stage of the pipeline has; what the deal has kept already stays, though its stage may be gone.
pub fn check_steps(given: &[ChecklistStepId], kept: &[ChecklistStepId], pipeline: &Pipeline) -> Result<(), FieldErrors> {
    let there = |id: &ChecklistStepId| pipeline.stages.iter().flat_map(|stage| &stage.checklist).any(|step| step.id == *id);
    let mut errors = FieldErrors::default();
    for (index, id) in given.iter().enumerate().filter(|(_, id)| !kept.contains(id) && !there(id)) {
        errors.add_with(format!("/checked/{index}"), FieldCode::ReferenceNotFound, id.to_string());
    }
    errors.finish()
}
