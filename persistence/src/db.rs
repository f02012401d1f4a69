//! One connection type over both databases, and the SQL types they share: `Guid` (uuid | BLOB), `Instant`
//! (timestamptz | INTEGER microseconds), `Document` (jsonb | TEXT).

use chrono::{DateTime, TimeZone, Utc};
use diesel::{
    PgConnection, SqliteConnection,
    backend::Backend,
    deserialize::{self, FromSql, Queryable},
    expression::AsExpression,
    internal::derives::as_expression::Bound,
    pg::{Pg, PgValue},
    serialize::{self, IsNull, Output, ToSql},
    sql_types::{self, HasSqlType, Nullable, SqlType},
    sqlite::Sqlite,
};
use kartoteka_domain::id::Id;
use serde_json::Value;
use std::io::Write;
use uuid::Uuid;

/// A connection to either database.
#[derive(diesel::MultiConnection)]
pub enum Db {
    /// The embedded one.
    Sqlite(SqliteConnection),
    /// PostgreSQL.
    Postgres(PgConnection),
}

impl Db {
    /// Whether this is the embedded database.
    pub fn is_sqlite(&self) -> bool {
        matches!(self, Self::Sqlite(_))
    }
}

/// A UUID: `uuid` or 16 bytes.
#[derive(Debug, Clone, Copy, Default, SqlType, diesel::query_builder::QueryId)]
#[diesel(sqlite_type(name = "Binary"))]
#[diesel(postgres_type(oid = 2950, array_oid = 2951))]
pub struct Guid;

/// A point in time, UTC, microseconds: `timestamptz` or an integer since 1970.
#[derive(Debug, Clone, Copy, Default, SqlType, diesel::query_builder::QueryId)]
#[diesel(sqlite_type(name = "Long"))]
#[diesel(postgres_type(oid = 1184, array_oid = 1185))]
pub struct Instant;

/// Open-ended data as JSON: `jsonb` or text.
#[derive(Debug, Clone, Copy, Default, SqlType, diesel::query_builder::QueryId)]
#[diesel(sqlite_type(name = "Text"))]
#[diesel(postgres_type(oid = 3802, array_oid = 3807))]
pub struct Document;

macro_rules! known_to_both {
    ($($ty:ty),*) => { $(impl HasSqlType<$ty> for MultiBackend {
        fn metadata(lookup: &mut Self::MetadataLookup) -> Self::TypeMetadata {
            MultiBackend::lookup_sql_type::<$ty>(lookup)
        }
    })* };
}
known_to_both!(Guid, Instant, Document);

/// Forwards reading and writing on the two-headed backend, and makes values usable as expressions.
macro_rules! forward {
    ([$($g:tt)*] $rust:ty => $sql:ident) => {
        impl<$($g)*> FromSql<$sql, MultiBackend> for $rust {
            fn from_sql(bytes: <MultiBackend as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
                bytes.from_sql::<Self, $sql>()
            }
        }
        impl<$($g)*> ToSql<$sql, MultiBackend> for $rust {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, MultiBackend>) -> serialize::Result {
                out.set_value(($sql, self));
                Ok(IsNull::No)
            }
        }
        impl<$($g)*> AsExpression<$sql> for $rust {
            type Expression = Bound<$sql, Self>;
            fn as_expression(self) -> Self::Expression { Bound::new(self) }
        }
        impl<'expr, $($g)*> AsExpression<$sql> for &'expr $rust {
            type Expression = Bound<$sql, Self>;
            fn as_expression(self) -> Self::Expression { Bound::new(self) }
        }
        impl<$($g)*> AsExpression<Nullable<$sql>> for $rust {
            type Expression = Bound<Nullable<$sql>, Self>;
            fn as_expression(self) -> Self::Expression { Bound::new(self) }
        }
        impl<'expr, $($g)*> AsExpression<Nullable<$sql>> for &'expr $rust {
            type Expression = Bound<Nullable<$sql>, Self>;
            fn as_expression(self) -> Self::Expression { Bound::new(self) }
        }
        impl<$($g)* DB> ToSql<Nullable<$sql>, DB> for $rust where DB: Backend, Self: ToSql<$sql, DB> {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
                ToSql::<$sql, DB>::to_sql(self, out)
            }
        }
    };
}
forward!([] Uuid => Guid);
forward!([T: 'static,] Id<T> => Guid);
forward!([] DateTime<Utc> => Instant);
forward!([] Value => Document);

impl<T, DB> Queryable<Guid, DB> for Id<T>
where
    DB: Backend,
    Self: FromSql<Guid, DB>,
{
    type Row = Self;
    fn build(row: Self) -> deserialize::Result<Self> {
        Ok(row)
    }
}

impl FromSql<Guid, Sqlite> for Uuid {
    fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let bytes = <Vec<u8> as FromSql<sql_types::Binary, Sqlite>>::from_sql(value)?;
        Ok(Uuid::from_slice(&bytes)?)
    }
}
impl ToSql<Guid, Sqlite> for Uuid {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.as_bytes().as_slice());
        Ok(IsNull::No)
    }
}
impl FromSql<Guid, Pg> for Uuid {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Uuid::from_slice(value.as_bytes())?)
    }
}
impl ToSql<Guid, Pg> for Uuid {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(self.as_bytes())?;
        Ok(IsNull::No)
    }
}

