//! Migrations, embedded in the binary, and on PostgreSQL the second lock: row-level security and the role that obeys it.

use diesel::{
    RunQueryDsl,
    connection::SimpleConnection,
    sql_types::{BigInt, Text},
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::{
    db::Db,
    store::{StoreError, connect_as_owner},
};

const SQLITE: EmbeddedMigrations = embed_migrations!("../migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("../migrations/postgres");

/// Tables that belong to no workspace; every other table is locked to its workspace.
const GLOBAL: &[&str] = &["workspace", "signing_key", "door", "wakeup", "lockout"];

/// Brings the schema up to date; answers the names of what was applied.
pub fn run(url: &str) -> Result<Vec<String>, StoreError> {
    let mut db = connect_as_owner(url)?;
    let mut tried = 0;
    loop {
        let outcome = match &mut db {
            Db::Sqlite(c) => c.run_pending_migrations(SQLITE).map(|done| done.iter().map(ToString::to_string).collect::<Vec<_>>()),
            Db::Postgres(c) => c.run_pending_migrations(POSTGRES).map(|done| done.iter().map(ToString::to_string).collect()),
        };
        match outcome {
            Ok(applied) => {
                if let Db::Postgres(c) = &mut db {
                    secure_if_needed(c)?;
                }
                return Ok(applied);
            }
            // another process may be migrating at this moment; then nothing is pending soon
            Err(error) if tried < 5 => {
                tried += 1;
                tracing::debug!(%error, "migrations are tried again");
                std::thread::sleep(std::time::Duration::from_millis(300 * tried));
            }
            Err(error) => return Err(StoreError::Setup(format!("the database cannot be migrated: {error}"))),
        }
    }
}

#[derive(diesel::QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

#[derive(diesel::QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    open: i64,
}

/// Another process may be doing the same at this moment: then there is nothing left to do, or a catalog row was touched twice.
fn secure_if_needed(c: &mut diesel::PgConnection) -> Result<(), StoreError> {
    let mut tried = 0;
    loop {
        match needs_securing(c).and_then(|needed| if needed { secure(c) } else { Ok(()) }) {
            Ok(()) => return Ok(()),
            Err(error) if tried < 8 => {
                tried += 1;
                tracing::debug!(%error, "securing the tables is tried again");
                std::thread::sleep(std::time::Duration::from_millis(50 * tried));
            }
            Err(error) => return Err(error),
        }
    }
}

/// Whether the role, a grant or a lock is missing.
fn needs_securing(c: &mut diesel::PgConnection) -> Result<bool, StoreError> {
    #[expect(clippy::disallowed_methods, reason = "reads the catalog")]
    let role: Count = diesel::sql_query(
        "SELECT count(*) AS open FROM pg_roles r WHERE r.rolname = 'kartoteka_app' AND pg_has_role(current_user, r.oid, 'MEMBER')",
    )
    .get_result(c)?;
    if role.open == 0 {
        return Ok(true);
    }
    #[expect(clippy::disallowed_methods, reason = "reads the catalog")]
    let tables: Count = diesel::sql_query(
        "SELECT count(*) AS open FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = 'public' AND c.relkind = 'r' AND c.relname NOT LIKE '\\_\\_%' AND (\
           NOT has_table_privilege('kartoteka_app', c.oid, 'SELECT') OR NOT has_table_privilege('kartoteka_app', c.oid, 'DELETE') OR (\
             c.relname NOT IN ('workspace', 'signing_key', 'door', 'wakeup', 'lockout') AND (NOT c.relrowsecurity OR NOT c.relforcerowsecurity \
               OR NOT EXISTS (SELECT 1 FROM pg_policies p WHERE p.schemaname = 'public' AND p.tablename = c.relname AND p.policyname = 'own_workspace'))))",
    )
    .get_result(c)?;
    Ok(tables.open > 0)
}

/// Makes the role of the pools and locks every tenant table to `app.workspace`. Runs at every migration and repeats
/// harmlessly, so that no new table can be left open.
fn secure(c: &mut diesel::PgConnection) -> Result<(), StoreError> {
    c.batch_execute(
        "DO $$ BEGIN
            IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'kartoteka_app') THEN
                CREATE ROLE kartoteka_app NOLOGIN NOSUPERUSER NOBYPASSRLS;
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END $$;
        DO $$ BEGIN
            IF NOT pg_has_role(current_user, 'kartoteka_app', 'MEMBER') THEN
                EXECUTE format('GRANT kartoteka_app TO %I', current_user);
            END IF;
        END $$;
        GRANT USAGE ON SCHEMA public TO kartoteka_app;",
    )
    .map_err(|error| StoreError::Setup(format!("the role kartoteka_app cannot be made ({error}); let an administrator run: CREATE ROLE kartoteka_app NOLOGIN; GRANT kartoteka_app TO your_user")))?;
    #[expect(clippy::disallowed_methods, reason = "reads the catalog")]
    let tables: Vec<Name> = diesel::sql_query(
        "SELECT c.relname::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = 'public' AND c.relkind = 'r' AND c.relname NOT LIKE '\\_\\_%' ORDER BY 1",
    )
    .load(c)?;
    for Name { name } in tables {
        let mut sql = format!("GRANT SELECT, INSERT, UPDATE, DELETE ON \"{name}\" TO kartoteka_app;");
        if !GLOBAL.contains(&name.as_str()) {
            let this = "workspace_id = nullif(current_setting('app.workspace', true), '')::uuid";
            sql.push_str(&format!(
                "ALTER TABLE \"{name}\" ENABLE ROW LEVEL SECURITY; ALTER TABLE \"{name}\" FORCE ROW LEVEL SECURITY;
                 DO $$ BEGIN
                    IF NOT EXISTS (SELECT 1 FROM pg_policies WHERE schemaname = 'public' AND tablename = '{name}' AND policyname = 'own_workspace') THEN
                        CREATE POLICY own_workspace ON \"{name}\" USING ({this}) WITH CHECK ({this});
                    END IF;
                 END $$;"
            ));
        }
        c.batch_execute(&sql)?;
    }
    Ok(())
}
