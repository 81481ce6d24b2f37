//! The sandbox's state in SQLite: in memory, or in a file that survives
//! `kill -9`. Secrets are kept as hashes only.

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

/// Tells a file of ours from any other database: "nscr".
const APPLICATION_ID: i32 = 0x6e73_6372;

/// The version of the schema below.
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
-- Organizations, groups, projects and service accounts alike.
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
-- A member need not exist: the real server does not look.
CREATE TABLE members (
    account_id TEXT NOT NULL,
    group_id TEXT NOT NULL,
    PRIMARY KEY (account_id, group_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX members_of ON members (group_id);
";

pub use resources::{ResourceKind, StoredAccount, StoredResource};
pub use tokens::StoredToken;

/// The state. Cheap calls, one at a time.
pub struct Store(Mutex<Connection>);

/// `Result` with the database's error.
pub type StoreResult<T> = std::result::Result<T, rusqlite::Error>;

impl Store {
    /// A store in memory.
    ///
    /// # Errors
    /// Unexpected: SQLite fails.
    pub fn in_memory() -> Result<Self> {
        let connection = Connection::open_in_memory().map_err(|error| unusable("the sandbox's memory store", error))?;
        Self::prepare(connection, "the sandbox's memory store")
    }

    /// A store in a file, made where there is none, readable by its owner
    /// only.
    ///
    /// # Errors
    /// Usage: the file cannot be used, is in use, or is something else.
    pub fn open(path: &Path) -> Result<Self> {
        let name = format!("--data {}", path.display());
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Failure::usage(format!("{name} cannot be made")).source(error)),
        }
        // A path and nothing else: no URI, and no special names.
        let plain = Path::new(".").join(path);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(plain, flags).map_err(|error| unusable(&name, error))?;
        Self::prepare(connection, &name)
    }

    fn prepare(connection: Connection, name: &str) -> Result<Self> {
        let fail = |error| unusable(name, error);
        // The exclusive lock keeps a second server off the file.
        connection.execute_batch("PRAGMA locking_mode = EXCLUSIVE").map_err(fail)?;
        // Looked at before anything is written: a file that is not ours stays
        // as it is.
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
                .hint("use another file; this one is left as it is"));
            }
            _ => {
                return Err(Failure::usage(format!("{name} is a database of some other program"))
                    .hint("use another file; this one is left as it is"));
            }
        };
        // A full sync on every commit keeps what was acknowledged.
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
        // Every change is one statement or a transaction: a panic in between
        // leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes all changes of several steps one: they are kept, or none of them
    /// is. A step tells whether it was one.
    ///
    /// # Errors
    /// The database's. Nothing was changed then, and steps may be left.
    pub fn transaction(&self, mut step: impl FnMut() -> bool) -> StoreResult<()> {
        self.lock().execute_batch("BEGIN IMMEDIATE")?;
        // On a full disk SQLite itself takes back what was begun.
        while !self.lock().is_autocommit() && step() {}
        let connection = self.lock();
        connection.execute_batch("COMMIT").inspect_err(|_| {
            let _ = connection.execute_batch("ROLLBACK");
        })
    }

    /// A value that is made once and kept.
    ///
    /// # Errors
    /// The database's.
    pub fn meta(&self, key: &str, make: impl FnOnce() -> Vec<u8>) -> StoreResult<Vec<u8>> {
        let connection = self.lock();
        let kept = connection.query_row("SELECT value FROM meta WHERE key = ?", [key], |row| row.get(0)).optional()?;
        if let Some(value) = kept {
            return Ok(value);
        }
        let value = make();
        connection.execute("INSERT INTO meta VALUES (?, ?)", params![key, value])?;
        Ok(value)
    }

    /// Replaces such a value.
    ///
    /// # Errors
    /// The database's.
    pub fn set_meta(&self, key: &str, value: &[u8]) -> StoreResult<()> {
        self.lock().execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", params![key, value])?;
        Ok(())
    }
}

fn unusable(name: &str, error: rusqlite::Error) -> Failure {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Failure::usage(format!("{name} is in use by another sandbox"))
                .hint("stop the other one, or use another file")
        }
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            Failure::usage(format!("{name} is damaged, or no database at all"))
                .hint("use another file; this one is left as it is")
        }
        _ => Failure::usage(format!("{name} cannot be used")).source(error),
    }
}

/// Nanoseconds since 1970, which fit until 2262.
fn nanos(time: Timestamp) -> i64 {
    i64::try_from(time.as_nanosecond()).unwrap_or(if time < Timestamp::UNIX_EPOCH { i64::MIN } else { i64::MAX })
}

fn time(nanos: i64) -> Timestamp {
    Timestamp::from_nanosecond(nanos.into()).unwrap_or(Timestamp::MAX)
}
