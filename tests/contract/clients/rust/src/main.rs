//! Drives the scenario through the generated client.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::process::ExitCode;
use std::time::Duration;

use kartoteka_client::apis::{
    Error, auth_api, communications_api, configuration::Configuration, contacts_api, deals_api, leads_api, me_api, notes_api,
    pipelines_api, public_api, tasks_api,
};
use kartoteka_client::models::{
    AddedEmail, AddedPhone, ChannelInput, CommunicationInput, Contact, ContactField, ContactInput, ContactPatch, Deal, DealContactInput,
    DealInput, DealMove, DealPatch, DirectionInput, LineItemInput, MoneyInput, NoteInput, OnDuplicate, Pipeline, PostedForm, PostedUtm,
    Problem, SignIn, Stage, TaskCompletion, TaskInput, TaskStatusInput, TimelineItem,
};
use uuid::Uuid;

type Failure = Box<dyn std::error::Error>;
type Step = Result<String, Failure>;

#[derive(serde::Deserialize)]
struct Demo {
    users: Vec<DemoUser>,
    form_key: String,
}

#[derive(serde::Deserialize)]
struct DemoUser {
    role: String,
    email: String,
    password: String,
}

macro_rules! check {
    ($holds:expr, $($why:tt)+) => {
        if !$holds {
            return Err(format!($($why)+).into());
        }
    };
}

/// The problem behind an operation's error.
trait Refusal {
    fn problem(self) -> Option<Problem>;
}

macro_rules! refusals {
    ($($error:ty),+) => {
        $(impl Refusal for $error {
            // The generated enums are untagged: whatever the status, a problem is read as the first variant.
            fn problem(self) -> Option<Problem> {
                match self {
                    Self::Status400(problem) => Some(problem),
                    _ => None,
                }
            }
        })+
    };
}

refusals!(
    auth_api::CreateTokenError,
    auth_api::RevokeTokenError,
    communications_api::CreateCommunicationError,
    contacts_api::CreateContactError,
    contacts_api::GetContactTimelineError,
    contacts_api::UpdateContactError,
    deals_api::CreateDealError,
    deals_api::MoveDealError,
    deals_api::UpdateDealError,
    leads_api::ListLeadsError,
    me_api::GetMeError,
    notes_api::CreateNoteError,
    pipelines_api::GetBoardError,
    pipelines_api::ListPipelinesError,
    public_api::SubmitFormError,
    tasks_api::CompleteTaskError,
    tasks_api::CreateTaskError,
    tasks_api::ListTasksError
);

/// The answer, or what the problem says.
fn answered<T, E: Refusal>(result: Result<T, Error<E>>) -> Result<T, Failure> {
    result.map_err(|error| match error {
        Error::ResponseError(response) => match response.entity.and_then(Refusal::problem) {
            Some(problem) => format!("{} {}: {}", response.status, problem.code, problem.detail).into(),
            None => format!("{}: no problem", response.status).into(),
        },
        Error::Reqwest(error) => error.into(),
        Error::Serde(error) => error.into(),
        Error::Io(error) => error.into(),
    })
}

fn refused<T, E: Refusal>(result: Result<T, Error<E>>, status: u16, code: &str) -> Result<Problem, Failure> {
    match result {
        Ok(_) => Err("not refused".into()),
        Err(Error::ResponseError(response)) => {
            check!(response.status == status, "status {}, not {status}", response.status);
            let problem = response.entity.and_then(Refusal::problem).ok_or("no problem")?;
            check!(problem.code == code, "code {}, not {code}", problem.code);
            Ok(problem)
        }
        Err(error) => Err(answered::<T, E>(Err(error)).err().ok_or("no error")?),
    }
}

/// What an item of each kind is told by: every variant has a body of its own.
fn facts(item: &TimelineItem) -> (&'static str, String) {
    match item {
        TimelineItem::Communication(item) => ("communication", item.record.channel.to_string()),
        TimelineItem::Task(item) => ("task", item.record.title.clone()),
        TimelineItem::Note(item) => ("note", item.record.body.clone()),
        TimelineItem::Lead(item) => ("lead", item.record.status.to_string()),
        TimelineItem::Submission(item) => ("submission", item.record.state.to_string()),
        TimelineItem::Deal(item) => ("deal", item.record.name.clone()),
        TimelineItem::StageChange(item) => ("stage_change", item.record.to_stage_name.clone()),
        TimelineItem::Change(item) => ("change", item.record.action.clone()),
    }
}

