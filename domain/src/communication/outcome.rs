//! What may come of a communication: the workspace's list, each entry with the channels and the topic it is for, the fields it demands and
//! the next step that must come with it.

use chrono::{DateTime, Duration, Utc};

use super::{Channel, Communication};
use crate::{
    access::RecordType,
    contact::slice,
    invalid::{FieldCode, FieldErrors, line},
    record::{Made, Making},
    task::NewTask,
    text, workspace, zone,
};

words! {
    /// A field of a communication that an outcome may demand.
    pub enum CommunicationRequirement {
        /// Subject.
        Subject = "subject",
        /// Contents.
        Body = "body",
        /// Topic.
        Topic = "topic",
        /// How long it lasted.
        DurationSeconds = "duration_seconds",
        /// Who else took part.
        Participants = "participants",
        /// Which enquiry it is about.
        LeadId = "lead_id",
        /// Which deal it is about.
        DealId = "deal_id",
        /// Where it took place.
        Place = "place",
        /// Where on the globe.
        Coordinates = "coordinates",
        /// Address of the recording.
        RecordingUrl = "recording_url",
        /// What was said.
        Transcript = "transcript",
    }
}

words! {
    /// What must come with an outcome.
    pub enum OutcomeStep {
        /// Nothing.
        None = "none",
        /// A task: brought by the request, or made from the outcome's defaults.
        Task = "task",
        /// A meeting: the request says when and where.
        Meeting = "meeting",
    }
}

record! {
    /// What may come of a communication, and what that demands.
    pub struct CommunicationOutcome (RecordType::CommunicationOutcome) {
        /// Name as people read it.
        pub name: String,
        /// Through which channels; empty for any.
        pub channels: Vec<Channel>,
        /// Of which topic; null for any.
        pub topic: Option<String>,
        /// Fields the communication must have.
        pub required_fields: Vec<CommunicationRequirement>,
        /// What must come with it.
        pub next_step: OutcomeStep,
        /// What to do in the task that is made when the request brings none; null where it must bring one.
        pub task_title: Option<String>,
        /// Kind of that task.
        pub task_kind: Option<String>,
        /// How long after the communication that task is due, seconds.
        pub due_in_seconds: Option<i64>,
        /// Place in the list, smallest first.
        pub position: i64,
    }
}

input! {
    /// An outcome of communications to create.
    pub struct NewCommunicationOutcome, CommunicationOutcomePatch clears CommunicationOutcomeField {
        /// Name as people read it.
        name (required = true): String, max 100;
        /// Through which channels; any when absent or empty.
        channels: Vec<Channel>, items 20;
        /// Of which topic, case and spaces aside; any when absent.
        topic: String, max 100;
        /// Fields the communication must have when this is chosen.
        required_fields: Vec<CommunicationRequirement>, items 20;
        /// What must come with it; `none` when absent.
        next_step: OutcomeStep;
        /// What to do in the task that is made when the request brings none; only with `next_step` `task`, together with `due_in_seconds`.
        task_title: String, max 300;
        /// Kind of that task; `follow_up` when absent.
        #[schema(pattern = "^([a-z][a-z0-9_]*)?$")]
        task_kind: String, max 50;
        /// How long after the communication that task is due, seconds, at most a year.
        due_in_seconds: i64, range 60 to 31_622_400;
        /// Place in the list, smallest first; 0 when absent.
        position: i64, range 0 to 1_000_000;
    }
}

sorts! {
    /// Orders of outcomes.
    pub enum CommunicationOutcomeSort {
        Position = "position" => "position" up,
        Name = "name" => "sort_key" up,
        CreatedDown = "-created_at" => "created_at" down,
    }
}

list_params! {
    /// Filters of outcomes.
    pub struct ListCommunicationOutcomes sort CommunicationOutcomeSort {
        /// Words the name contains.
        q: String,
        /// Those for communications through this channel, and those for any.
        channel: Channel,
        /// Those of this topic, case and spaces aside, and those of any.
        topic: String,
    }
}

/// What comes with a communication beside itself, or came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Brought {
    /// A next task.
    pub task: bool,
    /// A next meeting.
    pub meeting: bool,
}

/// Topics are compared by this: case, `ё` and spaces do not make two.
pub fn topic_key(topic: &str) -> String {
    text::fold(topic)
}

impl Made for CommunicationOutcome {
    type Input = NewCommunicationOutcome;

    fn input(&self) -> NewCommunicationOutcome {
        NewCommunicationOutcome {
            name: Some(self.name.clone()),
            channels: Some(self.channels.clone()),
            topic: self.topic.clone(),
            required_fields: Some(self.required_fields.clone()),
            next_step: Some(self.next_step),
            task_title: self.task_title.clone(),
            task_kind: self.task_kind.clone(),
            due_in_seconds: self.due_in_seconds,
            position: Some(self.position),
        }
    }

