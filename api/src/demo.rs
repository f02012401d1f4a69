//! A workspace with believable people, a form and enquiries in three languages, to try everything on.

use chrono::SubsecRound;
use kartoteka_domain::{
    access::{RecordType, RoleKey, Scope},
    actor::ActorRef,
    api_key::NewApiKey,
    assignment::{
        AssignRoundRobin, Assignment,
        rule::{AssignmentMethod, AssignmentRule, NewAssignmentRule},
    },
    communication::{
        Channel, CommunicationStatus, Coordinates, Direction, NewCommunication, NextMeeting,
        outcome::{CommunicationOutcome, ListCommunicationOutcomes, OutcomeStep},
    },
    company::NewCompany,
    contact::{Contact, EmailInput, ListContacts, NewContact, OnDuplicate, PhoneInput},
    deal::{DealContact, LineItemInput, NewDeal},
    department::{Department, NewDepartment},
    event::Action,
    form::{FormField, FormFieldKind, NewForm},
    id::UserId,
    journal::EventType,
    note::{NewNote, Note},
    notification::NotificationKind,
    position::{Fix, PositionConsent, PositionsTaken},
    record::Record,
    recording::SoundType,
    submission::Posted,
    task::NewTask,
    user::{NewUser, User},
    webhook::NewWebhook,
    workspace::NewWorkspace,
};
use std::sync::Arc;

use kartoteka_persistence::{Store, WriteTx, position as positions};
use serde_json::{Value, json};

use crate::{
    api_key, clock, communication, company, contact,
    credential::{Vault, hash_password, secret},
    deal, form,
    notification::{self, Facts, Notice},
    problem::Result,
    record,
    setup::{Plan, install},
    submission::{self, Incoming, Verdict},
    task, user, webhook,
};

/// What the demo prints.
pub fn fill(store: &Store, vault: Arc<Vault>) -> Result<Value> {
    let password: String = secret().chars().filter(char::is_ascii_alphanumeric).take(16).collect();
    let plan = Plan {
        workspace: NewWorkspace { name: Some("Demo".into()), country: Some("RU".into()), ..NewWorkspace::default() },
        email: "administrator@{slug}.example".into(),
        name: "Ольга Смирнова".into(),
        password: password.clone(),
    };
    let installed = install(store, &plan)?;
    let hash = hash_password(&password)?;
    let scope = Scope::of_the_server(installed.workspace.id, ActorRef::system());
    let (slug, administrator) = (installed.workspace.slug.clone(), installed.administrator.email.clone());
    let (people, key, form_key) = store.write_now(scope, clock::own_circumstances(), move |tx| {
        tell_outside(tx, &vault)?;
        populate(tx, &slug, &administrator, &password, &hash)
    })?;
    Ok(json!({
        "workspace": installed.workspace.slug,
        "workspace_id": installed.workspace.id,
        "users": people,
        "api_key": key,
        "form_key": form_key,
    }))
}

/// A webhook to look at, switched off: nobody is at its address.
fn tell_outside(tx: &mut WriteTx<'_>, vault: &Vault) -> Result<()> {
    let hook = NewWebhook {
        name: Some("Склад: выигранные сделки".into()),
        url: Some("https://hooks.example/kartoteka".into()),
        event_types: Some(vec![EventType { record: RecordType::Deal, action: Some(Action::StageChanged) }]),
        active: Some(false),
        ..NewWebhook::default()
    };
    let made = webhook::create(tx, vault, &[], &hook)?;
    webhook::test(tx, made.uuid())?;
    Ok(())
}

/// Half a second of a tone, as a recording: 8,000 samples a second of 8 bits (WAV).
fn tone() -> Vec<u8> {
    let samples: Vec<u8> = (0..4000_u16).map(|n| if n / 9 % 2 == 0 { 160 } else { 96 }).collect();
    let header = b"RIFF\xc4\x0f\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data\xa0\x0f\0\0";
    [header.as_slice(), &samples].concat()
}

