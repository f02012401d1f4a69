//! Lists: strict query parameters, closed sorts, pages by keyset cursor.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, IntoDeserializer, value},
};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Ref, RefOr, Schema,
        schema::{ArrayBuilder, KnownFormat, ObjectBuilder, SchemaFormat, Type},
    },
};

/// One named schema for the components of the spec.
pub type NamedSchema = (String, RefOr<Schema>);

/// One query parameter, described for the spec.
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub description: &'static str,
    /// Whether the operation cannot do without it.
    pub required: bool,
    /// Characters of its value, all of a list's together.
    pub longest: usize,
    /// Schema of its value.
    pub schema: RefOr<Schema>,
    /// Adds the named schemas its schema refers to.
    pub dependencies: fn(&mut Vec<NamedSchema>),
}

impl Parameter {
    /// Whether an empty value is as good as none: of a text to look for. An empty id or date is a client's mistake, and a
    /// filter left out by mistake shows more than was meant.
    pub fn takes_empty(&self) -> bool {
        matches!(&self.schema, RefOr::T(Schema::Object(object)) if object.schema_type == Type::String.into() && object.format.is_none() && object.pattern.is_none())
    }
    /// Whether it takes several values.
    pub fn is_list(&self) -> bool {
        matches!(self.schema, RefOr::T(Schema::Array(_)))
    }
}

/// Query parameters of an operation, read strictly and described for the spec from one declaration.
pub trait Parameters: DeserializeOwned + Send + Sync + 'static {
    /// The description.
    fn parameters() -> Vec<Parameter>;
}

/// A type a query parameter may have.
pub trait ParameterType {
    /// How many values a comma-separated filter of it may name.
    const MOST: usize = 100;
    /// Characters of one value.
    const LONGEST: usize = 100;
    /// Its schema.
    fn schema() -> RefOr<Schema>;
    /// Its schema as one of several.
    fn item() -> RefOr<Schema> {
        Self::schema()
    }
    /// The named schemas it refers to.
    fn dependencies(_into: &mut Vec<NamedSchema>) {}
}

/// A reference to a named schema.
pub fn reference<T: ToSchema>() -> RefOr<Schema> {
    RefOr::Ref(Ref::from_schema_name(T::name()))
}

/// Adds a type's schema and all it refers to.
pub fn dependency<T: ToSchema>(into: &mut Vec<NamedSchema>) {
    into.push((T::name().into_owned(), <T as PartialSchema>::schema()));
    T::schemas(into);
}

/// Any of several values, comma-separated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnyOf<T>(pub Vec<T>);

impl<'de, T: DeserializeOwned + ParameterType> Deserialize<'de> for AnyOf<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let text = String::deserialize(deserializer)?;
        let mut values = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            if values.len() == T::MOST || part.chars().count() > T::LONGEST {
                return Err(D::Error::custom("too much"));
            }
            let one: value::StrDeserializer<'_, value::Error> = part.into_deserializer();
            values.push(T::deserialize(one).map_err(D::Error::custom)?);
        }
        if values.is_empty() { Err(D::Error::custom("no value")) } else { Ok(Self(values)) }
    }
}
impl<T: ParameterType> ParameterType for AnyOf<T> {
    fn schema() -> RefOr<Schema> {
        ArrayBuilder::new().items(T::item()).min_items(Some(1)).max_items(Some(T::MOST)).into()
    }
    const LONGEST: usize = 10_000;
    fn dependencies(into: &mut Vec<NamedSchema>) {
        T::dependencies(into);
    }
}

