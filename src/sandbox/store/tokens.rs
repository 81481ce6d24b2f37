//! Revokable tokens and login sessions.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row, params};

use crate::namespace::messages::{RevokableToken, Scope, State};
use crate::namespace::proto::Time;
use crate::sandbox::store::{Store, StoreResult, from_nanos, to_nanos};

#[derive(Clone, Debug)]
pub struct StoredToken {
    /// Its position in the order of creation.
    pub seq: i64,
    /// Without its state, its workspace and its secret.
    pub token: RevokableToken,
}

#[derive(Clone, Debug)]
pub struct StoredSession {
    pub session_id: String,
    /// The id of the user.
    pub owner_id: String,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    /// When it was last exchanged.
    pub last_used_at: Option<Timestamp>,
    pub invalidated_at: Option<Timestamp>,
}

impl Store {
    /// Returns `false` if the name is in use.
    pub fn insert_token(&self, token: &RevokableToken, secret_hash: &[u8]) -> StoreResult<bool> {
        let grants = serde_json::to_string(&token.permissions).unwrap_or_default();
        let inserted = self
            .lock()
            .prepare_cached(
                "INSERT INTO tokens (token_id, secret_hash, name, description, created_at, expires_at, creator, membership, grants)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) WHERE revoked_at IS NULL DO NOTHING",
            )?
            .execute(params![
                token.token_id,
                secret_hash,
                token.name,
                token.description,
                token.created_at.map(|time| to_nanos(time.0)),
                token.expires_at.map(|time| to_nanos(time.0)),
                token.creator_actor_id,
                token.scope == Scope::Membership,
                grants
            ])?;
        Ok(inserted == 1)
    }

    pub fn token_by_secret(&self, secret_hash: &[u8]) -> StoreResult<Option<StoredToken>> {
        self.lock()
            .prepare_cached("SELECT * FROM tokens WHERE secret_hash = ?")?
            .query_row([secret_hash], read_token)
            .optional()
    }

    pub fn token_by_id(&self, token_id: &str) -> StoreResult<Option<StoredToken>> {
        self.lock()
            .prepare_cached("SELECT * FROM tokens WHERE token_id = ?")?
            .query_row([token_id], read_token)
            .optional()
    }

    /// The tokens after a position, in the order of creation.
    pub fn tokens_after(&self, seq: i64, limit: i64, include_revoked: bool) -> StoreResult<Vec<StoredToken>> {
        self.lock()
            .prepare_cached("SELECT * FROM tokens WHERE seq > ? AND (? OR revoked_at IS NULL) ORDER BY seq LIMIT ?")?
            .query_map(params![seq, include_revoked, limit], read_token)?
            .collect()
    }

    /// Returns `false` if the token does not exist or is already revoked.
    pub fn revoke_token(&self, token_id: &str, at: Timestamp, by: &str) -> StoreResult<bool> {
        let changed = self
            .lock()
            .prepare_cached(
                "UPDATE tokens SET revoked_at = ?, revoked_by = ? WHERE token_id = ? AND revoked_at IS NULL",
            )?
            .execute(params![to_nanos(at), by, token_id])?;
        Ok(changed == 1)
    }