/// Somebody consents to his positions being kept, and his phone sends some.
fn walk_to_work(tx: &mut WriteTx<'_>, person: UserId) -> Result<()> {
    let now = tx.now();
    let given_at = now - chrono::Duration::hours(1);
    positions::set_consent(tx, person, &PositionConsent { given: true, given_at: Some(given_at), withdrawn_at: None })?;
    let walk = [(0, 55.7601, 37.6186), (5, 55.7580, 37.6176), (10, 55.7558, 37.6173)].map(|(minutes, latitude, longitude)| Fix {
        at: given_at.trunc_subsecs(0) + chrono::Duration::minutes(minutes + 1),
        coordinates: Coordinates { latitude, longitude },
        accuracy_m: Some(12.5),
    });
    let taken = PositionsTaken { kept: 3, ..PositionsTaken::default() };
    positions::keep(tx, person, &walk, taken.in_short())?;
    Ok(())
}

fn populate(tx: &mut WriteTx<'_>, slug: &str, administrator: &str, password: &str, hash: &str) -> Result<(Vec<Value>, String, String)> {
    let sales: Department = record::create(tx, &NewDepartment { name: Some("Продажи".into()), ..NewDepartment::default() })?;
    let mut people = vec![json!({"role": "administrator", "email": administrator, "password": password})];
    let mut managers: Vec<User> = Vec::new();
    let staff = [
        (RoleKey::Head, "head", "Тарас Коваленко", Some(sales.id)),
        (RoleKey::Manager, "manager", "Анна Петрова", Some(sales.id)),
        (RoleKey::Manager, "manager2", "John Carter", Some(sales.id)),
        (RoleKey::Operator, "operator", "Олена Шевченко", None),
        (RoleKey::Marketer, "marketer", "Ирина Лебедева", None),
        (RoleKey::Analyst, "analyst", "Павел Орлов", None),
        (RoleKey::Integration, "integration", "1C", None),
    ];
    for (role, mailbox, name, department_id) in staff {
        let email = format!("{mailbox}@{slug}.example");
        let input = NewUser {
            email: Some(email.clone()),
            name: Some(name.into()),
            role: Some(role.word().to_owned()),
            department_id,
            password: Some(password.to_owned()),
            ..NewUser::default()
        };
        let person = user::create(tx, &input, Some(hash))?;
        if mailbox != "manager2" {
            people.push(json!({"role": role.word(), "email": email, "password": password}));
        }
        if role == RoleKey::Manager {
            managers.push(person);
        }
    }
    let owner = |at: usize| managers.get(at % managers.len().max(1)).map(|m| m.id);
    let firms = [
        ("Ромашка", Some("7707083893"), "Розничная торговля"),
        ("Київхліб", None, "Харчова промисловість"),
        ("Northwind Ltd", None, "Wholesale"),
    ];
    let mut companies = Vec::new();
    for (at, (name, tax_id, industry)) in firms.into_iter().enumerate() {
        let input = NewCompany {
            name: Some(name.into()),
            tax_id: tax_id.map(Into::into),
            industry: Some(industry.into()),
            owner_id: owner(at),
            ..NewCompany::default()
        };
        companies.push(company::create(tx, &input, OnDuplicate::Reject)?.record.id);
    }
    let clients = [
        ("Ахматова Анна Андреевна", "8 (912) 345-67-80", "akhmatova@example.com", "Директор"),
        ("Гумилёв Николай", "+7 903 111-22-33", "gumilev@example.com", "Закупщик"),
        ("Шевченко Тарас Григорович", "+380 67 123 45 67", "taras@example.com", "Керівник"),
        ("Леся Українка", "+380 50 765 43 21", "lesya@example.com", "Бухгалтер"),
        ("Emily Brontë", "+44 20 7946 0018", "emily@example.com", "Buyer"),
        ("Кузнецова Мария", "8-495-123-45-67", "kuznetsova@example.com", "Секретарь"),
    ];
    let now = tx.now();
    let outcomes = record::list::<CommunicationOutcome>(tx, &ListCommunicationOutcomes::default())?.data;
    for (at, (name, phone, email, position)) in clients.into_iter().enumerate() {
        let input = NewContact {
            display_name: Some(name.into()),
            phones: kartoteka_domain::phone::parse(phone, "RU")
                .ok()
                .map(|_| vec![PhoneInput { value: Some(phone.into()), ..PhoneInput::default() }]),
            emails: Some(vec![EmailInput { value: Some(email.into()), ..EmailInput::default() }]),
            position: Some(position.into()),
            company_id: companies.get(at / 2).copied(),
            owner_id: owner(at),
            r#type: Some(if at % 2 == 0 { "customer".into() } else { "lead".into() }),
            status: Some(if at % 2 == 0 { "active".into() } else { "new".into() }),
            tags: (at == 0).then(|| vec!["VIP".to_owned()]),
            ..NewContact::default()
        };
        let card = contact::create(tx, &input, OnDuplicate::Attach)?.record;
        // what came of it: in own words, or of the list
        let chosen = outcomes.get(at).filter(|one| at > 0 && one.next_step != OutcomeStep::Task);
        let call = NewCommunication {
            channel: Some(Channel::Call),
            direction: Some(Direction::Outbound),
            contact_id: Some(card.id),
            occurred_at: Some(now - chrono::Duration::hours(20 + i64::try_from(at).unwrap_or(0))),
            duration_seconds: Some(120),
            outcome_id: chosen.map(|one| one.id),
            outcome: chosen.is_none().then(|| "interested".to_owned()),
            next_meeting: chosen.filter(|one| one.next_step == OutcomeStep::Meeting).map(|_| NextMeeting {
                occurred_at: Some(now + chrono::Duration::days(2)),
                place: Some("Москва, Красная площадь, 1".into()),
                ..NextMeeting::default()
            }),
            body: Some("Рассказали о ценах и сроках".into()),
            owner_id: owner(at),
            ..NewCommunication::default()
        };
        let talk = communication::create(tx, &call)?.record;
        if at == 0 {
            crate::recording::keep_bytes(tx, talk, SoundType::Wav, &tone())?;
        }
        let next = NewTask {
            kind: Some("follow_up".into()),
            title: Some("Отправить предложение".into()),
            due_at: Some(now + chrono::Duration::hours(3 * (i64::try_from(at).unwrap_or(0) - 1))),
            owner_id: owner(at),
            contact_id: Some(card.id),
            ..NewTask::default()
        };
        let planned = task::create(tx, &next)?.record;
        if at == 0 {
            let about = Some((RecordType::Task, planned.uuid()));
            let facts = Facts { by: "Тарас Коваленко".into(), ..Facts::default() };
            let notice = Notice { kind: NotificationKind::TaskAssigned, cause: format!("demo:{}", planned.id), about, facts };
            notification::tell(tx, planned.owner_id, notice)?;
        }
        record::create::<Note>(
            tx,
            &NewNote {
                body: Some("Познакомились на выставке".into()), contact_id: Some(card.id), ..NewNote::default()
            },
        )?;
    }
    if let Some(client) = record::list::<Contact>(tx, &ListContacts::default())?.data.first() {
        let meeting = NewCommunication {
            channel: Some(Channel::Meeting),
            direction: Some(Direction::Outbound),
            status: Some(CommunicationStatus::Planned),
            contact_id: Some(client.id),
            occurred_at: Some(now + chrono::Duration::days(1)),
            duration_seconds: Some(3600),
            place: Some("Москва, Красная площадь, 1".into()),
            coordinates: Some(Coordinates { latitude: 55.7558, longitude: 37.6173 }),
            owner_id: owner(0),
            ..NewCommunication::default()
        };
        communication::create(tx, &meeting)?;
    }
    if let Some(person) = owner(0) {
        walk_to_work(tx, person)?;
    }
    if let Some(client) = record::list::<Contact>(tx, &ListContacts::default())?.data.first() {
        let line = |name: &str, quantity: &str, unit: &str, price: i64| LineItemInput {
            name: Some(name.into()),
            quantity: Some(quantity.into()),
            unit: Some(unit.into()),
            price: Some(price),
            tax_percent: Some("20".into()),
            tax_included: Some(true),
            ..LineItemInput::default()
        };
        let sale = NewDeal {
            name: Some("Бетон М300, 20 м³".into()),
            contacts: Some(vec![DealContact { contact_id: client.id, role: Some("решает".into()) }]),
            line_items: Some(vec![line("Бетон М300", "20.5", "м³", 550_000), line("Доставка", "1", "рейс", 1_500_000)]),
            owner_id: owner(0),
            next_task: Some(NewTask {
                title: Some("Узнать решение".into()),
                due_at: Some(now + chrono::Duration::days(2)),
                ..NewTask::default()
            }),
            ..NewDeal::default()
        };
        deal::create(tx, &sale)?;
    }
    let keep = NewAssignmentRule {
        name: Some("Постоянный клиент остаётся у своего менеджера".into()),
        position: Some(10),
        method: Some(AssignmentMethod::KeepPresent),
        ..NewAssignmentRule::default()
    };
    record::create::<AssignmentRule>(tx, &keep)?;
    let field = |name: &str, kind, label: &str, required| FormField {
        name: name.into(),
        kind,
        label: Some(label.into()),
        required,
        options: Vec::new(),
    };
    let site = NewForm {
        name: Some("Заявка с сайта".into()),
        fields: Some(vec![
            field("name", FormFieldKind::Name, "Имя", true),
            field("phone", FormFieldKind::Phone, "Телефон", false),
            field("email", FormFieldKind::Email, "Почта", false),
            field("comment", FormFieldKind::Comment, "Вопрос", false),
        ]),
        assignment: Some(Assignment::RoundRobin(AssignRoundRobin { user_ids: managers.iter().map(|m| m.id).collect() })),
        task_minutes: Some(15),
        task_title: Some("Перезвонить".into()),
        tags: Some(vec!["сайт".into()]),
        rate_per_minute: Some(100_000),
        ..NewForm::default()
    };
    let made = form::create(tx, &site)?.record;
    let enquiries = [
        json!({"fields": {"name": "Пётр Чайковский", "phone": "8 916 222-33-44", "comment": "Сколько стоит доставка бетона?"}, "utm": {"source": "yandex", "medium": "cpc"}}),
        json!({"fields": {"name": "Оксана Мельник", "phone": "+380 63 555 44 33", "comment": "Коли можна забрати замовлення?"}, "utm": {"source": "google"}}),
        json!({"fields": {"name": "Oliver Twist", "email": "oliver@example.com", "comment": "Please send me your price list"}}),
    ];
    for enquiry in enquiries {
        let posted = Posted::from_json(enquiry.clone()).unwrap_or_default();
        let incoming =
            Incoming { body: enquiry.to_string().into_bytes(), content_type: Some("application/json".into()), ..Incoming::default() };
        if let Verdict::Kept(id) = submission::receive(tx, &made, &incoming, &posted)? {
            submission::worker::process(tx, id)?;
        }
    }
    let issued = api_key::create(tx, &NewApiKey { name: Some("Demo integration".into()), ..NewApiKey::default() })?;
    Ok((people, issued.secret.unwrap_or_default(), made.key))
}

