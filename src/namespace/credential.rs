//! Finds the credential: `NSC_TOKEN_FILE`, else the file of a workload, else the
//! official login. No message quotes a value or the content of a file.

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

/// Variables that make official programs use another identity than that of the token
/// file. They take precedence over it.
const OTHER_IDENTITIES: [&str; 3] = ["NSC_IMPERSONATE_TENANT_ID", "NSC_TOKEN_SPEC", "NSC_TOKEN_SPEC_FILE"];

/// The token of the workload that runs on a machine of the cloud.
const WORKLOAD_FILE: &str = "/var/run/nsc/token.json";

/// The hint if there is no credential.
pub const LOG_IN: &str = "log in with the official `nsc login`, or point NSC_TOKEN_FILE at a token file";

/// The sources that are set, as messages name them, the one that is used first.
pub fn sources(env: &Environment) -> Vec<String> {
    let exists = |path: &Path| !fs::metadata(path).is_err_and(|error| is_missing(&error));
    let variable = env.var_os(TOKEN_FILE_VARIABLE).map(|_| file_of(TOKEN_FILE_VARIABLE));
    let workload = exists(Path::new(WORKLOAD_FILE)).then(|| WORKLOAD_FILE.to_owned());
    let login = login_file(env).filter(|path| exists(path)).map(|path| path.display().to_string());
    let others = other_identities(env).into_iter().map(str::to_owned);
    variable.into_iter().chain(others).chain(workload).chain(login).collect()
}

fn other_identities(env: &Environment) -> Vec<&'static str> {
    OTHER_IDENTITIES.into_iter().filter(|name| env.var_os(name).is_some()).collect()
}

/// Finds the first credential in the search order and reads it.
///
/// # Errors
/// Not authenticated: no credential, a file that is missing, a directory, unreadable or
/// malformed, a token in place of a path, or a variable that makes official programs use
/// another identity.
pub fn find(env: &Environment) -> Result<Credential<Tokens>> {
    find_in(env, Path::new(WORKLOAD_FILE))
}

fn find_in(env: &Environment, workload: &Path) -> Result<Credential<Tokens>> {
    let shadowed = other_identities(env);
    let credential = |source: String, path: PathBuf, text: &str| {
        let token = parse(&source, text)?;
        Ok(Credential { token, source, path: Some(path), shadowed: shadowed.clone() })
    };
    let token_hint =
        format!("write the token to a file that only you can read, and set {TOKEN_FILE_VARIABLE} to its path");
    if let Some((path, text)) = read_named(env, TOKEN_FILE_VARIABLE, &token_hint)? {
        return credential(file_of(TOKEN_FILE_VARIABLE), path, &text);
    }
    if !shadowed.is_empty() {
        return Err(not_authenticated(format!(
            "{}: official programs sign in with that instead of a token file, and nscred cannot",
            are_set(&shadowed)
        ))
        .hint(format!("point {TOKEN_FILE_VARIABLE} at a token file, or unset {}", shadowed.join(" and "))));
    }
    match read(workload) {
        Ok(text) => return credential(WORKLOAD_FILE.to_owned(), workload.to_owned(), &text),
        Err(ReadError::Missing) => {}
        Err(error) => return Err(error.explain(WORKLOAD_FILE)),
    }
    let login = login_file(env).ok_or_else(|| {
        not_authenticated("there is no credential: no login can be found, since HOME is not set").hint(LOG_IN)
    })?;
    let source = login.display().to_string();
    match read(&login) {
        Ok(text) => credential(source, login, &text),
        Err(ReadError::Missing) => {
            let set = if env.empty(&[TOKEN_FILE_VARIABLE]).is_empty() { "not set" } else { "set but empty" };
            Err(not_authenticated(format!(
                "there is no credential: {TOKEN_FILE_VARIABLE} is {set}, and nobody is logged in"
            ))
            .hint(LOG_IN))
        }
        Err(error) => Err(error.explain(&source)),
    }
}

/// The file of the official login, in the configuration directory of the user.
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

/// `A is set`, or `A and B are set`.
fn are_set(names: &[&str]) -> String {
    let verb = if names.len() == 1 { "is" } else { "are" };
    format!("{} {verb} set", names.join(" and "))
}

/// As [`find`] reads the text of a file.
#[cfg(any(fuzzing, test))]
pub(crate) fn parse_text(text: &str) -> Result<Tokens> {
    parse(&file_of(TOKEN_FILE_VARIABLE), text)
}

