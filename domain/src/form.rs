//! Form: a website's door for enquiries. Its key is public; what it demands and does with an enquiry is set here.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use crate::{
    access::RecordType,
    assignment::Assignment,
    contact::{self, slice},
    email,
    id::{SourceId, UserId},
    invalid::{FieldCode, FieldErrors, line},
    record::{Made, Making, Reference},
    workspace,
};

words! {
    /// What a form's field means for the card.
    pub enum FormFieldKind {
        /// The whole name.
        Name = "name",
        /// First name.
        FirstName = "first_name",
        /// Last name.
        LastName = "last_name",
        /// Middle name.
        MiddleName = "middle_name",
        /// Phone number.
        Phone = "phone",
        /// E-mail address.
        Email = "email",
        /// Name of the company.
        Company = "company",
        /// What the client writes.
        Comment = "comment",
        /// Anything else: kept among the lead's answers.
        Text = "text",
        /// A number, kept among the answers.
        Number = "number",
        /// One of the options, kept among the answers.
        Choice = "choice",
    }
}

/// One field of a form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FormField {
    /// Name in the page's form.
    #[validate(length(min = 1, max = 100))]
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// What it means.
    pub kind: FormFieldKind,
    /// What the page shows.
    #[validate(length(max = 200))]
    #[schema(max_length = 200, required = true)]
    #[serde(default)]
    pub label: Option<String>,
    /// Whether an enquiry without it is refused.
    #[serde(default)]
    #[schema(required = true, default = false)]
    pub required: bool,
    /// The options of a choice.
    #[validate(length(max = 100))]
    #[schema(max_items = 100, required = true, default = json!([]))]
    #[serde(default)]
    pub options: Vec<String>,
}

record! {
    /// A website's door for enquiries.
    pub struct Form (RecordType::Form) {
        /// Its name among us.
        pub name: String,
        /// Public key in the address of its endpoint.
        pub key: String,
        /// Whether it takes enquiries.
        pub active: bool,
        /// Its fields.
        pub fields: Vec<FormField>,
        /// Origins whose pages may post to it from a browser; empty means any.
        pub allowed_origins: Vec<String>,
        /// Where a plain HTML form is sent after posting.
        pub redirect_url: Option<String>,
        /// Source of its leads.
        pub source_id: Option<SourceId>,
        /// Tags of its leads.
        pub tags: Vec<String>,
        /// Who becomes responsible.
        pub assignment: Option<Assignment>,
        /// In how many minutes the task is due; null makes no task.
        pub task_minutes: Option<i64>,
        /// Title of the task.
        pub task_title: String,
        /// Name of the field people do not see and robots fill.
        pub honeypot_field: String,
        /// Name of the field that holds when the page was opened.
        pub start_field: String,
        /// Filled faster than this, seconds, is spam; 0 switches the check off.
        pub min_fill_seconds: i64,
        /// The same content within this time, seconds, is the same enquiry.
        pub duplicate_window_seconds: i64,
        /// How many submissions one address may send in a minute.
        pub rate_per_minute: i64,
        /// Largest accepted body, bytes.
        pub max_body_bytes: i64,
        /// Address that gets a copy of every submission as it came.
        pub reserve_email: Option<String>,
        /// Users who are told of its enquiries beside whoever is responsible.
        #[serde(default)]
        pub notify_user_ids: Vec<UserId>,
    }
}

