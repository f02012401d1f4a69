//! What a change leaves behind: an audit event (who, what before and after) and an outbox event (for the outside).

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{access::RecordType, record::Record};

words! {
    /// What happened to a record. Open to additions.
    pub enum Action {
        /// Made.
        Created = "created",
        /// Changed.
        Updated = "updated",
        /// Archived.
        Archived = "archived",
        /// Brought back.
        Restored = "restored",
        /// A task was finished.
        Completed = "completed",
        /// A deal went to another stage.
        StageChanged = "stage_changed",
        /// Somebody signed in.
        SignedIn = "signed_in",
        /// A sign-in was refused.
        SignInRefused = "sign_in_refused",
        /// Too many sign-ins failed: the next ones have to wait.
        LockedOut = "locked_out",
        /// A second factor was set up.
        SecondFactorEnabled = "second_factor_enabled",
        /// A second factor was given up, by the person or by an administrator.
        SecondFactorDisabled = "second_factor_disabled",
        /// New recovery codes were made.
        RecoveryCodesMade = "recovery_codes_made",
        /// Somebody signed in by a recovery code.
        RecoveryCodeUsed = "recovery_code_used",
        /// A refresh token or a code was sent a second time: stolen, perhaps.
        ReuseRefused = "reuse_refused",
        /// A credential that names this workspace was made up.
        ForgeryRefused = "forgery_refused",
        /// A key was sent from an address that is not on its list.
        AddressRefused = "address_refused",
        /// A key was sent that does not open: with another secret, ended or revoked.
        KeyRefused = "key_refused",
        /// A session ended.
        SignedOut = "signed_out",
        /// A password was set.
        PasswordChanged = "password_changed",
        /// A link to set a password was made or asked for.
        PasswordLinkMade = "password_link_made",
        /// A link to one's calendar was made.
        CalendarLinkMade = "calendar_link_made",
        /// The link to one's calendar was ended.
        CalendarLinkRevoked = "calendar_link_revoked",
        /// Somebody changed what he wants to be told.
        NotificationSettingsChanged = "notification_settings_changed",
        /// Somebody lets his positions be kept.
        PositionConsentGiven = "position_consent_given",
        /// He does no more.
        PositionConsentWithdrawn = "position_consent_withdrawn",
        /// Positions of somebody's phone came in.
        PositionsReceived = "positions_received",
        /// Somebody looked at another person's positions.
        PositionsRead = "positions_read",
        /// Somebody asked to listen to a recording.
        RecordingPlayed = "recording_played",
        /// A key was replaced.
        KeyRotated = "key_rotated",
        /// A webhook to which nothing got through for long is told nothing for now.
        Paused = "paused",
        /// It is told again.
        Resumed = "resumed",
        /// Masked fields were shown, for a reason.
        Revealed = "revealed",
        /// A responsible person was chosen.
        Assigned = "assigned",
        /// Somebody's work was handed over.
        HandedOver = "handed_over",
        /// A hand-over was taken back.
        HandOverUndone = "hand_over_undone",
        /// A submission was received.
        Received = "received",
        /// A submission was processed again by hand.
        Replayed = "replayed",
        /// Something was asked for that the role may not do.
        Refused = "refused",
    }
}

/// One event: written to the audit and to the outbox in the transaction of the change.
#[derive(Debug, Clone)]
pub struct Event {
    /// Type of the record.
    pub record: RecordType,
    /// Its id.
    pub id: Uuid,
    /// What happened.
    pub action: Action,
    /// Changed fields, each `{before, after}`.
    pub changes: Map<String, Value>,
    /// The record after; null where it must not leave (sign-ins).
    pub after: Value,
    /// Why, when a reason was given or the server decided.
    pub reason: Option<String>,
}

impl Event {
    /// A creation.
    pub fn created<R: Record>(record: &R) -> Self {
        Self::between(None, record, Action::Created)
    }
    /// A change.
    pub fn updated<R: Record>(before: &R, after: &R) -> Self {
        Self::between(Some(before), after, Action::Updated)
    }
    /// Any step from one state to the next.
    pub fn between<R: Record>(before: Option<&R>, after: &R, action: Action) -> Self {
        let mut told = serde_json::to_value(after).unwrap_or(Value::Null);
        if let Value::Object(told) = &mut told {
            // a warning is for whoever sent the change
            told.retain(|name, _| !["warnings", "expanded"].contains(&name.as_str()));
        }
        Self { record: R::TYPE, id: after.uuid(), action, changes: crate::record::difference(before, after), after: told, reason: None }
    }
    /// Something that happened beside a record's fields.
    pub fn bare(record: RecordType, id: Uuid, action: Action) -> Self {
        Self { record, id, action, changes: Map::new(), after: Value::Null, reason: None }
    }
    /// The same with its reason.
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }
    /// The type on the wire, `contact.created`.
    pub fn name(&self) -> String {
        format!("{}.{}", self.record, self.action)
    }
}