macro_rules! plain_parameter {
    ($($ty:ty => $schema:expr),* $(,)?) => { $(impl ParameterType for $ty { fn schema() -> RefOr<Schema> { $schema.into() } })* };
}
plain_parameter! {
    bool => ObjectBuilder::new().schema_type(Type::Boolean),
    Limit => ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(200)).default(Some(50.into())),
    Moment => ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))),
}
impl ParameterType for String {
    // all of them together stay within what a request line may hold
    const MOST: usize = 20;
    const LONGEST: usize = 320;
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).max_length(Some(Self::LONGEST)).into()
    }
    fn item() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(Self::LONGEST))
            .pattern(Some("^[^,]*[^,\\s][^,]*$"))
            .into()
    }
}
impl ParameterType for Cursor {
    const LONGEST: usize = 2_000;
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).max_length(Some(Self::LONGEST)).into()
    }
}
impl<T> ParameterType for crate::id::Id<T> {
    fn schema() -> RefOr<Schema> {
        reference::<Self>()
    }
    fn dependencies(into: &mut Vec<NamedSchema>) {
        dependency::<Self>(into);
    }
}
macro_rules! sort_parameter {
    ($($ty:ty),* $(,)?) => { $(impl ParameterType for $ty {
        fn schema() -> RefOr<Schema> { reference::<Self>() }
        fn dependencies(into: &mut Vec<NamedSchema>) { dependency::<Self>(into); }
    })* };
}
sort_parameter!(
    crate::contact::ContactSort,
    crate::company::CompanySort,
    crate::lead::LeadSort,
    crate::task::TaskSort,
    crate::deal::DealSort,
    crate::pipeline::PipelineSort,
    crate::position::PositionSort,
    crate::communication::CommunicationSort,
    crate::communication::outcome::CommunicationOutcomeSort,
    crate::note::NoteSort,
    crate::submission::SubmissionSort,
    crate::catalogue::CatalogueSort,
    crate::user::UserSort,
    crate::audit::AuditSort,
    crate::assignment::rule::AssignmentRuleSort,
    crate::assignment::decision::AssignmentDecisionSort,
    crate::session::SessionSort,
    crate::hand_over::HandOverSort,
    crate::notification::NotificationSort,
    crate::webhook::delivery::WebhookDeliverySort,
);

/// An opaque place in a list.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub String);

/// A time to compare with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(pub chrono::DateTime<chrono::Utc>);
impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let at = chrono::DateTime::deserialize(deserializer)?;
        // nothing is kept from before or after: the bound says the same
        Ok(Self(crate::zone::into_range(at)))
    }
}

/// Page size, 1 to 200.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Limit(i64);
impl Limit {
    /// Records a page.
    pub fn get(self) -> i64 {
        self.0
    }
}
impl Default for Limit {
    fn default() -> Self {
        Self(50)
    }
}
impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let n = i64::deserialize(deserializer)?;
        if (1..=200).contains(&n) { Ok(Self(n)) } else { Err(serde::de::Error::custom("out of range")) }
    }
}

words! {
    /// Whether a list shows archived records.
    pub enum Archived {
        /// Only records in use.
        Exclude = "exclude",
        /// Only archived ones.
        Only = "only",
        /// Both.
        Include = "include",
    }
}
#[expect(clippy::derivable_impls, reason = "`words!` derives for every word list alike")]
impl Default for Archived {
    fn default() -> Self {
        Self::Exclude
    }
}

/// A closed list of orders of one record type.
pub trait Sort: Copy + Default + Send + fmt::Debug + 'static {
    /// The word on the wire.
    fn name(self) -> &'static str;
    /// The column it orders by; never NULL.
    fn column(self) -> &'static str;
    /// Whether the greatest comes first.
    fn descending(self) -> bool;
}

/// What every list takes.
#[derive(Debug, Clone)]
pub struct PageRequest<S> {
    /// Records a page.
    pub limit: i64,
    /// Opaque place to go on from.
    pub cursor: Option<String>,
    /// Order.
    pub sort: S,
    /// Archived records.
    pub archived: Archived,
    /// Count all matches too.
    pub include_total: bool,
}

/// Parameters of a list operation.
pub trait ListParameters: Parameters {
    /// Its closed orders.
    type Sort: Sort;
    /// The page asked for.
    fn page(&self) -> PageRequest<Self::Sort>;
}

/// One page of records.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Page<T> {
    /// The records.
    pub data: Vec<T>,
    /// Where to go on; null on the last page.
    pub next_cursor: Option<String>,
    /// Count of all matches, when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comma_separated_list_means_any_of() {
        let parsed: AnyOf<Archived> = serde_json::from_str("\"only, include\"").unwrap();
        assert_eq!(parsed.0, [Archived::Only, Archived::Include]);
        assert!(serde_json::from_str::<AnyOf<Archived>>("\"only,none\"").is_err());
        assert!(serde_json::from_str::<AnyOf<Archived>>("\",\"").is_err());
    }

    #[test]
    fn a_page_holds_one_to_two_hundred() {
        assert!(serde_json::from_str::<Limit>("0").is_err());
        assert!(serde_json::from_str::<Limit>("201").is_err());
        assert_eq!(serde_json::from_str::<Limit>("200").unwrap().get(), 200);
    }
}
