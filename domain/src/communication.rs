//! Communication: a call, meeting, letter or message, always with a card. Refuses what cannot have happened.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use crate::{
    access::RecordType,
    contact::slice,
    id::{ContactId, DealId, LeadId, SubmissionId, TaskId, UserId},
    invalid::{FieldCode, FieldErrors, line, prose},
    list::AnyOf,
    record::{Made, Making, Reference},
    task::{NewTask, Task},
};

words! {
    /// Through what people talked.
    pub enum Channel {
        /// A website form.
        Form = "form",
        /// A phone call.
        Call = "call",
        /// A meeting.
        Meeting = "meeting",
        /// A letter.
        Email = "email",
        /// A text message.
        Sms = "sms",
        /// A chat or messenger.
        Chat = "chat",
        /// A social network.
        Social = "social",
        /// A questionnaire.
        Survey = "survey",
        /// Anything else.
        Other = "other",
    }
}

words! {
    /// Who began it.
    pub enum Direction {
        /// The client.
        Inbound = "inbound",
        /// We.
        Outbound = "outbound",
    }
}

words! {
    /// Whether it took place.
    pub enum CommunicationStatus {
        /// Agreed for later.
        Planned = "planned",
        /// It did.
        Done = "done",
        /// It did not.
        Missed = "missed",
    }
}

words! {
    /// What led to a communication.
    pub enum TriggerKind {
        /// Another communication.
        Communication = "communication",
        /// A task.
        Task = "task",
        /// A submission of a form.
        Submission = "submission",
        /// An automation rule.
        Rule = "rule",
    }
}

/// What led to a communication.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TriggeredBy {
    /// Kind of the record.
    pub kind: TriggerKind,
    /// Its id.
    pub id: uuid::Uuid,
}

/// A place on the globe, WGS 84 degrees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Coordinates {
    /// Latitude, -90 to 90.
    #[validate(range(min = -90.0, max = 90.0))]
    #[schema(minimum = -90, maximum = 90)]
    pub latitude: f64,
    /// Longitude, -180 to 180.
    #[validate(range(min = -180.0, max = 180.0))]
    #[schema(minimum = -180, maximum = 180)]
    pub longitude: f64,
}

/// Somebody who took part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Participant {
    /// A contact.
    #[schema(required = true)]
    pub contact_id: Option<ContactId>,
    /// A colleague.
    #[schema(required = true)]
    pub user_id: Option<UserId>,
    /// A name, where there is no card.
    #[validate(length(max = 200))]
    #[schema(max_length = 200, required = true)]
    pub name: Option<String>,
    /// What part he took.
    #[validate(length(max = 100))]
    #[schema(max_length = 100, required = true)]
    pub role: Option<String>,
}

/// The other side, when there is no card of it yet: it is found by these or made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Party {
    /// Name as given.
    #[validate(length(max = 200))]
    #[schema(max_length = 200)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Phone as people write it.
    #[validate(length(max = 100))]
    #[schema(max_length = 100)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// E-mail address.
    #[validate(length(max = 320))]
    #[schema(max_length = 320)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

record! {
    /// A call, meeting, letter, message, form submission: one contact with a client.
    pub struct Communication (RecordType::Communication) {
        /// Through what.
        pub channel: Channel,
        /// Who began it.
        pub direction: Direction,
        /// Whether it took place.
        pub status: CommunicationStatus,
        /// When it took place, or is planned.
        pub occurred_at: DateTime<Utc>,
        /// How long it lasted, seconds.
        pub duration_seconds: Option<i64>,
        /// With whom.
        pub contact_id: ContactId,
        /// Who else took part.
        pub participants: Vec<Participant>,
        /// Which enquiry it is about.
        pub lead_id: Option<LeadId>,
        /// Which deal it is about.
        pub deal_id: Option<DealId>,
        /// Which task it fulfils.
        pub task_id: Option<TaskId>,
        /// The submission it records.
        pub submission_id: Option<SubmissionId>,
        /// What led to it.
        pub triggered_by: Option<TriggeredBy>,
        /// Subject.
        pub subject: Option<String>,
        /// Contents.
        pub body: Option<String>,
        /// Topic: sales, support, complaint, feedback, own words.
        pub topic: Option<String>,
        /// What came of it.
        pub outcome: Option<String>,
        /// Address of the recording.
        pub recording_url: Option<String>,
        /// Where it took place.
        pub place: Option<String>,
        /// Where on the globe.
        pub coordinates: Option<Coordinates>,
        /// The user who led it.
        pub owner_id: Option<UserId>,
        /// The next step agreed in it.
        pub next_task: Option<AgreedTask>,
    }
}

