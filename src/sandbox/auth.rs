//! Who calls, and what they may do.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::rand::{SecureRandom, SystemRandom};
use ring::{digest, hmac};
use serde::{Deserialize, Serialize};

use crate::namespace::detail::MissingPermission;
use crate::namespace::message::{Permission, RevokableToken, State};
use crate::namespace::permissions::TOKENS;
use crate::sandbox::store::{Store, Stored};

/// The one workspace.
pub const TENANT_ID: &str = "tenant_sandbox";

/// A workspace admin, who may do everything.
pub const ADMIN: &str = "user_admin";

/// A member who is no admin: may use every resource, and mint tokens bound to
/// the own membership; may not list, revoke or refresh them.
pub const MEMBER: &str = "user_member";

/// The claims of the sandbox's own JWTs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Claims {
    /// The workspace.
    pub tenant_id: String,
    /// The user.
    pub actor_id: String,
    /// Seconds since 1970.
    pub iat: i64,
    /// Seconds since 1970.
    pub exp: i64,
    /// The session, in a session's token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
}

/// Signs and checks JWTs, and makes secrets.
pub struct Keys {
    key: hmac::Key,
    random: SystemRandom,
}

/// Why a bearer is not let in. The words are the server's message.
pub type Rejected = &'static str;

impl Keys {
    /// The key that the store keeps, made at first use.
    ///
    /// # Errors
    /// The database's.
    pub fn load(store: &Store) -> Stored<Self> {
        let random = SystemRandom::new();
        let bytes = store.meta("signing_key", || random_bytes::<32>(&random).to_vec())?;
        Ok(Self { key: hmac::Key::new(hmac::HMAC_SHA256, &bytes), random })
    }

    /// A text that nobody can guess: 32 bytes in hexadecimal.
    pub fn secret(&self) -> String {
        hex(&self.random::<32>())
    }

    /// A text that does not come twice: 10 bytes in hexadecimal.
    pub fn id(&self) -> String {
        hex(&self.random::<10>())
    }

    /// The id of a trace: 16 bytes in hexadecimal.
    pub fn trace_id(&self) -> String {
        hex(&self.random::<16>())
    }

    /// The id of a resource: a random UUID that begins with a letter, as
    /// Kubernetes wants of names.
    pub fn resource_id(&self) -> String {
        loop {
            let id = uuid::Builder::from_random_bytes(self.random::<16>()).into_uuid().to_string();
            if id.starts_with(|first: char| first.is_ascii_lowercase()) {
                return id;
            }
        }
    }

    /// Bytes that nobody can guess.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        random_bytes(&self.random)
    }

    /// A signed JWT behind its prefix.
    pub fn sign(&self, prefix: &str, claims: &Claims) -> String {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
        let payload = URL_SAFE_NO_PAD.encode(serde_json::to_vec(claims).unwrap_or_default());
        let signed = format!("{prefix}{header}.{payload}");
        let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&self.key, signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    /// The claims of a token with this prefix that was signed here and has
    /// not ended.
    fn verify(&self, prefix: &str, token: &str, now: Timestamp) -> Result<Claims, Rejected> {
        const INVALID: Rejected = "invalid token";
        let (signed, signature) = token.rsplit_once('.').ok_or(INVALID)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| INVALID)?;
        // The prefix is signed too: a session cannot pass for a tenant token.
        hmac::verify(&self.key, signed.as_bytes(), &signature).map_err(|_| INVALID)?;
        let (_, payload) = signed.strip_prefix(prefix).and_then(|jwt| jwt.split_once('.')).ok_or(INVALID)?;
        let payload = URL_SAFE_NO_PAD.decode(payload).map_err(|_| INVALID)?;
        let claims: Claims = serde_json::from_slice(&payload).map_err(|_| INVALID)?;
        if claims.exp <= now.as_second() { Err("token expired") } else { Ok(claims) }
    }
}