input! {
    /// A form to create.
    pub struct NewForm, FormPatch clears FormClear {
        /// Its name among us.
        name (required = true): String, max 200;
        /// Whether it takes enquiries; `true` when absent.
        active: bool;
        /// Its fields; name, phone, email and comment when absent.
        #[validate(nested)]
        fields: Vec<FormField>, items 60;
        /// Origins whose pages may post to it from a browser; any when empty.
        allowed_origins: Vec<String>, items 50;
        /// Where a plain HTML form is sent after posting, http or https.
        redirect_url: String, max 2000;
        /// Source of its leads.
        source_id: SourceId;
        /// Tags of its leads; a tag that is not there yet is made.
        tags: Vec<String>, items 50;
        /// Who becomes responsible.
        assignment: Assignment;
        /// In how many minutes the task is due; absent or null makes no task.
        task_minutes: i64, range 1 to 525_600;
        /// Title of the task.
        task_title: String, max 300;
        /// Name of the field people do not see and robots fill; `website` when absent.
        honeypot_field: String, max 100;
        /// Name of the field that holds when the page was opened; `started_at` when absent.
        start_field: String, max 100;
        /// Filled faster than this, seconds, is spam; 2 when absent, 0 switches the check off.
        min_fill_seconds: i64, range 0 to 3600;
        /// The same content within this time, seconds, is the same enquiry; 600 when absent.
        duplicate_window_seconds: i64, range 0 to 604_800;
        /// How many submissions one address may send in a minute; 60 when absent.
        rate_per_minute: i64, range 1 to 100_000;
        /// Largest accepted body, bytes; 262144 when absent.
        max_body_bytes: i64, range 1024 to 2_097_152;
        /// Address that gets a copy of every submission as it came, whatever becomes of it; not of spam.
        reserve_email: String, max 320;
        /// Users who are told of its enquiries beside whoever is responsible.
        notify_user_ids: Vec<UserId>, items 20;
    }
}

/// What a page is told of a form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PublicForm {
    /// Its key.
    #[schema(required = true)]
    pub key: String,
    /// Its fields.
    #[schema(required = true)]
    pub fields: Vec<FormField>,
    /// Name of the field to hide from people and leave empty.
    #[schema(required = true)]
    pub honeypot_field: String,
    /// Name of the field to fill with the time the page was opened, RFC 3339 or milliseconds since 1970.
    #[schema(required = true)]
    pub start_field: String,
}

/// A piece of HTML to paste into a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FormSnippet {
    /// The HTML.
    #[schema(required = true)]
    pub html: String,
    /// Address the form posts to.
    #[schema(required = true)]
    pub action: String,
}

/// The fields of a form whose maker named none.
fn usual_fields() -> Vec<FormField> {
    let field = |name: &str, kind| FormField { name: name.into(), kind, label: None, required: false, options: Vec::new() };
    vec![
        field("name", FormFieldKind::Name),
        field("phone", FormFieldKind::Phone),
        field("email", FormFieldKind::Email),
        field("comment", FormFieldKind::Comment),
    ]
}

impl Made for Form {
    type Input = NewForm;

    fn input(&self) -> NewForm {
        NewForm {
            name: Some(self.name.clone()),
            active: Some(self.active),
            fields: Some(self.fields.clone()),
            allowed_origins: Some(self.allowed_origins.clone()),
            redirect_url: self.redirect_url.clone(),
            source_id: self.source_id,
            tags: Some(self.tags.clone()),
            assignment: self.assignment.clone(),
            task_minutes: self.task_minutes,
            task_title: Some(self.task_title.clone()),
            honeypot_field: Some(self.honeypot_field.clone()),
            start_field: Some(self.start_field.clone()),
            min_fill_seconds: Some(self.min_fill_seconds),
            duplicate_window_seconds: Some(self.duplicate_window_seconds),
            rate_per_minute: Some(self.rate_per_minute),
            max_body_bytes: Some(self.max_body_bytes),
            reserve_email: self.reserve_email.clone(),
            notify_user_ids: Some(self.notify_user_ids.clone()),
        }
    }

