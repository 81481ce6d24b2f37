//! A token file: why it gives no text, what its text means, and what in it
//! cannot be a token of this cloud. No message quotes anything of it.

use std::fs;
use std::io;
use std::path::Path;

use serde::Deserialize;

use crate::denylist::{denied, has_jose_header};
use crate::error::{Failure, Kind, Result};
use crate::input::document::read_limited;
use crate::namespace::jwt::TokenKind;
use crate::secret::{PREFIXES, Secret};

/// A failure to find a credential.
pub(super) fn refuse(message: impl Into<String>) -> Failure {
    Failure::new(Kind::NotAuthenticated, message)
}

/// Why a file gave no text.
pub(super) enum Trouble {
    Missing,
    Directory,
    TooLarge,
    NotText,
    Unreadable(io::Error),
}

impl Trouble {
    /// The failure, with what messages call the file.
    pub(super) fn explain(self, name: &str) -> Failure {
        match self {
            Self::Missing => refuse(format!("{name} does not exist")),
            Self::Directory => refuse(format!("{name} is a directory, not a file")),
            Self::TooLarge => refuse(format!("{name} is over 1 MiB and no token file")),
            Self::NotText => refuse(format!("{name} is not text and no token file")),
            Self::Unreadable(error) => refuse(format!("{name} cannot be read")).source(error),
        }
    }
}

/// Whether there is nothing in a file's place, nor can be.
pub(super) fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename)
}

/// Reads a file's text.
pub(super) fn read(path: &Path) -> std::result::Result<String, Trouble> {
    let is_directory = || fs::metadata(path).is_ok_and(|metadata| metadata.is_dir());
    let bytes = read_limited(path).map_err(|error| match () {
        () if is_directory() => Trouble::Directory,
        () if is_missing(&error) => Trouble::Missing,
        () => Trouble::Unreadable(error),
    })?;
    String::from_utf8(bytes.ok_or(Trouble::TooLarge)?).map_err(|_| Trouble::NotText)
}

/// The keys of a token file. Others are passed over.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Keys {
    bearer_token: Option<Secret>,
    session_token: Option<Secret>,
    /// The old name of `bearer_token`, which wins where both are set.
    tenant_token: Option<Secret>,
}

/// The tokens of a file: one to be sent as it is, and a session.
pub(super) type Tokens = (Option<Secret>, Option<Secret>);

/// Reads a token file's text: JSON, or a bare token. `place` is what messages
/// call the file.
pub(super) fn parse(place: &str, text: &str) -> Result<Tokens> {
    let malformed = |why: &str| {
        refuse(format!("{place} is malformed: {why}")).hint(
            r#"a token file looks like {"bearer_token":"nsrt_…"}; make one with `nsc token create --token_file PATH`"#,
        )
    };
    let text = text.trim_start_matches('\u{feff}').trim();
    let keys = if text.starts_with('{') {
        // serde_json would quote a value that it did not expect.
        serde_json::from_str(text).map_err(|error| {
            malformed(&format!("its JSON does not fit (line {}, column {})", error.line(), error.column()))
        })?
    } else if text.is_empty() {
        return Err(malformed("it is empty"));
    } else {
        bare(text)
    };
    let [bearer, session] = [keys.tenant_token.filter(is_set).or(keys.bearer_token), keys.session_token]
        .map(|token| token.map(|token| Secret::new(token.expose().trim())).filter(is_set));
    let all = [&bearer, &session];
    if all.iter().all(|token| token.is_none()) {
        return Err(malformed("it holds neither a bearer_token nor a session_token"));
    }
    for text in all.into_iter().flatten().map(Secret::expose) {
        if let Some(denied) = denied(text) {
            return Err(malformed(&format!("it {}", denied.words())));
        }
        if is_foreign(text) {
            return Err(refuse(format!(
                "{place} holds a service token of Nscale or another cloud's, which is not sent to Namespace"
            ))
            .hint("a token of Namespace begins with nsrt_, nsct_ or nscw_; Nscale's belongs in NSCALE_SERVICE_TOKEN"));
        }
    }
    Ok((bearer, session))
}

/// Whether a token says by its form that it is another cloud's: a JWT or JWE
/// without a prefix of this one.
fn is_foreign(token: &str) -> bool {
    has_jose_header(token) && !PREFIXES.iter().any(|prefix| token.starts_with(prefix))
}

/// Whether a token can be sent, for all that is known of it.
pub(super) fn is_usable(token: &Secret) -> bool {
    let text = token.expose();
    !text.is_empty() && denied(text).is_none() && !is_foreign(text)
}

fn is_set(token: &Secret) -> bool {
    !token.expose().trim().is_empty()
}

/// A token without JSON around it.
fn bare(text: &str) -> Keys {
    let token = Some(Secret::new(text));
    match TokenKind::of(text) {
        TokenKind::Session => Keys { session_token: token, ..Keys::default() },
        _ => Keys { bearer_token: token, ..Keys::default() },
    }
}
