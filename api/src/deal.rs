//! Deals over HTTP: made, changed, moved through the stages of their pipeline by its rules.

use kartoteka_domain::{
    access::{Owners, RecordType},
    deal::{
        Deal, DealOutcome, ListDeals, NewDeal,
        movement::{
            DealMove, DealPlace, LegalMoves, MoveRefusal, StageChange, StageChangeParams, check, check_beginning, check_steps, legal_moves,
        },
        stuck::{StuckDeal, StuckParams},
    },
    event::{Action, Event},
    id::{ChecklistStepId, StageId},
    invalid::{FieldCode, FieldErrors, line},
    list::Page,
    next_step::Subject,
    pipeline::{Pipeline, stage::StageKind},
    record::{Made, Record},
};
use kartoteka_persistence::{Reading, Stored, WriteTx, deal as store, pipeline as pipelines, reference};
use uuid::Uuid;
use validator::Validate;

use crate::{
    answer::{Answer, Created, Found, Plain},
    can::{Can, ReadDeals, UpdateDeals},
    clock,
    next_step::{self, InPatch, Links, Sent},
    problem::{Problem, ProblemCode, Result},
    record,
    request::{At, IfMatch, Params, Patch, Valid},
};

crud! { Deal, NewDeal, ListDeals; "deals", "/v1/deals", "/v1/deals/{id}", "/v1/deals/{id}/restore";
    list list_deals "List deals", get get_deal "Get a deal", read ReadDeals, expand expand;
    create create_deal "Create a deal", right CreateDeals, by create;
    update update_deal "Change a deal", right UpdateDeals, by update;
    archive archive_deal "Archive a deal", by record::archive::<Deal>;
    restore restore_deal "Restore a deal", by restore;
}

/// Move a deal
///
/// To another stage of its pipeline, by the pipeline's rules. A refusal (409 `move_refused`) says why, what the deal lacks, and where it may go.
#[utoipa::path(post, path = "/v1/deals/{id}/move", tag = "deals")]
pub async fn move_deal(can: Can<UpdateDeals>, at: At<Deal>, if_match: IfMatch, movement: Valid<DealMove>) -> Answer<Found<Deal>> {
    can.write(move |tx| move_to(tx, at.0, &if_match, &movement)).await
}

/// Get a deal's legal moves
///
/// The stages it may go to from where it is, and what it still lacks for each.
#[utoipa::path(get, path = "/v1/deals/{id}/moves", tag = "deals")]
pub async fn get_deal_moves(can: Can<ReadDeals>, at: At<Deal>) -> Answer<Plain<LegalMoves>> {
    can.read(move |tx| {
        let deal: Deal = record::get(tx, at.0)?;
        let pipeline: Pipeline = record::get(tx, deal.pipeline_id.uuid())?;
        let leads = leads(tx);
        Ok(Plain(LegalMoves { data: legal_moves(&deal, &pipeline, leads) }))
    })
    .await
}

/// Place a deal on the board
///
/// Below another card of its stage, or on top.
#[utoipa::path(post, path = "/v1/deals/{id}/place", tag = "deals")]
pub async fn place_deal(can: Can<UpdateDeals>, at: At<Deal>, place: Valid<DealPlace>) -> Answer<Found<Deal>> {
    can.write(move |tx| {
        let deal: Deal = record::get_to_change(tx, at.0)?;
        if deal.archived_at.is_some() {
            return Err(Problem::new(ProblemCode::Archived));
        }
        put(tx, &deal, place.below_deal_id.map(kartoteka_domain::id::Id::uuid))?;
        Ok(Found(deal))
    })
    .await
}

/// Get a deal's stage changes
///
/// Its way through the stages, newest first: who moved it, when, how long it had stayed.
#[utoipa::path(get, path = "/v1/deals/{id}/stage-changes", tag = "deals")]
pub async fn get_deal_stage_changes(can: Can<ReadDeals>, at: At<Deal>, params: Params<StageChangeParams>) -> Answer<Page<StageChange>> {
    can.read(move |tx| {
        let deal: Deal = record::get(tx, at.0)?;
        let limit = params.limit.unwrap_or_default().get();
        Ok(store::stage_change::page(tx, deal.id, limit, params.cursor.as_ref().map(|cursor| cursor.0.as_str()))?)
    })
    .await
}

/// Get the stuck deals
///
/// Open deals over the time limit of their stage, without a next step, or without a communication for as long as their pipeline allows; each
/// with its reasons.
#[utoipa::path(get, path = "/v1/stuck-deals", tag = "deals")]
pub async fn get_stuck_deals(can: Can<ReadDeals>, params: Params<StuckParams>) -> Answer<Page<StuckDeal>> {
    let now = clock::now();
    can.read(move |tx| Ok(store::stuck::page(tx, &params, now)?)).await
}

