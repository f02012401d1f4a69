//! Connections: chosen by the URL's scheme, set up before they are handed out.

use diesel::{Connection, PgConnection, RunQueryDsl, SqliteConnection, connection::SimpleConnection, sql_types::Bool};

use super::{StoreError, instrument::Statements};
use crate::db::Db;

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// The embedded one.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

impl Engine {
    /// By the scheme of a URL.
    pub fn of(url: &str) -> Result<Self, StoreError> {
        if url.starts_with("sqlite:") {
            Ok(Self::Sqlite)
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            if ["sslmode=require", "sslmode=verify-ca", "sslmode=verify-full"].iter().any(|mode| url.contains(mode))
                && !cfg!(feature = "postgres-tls")
            {
                return Err(StoreError::Setup(
                    "this build of kartoteka speaks no TLS to PostgreSQL: build it with the cargo feature postgres-tls".into(),
                ));
            }
            Ok(Self::Postgres)
        } else {
            Err(StoreError::Setup("the database URL must begin with sqlite: or postgres://".into()))
        }
    }
}

/// Makes connections for one pool.
#[derive(Debug, Clone)]
pub(super) struct Manager {
    pub url: String,
    pub engine: Engine,
    pub cache_statements: bool,
}

/// The role every pool works as: row-level security binds it.
pub(crate) const APP_ROLE: &str = "kartoteka_app";

/// Connects without giving up rights: for migrations only.
pub(crate) fn connect_as_owner(url: &str) -> Result<Db, StoreError> {
    let unreachable = |error: diesel::ConnectionError| StoreError::Setup(format!("cannot connect to the database: {error}"));
    match Engine::of(url)? {
        Engine::Sqlite => {
            set_up_sqlite();
            let path = url.strip_prefix("sqlite:").unwrap_or(url);
            let mut c = SqliteConnection::establish(path).map_err(unreachable)?;
            // busy first: switching to WAL needs a lock of its own
            c.batch_execute(
                "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
                 PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8000; PRAGMA mmap_size = 268435456; \
                 PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864;",
            )?;
            Ok(Db::Sqlite(c))
        }
        Engine::Postgres => Ok(Db::Postgres(PgConnection::establish(url).map_err(unreachable)?)),
    }
}

#[derive(diesel::QueryableByName)]
struct Powers {
    #[diesel(sql_type = Bool)]
    too_many: bool,
}

impl Manager {
    fn establish(&self) -> Result<Db, StoreError> {
        let mut db = connect_as_owner(&self.url)?;
        db.set_instrumentation(Statements::new());
        if !self.cache_statements {
            db.set_prepared_statement_cache_size(diesel::connection::CacheSize::Disabled);
        }
        if let Db::Postgres(c) = &mut db {
            c.batch_execute(&format!(
                "SET ROLE {APP_ROLE}; SET TIME ZONE 'UTC'; SET statement_timeout = '15s'; SET lock_timeout = '4s'; SET jit = off; \
                 SET idle_in_transaction_session_timeout = '60s';"
            ))
            .map_err(|error| StoreError::Setup(format!("cannot work as the role {APP_ROLE}: {error}; run kartoteka migrate first")))?;
            #[expect(clippy::disallowed_methods, reason = "reads the catalog, changes nothing")]
            let powers: Powers =
                diesel::sql_query("SELECT (rolsuper OR rolbypassrls) AS too_many FROM pg_roles WHERE rolname = current_user")
                    .get_result(c)?;
            if powers.too_many {
                return Err(StoreError::Setup(format!(
                    "the role {APP_ROLE} is superuser or bypasses row-level security: take that from it"
                )));
            }
        }
        Ok(db)
    }
}

impl r2d2::ManageConnection for Manager {
    type Connection = Db;
    type Error = StoreError;

    fn connect(&self) -> Result<Db, StoreError> {
        self.establish()
    }
    fn is_valid(&self, db: &mut Db) -> Result<(), StoreError> {
        Ok(db.batch_execute("SELECT 1")?)
    }
    fn has_broken(&self, db: &mut Db) -> bool {
        use diesel::connection::TransactionManager;
        std::thread::panicking() || <Db as Connection>::TransactionManager::is_broken_transaction_manager(db)
    }
}

/// Switches on SQLite's query planner stability guarantee for every connection: without it each statement with a bound
/// LIMIT is prepared anew at every execution. Switches off locks and counts that nobody here needs.
#[expect(unsafe_code, reason = "these options can only be set through SQLite's C interface; the hook only calls sqlite3_db_config")]
fn set_up_sqlite() {
    use std::sync::Once;
    static ONCE: Once = Once::new();
    unsafe extern "C" fn hook(
        db: *mut libsqlite3_sys::sqlite3,
        _error: *mut *mut std::os::raw::c_char,
        _api: *const libsqlite3_sys::sqlite3_api_routines,
    ) -> std::os::raw::c_int {
        // SAFETY: SQLite calls this with a live connection; the option takes an int and an out pointer that may be null.
        unsafe {
            libsqlite3_sys::sqlite3_db_config(
                db,
                libsqlite3_sys::SQLITE_DBCONFIG_ENABLE_QPSG,
                1,
                std::ptr::null_mut::<std::os::raw::c_int>(),
            )
        }
    }
    ONCE.call_once(|| {
        // SAFETY: both options are set before SQLite is initialised, by the next call, and take an int or nothing. A connection is used by
        // one thread at a time, so it needs no lock of its own; nobody asks SQLite how much memory it uses.
        unsafe {
            libsqlite3_sys::sqlite3_config(libsqlite3_sys::SQLITE_CONFIG_MULTITHREAD);
            libsqlite3_sys::sqlite3_config(libsqlite3_sys::SQLITE_CONFIG_MEMSTATUS, 0);
        }
        // SAFETY: the function has the signature SQLite documents for extension entry points and lives for ever.
        unsafe {
            libsqlite3_sys::sqlite3_auto_extension(Some(hook));
        }
    });
}