    fn make(input: &NewForm, previous: Option<&Self>, making: &Making<'_>) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        let name = errors.required_line("/name", input.name.as_deref());
        let mut fields = input.fields.clone().filter(|f| !f.is_empty()).unwrap_or_else(usual_fields);
        for (index, field) in fields.iter_mut().enumerate() {
            field.name = crate::text::clean_line(&field.name);
            field.label = line(field.label.as_deref());
            if field.name.is_empty() {
                errors.add(format!("/fields/{index}/name"), FieldCode::Required);
            }
            for (nth, option) in field.options.iter().enumerate().filter(|(_, option)| line(Some(option)).is_none()) {
                errors.add_with(format!("/fields/{index}/options/{nth}"), FieldCode::Required, option.as_str());
            }
            if field.kind == FormFieldKind::Choice && field.options.is_empty() {
                errors.add(format!("/fields/{index}/options"), FieldCode::Required);
            }
        }
        let honeypot_field = line(input.honeypot_field.as_deref()).unwrap_or_else(|| "website".into());
        let start_field = line(input.start_field.as_deref()).unwrap_or_else(|| "started_at".into());
        for (index, field) in fields.iter().enumerate() {
            let twice = fields.iter().take(index).any(|other| other.name == field.name);
            if twice || field.name == honeypot_field || field.name == start_field {
                errors.add_with(format!("/fields/{index}/name"), FieldCode::AlreadyTaken, &field.name);
            }
        }
        let allowed_origins = input.allowed_origins.clone().unwrap_or_default();
        for (index, origin) in allowed_origins.iter().enumerate() {
            if !workspace::is_origin(origin) {
                errors.add_with(format!("/allowed_origins/{index}"), FieldCode::InvalidUrl, origin);
            }
        }
        let redirect_url = errors.url("/redirect_url", input.redirect_url.as_deref());
        let tags = contact::words("/tags", slice(input.tags.as_ref()), &mut errors);
        if let Some(Assignment::RoundRobin(round)) = &input.assignment
            && (round.user_ids.is_empty() || round.user_ids.len() > 200)
        {
            errors.add_with("/assignment/user_ids", FieldCode::OutOfRange, "1…200");
        }
        let reserve_email = line(input.reserve_email.as_deref()).and_then(|typed| {
            let parsed = email::parse(&typed).ok();
            if parsed.is_none() {
                errors.add_with("/reserve_email", FieldCode::InvalidEmail, &typed);
            }
            parsed.map(|parsed| parsed.normalised)
        });
        let mut notify_user_ids: Vec<UserId> = Vec::new();
        for id in slice(input.notify_user_ids.as_ref()) {
            if !notify_user_ids.contains(id) {
                notify_user_ids.push(*id);
            }
        }
        errors.finish()?;
        let form = fresh!(Form, making.birth, {
            name: name,
            key: previous.map_or_else(|| form_key((making.fresh_id)(), (making.fresh_id)()), |p| p.key.clone()),
            active: input.active.unwrap_or(true),
            fields: fields,
            allowed_origins: allowed_origins,
            redirect_url: redirect_url,
            source_id: input.source_id,
            tags: tags,
            assignment: input.assignment.clone(),
            task_minutes: input.task_minutes,
            task_title: line(input.task_title.as_deref()).unwrap_or_else(|| "Call back".into()),
            honeypot_field: honeypot_field,
            start_field: start_field,
            min_fill_seconds: input.min_fill_seconds.unwrap_or(2),
            duplicate_window_seconds: input.duplicate_window_seconds.unwrap_or(600),
            rate_per_minute: input.rate_per_minute.unwrap_or(60),
            max_body_bytes: input.max_body_bytes.unwrap_or(262_144),
            reserve_email: reserve_email,
            notify_user_ids: notify_user_ids,
        });
        Ok(match previous {
            None => form,
            Some(old) => form.in_the_envelope_of(old),
        })
    }

    fn references(&self) -> Vec<Reference> {
        let mut references: Vec<Reference> = Reference::optional("/source_id", RecordType::Source, self.source_id).into_iter().collect();
        match &self.assignment {
            Some(Assignment::User(one)) => {
                references.push(Reference::new("/assignment/user_id", RecordType::User, one.user_id.uuid()));
            }
            Some(Assignment::RoundRobin(round)) => references.extend(
                round
                    .user_ids
                    .iter()
                    .enumerate()
                    .map(|(i, id)| Reference::new(format!("/assignment/user_ids/{i}"), RecordType::User, id.uuid())),
            ),
            None => {}
        }
        let told = self.notify_user_ids.iter().enumerate();
        references.extend(told.map(|(i, id)| Reference::new(format!("/notify_user_ids/{i}"), RecordType::User, id.uuid())));
        references
    }
}