/// Whether the asker may change other people's deals.
fn leads(tx: &dyn Reading) -> bool {
    match tx.scope().changers(RecordType::Deal) {
        Owners::All => true,
        Owners::None => false,
        Owners::Of(people) => people.iter().any(|id| Some(*id) != tx.scope().actor().user()),
    }
}

/// Makes a deal, in the first stage of the first pipeline when it names none.
pub fn create(tx: &mut WriteTx<'_>, input: &NewDeal) -> Result<Created<Deal>> {
    let mut input = input.clone();
    let pipeline = pipeline_of(tx, &input)?;
    let stage = match input.stage_id {
        Some(id) => pipeline.stage(id),
        None => pipeline.first(),
    };
    let Some(stage) = stage else { return Err(Problem::invalid("/stage_id", no_stage(tx, &pipeline, input.stage_id)?)) };
    if stage.kind != StageKind::Open {
        return Err(Problem::invalid("/stage_id", FieldCode::InvalidValue).given(stage.kind.word()));
    }
    input.pipeline_id = Some(pipeline.id);
    input.stage_id = Some(stage.id);
    let deal: Deal = record::make(tx, &input, None)?;
    check_links(tx, &deal)?;
    record::check_owner::<Deal>(tx, deal.owner_id, tx.scope().actor().user().filter(|_| deal.owner_id.is_some()))?;
    let deal = deal.entering(stage, deal.created_at);
    check_beginning(&deal, &pipeline, stage)?;
    check_steps(input.checked.as_deref().unwrap_or_default(), &[], &pipeline)?;
    Deal::insert(tx, &deal, Event::created(&deal))?;
    let deal = follow(tx, deal, Sent::new(input.next_task.as_ref(), input.no_next_step_reason.as_deref()))?;
    Ok(Created::new(deal))
}

/// The pipeline a new deal comes to, held: the one it names, that of its stage, or the first one.
fn pipeline_of(tx: &mut WriteTx<'_>, input: &NewDeal) -> Result<Pipeline> {
    let in_use = |tx: &mut WriteTx<'_>, id| Ok::<_, Problem>(pipelines::held(tx, id)?.filter(|pipeline| pipeline.archived_at.is_none()));
    let not_found = |pointer: &str| Problem::invalid(pointer, FieldCode::ReferenceNotFound);
    if let Some(id) = input.pipeline_id {
        return in_use(tx, id)?.ok_or_else(|| not_found("/pipeline_id"));
    }
    if let Some(stage) = input.stage_id {
        let id = pipelines::of_stage(tx, stage)?.ok_or_else(|| not_found("/stage_id"))?;
        return in_use(tx, id)?.ok_or_else(|| not_found("/stage_id"));
    }
    loop {
        let Some(first) = pipelines::first(tx)? else { return Err(Problem::invalid("/pipeline_id", FieldCode::Required)) };
        // archived between the two reads: the next one is the first
        if let Some(pipeline) = in_use(tx, first.id)? {
            return Ok(pipeline);
        }
    }
}

/// Why a stage is none of this pipeline's: another one has it, or nobody has, any more or ever.
fn no_stage(tx: &mut WriteTx<'_>, pipeline: &Pipeline, stage: Option<StageId>) -> Result<FieldCode> {
    let home = stage.map(|id| pipelines::of_stage(tx, id)).transpose()?.flatten();
    Ok(if home.is_some_and(|id| id != pipeline.id) { FieldCode::OtherPipeline } else { FieldCode::ReferenceNotFound })
}

/// Brings a deal back; an open one only where deals are still sold.
pub fn restore(tx: &mut WriteTx<'_>, id: Uuid, if_match: &IfMatch) -> Result<Deal> {
    let pipeline = hold_pipeline(tx, id)?;
    let deal: Deal = record::get_to_change(tx, id)?;
    if deal.outcome == DealOutcome::Open && deal.archived_at.is_some() && pipeline.archived_at.is_some() {
        return Err(Problem::new(ProblemCode::PipelineArchived));
    }
    record::restore(tx, id, if_match)
}

/// The pipeline of a deal, held before the deal is; a deal never changes its pipeline.
fn hold_pipeline(tx: &mut WriteTx<'_>, deal: Uuid) -> Result<Pipeline> {
    let deal: Deal = record::get(tx, deal)?;
    pipelines::held(tx, deal.pipeline_id)?.ok_or_else(Problem::not_found)
}

/// A deal of a lead is a deal of its client.
pub(crate) fn check_links(tx: &mut WriteTx<'_>, deal: &Deal) -> Result<()> {
    match deal.contact_id() {
        Some(contact) => record::check_lead(tx, deal.lead_id, Some(contact)),
        None => Ok(()),
    }
}

