//! Finds the credential: `NSC_TOKEN_FILE`, the workload's file, the official
//! login. No message ever quotes a value or a file's content.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::context::Environment;
use crate::denylist::{denied, has_jose_header, has_quotes_around, is_content};
use crate::error::{Failure, Kind, Result};
use crate::input::document::read_limited;
use crate::namespace::jwt::{Claims, TokenKind};
use crate::output::time::rfc3339;
use crate::secret::{PREFIXES, Secret};

/// The variable that names a token file.
pub const TOKEN_FILE_VARIABLE: &str = "NSC_TOKEN_FILE";

/// Where the cloud's own machines keep the token of their workload.
const WORKLOAD_FILE: &str = "/var/run/nsc/token.json";

/// What to do where there is no credential.
pub const LOG_IN: &str = "log in with the official `nsc login`, or point NSC_TOKEN_FILE at a token file";

/// Where a credential came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The file that `NSC_TOKEN_FILE` names.
    Variable,
    /// The workload's file.
    Workload,
    /// The file of the official login.
    Login(PathBuf),
}

impl Source {
    /// What messages call it.
    pub fn name(&self) -> String {
        match self {
            Self::Variable => format!("the file that {TOKEN_FILE_VARIABLE} names"),
            Self::Workload => WORKLOAD_FILE.to_owned(),
            Self::Login(path) => path.display().to_string(),
        }
    }
}

/// What a token file holds.
#[derive(Clone, Debug)]
pub struct Found {
    /// Where it was found.
    pub source: Source,
    /// The file.
    pub path: PathBuf,
    /// A token to be sent as it is.
    pub bearer: Option<Secret>,
    /// A session to be exchanged for one.
    pub session: Option<Secret>,
}

/// The places that hold something, the one that is used first.
pub fn places(env: &Environment) -> Vec<Source> {
    let is_there = |path: &Path| !fs::metadata(path).is_err_and(|error| is_missing(&error));
    let variable = env.var_os(TOKEN_FILE_VARIABLE).map(|_| Source::Variable);
    let workload = is_there(Path::new(WORKLOAD_FILE)).then_some(Source::Workload);
    let login = login_file(env).filter(|path| is_there(path)).map(Source::Login);
    [variable, workload, login].into_iter().flatten().collect()
}

/// Finds the first credential in the search order and reads it.
///
/// # Errors
/// Not authenticated, each cause in its own sentence: no credential, a file
/// that is missing, a directory, unreadable or malformed, or a token where a
/// path belongs.
pub fn find(env: &Environment) -> Result<Found> {
    find_in(env, Path::new(WORKLOAD_FILE))
}

fn find_in(env: &Environment, workload: &Path) -> Result<Found> {
    if let Some(value) = env.var_os(TOKEN_FILE_VARIABLE) {
        let path = PathBuf::from(&value);
        return match read(&path) {
            Ok(text) => parse(Source::Variable, path, &text),
            // The value itself may be a secret put in the wrong place: it is
            // looked at, never shown.
            Err(_) if is_content(&value.to_string_lossy()) => Err(refuse(format!(
                "{TOKEN_FILE_VARIABLE} holds a token, not the path of a file that holds one"
            ))
            .hint(format!(
                "write the token to a file that only you can read, and set {TOKEN_FILE_VARIABLE} to its path"
            ))),
            Err(_) if has_quotes_around(&value.to_string_lossy()) => {
                Err(refuse(format!("{TOKEN_FILE_VARIABLE} has quotes around the path")).hint("set it without them"))
            }
            Err(trouble) => Err(trouble
                .explain(&Source::Variable)
                .hint(format!("look at it with `ls -ld \"${TOKEN_FILE_VARIABLE}\"`"))),
        };
    }
    match read(workload) {
        Ok(text) => return parse(Source::Workload, workload.to_owned(), &text),
        Err(Trouble::Missing) => {}
        Err(trouble) => return Err(trouble.explain(&Source::Workload)),
    }
    let login = login_file(env).ok_or_else(|| {
        refuse("there is no credential, and without HOME no place to look for a login".to_owned()).hint(LOG_IN)
    })?;
    let source = Source::Login(login.clone());
    match read(&login) {
        Ok(text) => parse(source, login, &text),
        Err(Trouble::Missing) => {
            let set = if env.empty(&[TOKEN_FILE_VARIABLE]).is_empty() { "not set" } else { "set but empty" };
            Err(refuse(format!("there is no credential: {TOKEN_FILE_VARIABLE} is {set}, and nobody is logged in"))
                .hint(LOG_IN))
        }
        Err(trouble) => Err(trouble.explain(&source)),
    }
}