    fn make(input: &NewCommunicationOutcome, previous: Option<&Self>, making: &Making<'_>) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        let name = errors.required_line("/name", input.name.as_deref());
        let next_step = input.next_step.unwrap_or(OutcomeStep::None);
        let (mut task_title, mut task_kind, mut due_in_seconds) =
            (line(input.task_title.as_deref()), line(input.task_kind.as_deref()), input.due_in_seconds);
        if let Some(kind) = task_kind.as_deref().filter(|kind| !workspace::is_key(kind)) {
            errors.add_with("/task_kind", FieldCode::InvalidKey, kind);
        }
        if next_step == OutcomeStep::Task {
            // a task is made from all of it or not at all
            if task_title.is_none() && (task_kind.is_some() || due_in_seconds.is_some()) {
                errors.add("/task_title", FieldCode::Required);
            }
            if due_in_seconds.is_none() && (task_kind.is_some() || task_title.is_some()) {
                errors.add("/due_in_seconds", FieldCode::Required);
            }
        } else {
            // what was told of the task goes with it, what is told anew contradicts
            let (title, kind, due) =
                previous.map_or((None, None, None), |old| (old.task_title.as_ref(), old.task_kind.as_ref(), old.due_in_seconds));
            let anew = [
                ("/task_title", task_title.is_some() && task_title.as_ref() != title),
                ("/task_kind", task_kind.is_some() && task_kind.as_ref() != kind),
                ("/due_in_seconds", due_in_seconds.is_some() && due_in_seconds != due),
            ];
            for (pointer, _) in anew.iter().filter(|(_, anew)| *anew) {
                errors.add(*pointer, FieldCode::ConflictingFields);
            }
            (task_title, task_kind, due_in_seconds) = (None, None, None);
        }
        errors.finish()?;
        let mut channels = slice(input.channels.as_ref()).to_vec();
        channels.sort_unstable();
        channels.dedup();
        let mut required_fields = slice(input.required_fields.as_ref()).to_vec();
        required_fields.sort_unstable();
        required_fields.dedup();
        let outcome = fresh!(CommunicationOutcome, making.birth, {
            name: name,
            channels: channels,
            topic: line(input.topic.as_deref()),
            required_fields: required_fields,
            next_step: next_step,
            task_title: task_title,
            task_kind: task_kind,
            due_in_seconds: due_in_seconds,
            position: input.position.unwrap_or(0),
        });
        Ok(match previous {
            None => outcome,
            Some(old) => outcome.in_the_envelope_of(old),
        })
    }
}

impl CommunicationRequirement {
    /// Whether a communication has it.
    pub fn is_met_by(self, of: &Communication) -> bool {
        match self {
            Self::Subject => of.subject.is_some(),
            Self::Body => of.body.is_some(),
            Self::Topic => of.topic.is_some(),
            Self::DurationSeconds => of.duration_seconds.is_some(),
            Self::Participants => !of.participants.is_empty(),
            Self::LeadId => of.lead_id.is_some(),
            Self::DealId => of.deal_id.is_some(),
            Self::Place => of.place.is_some(),
            Self::Coordinates => of.coordinates.is_some(),
            Self::RecordingUrl => of.recording_url.is_some() || of.recording.is_some(),
            Self::Transcript => of.transcript.is_some(),
        }
    }
}

impl CommunicationOutcome {
    /// Whether it is for such a communication.
    pub fn fits(&self, channel: Channel, topic: Option<&str>) -> bool {
        let for_topic = |wanted: &str| topic.is_some_and(|topic| topic_key(topic) == topic_key(wanted));
        (self.channels.is_empty() || self.channels.contains(&channel)) && self.topic.as_deref().is_none_or(for_topic)
    }

    /// Whether it may be chosen for a communication: every fault at once.
    pub fn check(&self, of: &Communication, brought: Brought) -> Result<(), FieldErrors> {
        let mut errors = FieldErrors::default();
        if !self.fits(of.channel, of.topic.as_deref()) {
            errors.add("/outcome_id", FieldCode::ConflictingFields);
        }
        for field in self.required_fields.iter().filter(|field| !field.is_met_by(of)) {
            errors.add(format!("/{field}"), FieldCode::Required);
        }
        match self.next_step {
            OutcomeStep::Task if !brought.task && self.task_title.is_none() => errors.add("/next_task", FieldCode::Required),
            OutcomeStep::Meeting if !brought.meeting => errors.add("/next_meeting", FieldCode::Required),
            OutcomeStep::None | OutcomeStep::Task | OutcomeStep::Meeting => {}
        }
        errors.finish()
    }

    /// The task it makes of itself where none was brought; due after the communication, and never at a time that is over.
    pub fn own_task(&self, of: &Communication, brought: Brought, now: DateTime<Utc>) -> Option<NewTask> {
        if self.next_step != OutcomeStep::Task || brought.task {
            return None;
        }
        let wait = Duration::seconds(self.due_in_seconds?);
        let after = |at: DateTime<Utc>| at.checked_add_signed(wait).filter(|due| *due > now && zone::is_sane(*due));
        Some(NewTask {
            kind: self.task_kind.clone(),
            title: Some(self.task_title.clone()?),
            due_at: after(of.occurred_at).or_else(|| after(now)),
            owner_id: of.owner_id,
            contact_id: Some(of.contact_id),
            lead_id: of.lead_id,
            deal_id: of.deal_id,
            ..NewTask::default()
        })
    }

    /// What the communication says came of it: the words that were sent with it; else its name, in the place of the name of the outcome
    /// before. Own words of another time stay.
    pub fn told(&self, words: Option<String>, sent: bool, before: Option<&Self>) -> String {
        match words {
            Some(own) if sent || before.is_none_or(|before| before.name != own) => own,
            _ => self.name.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
