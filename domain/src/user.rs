//! User: somebody who works in a workspace. Deactivated, not deleted: records keep naming him.

mod password;

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
    second_factor::SecondFactorState,
    workspace,
};

pub use password::{LONGEST, check_password};

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
        /// Since when he is invited and has set no password; null once he has one.
        pub invited_at: Option<DateTime<Utc>>,
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
        password: String, max 256;
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
    /// How it stands with the second factor.
    #[schema(required = true)]
    pub second_factor: SecondFactorState,
}

/// What a person has not finished, to be handed over when he leaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OpenWork {
    /// Whose.
    #[schema(required = true)]
    pub user_id: UserId,
    /// Open tasks, the earliest first.
    #[schema(required = true)]
    pub tasks: OpenWorkShelf,
    /// Leads that are new or in work, the oldest first.
    #[schema(required = true)]
    pub leads: OpenWorkShelf,
    /// Contacts he is responsible for, by name.
    #[schema(required = true)]
    pub contacts: OpenWorkShelf,
    /// Companies he is responsible for, by name.
    #[schema(required = true)]
    pub companies: OpenWorkShelf,
}

/// Records of one type that somebody is responsible for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OpenWorkShelf {
    /// How many there are.
    #[schema(required = true)]
    pub count: i64,
    /// Ids of the first 20.
    #[schema(required = true, value_type = Vec<crate::id::AnyId>)]
    pub first: Vec<uuid::Uuid>,
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
    #[schema(min_length = 10, max_length = 256)]
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
                check_password(password, &[&address, &name], "/password", &mut errors);
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
            invited_at: input.password.is_none().then_some(making.birth.at),
        });
        Ok(match previous {
            None => user,
            Some(old) => Self { invited_at: old.invited_at, ..user }.in_the_envelope_of(old),
        })
    }

    fn references(&self) -> Vec<Reference> {
        Reference::optional("/department_id", RecordType::Department, self.department_id).into_iter().collect()
    }
}
