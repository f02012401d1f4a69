//! Who may do what, and on which rows. The corridor has four doors: a verified credential makes an [`Actor`],
//! [`Actor::authorize`] makes a [`Scope`], a scope opens a transaction, a transaction reaches tables.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    actor::{ActorRef, ActorType},
    id::{UserId, WorkspaceId},
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
    }
}

words! {
    /// What is done to a record.
    pub enum Verb {
        /// See it.
        Read = "read",
        /// Make it.
        Create = "create",
        /// Change it, archive and restore it.
        Update = "update",
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

/// One rule on one field of one record type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldRule {
    /// On which records.
    pub record: RecordType,
    /// Name of the field.
    pub field: String,
    /// What is done to it.
    pub effect: FieldEffect,
}

/// What a field rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldEffect {
    /// Answered as null.
    Hidden,
    /// Answered with `•`.
    Masked,
    /// May not be written.
    ReadOnly,
}

/// A role: its matrix and its field rules. Ready-made ones come from here, a workspace's own from its table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its key.
    pub key: RoleKey,
    /// Whether leads nobody is responsible for are shown.
    pub see_unassigned: bool,
    /// Whether a duplicate may be created although the policy forbids it.
    pub override_duplicates: bool,
    /// What is hidden, masked, read-only.
    pub field_rules: Vec<FieldRule>,
}

impl Role {
    /// A ready-made role.
    pub fn ready_made(key: RoleKey) -> Self {
        Self {
            key,
            see_unassigned: !matches!(key, RoleKey::Manager),
            override_duplicates: matches!(key, RoleKey::Administrator),
            field_rules: Vec::new(),
        }
    }

    /// How far a verb on a record type reaches: the matrix of product.md, "Ready-made roles".
    pub fn reach(&self, record: RecordType, verb: Verb) -> Reach {
        use RecordType as R;
        use RoleKey as K;
        match (self.key, record, verb) {
            (K::Administrator, _, _) => Reach::All,
            // who works here and what the choice lists offer is needed by every picker
            (_, R::Workspace | R::User | R::Department | R::Source | R::ContactStatus | R::RejectReason | R::Tag, Verb::Read) => Reach::All,
            (K::Head | K::Manager | K::Integration, R::Tag, Verb::Create) => Reach::All,
            (K::Head | K::Integration, R::Form | R::Submission, Verb::Read) => Reach::All,
            (K::Head, R::Submission, Verb::Update) => Reach::All,
            // a record of a card is made by whoever works with the card; the card itself must be in reach
            (K::Head | K::Manager | K::Integration, R::Contact | R::Company | R::Lead, Verb::Create) => Reach::All,
            (K::Head | K::Manager | K::Operator | K::Integration, R::Task | R::Communication | R::Note, Verb::Create) => Reach::All,
            (K::Operator, R::Contact | R::Company | R::Lead, Verb::Create) => Reach::All,
            (K::Head, R::Contact | R::Company | R::Lead | R::Task | R::Communication | R::Note, _) => Reach::Department,
            (K::Head, R::DuplicateCandidate, Verb::Read) => Reach::All,
            (K::Manager, R::Contact | R::Company | R::Lead | R::Task | R::Communication | R::Note, _) => Reach::Own,
            (K::Operator, R::Task | R::Communication | R::Note, _) | (K::Operator, R::Contact | R::Company | R::Lead, Verb::Read) => {
                Reach::Own
            }
            (K::Integration, R::Contact | R::Company | R::Lead | R::Task | R::Communication | R::Note | R::DuplicateCandidate, _) => {
                Reach::All
            }
            _ => Reach::None,
        }
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
    role: Arc<Role>,
    department: Arc<[UserId]>,
}

impl Actor {
    /// The door from a credential: call only where a password, token or key was just verified.
    /// `department` lists the users of the actor's department and of those below it.
    pub fn verified(workspace: WorkspaceId, who: ActorRef, user: Option<UserId>, role: Arc<Role>, department: Arc<[UserId]>) -> Self {
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
    pub fn role(&self) -> &Role {
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
        match self.role.reach(record, verb) {
            Reach::All => Owners::All,
            Reach::Department if !self.department.is_empty() => Owners::Of(Arc::clone(&self.department)),
            Reach::Department | Reach::Own => Owners::Of(self.user.into_iter().collect()),
            Reach::None => Owners::Of(Arc::from([])),
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
        let role = Arc::new(Role::ready_made(RoleKey::Administrator));
        let actor = Arc::new(Actor::verified(workspace, by, None, role, Arc::from([])));
        Self { actor, record: RecordType::Workspace, verb: Verb::Update }
    }
    /// The workspace.
    pub fn workspace(&self) -> WorkspaceId {
        self.actor.workspace
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
        match self.actor.owners(record, Verb::Update) {
            Owners::All => true,
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
            Arc::new(Role::ready_made(key)),
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
