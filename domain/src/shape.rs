//! One field list, three shapes: `record!` declares what is stored and answered, `input!` what is sent to create
//! and to patch, `params!` the query parameters of an operation. They only write down structs; no rule lives here.

/// Declares a record: its own fields first, then the envelope every record carries.
macro_rules! record {
    ($(#[$meta:meta])* pub struct $name:ident ($tag:expr $(, forgets $reason:ident)?) { $($(#[$fm:meta])* pub $field:ident : $ty:ty),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        pub struct $name {
            /// Identifier, UUID v7 made by the server.
            #[schema(required = true, value_type = $crate::id::AnyId)]
            pub id: $crate::id::Id<$name>,
            $($(#[$fm])* #[schema(required = true)] pub $field: $ty,)*
            /// Grows by one with every change of the record's own fields; the ETag.
            #[schema(required = true)]
            pub version: i64,
            /// When the record was made, UTC.
            #[schema(required = true)]
            pub created_at: chrono::DateTime<chrono::Utc>,
            /// When its own fields changed last, UTC.
            #[schema(required = true)]
            pub updated_at: chrono::DateTime<chrono::Utc>,
            /// Who made it.
            #[schema(required = true)]
            pub created_by: $crate::actor::ActorRef,
            /// Who changed it last.
            #[schema(required = true)]
            pub updated_by: $crate::actor::ActorRef,
            /// When it was archived; null while it is in use.
            #[schema(required = true)]
            pub archived_at: Option<chrono::DateTime<chrono::Utc>>,
            /// What the asker's role hides, masks or may not change.
            #[serde(default)]
            #[schema(required = true)]
            pub access: $crate::access::FieldAccess,
            /// Records asked for by `expand`.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schema(nullable = false, no_recursion)]
            pub expanded: Option<Box<$crate::record::Expanded>>,
            /// What a policy warns of; only in answers to writes.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schema(nullable = false)]
            pub warnings: Option<Vec<$crate::record::Warning>>,
        }
        impl $name {
            /// The next state of `old`: its id and envelope, these fields.
            #[must_use]
            pub fn in_the_envelope_of(self, old: &Self) -> Self {
                Self {
                    id: old.id,
                    version: old.version,
                    created_at: old.created_at,
                    updated_at: old.updated_at,
                    created_by: old.created_by.clone(),
                    updated_by: old.updated_by.clone(),
                    archived_at: old.archived_at,
                    ..self
                }
            }
        }
        impl $crate::record::Record for $name {
            const TYPE: $crate::access::RecordType = $tag;
            fn uuid(&self) -> uuid::Uuid { self.id.uuid() }
            fn version(&self) -> i64 { self.version }
            fn updated_at(&self) -> chrono::DateTime<chrono::Utc> { self.updated_at }
            fn archived_at(&self) -> Option<chrono::DateTime<chrono::Utc>> { self.archived_at }
            fn stamp(&mut self, by: &$crate::actor::ActorRef, now: chrono::DateTime<chrono::Utc>) {
                self.version += 1;
                self.updated_at = now;
                self.updated_by = by.clone();
            }
            fn set_archived_at(&mut self, at: Option<chrono::DateTime<chrono::Utc>>) { self.archived_at = at; }
            fn set_expanded(&mut self, expanded: $crate::record::Expanded) { self.expanded = Some(Box::new(expanded)); }
            $(fn forget_reason(&mut self) { self.$reason = None; })?
            fn warned(&self) -> &[$crate::record::Warning] { self.warnings.as_deref().unwrap_or_default() }
            fn warn(&mut self, warning: $crate::record::Warning) { self.warnings.get_or_insert_with(Vec::new).push(warning); }
        }
    };
}

/// Builds a record with a fresh envelope: `fresh!(Contact, birth, { type: …, … })`.
macro_rules! fresh {
    ($name:ident, $birth:expr, { $($field:ident : $value:expr),* $(,)? }) => {{
        let birth: &$crate::record::Birth = $birth;
        $name {
            id: $crate::id::Id::new(birth.id),
            $($field: $value,)*
            version: 1,
            created_at: birth.at,
            updated_at: birth.at,
            created_by: birth.by.clone(),
            updated_by: birth.by.clone(),
            archived_at: None,
            access: $crate::access::FieldAccess::default(),
            expanded: None,
            warnings: None,
        }
    }};
}

/// Declares the input shapes of a record: `NewX` to create, `XPatch` to change; `(required = true)` is told by `NewX` alone. Every field may be absent or null;
/// what is required is a rule of the room, so that all faults are told at once.
macro_rules! input {
    ($(#[$meta:meta])* pub struct $new:ident, $patch:ident clears $clear:ident {
        $($(#[$fm:meta])* $field:ident $(($($required:tt)+))? : $ty:ty $(, max $max:tt)? $(, items $items:tt)? $(, range $lo:tt to $hi:tt)?);* $(;)?
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize, validator::Validate, utoipa::ToSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $new {
            $($(#[$fm])*
            $(#[schema($($required)+)])?
            $(#[validate(length(max = $max))] #[schema(max_length = $max)])?
            $(#[validate(length(max = $items))] #[schema(max_items = $items)])?
            $(#[validate(range(min = $lo, max = $hi))] #[schema(minimum = $lo, maximum = $hi)])?
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub $field: Option<$ty>,)*
        }
        /// Changes, as a JSON Merge Patch (RFC 7396): absent leaves, null clears.
        #[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize, validator::Validate, utoipa::ToSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $patch {
            $($(#[$fm])*
            $(#[schema(max_length = $max)])?
            $(#[schema(max_items = $items)])?
            $(#[schema(minimum = $lo, maximum = $hi)])?
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub $field: Option<$ty>,)*
            /// Names of fields to clear, for clients that cannot send null.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub clear: Option<Vec<$clear>>,
        }
        clearable!($clear { $($field),* });
        impl $crate::record::Input for $new { type Patch = $patch; }
    };
}

/// The closed list of names a patch may clear.
macro_rules! clearable {
    ($clear:ident { $($field:ident),* }) => {
        /// A field that `clear` may name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[allow(non_camel_case_types, missing_docs)]
        pub enum $clear { $($field),* }
        // by hand: a derived schema would tell `r#type` for `type`
        impl utoipa::PartialSchema for $clear {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                let names = [$(stringify!($field).trim_start_matches("r#")),*];
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .description(Some("A field that `clear` may name."))
                    .enum_values(Some(names))
                    .into()
            }
        }
        impl utoipa::ToSchema for $clear {}
    };
}

/// Declares query parameters: strict, described; `(required)` ones are asked for by the handler.
macro_rules! params {
    ($(#[$meta:meta])* pub struct $name:ident { $(#[doc = $doc:literal] $(#[$fm:meta])* $field:ident $(($needed:ident))? : $ty:ty),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $(#[doc = $doc] $(#[$fm])* #[serde(default)] pub $field: Option<$ty>,)*
        }
        impl $crate::list::Parameters for $name {
            fn parameters() -> Vec<$crate::list::Parameter> {
                vec![$($crate::list::Parameter {
                    name: stringify!($field).trim_start_matches("r#"),
                    description: $doc.trim(),
                    required: { let needed: &[&str] = &[$(stringify!($needed))?]; !needed.is_empty() },
                    longest: <$ty as $crate::list::ParameterType>::LONGEST,
                    schema: <$ty as $crate::list::ParameterType>::schema(),
                    dependencies: <$ty as $crate::list::ParameterType>::dependencies,
                }),*]
            }
        }
    };
}

/// Declares the parameters of a list: its own filters and what every list takes.
macro_rules! list_params {
    ($(#[$meta:meta])* pub struct $name:ident sort $sort:ty { $(#[doc = $doc:literal] $field:ident : $ty:ty),* $(,)? }) => {
        params! {
            $(#[$meta])*
            pub struct $name {
                $(#[doc = $doc] $field: $ty,)*
                #[doc = "How many records a page holds, 1 to 200; 50 when absent."]
                limit: $crate::list::Limit,
                #[doc = "Where to go on: the `next_cursor` of the page before, with the same sort and filters."]
                cursor: $crate::list::Cursor,
                #[doc = "Order; `-` means descending. The id breaks ties."]
                sort: $sort,
                #[doc = "Whether archived records are left out (default), the only ones, or among the others."]
                archived: $crate::list::Archived,
                #[doc = "Adds `total`, the count of all matching records."]
                include_total: bool,
            }
        }
        impl $crate::list::ListParameters for $name {
            type Sort = $sort;
            fn page(&self) -> $crate::list::PageRequest<$sort> {
                $crate::list::PageRequest {
                    limit: self.limit.unwrap_or_default().get(),
                    cursor: self.cursor.as_ref().map(|cursor| cursor.0.clone()),
                    sort: self.sort.unwrap_or_default(),
                    archived: self.archived.unwrap_or_default(),
                    include_total: self.include_total.unwrap_or_default(),
                }
            }
        }
    };
}

/// Declares a closed sort enum: `name => "column", descending?`. The first is the default.
macro_rules! sorts {
    ($(#[$meta:meta])* pub enum $name:ident { $($variant:ident = $text:tt => $column:literal $dir:ident),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        #[allow(missing_docs)]
        pub enum $name { $(#[serde(rename = $text)] $variant),* }
        impl $crate::list::Sort for $name {
            fn name(self) -> &'static str { match self { $(Self::$variant => $text),* } }
            fn column(self) -> &'static str { match self { $(Self::$variant => $column),* } }
            fn descending(self) -> bool { match self { $(Self::$variant => sorts!(@ $dir)),* } }
        }
        impl Default for $name { #[allow(unreachable_code)] fn default() -> Self { $(return Self::$variant;)* } }
    };
    (@ down) => { true };
    (@ up) => { false };
}

/// A closed enum of lower snake_case words, stored as text.
macro_rules! words {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$vm:meta])* $variant:ident = $text:tt),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        pub enum $name { $($(#[$vm])* #[serde(rename = $text)] $variant),* }
        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
            /// The word on the wire and in the database.
            pub fn word(self) -> &'static str { match self { $(Self::$variant => $text),* } }
            /// The value of a word; `None` for a word that is not in the list.
            pub fn from_word(word: &str) -> Option<Self> { match word { $($text => Some(Self::$variant),)* _ => None } }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(self.word()) }
        }
        impl $crate::list::ParameterType for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> { $crate::list::reference::<Self>() }
            fn dependencies(into: &mut Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::Schema>)>) { $crate::list::dependency::<Self>(into); }
        }
    };
}

/// Declares what `expand` may name for a record type.
macro_rules! expands {
    ($record:ident by $name:ident { $($variant:ident = $text:tt),* $(,)? }) => {
        words! {
            /// Related records that `expand` may name.
            pub enum $name { $(#[doc = concat!("`", $text, "`.")] $variant = $text),* }
        }
        impl From<$name> for $crate::record::Expansion {
            fn from(name: $name) -> Self { match name { $($name::$variant => Self::$variant),* } }
        }
        impl $crate::record::Expandable for $record { type Expansion = $name; }
    };
}
