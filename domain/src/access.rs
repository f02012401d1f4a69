//! Who may do what, and on which rows. The corridor has four doors: a verified credential makes an [`Actor`],
//! [`Actor::authorize`] makes a [`Scope`], a scope opens a transaction, a transaction reaches tables.

pub mod explain;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    actor::{ActorRef, ActorType},
    id::{UserId, WorkspaceId},
    role::FieldRules,
};

words! {
    /// Every type of record rights are given for.
    pub enum RecordType {
        /// The tenant's settings.
        Workspace = "workspace",
        /// A user.
        User = "user",
        /// A department.
        Department = "department",
        /// An API key.
        ApiKey = "api_key",
        /// A signed-in session.
        Session = "session",
        /// A contact.
        Contact = "contact",
        /// A company.
        Company = "company",
        /// A lead.
        Lead = "lead",
        /// A task.
        Task = "task",
        /// A communication.
        Communication = "communication",
        /// A note.
        Note = "note",
        /// A form.
        Form = "form",
        /// A submission.
        Submission = "submission",
        /// A source.
        Source = "source",
        /// A contact status.
        ContactStatus = "contact_status",
        /// A reject reason.
        RejectReason = "reject_reason",
        /// A tag.
        Tag = "tag",
        /// A pair of cards that may be one client.
        DuplicateCandidate = "duplicate_candidate",
        /// An audit event: reading them all, and taking changes back.
        AuditEvent = "audit_event",
        /// A role.
        Role = "role",
        /// A rule of assignment; the right to the workspace's settings is the right to them.
        AssignmentRule = "assignment_rule",
        /// A pipeline with its stages.
        Pipeline = "pipeline",
        /// A deal.
        Deal = "deal",
        /// A reason deals are lost for.
        LostReason = "lost_reason",
        /// What may come of a communication.
        CommunicationOutcome = "communication_outcome",
        /// An address that is told of events.
        Webhook = "webhook",
        /// Where somebody was, as his phone told.
        Position = "position",
        /// The sound of a communication: reading it is listening.
        Recording = "recording",
    }
}

words! {
    /// What is done to a record.
    pub enum Verb {
        /// See it.
        Read = "read",
        /// Make it.
        Create = "create",
        /// Change it.
        Update = "update",
        /// Archive it and bring it back.
        Delete = "delete",
        /// Take it out in bulk.
        Export = "export",
        /// Make one of two.
        Merge = "merge",
        /// Give it to somebody.
        Assign = "assign",
    }
}

#[expect(clippy::derivable_impls, reason = "`words!` derives for every word list alike")]
impl Default for Reach {
    fn default() -> Self {
        Self::None
    }
}

words! {
    /// How far a right reaches. Ordered: each includes those before it.
    pub enum Reach {
        /// Nothing.
        None = "none",
        /// What one is responsible for.
        Own = "own",
        /// What one's department and those below it are responsible for.
        Department = "department",
        /// Everything in the workspace.
        All = "all",
    }
}

words! {
    /// The ready-made roles.
    pub enum RoleKey {
        /// Everything, settings included.
        Administrator = "administrator",
        /// A department with those below it.
        Head = "head",
        /// One's own clients.
        Manager = "manager",
        /// Call centre: creates, sees what is assigned.
        Operator = "operator",
        /// Sees every card without contact data; keeps the tags.
        Marketer = "marketer",
        /// Sees everything without contact data.
        Analyst = "analyst",
        /// API keys of integrations.
        Integration = "integration",
    }
}

/// What the asker's role hides, masks or may not change in a record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldAccess {
    /// Fields answered as null.
    #[schema(required = true)]
    pub hidden: Vec<String>,
    /// Fields answered with `•` in place of most characters.
    #[schema(required = true)]
    pub masked: Vec<String>,
    /// Fields that may not be written.
    #[schema(required = true)]
    pub read_only: Vec<String>,
}

/// How far each verb on one record type reaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Right {
    /// On what.
    pub record: RecordType,
    /// See.
    #[serde(default)]
    #[schema(required = true, default = "none")]
    pub read: Reach,
    /// Make.
    #[serde(default)]
    #[schema(required = true, default = "none")]
    pub create: Reach,
    /// Change.
    #[serde(default)]
    #[schema(required = true, default = "none")]
    pub update: Reach,
    /// Archive and bring back.
    #[serde(default)]
    #[schema(required = true, default = "none")]
    pub delete: Reach,
    /// Take out in bulk.
    #[serde(default)]
    #[schema(required = true, default = "none")]
    pub export: Reach,
    /// Make one of two.
    #[serde(default)]
    #[schema(required = true, default = "none")]
    pub merge: Reach,
    /// Whose these records may become.
    #[serde(default)]
    #[schema(required = true, default = "none")]
    pub assign: Reach,
}