input! {
    /// A communication to record. Either `contact_id` or `party` says with whom.
    pub struct NewCommunication, CommunicationPatch clears CommunicationField {
        /// Through what.
        channel (required = true): Channel;
        /// Who began it.
        direction (required = true): Direction;
        /// Whether it took place; `done` when absent.
        status: CommunicationStatus;
        /// When; now when absent.
        occurred_at: DateTime<Utc>;
        /// How long it lasted, seconds, at most a week.
        duration_seconds: i64, range 0 to 604_800;
        /// With whom.
        contact_id: ContactId;
        /// With whom, when there may be no card: found by phone or e-mail, else made.
        #[validate(nested)]
        party: Party;
        /// Who else took part.
        #[validate(nested)]
        participants: Vec<Participant>, items 50;
        /// Which enquiry it is about.
        lead_id: LeadId;
        /// Which deal it is about.
        deal_id: DealId;
        /// Which task it fulfils.
        task_id: TaskId;
        /// What led to it.
        triggered_by: TriggeredBy;
        /// Subject.
        subject: String, max 500;
        /// Contents.
        body: String, max 200_000;
        /// Topic: sales, support, complaint, feedback, own words.
        topic: String, max 100;
        /// What came of it.
        outcome: String, max 500;
        /// Address of the recording, http or https.
        recording_url: String, max 2000;
        /// Where it took place.
        place: String, max 500;
        /// Where on the globe.
        #[validate(nested)]
        coordinates: Coordinates;
        /// The user who led it; the asking user when absent.
        owner_id: UserId;
        /// The next step with this client, made in the same transaction; only when recording.
        #[validate(nested)]
        next_task: NewTask;
        /// Why there is no next step; only when recording.
        no_next_step_reason: String, max 1000;
    }
}

sorts! {
    /// Orders of communications.
    pub enum CommunicationSort {
        OccurredDown = "-occurred_at" => "occurred_at" down,
        OccurredUp = "occurred_at" => "occurred_at" up,
        CreatedDown = "-created_at" => "created_at" down,
    }
}

expands!(Communication by CommunicationExpansion { Contact = "contact", Owner = "owner", Lead = "lead", Deal = "deal" });

list_params! {
    /// Filters of communications.
    pub struct ListCommunications sort CommunicationSort {
        /// Contacts.
        contact_id: AnyOf<ContactId>,
        /// Leads.
        lead_id: AnyOf<LeadId>,
        /// Deals.
        deal_id: AnyOf<DealId>,
        /// Tasks.
        task_id: AnyOf<TaskId>,
        /// Users who led them.
        owner_id: AnyOf<UserId>,
        /// Channels.
        channel: AnyOf<Channel>,
        /// Directions.
        direction: AnyOf<Direction>,
        /// Whether they took place.
        status: AnyOf<CommunicationStatus>,
        /// Took place at or after.
        occurred_after: crate::list::Moment,
        /// Took place before.
        occurred_before: crate::list::Moment,
        /// Related records to put beside each one: contact, owner, lead, deal.
        expand: AnyOf<CommunicationExpansion>,
    }
}

/// The next step that was agreed in a communication, as it was then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AgreedTask {
    /// Its id.
    #[schema(required = true)]
    pub id: TaskId,
    /// What to do.
    #[schema(required = true)]
    pub title: String,
    /// When it is due.
    #[schema(required = true)]
    pub due_at: Option<DateTime<Utc>>,
}

impl From<&Task> for AgreedTask {
    fn from(task: &Task) -> Self {
        Self { id: task.id, title: task.title.clone(), due_at: task.due_at }
    }
}

impl Made for Communication {
    type Input = NewCommunication;

    fn input(&self) -> NewCommunication {
        NewCommunication {
            channel: Some(self.channel),
            direction: Some(self.direction),
            status: Some(self.status),
            occurred_at: Some(self.occurred_at),
            duration_seconds: self.duration_seconds,
            contact_id: Some(self.contact_id),
            party: None,
            participants: Some(self.participants.clone()),
            lead_id: self.lead_id,
            deal_id: self.deal_id,
            task_id: self.task_id,
            triggered_by: self.triggered_by.clone(),
            subject: self.subject.clone(),
            body: self.body.clone(),
            topic: self.topic.clone(),
            outcome: self.outcome.clone(),
            recording_url: self.recording_url.clone(),
            place: self.place.clone(),
            coordinates: self.coordinates.clone(),
            owner_id: self.owner_id,
            next_task: None,
            no_next_step_reason: None,
        }
    }

