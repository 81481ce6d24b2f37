//! Removes secrets from the text of a server, which may echo one that it was sent or
//! has created: whole or in part, plain or encoded.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use crate::secret::{Secret, encodings, redact};
use crate::text::sanitize::sanitize;

/// The length of the shortest part of a secret that is redacted, in characters.
const MIN_PART: usize = 16;

/// Longer text is cut off, in characters.
const MAX_CHARS: usize = 64 * 1024;

/// Knows the secrets of a command's calls. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Redactor(Rc<RefCell<Vec<KnownSecret>>>);

/// A secret and its encodings, which are computed on first use.
#[derive(Debug)]
struct KnownSecret(Secret, OnceCell<Vec<Encoding>>);

/// One encoding of a secret, in lower case.
struct Encoding {
    text: Vec<u8>,
    /// The encoded length of [`MIN_PART`] characters of the secret.
    min_part: usize,
}

impl Redactor {
    pub fn add_secret(&self, secret: &Secret) {
        let mut secrets = self.0.borrow_mut();
        if !secrets.iter().any(|known| known.0.expose() == secret.expose()) {
            secrets.push(KnownSecret(secret.clone(), OnceCell::new()));
        }
    }

    /// The text without control characters, without the known secrets and without
    /// anything that looks like one. Control characters are removed first, since one may
    /// be in the middle of a secret. A text must be shortened after this, not before:
    /// half a secret might not be recognised.
    pub fn clean(&self, text: &str) -> String {
        let end = text.char_indices().nth(MAX_CHARS).map_or(text.len(), |(at, _)| at);
        let text = sanitize(&text[..end]);
        let mask = self.mask(&text);
        let mut out = String::with_capacity(text.len());
        let mut was_hidden = false;
        for (at, c) in text.char_indices() {
            let is_hidden = mask.get(at).copied().unwrap_or_default();
            if !is_hidden {
                out.push(c);
            } else if !was_hidden {
                out.push_str("[redacted]");
            }
            was_hidden = is_hidden;
        }
        redact(&out)
    }

    /// The beginning of the cleaned text.
    pub fn excerpt(&self, text: &str, max_chars: usize) -> String {
        let mut text = self.clean(text);
        if let Some((end, _)) = text.char_indices().nth(max_chars) {
            text.truncate(end);
            text.push('…');
        }
        text
    }

    /// Whether the bytes hold a part of a secret, or are too many to be checked.
    pub fn contains_secret(&self, bytes: &[u8]) -> bool {
        bytes.len() > MAX_CHARS || self.mask(&String::from_utf8_lossy(bytes)).contains(&true)
    }

    /// For each byte of a text, whether it is part of a secret. Case is ignored, since
    /// host names and hexadecimal digits may be in either.
    fn mask(&self, text: &str) -> Vec<bool> {
        let text = text.to_ascii_lowercase().into_bytes();
        let mut mask = vec![false; text.len()];
        for KnownSecret(secret, encodings) in self.0.borrow().iter() {
            for encoding in encodings.get_or_init(|| Encoding::all(secret.expose())) {
                encoding.mark(&text, &mut mask);
            }
        }
        mask
    }
}

impl Encoding {
    fn all(secret: &str) -> Vec<Self> {
        let mut texts: Vec<String> = encodings(secret).into_iter().map(|text| text.to_ascii_lowercase()).collect();
        texts.sort_unstable();
        texts.dedup();
        let min_part = |text: &str| MIN_PART.min(secret.len()) * text.len() / secret.len();
        texts.into_iter().map(|text| Self { min_part: min_part(&text), text: text.into_bytes() }).collect()
    }

