//! What a server accepts as a name and as a description.

use crate::nscale::message::is_name;
use crate::secret::looks_secret;
use crate::text::sanitize::escape;

/// The longest description, in bytes: a server that is given more fails.
const LONGEST_DESCRIPTION: usize = 256 * 1024;

/// Says what is wrong with a name, if anything is.
///
/// # Errors
/// The reason, in a sentence.
pub fn check_name(name: &str) -> std::result::Result<(), String> {
    let length = name.chars().count();
    let strange = name.chars().find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.'));
    if is_credential(name) {
        return Err("the name is a secret; names are shown to everyone in the organization".to_owned());
    }
    match strange {
        _ if is_name(name) => Ok(()),
        _ if name.is_empty() => Err("the name is empty".to_owned()),
        Some(c) => {
            let shown = escape(c.to_string().as_bytes());
            Err(format!("the name contains \"{shown}\"; it may have letters of ASCII, digits, \"-\", \"_\" and \".\""))
        }
        None if length > 63 => Err(format!("the name has {length} characters; at most 63 are allowed")),
        None => Err("the name must begin and end with a letter or a digit".to_owned()),
    }
}

/// Whether a name is a token in the wrong place. Names may begin as the
/// shortest prefixes of tokens do: `st_staging`.
fn is_credential(name: &str) -> bool {
    let longer = ["nsrt_", "nsct_", "nscw_", "eyJ"];
    looks_secret(name) && longer.iter().any(|prefix| name.starts_with(prefix))
}

/// Says what is wrong with a description, if anything is.
///
/// # Errors
/// The reason, in a sentence.
pub fn check_description(description: &str) -> std::result::Result<(), String> {
    match description.len() {
        0..=LONGEST_DESCRIPTION => Ok(()),
        bytes => Err(format!("the description has {} KiB; the server keeps at most 256 KiB", bytes.div_ceil(1024))),
    }
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
