//! The workspace's choice lists: sources, contact statuses, reject reasons, lost reasons, tags. One shape serves them all.

use crate::{
    access::RecordType,
    invalid::{FieldCode, FieldErrors},
    record::{Made, Making},
    text, workspace,
};

sorts! {
    /// Orders of a choice list.
    pub enum CatalogueSort {
        Position = "position" => "position" up,
        Name = "name" => "sort_key" up,
        CreatedAtDown = "-created_at" => "created_at" down,
    }
}

list_params! {
    /// Filters of a choice list.
    pub struct ListCatalogue sort CatalogueSort {
        /// Words the name contains.
        q: String,
    }
}

/// What these lists have in common, for the one place that stores them.
pub trait Entry: Made {
    /// From the parts that are stored.
    fn from_parts(parts: Parts) -> Self;
    /// To the parts that are stored.
    fn parts(&self) -> Parts;
}

/// The stored parts of a catalogue entry.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct Parts {
    pub id: uuid::Uuid,
    pub key: Option<String>,
    pub name: String,
    pub position: i64,
    pub color: Option<String>,
    pub version: i64,
    pub created_at: chrono::DateTime<chrono::Utc>,
    pub updated_at: chrono::DateTime<chrono::Utc>,
    pub created_by: crate::actor::ActorRef,
    pub updated_by: crate::actor::ActorRef,
    pub archived_at: Option<chrono::DateTime<chrono::Utc>>,
}

macro_rules! catalogue {
    ($(#[$meta:meta])* $name:ident, $new:ident, $patch:ident clears $clear:ident, $tag:expr) => {
        record! {
            $(#[$meta])*
            pub struct $name ($tag) {
                /// Key for programs, lower snake_case; null where only the name counts.
                pub key: Option<String>,
                /// Name as people read it; unique in its list.
                pub name: String,
                /// Place in the list, smallest first.
                pub position: i64,
                /// Colour for interfaces, `#RRGGBB`.
                pub color: Option<String>,
            }
        }
        input! {
            /// An entry of a choice list.
            pub struct $new, $patch clears $clear {
                /// Key for programs, lower snake_case.
                #[schema(pattern = "^([a-z][a-z0-9_]*)?$")]
                key: String, max 50;
                /// Name as people read it; unique in its list.
                name (required = true): String, max 100;
                /// Place in the list, smallest first.
                position: i64, range 0 to 1_000_000;
                /// Colour for interfaces, `#RRGGBB`.
                #[schema(pattern = "^(#[0-9A-Fa-f]{6})?$")]
                color: String, max 7;
            }
        }
        impl Made for $name {
            type Input = $new;
            fn input(&self) -> $new {
                $new { key: self.key.clone(), name: Some(self.name.clone()), position: Some(self.position), color: self.color.clone() }
            }
            fn make(input: &$new, previous: Option<&Self>, making: &Making<'_>) -> Result<Self, FieldErrors> {
                let mut errors = FieldErrors::default();
                let name = errors.required_line("/name", input.name.as_deref());
                // a program wrote it: taken as it is, or not at all
                let key = input.key.clone().filter(|key| !key.is_empty());
                if let Some(key) = key.as_deref().filter(|key| !workspace::is_key(key)) {
                    errors.add_with("/key", FieldCode::InvalidKey, key);
                }
                let color = input.color.clone().filter(|color| !color.is_empty());
                if let Some(color) = color.as_deref().filter(|color| !is_color(color)) {
                    errors.add_with("/color", FieldCode::InvalidColor, color);
                }
                errors.finish()?;
                let position = input.position.unwrap_or(0);
                Ok(match previous {
                    Some(old) => Self { key, name, position, color, ..old.clone() },
                    None => fresh!($name, making.birth, { key: key, name: name, position: position, color: color }),
                })
            }
        }
        impl Entry for $name {
            fn from_parts(p: Parts) -> Self {
                Self {
                    id: p.id.into(), key: p.key, name: p.name, position: p.position, color: p.color, version: p.version,
                    created_at: p.created_at, updated_at: p.updated_at, created_by: p.created_by, updated_by: p.updated_by,
                    archived_at: p.archived_at, access: crate::access::FieldAccess::default(), expanded: None, warnings: None,
                }
            }
            fn parts(&self) -> Parts {
                Parts {
                    id: self.id.uuid(), key: self.key.clone(), name: self.name.clone(), position: self.position, color: self.color.clone(),
                    version: self.version, created_at: self.created_at, updated_at: self.updated_at, created_by: self.created_by.clone(),
                    updated_by: self.updated_by.clone(), archived_at: self.archived_at,
                }
            }
        }
    };
}

catalogue!(
    /// Where a client came from.
    Source, NewSource, SourcePatch clears SourceField, RecordType::Source
);
catalogue!(
    /// A step of a client's life, named by the workspace.
    ContactStatus, NewContactStatus, ContactStatusPatch clears ContactStatusField, RecordType::ContactStatus
);
catalogue!(
    /// Why a lead was rejected.
    RejectReason, NewRejectReason, RejectReasonPatch clears RejectReasonField, RecordType::RejectReason
);
catalogue!(
    /// Why a deal was lost.
    LostReason, NewLostReason, LostReasonPatch clears LostReasonField, RecordType::LostReason
);
catalogue!(
    /// A tag of cards and leads.
    Tag, NewTag, TagPatch clears TagField, RecordType::Tag
);

/// Names are compared by this: case, `ё` and spaces do not make two entries.
pub fn name_key(name: &str) -> String {
    text::fold(name)
}

fn is_color(color: &str) -> bool {
    color.len() == 7 && color.strip_prefix('#').is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
}