    /// Marks each part of a text that is also a part of this encoding, and at least
    /// `min_part` long.
    fn mark(&self, text: &[u8], mask: &mut [bool]) {
        // Each such part contains a whole block of the encoding, if blocks are half as
        // long.
        let block = self.min_part.div_ceil(2);
        let mut blocks: HashMap<&[u8], Vec<usize>> = HashMap::new();
        for (index, content) in self.text.chunks_exact(block).enumerate() {
            blocks.entry(content).or_default().push(index * block);
        }
        for (at, content) in text.windows(block).enumerate() {
            for &place in blocks.get(content).into_iter().flatten() {
                let equal = |(a, b): &(&u8, &u8)| a == b;
                let before = text[..at].iter().rev().zip(self.text[..place].iter().rev()).take_while(equal).count();
                let after = text[at..].iter().zip(&self.text[place..]).take_while(equal).count();
                if before + after >= self.min_part {
                    mask[at - before..at + after].fill(true);
                }
            }
        }
    }
}

impl std::fmt::Debug for Encoding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    use super::*;

    fn redactor(secret: &str) -> Redactor {
        let redactor = Redactor::default();
        redactor.add_secret(&Secret::new(secret));
        redactor
    }

    #[test]
    fn a_tiny_secret_hides_no_words() {
        for secret in ["", "a", "test", "invalid"] {
            assert_eq!(redactor(secret).clean("a test of what is invalid"), "a test of what is invalid");
        }
        assert_eq!(redactor("eightlet").clean("an eightlet"), "an [redacted]");
    }

    #[test]
    fn parts_and_other_case() {
        let redactor = redactor("q7-Opaque.Canary_0123456789~xyz");
        for (text, shown) in [
            ("bad q7-Opaque.Canary_0123456789~xyz here", "bad [redacted] here"),
            ("head q7-Opaque.Canary_…", "head [redacted]…"),
            ("tail 0123456789~xyz's", "tail 0123456789~xyz's"),
            ("tail y_0123456789~xyz's", "tail [redacted]'s"),
            ("q7-op\u{200b}aque.cana\u{7}ry_0123456789~XYZ", "[redacted]"),
            ("é q7-Opaque.Canary_0123456789~xyz é", "é [redacted] é"),
        ] {
            assert_eq!(redactor.clean(text), shown);
        }
        assert!(redactor.contains_secret(b"\x0a\x1fq7-Opaque.Canary_0123456789~xyz\xff"));
        assert!(!redactor.contains_secret(b"\x0a\x09req_01abc"));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, ..crate::testing::properties() })]

        #[test]
        fn no_encoding_is_shown(secret in "[!-~]{16,60}", before in "[ -~]{0,5}", after in "[ -~]{0,5}") {
            let hex = |upper: bool| -> String {
                secret.bytes().map(|b| if upper { format!("{b:02X}") } else { format!("{b:02x}") }).collect()
            };
            let percent: String = secret.bytes().map(|b| format!("%{b:02X}")).collect();
            let redactor = redactor(&secret);
            let whole = format!("{before}{secret}{after}");
            for (encoded, core) in [
                (secret.clone(), secret.clone()),
                (hex(false), hex(false)),
                (hex(true), hex(true)),
                (percent.clone(), percent),
                (STANDARD.encode(&whole), STANDARD_NO_PAD.encode(&secret.as_bytes()[3 - before.len() % 3..])),
                (STANDARD.encode(&secret), STANDARD.encode(&secret)),
                (URL_SAFE.encode(&whole), URL_SAFE_NO_PAD.encode(&secret.as_bytes()[3 - before.len() % 3..])),
                (serde_json::to_string(&secret).unwrap(), serde_json::to_string(&secret).unwrap()),
            ] {
                let shown = redactor.clean(&format!("x {encoded} y"));
                let middle = &core[core.len() / 4..core.len() / 2];
                prop_assert!(!shown.contains(middle), "{encoded}: {shown}");
            }
        }

        #[test]
        fn no_text_panics(secret in any::<String>(), text in any::<String>()) {
            redactor(&secret).clean(&format!("{text}{secret}{text}"));
        }
    }
}
