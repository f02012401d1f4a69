//! Batches over HTTP: many creations, changes and upserts in one request and one transaction, each as if it came alone.

use std::{collections::BTreeSet, marker::PhantomData};

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use futures_util::future::LocalBoxFuture;
use kartoteka_domain::{
    access::Verb,
    batch::{
        BatchKind, BatchOutcome, BatchParams, BatchResult, BatchStatus, CommunicationBatch, CompanyBatch, ContactBatch, DealBatch,
        LeadBatch, NoteBatch, RawBatch, RawOperation, Target, TaskBatch,
    },
    communication::Communication,
    company::Company,
    contact::{Contact, DuplicateChoice, Identity, OnDuplicate},
    deal::Deal,
    invalid::{FieldCode, FieldErrors},
    lead::Lead,
    note::Note,
    record::{Made, Warning},
    task::Task,
};
use kartoteka_persistence::{Reading, Stored, WriteTx, duplicate};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;

use crate::{
    answer::{Answer, Created, Outcome, Plain, Respond},
    can::{Can, UpdateCommunications, UpdateCompanies, UpdateContacts, UpdateDeals, UpdateLeads, UpdateNotes, UpdateTasks},
    communication, company, contact, crud, deal, lead, next_step,
    observe::Asker,
    problem::{Problem, ProblemCode, Result},
    record,
    request::{IfMatch, Params, Patch, parse, read, read_body},
    spec::{Describe, Shape},
    task,
};

/// The longest batch, bytes.
const MOST_BYTES: usize = 2 * 1_048_576;

/// A batch that could be read; `B` is how it is described.
pub struct Batch<B> {
    raw: RawBatch,
    asker: Asker,
    described: PhantomData<fn() -> B>,
}

impl<B: 'static> FromRequest for Batch<B> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self>>;
    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (req, mut payload) = (req.clone(), payload.take());
        Box::pin(async move {
            let bytes = read_body(&req, &mut payload, &["application/json"], MOST_BYTES).await?;
            let raw: RawBatch = parse(&bytes)?;
            Ok(Self { raw: raw.checked()?, asker: Asker::of(&req), described: PhantomData })
        })
    }
}
impl<B: ToSchema> Describe for Batch<B> {
    fn describe(shape: &mut Shape) {
        shape.body::<B>(&["application/json"]);
        shape.may_refuse(&[409]);
    }
}

