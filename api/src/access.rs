//! Why somebody sees something: the answer of the real read, with the steps that led to it; and what somebody with a role would.

use std::sync::Arc;

use kartoteka_domain::{
    access::{
        Actor, FieldAccess, RecordType, Verb,
        explain::{ExplainParams, Explanation, Facts, PreviewParams, RolePreview, explain},
    },
    actor::{ActorRef, ActorType},
    department::{self, Department},
    id::{DepartmentId, UserId, WorkspaceId},
    invalid::FieldCode,
    record::Record,
    role::{Role, is_own},
    user::User,
};
use kartoteka_persistence::{Reading, Stored, department as departments, user};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    answer::{Answer, Reply, Sought},
    app::App,
    can::{Can, ReadRoles, UpdateRoles},
    conceal,
    problem::{Problem, ProblemCode, Result},
    record,
    request::{At, Params},
    role,
};

/// Explain access
///
/// Whether a person sees a record or a field of it, and the way to that answer: role, reach, departments, field rule. Everybody may ask
/// for himself, for others who may change roles.
#[utoipa::path(get, path = "/v1/access/explain", tag = "access")]
pub async fn get_access_explanation(can: Can<ReadRoles>, params: Params<ExplainParams>) -> Answer<Sought<Explanation>> {
    let app = can.app().clone();
    let record = params.0.record_type.ok_or_else(|| Problem::parameter("record_type", FieldCode::Required))?;
    if let Some(field) =
        params.0.field.as_deref().filter(|field| !kartoteka_domain::role::fields_of(record).iter().any(|known| known == field))
    {
        return Err(Problem::parameter("field", FieldCode::ReferenceNotFound).given(field));
    }
    let asked = params.0.user_id;
    let asker = can.scope().actor().clone();
    let (workspace, person, rights, actor) = can
        .look(move |tx| {
            let own = tx.scope().actor().user();
            let id = asked.or(own).ok_or_else(|| Problem::parameter("user_id", FieldCode::Required))?;
            if Some(id) != own && !tx.scope().may(RecordType::Role, Verb::Update) {
                return Err(Problem::new(ProblemCode::Forbidden));
            }
            let person = User::find(tx, id.uuid())?.ok_or_else(Problem::not_found)?;
            let rights = role::rights(tx, &person.role)?;
            let colleagues = colleagues(tx, &person)?;
            let who = ActorRef { kind: ActorType::User, id: Some(person.uuid()), name: person.name.clone() };
            let actor = Actor::verified(tx.workspace(), who, Some(person.id), Arc::new(rights.clone()), colleagues.into());
            Ok((tx.workspace(), person, rights, Arc::new(actor)))
        })
        .await?;
    let mut facts = Facts { active: person.active, department: person.department_id, ..Facts::default() };
    if let Some(id) = params.0.record_id {
        let (told, found) = seen_by(&app, workspace, &actor, record, id.uuid(), facts).await?;
        // of a card out of his sight nobody learns that it is there, nor whose a card is where that is hidden from him
        let for_himself = !can.scope().may(RecordType::Role, Verb::Update);
        let untold = for_himself && !found || asker.role().fields.hides(record, "owner_id");
        facts = if untold { Facts { own: told.own && found, owner: None, owner_departments: Vec::new(), ..told } } else { told };
    }
    Reply::of(&Sought(explain(&rights, record, params.0.field.as_deref(), &facts)))
}

/// Preview a role
///
/// The record as somebody with this role would be answered it: a person (`user_id`), or somebody of a department who is responsible for
/// nothing. For those who may change roles; nothing is shown that the asker does not see himself.
#[utoipa::path(get, path = "/v1/roles/{id}/preview", tag = "roles")]
pub async fn get_role_preview(can: Can<UpdateRoles>, at: At<Role>, params: Params<PreviewParams>) -> Answer<Sought<RolePreview>> {
    let app = can.app().clone();
    let PreviewParams { record_type, record_id, user_id, department_id } = params.0;
    let (workspace, rights, record, mut object, own, actor, facts) = can
        .look(move |tx| {
            let role: Role = record::get(tx, at.0)?;
            let record = record_type.ok_or_else(|| Problem::parameter("record_type", FieldCode::Required))?;
            let id = record_id.ok_or_else(|| Problem::parameter("record_id", FieldCode::Required))?;
            role::check_over(tx, &role.key)?;
            if !tx.scope().may(record, Verb::Read) {
                return Err(Problem::new(ProblemCode::Forbidden));
            }
            let object = read(tx, record, id.uuid())?.ok_or_else(Problem::not_found)?;
            let own = is_own(tx.scope().actor().user(), &object);
            let (user, department, colleagues) = match (user_id, department_id) {
                (Some(_), Some(_)) => return Err(Problem::parameter("department_id", FieldCode::ConflictingFields)),
                (Some(user), None) => {
                    let person: User = record::get(tx, user.uuid())?;
                    (Some(person.id), person.department_id, colleagues(tx, &person)?)
                }
                (None, Some(department)) => {
                    let found: Department = record::get(tx, department.uuid())?;
                    (None, Some(found.id), people_under(tx, found.id)?)
                }
                (None, None) => (None, None, Vec::new()),
            };
            let rights = Arc::new(role.compiled());
            let who = ActorRef { kind: ActorType::User, id: user.map(kartoteka_domain::id::Id::uuid), name: role.name };
            let actor = Arc::new(Actor::verified(tx.workspace(), who, user, Arc::clone(&rights), colleagues.into()));
            let facts = Facts { active: true, department, ..Facts::default() };
            Ok((tx.workspace(), rights, (record, id.uuid()), object, own, actor, facts))
        })
        .await?;
    let (record, id) = record;
    let (facts, found) = seen_by(&app, workspace, &actor, record, id, facts).await?;
    let told = explain(&rights, record, None, &facts);
    let mut preview = RolePreview { allowed: told.allowed, record: Value::Null, access: FieldAccess::default(), steps: told.steps };
    if found {
        let rules = rights.fields.stricter(facts.own, &can.scope().actor().role().fields, own);
        conceal::one(record, &mut object, &rules);
        if let Some(access) = object.get("access").and_then(|access| serde_json::from_value(access.clone()).ok()) {
            preview.access = access;
        }
        preview.record = Value::Object(object);
    }
    Reply::of(&Sought(preview))
}

