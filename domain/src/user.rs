//! User: somebody who works in a workspace. Deactivated, not deleted: records keep naming him.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use crate::{
    access::{RecordType, RoleKey},
    email,
    id::{DepartmentId, UserId},
    invalid::{FieldCode, FieldErrors, line},
    list::AnyOf,
    record::{Made, Making, Reference},
    workspace,
};

record! {
    /// Somebody who works in the workspace.
    pub struct User (RecordType::User) {
        /// E-mail address he signs in with.
        pub email: String,
        /// His name.
        pub name: String,
        /// His role.
        pub role: String,
        /// His department.
        pub department_id: Option<DepartmentId>,
        /// Whether he may sign in and be given work.
        pub active: bool,
        /// Until when he is away.
        pub absent_until: Option<DateTime<Utc>>,
        /// Language he wants to be addressed in.
        pub language: Option<String>,
        /// His time zone, IANA; the workspace's when null.
        pub time_zone: Option<String>,
    }
}

input! {
    /// A colleague to add. Without a password, a link to set one is made by `create_password_link`.
    pub struct NewUser, UserPatch clears UserField {
        /// E-mail address he signs in with; cannot be changed later.
        email (required = true): String, max 320;
        /// His name.
        name (required = true): String, max 200;
        /// Key of his role; `manager` when absent.
        #[schema(pattern = "^([a-z][a-z0-9_]*)?$")]
        role: String, max 50;
        /// His department.
        department_id: DepartmentId;
        /// Whether he may sign in and be given work; `true` when absent.
        active: bool;
        /// Until when he is away.
        absent_until: DateTime<Utc>;
        /// Language he wants to be addressed in.
        language: String, max 20;
        /// His time zone, IANA.
        time_zone: String, max 60;
        /// His first password; only when adding him.
        password: String, max 1000;
    }
}

sorts! {
    /// Orders of users.
    pub enum UserSort {
        Name = "name" => "sort_key" up,
        CreatedDown = "-created_at" => "created_at" down,
    }
}

list_params! {
    /// Filters of users.
    pub struct ListUsers sort UserSort {
        /// Words of the name or part of the e-mail.
        q: String,
        /// Roles.
        role: AnyOf<String>,
        /// Departments.
        department_id: AnyOf<DepartmentId>,
        /// Only those who may sign in (`true`), or may not (`false`).
        active: bool,
    }
}

/// Who is asking, where, and what he may do.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Me {
    /// The person; null for an API key.
    #[schema(required = true)]
    pub user: Option<User>,
    /// How changes by this caller are signed.
    #[schema(required = true)]
    pub actor: crate::actor::ActorRef,
    /// The workspace of this token.
    #[schema(required = true)]
    pub workspace: WorkspaceBrief,
    /// Every workspace this person is active in.
    #[schema(required = true)]
    pub workspaces: Vec<WorkspaceBrief>,
    /// The role.
    #[schema(required = true)]
    pub role: String,
    /// What may be done, per record type.
    #[schema(required = true)]
    pub rights: Vec<crate::access::Right>,
}

/// A workspace's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkspaceBrief {
    /// Its id.
    #[schema(required = true)]
    pub id: crate::id::WorkspaceId,
    /// Its short name for sign-in.
    #[schema(required = true)]
    pub slug: String,
    /// Its name.
    #[schema(required = true)]
    pub name: String,
}

/// A change of one's own password.
#[derive(Debug, Clone, Default, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// The present one.
    #[validate(length(max = 1000))]
    #[schema(max_length = 1000)]
    pub current_password: String,
    /// The new one, at least 10 characters.
    #[validate(length(max = 1000))]
    #[schema(min_length = 10, max_length = 1000)]
    pub new_password: String,
}

/// A link by which a person sets a password; valid once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PasswordLink {
    /// For whom.
    #[schema(required = true)]
    pub user_id: UserId,
    /// Secret to send to `confirm_password_reset`.
    #[schema(required = true)]
    pub token: String,
    /// Until when it works.
    #[schema(required = true)]
    pub expires_at: DateTime<Utc>,
}

