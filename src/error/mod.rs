//! What went wrong, in a form that a person, a script and the exit code can
//! all be told from.

mod kind;

use std::fmt;

use serde_json::{Map, Value};

use crate::secret::redact;
use crate::text::sanitize::{escape, sanitize};

pub use kind::{EXIT_CODES, ExitCode, Kind};

/// `Result` with a [`Failure`].
pub type Result<T> = std::result::Result<T, Failure>;

/// A failure: its kind, one plain sentence, and hints that name the exact
/// next command. Whatever is printed of it goes through [`redact`] first.
pub struct Failure(Box<Parts>);

struct Parts {
    kind: Kind,
    message: String,
    excerpt: Option<String>,
    hints: Vec<String>,
    source: Option<anyhow::Error>,
    http_status: Option<u16>,
    request_id: Option<String>,
}

impl Failure {
    /// A failure of this kind, told in one sentence without a full stop.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            kind,
            message: message.into(),
            excerpt: None,
            hints: Vec::new(),
            source: None,
            http_status: None,
            request_id: None,
        }))
    }

    /// The same as a failure of another kind.
    pub fn of_kind(mut self, kind: Kind) -> Self {
        self.0.kind = kind;
        self
    }

    /// Says at the front which of several things it is about.
    pub fn about(mut self, subject: &str) -> Self {
        self.0.message = format!("{subject}: {}", self.0.message);
        self
    }

    /// Input that cannot be used; nothing was sent.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// Something that should not have happened.
    pub fn unexpected(message: impl Into<String>) -> Self {
        Self::new(Kind::Unexpected, message)
    }

    /// Adds what to do next.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hints.push(hint.into());
        self
    }

    /// Adds what to do next, where the failure is of this kind.
    pub fn hint_on(self, kind: Kind, hint: impl FnOnce() -> String) -> Self {
        if self.0.kind == kind { self.hint(hint()) } else { self }
    }

    /// Adds lines that show the place of a mistake, for people only.
    pub fn excerpt(mut self, lines: impl Into<String>) -> Self {
        self.0.excerpt = Some(lines.into());
        self
    }

    /// Adds the error that lies beneath.
    pub fn source(mut self, source: impl Into<anyhow::Error>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Adds the HTTP status that the server answered with.
    pub fn http_status(mut self, status: u16) -> Self {
        self.0.http_status = Some(status);
        self
    }

    /// Adds the server's id for the request, which its support asks for.
    pub fn request_id(mut self, id: Option<String>) -> Self {
        self.0.request_id = id;
        self
    }

    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The sentence, redacted.
    pub fn message(&self) -> String {
        redact(&self.0.message)
    }

    /// One failure out of several: the worst kind, every sentence, every
    /// hint once. `summary` opens the sentence.
    ///
    /// With a single failure and no summary needed, callers pass it on as it
    /// is instead.
    pub fn of_several(summary: impl Into<String>, failures: Vec<Failure>) -> Self {
        let kind = failures.iter().map(Failure::kind).max().unwrap_or(Kind::Unexpected);
        let mut all = Self::new(kind, summary);
        for failure in failures {
            let parts = *failure.0;
            all.0.message.push_str("; ");
            all.0.message.push_str(&parts.message);
            if let Some(source) = &parts.source {
                all.0.message.push_str(&format!(": {source:#}"));
            }
            for hint in parts.hints {
                if !all.0.hints.contains(&hint) {
                    all.0.hints.push(hint);
                }
            }
            if parts.kind == kind {
                all.0.http_status = all.0.http_status.or(parts.http_status);
                all.0.request_id = all.0.request_id.take().or(parts.request_id);
            }
        }
        all
    }

    /// The failure as people read it, with a line end after each line.
    pub fn to_text(&self) -> String {
        let parts = &self.0;
        let mut text = format!("error: {}\n", sanitize(&parts.message));
        if let Some(excerpt) = &parts.excerpt {
            for line in excerpt.lines() {
                text.push_str(&format!("  {}\n", sanitize(line)));
            }
        }
        if let Some(source) = &parts.source {
            for cause in source.chain() {
                text.push_str(&format!("  cause: {}\n", sanitize(&cause.to_string())));
            }
        }
        if let Some(id) = &parts.request_id {
            text.push_str(&format!("  request id: {id}\n"));
        }
        for hint in &parts.hints {
            text.push_str(&format!("hint: {}\n", sanitize(hint)));
        }
        redact(&text)
    }

    /// The failure as one JSON object on one line.
    pub fn to_json(&self) -> String {
        let parts = &self.0;
        let mut object = Map::new();
        object.insert("kind".into(), parts.kind.name().into());
        let message = match &parts.source {
            Some(source) => format!("{}: {source:#}", parts.message),
            None => parts.message.clone(),
        };
        object.insert("message".into(), redact(&message).into());
        object.insert("hints".into(), parts.hints.iter().map(|hint| Value::from(redact(hint))).collect());
        object.insert("http_status".into(), parts.http_status.into());
        object.insert("request_id".into(), parts.request_id.as_deref().map(redact).into());
        // JSON itself escapes no DEL and no C1, which a terminal may obey.
        escape(&serde_json::to_vec(&object).unwrap_or_default())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind().name(), self.message())
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_takes_the_worst_kind_and_each_hint_once() {
        let failure = Failure::of_several(
            "2 of 3 failed",
            vec![
                Failure::new(Kind::NotFound, "tok_a: no such token").hint("list them"),
                Failure::new(Kind::NotPermitted, "tok_b: not permitted").hint("list them").http_status(403),
            ],
        );
        assert_eq!(failure.kind(), Kind::NotPermitted);
        assert_eq!(
            failure.to_json(),
            r#"{"kind":"not_permitted","message":"2 of 3 failed; tok_a: no such token; tok_b: not permitted","hints":["list them"],"http_status":403,"request_id":null}"#
        );
    }

    #[test]
    fn nothing_in_a_sentence_steers_the_terminal() {
        let failure = Failure::usage("a\u{1b}[2J\u{7f}\u{9b}2J\u{202e}b\nc").hint("\u{9b}2J");
        for shown in [failure.to_text(), failure.to_json()] {
            let is_bad = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
            assert!(!shown.chars().any(is_bad), "{shown:?}");
        }
        let read: Value = serde_json::from_str(&failure.to_json()).unwrap();
        assert_eq!(read["hints"][0], "\u{9b}2J");
    }

    #[test]
    fn a_secret_in_a_sentence_is_not_shown() {
        let failure = Failure::usage("cannot use nsrt_abcdefgh12345678").hint("not nsrt_abcdefgh12345678");
        for shown in [failure.to_text(), failure.to_json(), failure.to_string(), format!("{failure:?}")] {
            assert!(!shown.contains("abcdefgh"), "{shown}");
        }
    }
}
