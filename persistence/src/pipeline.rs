//! Pipelines with their stages. A removed stage stays as a row: the way of deals through it is told by its name.

use std::collections::HashMap;

use diesel::prelude::*;
use kartoteka_domain::{
    event::Event,
    id::{PipelineId, StageId, WorkspaceId},
    list::Page,
    pipeline::{ListPipelines, Pipeline, Stage},
    text,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    db::{At, Doc, Uid},
    entity::{Entity, Stored, pack, revive},
    fragment,
    schema::{pipeline, stage},
    store::{Reading, Recorded, StoreError, WriteTx},
};

row! {
    PipelineRow in pipeline { name: String, sort_key: String, search_text: String, position: i64, profile: Doc }
}
keyed!(PipelineRow { position, sort_key, created_at });

part! {
    StageRow in stage {
        workspace_id: Uid, id: Uid, pipeline_id: Uid, name: String, kind: String, position: i64, time_limit_seconds: Option<i64>, profile: Doc,
        removed_at: Option<At>,
    }
}

const ELSEWHERE: &[&str] = &["name", "position", "stages"];
const STAGE_ELSEWHERE: &[&str] = &["name", "kind", "time_limit_seconds"];

fn row(workspace: WorkspaceId, p: &Pipeline) -> Result<PipelineRow, StoreError> {
    Ok(stamped! { PipelineRow of p, in workspace.into();
    name: p.name.clone(),
    sort_key: text::sort_key(&p.name),
    search_text: p.search_text(),
    position: p.position,
    profile: pack(p, ELSEWHERE)?,    })
}

fn stage_row(workspace: WorkspaceId, pipeline: PipelineId, position: i64, s: &Stage) -> Result<StageRow, StoreError> {
    Ok(StageRow {
        workspace_id: workspace.into(),
        id: s.id.into(),
        pipeline_id: pipeline.into(),
        name: s.name.clone(),
        kind: s.kind.word().to_owned(),
        position,
        time_limit_seconds: s.time_limit_seconds,
        profile: pack(s, STAGE_ELSEWHERE)?,
        removed_at: None,
    })
}

fn stage_record(row: StageRow) -> Result<Stage, StoreError> {
    let columns = [
        ("id", json!(row.id)),
        ("name", json!(row.name)),
        ("kind", json!(row.kind)),
        ("time_limit_seconds", json!(row.time_limit_seconds)),
    ];
    revive(row.profile, Map::new(), columns)
}

fn load(tx: &mut dyn Reading, rows: Vec<PipelineRow>) -> Result<Vec<Pipeline>, StoreError> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let found: Vec<StageRow> = all!(tx, stage)
        .filter(fragment::one_of("stage.pipeline_id", rows.iter().map(|row| row.id.0)))
        .filter(stage::removed_at.is_null())
        .order((stage::position, stage::id))
        .load(tx.db().0)?;
    let mut stages: HashMap<Uuid, Vec<Stage>> = HashMap::new();
    for row in found {
        stages.entry(row.pipeline_id.0).or_default().push(stage_record(row)?);
    }
    rows.into_iter()
        .map(|row| {
            let columns = [("name", json!(row.name)), ("position", json!(row.position)), ("stages", Value::Array(Vec::new()))];
            let mut record: Pipeline = revive(row.profile.clone(), row.envelope(), columns)?;
            record.stages = stages.remove(&row.id.0).unwrap_or_default();
            Ok(record)
        })
        .collect()
}

impl Stored for Pipeline {
    type Params = ListPipelines;

    fn find(tx: &mut dyn Reading, id: Uuid) -> Result<Option<Self>, StoreError> {
        let row: Option<PipelineRow> = all!(tx, pipeline).filter(pipeline::id.eq(Uid::from(id))).first(tx.db().0).optional()?;
        Ok(load(tx, row.into_iter().collect())?.pop())
    }

    fn list(tx: &mut dyn Reading, params: &ListPipelines) -> Result<Page<Self>, StoreError> {
        let request = kartoteka_domain::list::ListParameters::page(params);
        let build = || {
            let mut query = all!(tx, pipeline);
            if let Some(archived) = fragment::archived(request.archived, "pipeline.archived_at") {
                query = query.filter(archived);
            }
            if let Some(found) = params.q.as_deref().and_then(|q| fragment::search(&["pipeline.search_text"], q)) {
                query = query.filter(found);
            }
            query
        };
        let mut rows = page!(tx, PipelineRow, pipeline, request, ["position", "sort_key", "created_at"], build);
        let records = load(tx, rows.take())?;
        Ok(rows.into_page(records))
    }