/// The file of the official login: in the user's configuration directory, as
/// each system has it.
fn login_file(env: &Environment) -> Option<PathBuf> {
    let absolute = |name| env.path(name).filter(|path| path.is_absolute());
    let directory = if cfg!(windows) {
        absolute("APPDATA")?
    } else if cfg!(target_os = "macos") {
        absolute("HOME")?.join("Library/Application Support")
    } else {
        absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")))?
    };
    Some(directory.join("ns/token.json"))
}

fn refuse(message: String) -> Failure {
    Failure::new(Kind::NotAuthenticated, message)
}

/// Why a file gave no text.
enum Trouble {
    Missing,
    Directory,
    TooLarge,
    NotText,
    Unreadable(io::Error),
}

impl Trouble {
    fn explain(self, source: &Source) -> Failure {
        let name = source.name();
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
fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename)
}

fn read(path: &Path) -> std::result::Result<String, Trouble> {
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

/// Reads a token file's text: JSON, or a bare token.
fn parse(source: Source, path: PathBuf, text: &str) -> Result<Found> {
    let malformed = |why: &str| {
        refuse(format!("{} is malformed: {why}", source.name())).hint(
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
                "{} holds a service token of Nscale or another cloud's, which is not sent to Namespace",
                source.name()
            ))
            .hint("a token of Namespace begins with nsrt_, nsct_ or nscw_; Nscale's belongs in NSCALE_SERVICE_TOKEN"));
        }
    }
    Ok(Found { source, path, bearer, session })
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

