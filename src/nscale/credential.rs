//! Finds the service token: `NSCALE_SERVICE_TOKEN`, else the file that
//! `NSCALE_SERVICE_TOKEN_FILE` names. No message ever quotes a value.

use std::ffi::OsString;
use std::path::PathBuf;

use uuid::Uuid;

use crate::context::Environment;
use crate::denylist::{Denied, denied, has_quotes_around, is_content};
use crate::error::{Failure, Kind, Result};
use crate::input::document::read_limited;
use crate::secret::{PREFIXES, Secret};

/// The variable that holds a service token.
pub const TOKEN_VARIABLE: &str = "NSCALE_SERVICE_TOKEN";

/// The variable that names a file with one.
pub const FILE_VARIABLE: &str = "NSCALE_SERVICE_TOKEN_FILE";

/// What messages call that file.
const FILE: &str = "the file that NSCALE_SERVICE_TOKEN_FILE names";

/// What to do where there is no credential.
const GET_ONE: &str = "make a service token in the Nscale console, and set NSCALE_SERVICE_TOKEN to it or NSCALE_SERVICE_TOKEN_FILE to a file that holds it";

/// A service token, with where it came from.
#[derive(Clone, Debug)]
pub struct Found {
    /// The token, without the white space around it.
    pub token: Secret,
    /// What messages call its place.
    pub source: &'static str,
    /// The file that it is in, where it is in one.
    pub path: Option<PathBuf>,
    /// Another place that was passed over for this one.
    pub passed_over: Option<&'static str>,
}

/// The places that hold a service token, the one that is used first.
pub fn places(env: &Environment) -> Vec<&'static str> {
    let all = [(TOKEN_VARIABLE, TOKEN_VARIABLE), (FILE_VARIABLE, FILE)];
    all.into_iter().filter(|(variable, _)| env.var_os(variable).is_some()).map(|(_, name)| name).collect()
}

/// Finds the service token.
///
/// # Errors
/// Not authenticated, each cause in its own sentence: there is none, a file
/// that cannot be used, or something else in a token's place.
pub fn find(env: &Environment) -> Result<Found> {
    let file = env.path(FILE_VARIABLE);
    if let Some(value) = env.var_os(TOKEN_VARIABLE) {
        let passed_over = file.is_some().then_some(FILE_VARIABLE);
        return read(value, TOKEN_VARIABLE, passed_over);
    }
    let Some(path) = file else {
        let set = match env.empty(&[TOKEN_VARIABLE, FILE_VARIABLE]).as_slice() {
            [] => format!("{TOKEN_VARIABLE} is not set"),
            [name] => format!("{name} is set but empty"),
            names => format!("{} are set but empty", names.join(" and ")),
        };
        return Err(refuse(format!("there is no credential: {set}")).hint(GET_ONE));
    };
    read_file(path)
}

fn read_file(path: PathBuf) -> Result<Found> {
    // The value itself may be a token put in the wrong place: never shown.
    let source = FILE;
    let look = format!("look at it with `ls -ld \"${FILE_VARIABLE}\"`");
    if path.is_dir() {
        return Err(refuse(format!("{source} is a directory")).hint(look));
    }
    match read_limited(&path) {
        Ok(Some(bytes)) => {
            let text = String::from_utf8(bytes).map_err(|_| refuse(format!("{source} is not text")))?;
            let found = read(text.trim_start_matches('\u{feff}').into(), source, None)?;
            Ok(Found { path: Some(path), ..found })
        }
        Ok(None) => Err(refuse(format!("{source} is over 1 MiB and holds no token"))),
        Err(_) if is_content(&path.to_string_lossy()) => {
            Err(refuse(format!("{FILE_VARIABLE} holds a token, not the path of a file that holds one"))
                .hint(format!("set {TOKEN_VARIABLE} to the token instead")))
        }
        Err(_) if has_quotes_around(&path.to_string_lossy()) => {
            Err(refuse(format!("{FILE_VARIABLE} has quotes around the path")).hint("set it without them"))
        }
        Err(error) => Err(refuse(format!("{source} cannot be read")).source(error).hint(look)),
    }
}

