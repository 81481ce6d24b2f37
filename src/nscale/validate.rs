//! What a server accepts as a name and as a description.

use crate::nscale::messages::is_name;
use crate::secret::looks_secret;
use crate::text::sanitize::escape;

/// In bytes. A server that gets more fails.
const MAX_DESCRIPTION: usize = 256 * 1024;

/// # Errors
/// What is wrong with the name, in a sentence.
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
    if length > 63 {
        return Err(format!("the name has {length} characters; at most 63 are allowed"));
    }
    Err("the name must begin and end with a letter or a digit".to_owned())
}

/// Whether a name is a token by mistake. A name may begin with one of the short
/// prefixes of tokens, as in `st_staging`.
fn is_credential(name: &str) -> bool {
    let longer = ["nsrt_", "nsct_", "nscw_", "eyJ"];
    looks_secret(name) && longer.iter().any(|prefix| name.starts_with(prefix))
}

/// # Errors
/// What is wrong with the description, in a sentence.
pub fn check_description(description: &str) -> std::result::Result<(), String> {
    if description.len() > MAX_DESCRIPTION {
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
        fn what_passes_here_passes_the_servers_pattern(name in "[a-zA-Z0-9._ é-]{0,66}") {
            prop_assert_eq!(check_name(&name).is_ok(), is_name(&name));
        }
    }
}
