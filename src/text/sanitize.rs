//! Makes text from a server safe to show: it must not control the terminal or change
//! the order of the text around it.

use std::borrow::Cow;

/// Removes control, bidirectional and invisible characters. Line ends and tabs become
/// spaces.
pub fn sanitize(text: &str) -> Cow<'_, str> {
    let is_printable_ascii = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if is_printable_ascii || !text.chars().any(|c| is_blank(c) || is_hidden(c)) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(
        text.chars().filter(|c| is_blank(*c) || !is_hidden(*c)).map(|c| if is_blank(c) { ' ' } else { c }).collect(),
    )
}

/// The beginning of a text for a message, and what to write after it: nothing, or an
/// ellipsis and the size of the whole text.
pub fn cut(text: &str) -> (&str, String) {
    /// In characters.
    const MAX_LENGTH: usize = 1000;
    match text.char_indices().nth(MAX_LENGTH) {
        None => (text, String::new()),
        Some((end, _)) if text.len() < 10 * 1024 => (&text[..end], format!("… ({} bytes)", text.len())),
        Some((end, _)) => (&text[..end], format!("… ({} KiB)", text.len().div_ceil(1024))),
    }
}

/// Both parts of [`cut`] as one string.
pub fn shortened(text: &str) -> String {
    let (beginning, rest) = cut(text);
    format!("{beginning}{rest}")
}

/// Escapes what could control a terminal in JSON or the results of a filter, as in
/// `\\u001b`. JSON keeps its meaning.
pub fn escape(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for c in String::from_utf8_lossy(bytes).chars() {
        if is_hidden(c) && !matches!(c, '\n' | '\t') {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// White space other than a space.
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
    fn escapes_and_bidi_are_removed() {
        assert_eq!(sanitize("a\u{1b}[31mb\u{7}"), "a[31mb");
        assert_eq!(sanitize("a\r\nb\tc"), "a  b c");
        assert_eq!(sanitize("\u{202e}evil\u{2066}"), "evil");
        assert_eq!(sanitize("\u{9b}31m"), "31m");
        assert!(matches!(sanitize("plain ünïcode 漢字"), Cow::Borrowed(_)));
    }

    #[test]
    fn what_is_escaped_for_a_terminal_is_the_same_json() {
        let text = "a\u{1b}[31m\u{9b}\u{202e}\u{e0001}b";
        let json = serde_json::to_string(text).unwrap();
        let shown = escape(json.as_bytes());
        assert!(shown.is_ascii() && !shown.contains('\u{1b}'), "{shown}");
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text);
        assert_eq!(escape("é\n\t漢".as_bytes()), "é\n\t漢");
    }

    proptest! {
        #![proptest_config(crate::testing::properties())]

        #[test]
        fn nothing_that_controls_a_terminal_is_left(text in any::<String>()) {
            prop_assert!(!sanitize(&text).chars().any(|c| c.is_control() || is_hidden(c)));
        }
    }
}
