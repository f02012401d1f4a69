//! The first workspace and its administrator, with the choice lists a business begins with.

use kartoteka_domain::{
    access::{RoleKey, Scope},
    actor::ActorRef,
    catalogue::{ContactStatus, LostReason, NewContactStatus, NewLostReason, NewRejectReason, NewSource, RejectReason, Source},
    communication::{
        Channel,
        outcome::{CommunicationOutcome, CommunicationRequirement, NewCommunicationOutcome, OutcomeStep},
    },
    event::Event,
    id::WorkspaceId,
    invalid::FieldErrors,
    pipeline::{NewPipeline, Pipeline},
    record::{Birth, Made, Making},
    user::{NewUser, User},
    workspace::{NewWorkspace, Workspace},
};
use kartoteka_persistence::{Store, WriteTx, workspace};
use validator::Validate;

use crate::{
    clock,
    credential::hash_password,
    problem::{Problem, Result},
    record, user,
};

/// What is set up.
pub struct Plan {
    /// The workspace.
    pub workspace: NewWorkspace,
    /// The administrator's e-mail; the slug is put in by `{slug}`.
    pub email: String,
    /// His name.
    pub name: String,
    /// His password.
    pub password: String,
}

/// What was set up.
#[derive(Clone)]
pub struct Installed {
    /// The workspace.
    pub workspace: Workspace,
    /// The administrator.
    pub administrator: User,
}

/// Makes a workspace in one transaction.
pub fn install(store: &Store, plan: &Plan) -> Result<Installed> {
    let hash = hash_password(&plan.password)?;
    let birth = Birth { id: clock::fresh_id(), at: clock::now(), by: ActorRef::system() };
    let making = Making { birth: &birth, workspace: None, fresh_id: &clock::fresh_id, asker: None };
    let mut errors = FieldErrors::default();
    errors.absorb(plan.workspace.validate());
    errors.finish()?;
    let made = Workspace::make(&plan.workspace, None, &making).map_err(Problem::from)?;
    let scope = Scope::of_the_server(WorkspaceId::new(birth.id), ActorRef::system());
    let input = NewUser {
        email: Some(plan.email.replace("{slug}", &made.slug)),
        name: Some(plan.name.clone()),
        role: Some(RoleKey::Administrator.word().to_owned()),
        password: Some(plan.password.clone()),
        ..NewUser::default()
    };
    store.write_now(scope, clock::own_circumstances(), move |tx| {
        workspace::insert(tx, &made, Event::created(&made))?;
        lists(tx, made.languages.first().map_or("en", String::as_str))?;
        crate::role::install(tx, made.languages.first().map_or("en", String::as_str))?;
        let administrator = user::create(tx, &input, Some(&hash))?;
        Ok(Installed { workspace: made.clone(), administrator })
    })
}

/// The choice lists a business begins with, in its language.
fn lists(tx: &mut WriteTx<'_>, language: &str) -> Result<()> {
    let pick = |[en, ru, uk]: [&str; 3]| match language {
        "ru" => ru.to_owned(),
        "uk" => uk.to_owned(),
        _ => en.to_owned(),
    };
    let statuses = [
        ("new", ["New", "Новый", "Новий"]),
        ("active", ["Active", "Активный", "Активний"]),
        ("regular", ["Regular", "Постоянный", "Постійний"]),
        ("sleeping", ["Sleeping", "Спящий", "Сплячий"]),
        ("lost", ["Lost", "Потерян", "Втрачений"]),
    ];
    for (position, (key, names)) in (1_i64..).zip(statuses) {
        let new = NewContactStatus { key: Some(key.into()), name: Some(pick(names)), position: Some(position), color: None };
        record::create::<ContactStatus>(tx, &new)?;
    }
    let sources = [
        ("site", ["Website", "Сайт", "Сайт"]),
        ("call", ["Phone call", "Звонок", "Дзвінок"]),
        ("referral", ["Recommendation", "Рекомендация", "Рекомендація"]),
        ("advertising", ["Advertising", "Реклама", "Реклама"]),
        ("social", ["Social networks", "Соцсети", "Соцмережі"]),
    ];
    for (position, (key, names)) in (1_i64..).zip(sources) {
        let new = NewSource { key: Some(key.into()), name: Some(pick(names)), position: Some(position), color: None };
        record::create::<Source>(tx, &new)?;
    }
    let reasons = [
        ("spam", ["Spam", "Спам", "Спам"]),
        ("no_answer", ["Cannot be reached", "Не удалось связаться", "Не вдалося зв'язатися"]),
        ("not_ours", ["Not what we do", "Не наш профиль", "Не наш профіль"]),
        ("price", ["Too expensive", "Дорого", "Дорого"]),
        ("competitor", ["Chose another company", "Выбрал другую компанию", "Обрав іншу компанію"]),
    ];
    for (position, (key, names)) in (1_i64..).zip(reasons) {
        let new = NewRejectReason { key: Some(key.into()), name: Some(pick(names)), position: Some(position), color: None };
        record::create::<RejectReason>(tx, &new)?;
    }
    outcomes(tx, language)?;
    sales(tx, language)
}

