//! What the database may answer instead of rows.

use diesel::result::{DatabaseErrorKind, Error};

/// Why a transaction did not happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Too many requests wait, or this one waited too long.
    #[error("the database is overloaded")]
    Overloaded,
    /// The connection to the database was lost. Whether a commit under way then came to be nobody knows: nothing is run again.
    #[error("the connection to the database was lost")]
    Lost,
    /// The row changed since it was read.
    #[error("the record changed meanwhile")]
    Stale,
    /// A value that must be unique is there already; the constraint's name, `table_column_key`.
    #[error("unique constraint {0}")]
    Unique(String),
    /// A referenced row is not there.
    #[error("foreign key constraint {0}")]
    Reference(String),
    /// Another transaction was in the way; trying again may help.
    #[error("conflict with another transaction: {0}")]
    Conflict(String),
    /// A lock was not to be had in time.
    #[error("a lock was not to be had in time")]
    LockTimeout,
    /// The cursor belongs to another list.
    #[error("the cursor does not belong to this list")]
    BadCursor,
    /// No space left.
    #[error("no space left for the database")]
    Full,
    /// A setting that cannot work.
    #[error("{0}")]
    Setup(String),
    /// Anything else; for the log only.
    #[error("{0}")]
    Internal(String),
}

/// An error of a use-case that may carry one of the store's.
pub trait Refusal: From<StoreError> + Send + 'static {
    /// The store's error inside.
    fn store_error(&self) -> Option<&StoreError>;
}

impl Refusal for StoreError {
    fn store_error(&self) -> Option<&StoreError> {
        Some(self)
    }
}

impl StoreError {
    /// Whether the same transaction may succeed when it is run again.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Conflict(_) | Self::Stale)
    }
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        match error {
            Error::DatabaseError(kind, info) => {
                let message = info.message();
                match kind {
                    DatabaseErrorKind::UniqueViolation => not_unique(constraint(info.constraint_name(), message)),
                    DatabaseErrorKind::ForeignKeyViolation => Self::Reference(constraint(info.constraint_name(), message)),
                    DatabaseErrorKind::ClosedConnection => Self::Lost,
                    DatabaseErrorKind::SerializationFailure => Self::Conflict(message.to_owned()),
                    _ if [
                        "terminating connection",
                        "closed the connection",
                        "no connection to the server",
                        "could not receive data",
                        "could not send data",
                    ]
                    .iter()
                    .any(|sign| message.contains(sign)) =>
                    {
                        Self::Lost
                    }
                    _ if ["deadlock detected", "database is locked", "could not commit", "could not serialize"]
                        .iter()
                        .any(|sign| message.contains(sign)) =>
                    {
                        Self::Conflict(message.to_owned())
                    }
                    _ if message.contains("lock timeout") => Self::LockTimeout,
                    _ if message.contains("statement timeout") => Self::Overloaded,
                    _ if message.contains("disk is full") || message.contains("No space left") => Self::Full,
                    _ => Self::Internal(message.to_owned()),
                }
            }
            Error::BrokenTransactionManager => Self::Lost,
            other => Self::Internal(other.to_string()),
        }
    }
}

/// Ids are fresh, but for rows that belong to another record and carry its id: two made one at the same time, and whoever comes again finds the other's.
fn not_unique(constraint: String) -> StoreError {
    if constraint.ends_with("_pkey") { StoreError::Conflict(constraint) } else { StoreError::Unique(constraint) }
}

/// PostgreSQL names the constraint, SQLite only the columns: both become `table_column_key`.
fn constraint(name: Option<&str>, message: &str) -> String {
    if let Some(name) = name.filter(|name| !name.is_empty()) {
        // a distributed PostgreSQL appends the shard's number
        return match name.rsplit_once('_') {
            Some((front, shard)) if !shard.is_empty() && shard.bytes().all(|b| b.is_ascii_digit()) => front.to_owned(),
            _ => name.to_owned(),
        };
    }
    let Some((_, columns)) = message.split_once("failed: ") else { return message.to_owned() };
    let mut table = "";
    let names: Vec<&str> = columns
        .split(", ")
        .filter_map(|column| {
            let (of, name) = column.trim().split_once('.')?;
            table = of;
            (name != "workspace_id").then_some(name)
        })
        .collect();
    if names == ["id"] { format!("{table}_pkey") } else { format!("{table}_{}_key", names.join("_")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_databases_name_a_constraint_alike() {
        let sqlite = constraint(None, "UNIQUE constraint failed: contact.workspace_id, contact.external_id");
        assert_eq!(sqlite, "contact_external_id_key");
        assert_eq!(constraint(Some("contact_external_id_key"), ""), sqlite);
        assert_eq!(constraint(Some("contact_external_id_key_102008"), ""), sqlite);
        assert!(!not_unique(sqlite).is_transient());
    }

    #[test]
    fn a_row_that_somebody_else_made_meanwhile_is_found_by_whoever_comes_again() {
        assert!(not_unique(constraint(Some("wakeup_pkey"), "")).is_transient());
        assert!(not_unique(constraint(None, "UNIQUE constraint failed: wakeup.id")).is_transient());
    }
}