fn read(value: OsString, source: &'static str, passed_over: Option<&'static str>) -> Result<Found> {
    let text = value.into_string().map_err(|_| refuse(format!("{source} is not text")))?;
    let token = text.trim();
    let known = denied(token);
    let why = if token.is_empty() {
        "is blank"
    } else if let Some(denied) = known {
        denied.words()
    } else if Uuid::parse_str(token).is_ok() {
        "holds an id; it must be the token that was shown when the account was made or rotated"
    } else if PREFIXES.iter().any(|prefix| token.starts_with(prefix)) {
        "holds a token of Namespace, which is not sent to Nscale"
    } else {
        return Ok(Found { token: Secret::new(token), source, path: None, passed_over });
    };
    let failure = refuse(format!("{source} {why}"));
    Err(match known {
        Some(Denied::Path) if source == TOKEN_VARIABLE => {
            failure.hint(format!("a file that holds the token is named by {FILE_VARIABLE}"))
        }
        Some(Denied::Quoted) => failure.hint("set it without them; `jq -r` prints a value without quotes"),
        Some(Denied::Json) => failure.hint("the token is the value of status.accessToken"),
        _ => failure.hint(GET_ONE),
    })
}

fn refuse(message: impl Into<String>) -> Failure {
    Failure::new(Kind::NotAuthenticated, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "eyJhbGciOiJBMjU2R0NNS1cifQ.CANARY.iv.text.tag";

    fn found(vars: &[(&'static str, &str)]) -> Result<Found> {
        find(&Environment::Fixed(vars.iter().map(|(name, value)| (*name, value.into())).collect()))
    }

    #[test]
    fn a_token_is_trimmed_and_the_variable_wins() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        std::fs::write(&path, format!("\u{feff} {TOKEN}\r\n")).unwrap();
        let path = path.to_str().unwrap();
        for vars in [
            vec![(TOKEN_VARIABLE, format!("\n {TOKEN} \r\n"))],
            vec![(FILE_VARIABLE, path.to_owned())],
            vec![(TOKEN_VARIABLE, String::new()), (FILE_VARIABLE, path.to_owned())],
            vec![(FILE_VARIABLE, "/nonexistent".to_owned()), (TOKEN_VARIABLE, TOKEN.to_owned())],
        ] {
            let vars: Vec<_> = vars.iter().map(|(name, value)| (*name, value.as_str())).collect();
            assert_eq!(found(&vars).unwrap().token.expose(), TOKEN, "{vars:?}");
        }
    }

    #[test]
    fn what_is_no_token_is_refused_without_being_quoted() {
        for (name, value, words) in [
            (TOKEN_VARIABLE, " \n", "is blank"),
            (TOKEN_VARIABLE, "Bearer CANARY", "begins with"),
            (TOKEN_VARIABLE, "{\"status\":\"CANARY\"}", "holds JSON"),
            (TOKEN_VARIABLE, "a1b2c3d4-1111-4222-8333-444455556666", "holds an id"),
            (TOKEN_VARIABLE, "nsrt_CANARY", "token of Namespace"),
            (TOKEN_VARIABLE, "CANARY CANARY", "white space"),
            (TOKEN_VARIABLE, "CANARYé", "characters"),
            (FILE_VARIABLE, "/nonexistent/CANARY", "cannot be read"),
            (FILE_VARIABLE, "/", "is a directory"),
            (FILE_VARIABLE, TOKEN, "not the path"),
            ("OTHER", "", "is not set"),
        ] {
            let failure = found(&[(name, value)]).err().map(|failure| failure.to_text()).unwrap_or_default();
            assert!(failure.contains(words) && !failure.contains("CANARY"), "{value}: {failure}");
        }
    }
}
