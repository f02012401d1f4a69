//! Session: a signed-in person. Shapes of the sign-in endpoints.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use crate::id::{SessionId, UserId};

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
    /// Six digits of the second factor, or a recovery code; where one is set up.
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
    #[schema(min_length = 10, max_length = 256)]
    pub new_password: String,
}

/// A session as its person and administrators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionInfo {
    /// Its id.
    #[schema(required = true)]
    pub id: SessionId,
    /// Whose.
    #[schema(required = true)]
    pub user_id: UserId,
    /// When the person signed in.
    #[schema(required = true)]
    pub created_at: DateTime<Utc>,
    /// When its tokens were refreshed last.
    #[schema(required = true)]
    pub refreshed_at: DateTime<Utc>,
    /// When it ends unless refreshed.
    #[schema(required = true)]
    pub expires_at: DateTime<Utc>,
    /// When it was ended.
    #[schema(required = true)]
    pub ended_at: Option<DateTime<Utc>>,
    /// Address the person signed in from.
    #[schema(required = true)]
    pub address: Option<String>,
    /// What the client called itself.
    #[schema(required = true)]
    pub user_agent: Option<String>,
    /// Whether it is the session of the asking token.
    #[schema(required = true)]
    pub current: bool,
}

sorts! {
    /// Orders of sessions.
    pub enum SessionSort {
        CreatedDown = "-created_at" => "created_at" down,
        CreatedUp = "created_at" => "created_at" up,
    }
}

list_params! {
    /// Filters of sessions; those that ended or ran out count as archived.
    pub struct ListSessions sort SessionSort {}
}

/// Which sessions to end.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndSessions {
    /// Whether the asking session goes on; `false` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub except_current: Option<bool>,
}
