//! Communication: a call, meeting, letter or message, always with a card. Refuses what cannot have happened.

mod agreed;
pub mod chain;
pub mod meeting;
pub mod outcome;
mod part;

use chrono::{DateTime, Utc};
use validator::Validate;

use crate::{
    access::RecordType,
    contact::slice,
    id::{CommunicationOutcomeId, ContactId, DealId, LeadId, SubmissionId, TaskId, UserId},
    invalid::{FieldCode, FieldErrors, line, prose},
    list::AnyOf,
    record::{CLOCKS_DIFFER, Made, Making, Reference},
    recording::KeptRecording,
    task::NewTask,
    workspace::Policy,
};

pub use agreed::{AgreedMeeting, AgreedTask, NextMeeting};
pub use part::{Channel, CommunicationStatus, Coordinates, Direction, Participant, Party, TriggerKind, TriggeredBy};

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
        /// What came of it, in words.
        pub outcome: Option<String>,
        /// What came of it, of the workspace's list.
        pub outcome_id: Option<CommunicationOutcomeId>,
        /// Address of a recording that is kept elsewhere.
        pub recording_url: Option<String>,
        /// The recording that is kept here; `listen_to_recording` plays it.
        pub recording: Option<KeptRecording>,
        /// What was said.
        pub transcript: Option<String>,
        /// Where it took place.
        pub place: Option<String>,
        /// Where on the globe.
        pub coordinates: Option<Coordinates>,
        /// When it was to take place; kept when it did, or did not.
        pub planned_at: Option<DateTime<Utc>>,
        /// Where it was to take place.
        pub planned_place: Option<String>,
        /// Where on the globe it was to take place.
        pub planned_coordinates: Option<Coordinates>,
        /// How long it was to last, seconds.
        pub planned_duration_seconds: Option<i64>,
        /// Where and when somebody of ours came to the meeting.
        pub check_in: Option<meeting::Presence>,
        /// Where and when he left.
        pub check_out: Option<meeting::Presence>,
        /// Whether it was where it was planned; null where no place was planned or nobody said where it was.
        pub place_matches: Option<bool>,
        /// How far from the plan it was, when that was too far.
        pub place_mismatch: Option<meeting::PlaceMismatch>,
        /// The user who led it.
        pub owner_id: Option<UserId>,
        /// The next step agreed in it.
        pub next_task: Option<AgreedTask>,
        /// The next meeting agreed in it.
        pub next_meeting: Option<AgreedMeeting>,
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
        /// What came of it, in words; the name of the chosen outcome when absent.
        outcome: String, max 500;
        /// What came of it, of the workspace's list (`/v1/communication-outcomes`): it must be for the channel and the topic; what it demands
        /// is asked for when it is chosen.
        outcome_id: CommunicationOutcomeId;
        /// Address of a recording that is kept elsewhere, http or https; one to be kept here is uploaded (`upload_recording`).
        recording_url: String, max 2000;
        /// What was said.
        transcript: String, max 200_000;
        /// Where it took place.
        place: String, max 500;
        /// Where on the globe.
        #[validate(nested)]
        coordinates: Coordinates;
        /// The user who led it; the asking user when absent.
        owner_id: UserId;
        /// The next step with this client, made in the same transaction; only when recording, or with another outcome of the list.
        #[validate(nested)]
        next_task: NewTask;
        /// The meeting agreed on, planned in the same transaction; only when recording, or with another outcome of the list.
        #[validate(nested)]
        next_meeting: NextMeeting;
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
        /// What came of them, of the workspace's list.
        outcome_id: AnyOf<CommunicationOutcomeId>,
        /// Only those that took place and say neither what came of them nor a next step (`true`), or the others (`false`).
        outcome_missing: bool,
        /// Took place at or after.
        occurred_after: crate::list::Moment,
        /// Took place before.
        occurred_before: crate::list::Moment,
        /// Related records to put beside each one: contact, owner, lead, deal.
        expand: AnyOf<CommunicationExpansion>,
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
            outcome_id: self.outcome_id,
            recording_url: self.recording_url.clone(),
            transcript: self.transcript.clone(),
            place: self.place.clone(),
            coordinates: self.coordinates.clone(),
            owner_id: self.owner_id,
            next_task: None,
            next_meeting: None,
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
        if status != CommunicationStatus::Planned && occurred_at > now + CLOCKS_DIFFER {
            errors.add_with("/occurred_at", FieldCode::InTheFuture, occurred_at.to_rfc3339());
        }
        let recording_url = errors.url("/recording_url", input.recording_url.as_deref());
        let participants = slice(input.participants.as_ref());
        if previous.is_none_or(|old| old.participants != participants) {
            part::check(participants, &mut errors);
        }
        if let Some(old) = previous {
            old.check_steps(input.outcome_id, input.next_task.is_some(), input.next_meeting.as_ref(), now, &mut errors);
            if input.party.is_some() {
                errors.add("/party", FieldCode::Unchangeable);
            }
        }
        if let (None, Some(meeting)) = (previous, &input.next_meeting) {
            meeting.check(now, &mut errors);
        }
        errors.finish()?;
        let (Some(channel), Some(direction), Some(contact_id)) = (input.channel, input.direction, input.contact_id) else {
            return Err(FieldErrors::one("/channel", FieldCode::Required));
        };
        let place = line(input.place.as_deref());
        // one zero: -0.0 is not what every database answers
        let coordinates = input.coordinates.as_ref().map(|c| Coordinates { latitude: c.latitude + 0.0, longitude: c.longitude + 0.0 });
        // the plan is what stands while it is planned, and stays when it becomes something else
        let is_planned = status == CommunicationStatus::Planned;
        let (planned_at, planned_duration_seconds) = if is_planned {
            (Some(occurred_at), input.duration_seconds)
        } else {
            previous.map_or((None, None), |p| (p.planned_at, p.planned_duration_seconds))
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
            outcome_id: input.outcome_id,
            recording_url: recording_url,
            recording: previous.and_then(|p| p.recording.clone()),
            transcript: prose(input.transcript.as_deref()),
            planned_at: planned_at,
            planned_place: if is_planned { place.clone() } else { previous.and_then(|p| p.planned_place.clone()) },
            planned_coordinates: if is_planned { coordinates.clone() } else { previous.and_then(|p| p.planned_coordinates.clone()) },
            planned_duration_seconds: planned_duration_seconds,
            place: place,
            coordinates: coordinates,
            check_in: previous.and_then(|p| p.check_in.clone()),
            check_out: previous.and_then(|p| p.check_out.clone()),
            place_matches: previous.and_then(|p| p.place_matches),
            place_mismatch: previous.and_then(|p| p.place_mismatch.clone()),
            owner_id: if previous.is_some() { input.owner_id } else { input.owner_id.or(making.asker) },
            next_task: previous.and_then(|p| p.next_task.clone()),
            next_meeting: previous.and_then(|p| p.next_meeting.clone()),
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
            Reference::optional("/outcome_id", RecordType::CommunicationOutcome, self.outcome_id),
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
    /// Whether it took place and says neither what came of it nor a next step. What a form or a questionnaire recorded by itself is
    /// its own outcome.
    pub fn outcome_missing(&self) -> bool {
        self.status == CommunicationStatus::Done
            && !matches!(self.channel, Channel::Form | Channel::Survey)
            && self.outcome.is_none()
            && self.outcome_id.is_none()
            && self.next_task.is_none()
            && self.next_meeting.is_none()
    }

    /// What an outcome demands may come with it when it is chosen, once.
    fn check_steps(
        &self,
        outcome: Option<CommunicationOutcomeId>,
        task: bool,
        meeting: Option<&NextMeeting>,
        now: DateTime<Utc>,
        errors: &mut FieldErrors,
    ) {
        let chosen = outcome.is_some() && outcome != self.outcome_id;
        if task && !(chosen && self.next_task.is_none()) {
            errors.add("/next_task", FieldCode::Unchangeable);
        }
        match meeting {
            Some(_) if !chosen || self.next_meeting.is_some() => errors.add("/next_meeting", FieldCode::Unchangeable),
            Some(meeting) => meeting.check(now, errors),
            None => {}
        }
    }

    /// What the policy says of a communication without its outcome.
    pub fn outcome_verdict(&self, policy: Policy) -> Policy {
        if self.outcome_missing() { policy } else { Policy::Off }
    }

    /// Whether this shows that somebody of ours reacted to the client.
    pub fn is_response(&self) -> bool {
        self.status == CommunicationStatus::Done
            && self.channel != Channel::Form
            && (self.direction == Direction::Outbound || matches!(self.channel, Channel::Call | Channel::Meeting))
    }
}

#[cfg(test)]
mod tests;