/// Makes the next step an input brought along, or keeps the reason why there is none.
pub fn follow(tx: &mut WriteTx<'_>, deal: Deal, sent: Sent<'_>) -> Result<Deal> {
    let (subject, links) = (Subject::Deal(deal.id), links(&deal));
    next_step::follow(tx, deal, subject, sent, links)
}

fn links(deal: &Deal) -> Links {
    Links {
        contact_id: deal.contact_id(),
        company_id: deal.company_id,
        deal_id: Some(deal.id),
        owner_id: deal.owner_id,
        ..Links::default()
    }
}

pub(crate) fn update(tx: &mut WriteTx<'_>, id: Uuid, patch: &Patch<NewDeal>, if_match: &IfMatch) -> Result<Found<Deal>> {
    let sent = InPatch::of(patch)?;
    let checked: Vec<ChecklistStepId> = patch.part("checked")?.unwrap_or_default();
    let Found(after) = record::change(tx, id, patch, if_match, |tx, before: &Deal, after: &mut Deal| {
        check_links(tx, after)?;
        if before.checked != after.checked {
            check_steps(&checked, &before.checked, &record::get(tx, before.pipeline_id.uuid())?)?;
        }
        record::check_owner::<Deal>(tx, after.owner_id, before.owner_id)
    })?;
    Ok(Found(follow(tx, after, sent.sent())?))
}

fn refused(refusal: MoveRefusal) -> Problem {
    Problem::new(ProblemCode::MoveRefused)
        .with("reason", refusal.reason)
        .with("missing_fields", refusal.missing_fields)
        .with("unchecked", refusal.unchecked)
        .with("legal_moves", refusal.legal_moves)
}

/// Moves a deal to a stage.
pub fn move_to(tx: &mut WriteTx<'_>, id: Uuid, if_match: &IfMatch, movement: &DealMove) -> Result<Found<Deal>> {
    let pipeline = hold_pipeline(tx, id)?;
    let before: Deal = record::get_in_use(tx, id, if_match)?;
    let mut errors = FieldErrors::default();
    errors.absorb(movement.validate());
    let Some(to) = movement.stage_id else {
        errors.add("/stage_id", FieldCode::Required);
        return Err(errors.into());
    };
    if to == before.stage_id {
        errors.add("/stage_id", FieldCode::SameStage);
    }
    let Some(stage) = pipeline.stage(to) else {
        errors.add("/stage_id", no_stage(tx, &pipeline, Some(to))?);
        return Err(errors.into());
    };
    match (stage.kind == StageKind::Lost, movement.lost_reason_id.is_some()) {
        (true, false) => errors.add("/lost_reason_id", FieldCode::Required),
        (false, true) => errors.add("/lost_reason_id", FieldCode::ConflictingFields),
        _ => {}
    }
    let comment = line(movement.comment.as_deref());
    let lost = Deal {
        lost_reason_id: movement.lost_reason_id,
        lost_comment: comment.clone().filter(|_| stage.kind == StageKind::Lost),
        ..before.clone()
    };
    let after = lost.moved(stage, tx.now());
    reference::check(tx, &after.references(), &before.references(), &mut errors)?;
    errors.finish()?;
    if pipeline.archived_at.is_some() && stage.kind == StageKind::Open {
        return Err(Problem::new(ProblemCode::PipelineArchived));
    }
    check(&before, &pipeline, to, leads(tx)).map_err(refused)?;
    tx.because(comment);
    let after = record::store_change(tx, &before, after, Action::StageChanged)?;
    tx.because(None);
    if let Some(below) = movement.below_deal_id {
        put(tx, &after, Some(below.uuid()))?;
    }
    Ok(Found(follow(tx, after, Sent::new(movement.next_task.as_ref(), movement.no_next_step_reason.as_deref()))?))
}

/// Puts a card below another one of its stage.
fn put(tx: &mut WriteTx<'_>, deal: &Deal, below: Option<Uuid>) -> Result<()> {
    let above = match below {
        None => None,
        Some(id) if id == deal.uuid() => return Err(Problem::invalid("/below_deal_id", FieldCode::ConflictingFields)),
        Some(id) => match Deal::find(tx, id)? {
            Some(found) if found.stage_id == deal.stage_id => Some(found),
            Some(_) => return Err(Problem::invalid("/below_deal_id", FieldCode::ConflictingFields)),
            None => return Err(Problem::invalid("/below_deal_id", FieldCode::ReferenceNotFound)),
        },
    };
    Ok(store::board::place(tx, deal, above.as_ref())?)
}
