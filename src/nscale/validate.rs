//! The server's rules for names and descriptions.

use crate::nscale::messages::{MAX_NAME_LEN, is_name};
use crate::secret::looks_secret;
use crate::text::sanitize::escape;

/// In bytes. The server fails on longer ones.
const MAX_DESCRIPTION_LEN: usize = 256 * 1024;

/// # Errors
/// A sentence that says what is wrong.
pub fn check_name(name: &str) -> std::result::Result<(), String> {
    if is_credential(name) {
        return Err("the name is a secret; names are shown to everyone in the organization".to_owned());
    }
    if is_name(name) {
        return Ok(());
    }
    if name.is_empty() {
        return Err("the name is empty".to_owned());
    }
    if let Some(c) = name.chars().find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.')) {
        let shown = escape(c.to_string().as_bytes());
        return Err(format!(
            "the name contains \"{shown}\"; only ASCII letters, digits, \"-\", \"_\" and \".\" are allowed"
        ));
    }
    let length = name.chars().count();
    if length > MAX_NAME_LEN {
        return Err(format!("the name has {length} characters; at most {MAX_NAME_LEN} are allowed"));
    }
    Err("the name must begin and end with a letter or a digit".to_owned())
}

/// Whether a name is a token by mistake. A name may begin with a short prefix of tokens, as
/// `st_staging` does.
fn is_credential(name: &str) -> bool {
    let long_prefixes = ["nsrt_", "nsct_", "nscw_", "eyJ"];
    looks_secret(name) && long_prefixes.iter().any(|prefix| name.starts_with(prefix))
}

/// # Errors
/// A sentence that says what is wrong.
pub fn check_description(description: &str) -> std::result::Result<(), String> {
    if description.len() > MAX_DESCRIPTION_LEN {
        let size = description.len().div_ceil(1024);
        return Err(format!("the description has {size} KiB; at most 256 KiB are allowed"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(crate::testing::properties())]

        #[test]
        fn a_name_is_valid_if_it_matches_the_pattern(name in "[a-zA-Z0-9._ é-]{0,66}") {
            prop_assert_eq!(check_name(&name).is_ok(), is_name(&name));
        }
    }
}