/// A public key from two UUIDs: v7 ids end in 62 random bits each.
pub fn form_key(a: uuid::Uuid, b: uuid::Uuid) -> String {
    let tail = |id: uuid::Uuid| id.simple().to_string().split_off(18);
    format!("f_{}{}", tail(a), tail(b))
}

impl Form {
    /// What a page is told.
    pub fn public(&self) -> PublicForm {
        PublicForm {
            key: self.key.clone(),
            fields: self.fields.clone(),
            honeypot_field: self.honeypot_field.clone(),
            start_field: self.start_field.clone(),
        }
    }

    /// Whether a page of this origin may post from a browser; no origin means no browser page.
    pub fn admits(&self, origin: Option<&str>) -> bool {
        self.allowed_origins.is_empty() || origin.is_none_or(|o| self.allowed_origins.iter().any(|allowed| allowed == o))
    }

    /// A piece of HTML that posts to `base`; works without JavaScript, a few lines of it add the page and the start time.
    pub fn snippet(&self, base: &str) -> FormSnippet {
        let action = format!("{}/public/v1/forms/{}/submissions", base.trim_end_matches('/'), self.key);
        let mut html = format!("<form method=\"post\" action=\"{}\" data-kartoteka>\n", escape(&action));
        for field in &self.fields {
            let label = escape(field.label.as_deref().unwrap_or(&field.name));
            let name = escape(&field.name);
            let required = if field.required { " required" } else { "" };
            let control = match field.kind {
                FormFieldKind::Comment => format!("<textarea name=\"{name}\"{required}></textarea>"),
                FormFieldKind::Choice => {
                    let options: String = field.options.iter().map(|o| format!("<option>{}</option>", escape(o))).collect();
                    format!("<select name=\"{name}\"{required}>{options}</select>")
                }
                kind => {
                    let input = match kind {
                        FormFieldKind::Phone => "tel",
                        FormFieldKind::Email => "email",
                        FormFieldKind::Number => "number",
                        _ => "text",
                    };
                    format!("<input type=\"{input}\" name=\"{name}\"{required}>")
                }
            };
            html.push_str(&format!("  <label>{label} {control}</label>\n"));
        }
        html.push_str(&format!(
            "  <input type=\"text\" name=\"{}\" tabindex=\"-1\" autocomplete=\"off\" style=\"position:absolute;left:-9999px\" aria-hidden=\"true\">\n",
            escape(&self.honeypot_field)
        ));
        html.push_str(&format!("  <input type=\"hidden\" name=\"{}\">\n", escape(&self.start_field)));
        html.push_str(
            "  <input type=\"hidden\" name=\"page_url\"><input type=\"hidden\" name=\"referrer\">\n  <button>OK</button>\n</form>\n",
        );
        html.push_str(&format!(
            "<script>document.querySelectorAll('form[data-kartoteka]').forEach(function (f) {{\n  var set = function (n, v) {{ if (f.elements[n]) f.elements[n].value = v; }};\n  set({}, new Date().toISOString()); set('page_url', location.href); set('referrer', document.referrer);\n}});</script>\n",
            serde_json::Value::String(self.start_field.clone()).to_string().replace('<', "\\u003c")
        ));
        FormSnippet { html, action }
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

list_params! {
    /// Filters of forms.
    pub struct ListForms sort crate::catalogue::CatalogueSort {
        /// Words the name contains.
        q: String,
        /// Only those that take enquiries (`true`), or do not (`false`).
        active: bool,
        /// Changed at or after.
        updated_after: crate::list::Moment,
    }
}
