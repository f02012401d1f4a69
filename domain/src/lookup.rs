//! Look-up: who is behind a phone, an e-mail, a tax id or a handle. Exact, on normalised values.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    communication::Communication, company::Company, contact::Contact, deal::turnover::Turnover, id::UserId, lead::Lead, task::Task,
};

/// How many open leads and tasks are told.
pub const MOST_OPEN: i64 = 10;

params! {
    /// By what to look up; exactly one is given.
    pub struct LookUp {
        /// A phone as people write it.
        phone: String,
        /// An e-mail address.
        email: String,
        /// A tax id.
        tax_id: String,
        /// `network:handle`, as `telegram:anna`.
        messenger: String,
    }
}

/// Who it is.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LookUpAnswer {
    /// The contacts that have it, oldest first.
    #[schema(required = true)]
    pub contacts: Vec<Contact>,
    /// The companies that have it, oldest first.
    #[schema(required = true)]
    pub companies: Vec<Company>,
    /// The responsible person of the first of the contacts that has one, to switch a call to.
    #[schema(required = true)]
    pub responsible: Option<SwitchTo>,
    /// The latest communication with any of the contacts.
    #[schema(required = true)]
    pub last_communication: Option<Communication>,
    /// Their leads that are new or in work, the newest first, at most 10.
    #[schema(required = true)]
    pub open_leads: Vec<Lead>,
    /// Their open tasks, the earliest first, at most 10.
    #[schema(required = true)]
    pub open_tasks: Vec<Task>,
    /// What the contacts bought; null for whoever may not see what deals came to.
    #[schema(required = true)]
    pub turnover: Option<Turnover>,
}

/// Whom to switch a call to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SwitchTo {
    /// Who.
    #[schema(required = true)]
    pub user_id: UserId,
    /// His name.
    #[schema(required = true)]
    pub name: String,
    /// His extension; null when the workspace's settings name none.
    #[schema(required = true)]
    pub extension: Option<String>,
    /// Until when he is away.
    #[schema(required = true)]
    pub absent_until: Option<DateTime<Utc>>,
    /// Whether he works here and is not away.
    #[schema(required = true)]
    pub available: bool,
}
