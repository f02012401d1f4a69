//! Names for objects whose members nobody knows beforehand, so that the document and generated code can speak of them.

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr, Schema,
        schema::{AdditionalProperties, ObjectBuilder, SchemaType, Type},
    },
};

macro_rules! free_objects {
    ($($name:ident of $values:ident : $text:literal),* $(,)?) => { $(
        #[doc = $text]
        pub struct $name;
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new().schema_type(Type::Object).description(Some($text)).additional_properties(Some($values())).into()
            }
        }
        impl ToSchema for $name {}
    )* };
}
free_objects! {
    Answers of anything: "Values of any kind by the names of the questions.",
    Requisites of words: "Texts by their names: bank, account, …",
    FieldChanges of changed_values: "Changed fields by name.",
    PostedFields of anything: "Flat fields of a form by name.",
    OpenApiDocument of anything: "A document of the OpenAPI Specification 3.1.",
}

/// A value of any kind.
pub struct AnyValue;
impl PartialSchema for AnyValue {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(SchemaType::AnyValue).description(Some("A value of any kind, or null.")).into()
    }
}
impl ToSchema for AnyValue {}

fn anything() -> AdditionalProperties<Schema> {
    AdditionalProperties::FreeForm(true)
}

fn words() -> AdditionalProperties<Schema> {
    AdditionalProperties::RefOr(ObjectBuilder::new().schema_type(Type::String).into())
}

fn changed_values() -> AdditionalProperties<Schema> {
    AdditionalProperties::RefOr(utoipa::openapi::Ref::from_schema_name(ChangedValue::name()).into())
}

/// A field before and after a change.
#[derive(ToSchema)]
pub struct ChangedValue {
    /// What it was; null when it was empty.
    #[schema(required = true)]
    pub before: serde_json::Value,
    /// What it is; null when it was cleared.
    #[schema(required = true)]
    pub after: serde_json::Value,
}

/// A short line.
pub struct Line;
impl PartialSchema for Line {
    fn schema() -> RefOr<Schema> {
        let text = "A line of at most 100 characters.";
        ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(100))
            .pattern(Some(r"\S"))
            .description(Some(text))
            .into()
    }
}
impl ToSchema for Line {}

/// A word for programs.
pub struct Key;
impl PartialSchema for Key {
    fn schema() -> RefOr<Schema> {
        let text = "Lower snake_case, a letter first, at most 50 characters.";
        ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^[a-z][a-z0-9_]*$"))
            .max_length(Some(50))
            .description(Some(text))
            .into()
    }
}
impl ToSchema for Key {}
