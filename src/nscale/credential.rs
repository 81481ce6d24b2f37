//! Finds the credential: `NSCALE_SERVICE_TOKEN`, else the file that
//! `NSCALE_SERVICE_TOKEN_FILE` names. No message quotes a value.

use std::ffi::OsString;

use uuid::Uuid;

use crate::cloud::{Cloud, NSCALE};
use crate::context::Environment;
use crate::credential::{Credential, file_of, not_authenticated, read_named};
use crate::denylist::{Denied, denied};
use crate::error::Result;
use crate::secret::Secret;

/// The variable that holds a service token.
pub const TOKEN_VARIABLE: &str = "NSCALE_SERVICE_TOKEN";

/// The variable that names a file with one.
pub const FILE_VARIABLE: &str = "NSCALE_SERVICE_TOKEN_FILE";

/// The hint if there is no credential.
const GET_ONE: &str = "make a service token in the Nscale console, and set NSCALE_SERVICE_TOKEN to it or NSCALE_SERVICE_TOKEN_FILE to a file that holds it";

/// The sources that are set, as messages name them, the one that is used first.
pub fn sources(env: &Environment) -> Vec<String> {
    let variable = env.var_os(TOKEN_VARIABLE).map(|_| TOKEN_VARIABLE.to_owned());
    variable.into_iter().chain(env.var_os(FILE_VARIABLE).map(|_| file_of(FILE_VARIABLE))).collect()
}

/// Finds the first credential in the search order and reads it.
///
/// # Errors
/// Not authenticated: no credential, a file that cannot be used, or a value that is not
/// a token.
pub fn find(env: &Environment) -> Result<Credential<Secret>> {
    if let Some(value) = env.var_os(TOKEN_VARIABLE) {
        let shadowed = env.var_os(FILE_VARIABLE).map(|_| FILE_VARIABLE).into_iter().collect();
        let token = parse(value, TOKEN_VARIABLE)?;
        return Ok(Credential { token, source: TOKEN_VARIABLE.to_owned(), path: None, shadowed });
    }
    let token_hint = format!("set {TOKEN_VARIABLE} to the token instead");
    if let Some((path, text)) = read_named(env, FILE_VARIABLE, &token_hint)? {
        let source = file_of(FILE_VARIABLE);
        let token = parse(text.into(), &source)?;
        return Ok(Credential { token, source, path: Some(path), shadowed: Vec::new() });
    }
    let set = match env.empty(&[TOKEN_VARIABLE, FILE_VARIABLE]).as_slice() {
        [] => format!("{TOKEN_VARIABLE} is not set"),
        [name] => format!("{name} is set but empty"),
        names => format!("{} are set but empty", names.join(" and ")),
    };
    Err(not_authenticated(format!("there is no credential: {set}")).hint(GET_ONE))
}

/// The token in a value, without the white space around it. `source` is how messages
/// name the source of the value.
fn parse(value: OsString, source: &str) -> Result<Secret> {
    let text = value.into_string().map_err(|_| not_authenticated(format!("{source} is not text")))?;
    let token = text.trim();
    let known = denied(token);
    let why = if token.is_empty() {
        "is blank".to_owned()
    } else if let Some(denied) = known {
        denied.reason().to_owned()
    } else if Uuid::parse_str(token).is_ok() {
        "holds an id; it must be the token that was shown when the account was made or rotated".to_owned()
    } else if let Some(other) = Cloud::of_token(token).filter(|cloud| **cloud != NSCALE) {
        format!("holds a token of {}, which is not sent to {}", other.name, NSCALE.name)
    } else {
        return Ok(Secret::new(token));
    };
    let failure = not_authenticated(format!("{source} {why}"));
    Err(match known {
        Some(Denied::Path) if source == TOKEN_VARIABLE => {
            failure.hint(format!("to read the token from a file, set {FILE_VARIABLE} to its path"))
        }
        Some(Denied::Quoted) => failure.hint("set it without them; `jq -r` prints a value without quotes"),
        Some(Denied::Json) => failure.hint("the token is the value of status.accessToken"),
        _ => failure.hint(GET_ONE),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "eyJhbGciOiJBMjU2R0NNS1cifQ.CANARY.iv.text.tag";

    fn find_in(vars: &[(&'static str, &str)]) -> Result<Credential<Secret>> {
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
            assert_eq!(find_in(&vars).unwrap().token.expose(), TOKEN, "{vars:?}");
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
            (FILE_VARIABLE, "/nonexistent/CANARY", "does not exist"),
            (FILE_VARIABLE, "/", "is a directory"),
            (FILE_VARIABLE, TOKEN, "not the path"),
            ("OTHER", "", "is not set"),
        ] {
            let failure = find_in(&[(name, value)]).err().map(|failure| failure.to_text()).unwrap_or_default();
            assert!(failure.contains(words) && !failure.contains("CANARY"), "{value}: {failure}");
        }
    }
}