impl<T> FromSql<Guid, Sqlite> for Id<T> {
    fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        <Uuid as FromSql<Guid, Sqlite>>::from_sql(value).map(Id::new)
    }
}
impl<T> ToSql<Guid, Sqlite> for Id<T> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.uuid().as_bytes().to_vec());
        Ok(IsNull::No)
    }
}
impl<T> FromSql<Guid, Pg> for Id<T> {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        <Uuid as FromSql<Guid, Pg>>::from_sql(value).map(Id::new)
    }
}
impl<T> ToSql<Guid, Pg> for Id<T> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(self.uuid().as_bytes())?;
        Ok(IsNull::No)
    }
}

/// Microseconds from 1970 to 2000, where PostgreSQL's clock begins.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

fn from_micros(micros: i64) -> deserialize::Result<DateTime<Utc>> {
    Utc.timestamp_micros(micros).single().ok_or_else(|| "time out of range".into())
}
impl FromSql<Instant, Sqlite> for DateTime<Utc> {
    fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        from_micros(<i64 as FromSql<sql_types::BigInt, Sqlite>>::from_sql(value)?)
    }
}
impl ToSql<Instant, Sqlite> for DateTime<Utc> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.timestamp_micros());
        Ok(IsNull::No)
    }
}
impl FromSql<Instant, Pg> for DateTime<Utc> {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        let since = <i64 as FromSql<sql_types::BigInt, Pg>>::from_sql(value)?;
        from_micros(since.saturating_add(POSTGRES_EPOCH))
    }
}
impl ToSql<Instant, Pg> for DateTime<Utc> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        let since = self.timestamp_micros().saturating_sub(POSTGRES_EPOCH);
        out.write_all(&since.to_be_bytes())?;
        Ok(IsNull::No)
    }
}

impl FromSql<Document, Sqlite> for Value {
    fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let text = <String as FromSql<sql_types::Text, Sqlite>>::from_sql(value)?;
        Ok(serde_json::from_str(&text)?)
    }
}
impl ToSql<Document, Sqlite> for Value {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(serde_json::to_string(self)?);
        Ok(IsNull::No)
    }
}
impl FromSql<Document, Pg> for Value {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        // the binary form of jsonb is a version byte (1) before the text
        match value.as_bytes().split_first() {
            Some((1, text)) => Ok(serde_json::from_slice(text)?),
            _ => Err("unknown version of jsonb".into()),
        }
    }
}
impl ToSql<Document, Pg> for Value {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(&[1])?;
        serde_json::to_writer(out, self)?;
        Ok(IsNull::No)
    }
}
