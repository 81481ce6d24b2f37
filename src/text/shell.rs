//! Quoting for a POSIX shell.

use std::ffi::OsStr;
use std::path::Path;

/// A word that a shell reads as this text, in quotes if it needs them.
pub fn quoted(text: &OsStr) -> String {
    let text = text.to_string_lossy();
    shlex::Quoter::new().allow_nul(true).quote(&text).map_or_else(|_| text.to_string(), |word| word.into_owned())
}

/// A path as an argument, quoted, and never an option even if it begins with a hyphen.
pub fn shell_word(path: &OsStr) -> String {
    let word = quoted(path);
    if path.as_encoded_bytes().starts_with(b"-") { format!("./{word}") } else { word }
}

/// The hint for a path that begins with `~`, which a shell expands only at the
/// beginning of a word: not in `--token_file=~/token.json`.
pub fn unexpanded_home(path: &Path) -> Option<String> {
    let rest = path.to_str()?.strip_prefix("~/")?;
    Some(format!("the shell did not expand ~: write \"$HOME/{rest}\""))
}

/// Whether a character has no special meaning in a shell or a file name.
pub fn is_shell_safe(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ordinary_paths_stay_and_others_are_quoted() {
        for (path, word) in [
            ("/tmp/a-b_c.json", "/tmp/a-b_c.json"),
            ("a b", "'a b'"),
            ("it's", "\"it's\""),
            ("$HOME", "'$HOME'"),
            ("", "''"),
            ("-rf", "./-rf"),
            ("-a b", "./'-a b'"),
        ] {
            assert_eq!(shell_word(OsStr::new(path)), word);
        }
    }

    proptest! {
        #![proptest_config(crate::testing::properties())]

        #[test]
        fn a_word_reads_back_as_one(text in any::<String>()) {
            prop_assert_eq!(shlex::split(&quoted(OsStr::new(&text))), Some(vec![text]));
        }
    }
}
