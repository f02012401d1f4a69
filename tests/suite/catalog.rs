//! The database's own catalog, read by its command-line tool: the rules of the schema, the two schemas side by side, and
//! row-level security as seen by raw SQL.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::{Command, Stdio},
};

use kartoteka_tests::{Database, Engine, app};

use crate::tenancy::one_of_each;

/// Tables that belong to no tenant, or are asked before the tenant is known.
const GLOBAL: [&str; 5] = ["workspace", "signing_key", "door", "wakeup", "lockout"];

/// One index, however the engine names its kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Index {
    table: String,
    name: String,
    columns: Vec<String>,
    unique: bool,
    primary: bool,
    partial: bool,
}

/// One foreign key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct ForeignKey {
    table: String,
    columns: Vec<String>,
    target: String,
    target_columns: Vec<String>,
    on_delete: String,
}

/// What both catalogs tell.
struct Catalog {
    /// Table and column → type as SQLite would store it, and whether it may be null.
    columns: BTreeMap<(String, String), (String, bool)>,
    indexes: BTreeSet<Index>,
    foreign_keys: BTreeSet<ForeignKey>,
}

impl Catalog {
    fn of(database: &Database) -> Self {
        match database.engine {
            Engine::Sqlite => Self::of_sqlite(database),
            Engine::Postgres => Self::of_postgres(database),
        }
    }

    fn of_sqlite(database: &Database) -> Self {
        let tables = "(SELECT name AS t FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '\\_\\_%' ESCAPE '\\')";
        let columns = database.sql(&format!("SELECT t, p.name, p.type, p.\"notnull\" FROM {tables}, pragma_table_info(t) p"));
        let columns = columns.into_iter().map(|row| ((row[0].clone(), row[1].clone()), (row[2].clone(), row[3] == "0"))).collect();
        let mut indexes: BTreeMap<String, Index> = BTreeMap::new();
        for row in database.sql(&format!("SELECT t, l.name, l.\"unique\", l.origin, l.partial, ifnull(i.name, '?') FROM {tables}, pragma_index_list(t) l, pragma_index_info(l.name) i ORDER BY t, l.name, i.seqno")) {
            let index = indexes.entry(row[1].clone()).or_insert_with(|| Index {
                table: row[0].clone(), name: row[1].clone(), columns: Vec::new(), unique: row[2] == "1", primary: row[3] == "pk", partial: row[4] == "1",
            });
            index.columns.push(row[5].clone());
        }
        let mut keys: BTreeMap<(String, String), ForeignKey> = BTreeMap::new();
        for row in database.sql(&format!("SELECT t, f.id, f.\"table\", f.\"from\", f.\"to\", f.on_delete FROM {tables}, pragma_foreign_key_list(t) f ORDER BY t, f.id, f.seq")) {
            let key = keys.entry((row[0].clone(), row[1].clone())).or_insert_with(|| ForeignKey {
                table: row[0].clone(), columns: Vec::new(), target: row[2].clone(), target_columns: Vec::new(), on_delete: row[5].clone(),
            });
            key.columns.push(row[3].clone());
            key.target_columns.push(row[4].clone());
        }
        Self { columns, indexes: indexes.into_values().map(named).collect(), foreign_keys: keys.into_values().collect() }
    }

