//! Describes a response body that did not come from the API.

use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};

use crate::redactor::Redactor;
use crate::text::sanitize::sanitize;

/// How much of a server's text is shown, in characters.
pub const MAX_EXCERPT: usize = 80;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    Empty,
    Html {
        title: Option<String>,
    },
    Json,
    Untyped,
    /// Has this media type.
    Typed(String),
    /// Has this encoding, which is not supported.
    Encoded(String),
}

impl Content {
    /// Takes headers and body after [`decode`](crate::http::encoding::decode): a
    /// `Content-Encoding` that is left is not supported.
    pub fn of(headers: &HeaderMap, body: &[u8], redactor: &Redactor) -> Self {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(|value| sanitize(value.trim()));
        if let Some(encoding) = header(CONTENT_ENCODING) {
            return Self::Encoded(redactor.excerpt(&encoding, MAX_EXCERPT));
        }
        let media = header(CONTENT_TYPE).unwrap_or_default();
        let media = media.split(';').next().unwrap_or_default().trim().to_lowercase();
        match media.as_str() {
            _ if body.trim_ascii().is_empty() => Self::Empty,
            _ if is_html(body) || media.contains("html") => Self::Html { title: title(body, redactor) },
            "application/json" => Self::Json,
            "" => Self::Untyped,
            media => Self::Typed(redactor.excerpt(media, MAX_EXCERPT)),
        }
    }
}

/// Whether a body begins like an HTML page.
pub fn is_html(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii_start();
    let begins = |tag: &[u8]| body.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag));
    begins(b"<!doctype html") || begins(b"<html")
}

fn title(body: &[u8], redactor: &Redactor) -> Option<String> {
    /// How much of the page is searched for a title, in bytes.
    const MAX_OFFSET: usize = 64 * 1024;
    let text = String::from_utf8_lossy(&body[..body.len().min(MAX_OFFSET)]);
    // Only ASCII letters are changed, so that offsets are the same in both texts.
    let lower = text.to_ascii_lowercase();
    let open = lower.find("<title")?;
    let begin = open + lower[open..].find('>')? + 1;
    let end = begin + lower[begin..].find("</title")?;
    let words: Vec<&str> = text[begin..end].split_whitespace().collect();
    let title = redactor.excerpt(&words.join(" "), MAX_EXCERPT);
    (!title.is_empty()).then_some(title)
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    #[test]
    fn what_a_body_is() {
        let page = |title: &str| Content::Html { title: Some(title.to_owned()) };
        let untitled = Content::Html { title: None };
        let long = format!("<html><title>{}</title>", "x".repeat(200));
        for (media, body, expected) in [
            ("text/html", "", Content::Empty),
            ("", " \r\n", Content::Empty),
            ("text/html; charset=utf-8", "<p>x", untitled.clone()),
            ("", "\u{feff} <!DOCTYPE HTML><head><TITLE lang=en>\n Access\t denied </TITLE>", page("Access denied")),
            ("application/json", "<html><title></title>", untitled.clone()),
            ("text/html", "<title>a\u{1b}[2Jb\u{202e}c nsrt_abcdefgh</title>", page("a[2Jbc nsrt_[redacted]")),
            ("text/html", "<title>cut off", untitled),
            ("text/html", &long, page(&format!("{}…", "x".repeat(80)))),
            ("application/json", "{\"message\":\"no\"}", Content::Json),
            ("text/plain", "denied", Content::Typed("text/plain".to_owned())),
            ("", "denied", Content::Untyped),
        ] {
            let mut headers = HeaderMap::new();
            if !media.is_empty() {
                headers.insert(CONTENT_TYPE, HeaderValue::from_str(media).unwrap());
            }
            assert_eq!(Content::of(&headers, body.as_bytes(), &Redactor::default()), expected, "{media} {body}");
        }
    }
}