/// How a record type takes an operation of a batch.
trait Batched: Made + Stored {
    /// Makes one.
    fn make_one(tx: &mut WriteTx<'_>, input: &Self::Input, on_duplicate: OnDuplicate) -> Result<Created<Self>>;
    /// Changes one.
    fn change_one(tx: &mut WriteTx<'_>, id: Uuid, patch: &Patch<Self::Input>, if_match: &IfMatch) -> Result<Self>;
    /// What there is for an integrator's own key; `None` where records have none.
    const KEYED: Option<Keyed<Self>> = None;
}

/// What record types with an external id can do.
struct Keyed<T: Made> {
    find: fn(&mut WriteTx<'_>, &str) -> Result<Option<T>>,
    upsert: Upsert<T>,
}

/// Makes or changes the record with a key.
type Upsert<T> = fn(&mut WriteTx<'_>, &str, &<T as Made>::Input, OnDuplicate) -> Result<Created<T>>;

macro_rules! batched {
    ($($record:ty: $create:expr, $update:path $(, keyed $find:expr, $upsert:path)?;)*) => { $(
        impl Batched for $record {
            fn make_one(tx: &mut WriteTx<'_>, input: &Self::Input, on_duplicate: OnDuplicate) -> Result<Created<Self>> {
                let create: fn(&mut WriteTx<'_>, &Self::Input, OnDuplicate) -> Result<Created<Self>> = $create;
                create(tx, input, on_duplicate)
            }
            fn change_one(tx: &mut WriteTx<'_>, id: Uuid, patch: &Patch<Self::Input>, if_match: &IfMatch) -> Result<Self> {
                $update(tx, id, patch, if_match).map(|found| found.0)
            }
            $(const KEYED: Option<Keyed<Self>> = Some(Keyed { find: $find, upsert: $upsert });)?
        }
    )* };
}
batched! {
    Contact: contact::create, contact::update,
        keyed |tx, key| Ok(kartoteka_persistence::contact::find_by_external_id(tx, key)?), contact::upsert;
    Company: company::create, company::update,
        keyed |tx, key| Ok(kartoteka_persistence::company::find_by_external_id(tx, key)?), company::upsert;
    Lead: |tx, input, _| lead::create(tx, input), lead::update;
    Deal: |tx, input, _| deal::create(tx, input), deal::update;
    Task: |tx, input, _| task::create(tx, input), task::update;
    Communication: |tx, input, _| communication::create(tx, input), communication::update;
    Note: |tx, input, _| crud::create(tx, input), crud::update;
}

/// What a batch was asked for beside its body.
trait Choice {
    fn dry_run(&self) -> bool;
    fn on_duplicate(&self) -> OnDuplicate {
        OnDuplicate::Reject
    }
}
impl Choice for BatchParams {
    fn dry_run(&self) -> bool {
        self.dry_run.unwrap_or_default()
    }
}
impl Choice for DuplicateChoice {
    fn dry_run(&self) -> bool {
        self.dry_run.unwrap_or_default()
    }
    fn on_duplicate(&self) -> OnDuplicate {
        self.on_duplicate.unwrap_or(OnDuplicate::Reject)
    }
}

/// What came of a batch.
pub struct Results(BatchOutcome);

impl Respond for Results {
    fn outcome(&self) -> Result<Outcome> {
        Plain(self.0.clone()).outcome()
    }
    fn describe(shape: &mut Shape) {
        shape.answer::<BatchOutcome>(200, "What came of each operation; of a dry run what would have.");
    }
}

macro_rules! batches {
    ($($handler:ident $path:literal $tag:literal $record:ident as $batch:ident by $right:ident, $choice:ident, $summary:literal;)*) => { $(
        #[utoipa::path(post, path = $path, tag = $tag, summary = $summary, description = "Up to 500 operations in one transaction, in their order; each gets the result it would have got \
            alone, and one that is refused leaves the others. What does not fit this description, in any of them, refuses the request as ever. Takes the right to change; what creates takes the right to create, too. With `atomic` one that is refused or a duplicate refuses all: 422 `batch_rejected` with the same `results`, and nothing is written.")]
        pub async fn $handler(can: Can<$right>, choice: Params<$choice>, batch: Batch<$batch>) -> Answer<Results> {
            let (dry_run, on_duplicate) = (choice.dry_run(), choice.on_duplicate());
            let (atomic, operations) = (batch.raw.atomic == Some(true), operations::<$record>(batch.raw.operations)?);
            let work = move |tx: &mut WriteTx<'_>| {
                let outcome = run(tx, &operations, &batch.asker, on_duplicate, dry_run)?;
                finish(outcome, atomic).map(Results)
            };
            if dry_run { can.rehearse(work).await } else { can.write(work).await }
        }
    )* };
}
batches! {
    batch_contacts "/v1/contacts/batch" "contacts" Contact as ContactBatch by UpdateContacts, DuplicateChoice, "Create, change or upsert several contacts";
    batch_companies "/v1/companies/batch" "companies" Company as CompanyBatch by UpdateCompanies, DuplicateChoice, "Create, change or upsert several companies";
    batch_leads "/v1/leads/batch" "leads" Lead as LeadBatch by UpdateLeads, BatchParams, "Create or change several leads";
    batch_deals "/v1/deals/batch" "deals" Deal as DealBatch by UpdateDeals, BatchParams, "Create or change several deals";
    batch_tasks "/v1/tasks/batch" "tasks" Task as TaskBatch by UpdateTasks, BatchParams, "Create or change several tasks";
    batch_communications "/v1/communications/batch" "communications" Communication as CommunicationBatch by UpdateCommunications, BatchParams, "Record or change several communications";
    batch_notes "/v1/notes/batch" "notes" Note as NoteBatch by UpdateNotes, BatchParams, "Write or change several notes";
}

/// One operation that fits its description.
struct Operation<T: Made> {
    raw: RawOperation,
    patch: Patch<T::Input>,
    input: T::Input,
}

impl<T: Batched> Operation<T> {
    fn read(value: &Value) -> Result<Self> {
        let raw: RawOperation = read(value)?;
        if T::KEYED.is_none() && raw.external_id.is_some() {
            return Err(Problem::unreadable(ProblemCode::UnknownField, "/external_id", FieldCode::UnknownField));
        }
        let raw = raw.checked()?;
        let inside = |problem: Problem| problem.inside("/record");
        let patch = Patch::of(raw.record.clone()).map_err(inside)?;
        let input: T::Input = patch.alone().map_err(inside)?;
        let mut errors = FieldErrors::default();
        errors.absorb(input.validate());
        errors.finish().map_err(|errors| inside(errors.into()))?;
        Ok(Self { raw, patch, input })
    }
}

/// The most faults of a batch that are told at once.
const MOST_FAULTS: usize = 100;

/// All operations, or what does not fit the description: a mistake in the asking program, not in one of its rows.
fn operations<T: Batched>(values: Vec<Value>) -> Result<Vec<Operation<T>>> {
    let (mut all, mut faults) = (Vec::with_capacity(values.len()), FieldErrors::default());
    for (number, value) in values.iter().enumerate() {
        match Operation::read(value) {
            Ok(operation) => all.push(operation),
            Err(problem) if problem.code == ProblemCode::ValidationFailed => {
                faults.0.extend(problem.inside(&format!("/operations/{number}")).errors);
            }
            Err(problem) => return Err(problem.inside(&format!("/operations/{number}"))),
        }
        if faults.0.len() >= MOST_FAULTS {
            break;
        }
    }
    faults.finish()?;
    Ok(all)
}

/// What one operation did.
struct Did {
    status: BatchStatus,
    id: Uuid,
    version: i64,
    warnings: Vec<Warning>,
}

fn run<T: Batched>(
    tx: &mut WriteTx<'_>,
    operations: &[Operation<T>],
    asker: &Asker,
    on_duplicate: OnDuplicate,
    dry_run: bool,
) -> Result<BatchOutcome> {
    // two that touch the same records in different orders would wait for each other for ever: batches come one after the other
    duplicate::lock(tx, &[Identity { kind: "batch", value: String::new() }])?;
    let mut results = Vec::with_capacity(operations.len());
    for operation in operations {
        let name = operation.raw.name.clone();
        results.push(match tx.attempt(|tx| one(tx, operation, on_duplicate)) {
            Ok(Did { status, id, version, warnings }) => {
                BatchResult { name, status, id: Some(id), version: Some(version), problem: None, warnings }
            }
            // ours, or another transaction's: nothing the operation could be told, and the rest would meet it, too
            Err(problem) if problem.transient || problem.code.status() >= 500 => return Err(problem),
            Err(problem) => {
                let duplicate = problem.code == ProblemCode::DuplicateFound;
                let id = problem.extra.get("existing_id").and_then(Value::as_str).and_then(|id| Uuid::try_parse(id).ok());
                BatchResult {
                    name,
                    status: if duplicate { BatchStatus::Duplicate } else { BatchStatus::Rejected },
                    id: id.filter(|_| duplicate),
                    version: None,
                    problem: Some(problem.document(asker.locale, &asker.request_id)),
                    warnings: Vec::new(),
                }
            }
        });
    }
    Ok(BatchOutcome::of(dry_run, results))
}

/// What is answered: where all or nothing was asked for, nothing unless all.
fn finish(mut outcome: BatchOutcome, atomic: bool) -> Result<BatchOutcome> {
    let refused = atomic && outcome.has_failed();
    if outcome.dry_run || refused {
        // what would be new is nowhere
        let is_new = |result: &&BatchResult| result.status == BatchStatus::Created;
        let nowhere: BTreeSet<Uuid> = outcome.results.iter().filter(is_new).filter_map(|result| result.id).collect();
        for result in &mut outcome.results {
            result.id = result.id.filter(|id| !nowhere.contains(id));
            if let Some(problem) = result.problem.as_mut().and_then(Value::as_object_mut) {
                let is_nowhere = |id: Option<&Value>| {
                    id.and_then(Value::as_str).and_then(|id| Uuid::try_parse(id).ok()).is_some_and(|id| nowhere.contains(&id))
                };
                if is_nowhere(problem.get("existing_id")) {
                    problem.remove("existing_id");
                }
                if let Some(candidates) = problem.get_mut("candidates").and_then(Value::as_array_mut) {
                    candidates.retain(|candidate| !is_nowhere(candidate.get("id")));
                }
            }
        }
    }
    if refused {
        return Err(Problem::new(ProblemCode::BatchRejected).with("results", outcome.results));
    }
    Ok(outcome)
}

/// One operation by its own right, with the next steps of what it touched settled.
fn one<T: Batched>(tx: &mut WriteTx<'_>, operation: &Operation<T>, on_duplicate: OnDuplicate) -> Result<Did> {
    let target = operation.raw.target(T::KEYED.is_some())?;
    let verb = if operation.raw.kind == BatchKind::Create { Verb::Create } else { Verb::Update };
    let scope = tx.scope().to(T::TYPE, verb)?;
    tx.acting(&scope, |tx| {
        let done = apply(tx, operation, target, on_duplicate)?;
        let mut warnings = done.record.warned().to_vec();
        warnings.extend(next_step::settle(tx)?);
        let status = match (done.fresh, tx.events()) {
            (true, _) => BatchStatus::Created,
            (false, 0) => BatchStatus::Unchanged,
            (false, _) => BatchStatus::Updated,
        };
        Ok(Did { status, id: done.record.uuid(), version: done.record.version(), warnings })
    })
}

fn apply<T: Batched>(tx: &mut WriteTx<'_>, operation: &Operation<T>, target: Target, on_duplicate: OnDuplicate) -> Result<Created<T>> {
    let if_match = operation.raw.version.map_or_else(IfMatch::none, IfMatch::just);
    let change =
        |tx: &mut WriteTx<'_>, id| T::change_one(tx, id, &operation.patch, &if_match).map(|record| Created { record, fresh: false });
    match (target, T::KEYED) {
        (Target::New, _) => T::make_one(tx, &operation.input, on_duplicate),
        (Target::Id(id), _) => change(tx, id),
        (Target::External(key), Some(keyed)) => {
            let found = (keyed.find)(tx, &key)?.ok_or_else(Problem::not_found)?;
            record::refuse_hidden(tx, &found, std::iter::once("external_id"))?;
            change(tx, found.uuid())
        }
        (Target::Either(key), Some(keyed)) => (keyed.upsert)(tx, &key, &operation.input, on_duplicate),
        (Target::External(_) | Target::Either(_), None) => Err(Problem::internal("a key where records have none")),
    }
}
