//! Pipelines over HTTP. Changing one with deals in it is safe: a removed stage says where its deals go.

use kartoteka_domain::{
    deal::Deal,
    event::{Action, Event},
    invalid::{FieldCode, FieldErrors},
    pipeline::{ListPipelines, NewPipeline, Pipeline, Stage},
    record::{Made, Record},
};
use kartoteka_persistence::{Reading, Stored, WriteTx, deal as deals, reference};
use uuid::Uuid;

use crate::{
    answer::Found,
    crud,
    problem::{Problem, ProblemCode, Result},
    record,
    request::{IfMatch, Patch},
};

pub mod board;

crud! { Pipeline, NewPipeline, ListPipelines; "pipelines", "/v1/pipelines", "/v1/pipelines/{id}", "/v1/pipelines/{id}/restore";
    list list_pipelines "List pipelines", get get_pipeline "Get a pipeline", read ReadPipelines;
    create create_pipeline "Create a pipeline", right CreatePipelines, by crud::create;
    update update_pipeline "Change a pipeline", right UpdatePipelines, by update;
    archive archive_pipeline "Archive a pipeline", by archive, may 409;
    restore restore_pipeline "Restore a pipeline", by record::restore::<Pipeline>;
}

/// Deals of a removed stage that are moved within one request.
const MOST_MOVED: i64 = 2000;

fn update(tx: &mut WriteTx<'_>, id: Uuid, patch: &Patch<NewPipeline>, if_match: &IfMatch) -> Result<Found<Pipeline>> {
    let before: Pipeline = record::get_in_use(tx, id, if_match)?;
    let input = patch.applied_to(&before.input())?;
    let after: Pipeline = record::make(tx, &input, Some(&before))?;
    let mut errors = FieldErrors::default();
    reference::check(tx, &after.references(), &before.references(), &mut errors)?;
    let mut moves: Vec<(Deal, Stage)> = Vec::new();
    for gone in after.removed(&before) {
        let there = deals::in_stage(tx, gone.id, MOST_MOVED + 1)?;
        let successor = input.moved_to.iter().flatten().enumerate().find(|(_, s)| s.from_stage_id == gone.id);
        match successor {
            _ if there.is_empty() => {}
            None => errors.add_with("/moved_to", FieldCode::SuccessorRequired, &gone.name),
            Some((index, successor)) => match after.stage(successor.to_stage_id) {
                Some(stage) if stage.kind == gone.kind && i64::try_from(there.len()).is_ok_and(|count| count <= MOST_MOVED) => {
                    moves.extend(there.into_iter().map(|deal| (deal, stage.clone())));
                }
                Some(stage) if stage.kind == gone.kind => {
                    errors.add_with(format!("/moved_to/{index}/from_stage_id"), FieldCode::TooLong, MOST_MOVED.to_string());
                }
                Some(_) => errors.add_with(format!("/moved_to/{index}/to_stage_id"), FieldCode::ConflictingFields, "from_stage_id"),
                None => errors.add(format!("/moved_to/{index}/to_stage_id"), FieldCode::ReferenceNotFound),
            },
        }
    }
    errors.finish()?;
    let after = record::store_change(tx, &before, after, Action::Updated)?;
    for (deal, stage) in moves {
        tx.follow(deal.updated_at);
        let mut moved = Deal { closed_at: deal.closed_at, ..deal.moved(&stage, tx.now()) };
        moved.stamp(&tx.scope().by().clone(), tx.now());
        let event =
            Event::between(Some(&deal), &moved, Action::StageChanged).because(format!("stage removed from the pipeline {}", after.name));
        Deal::update(tx, &deal, &moved, event)?;
    }
    // the deals stand as they stood: whether they have a next step is no matter of their stages' names
    drop(tx.take_next_steps());
    Ok(Found(after))
}

fn archive(tx: &mut WriteTx<'_>, id: Uuid, if_match: &IfMatch) -> Result<Pipeline> {
    let pipeline: Pipeline = record::get_to_change(tx, id)?;
    if deals::has_open(tx, pipeline.id)? {
        return Err(Problem::new(ProblemCode::PipelineInUse));
    }
    record::archive(tx, id, if_match)
}