fn counted(counts: &BTreeMap<&str, usize>) -> String {
    joined(counts.iter().map(|(key, count)| format!("{key} {count}")))
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

fn digits(length: usize) -> String {
    format!("{:039}", Uuid::new_v4().as_u128()).split_off(39 - length)
}

fn task(title: &str, contact: Uuid, due_at: &str) -> Result<TaskInput, Failure> {
    Ok(TaskInput { contact_id: Some(Some(contact)), due_at: Some(Some(due_at.parse()?)), ..TaskInput::new(title.to_owned()) })
}

fn line_item(name: &str, quantity: &str, price: i64) -> LineItemInput {
    LineItemInput {
        name: Some(Some(name.into())),
        quantity: Some(Some(quantity.into())),
        price: Some(Some(price)),
        tax_percent: Some(Some("20".into())),
        ..LineItemInput::new()
    }
}

struct Scenario {
    configuration: Configuration,
    email: String,
    password: String,
    form_key: String,
    number: String,
    address: String,
    new_contact: ContactInput,
    contact: Contact,
    pipeline: Pipeline,
    offer: Deal,
    enquiry: Deal,
}

impl Scenario {
    fn new(url: String, demo: Demo) -> Result<Self, Failure> {
        let administrator = demo.users.into_iter().find(|user| user.role == "administrator").ok_or("no administrator")?;
        let number = format!("+7912{}", digits(7));
        let address = format!("client-{}@example.com", digits(10));
        let phone = AddedPhone { label: Some(Some("mobile".into())), ..AddedPhone::new(number.clone()) };
        let email = AddedEmail::new(address.clone());
        Ok(Self {
            configuration: Configuration { base_path: url, ..Configuration::new() },
            email: administrator.email,
            password: administrator.password,
            form_key: demo.form_key,
            new_contact: ContactInput {
                display_name: Some(Some(format!("Anna {}", digits(6)))),
                position: Some(Some("Buyer".into())),
                comment: Some(Some("Met at the fair".into())),
                phones: Some(Some(vec![phone])),
                emails: Some(Some(vec![email])),
                ..ContactInput::new()
            },
            number,
            address,
            contact: Contact::default(),
            pipeline: Pipeline::default(),
            offer: Deal::default(),
            enquiry: Deal::default(),
        })
    }

    fn contact_id(&self) -> String {
        self.contact.id.to_string()
    }

    async fn sign_in(&mut self) -> Step {
        let body = SignIn::new(self.email.clone(), self.password.clone());
        let tokens = answered(auth_api::create_token(&self.configuration, body, None).await)?;
        self.configuration.bearer_access_token = Some(tokens.access_token);
        Ok(format!("{}, {} s", tokens.token_type, tokens.expires_in))
    }

    async fn create_contact(&mut self) -> Step {
        let body = self.new_contact.clone();
        self.contact = answered(contacts_api::create_contact(&self.configuration, body, None, None, None, None).await)?;
        let e164 = self.contact.phones.first().map(|phone| &phone.e164);
        check!(e164 == Some(&self.number), "phone {e164:?}");
        Ok(format!("{}, version {}", self.contact.display_name, self.contact.version))
    }

    async fn meet_duplicate(&mut self) -> Step {
        let body = self.new_contact.clone();
        let result = contacts_api::create_contact(&self.configuration, body, None, None, None, None).await;
        let problem = refused(result, 409, "duplicate_found")?;
        let best = problem.candidates.unwrap_or_default().into_iter().next().ok_or("no candidates")?;
        check!(best.id == self.contact.id, "candidate {}", best.id);
        let evidence = best.evidence.iter().map(|each| format!("{} {} {:.2}", each.field, each.agreement, each.weight));
        Ok(format!("{} {:.2} by {}", best.verdict, best.score, joined(evidence)))
    }

    async fn attach_duplicate(&mut self) -> Step {
        let (body, attach) = (self.new_contact.clone(), Some(OnDuplicate::Attach));
        let result = contacts_api::create_contact(&self.configuration, body, attach, None, None, None).await;
        let attached = answered(result)?;
        check!(attached.id == self.contact.id, "another contact: {}", attached.id);
        Ok("the same contact".into())
    }

    async fn log_call(&mut self) -> Step {
        let body = CommunicationInput {
            contact_id: Some(Some(self.contact.id)),
            duration_seconds: Some(Some(185)),
            outcome: Some(Some("interested".into())),
            ..CommunicationInput::new(ChannelInput::Call, DirectionInput::Inbound)
        };
        let result = communications_api::create_communication(&self.configuration, body, None, None).await;
        let call = answered(result)?;
        check!(call.contact_id == self.contact.id, "contact {}", call.contact_id);
        Ok(format!("{} {}, {} s, {}", call.direction, call.channel, call.duration_seconds.unwrap_or(0), call.status))
    }

    async fn complete_task(&mut self) -> Step {
        let body = task("Call back", self.contact.id, "2030-01-10T09:00:00Z")?;
        let made = answered(tasks_api::create_task(&self.configuration, body, None, None).await)?;
        let next = task("Meet", self.contact.id, "2030-01-11T09:00:00Z")?;
        let completion =
            TaskCompletion { result: Some(Some("Agreed to meet".into())), next_task: Some(Some(Box::new(next))), ..TaskCompletion::new() };
        let id = made.id.to_string();
        let result = tasks_api::complete_task(&self.configuration, &id, completion, None, None, None).await;
        let completed = answered(result)?;
        check!(completed.task.status == "done", "status {}", completed.task.status);
        let next = completed.next_task.ok_or("no next task")?;
        let due_at = next.due_at.ok_or("no due time")?.format("%Y-%m-%dT%H:%M:%SZ");
        check!(next.contact_id == Some(self.contact.id), "next task of {:?}", next.contact_id);
        Ok(format!("{}, next: {} at {due_at}", completed.task.status, next.title))
    }

    async fn timeline(&self) -> Result<BTreeMap<&'static str, usize>, Failure> {
        let id = self.contact_id();
        let result = contacts_api::get_contact_timeline(&self.configuration, &id, None, Some(200), None, None).await;
        let mut counts = BTreeMap::new();
        for item in answered(result)?.data {
            let (kind, fact) = facts(&item);
            check!(!fact.is_empty(), "an empty {kind}");
            *counts.entry(kind).or_default() += 1;
        }
        Ok(counts)
    }

    async fn read_timeline(&mut self) -> Step {
        let note = NoteInput { contact_id: Some(Some(self.contact.id)), ..NoteInput::new("Prefers mornings".into()) };
        answered(notes_api::create_note(&self.configuration, note, None, None).await)?;
        let counts = self.timeline().await?;
        for kind in ["change", "communication", "note", "task"] {
            check!(counts.contains_key(kind), "no {kind}");
        }
        Ok(counted(&counts))
    }

    async fn page_list(&mut self) -> Step {
        let mut made = BTreeSet::new();
        for number in 0..7 {
            let body = task(&format!("Step {number}"), self.contact.id, "2030-02-01T09:00:00Z")?;
            made.insert(answered(tasks_api::create_task(&self.configuration, body, None, None).await)?.id);
        }
        let (mut seen, mut pages, mut cursor) = (Vec::new(), 0, None::<String>);
        loop {
            let contact = Some(vec![self.contact.id]);
            let status = Some(vec![TaskStatusInput::Open, TaskStatusInput::Done]);
            #[rustfmt::skip]
            let result = tasks_api::list_tasks(
                &self.configuration, None, status, None, None, contact, None, None, None, None, None, None, None, None,
                Some(2), cursor.as_deref(), None, None, None, None,
            ).await;
            let page = answered(result)?;
            seen.extend(page.data.iter().map(|task| task.id));
            pages += 1;
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        let distinct: BTreeSet<_> = seen.iter().copied().collect();
        check!(distinct.len() == seen.len(), "repeats");
        check!(made.is_subset(&distinct), "skips");
        Ok(format!("{} tasks on {pages} pages", seen.len()))
    }

    async fn clear_fields(&mut self) -> Step {
        let id = self.contact_id();
        let by_null = ContactPatch { comment: Some(None), ..ContactPatch::new() };
        let result = contacts_api::update_contact(&self.configuration, &id, by_null, None, None).await;
        let cleared = answered(result)?;
        check!(cleared.comment.is_none(), "comment {:?}", cleared.comment);
        let by_name = ContactPatch { clear: Some(Some(vec![ContactField::Position])), ..ContactPatch::new() };
        let result = contacts_api::update_contact(&self.configuration, &id, by_name, None, None).await;
        let cleared = answered(result)?;
        check!(cleared.position.is_none(), "position {:?}", cleared.position);
        Ok(format!("version {}", cleared.version))
    }

    async fn stale_version(&mut self) -> Step {
        let patch = ContactPatch { comment: Some(Some("Late".into())), ..ContactPatch::new() };
        let (id, stale) = (self.contact_id(), format!("\"{}\"", self.contact.version));
        let result = contacts_api::update_contact(&self.configuration, &id, patch, Some(&stale), None).await;
        let problem = refused(result, 412, "version_mismatch")?;
        let version = problem.current_version.ok_or("no version")?;
        let fields = problem.changed_fields.ok_or("no fields")?;
        check!(version > self.contact.version, "version {version}");
        check!(fields.iter().any(|field| field == "comment"), "fields {fields:?}");
        Ok(format!("now {version}, changed {}", fields.join(", ")))
    }

    async fn repeat_key(&mut self) -> Step {
        let key = digits(20);
        let body = task("Only once", self.contact.id, "2030-03-01T09:00:00Z")?;
        let first = tasks_api::create_task(&self.configuration, body.clone(), Some(&key), None).await;
        let repeated = tasks_api::create_task(&self.configuration, body, Some(&key), None).await;
        check!(answered(first)?.id == answered(repeated)?.id, "another task");
        Ok("the same task".into())
    }

    async fn list_pipelines(&mut self) -> Step {
        let result = pipelines_api::list_pipelines(&self.configuration, None, None, None, None, None, None, None).await;
        self.pipeline = answered(result)?.data.into_iter().next().ok_or("no pipelines")?;
        let stages = &self.pipeline.stages;
        let [first, second, .., last] = stages.as_slice() else { return Err(format!("stages {stages:?}").into()) };
        check!(first.kind == "open" && second.kind == "open", "stages {stages:?}");
        Ok(format!("{}, {} stages from {} to {}", self.pipeline.name, stages.len(), first.name, last.name))
    }

    fn stage(&self, which: usize) -> Result<&Stage, Failure> {
        Ok(self.pipeline.stages.get(which).ok_or("no such stage")?)
    }

    fn deal(&self, name: &str) -> Result<DealInput, Failure> {
        let contact = DealContactInput { role: Some(Some("decides".into())), ..DealContactInput::new(self.contact.id) };
        Ok(DealInput {
            pipeline_id: Some(Some(self.pipeline.id)),
            stage_id: Some(Some(self.stage(0)?.id)),
            contacts: Some(Some(vec![contact])),
            ..DealInput::new(name.into())
        })
    }

    async fn create_deals(&mut self) -> Step {
        let desk = LineItemInput { discount_percent: Some(Some("10".into())), ..line_item("Desk", "3", 1_250_000) };
        let assembly = line_item("Assembly", "1.5", 150_000);
        let assembly = LineItemInput { unit: Some(Some("hours".into())), tax_included: Some(Some(true)), ..assembly };
        let next = task("Send the offer", self.contact.id, "2030-04-01T09:00:00Z")?;
        let body = DealInput {
            line_items: Some(Some(vec![desk, assembly])),
            next_task: Some(Some(Box::new(next))),
            ..self.deal("Desks for the office")?
        };
        self.offer = answered(deals_api::create_deal(&self.configuration, body, None, None).await)?;
        let lines = &self.offer.line_items;
        let totals: Vec<_> = lines.iter().map(|line| line.total).collect();
        check!(totals == [4_050_000, 225_000], "totals {totals:?}");
        check!(lines.iter().all(|line| line.net + line.tax == line.total), "net and tax are not the total");
        let amount = self.offer.amount.as_deref().ok_or("no amount")?;
        check!(amount.amount == totals.iter().sum::<i64>(), "amount {}", amount.amount);
        check!(amount.currency == self.offer.currency, "currency {}", amount.currency);
        let contacts: Vec<_> = self.offer.contacts.iter().map(|each| each.contact_id).collect();
        check!(contacts == [self.contact.id], "contacts {contacts:?}");
        let due_at = self.offer.next_task_at.ok_or("no next task")?.format("%Y-%m-%dT%H:%M:%SZ");
        let body = self.deal("A chair, perhaps")?;
        self.enquiry = answered(deals_api::create_deal(&self.configuration, body, None, None).await)?;
        check!(self.enquiry.amount.is_none() && self.enquiry.line_items.is_empty(), "amount {:?}", self.enquiry.amount);
        let sum = totals.iter().map(i64::to_string).collect::<Vec<_>>().join(" + ");
        Ok(format!("{sum} = {} {}, next task at {due_at}; another without amount", amount.amount, amount.currency))
    }

    async fn move_to(&self, deal: &Deal, stage: &Stage) -> Result<Deal, Error<deals_api::MoveDealError>> {
        let (id, body) = (deal.id.to_string(), DealMove::new(stage.id));
        deals_api::move_deal(&self.configuration, &id, body, None, None, None).await
    }

    async fn refused_move(&mut self) -> Step {
        let stage = self.stage(1)?;
        let problem = refused(self.move_to(&self.enquiry, stage).await, 409, "move_refused")?;
        let reason = problem.reason.ok_or("no reason")?;
        let fields = problem.missing_fields.ok_or("no fields")?;
        let moves = problem.legal_moves.ok_or("no moves")?;
        check!(reason == "fields_missing", "reason {reason}");
        check!(fields == ["amount"], "fields {fields:?}");
        let legal = moves.iter().find(|each| each.stage_id == stage.id).ok_or("the stage is not among the legal moves")?;
        check!(legal.missing_fields == ["amount"], "fields {:?} of {}", legal.missing_fields, legal.name);
        let fields = fields.join(", ");
        Ok(format!("{reason} {fields}; {} legal, {} without {fields}", moves.len(), legal.name))
    }

    async fn move_deal(&mut self) -> Step {
        let (id, stage) = (self.enquiry.id.to_string(), self.stage(1)?);
        let amount = MoneyInput::new(990_000, self.enquiry.currency.clone());
        let patch = DealPatch { amount: Some(Some(Box::new(amount))), ..DealPatch::new() };
        let patched = answered(deals_api::update_deal(&self.configuration, &id, patch, None, None).await)?;
        let amount = patched.amount.as_deref().ok_or("no amount")?;
        check!(amount.amount == 990_000, "amount {}", amount.amount);
        let moved = answered(self.move_to(&patched, stage).await)?;
        check!(moved.stage_id == stage.id, "stage {}", moved.stage_id);
        Ok(format!("{} {}, to {}, {}", amount.amount, amount.currency, stage.name, moved.outcome))
    }

    async fn win_deal(&mut self) -> Step {
        let stage = self.pipeline.stages.iter().find(|stage| stage.kind == "won").ok_or("no stage that is won")?;
        let won = answered(self.move_to(&self.offer, stage).await)?;
        check!(won.outcome == "won", "outcome {}", won.outcome);
        check!(won.stage_id == stage.id && won.closed_at.is_some(), "stage {}, closed {:?}", won.stage_id, won.closed_at);
        let counts = self.timeline().await?;
        for kind in ["deal", "stage_change"] {
            check!(counts.get(kind).is_some_and(|count| *count > 1), "{kind} {:?}", counts.get(kind));
        }
        Ok(format!("{}; {}", won.outcome, counted(&counts)))
    }

    async fn read_board(&mut self) -> Step {
        let id = self.pipeline.id.to_string();
        let board = answered(pipelines_api::get_board(&self.configuration, &id, None, None, None, None, None).await)?;
        let won = board.stages.iter().find(|column| column.stage.kind == "won").ok_or("no column that is won")?;
        check!(won.count >= 1, "count {}", won.count);
        check!(won.deals.iter().any(|deal| deal.id == self.offer.id), "the deal that was won is not on it");
        let sums = joined(won.sums.iter().map(|sum| format!("{} {}", sum.amount, sum.currency)));
        Ok(format!("{} columns, {}: {}, {sums}", board.stages.len(), won.stage.name, won.count))
    }

    async fn submit_form(&mut self) -> Step {
        let fields = [("name", "Anna"), ("phone", &self.number), ("email", &self.address)];
        let body = PostedForm {
            fields: Some(HashMap::from(fields.map(|(name, value)| (name.to_owned(), value.into())))),
            utm: Some(Some(Box::new(PostedUtm { source: Some(Some("newsletter".into())), ..PostedUtm::new() }))),
            page_url: Some(Some("https://shop.example/price".into())),
            ..PostedForm::new()
        };
        let receipt = answered(public_api::submit_form(&self.configuration, &self.form_key, body, None, None).await)?;
        for _ in 0..100 {
            let contact = Some(vec![self.contact.id]);
            #[rustfmt::skip]
            let result = leads_api::list_leads(
                &self.configuration, None, contact, None, None, None, None, None, None, None, None, None, None, None,
                None, None, None, None, None, None, None,
            ).await;
            let leads = answered(result)?.data;
            if let Some(lead) = leads.iter().find(|lead| lead.submission_id == Some(receipt.submission_id)) {
                check!(lead.utm.source.as_deref() == Some("newsletter"), "utm {:?}", lead.utm.source);
                let counts = self.timeline().await?;
                return Ok(format!("{}, lead {}; {}", receipt.status, lead.status, counted(&counts)));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err("no lead after 10 s".into())
    }

    async fn invalid_body(&mut self) -> Step {
        let phone = AddedPhone::new("12".into());
        let email = AddedEmail::new("nowhere".into());
        let body = ContactInput {
            display_name: Some(Some("Nobody".into())),
            phones: Some(Some(vec![phone])),
            emails: Some(Some(vec![email])),
            ..ContactInput::new()
        };
        let result = contacts_api::create_contact(&self.configuration, body, None, None, None, None).await;
        let errors = refused(result, 422, "validation_failed")?.errors;
        let phone = errors.iter().find(|field| field.pointer.as_deref() == Some("/phones/0/value"));
        check!(phone.is_some_and(|field| field.code == "invalid_phone"), "errors {errors:?}");
        Ok(joined(errors.iter().map(|field| format!("{} {}", field.pointer.as_deref().unwrap_or("-"), field.code))))
    }

    async fn sign_out(&mut self) -> Step {
        answered(auth_api::revoke_token(&self.configuration, None).await)?;
        let problem = refused(me_api::get_me(&self.configuration, None).await, 401, "invalid_token")?;
        Ok(format!("then {} {}", problem.status, problem.code))
    }

    async fn run(&mut self) -> ExitCode {
        macro_rules! steps {
            ($($name:literal: $step:ident),+ $(,)?) => {
                $(match self.$step().await {
                    Ok(facts) => println!("ok   {}: {facts}", $name),
                    Err(error) => {
                        println!("FAIL {}: {error}", $name);
                        return ExitCode::FAILURE;
                    }
                })+
            };
        }
        steps! {
            "sign in": sign_in,
            "create contact": create_contact,
            "meet duplicate": meet_duplicate,
            "attach duplicate": attach_duplicate,
            "log call": log_call,
            "complete task": complete_task,
            "read timeline": read_timeline,
            "page list": page_list,
            "clear fields": clear_fields,
            "stale version": stale_version,
            "repeat key": repeat_key,
            "list pipelines": list_pipelines,
            "create deals": create_deals,
            "refused move": refused_move,
            "move deal": move_deal,
            "win deal": win_deal,
            "read board": read_board,
            "submit form": submit_form,
            "invalid body": invalid_body,
            "sign out": sign_out,
        }
        ExitCode::SUCCESS
    }
}

fn main() -> Result<ExitCode, Failure> {
    let demo = serde_json::from_str(&std::fs::read_to_string(std::env::var("KARTOTEKA_DEMO")?)?)?;
    let mut scenario = Scenario::new(std::env::var("KARTOTEKA_URL")?, demo)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(scenario.run()))
}