impl Right {
    /// Every verb as a function says.
    pub fn of(record: RecordType, reach: impl Fn(Verb) -> Reach) -> Self {
        Self {
            record,
            read: reach(Verb::Read),
            create: reach(Verb::Create),
            update: reach(Verb::Update),
            delete: reach(Verb::Delete),
            export: reach(Verb::Export),
            merge: reach(Verb::Merge),
            assign: reach(Verb::Assign),
        }
    }
    /// How far one verb reaches.
    pub fn reach(&self, verb: Verb) -> Reach {
        match verb {
            Verb::Read => self.read,
            Verb::Create => self.create,
            Verb::Update => self.update,
            Verb::Delete => self.delete,
            Verb::Export => self.export,
            Verb::Merge => self.merge,
            Verb::Assign => self.assign,
        }
    }
}

/// What a role may do: its matrix, its field rules, its permissions beside them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rights {
    /// Key of the role.
    pub role: String,
    /// Per record type; what is not named is not allowed.
    pub matrix: Vec<Right>,
    /// Whose figures are seen.
    pub analytics: Reach,
    /// Whether leads nobody is responsible for are shown.
    pub see_unassigned: bool,
    /// Whether a duplicate may be created although the policy forbids it.
    pub override_duplicates: bool,
    /// Whether masked fields may be revealed, each time with a reason.
    pub reveal: bool,
    /// What is hidden, masked, read-only.
    pub fields: FieldRules,
}

impl Rights {
    /// How far a verb on a record type reaches.
    pub fn reach(&self, record: RecordType, verb: Verb) -> Reach {
        // whoever is signed in may see that he is
        if (record, verb) == (RecordType::Session, Verb::Read) {
            return self.matrix.iter().find(|right| right.record == record).map_or(Reach::Own, |right| right.read.max(Reach::Own));
        }
        self.matrix.iter().find(|right| right.record == record).map_or(Reach::None, |right| right.reach(verb))
    }

    /// Whether everything that `other` may do is within these: nobody grants more than he has.
    pub fn cover(&self, other: &Self) -> bool {
        let reaches =
            RecordType::ALL.iter().all(|record| Verb::ALL.iter().all(|verb| other.reach(*record, *verb) <= self.reach(*record, *verb)));
        let flags = (self.see_unassigned || !other.see_unassigned)
            && (self.override_duplicates || !other.override_duplicates)
            && (self.reveal || !other.reveal)
            && other.analytics <= self.analytics;
        reaches && flags && other.fields.hold_at_least(&self.fields)
    }
}

/// The verb is not the asker's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Denied {
    /// On what.
    pub record: RecordType,
    /// To do what.
    pub verb: Verb,
}

/// Whose records a scope reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owners {
    /// No record at all: the verb is not the asker's, whoever's card the record hangs on.
    None,
    /// Everybody's, and nobody's.
    All,
    /// Those of these users.
    Of(Arc<[UserId]>),
}

/// Somebody whose credential was verified.
#[derive(Debug, Clone)]
pub struct Actor {
    workspace: WorkspaceId,
    who: ActorRef,
    user: Option<UserId>,
    role: Arc<Rights>,
    department: Arc<[UserId]>,
}

impl Actor {
    /// The door from a credential: call only where a password, token or key was just verified.
    /// `department` lists the users of the actor's department and of those below it.
    pub fn verified(workspace: WorkspaceId, who: ActorRef, user: Option<UserId>, role: Arc<Rights>, department: Arc<[UserId]>) -> Self {
        Self { workspace, who, user, role, department }
    }
    /// The workspace it acts in.
    pub fn workspace(&self) -> WorkspaceId {
        self.workspace
    }
    /// How it is written on records.
    pub fn who(&self) -> &ActorRef {
        &self.who
    }
    /// The user behind it; `None` for an API key or the server.
    pub fn user(&self) -> Option<UserId> {
        self.user
    }
    /// Its role.
    pub fn role(&self) -> &Rights {
        &self.role
    }

    /// The second door: a scope for one verb on one record type, or a refusal.
    pub fn authorize(self: &Arc<Self>, record: RecordType, verb: Verb) -> Result<Scope, Denied> {
        if self.role.reach(record, verb) == Reach::None {
            return Err(Denied { record, verb });
        }
        Ok(Scope { actor: Arc::clone(self), record, verb })
    }

    fn owners(&self, record: RecordType, verb: Verb) -> Owners {
        self.within(self.role.reach(record, verb))
    }