/// As [`find`] reads the text of a file.
#[cfg(any(fuzzing, test))]
pub(crate) fn parse_text(text: &str) -> Result<Found> {
    parse(Source::Variable, PathBuf::new(), text)
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

impl Found {
    /// Whether a token that can be looked into has ended by `now`.
    ///
    /// # Errors
    /// Not authenticated, with the time when it ended.
    pub fn check_not_expired(&self, token: &Secret, now: jiff::Timestamp) -> Result<()> {
        let Some(expiry) = Claims::of(token).and_then(|claims| claims.expiry()) else { return Ok(()) };
        if expiry > now {
            return Ok(());
        }
        let what = match TokenKind::of(token.expose()) {
            TokenKind::Session => "session",
            TokenKind::Workload => "workload token",
            _ => "token",
        };
        Err(refuse(format!("the {what} in {} expired at {}", self.source.name(), rfc3339(expiry))).hint(LOG_IN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;

    struct Place {
        directory: tempfile::TempDir,
    }

    impl Place {
        fn new() -> Self {
            Self { directory: tempfile::tempdir().unwrap_or_else(|error| panic!("{error}")) }
        }

        fn write(&self, name: &str, content: &str) -> PathBuf {
            let path = self.directory.path().join(name);
            let parent = path.parent().unwrap_or(Path::new("/"));
            fs::create_dir_all(parent)
                .and_then(|()| fs::write(&path, content))
                .unwrap_or_else(|error| panic!("{error}"));
            path
        }

        fn find(&self, vars: Vec<(&'static str, OsString)>) -> Result<Found> {
            find_in(&Environment::Fixed(vars), &self.directory.path().join("workload.json"))
        }
    }

    fn bearer(found: &Found) -> &str {
        found.bearer.as_ref().map_or("", |token| token.expose())
    }

    #[cfg(not(any(target_os = "macos", windows)))]
    #[test]
    fn the_search_order() {
        let place = Place::new();
        let variable = place.write("a.json", r#"{"bearer_token":"nsrt_variable"}"#);
        place.write("config/ns/token.json", r#"{"bearer_token":"nsrt_config"}"#);
        place.write("home/.config/ns/token.json", r#"{"bearer_token":"nsrt_home"}"#);
        let home = ("HOME", place.directory.path().join("home").into_os_string());
        let config = ("XDG_CONFIG_HOME", place.directory.path().join("config").into_os_string());
        let empty = (TOKEN_FILE_VARIABLE, OsString::new());
        let named = (TOKEN_FILE_VARIABLE, variable.into_os_string());

        let at = |vars| place.find(vars).map(|found| bearer(&found).to_owned()).unwrap_or_default();
        assert_eq!(at(vec![empty.clone(), home.clone()]), "nsrt_home");
        assert_eq!(at(vec![home.clone(), config.clone()]), "nsrt_config");
        place.write("workload.json", "nscw_workload\n");
        assert_eq!(at(vec![home.clone(), config.clone()]), "nscw_workload");
        assert_eq!(at(vec![named, home, config]), "nsrt_variable");
    }

    #[test]
    fn the_shapes_of_a_file() {
        let place = Place::new();
        for (content, bearer_token, session_token) in [
            (r#"{"bearer_token":"nsrt_a"}"#, "nsrt_a", ""),
            ("\u{feff} {\"bearer_token\": \"nsrt_a\\n\"}\r\n", "nsrt_a", ""),
            (r#"{"tenant_token":"nsct_a","bearer_token":"nsct_b"}"#, "nsct_a", ""),
            (r#"{"tenant_token":"","bearer_token":"nsct_b","more":1}"#, "nsct_b", ""),
            (r#"{"session_token":"st_a","bearer_token":null}"#, "", "st_a"),
            (r#"{"session_token":"st_a","bearer_token":"nsct_a"}"#, "nsct_a", "st_a"),
            ("nsrt_a", "nsrt_a", ""),
            ("  nsrt_a\r\n", "nsrt_a", ""),
            ("st_a\n", "", "st_a"),
            ("something-new\n", "something-new", ""),
        ] {
            let path = place.write("t.json", content);
            let found = place.find(vec![(TOKEN_FILE_VARIABLE, path.into_os_string())]);
            let found = found.unwrap_or_else(|failure| panic!("{content}: {failure}"));
            assert_eq!(bearer(&found), bearer_token, "{content}");
            assert_eq!(found.session.as_ref().map_or("", |token| token.expose()), session_token, "{content}");
        }
    }

    #[test]
    fn what_is_malformed_is_never_quoted() {
        let place = Place::new();
        for content in [
            "",
            " \n",
            "{}",
            r#"{"bearer_token":""}"#,
            r#"{"bearer_token":7,"x":"CANARY"}"#,
            r#"{"bearer_token":"CANARY"#,
            r#"{"bearer_token":"CANARY"} CANARY"#,
            "two CANARY",
            "tok_CANARY",
            r#"{"bearer_token":"tok_CANARY"}"#,
            r#"{"bearer_token":"CAN ARY"}"#,
            "CANARÿ",
            r#"["CANARY"]x y"#,
        ] {
            let path = place.write("t.json", content);
            let failure = place.find(vec![(TOKEN_FILE_VARIABLE, path.into_os_string())]).err();
            let failure = failure.unwrap_or_else(|| panic!("{content}"));
            assert_eq!(failure.kind(), Kind::NotAuthenticated, "{content}");
            let text = failure.to_text();
            assert!(text.contains("is malformed") && !text.contains("CAN"), "{content}: {text}");
        }
    }

    #[test]
    fn a_value_that_is_no_path_is_never_quoted() {
        let place = Place::new();
        for value in [
            "nsrt_CANARY",
            "nsct_eyJCANARY.b.c",
            "eyJCANARY.eyJ.c",
            r#"{"bearer_token":"CANARY"}"#,
            "tok_CANARY",
            " st_CANARY\n",
        ] {
            let failure = place.find(vec![(TOKEN_FILE_VARIABLE, value.into())]).err();
            let text = failure.map(|failure| failure.to_text()).unwrap_or_default();
            assert!(text.contains("holds a token, not the path") && !text.contains("CANARY"), "{value}: {text}");
        }
        let failure = place.find(vec![(TOKEN_FILE_VARIABLE, "CANARY/of/an/unknown/shape".into())]).err();
        let text = failure.map(|failure| failure.to_text()).unwrap_or_default();
        assert!(text.contains("does not exist") && !text.contains("CANARY"), "{text}");
    }
}