    fn of_postgres(database: &Database) -> Self {
        let columns = database.sql("SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE '\\_\\_%'");
        let columns =
            columns.into_iter().map(|row| ((row[0].clone(), row[1].clone()), (stored(&row[2]).to_owned(), row[3] == "YES"))).collect();
        let indexes = database.sql(
            "SELECT t.relname, i.relname, string_agg(coalesce(a.attname, '?'), ',' ORDER BY k.n), x.indisunique, x.indisprimary, x.indpred IS NOT NULL
             FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace
             CROSS JOIN LATERAL unnest(x.indkey) WITH ORDINALITY k (att, n) LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.att
             WHERE n.nspname = 'public' AND t.relname NOT LIKE '\\_\\_%' GROUP BY 1, 2, 4, 5, 6",
        );
        let indexes = indexes.into_iter().map(|row| {
            named(Index {
                table: row[0].clone(),
                name: row[1].clone(),
                columns: split(&row[2]),
                unique: row[3] == "t",
                primary: row[4] == "t",
                partial: row[5] == "t",
            })
        });
        let keys = database.sql(
            "SELECT t.relname, f.relname, c.confdeltype,
                    (SELECT string_agg(a.attname, ',' ORDER BY k.n) FROM unnest(c.conkey) WITH ORDINALITY k (att, n) JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.att),
                    (SELECT string_agg(a.attname, ',' ORDER BY k.n) FROM unnest(c.confkey) WITH ORDINALITY k (att, n) JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.att)
             FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid JOIN pg_class f ON f.oid = c.confrelid WHERE c.contype = 'f'",
        );
        let keys = keys.into_iter().map(|row| {
            let on_delete = match row[2].as_str() {
                "a" => "NO ACTION",
                "c" => "CASCADE",
                "n" => "SET NULL",
                "r" => "RESTRICT",
                _ => "SET DEFAULT",
            };
            ForeignKey {
                table: row[0].clone(),
                columns: split(&row[3]),
                target: row[1].clone(),
                target_columns: split(&row[4]),
                on_delete: on_delete.to_owned(),
            }
        });
        Self { columns, indexes: indexes.collect(), foreign_keys: keys.collect() }
    }

    fn tables(&self) -> BTreeSet<&str> {
        self.columns.keys().map(|(table, _)| table.as_str()).collect()
    }

    fn tenant_tables(&self) -> BTreeSet<&str> {
        self.tables().into_iter().filter(|t| !GLOBAL.contains(t)).collect()
    }
}

fn split(text: &str) -> Vec<String> {
    text.split(',').map(str::to_owned).collect()
}

/// SQLite does not tell the name of a primary key's index.
fn named(index: Index) -> Index {
    if index.primary { Index { name: format!("{}_pkey", index.table), ..index } } else { index }
}

/// As what SQLite stores a type of PostgreSQL.
fn stored(postgres: &str) -> &'static str {
    match postgres {
        "uuid" | "bytea" => "BLOB",
        "text" | "jsonb" => "TEXT",
        "bigint" | "timestamp with time zone" | "boolean" => "INTEGER",
        "double precision" => "REAL",
        other => panic!("the type {other} has no counterpart: rules 3 and 4 of the schema"),
    }
}

fn migrated(engine: Engine) -> Database {
    let database = Database::fresh_of(engine);
    database.run(&["migrate"]);
    database
}

#[test]
fn the_workspace_stands_first_in_every_key_and_index_of_every_tenant_table() {
    let catalog = Catalog::of(&migrated(Engine::of_this_run()));
    assert!(catalog.tenant_tables().len() > 20, "{:?}", catalog.tenant_tables());
    for table in catalog.tenant_tables() {
        let (_, nullable) =
            catalog.columns.get(&(table.to_owned(), "workspace_id".to_owned())).unwrap_or_else(|| panic!("{table} has no workspace_id"));
        assert!(!nullable, "{table}.workspace_id may be null");
        let primary =
            catalog.indexes.iter().find(|i| i.table == table && i.primary).unwrap_or_else(|| panic!("{table} has no primary key"));
        assert_eq!(primary.columns, ["workspace_id", "id"], "{table}");
        for index in catalog.indexes.iter().filter(|i| i.table == table) {
            assert_eq!(index.columns[0], "workspace_id", "{}", index.name);
        }
    }
}

#[test]
fn references_stay_inside_their_workspace_and_never_set_null() {
    let catalog = Catalog::of(&migrated(Engine::of_this_run()));
    assert!(catalog.foreign_keys.len() > 20);
    for key in &catalog.foreign_keys {
        assert!(matches!(key.on_delete.as_str(), "NO ACTION" | "CASCADE"), "{key:?}");
        assert_eq!(key.columns[0], "workspace_id", "{key:?}");
        let whole = if key.target == "workspace" { vec!["id"] } else { vec!["workspace_id", "id"] };
        assert_eq!(key.target_columns, whole, "{key:?}");
    }
    for table in catalog.tenant_tables() {
        assert!(
            catalog.foreign_keys.iter().any(|k| k.table == table && k.target == "workspace"),
            "{table} does not refer to its workspace"
        );
    }
}