    /// Revokes every token that matches all given filters. Returns their ids in the order of
    /// creation.
    pub fn revoke_tokens(
        &self,
        before: Option<Timestamp>,
        creator: Option<&str>,
        membership: Option<bool>,
        at: Timestamp,
        by: &str,
    ) -> StoreResult<Vec<String>> {
        let mut revoked: Vec<(i64, String)> = self
            .lock()
            .prepare_cached(
                "UPDATE tokens SET revoked_at = ?1, revoked_by = ?2 WHERE revoked_at IS NULL
                 AND (?3 IS NULL OR created_at < ?3) AND (?4 IS NULL OR creator = ?4) AND (?5 IS NULL OR membership = ?5)
                 RETURNING seq, token_id",
            )?
            .query_map(params![to_nanos(at), by, before.map(to_nanos), creator, membership], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<StoreResult<_>>()?;
        revoked.sort();
        Ok(revoked.into_iter().map(|(_, token_id)| token_id).collect())
    }

    pub fn set_expiry(&self, token_id: &str, expires_at: Timestamp) -> StoreResult<()> {
        self.lock()
            .prepare_cached("UPDATE tokens SET expires_at = ? WHERE token_id = ?")?
            .execute(params![to_nanos(expires_at), token_id])?;
        Ok(())
    }

    pub fn insert_session(
        &self,
        session_id: &str,
        owner_id: &str,
        created_at: Timestamp,
        expires_at: Timestamp,
    ) -> StoreResult<()> {
        self.lock().execute(
            "INSERT INTO sessions (session_id, owner_id, created_at, expires_at) VALUES (?, ?, ?, ?)",
            params![session_id, owner_id, to_nanos(created_at), to_nanos(expires_at)],
        )?;
        Ok(())
    }

    /// Oldest first.
    pub fn sessions_of(&self, owner_id: &str) -> StoreResult<Vec<StoredSession>> {
        self.lock()
            .prepare_cached("SELECT * FROM sessions WHERE owner_id = ? ORDER BY created_at, session_id")?
            .query_map([owner_id], read_session)?
            .collect()
    }

    /// Records the use of a session. Returns `false` if it does not exist or was invalidated.
    pub fn use_session(&self, session_id: &str, at: Timestamp) -> StoreResult<bool> {
        let changed = self
            .lock()
            .prepare_cached("UPDATE sessions SET last_used_at = ? WHERE session_id = ? AND invalidated_at IS NULL")?
            .execute(params![to_nanos(at), session_id])?;
        Ok(changed == 1)
    }

    /// Invalidates one or all of a user's sessions. Returns their ids.
    pub fn invalidate_sessions(
        &self,
        owner_id: &str,
        session_id: Option<&str>,
        at: Timestamp,
    ) -> StoreResult<Vec<String>> {
        self.lock()
            .prepare_cached(
                "UPDATE sessions SET invalidated_at = ?1 WHERE owner_id = ?2 AND (?3 IS NULL OR session_id = ?3)
                 AND invalidated_at IS NULL RETURNING session_id",
            )?
            .query_map(params![to_nanos(at), owner_id, session_id], |row| row.get(0))?
            .collect()
    }
}

fn read_token(row: &Row<'_>) -> StoreResult<StoredToken> {
    let membership: bool = row.get("membership")?;
    let grants: String = row.get("grants")?;
    Ok(StoredToken {
        seq: row.get("seq")?,
        token: RevokableToken {
            token_id: row.get("token_id")?,
            tenant_id: String::new(),
            name: row.get("name")?,
            description: row.get("description")?,
            created_at: Some(Time(from_nanos(row.get("created_at")?))),
            expires_at: row.get::<_, Option<i64>>("expires_at")?.map(|nanos| Time(from_nanos(nanos))),
            revoked_at: row.get::<_, Option<i64>>("revoked_at")?.map(|nanos| Time(from_nanos(nanos))),
            revoked_by_actor_id: row.get("revoked_by")?,
            creator_actor_id: row.get("creator")?,
            scope: if membership { Scope::Membership } else { Scope::Tenant },
            permissions: serde_json::from_str(&grants).unwrap_or_default(),
            state: State::Unknown,
        },
    })
}

fn read_session(row: &Row<'_>) -> StoreResult<StoredSession> {
    Ok(StoredSession {
        session_id: row.get("session_id")?,
        owner_id: row.get("owner_id")?,
        created_at: from_nanos(row.get("created_at")?),
        expires_at: from_nanos(row.get("expires_at")?),
        last_used_at: row.get::<_, Option<i64>>("last_used_at")?.map(from_nanos),
        invalidated_at: row.get::<_, Option<i64>>("invalidated_at")?.map(from_nanos),
    })
}