    fn within(&self, reach: Reach) -> Owners {
        match reach {
            Reach::All => Owners::All,
            Reach::Department if !self.department.is_empty() => Owners::Of(Arc::clone(&self.department)),
            Reach::Department | Reach::Own => Owners::Of(self.user.into_iter().collect()),
            Reach::None => Owners::None,
        }
    }
}

/// What one request may touch: workspace, actor, verb, reach.
#[derive(Debug, Clone)]
pub struct Scope {
    actor: Arc<Actor>,
    record: RecordType,
    verb: Verb,
}

impl Scope {
    /// The scope of the server's own work in a workspace (form processing, schedulers); `by` is stamped on what it does.
    pub fn of_the_server(workspace: WorkspaceId, by: ActorRef) -> Self {
        let role = Arc::new(crate::role::ready_made(RoleKey::Administrator));
        let actor = Arc::new(Actor::verified(workspace, by, None, role, Arc::from([])));
        Self { actor, record: RecordType::Workspace, verb: Verb::Update }
    }
    /// The workspace.
    pub fn workspace(&self) -> WorkspaceId {
        self.actor.workspace
    }
    /// The same actor's right to do something else.
    pub fn to(&self, record: RecordType, verb: Verb) -> Result<Self, Denied> {
        self.actor.authorize(record, verb)
    }
    /// The actor.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }
    /// The actor as stamped on records.
    pub fn by(&self) -> &ActorRef {
        &self.actor.who
    }
    /// Whose records of a type are reached: by the authorised verb for its own type, by read for the others.
    pub fn owners(&self, record: RecordType) -> Owners {
        self.actor.owners(record, if record == self.record { self.verb } else { Verb::Read })
    }
    /// The reach of reading, whatever the scope was opened for: for the card a new record hangs on.
    pub fn readers(&self, record: RecordType) -> Owners {
        self.actor.owners(record, Verb::Read)
    }
    /// The reach of changing, whatever the scope was opened for: for a card that is changed on the way.
    pub fn changers(&self, record: RecordType) -> Owners {
        self.actor.owners(record, Verb::Update)
    }
    /// Whose figures are seen.
    pub fn figures(&self) -> Owners {
        self.actor.within(self.actor.role.analytics)
    }
    /// Whether records without a responsible person are seen.
    pub fn sees_unassigned(&self) -> bool {
        self.actor.role.see_unassigned
    }
    /// Whether this actor may do something else, too.
    pub fn may(&self, record: RecordType, verb: Verb) -> bool {
        self.actor.role.reach(record, verb) != Reach::None
    }
    /// Whether a record may be given to this user by this actor.
    pub fn may_assign(&self, record: RecordType, to: UserId) -> bool {
        match self.actor.owners(record, Verb::Assign) {
            Owners::All => true,
            Owners::None => self.actor.who.kind != ActorType::User,
            Owners::Of(users) => users.contains(&to) || self.actor.who.kind != ActorType::User,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn actor(key: RoleKey) -> Arc<Actor> {
        let user = UserId::new(Uuid::from_u128(1));
        let who = ActorRef { kind: ActorType::User, id: Some(user.uuid()), name: "A".into() };
        Arc::new(Actor::verified(
            WorkspaceId::new(Uuid::nil()),
            who,
            Some(user),
            Arc::new(crate::role::ready_made(key)),
            Arc::from([user, UserId::new(Uuid::from_u128(2))]),
        ))
    }

    #[test]
    fn a_manager_reaches_his_own_a_head_the_department_an_administrator_all() {
        let owners = |key| actor(key).authorize(RecordType::Contact, Verb::Read).unwrap().owners(RecordType::Contact);
        assert!(matches!(owners(RoleKey::Manager), Owners::Of(users) if users.len() == 1));
        assert!(matches!(owners(RoleKey::Head), Owners::Of(users) if users.len() == 2));
        assert_eq!(owners(RoleKey::Administrator), Owners::All);
    }

    #[test]
    fn an_operator_makes_cards_but_does_not_change_them() {
        let operator = actor(RoleKey::Operator);
        assert!(operator.authorize(RecordType::Contact, Verb::Create).is_ok());
        assert_eq!(
            operator.authorize(RecordType::Contact, Verb::Update).unwrap_err(),
            Denied { record: RecordType::Contact, verb: Verb::Update }
        );
    }

    #[test]
    fn only_an_administrator_changes_people_keys_and_settings() {
        for key in RoleKey::ALL {
            for record in [RecordType::User, RecordType::ApiKey, RecordType::Workspace, RecordType::Form] {
                let allowed = actor(*key).authorize(record, Verb::Update).is_ok();
                assert_eq!(allowed, *key == RoleKey::Administrator, "{key} {record}");
            }
        }
    }
}