    fn make(input: &NewCommunication, previous: Option<&Self>, making: &Making<'_>) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        if input.channel.is_none() {
            errors.add("/channel", FieldCode::Required);
        }
        if input.direction.is_none() {
            errors.add("/direction", FieldCode::Required);
        }
        if input.contact_id.is_none() {
            errors.add("/contact_id", FieldCode::Required);
        }
        let now = making.birth.at;
        let status = input.status.unwrap_or(CommunicationStatus::Done);
        let occurred_at = errors.time("/occurred_at", input.occurred_at).unwrap_or(now);
        // clocks of other systems run a little ahead; what is later was planned, not done
        if status != CommunicationStatus::Planned && occurred_at > now + chrono::Duration::minutes(10) {
            errors.add_with("/occurred_at", FieldCode::InTheFuture, occurred_at.to_rfc3339());
        }
        let recording_url = errors.url("/recording_url", input.recording_url.as_deref());
        for (index, participant) in slice(input.participants.as_ref()).iter().enumerate() {
            if participant.contact_id.is_none() && participant.user_id.is_none() && line(participant.name.as_deref()).is_none() {
                errors.add(format!("/participants/{index}/name"), FieldCode::Required);
            }
        }
        if previous.is_some() && input.next_task.is_some() {
            errors.add("/next_task", FieldCode::Unchangeable);
        }
        if previous.is_some() && input.party.is_some() {
            errors.add("/party", FieldCode::Unchangeable);
        }
        errors.finish()?;
        let (Some(channel), Some(direction), Some(contact_id)) = (input.channel, input.direction, input.contact_id) else {
            return Err(FieldErrors::one("/channel", FieldCode::Required));
        };
        let communication = fresh!(Communication, making.birth, {
            channel: channel,
            direction: direction,
            status: status,
            occurred_at: occurred_at,
            duration_seconds: input.duration_seconds,
            contact_id: contact_id,
            participants: input.participants.clone().unwrap_or_default(),
            lead_id: input.lead_id,
            deal_id: input.deal_id,
            task_id: input.task_id,
            submission_id: previous.and_then(|p| p.submission_id),
            triggered_by: input.triggered_by.clone(),
            subject: line(input.subject.as_deref()),
            body: prose(input.body.as_deref()),
            topic: line(input.topic.as_deref()),
            outcome: line(input.outcome.as_deref()),
            recording_url: recording_url,
            place: line(input.place.as_deref()),
            // one zero: -0.0 is not what every database answers
            coordinates: input.coordinates.as_ref().map(|c| Coordinates { latitude: c.latitude + 0.0, longitude: c.longitude + 0.0 }),
            owner_id: if previous.is_some() { input.owner_id } else { input.owner_id.or(making.asker) },
            next_task: previous.and_then(|p| p.next_task.clone()),
        });
        Ok(match previous {
            None => communication,
            Some(old) => communication.in_the_envelope_of(old),
        })
    }

    fn references(&self) -> Vec<Reference> {
        let mut references: Vec<Reference> = [
            Some(Reference::new("/contact_id", RecordType::Contact, self.contact_id.uuid())),
            Reference::optional("/owner_id", RecordType::User, self.owner_id),
            Reference::optional("/lead_id", RecordType::Lead, self.lead_id),
            Reference::optional("/deal_id", RecordType::Deal, self.deal_id),
            Reference::optional("/task_id", RecordType::Task, self.task_id),
        ]
        .into_iter()
        .flatten()
        .collect();
        for (index, participant) in self.participants.iter().enumerate() {
            let at = |field: &str| format!("/participants/{index}/{field}");
            references.extend(participant.contact_id.map(|id| Reference::new(at("contact_id"), RecordType::Contact, id.uuid())));
            references.extend(participant.user_id.map(|id| Reference::new(at("user_id"), RecordType::User, id.uuid())));
        }
        if let Some(trigger) = &self.triggered_by {
            let record = match trigger.kind {
                TriggerKind::Communication => Some(RecordType::Communication),
                TriggerKind::Task => Some(RecordType::Task),
                TriggerKind::Submission => Some(RecordType::Submission),
                TriggerKind::Rule => None,
            };
            references.extend(record.map(|record| Reference::new("/triggered_by/id", record, trigger.id)));
        }
        references
    }
}

impl Communication {
    /// Whether this shows that somebody of ours reacted to the client.
    pub fn is_response(&self) -> bool {
        self.status == CommunicationStatus::Done
            && self.channel != Channel::Form
            && (self.direction == Direction::Outbound || matches!(self.channel, Channel::Call | Channel::Meeting))
    }
}
