//! One connection type over both databases, and the SQL types they share: `Guid` (uuid | BLOB), `Instant`
//! (timestamptz | INTEGER microseconds), `Document` (jsonb | TEXT).

use chrono::{DateTime, TimeZone, Utc};
use diesel::{
    PgConnection, SqliteConnection,
    backend::Backend,
    deserialize::{self, FromSql},
    pg::{Pg, PgValue},
    serialize::{self, IsNull, Output, ToSql},
    sql_types::{self, HasSqlType, SqlType},
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

/// A value the database keeps as one of our types, and its reading and writing on the two-headed backend.
macro_rules! kept_as {
    ($(#[$meta:meta])* $name:ident($inner:ty) => $sql:ident) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, diesel::expression::AsExpression, diesel::deserialize::FromSqlRow)]
        #[diesel(sql_type = $sql)]
        #[serde(transparent)]
        pub struct $name(pub $inner);
        impl FromSql<$sql, MultiBackend> for $name {
            fn from_sql(bytes: <MultiBackend as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
                bytes.from_sql::<Self, $sql>()
            }
        }
        impl ToSql<$sql, MultiBackend> for $name {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, MultiBackend>) -> serialize::Result {
                out.set_value(($sql, self));
                Ok(IsNull::No)
            }
        }
    };
}
kept_as! {
    /// A UUID.
    #[derive(Copy, Hash, PartialOrd, Ord)]
    Uid(Uuid) => Guid
}
kept_as! {
    /// A point in time.
    #[derive(Copy)]
    At(DateTime<Utc>) => Instant
}
kept_as! {
    /// JSON.
    Doc(Value) => Document
}

impl<T> From<Id<T>> for Uid {
    fn from(id: Id<T>) -> Self {
        Self(id.uuid())
    }
}
impl From<Uuid> for Uid {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}
impl<T> From<Uid> for Id<T> {
    fn from(id: Uid) -> Self {
        Id::new(id.0)
    }
}

/// Several ids to compare with.
pub fn uids(ids: &[Uuid]) -> Vec<Uid> {
    ids.iter().copied().map(Uid).collect()
}

impl FromSql<Guid, Sqlite> for Uid {
    fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let bytes = <Vec<u8> as FromSql<sql_types::Binary, Sqlite>>::from_sql(value)?;
        Ok(Self(Uuid::from_slice(&bytes)?))
    }
}
impl ToSql<Guid, Sqlite> for Uid {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.as_bytes().as_slice());
        Ok(IsNull::No)
    }
}
impl FromSql<Guid, Pg> for Uid {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(Uuid::from_slice(value.as_bytes())?))
    }
}
impl ToSql<Guid, Pg> for Uid {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(self.0.as_bytes())?;
        Ok(IsNull::No)
    }
}

/// Microseconds from 1970 to 2000, where PostgreSQL's clock begins.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

fn from_micros(micros: i64) -> deserialize::Result<At> {
    Utc.timestamp_micros(micros).single().map(At).ok_or_else(|| "time out of range".into())
}
impl FromSql<Instant, Sqlite> for At {
    fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        from_micros(<i64 as FromSql<sql_types::BigInt, Sqlite>>::from_sql(value)?)
    }
}
impl ToSql<Instant, Sqlite> for At {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.timestamp_micros());
        Ok(IsNull::No)
    }
}
impl FromSql<Instant, Pg> for At {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        let since = <i64 as FromSql<sql_types::BigInt, Pg>>::from_sql(value)?;
        from_micros(since.saturating_add(POSTGRES_EPOCH))
    }
}
impl ToSql<Instant, Pg> for At {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        let since = self.0.timestamp_micros().saturating_sub(POSTGRES_EPOCH);
        out.write_all(&since.to_be_bytes())?;
        Ok(IsNull::No)
    }
}

impl FromSql<Document, Sqlite> for Doc {
    fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let text = <String as FromSql<sql_types::Text, Sqlite>>::from_sql(value)?;
        Ok(Self(serde_json::from_str(&text)?))
    }
}
impl ToSql<Document, Sqlite> for Doc {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(serde_json::to_string(&self.0)?);
        Ok(IsNull::No)
    }
}
impl FromSql<Document, Pg> for Doc {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        // the binary form of jsonb is a version byte (1) before the text
        match value.as_bytes().split_first() {
            Some((1, text)) => Ok(Self(serde_json::from_slice(text)?)),
            _ => Err("unknown version of jsonb".into()),
        }
    }
}
impl ToSql<Document, Pg> for Doc {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(&[1])?;
        serde_json::to_writer(out, &self.0)?;
        Ok(IsNull::No)
    }
}
