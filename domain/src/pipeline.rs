//! Pipeline: the ordered stages of a sale and what may be done with them. Refuses a pipeline one cannot win or lose in.

pub mod stage;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use crate::{
    access::RecordType,
    contact::slice,
    id::{StageId, UserId},
    invalid::{FieldCode, FieldErrors, line, prose},
    record::{Made, Making, Reference},
};
use stage::{MOST_STAGES, StageInput, StageKind};

pub use stage::Stage;

words! {
    /// Who may make a move that is out of order.
    pub enum MoveRule {
        /// Whoever may change the deal.
        Anyone = "anyone",
        /// Those who may change other people's deals.
        Heads = "heads",
        /// Nobody.
        Nobody = "nobody",
    }
}

impl MoveRule {
    /// Whether somebody may: `leads` is whether he may change other people's deals.
    pub fn allows(self, leads: bool) -> bool {
        match self {
            Self::Anyone => true,
            Self::Heads => leads,
            Self::Nobody => false,
        }
    }
}

record! {
    /// The ordered stages of a sale.
    pub struct Pipeline (RecordType::Pipeline) {
        /// Its name.
        pub name: String,
        /// What it is for.
        pub description: Option<String>,
        /// Place among the pipelines, smallest first; the first one takes deals that name none.
        pub position: i64,
        /// The stages in their order: open ones, then won and lost.
        pub stages: Vec<Stage>,
        /// Who may leave stages out.
        pub skipping: MoveRule,
        /// Who may go back to an earlier stage.
        pub going_back: MoveRule,
        /// Who may open a deal again that is won or lost.
        pub reopening: MoveRule,
        /// After how many days without a communication an open deal counts as stuck.
        pub silent_after_days: i64,
    }
}

input! {
    /// A pipeline. Without stages it gets the ready-made ones.
    pub struct NewPipeline, PipelinePatch clears PipelineField {
        /// Its name.
        name (required = true): String, max 100;
        /// What it is for.
        description: String, max 2000;
        /// Place among the pipelines, smallest first.
        position: i64, range 0 to 1_000_000;
        /// The stages in their order. In a change the list is the whole: a stage left out is removed, and its deals go where `moved_to` says.
        #[validate(nested)]
        stages: Vec<StageInput>, items 30;
        /// Who may leave stages out; `anyone` when absent.
        skipping: MoveRule;
        /// Who may go back; `anyone` when absent.
        going_back: MoveRule;
        /// Who may open a closed deal again; `heads` when absent.
        reopening: MoveRule;
        /// After how many days without a communication an open deal counts as stuck; 14 when absent.
        silent_after_days: i64, range 1 to 3650;
        /// Where the deals of removed stages go; needed only if there are such deals.
        #[validate(nested)]
        moved_to: Vec<StageSuccessor>, items 30;
    }
}

/// Where the deals of a removed stage go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StageSuccessor {
    /// The stage that is removed.
    pub from_stage_id: StageId,
    /// A stage of the same pipeline that stays.
    pub to_stage_id: StageId,
}

sorts! {
    /// Orders of pipelines.
    pub enum PipelineSort {
        Position = "position" => "position" up,
        Name = "name" => "sort_key" up,
        CreatedDown = "-created_at" => "created_at" down,
    }
}

list_params! {
    /// Filters of pipelines.
    pub struct ListPipelines sort PipelineSort {
        /// Words the name contains.
        q: String,
    }
}

impl Made for Pipeline {
    type Input = NewPipeline;

    fn input(&self) -> NewPipeline {
        NewPipeline {
            name: Some(self.name.clone()),
            description: self.description.clone(),
            position: Some(self.position),
            stages: Some(self.stages.iter().map(StageInput::from).collect()),
            skipping: Some(self.skipping),
            going_back: Some(self.going_back),
            reopening: Some(self.reopening),
            silent_after_days: Some(self.silent_after_days),
            moved_to: None,
        }
    }

    fn make(input: &NewPipeline, previous: Option<&Self>, making: &Making<'_>) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        let name = errors.required_line("/name", input.name.as_deref());
        let old = previous.map_or(&[][..], |p| p.stages.as_slice());
        let ready_made;
        let inputs = match slice(input.stages.as_ref()) {
            [] if previous.is_none() => {
                ready_made = stage::ready_made(making.workspace.and_then(|w| w.languages.first()).map_or("en", String::as_str));
                ready_made.as_slice()
            }
            given => given,
        };
        let stages = stage::stages(inputs, old, making, &mut errors);
        if inputs.len() <= MOST_STAGES && errors.is_empty() {
            for kind in StageKind::ALL {
                let count = stages.iter().filter(|stage| stage.kind == *kind).count();
                if count == 0 || (*kind != StageKind::Open && count > 1) {
                    errors.add_with("/stages", FieldCode::StageKinds, kind.word());
                }
            }
        }
        errors.finish()?;
        let pipeline = fresh!(Pipeline, making.birth, {
            name: name,
            description: prose(input.description.as_deref()),
            position: input.position.unwrap_or(0),
            stages: stages,
            skipping: input.skipping.unwrap_or(MoveRule::Anyone),
            going_back: input.going_back.unwrap_or(MoveRule::Anyone),
            reopening: input.reopening.unwrap_or(MoveRule::Heads),
            silent_after_days: input.silent_after_days.unwrap_or(14),
        });
        Ok(match previous {
            None => pipeline,
            Some(old) => pipeline.in_the_envelope_of(old),
        })
    }

    fn references(&self) -> Vec<Reference> {
        let owner = |(index, stage): (usize, &Stage)| {
            stage.owner_id.map(|id: UserId| Reference::new(format!("/stages/{index}/owner_id"), RecordType::User, id.uuid()))
        };
        self.stages.iter().enumerate().filter_map(owner).collect()
    }
}

impl Pipeline {
    /// A stage by its id.
    pub fn stage(&self, id: StageId) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.id == id)
    }
    /// Where a deal begins: the first open stage.
    pub fn first(&self) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.kind == StageKind::Open)
    }
    /// Place of a stage.
    pub fn place(&self, id: StageId) -> Option<usize> {
        self.stages.iter().position(|stage| stage.id == id)
    }
    /// Stages of `before` that are not there any more.
    pub fn removed<'a>(&self, before: &'a Self) -> Vec<&'a Stage> {
        before.stages.iter().filter(|stage| self.stage(stage.id).is_none()).collect()
    }
    /// What `q` searches.
    pub fn search_text(&self) -> String {
        crate::text::fold(&self.name)
    }
}

/// A name of a stage or checklist step as kept.
pub(crate) fn named(given: Option<&str>, old: Option<&String>) -> String {
    line(given).or_else(|| old.cloned()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
