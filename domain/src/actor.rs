//! Who acts: stamped on every record and every audit event.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

words! {
    /// What kind of actor changed something.
    pub enum ActorType {
        /// A signed-in person.
        User = "user",
        /// An integration by its API key.
        ApiKey = "api_key",
        /// An automation rule.
        Rule = "rule",
        /// A website form.
        Form = "form",
        /// An import.
        Import = "import",
        /// The server itself.
        System = "system",
    }
}

/// Who did it, as of the moment it was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActorRef {
    /// Kind of the actor.
    #[serde(rename = "type")]
    #[schema(required = true)]
    pub kind: ActorType,
    /// Its id; null for the server itself.
    #[schema(required = true)]
    pub id: Option<Uuid>,
    /// Its name at that time.
    #[schema(required = true)]
    pub name: String,
}

impl ActorRef {
    /// The server itself.
    pub fn system() -> Self {
        Self { kind: ActorType::System, id: None, name: "Kartoteka".into() }
    }
}
