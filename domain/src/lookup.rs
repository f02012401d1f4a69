//! Look-up: who is behind a phone, an e-mail, a tax id or a handle. Exact, on normalised values.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{company::Company, contact::Contact};

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
}
