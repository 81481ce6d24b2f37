//! Text from a server, made safe to show: it must not steer the terminal or
//! reorder what stands beside it.

use std::borrow::Cow;

/// The text without control, bidirectional and invisible characters. Line
/// ends and tabs become blanks.
pub fn sanitize(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| is_blank(c) || is_hidden(c)) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(
        text.chars().filter(|c| is_blank(*c) || !is_hidden(*c)).map(|c| if is_blank(c) { ' ' } else { c }).collect(),
    )
}

/// White space other than a blank, which would break a table's lines.
fn is_blank(c: char) -> bool {
    c != ' ' && c.is_whitespace()
}

fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escapes_and_bidi_are_taken_out() {
        assert_eq!(sanitize("a\u{1b}[31mb\u{7}"), "a[31mb");
        assert_eq!(sanitize("a\r\nb\tc"), "a  b c");
        assert_eq!(sanitize("\u{202e}evil\u{2066}"), "evil");
        assert_eq!(sanitize("\u{9b}31m"), "31m");
        assert!(matches!(sanitize("plain ünïcode 漢字"), Cow::Borrowed(_)));
    }

    proptest! {
        #![proptest_config(crate::testing::properties())]

        #[test]
        fn nothing_that_steers_a_terminal_survives(text in any::<String>()) {
            prop_assert!(!sanitize(&text).chars().any(|c| c.is_control() || is_hidden(c)));
        }
    }
}
