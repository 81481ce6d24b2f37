//! Finds the credential: `NSC_TOKEN_FILE`, the workload's file, the official
//! login. No message ever quotes a value or a file's content.

use std::fs;
use std::path::{Path, PathBuf};

use crate::context::Environment;
use crate::credential::{Credential, ReadError, file_of, is_missing, not_authenticated, read, read_named};
use crate::error::Result;
use crate::namespace::jwt::{Claims, TokenKind};
use crate::namespace::token_file::{Tokens, parse};
use crate::secret::Secret;
use crate::text::time::rfc3339;

/// The variable that names a token file.
pub const TOKEN_FILE_VARIABLE: &str = "NSC_TOKEN_FILE";

/// The variables by which official programs sign in as somebody else than the
/// token file says, before they look at that.
const OTHER_IDENTITIES: [&str; 3] = ["NSC_IMPERSONATE_TENANT_ID", "NSC_TOKEN_SPEC", "NSC_TOKEN_SPEC_FILE"];

/// Where the cloud's own machines keep the token of their workload.
const WORKLOAD_FILE: &str = "/var/run/nsc/token.json";

/// What to do where there is no credential.
pub const LOG_IN: &str = "log in with the official `nsc login`, or point NSC_TOKEN_FILE at a token file";

/// What messages call the sources that hold something, the one that is used first.
pub fn sources(env: &Environment) -> Vec<String> {
    let is_there = |path: &Path| !fs::metadata(path).is_err_and(|error| is_missing(&error));
    let variable = env.var_os(TOKEN_FILE_VARIABLE).map(|_| file_of(TOKEN_FILE_VARIABLE));
    let workload = is_there(Path::new(WORKLOAD_FILE)).then(|| WORKLOAD_FILE.to_owned());
    let login = login_file(env).filter(|path| is_there(path)).map(|path| path.display().to_string());
    let others = other_identities(env).into_iter().map(str::to_owned);
    variable.into_iter().chain(others).chain(workload).chain(login).collect()
}

fn other_identities(env: &Environment) -> Vec<&'static str> {
    OTHER_IDENTITIES.into_iter().filter(|name| env.var_os(name).is_some()).collect()
}

/// Finds the first credential in the search order and reads it.
///
/// # Errors
/// Not authenticated, each cause in its own sentence: no credential, a file
/// that is missing, a directory, unreadable or malformed, a token where a path
/// belongs, or a variable by which official programs would be somebody else.
pub fn find(env: &Environment) -> Result<Credential<Tokens>> {
    find_in(env, Path::new(WORKLOAD_FILE))
}

fn find_in(env: &Environment, workload: &Path) -> Result<Credential<Tokens>> {
    let shadowed = other_identities(env);
    let found = |source: String, path: PathBuf, text: &str| {
        let token = parse(&source, text)?;
        Ok(Credential { token, source, path: Some(path), shadowed: shadowed.clone() })
    };
    let instead =
        format!("write the token to a file that only you can read, and set {TOKEN_FILE_VARIABLE} to its path");
    if let Some((path, text)) = read_named(env, TOKEN_FILE_VARIABLE, &instead)? {
        return found(file_of(TOKEN_FILE_VARIABLE), path, &text);
    }
    if !shadowed.is_empty() {
        return Err(not_authenticated(format!(
            "{} set: official programs sign in with that, which nscred cannot, and not with a token file",
            listed(&shadowed)
        ))
        .hint(format!("point {TOKEN_FILE_VARIABLE} at a token file, or unset {}", shadowed.join(" and "))));
    }
    match read(workload) {
        Ok(text) => return found(WORKLOAD_FILE.to_owned(), workload.to_owned(), &text),
        Err(ReadError::Missing) => {}
        Err(error) => return Err(error.explain(WORKLOAD_FILE)),
    }
    let login = login_file(env).ok_or_else(|| {
        not_authenticated("there is no credential, and without HOME no place to look for a login").hint(LOG_IN)
    })?;
    let source = login.display().to_string();
    match read(&login) {
        Ok(text) => found(source, login, &text),
        Err(ReadError::Missing) => {
            let set = if env.set_but_empty(&[TOKEN_FILE_VARIABLE]).is_empty() { "not set" } else { "set but empty" };
            Err(not_authenticated(format!(
                "there is no credential: {TOKEN_FILE_VARIABLE} is {set}, and nobody is logged in"
            ))
            .hint(LOG_IN))
        }
        Err(error) => Err(error.explain(&source)),
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

/// Several names as the subject of a sentence.
fn listed(names: &[&str]) -> String {
    let verb = if names.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", names.join(" and "))
}

/// As [`find`] reads the text of a file.
#[cfg(any(fuzzing, test))]
pub(crate) fn parse_text(text: &str) -> Result<Tokens> {
    parse(&file_of(TOKEN_FILE_VARIABLE), text)
}

impl Credential<Tokens> {
    /// The warning where official programs would use another.
    pub fn warning(&self) -> Option<String> {
        let name = &self.source;
        (!self.shadowed.is_empty()).then(|| {
            format!("{} set too: official programs would use that, and nscred uses {name}", listed(&self.shadowed))
        })
    }

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
        Err(not_authenticated(format!("the {what} in {} expired at {}", self.source, rfc3339(expiry))).hint(LOG_IN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
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

        fn find(&self, vars: Vec<(&'static str, OsString)>) -> Result<Credential<Tokens>> {
            find_in(&Environment::Fixed(vars), &self.directory.path().join("workload.json"))
        }
    }

    fn bearer(found: &Credential<Tokens>) -> &str {
        found.token.bearer.as_ref().map_or("", |token| token.expose())
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
            assert_eq!(found.token.session.as_ref().map_or("", |token| token.expose()), session_token, "{content}");
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
