//! Recurring tasks over HTTP: when they come round, and the next one in the transaction that ends this one.

use kartoteka_domain::{
    access::RecordType,
    event::Event,
    list::{Parameter, ParameterType, Parameters},
    record::Record,
    recurrence::Ahead,
    task::{Task, repeat::TaskOccurrences},
};
use kartoteka_persistence::{Reading, Stored, WriteTx, task as store, workspace};
use serde::Deserialize;

use super::refresh;
use crate::{
    answer::{Answer, Sought},
    can::{Can, ReadTasks},
    conceal,
    problem::Result,
    record,
    request::{At, Params},
};

/// How many times to show.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OccurrenceParams {
    /// How many, 1 to 100.
    #[serde(default)]
    pub limit: Option<Ahead>,
}
impl Parameters for OccurrenceParams {
    fn parameters() -> Vec<Parameter> {
        vec![Parameter {
            name: "limit",
            description: "How many times are shown, 1 to 100; 10 when absent.",
            required: false,
            longest: Ahead::LONGEST,
            schema: Ahead::schema(),
            dependencies: Ahead::dependencies,
        }]
    }
}

/// Get when a task comes round
///
/// Its due time and those its rule makes after it, in UTC; only the next of them is made a task, when this one ends.
#[utoipa::path(get, path = "/v1/tasks/{id}/occurrences", tag = "tasks")]
pub async fn get_task_occurrences(can: Can<ReadTasks>, at: At<Task>, params: Params<OccurrenceParams>) -> Answer<Sought<TaskOccurrences>> {
    let most = params.limit.unwrap_or_default().get();
    can.read(move |tx| {
        let task: Task = record::get(tx, at.0)?;
        // whoever may not see the rule or the due time does not see what follows from them
        let seen = conceal::seen(tx.scope().actor(), &task)?;
        Ok(Sought(TaskOccurrences { occurrences: seen.occurrences(most) }))
    })
    .await
}

/// The next task of a series whose task just ended; none when it has an open one, or its rule has come to its end.
pub fn go_on(tx: &mut WriteTx<'_>, ended: &Task) -> Result<Option<Task>> {
    let Some(series) = ended.series_id else { return Ok(None) };
    // one after the other: two that end at once must not both go on
    tx.hold(RecordType::Task, series.uuid())?;
    let Some(input) = ended.next_occurrence(tx.now()) else { return Ok(None) };
    if store::goes_on(tx, series, ended.uuid())? {
        return Ok(None);
    }
    let settings = workspace::current(tx)?;
    let planned: Task = record::plan(tx, &settings, &input)?;
    let next = planned.in_the_series_of(ended);
    Task::insert(tx, &next, Event::created(&next))?;
    refresh(tx, &next)?;
    Ok(Some(next))
}