    fn insert(tx: &mut WriteTx<'_>, new: &Self, event: Event) -> Result<(), StoreError> {
        let recorded = tx.record(event)?;
        let workspace = tx.workspace();
        row(workspace, new)?.insert(tx.db().0, &recorded)?;
        for (position, s) in (0_i64..).zip(&new.stages) {
            stage_row(workspace, new.id, position, s)?.insert(tx.db().0, &recorded)?;
        }
        Ok(())
    }

    fn update(tx: &mut WriteTx<'_>, before: &Self, after: &Self, event: Event) -> Result<(), StoreError> {
        let workspace = tx.workspace();
        let recorded = replace!(tx, row(workspace, after)?, before.version, event);
        for gone in after.removed(before) {
            remove(tx, gone.id, &recorded)?;
        }
        for (position, s) in (0_i64..).zip(&after.stages) {
            let now = stage_row(workspace, after.id, position, s)?;
            if before.stage(s.id).is_none() {
                now.insert(tx.db().0, &recorded)?;
            } else if before.place(s.id).and_then(|place| i64::try_from(place).ok()) != Some(position) || before.stage(s.id) != Some(s) {
                set_columns!(
                    tx.db().0,
                    &recorded,
                    stage,
                    workspace,
                    s.id.uuid(),
                    name = now.name,
                    position = position,
                    time_limit_seconds = now.time_limit_seconds,
                    profile = now.profile
                )?;
            }
        }
        Ok(())
    }
}

fn remove(tx: &mut WriteTx<'_>, id: StageId, recorded: &Recorded) -> Result<(), StoreError> {
    let (workspace, now) = (tx.workspace(), tx.now());
    set_columns!(tx.db().0, recorded, stage, workspace, id.uuid(), removed_at = Some(At(now)))?;
    Ok(())
}

/// The pipeline that takes deals which name none.
pub fn first(tx: &mut dyn Reading) -> Result<Option<Pipeline>, StoreError> {
    let row: Option<PipelineRow> =
        all!(tx, pipeline).filter(pipeline::archived_at.is_null()).order((pipeline::position, pipeline::id)).first(tx.db().0).optional()?;
    Ok(load(tx, row.into_iter().collect())?.pop())
}

/// One as it is and stays until the end of the transaction: a deal may come to it.
pub fn held(tx: &mut WriteTx<'_>, id: PipelineId) -> Result<Option<Pipeline>, StoreError> {
    tx.hold_pipeline(id)?;
    Pipeline::find(tx, id.uuid())
}

/// All of them, archived ones too, at most a thousand.
pub fn all(tx: &mut dyn Reading) -> Result<Vec<Pipeline>, StoreError> {
    let rows: Vec<PipelineRow> = all!(tx, pipeline).order(pipeline::id).limit(1000).load(tx.db().0)?;
    load(tx, rows)
}

/// Several by id.
pub fn find_many(tx: &mut dyn Reading, ids: &[Uuid]) -> Result<Vec<Pipeline>, StoreError> {
    let rows: Vec<PipelineRow> = all!(tx, pipeline).filter(fragment::one_of("pipeline.id", ids.iter().copied())).load(tx.db().0)?;
    load(tx, rows)
}

/// The pipeline a stage belongs to, removed or not.
pub fn of_stage(tx: &mut dyn Reading, id: StageId) -> Result<Option<PipelineId>, StoreError> {
    let found: Option<Uid> = all!(tx, stage).filter(stage::id.eq(Uid::from(id))).select(stage::pipeline_id).first(tx.db().0).optional()?;
    Ok(found.map(Into::into))
}

/// Names of stages, removed ones too.
pub(crate) fn stage_names(tx: &mut dyn Reading, ids: &[Uuid]) -> Result<HashMap<Uuid, String>, StoreError> {
    let rows: Vec<(Uid, String)> =
        all!(tx, stage).filter(fragment::one_of("stage.id", ids.iter().copied())).select((stage::id, stage::name)).load(tx.db().0)?;
    Ok(rows.into_iter().map(|(id, name)| (id.0, name)).collect())
}