fn random_bytes<const N: usize>(random: &SystemRandom) -> [u8; N] {
    let mut bytes = [0; N];
    // ring reads the operating system's generator, which does not fail once
    // the machine is up; a secret of zeros must never be handed out.
    if random.fill(&mut bytes).is_err() {
        std::process::abort();
    }
    bytes
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The form in which a secret is stored.
pub fn hash(secret: &str) -> Vec<u8> {
    digest::digest(&digest::SHA256, secret.as_bytes()).as_ref().to_vec()
}

/// Who calls.
#[derive(Clone, Debug)]
pub enum Caller {
    /// A user, with a tenant token.
    User(String),
    /// A revokable token.
    Token(Box<RevokableToken>),
}

/// What lets a bearer in, or the reason why not.
pub enum Admission<T> {
    /// In.
    Granted(T),
    /// Out, with the server's words.
    Rejected(Rejected),
}

impl Caller {
    /// The caller behind a bearer token.
    ///
    /// # Errors
    /// The database's.
    pub fn identify(bearer: Option<&str>, keys: &Keys, store: &Store, now: Timestamp) -> Stored<Admission<Self>> {
        let Some(bearer) = bearer else { return Ok(Admission::Rejected("no credentials")) };
        if bearer.starts_with("nsct_") {
            return Ok(match keys.verify("nsct_", bearer, now) {
                Ok(claims) => Admission::Granted(Self::User(claims.actor_id)),
                Err(why) => Admission::Rejected(why),
            });
        }
        if bearer.starts_with("st_") {
            return Ok(Admission::Rejected("a session token must be exchanged first"));
        }
        let Some(stored) = store.token_by_secret(&hash(bearer))? else {
            return Ok(Admission::Rejected("invalid token"));
        };
        Ok(match stored.token.state_at(now) {
            State::Revoked => Admission::Rejected("token revoked"),
            State::Expired => Admission::Rejected("token expired"),
            // The store knows no other.
            State::Active | State::Unknown | State::Other(_) => Admission::Granted(Self::Token(Box::new(stored.token))),
        })
    }

    /// The user who acts, or on whose behalf the token was made.
    pub fn actor_id(&self) -> &str {
        match self {
            Self::User(id) => id,
            Self::Token(token) => &token.creator_actor_id,
        }
    }

    /// Whether this may be done. No `resource_id` is an action on the type as
    /// a whole, such as `create` or `list`.
    pub fn may(&self, resource_type: &str, resource_id: Option<&str>, action: &str) -> bool {
        match self {
            Self::User(id) => id == ADMIN || resource_type != TOKENS,
            Self::Token(token) => {
                token.permissions.iter().any(|grant| covers(grant, resource_type, resource_id, action))
            }
        }
    }

    /// Whether a token of this scope may be minted.
    pub fn may_mint(&self, membership: bool) -> bool {
        match self {
            Self::User(id) if id == MEMBER => membership,
            _ => self.may(TOKENS, None, "create"),
        }
    }

    /// What of these grants goes beyond the caller's own rights.
    pub fn beyond(&self, grants: &[Permission]) -> Vec<MissingPermission> {
        let mut beyond = Vec::new();
        for grant in grants {
            let resource_id = Some(grant.resource_id.as_str()).filter(|id| !id.is_empty());
            for action in grant.actions.iter().filter(|action| !self.may(&grant.resource_type, resource_id, action)) {
                beyond.push(MissingPermission {
                    resource_type: grant.resource_type.clone(),
                    resource_id: grant.resource_id.clone(),
                    action: action.clone(),
                });
            }
        }
        beyond
    }
}

/// Whether a grant covers an action. One without an id covers only what needs
/// none, as was observed of the real server.
fn covers(grant: &Permission, resource_type: &str, resource_id: Option<&str>, action: &str) -> bool {
    grant.resource_type == resource_type
        && grant.actions.iter().any(|granted| granted == "*" || granted == action)
        && (grant.resource_id == "*" || resource_id.is_none_or(|id| id == grant.resource_id))
}

/// The session behind a bearer token.
///
/// # Errors
/// The database's.
pub fn session(bearer: Option<&str>, keys: &Keys, store: &Store, now: Timestamp) -> Stored<Admission<Claims>> {
    let Some(bearer) = bearer else { return Ok(Admission::Rejected("no credentials")) };
    let claims = match keys.verify("st_", bearer, now) {
        Ok(claims) => claims,
        Err("token expired") => return Ok(Admission::Rejected("session expired")),
        Err(why) => return Ok(Admission::Rejected(why)),
    };
    let id = claims.session_id.as_deref().unwrap_or_default();
    Ok(if store.use_session(id, now)? { Admission::Granted(claims) } else { Admission::Rejected("session ended") })
}