#[test]
fn every_reference_has_an_index_that_begins_with_it() {
    let catalog = Catalog::of(&migrated(Engine::of_this_run()));
    for key in catalog.foreign_keys.iter().filter(|k| k.target != "workspace") {
        assert!(catalog.indexes.iter().any(|i| i.table == key.table && i.columns.starts_with(&key.columns)), "no index for {key:?}");
    }
}

#[test]
fn tables_are_narrow_and_names_say_what_they_are() {
    let catalog = Catalog::of(&migrated(Engine::of_this_run()));
    for table in catalog.tables() {
        let width = catalog.columns.keys().filter(|(t, _)| t == table).count();
        assert!(width <= 32, "{table} has {width} columns");
        assert!(table.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{table}");
    }
    for index in &catalog.indexes {
        assert!(index.name.starts_with(&index.table), "{} does not begin with its table", index.name);
        assert!(index.name.ends_with("_pkey") || index.name.ends_with("_key") || index.name.ends_with("_idx"), "{}", index.name);
        assert_eq!(index.unique, !index.name.ends_with("_idx"), "{}", index.name);
    }
    for ((table, column), (_, nullable)) in &catalog.columns {
        assert!(
            !(nullable & (column == "sort_key" || column.ends_with("_key") && column.starts_with("next_"))),
            "page key {table}.{column} may be null"
        );
    }
}

#[test]
fn there_are_no_triggers_views_or_rules() {
    let database = migrated(Engine::of_this_run());
    let count = match database.engine {
        Engine::Sqlite => database.number("SELECT count(*) FROM sqlite_master WHERE type IN ('trigger', 'view')"),
        Engine::Postgres => database.number(
            "SELECT (SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal) + (SELECT count(*) FROM pg_rules WHERE schemaname = 'public')
                  + (SELECT count(*) FROM pg_views WHERE schemaname = 'public') + (SELECT count(*) FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE n.nspname = 'public' AND t.typtype IN ('d', 'e', 'r'))
                  + (SELECT count(*) FROM information_schema.sequences WHERE sequence_schema = 'public')",
        ),
    };
    assert_eq!(count, 0);
}

#[test]
fn the_two_schemas_are_one_column_by_column_index_by_index() {
    let (sqlite, postgres) = (Catalog::of(&migrated(Engine::Sqlite)), Catalog::of(&migrated(Engine::Postgres)));
    let difference = |a: BTreeSet<String>, b: BTreeSet<String>| -> Vec<String> { a.symmetric_difference(&b).cloned().collect() };
    let columns = |c: &Catalog| {
        c.columns.iter().map(|((t, n), (kind, null))| format!("{t}.{n} {kind}{}", if *null { " NULL" } else { "" })).collect()
    };
    assert_eq!(difference(columns(&sqlite), columns(&postgres)), Vec::<String>::new(), "columns");
    let indexes = |c: &Catalog| c.indexes.iter().map(|i| format!("{i:?}")).collect();
    assert_eq!(difference(indexes(&sqlite), indexes(&postgres)), Vec::<String>::new(), "indexes");
    let keys = |c: &Catalog| c.foreign_keys.iter().map(|k| format!("{k:?}")).collect();
    assert_eq!(difference(keys(&sqlite), keys(&postgres)), Vec::<String>::new(), "foreign keys");
}

#[test]
fn both_engines_have_the_same_migrations_each_with_a_way_back() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations");
    let folders = |engine: &str| -> BTreeSet<String> {
        std::fs::read_dir(root.join(engine)).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    assert_eq!(folders("sqlite"), folders("postgres"));
    for engine in ["sqlite", "postgres"] {
        for folder in folders(engine) {
            for file in ["up.sql", "down.sql"] {
                assert!(root.join(engine).join(&folder).join(file).metadata().is_ok_and(|m| m.len() > 0), "{engine}/{folder}/{file}");
            }
        }
    }
}

#[test]
fn audit_and_idempotency_bodies_are_exact_text() {
    let database = migrated(Engine::of_this_run());
    let catalog = Catalog::of(&database);
    for (table, column) in [("audit_event", "changes"), ("outbox_event", "payload"), ("idempotency_key", "body")] {
        assert_eq!(catalog.columns[&(table.to_owned(), column.to_owned())].0, "TEXT");
        if database.engine == Engine::Postgres {
            let kind = database.sql(&format!(
                "SELECT data_type FROM information_schema.columns WHERE table_name = '{table}' AND column_name = '{column}'"
            ));
            assert_eq!(kind, [["text"]], "{table}.{column}: jsonb would reorder keys");
        }
    }
}

/// SQL as the application's role, in a workspace or in none; `None` when it is refused.
fn as_application(database: &Database, workspace: Option<&str>, sql: &str) -> Option<String> {
    let mut command = Command::new("psql");
    command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", &database.url, "-c", "SET ROLE kartoteka_app"]);
    if let Some(workspace) = workspace {
        command.args(["-c", &format!("SET app.workspace = '{workspace}'")]);
    }
    let output = command.args(["-c", sql]).stdin(Stdio::null()).output().unwrap();
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[test]
fn raw_sql_without_or_with_a_foreign_workspace_sees_no_row_of_any_tenant_table() {
    let workspace = app().workspace();
    one_of_each(&workspace);
    let database = app().database();
    let catalog = Catalog::of(database);
    if database.engine == Engine::Sqlite {
        // the embedded database has no roles: its second lock is that no process but the server's opens the file
        assert_eq!(database.sql("PRAGMA foreign_key_check").len(), 0);
        assert_eq!(database.sql("PRAGMA journal_mode"), [["wal"]]);
        for table in catalog.tables() {
            let sql = database.sql(&format!("SELECT sql FROM sqlite_master WHERE name = '{table}'"));
            assert!(sql[0][0].trim_end().ends_with("STRICT"), "{table} is not STRICT");
        }
        return;
    }
    let flags = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = 'kartoteka_app'";
    assert_eq!(database.sql(flags), [["f"]], "the application's role is subject to row-level security");
    let mut filled = 0;
    for table in catalog.tenant_tables() {
        let count = format!("SELECT count(*) FROM {table}");
        let all = database.number(&count);
        filled += usize::from(all > 0);
        assert_eq!(as_application(database, None, &count).as_deref(), Some("0"), "{table} without a workspace");
        assert_eq!(
            as_application(database, Some("01939d5a-0000-7000-8000-000000000000"), &count).as_deref(),
            Some("0"),
            "{table} with a foreign one"
        );
        assert_eq!(as_application(database, Some(""), &count).as_deref(), Some("0"), "{table} with an empty one");
        let own = database.number(&format!("{count} WHERE workspace_id = '{}'", workspace.id));
        assert_eq!(as_application(database, Some(&workspace.id), &count), Some(own.to_string()), "{table} with its own");
    }
    assert!(filled > 15, "only {filled} tables had rows to hide");
}

#[test]
fn every_tenant_table_is_locked_by_a_forced_policy_for_reading_and_writing() {
    let workspace = app().workspace();
    one_of_each(&workspace);
    let database = app().database();
    let catalog = Catalog::of(database);
    if database.engine == Engine::Sqlite {
        let enforced = database.sql("SELECT count(*) FROM pragma_foreign_key_list('contact_point') WHERE \"from\" = 'workspace_id'");
        assert_eq!(enforced, [["3"]], "the embedded database's lock is the composite key");
        return;
    }
    let locked = database.sql(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relrowsecurity AND c.relforcerowsecurity
         AND EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid AND p.polqual IS NOT NULL AND p.polwithcheck IS NOT NULL)",
    );
    let locked: BTreeSet<String> = locked.into_iter().flatten().collect();
    for table in catalog.tenant_tables() {
        assert!(locked.contains(table), "{table} has no forced policy with USING and WITH CHECK");
    }
    let smuggle = "UPDATE note SET workspace_id = '01939d5a-0000-7000-8000-000000000000'";
    assert_eq!(as_application(database, Some(&workspace.id), smuggle), None, "a row is not moved to another workspace");
    let stranger = "01939d5a-0000-7000-8000-000000000000";
    as_application(database, Some(stranger), "UPDATE note SET body = 'x'");
    assert_eq!(database.number(&format!("SELECT count(*) FROM note WHERE workspace_id = '{}' AND body = 'x'", workspace.id)), 0);
}
