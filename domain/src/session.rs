//! Session: a signed-in person. Shapes of the sign-in endpoints.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

/// Marks ids of sessions.
#[derive(Debug)]
pub struct Session;

/// How long an access token works, seconds.
pub const ACCESS_SECONDS: i64 = 900;
/// How long a refresh token works unless used, seconds: 30 days.
pub const REFRESH_SECONDS: i64 = 2_592_000;
/// How long a link to set a password works, seconds: two days.
pub const PASSWORD_LINK_SECONDS: i64 = 172_800;

/// Who signs in.
#[derive(Debug, Clone, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// E-mail address.
    #[validate(length(max = 320))]
    #[schema(max_length = 320)]
    pub email: String,
    /// Password.
    #[validate(length(max = 1000))]
    #[schema(max_length = 1000)]
    pub password: String,
    /// Six digits of the second factor; not demanded by this version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[validate(length(max = 20))]
    #[schema(max_length = 20)]
    pub totp: Option<String>,
    /// Slug of the workspace, when the e-mail is in several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[validate(length(max = 100))]
    #[schema(max_length = 100)]
    pub workspace: Option<String>,
}

words! {
    /// How the access token is sent.
    pub enum TokenType {
        /// In the header `Authorization: Bearer …`.
        Bearer = "Bearer",
    }
}

/// Tokens of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tokens {
    /// JWT to send with requests.
    #[schema(required = true)]
    pub access_token: String,
    /// How it is sent.
    #[schema(required = true)]
    pub token_type: TokenType,
    /// How long it works, seconds.
    #[schema(required = true)]
    pub expires_in: i64,
    /// Gets the next pair, once.
    #[schema(required = true)]
    pub refresh_token: String,
}

/// A refresh token.
#[derive(Debug, Clone, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshRequest {
    /// The refresh token of the last answer.
    #[validate(length(max = 300))]
    #[schema(max_length = 300)]
    pub refresh_token: String,
}

/// Whose password is forgotten.
#[derive(Debug, Clone, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordResetRequest {
    /// E-mail address.
    #[validate(length(max = 320))]
    #[schema(max_length = 320)]
    pub email: String,
}

/// A new password by a link.
#[derive(Debug, Clone, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordResetConfirmation {
    /// The link's token.
    #[validate(length(max = 300))]
    #[schema(max_length = 300)]
    pub token: String,
    /// The new password, at least 10 characters.
    #[validate(length(max = 1000))]
    #[schema(min_length = 10, max_length = 1000)]
    pub new_password: String,
}