impl Credential<Tokens> {
    /// The warning if official programs would use another credential.
    pub fn warning(&self) -> Option<String> {
        let name = &self.source;
        (!self.shadowed.is_empty()).then(|| {
            format!("{} too: official programs would use that, and nscred uses {name}", are_set(&self.shadowed))
        })
    }

    /// Checks that a token has not expired by `now`. An opaque one passes.
    ///
    /// # Errors
    /// Not authenticated, with the time when it expired.
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

    struct TestDir {
        root: tempfile::TempDir,
    }

    impl TestDir {
        fn new() -> Self {
            Self { root: tempfile::tempdir().unwrap_or_else(|error| panic!("{error}")) }
        }

        fn write(&self, name: &str, content: &str) -> PathBuf {
            let path = self.root.path().join(name);
            let parent = path.parent().unwrap_or(Path::new("/"));
            fs::create_dir_all(parent)
                .and_then(|()| fs::write(&path, content))
                .unwrap_or_else(|error| panic!("{error}"));
            path
        }

        fn find(&self, vars: Vec<(&'static str, OsString)>) -> Result<Credential<Tokens>> {
            find_in(&Environment::Fixed(vars), &self.root.path().join("workload.json"))
        }
    }

    fn bearer(found: &Credential<Tokens>) -> &str {
        found.token.bearer.as_ref().map_or("", |token| token.expose())
    }

    #[cfg(not(any(target_os = "macos", windows)))]
    #[test]
    fn the_search_order() {
        let directory = TestDir::new();
        let variable = directory.write("a.json", r#"{"bearer_token":"nsrt_variable"}"#);
        directory.write("config/ns/token.json", r#"{"bearer_token":"nsrt_config"}"#);
        directory.write("home/.config/ns/token.json", r#"{"bearer_token":"nsrt_home"}"#);
        let home = ("HOME", directory.root.path().join("home").into_os_string());
        let config = ("XDG_CONFIG_HOME", directory.root.path().join("config").into_os_string());
        let empty = (TOKEN_FILE_VARIABLE, OsString::new());
        let named = (TOKEN_FILE_VARIABLE, variable.into_os_string());

        let at = |vars| directory.find(vars).map(|found| bearer(&found).to_owned()).unwrap_or_default();
        assert_eq!(at(vec![empty.clone(), home.clone()]), "nsrt_home");
        assert_eq!(at(vec![home.clone(), config.clone()]), "nsrt_config");
        directory.write("workload.json", "nscw_workload\n");
        assert_eq!(at(vec![home.clone(), config.clone()]), "nscw_workload");
        assert_eq!(at(vec![named, home, config]), "nsrt_variable");
    }

    #[test]
    fn the_shapes_of_a_file() {
        let directory = TestDir::new();
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
            let path = directory.write("t.json", content);
            let found = directory.find(vec![(TOKEN_FILE_VARIABLE, path.into_os_string())]);
            let found = found.unwrap_or_else(|failure| panic!("{content}: {failure}"));
            assert_eq!(bearer(&found), bearer_token, "{content}");
            assert_eq!(found.token.session.as_ref().map_or("", |token| token.expose()), session_token, "{content}");
        }
    }

    #[test]
    fn what_is_malformed_is_never_quoted() {
        let directory = TestDir::new();
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
            let path = directory.write("t.json", content);
            let failure = directory.find(vec![(TOKEN_FILE_VARIABLE, path.into_os_string())]).err();
            let failure = failure.unwrap_or_else(|| panic!("{content}"));
            assert_eq!(failure.kind(), Kind::NotAuthenticated, "{content}");
            let text = failure.to_text();
            assert!(text.contains("is malformed") && !text.contains("CAN"), "{content}: {text}");
        }
    }

    #[test]
    fn a_value_that_is_no_path_is_never_quoted() {
        let directory = TestDir::new();
        for value in [
            "nsrt_CANARY",
            "nsct_eyJCANARY.b.c",
            "eyJCANARY.eyJ.c",
            r#"{"bearer_token":"CANARY"}"#,
            "tok_CANARY",
            " st_CANARY\n",
        ] {
            let failure = directory.find(vec![(TOKEN_FILE_VARIABLE, value.into())]).err();
            let text = failure.map(|failure| failure.to_text()).unwrap_or_default();
            assert!(text.contains("holds a token, not the path") && !text.contains("CANARY"), "{value}: {text}");
        }
        let failure = directory.find(vec![(TOKEN_FILE_VARIABLE, "CANARY/of/an/unknown/shape".into())]).err();
        let text = failure.map(|failure| failure.to_text()).unwrap_or_default();
        assert!(text.contains("does not exist") && !text.contains("CANARY"), "{text}");
    }
}
