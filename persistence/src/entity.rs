//! The only place where rows are inserted, updated and deleted. Each needs a `Recorded`: proof that the change's event
//! was written in the same transaction, or that there is a stated reason why none is.

/// A record's row: its own columns between the key and the envelope. `#[diesel(skip_update)]` marks columns that live by
/// themselves (derived from other records, secrets): a change of the record must not write back what it read of them.
macro_rules! row {
    ($(#[$meta:meta])* $name:ident in $table:ident { $($(#[$fm:meta])* $field:ident : $ty:ty),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, diesel::Queryable, diesel::Insertable, diesel::AsChangeset)]
        #[diesel(table_name = crate::schema::$table, primary_key(workspace_id, id), treat_none_as_null = true, treat_none_as_default_value = false)]
        pub(crate) struct $name {
            pub workspace_id: crate::db::Uid,
            pub id: crate::db::Uid,
            $($(#[$fm])* pub $field: $ty,)*
            pub version: i64,
            pub created_at: crate::db::At,
            pub updated_at: crate::db::At,
            pub created_by: crate::db::Doc,
            pub updated_by: crate::db::Doc,
            pub archived_at: Option<crate::db::At>,
        }
        impl $name {
            /// The envelope as the record's JSON names it.
            #[allow(dead_code)]
            pub(crate) fn envelope(&self) -> serde_json::Map<String, serde_json::Value> {
                crate::entity::map([
                    ("id", serde_json::json!(self.id)),
                    ("version", serde_json::json!(self.version)),
                    ("created_at", serde_json::json!(self.created_at)),
                    ("updated_at", serde_json::json!(self.updated_at)),
                    ("created_by", self.created_by.0.clone()),
                    ("updated_by", self.updated_by.0.clone()),
                    ("archived_at", serde_json::json!(self.archived_at)),
                ])
            }
        }
        #[expect(clippy::disallowed_methods, reason = "the one place for changes of rows")]
        impl crate::entity::Entity for $name {
            fn insert(&self, db: &mut crate::db::Db, _: &crate::store::Recorded) -> diesel::QueryResult<usize> {
                use diesel::RunQueryDsl;
                diesel::insert_into(crate::schema::$table::table).values(self).execute(db)
            }
            fn update(&self, db: &mut crate::db::Db, read_at: i64, _: &crate::store::Recorded) -> diesel::QueryResult<usize> {
                use crate::schema::$table::dsl;
                use diesel::{ExpressionMethods, QueryDsl, RunQueryDsl};
                diesel::update(
                    dsl::$table
                        .filter(dsl::workspace_id.eq(self.workspace_id))
                        .filter(dsl::id.eq(self.id))
                        .filter(dsl::version.eq(read_at)),
                )
                .set(self)
                .execute(db)
            }
        }
    };
}

/// A record's row from its own columns: key and envelope are the record's.
macro_rules! stamped {
    ($row:ident of $record:expr, in $workspace:expr; $($field:ident : $value:expr),* $(,)?) => {{
        let record = $record;
        $row {
            workspace_id: $workspace,
            id: record.id.into(),
            $($field: $value,)*
            version: record.version,
            created_at: crate::db::At(record.created_at),
            updated_at: crate::db::At(record.updated_at),
            created_by: crate::entity::json(&record.created_by),
            updated_by: crate::entity::json(&record.updated_by),
            archived_at: record.archived_at.map(crate::db::At),
        }
    }};
}

/// A row that belongs to a record and comes and goes with it.
macro_rules! part {
    ($(#[$meta:meta])* $name:ident in $table:ident { $($field:ident : $ty:ty),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, diesel::Queryable, diesel::Insertable)]
        #[diesel(table_name = crate::schema::$table, treat_none_as_default_value = false)]
        pub(crate) struct $name { $(pub $field: $ty,)* }
        #[expect(clippy::disallowed_methods, reason = "the one place for changes of rows")]
        impl $name {
            #[allow(dead_code)]
            pub(crate) fn insert(&self, db: &mut crate::db::Db, _: &crate::store::Recorded) -> diesel::QueryResult<usize> {
                use diesel::RunQueryDsl;
                diesel::insert_into(crate::schema::$table::table).values(self).execute(db)
            }
        }
    };
}

/// Inserts many rows by one statement: `insert_all!(db, &recorded, table, &rows)`.
macro_rules! insert_all {
    ($db:expr, $recorded:expr, $table:ident, $rows:expr) => {{
        use crate::schema::$table::table;
        use diesel::RunQueryDsl;
        let _: &crate::store::Recorded = $recorded;
        let rows: &Vec<_> = $rows;
        #[expect(clippy::disallowed_methods, reason = "the one place for changes of rows")]
        let inserted = match $db {
            crate::db::Db::Sqlite(c) => diesel::insert_into(table).values(rows).execute(c),
            crate::db::Db::Postgres(c) => diesel::insert_into(table).values(rows).execute(c),
        };
        inserted
    }};
}

/// Deletes the parts of a record: `delete_parts!(db, &recorded, table, workspace, column = id)`.
macro_rules! delete_parts {
    ($db:expr, $recorded:expr, $table:ident, $workspace:expr, $column:ident = $value:expr) => {{
        use crate::schema::$table::dsl;
        use diesel::{ExpressionMethods, QueryDsl, RunQueryDsl};
        let _: &crate::store::Recorded = $recorded;
        #[expect(clippy::disallowed_methods, reason = "the one place for changes of rows")]
        let deleted = diesel::delete(
            dsl::$table
                .filter(dsl::workspace_id.eq(crate::db::Uid::from($workspace)))
                .filter(dsl::$column.eq(crate::db::Uid::from($value))),
        )
        .execute($db);
        deleted
    }};
}

/// Sets some columns of one row: `set_columns!(db, &recorded, table, workspace, id, column.eq(value), …)`.
macro_rules! set_columns {
    ($db:expr, $recorded:expr, $table:ident, $workspace:expr, $id:expr, $($column:ident = $value:expr),+ $(; where $filter:expr)?) => {{
        use crate::schema::$table::dsl;
        use diesel::{ExpressionMethods, QueryDsl, RunQueryDsl};
        let _: &crate::store::Recorded = $recorded;
        #[expect(clippy::disallowed_methods, reason = "the one place for changes of rows")]
        let changed = diesel::update(dsl::$table.filter(dsl::workspace_id.eq(crate::db::Uid::from($workspace))).filter(dsl::id.eq(crate::db::Uid::from($id)))$(.filter($filter))?)
            .set(($(dsl::$column.eq($value),)+))
            .execute($db);
        changed
    }};
}

/// A page of rows: `page!(tx, Row, table, request, [sortable columns], build)`; `build` makes the filtered boxed query
/// and is called twice when a total is asked for.
macro_rules! page {
    ($tx:expr, $row:ty, $table:ident, $request:expr, [$($column:literal),+], $build:expr) => {{
        use diesel::{QueryDsl, RunQueryDsl};
        let request = &$request;
        let columns = match kartoteka_domain::list::Sort::column(request.sort) {
            $($column => concat!(stringify!($table), ".", $column, ", ", stringify!($table), ".id"),)+
            _ => concat!(stringify!($table), ".created_at, ", stringify!($table), ".id"),
        };
        let keyset = crate::fragment::keyset(request, columns)?;
        let count = if request.include_total { Some(($build)().count()) } else { None };
        let mut query = ($build)();
        let db = $tx.db().0;
        let total = match count {
            Some(count) => Some(count.get_result::<i64>(db)?),
            None => None,
        };
        if let Some(after) = keyset.after {
            query = query.filter(after);
        }
        let mut rows: Vec<$row> = query
            .order(diesel::dsl::sql::<diesel::sql_types::Text>(&keyset.order))
            .limit(request.limit + 1)
            .load(db)?;
        let more = crate::entity::cut(&mut rows, request.limit);
        let next_cursor = rows.last().filter(|_| more).map(|row| {
            crate::fragment::write_cursor(kartoteka_domain::list::Sort::name(request.sort), &row.key(kartoteka_domain::list::Sort::column(request.sort)), row.id.0)
        });
        crate::entity::Rows { rows, next_cursor, total }
    }};
}

/// The rows of a type a scope sees, archived ones among them.
macro_rules! seen {
    ($tx:expr, $table:ident, $record:expr) => {{
        let owners = $tx.scope().owners($record);
        seen!($tx, $table, $record, owners)
    }};
    ($tx:expr, $table:ident, $record:expr, $owners:expr) => {{
        use diesel::{ExpressionMethods, QueryDsl};
        let scope = $tx.scope();
        let query = crate::schema::$table::table
            .into_boxed::<crate::db::MultiBackend>()
            .filter(crate::schema::$table::workspace_id.eq(crate::db::Uid::from(scope.workspace())));
        match crate::fragment::visible(
            $record,
            &$owners,
            &scope.readers(kartoteka_domain::access::RecordType::Contact),
            scope.sees_unassigned(),
        ) {
            Some(visible) => query.filter(visible),
            None => query,
        }
    }};
}

/// Rows of a type that somebody is responsible for, those the scope sees. Whoever reaches all of his is not asked row by row.
macro_rules! owned {
    ($tx:expr, $table:ident, $record:expr, $owner:expr) => {
        owned!($tx, $table, $record, $owner, $tx.scope().owners($record))
    };
    ($tx:expr, $table:ident, $record:expr, $owner:expr, $owners:expr) => {{
        let owners = match $owners {
            kartoteka_domain::access::Owners::Of(users) if users.contains(&$owner) => kartoteka_domain::access::Owners::All,
            owners => owners,
        };
        seen!($tx, $table, $record, owners).filter(crate::schema::$table::owner_id.eq(crate::db::Uid::from($owner)))
    }};
}

/// Every row of the workspace, for record types without rows of their own reach.
macro_rules! all {
    ($tx:expr, $table:ident) => {{
        use diesel::{ExpressionMethods, QueryDsl};
        crate::schema::$table::table
            .into_boxed::<crate::db::MultiBackend>()
            .filter(crate::schema::$table::workspace_id.eq(crate::db::Uid::from($tx.scope().workspace())))
    }};
}

/// Narrows a query by optional filters: `narrow!(query, params; table.column in field, …)`.
macro_rules! narrow {
    ($query:ident, $params:expr; $($table:ident . $column:ident in $field:ident),* $(,)?) => {{
        use diesel::QueryDsl;
        $(if let Some(kartoteka_domain::list::AnyOf(values)) = &$params.$field {
            let ids = values.iter().map(|id| crate::db::Uid::from(*id).0);
            $query = $query.filter(crate::fragment::one_of(concat!(stringify!($table), ".", stringify!($column)), ids));
        })*
    }};
    ($query:ident, texts $params:expr; $($table:ident . $column:ident in $field:ident),* $(,)?) => {{
        use diesel::QueryDsl;
        $(if let Some(kartoteka_domain::list::AnyOf(values)) = &$params.$field {
            let column = concat!(stringify!($table), ".", stringify!($column));
            $query = $query.filter(crate::fragment::one_text_of(column, values.iter().cloned()));
        })*
    }};
    ($query:ident, words $params:expr; $($table:ident . $column:ident in $field:ident),* $(,)?) => {{
        use diesel::QueryDsl;
        $(if let Some(kartoteka_domain::list::AnyOf(values)) = &$params.$field {
            let words = values.iter().map(|value| value.word().to_owned());
            $query = $query.filter(crate::fragment::one_text_of(concat!(stringify!($table), ".", stringify!($column)), words));
        })*
    }};
    ($query:ident, from $params:expr; $($table:ident . $column:ident in $field:ident),* $(,)?) => {{
        use diesel::{ExpressionMethods, QueryDsl};
        $(if let Some(at) = &$params.$field {
            $query = $query.filter(crate::schema::$table::$column.ge(crate::db::At(at.0)));
        })*
    }};
    ($query:ident, until $params:expr; $($table:ident . $column:ident in $field:ident),* $(,)?) => {{
        use diesel::{ExpressionMethods, QueryDsl};
        $(if let Some(at) = &$params.$field {
            $query = $query.filter(crate::schema::$table::$column.lt(crate::db::At(at.0)));
        })*
    }};
}

/// Stores a changed row, or tells that it changed meanwhile.
macro_rules! replace {
    ($tx:expr, $row:expr, $read_at:expr, $event:expr) => {{
        let recorded = $tx.record($event)?;
        if crate::entity::Entity::update(&$row, $tx.db().0, $read_at, &recorded)? == 0 {
            return Err(crate::store::StoreError::Stale);
        }
        recorded
    }};
}

/// The columns a row can be ordered by.
macro_rules! keyed {
    ($row:ty { $($column:ident),+ }) => {
        impl $row {
            pub(crate) fn key(&self, column: &str) -> crate::fragment::Key {
                match column {
                    $(stringify!($column) => self.$column.clone().into(),)+
                    _ => self.created_at.into(),
                }
            }
        }
    };
}

use diesel::QueryResult;
use kartoteka_domain::list::Page;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{
    db::{Db, Doc},
    store::{Reading, Recorded, StoreError, WriteTx},
};

/// A record type the store keeps.
pub trait Stored: kartoteka_domain::record::Record {
    /// Parameters of its list.
    type Params: kartoteka_domain::list::ListParameters;
    /// One, if the scope sees it; archived ones too.
    fn find(tx: &mut dyn Reading, id: uuid::Uuid) -> Result<Option<Self>, StoreError>;
    /// A page of those the scope sees.
    fn list(tx: &mut dyn Reading, params: &Self::Params) -> Result<Page<Self>, StoreError>;
    /// Stores a new one.
    fn insert(tx: &mut WriteTx<'_>, record: &Self, event: kartoteka_domain::event::Event) -> Result<(), StoreError>;
    /// Stores the next state of one; [`StoreError::Stale`] when it changed meanwhile.
    fn update(tx: &mut WriteTx<'_>, before: &Self, after: &Self, event: kartoteka_domain::event::Event) -> Result<(), StoreError>;
}

/// A record's row.
pub(crate) trait Entity {
    /// Inserts it.
    fn insert(&self, db: &mut Db, recorded: &Recorded) -> QueryResult<usize>;
    /// Replaces it, if it still has the version that was read.
    fn update(&self, db: &mut Db, read_at: i64, recorded: &Recorded) -> QueryResult<usize>;
}

/// A page of rows before they become records.
pub(crate) struct Rows<R> {
    pub rows: Vec<R>,
    pub next_cursor: Option<String>,
    pub total: Option<i64>,
}

impl<R> Rows<R> {
    pub(crate) fn into_page<T>(self, records: Vec<T>) -> Page<T> {
        Page { data: records, next_cursor: self.next_cursor, total: self.total }
    }
    /// Takes the rows out, leaving what belongs to the page.
    pub(crate) fn take(&mut self) -> Vec<R> {
        std::mem::take(&mut self.rows)
    }
}

/// Cuts what was read with one more than a page holds to the page; whether there is more.
pub(crate) fn cut<R>(rows: &mut Vec<R>, limit: i64) -> bool {
    let limit = usize::try_from(limit).unwrap_or(50);
    let more = rows.len() > limit;
    rows.truncate(limit);
    more
}

/// A JSON object from pairs.
pub(crate) fn map<const N: usize>(pairs: [(&str, Value); N]) -> Map<String, Value> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

const ENVELOPE: &[&str] =
    &["id", "version", "created_at", "updated_at", "created_by", "updated_by", "archived_at", "access", "expanded", "warnings"];

/// The part of a record that is kept as a document: all but the envelope and the fields with columns or tables of their own.
pub(crate) fn pack<R: Serialize>(record: &R, elsewhere: &[&str]) -> Result<Doc, StoreError> {
    let mut value = serde_json::to_value(record).map_err(|e| StoreError::Internal(e.to_string()))?;
    if let Value::Object(object) = &mut value {
        object.retain(|key, value| !ENVELOPE.contains(&key.as_str()) && !elsewhere.contains(&key.as_str()) && !value.is_null());
    }
    Ok(Doc(value))
}

/// A record from its document, its envelope and its columns.
pub(crate) fn revive<R: DeserializeOwned, const N: usize>(
    document: Doc,
    envelope: Map<String, Value>,
    columns: [(&str, Value); N],
) -> Result<R, StoreError> {
    let mut object = match document.0 {
        Value::Object(object) => object,
        _ => Map::new(),
    };
    object.extend(envelope);
    object.extend(map(columns));
    serde_json::from_value(Value::Object(object)).map_err(|e| StoreError::Internal(format!("a stored record cannot be read: {e}")))
}

/// Any value as JSON.
pub(crate) fn json(value: impl Serialize) -> Doc {
    Doc(serde_json::to_value(value).unwrap_or(Value::Null))
}
