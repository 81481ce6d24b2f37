//! A failure of a command: its text for people, its JSON for scripts, and its exit
//! code.

mod kind;

use std::fmt;

use serde_json::{Map, Value};

use crate::secret::redact;
use crate::text::sanitize::{escape, sanitize};

pub use kind::{EXIT_CODES, ExitCode, Kind};

pub type Result<T> = std::result::Result<T, Failure>;

/// A failure: its kind, a message, and hints that name the next command. All that is
/// printed of it goes through [`redact`] first.
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
    /// `message` is one sentence without a full stop.
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

    pub fn with_kind(mut self, kind: Kind) -> Self {
        self.0.kind = kind;
        self
    }

    /// Puts the name of the thing that failed before the message.
    pub fn about(mut self, subject: &str) -> Self {
        self.0.message = format!("{subject}: {}", self.0.message);
        self
    }

    /// Input that cannot be used; nothing was sent.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    pub fn unexpected(message: impl Into<String>) -> Self {
        Self::new(Kind::Unexpected, message)
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hints.push(hint.into());
        self
    }

    /// Adds a hint if the failure is of this kind.
    pub fn hint_on(self, kind: Kind, hint: impl FnOnce() -> String) -> Self {
        if self.0.kind == kind { self.hint(hint()) } else { self }
    }

    /// Adds lines of the input that show where a mistake is. They are not in the JSON.
    pub fn excerpt(mut self, lines: impl Into<String>) -> Self {
        self.0.excerpt = Some(lines.into());
        self
    }

    pub fn source(mut self, source: impl Into<anyhow::Error>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    pub fn http_status(mut self, status: u16) -> Self {
        self.0.http_status = Some(status);
        self
    }

    /// Adds the server's id of the request, which its support asks for.
    pub fn request_id(mut self, id: Option<String>) -> Self {
        self.0.request_id = id;
        self
    }

    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// Redacted.
    pub fn message(&self) -> String {
        redact(&self.0.message)
    }

    /// Combines failures: the most severe kind, all messages after `summary`, and each
    /// hint once.
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

    /// The text for people. Each line ends with a newline.
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

    /// A JSON object on one line.
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
        // JSON does not escape DEL and C1 control characters, which a terminal obeys.
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
    fn no_control_character_is_shown() {
        let failure = Failure::usage("a\u{1b}[2J\u{7f}\u{9b}2J\u{202e}b\nc").hint("\u{9b}2J");
        for shown in [failure.to_text(), failure.to_json()] {
            let is_bad = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
            assert!(!shown.chars().any(is_bad), "{shown:?}");
        }
        let read: Value = serde_json::from_str(&failure.to_json()).unwrap();
        assert_eq!(read["hints"][0], "\u{9b}2J");
    }

    #[test]
    fn a_secret_in_a_message_is_not_shown() {
        let failure = Failure::usage("cannot use nsrt_abcdefgh12345678").hint("not nsrt_abcdefgh12345678");
        for shown in [failure.to_text(), failure.to_json(), failure.to_string(), format!("{failure:?}")] {
            assert!(!shown.contains("abcdefgh"), "{shown}");
        }
    }
}