/// The most common passwords of published lists, and what people here type first.
const COMMON: &[&str] = &[
    "1234567890",
    "qwertyuiop",
    "qwerty1234",
    "password12",
    "password123",
    "password1234",
    "1q2w3e4r5t",
    "123456789a",
    "0987654321",
    "йцукенгшщз",
    "парольпароль",
    "administrator",
    "kartoteka1",
    "kartoteka123",
    "changeme123",
    "letmein1234",
    "welcome1234",
    "iloveyou12",
    "qazwsxedcr",
    "1111111111",
    "0000000000",
    "aaaaaaaaaa",
    "qwerty12345",
    "1qaz2wsx3edc",
    "123123123123",
    "12345678910",
];

/// Refuses a password that is short, common or the person's own address. No composition theatre (NIST SP 800-63B, 3.1.1.2).
pub fn check_password(password: &str, email: &str, pointer: &str, errors: &mut FieldErrors) {
    let length = password.chars().count();
    let lower = password.to_lowercase();
    let mut letters: Vec<char> = lower.chars().collect();
    letters.sort_unstable();
    letters.dedup();
    let own = email.split('@').next().unwrap_or_default().to_lowercase();
    if length < 10
        || letters.len() < 4
        || COMMON.contains(&lower.as_str())
        || lower == email.to_lowercase()
        || (own.len() > 3 && lower.starts_with(&own) && length < own.len() + 6)
    {
        errors.add(pointer, FieldCode::WeakPassword);
    } else if length > 1000 {
        errors.add_with(pointer, FieldCode::TooLong, "1000");
    }
}

impl Made for User {
    type Input = NewUser;

    fn input(&self) -> NewUser {
        NewUser {
            email: Some(self.email.clone()),
            name: Some(self.name.clone()),
            role: Some(self.role.clone()),
            department_id: self.department_id,
            active: Some(self.active),
            absent_until: self.absent_until,
            language: self.language.clone(),
            time_zone: self.time_zone.clone(),
            password: None,
        }
    }

    fn make(input: &NewUser, previous: Option<&Self>, making: &Making<'_>) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        let name = errors.required_line("/name", input.name.as_deref());
        let typed = line(input.email.as_deref()).unwrap_or_default();
        let address = match email::parse(&typed) {
            Ok(parsed) => parsed.normalised,
            Err(_) if typed.is_empty() => {
                errors.add("/email", FieldCode::Required);
                String::new()
            }
            Err(_) => {
                errors.add_with("/email", FieldCode::InvalidEmail, &typed);
                String::new()
            }
        };
        if previous.is_some_and(|old| old.email != address) {
            errors.add("/email", FieldCode::Unchangeable);
        }
        if let Some(password) = &input.password {
            if previous.is_some() {
                errors.add("/password", FieldCode::Unchangeable);
            } else {
                check_password(password, &address, "/password", &mut errors);
            }
        }
        let language = line(input.language.as_deref());
        if let Some(language) = language.as_deref().filter(|l| !workspace::is_language(l)) {
            errors.add_with("/language", FieldCode::InvalidLanguage, language);
        }
        let time_zone = errors.zone("/time_zone", input.time_zone.as_deref());
        let absent_until = errors.time("/absent_until", input.absent_until);
        errors.finish()?;
        let user = fresh!(User, making.birth, {
            email: address,
            name: name,
            role: line(input.role.as_deref()).unwrap_or_else(|| RoleKey::Manager.word().to_owned()),
            department_id: input.department_id,
            active: input.active.unwrap_or(true),
            absent_until: absent_until,
            language: language,
            time_zone: time_zone,
        });
        Ok(match previous {
            None => user,
            Some(old) => user.in_the_envelope_of(old),
        })
    }

    fn references(&self) -> Vec<Reference> {
        Reference::optional("/department_id", RecordType::Department, self.department_id).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_judged_by_length_and_commonness_not_by_composition() {
        let weak = |password: &str| {
            let mut errors = FieldErrors::default();
            check_password(password, "anna@example.com", "/password", &mut errors);
            !errors.is_empty()
        };
        assert!(weak("short"));
        assert!(weak("Password123"));
        assert!(weak("aaaaaaaaaaaa"));
        assert!(weak("anna123456".get(..9).unwrap()));
        assert!(!weak("correct horse battery"));
        assert!(!weak("зелёный слон спит"));
    }
}
