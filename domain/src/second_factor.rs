//! Second factor: a code of the person's device beside the password (RFC 6238), recovery codes for the day it is lost.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use crate::workspace::Policy;

/// How many recovery codes a person gets.
pub const RECOVERY_CODES: usize = 10;

/// What a code as typed is to be held against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// Six digits of the device.
    Device(String),
    /// A recovery code, without what only helps reading.
    Recovery(String),
}

impl Code {
    /// Reads what somebody typed: spaces and hyphens do not count, nor does case.
    pub fn read(typed: &str) -> Self {
        let plain: String = typed.chars().filter(|c| !c.is_whitespace() && *c != '-').flat_map(char::to_lowercase).collect();
        if plain.len() == 6 && plain.bytes().all(|b| b.is_ascii_digit()) { Self::Device(plain) } else { Self::Recovery(plain) }
    }
}

/// The proof wanted before a second factor is set up or its codes are made anew.
#[derive(Debug, Clone, Default, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordProof {
    /// The present password.
    #[validate(length(max = 1000))]
    #[schema(max_length = 1000)]
    pub current_password: String,
}

/// A code of the device.
#[derive(Debug, Clone, Default, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TotpConfirmation {
    /// The six digits the device shows.
    #[validate(length(max = 20))]
    #[schema(max_length = 20)]
    pub code: String,
}

/// The proof wanted before a second factor is given up: the password or a code.
#[derive(Debug, Clone, Default, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TotpDisabling {
    /// The present password.
    #[validate(length(max = 1000))]
    #[schema(max_length = 1000)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_password: Option<String>,
    /// The six digits the device shows, or a recovery code.
    #[validate(length(max = 20))]
    #[schema(max_length = 20)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// What a device needs to show codes; told once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TotpEnrolment {
    /// The secret, base32, for typing it in.
    #[schema(required = true)]
    pub secret: String,
    /// The same as an address, for a QR code.
    #[schema(required = true)]
    pub otpauth_uri: String,
}

/// Recovery codes; told once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecoveryCodes {
    /// Each signs in once in place of a code of the device.
    #[schema(required = true)]
    pub recovery_codes: Vec<String>,
}

/// How it stands with a person's second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SecondFactorState {
    /// Whether it is asked for at sign-in.
    #[schema(required = true)]
    pub enabled: bool,
    /// What the workspace demands: with `require` and none enabled, nothing but setting it up is possible.
    #[schema(required = true)]
    pub demanded: Policy,
    /// How many recovery codes are left.
    #[schema(required = true)]
    pub recovery_codes_left: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_people_type_it() {
        assert_eq!(Code::read(" 123 456 "), Code::Device("123456".into()));
        assert_eq!(Code::read("ABCD-efgh-2345-wxyz"), Code::Recovery("abcdefgh2345wxyz".into()));
        assert_eq!(Code::read("1234567"), Code::Recovery("1234567".into()));
        assert_eq!(Code::read(""), Code::Recovery(String::new()));
    }
}