/// Ready curl lines with working credentials.
pub fn lines(demo: &Value, base: &str) -> String {
    let text = |pointer: &str| demo.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let manager = demo
        .get("users")
        .and_then(Value::as_array)
        .and_then(|users| users.iter().find(|u| u.get("role").and_then(Value::as_str) == Some("manager")))
        .cloned()
        .unwrap_or_default();
    let (email, password) = (
        manager.get("email").and_then(Value::as_str).unwrap_or_default(),
        manager.get("password").and_then(Value::as_str).unwrap_or_default(),
    );
    format!(
        "Demo workspace {workspace} is ready. With the server running at {base}:\n\n\
         # a website sends an enquiry\n\
         curl -s {base}/public/v1/forms/{form}/submissions -H 'content-type: application/json' \\\n  \
         -d '{{\"fields\": {{\"name\": \"Анна Ахматова\", \"phone\": \"8 (912) 345-67-89\", \"email\": \"Anna@Example.com\", \"comment\": \"Перезвоните\"}}, \"utm\": {{\"source\": \"yandex\"}}}}'\n\n\
         # a manager signs in and sees the day\n\
         TOKEN=$(curl -s {base}/v1/auth/token -H 'content-type: application/json' \\\n  \
         -d '{{\"email\": \"{email}\", \"password\": \"{password}\"}}' | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')\n\
         curl -s {base}/v1/my-day -H \"authorization: Bearer $TOKEN\"\n\n\
         # an integration looks somebody up by phone\n\
         curl -s '{base}/v1/lookup?phone=89123456789' -H 'authorization: Bearer {key}'\n\n\
         API reference: {base}/docs/\n",
        workspace = text("/workspace"),
        form = text("/form_key"),
        key = text("/api_key"),
    )
}
