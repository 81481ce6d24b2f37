//! The sandbox's state in SQLite: in memory, or in a file that survives `kill -9`.
//! Secrets are stored only as hashes.

mod resources;
mod tokens;

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, params};

use crate::error::{Failure, Result};

/// "nscr": distinguishes the sandbox's files from other databases.
const APPLICATION_ID: i32 = 0x6e73_6372;

const SCHEMA_VERSION: i32 = 2;

const SCHEMA: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
CREATE TABLE tokens (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    token_id TEXT NOT NULL UNIQUE,
    secret_hash BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    revoked_by TEXT NOT NULL DEFAULT '',
    creator TEXT NOT NULL,
    membership INTEGER NOT NULL,
    grants TEXT NOT NULL
) STRICT;
-- A name is free again once its token is revoked.
CREATE UNIQUE INDEX live_names ON tokens (name) WHERE revoked_at IS NULL;
CREATE TABLE sessions (
    session_id TEXT PRIMARY KEY,
    owner_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    last_used_at INTEGER,
    invalidated_at INTEGER
) STRICT;
-- Organizations, groups, projects and service accounts. `noun` is which of them.
CREATE TABLE resources (
    noun TEXT NOT NULL,
    id TEXT NOT NULL,
    organization_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    tags TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT,
    modified_at INTEGER,
    modified_by TEXT,
    spec TEXT NOT NULL,
    PRIMARY KEY (noun, id)
) STRICT, WITHOUT ROWID;
-- One current token for each account.
CREATE TABLE account_tokens (
    account_id TEXT PRIMARY KEY,
    secret_hash BLOB NOT NULL UNIQUE,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- A member need not exist: the real server does not check.
CREATE TABLE members (
    account_id TEXT NOT NULL,
    group_id TEXT NOT NULL,
    PRIMARY KEY (account_id, group_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX members_of ON members (group_id);
";

pub use resources::{ResourceKind, StoredAccount, StoredResource};
pub use tokens::StoredToken;

/// The state. Calls are short and run one at a time.
pub struct Store(Mutex<Connection>);

pub type StoreResult<T> = std::result::Result<T, rusqlite::Error>;

impl Store {
    pub fn in_memory() -> Result<Self> {
        let connection =
            Connection::open_in_memory().map_err(|error| open_error("the sandbox's memory store", error))?;
        Self::initialize(connection, "the sandbox's memory store")
    }

    /// A store in a file, which is created if it does not exist, with mode 0600.
    ///
    /// # Errors
    /// Usage: the file cannot be opened, is in use, or is not a store of this version.
    pub fn open(path: &Path) -> Result<Self> {
        let name = format!("--data {}", path.display());
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Failure::usage(format!("{name} cannot be created")).source(error)),
        }
        // A relative path with ./ is neither a URI nor one of SQLite's special names.
        let path = Path::new(".").join(path);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(|error| open_error(&name, error))?;
        Self::initialize(connection, &name)
    }

    fn initialize(connection: Connection, name: &str) -> Result<Self> {
        let fail = |error| open_error(name, error);
        // The exclusive lock prevents that two servers use the file.
        connection.execute_batch("PRAGMA locking_mode = EXCLUSIVE").map_err(fail)?;
        // Checked before anything is written: another program's file stays unchanged.
        let pragma = |key| connection.pragma_query_value(None, key, |row| row.get::<_, i32>(0));
        let tables = "SELECT count(*) FROM sqlite_schema";
        let tables: i64 = connection.query_row(tables, [], |row| row.get(0)).map_err(fail)?;
        let is_new = match (tables, pragma("application_id").map_err(fail)?, pragma("user_version").map_err(fail)?) {
            (0, 0, _) => true,
            (_, APPLICATION_ID, SCHEMA_VERSION) => false,
            (_, APPLICATION_ID, version) => {
                return Err(Failure::usage(format!(
                    "{name} was written by another version of the sandbox (schema {version})"
                ))
                .hint("use another file; this one was not changed"));
            }
            _ => {
                return Err(Failure::usage(format!("{name} is a database of another program"))
                    .hint("use another file; this one was not changed"));
            }
        };
        // A full sync on every commit: an acknowledged change survives a crash.
        let start = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; BEGIN IMMEDIATE";
        connection.execute_batch(start).map_err(fail)?;
        if is_new {
            connection.execute_batch(SCHEMA).map_err(fail)?;
            connection.pragma_update(None, "application_id", APPLICATION_ID).map_err(fail)?;
            connection.pragma_update(None, "user_version", SCHEMA_VERSION).map_err(fail)?;
        }
        connection.execute_batch("COMMIT").map_err(fail)?;
        connection.set_prepared_statement_cache_capacity(32);
        Ok(Self(Mutex::new(connection)))
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // Every change is one statement or a transaction, so that a panic leaves no partial change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls `step` in one transaction until it returns `false`. After an error nothing has changed,
    /// and `step` may not have been called to the end.
    pub fn transaction(&self, mut step: impl FnMut() -> bool) -> StoreResult<()> {
        self.lock().execute_batch("BEGIN IMMEDIATE")?;
        // On a full disk SQLite rolls back by itself.
        while !self.lock().is_autocommit() && step() {}
        let connection = self.lock();
        connection.execute_batch("COMMIT").inspect_err(|_| {
            let _ = connection.execute_batch("ROLLBACK");
        })
    }

    /// The value of a key, which is generated and stored at first use.
    pub fn meta(&self, key: &str, generate: impl FnOnce() -> Vec<u8>) -> StoreResult<Vec<u8>> {
        let connection = self.lock();
        let stored =
            connection.query_row("SELECT value FROM meta WHERE key = ?", [key], |row| row.get(0)).optional()?;
        if let Some(value) = stored {
            return Ok(value);
        }
        let value = generate();
        connection.execute("INSERT INTO meta VALUES (?, ?)", params![key, value])?;
        Ok(value)
    }

    pub fn set_meta(&self, key: &str, value: &[u8]) -> StoreResult<()> {
        self.lock().execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", params![key, value])?;
        Ok(())
    }
}

fn open_error(name: &str, error: rusqlite::Error) -> Failure {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Failure::usage(format!("{name} is in use by another sandbox"))
                .hint("stop that sandbox, or use another file")
        }
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            Failure::usage(format!("{name} is damaged or not a database"))
                .hint("use another file; this one was not changed")
        }
        _ => Failure::usage(format!("{name} cannot be opened")).source(error),
    }
}

/// Nanoseconds since 1970, which fit until the year 2262.
fn to_nanos(time: Timestamp) -> i64 {
    i64::try_from(time.as_nanosecond()).unwrap_or(if time < Timestamp::UNIX_EPOCH { i64::MIN } else { i64::MAX })
}

fn from_nanos(nanos: i64) -> Timestamp {
    Timestamp::from_nanosecond(nanos.into()).unwrap_or(Timestamp::MAX)
}
