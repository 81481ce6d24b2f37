//! The sandbox's signing key, and random ids and secrets.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom, SystemRandom};
use ring::{digest, hmac};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::sandbox::store::{Store, StoreResult};

/// Signs and verifies JWTs, and generates ids and secrets.
pub struct Keys {
    key: hmac::Key,
    random: SystemRandom,
}

impl Keys {
    /// Reads the signing key from the store, which creates it at first use.
    pub fn load(store: &Store) -> StoreResult<Self> {
        let random = SystemRandom::new();
        let bytes = store.meta("signing_key", || random_bytes::<32>(&random).to_vec())?;
        Ok(Self { key: hmac::Key::new(hmac::HMAC_SHA256, &bytes), random })
    }

    /// 32 random bytes in hexadecimal.
    pub fn secret(&self) -> String {
        hex(&self.random::<32>())
    }

    /// 10 random bytes in hexadecimal.
    pub fn id(&self) -> String {
        hex(&self.random::<10>())
    }

    /// 16 random bytes in hexadecimal.
    pub fn trace_id(&self) -> String {
        hex(&self.random::<16>())
    }

    /// A random UUID that begins with a letter, as Kubernetes requires of names.
    pub fn resource_id(&self) -> String {
        loop {
            let id = uuid::Builder::from_random_bytes(self.random::<16>()).into_uuid().to_string();
            if id.starts_with(|first: char| first.is_ascii_lowercase()) {
                return id;
            }
        }
    }

    pub fn random<const N: usize>(&self) -> [u8; N] {
        random_bytes(&self.random)
    }

    /// A signed JWT with a prefix. The prefix is signed too.
    pub fn sign(&self, prefix: &str, claims: &impl Serialize) -> String {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
        let payload = URL_SAFE_NO_PAD.encode(serde_json::to_vec(claims).unwrap_or_default());
        let signed = format!("{prefix}{header}.{payload}");
        let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&self.key, signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    /// The claims of a JWT that was signed with this key and prefix.
    pub fn verify<T: DeserializeOwned>(&self, prefix: &str, token: &str) -> Option<T> {
        let (signed, signature) = token.rsplit_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        hmac::verify(&self.key, signed.as_bytes(), &signature).ok()?;
        let (_, payload) = signed.strip_prefix(prefix)?.split_once('.')?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
    }
}

fn random_bytes<const N: usize>(random: &SystemRandom) -> [u8; N] {
    let mut bytes = [0; N];
    // The system's generator does not fail once the machine is running. If it did, the
    // secrets would be zeros.
    if random.fill(&mut bytes).is_err() {
        std::process::abort();
    }
    bytes
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-256. The store keeps secrets as such hashes.
pub fn hash(secret: &str) -> Vec<u8> {
    digest::digest(&digest::SHA256, secret.as_bytes()).as_ref().to_vec()
}
