//! Unmasking for one answer: a reason is asked for, and kept.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

/// Why masked fields are to be shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reveal {
    /// The reason, kept in the audit.
    #[validate(length(max = 500))]
    #[schema(min_length = 1, max_length = 500, pattern = r"\S")]
    pub reason: String,
}