/// Whether somebody finds a record by the very read that his own request would make, and what explains it.
async fn seen_by(
    app: &App,
    workspace: WorkspaceId,
    actor: &Arc<Actor>,
    record: RecordType,
    id: Uuid,
    facts: Facts,
) -> Result<(Facts, bool)> {
    let found = match actor.authorize(record, Verb::Read) {
        Ok(scope) => app.store.read(scope, move |tx| Ok::<_, Problem>(read(tx, record, id)?.is_some())).await?,
        Err(_) => false,
    };
    let person = actor.user();
    let (owner, own, path) = app
        .store
        .read(crate::credential::lookup_scope(workspace), move |tx| {
            let object = read(tx, record, id)?.unwrap_or_default();
            let owner = object.get("owner_id").and_then(|id| id.as_str()).and_then(|id| Uuid::parse_str(id).ok()).map(UserId::new);
            Ok::<_, Problem>((owner, is_own(person, &object), upwards(tx, owner)?))
        })
        .await?;
    Ok((Facts { found: Some(found), owner, own, owner_departments: path, ..facts }, found))
}

/// The people of somebody's department and of those below it; himself alone without one.
pub fn colleagues(tx: &mut dyn Reading, person: &User) -> Result<Vec<UserId>> {
    Ok(match person.department_id {
        Some(root) => people_under(tx, root)?,
        None => vec![person.id],
    })
}

/// The people of a department and of those below it.
fn people_under(tx: &mut dyn Reading, root: DepartmentId) -> Result<Vec<UserId>> {
    let tree = departments::tree(tx)?;
    Ok(user::of_departments(tx, &department::subtree(root, &tree))?)
}

/// The departments above somebody, his own first.
fn upwards(tx: &mut dyn Reading, person: Option<UserId>) -> Result<Vec<DepartmentId>> {
    let Some(person) = person.map(|id| User::find(tx, id.uuid())).transpose()?.flatten() else { return Ok(Vec::new()) };
    let tree = departments::tree(tx)?;
    let mut path: Vec<DepartmentId> = person.department_id.into_iter().collect();
    while let Some(parent) = path.last().and_then(|last| tree.iter().find(|(id, _)| id == last)).and_then(|(_, parent)| *parent) {
        if path.contains(&parent) {
            break;
        }
        path.push(parent);
    }
    Ok(path)
}

type Object = serde_json::Map<String, Value>;

fn read(tx: &mut dyn Reading, record: RecordType, id: Uuid) -> Result<Option<Object>> {
    fn one<T: Stored>(tx: &mut dyn Reading, id: Uuid) -> Result<Option<Object>> {
        Ok(T::find(tx, id)?.and_then(|record| serde_json::to_value(record).ok()?.as_object().cloned()))
    }
    use kartoteka_domain as d;
    match record {
        RecordType::Contact => one::<d::contact::Contact>(tx, id),
        RecordType::Company => one::<d::company::Company>(tx, id),
        RecordType::Lead => one::<d::lead::Lead>(tx, id),
        RecordType::Deal => one::<d::deal::Deal>(tx, id),
        RecordType::Pipeline => one::<d::pipeline::Pipeline>(tx, id),
        RecordType::LostReason => one::<d::catalogue::LostReason>(tx, id),
        RecordType::Task => one::<d::task::Task>(tx, id),
        RecordType::Communication => one::<d::communication::Communication>(tx, id),
        RecordType::CommunicationOutcome => one::<d::communication::outcome::CommunicationOutcome>(tx, id),
        RecordType::Note => one::<d::note::Note>(tx, id),
        RecordType::Form => one::<d::form::Form>(tx, id),
        RecordType::Submission => one::<d::submission::Submission>(tx, id),
        RecordType::User => one::<User>(tx, id),
        RecordType::Department => one::<d::department::Department>(tx, id),
        RecordType::Role => one::<d::role::Role>(tx, id),
        RecordType::ApiKey => one::<d::api_key::ApiKey>(tx, id),
        RecordType::Source => one::<d::catalogue::Source>(tx, id),
        RecordType::ContactStatus => one::<d::catalogue::ContactStatus>(tx, id),
        RecordType::RejectReason => one::<d::catalogue::RejectReason>(tx, id),
        RecordType::Webhook => one::<d::webhook::Webhook>(tx, id),
        RecordType::Tag => one::<d::catalogue::Tag>(tx, id),
        RecordType::AssignmentRule => one::<d::assignment::rule::AssignmentRule>(tx, id),
        // not read by id: there is none to be found
        RecordType::Workspace
        | RecordType::Session
        | RecordType::DuplicateCandidate
        | RecordType::AuditEvent
        | RecordType::Position
        | RecordType::Recording => Ok(None),
    }
}
