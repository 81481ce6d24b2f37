//! What a server says, without the secrets that it was sent or has made: it
//! may echo one, whole or in part, as it is or encoded.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use crate::secret::{Secret, encodings, redact};
use crate::text::sanitize::sanitize;

/// So many characters of a secret in a row are enough of it to be hidden.
const PART: usize = 16;

/// What is longer than so many characters is no sentence, and is cut off there.
const LONGEST: usize = 64 * 1024;

/// The secrets of a command's calls. Its clones share them.
#[derive(Clone, Debug, Default)]
pub struct Redactor(Rc<RefCell<Vec<Kept>>>);

/// A secret that is kept out, with the forms of it, made when they are needed.
#[derive(Debug)]
struct Kept(Secret, OnceCell<Vec<Form>>);

/// One encoding of a secret, in small letters.
struct Form {
    text: Vec<u8>,
    /// How much of it is hidden: what [`PART`] of the secret becomes.
    part: usize,
}

impl Redactor {
    /// Keeps a secret out of every text from here on.
    pub fn keep_out(&self, secret: &Secret) {
        let mut kept = self.0.borrow_mut();
        if !kept.iter().any(|known| known.0.expose() == secret.expose()) {
            kept.push(Kept(secret.clone(), OnceCell::new()));
        }
    }

    /// The text as it may be shown: nothing in it that steers a terminal, and
    /// nothing of the secrets or of what looks like one. First of all, since
    /// an invisible character may stand in the middle of a secret; and before
    /// anything is cut off, since half a secret is not recognised.
    pub fn clean(&self, text: &str) -> String {
        let end = text.char_indices().nth(LONGEST).map_or(text.len(), |(at, _)| at);
        let text = sanitize(&text[..end]);
        let hidden = self.hidden(&text);
        let mut out = String::with_capacity(text.len());
        let mut was_hidden = false;
        for (at, c) in text.char_indices() {
            match hidden.get(at).copied().unwrap_or_default() {
                false => out.push(c),
                true if !was_hidden => out.push_str("[redacted]"),
                true => {}
            }
            was_hidden = hidden.get(at).copied().unwrap_or_default();
        }
        redact(&out)
    }

    /// Whether bytes hold something of the secrets, or are too many to tell.
    pub fn finds(&self, bytes: &[u8]) -> bool {
        bytes.len() > LONGEST || self.hidden(&String::from_utf8_lossy(bytes)).contains(&true)
    }

    /// Which bytes of a text are part of a secret. Letters of either case are
    /// the same: hosts and hexadecimal digits come in both.
    fn hidden(&self, text: &str) -> Vec<bool> {
        let text = text.to_ascii_lowercase().into_bytes();
        let mut hidden = vec![false; text.len()];
        for Kept(secret, forms) in self.0.borrow().iter() {
            for form in forms.get_or_init(|| Form::all(secret.expose())) {
                form.mark(&text, &mut hidden);
            }
        }
        hidden
    }
}

impl Form {
    fn all(secret: &str) -> Vec<Self> {
        let mut texts: Vec<String> = encodings(secret).into_iter().map(|text| text.to_ascii_lowercase()).collect();
        texts.sort();
        texts.dedup();
        let part = |text: &str| PART.min(secret.len()) * text.len() / secret.len();
        texts.into_iter().map(|text| Self { part: part(&text), text: text.into_bytes() }).collect()
    }

    /// Marks each piece of a text that is one of the form too, and long enough.
    fn mark(&self, text: &[u8], hidden: &mut [bool]) {
        // Cut into blocks of half that length, the form has a whole block in
        // every such piece, wherever it begins.
        let block = self.part.div_ceil(2);
        let mut blocks: HashMap<&[u8], Vec<usize>> = HashMap::new();
        for (index, content) in self.text.chunks_exact(block).enumerate() {
            blocks.entry(content).or_default().push(index * block);
        }
        for (at, content) in text.windows(block).enumerate() {
            for &place in blocks.get(content).into_iter().flatten() {
                let equal = |(a, b): &(&u8, &u8)| a == b;
                let before = text[..at].iter().rev().zip(self.text[..place].iter().rev()).take_while(equal).count();
                let after = text[at..].iter().zip(&self.text[place..]).take_while(equal).count();
                if before + after >= self.part {
                    hidden[at - before..at + after].fill(true);
                }
            }
        }
    }
}

impl std::fmt::Debug for Form {
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
        redactor.keep_out(&Secret::new(secret));
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
    fn parts_and_spellings() {
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
        assert!(redactor.finds(b"\x0a\x1fq7-Opaque.Canary_0123456789~xyz\xff"));
        assert!(!redactor.finds(b"\x0a\x09req_01abc"));
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