/// What may come of a communication, to begin with.
fn outcomes(tx: &mut WriteTx<'_>, language: &str) -> Result<()> {
    let pick = |[en, ru, uk]: [&str; 3]| match language {
        "ru" => ru.to_owned(),
        "uk" => uk.to_owned(),
        _ => en.to_owned(),
    };
    let talks =
        || Some(vec![Channel::Call, Channel::Meeting, Channel::Email, Channel::Sms, Channel::Chat, Channel::Social, Channel::Other]);
    let call_back = |title, due_in_seconds| NewCommunicationOutcome {
        next_step: Some(OutcomeStep::Task),
        task_title: Some(pick(title)),
        task_kind: Some("call".into()),
        due_in_seconds: Some(due_in_seconds),
        ..NewCommunicationOutcome::default()
    };
    let entries = [
        (["Interested", "Заинтересован", "Зацікавлений"], NewCommunicationOutcome::default()),
        (
            ["Meeting planned", "Назначена встреча", "Призначено зустріч"],
            NewCommunicationOutcome { channels: talks(), next_step: Some(OutcomeStep::Meeting), ..NewCommunicationOutcome::default() },
        ),
        (
            ["To be called back", "Просил перезвонить", "Просив передзвонити"],
            NewCommunicationOutcome {
                channels: talks(), ..call_back(["Call back", "Перезвонить", "Передзвонити"], 24 * 3600)
            },
        ),
        (
            ["No answer", "Не ответил", "Не відповів"],
            NewCommunicationOutcome {
                channels: Some(vec![Channel::Call]),
                ..call_back(["Call again", "Позвонить ещё раз", "Зателефонувати ще раз"], 2 * 3600)
            },
        ),
        (
            ["Refused", "Отказ", "Відмова"],
            NewCommunicationOutcome { required_fields: Some(vec![CommunicationRequirement::Body]), ..NewCommunicationOutcome::default() },
        ),
        (
            ["Wrong number", "Неверный номер", "Хибний номер"],
            NewCommunicationOutcome { channels: Some(vec![Channel::Call, Channel::Sms]), ..NewCommunicationOutcome::default() },
        ),
    ];
    for (position, (names, entry)) in (1_i64..).zip(entries) {
        let new = NewCommunicationOutcome { name: Some(pick(names)), position: Some(10 * position), ..entry };
        record::create::<CommunicationOutcome>(tx, &new)?;
    }
    Ok(())
}

/// What sales begin with: a pipeline, and why deals are lost.
pub fn sales(tx: &mut WriteTx<'_>, language: &str) -> Result<()> {
    let pick = |[en, ru, uk]: [&str; 3]| match language {
        "ru" => ru.to_owned(),
        "uk" => uk.to_owned(),
        _ => en.to_owned(),
    };
    let reasons = [
        ("price", ["Too expensive", "Дорого", "Дорого"]),
        ("competitor", ["Chose another company", "Выбрал другую компанию", "Обрав іншу компанію"]),
        ("no_need", ["Needs it no more", "Больше не нужно", "Більше не потрібно"]),
        ("no_budget", ["No budget", "Нет бюджета", "Немає бюджету"]),
        ("silent", ["Does not answer", "Не выходит на связь", "Не виходить на зв'язок"]),
    ];
    for (position, (key, names)) in (1_i64..).zip(reasons) {
        let new = NewLostReason { key: Some(key.into()), name: Some(pick(names)), position: Some(position), color: None };
        record::create::<LostReason>(tx, &new)?;
    }
    let pipeline = NewPipeline { name: Some(pick(["Sales", "Продажи", "Продажі"])), ..NewPipeline::default() };
    record::create::<Pipeline>(tx, &pipeline)?;
    Ok(())
}
