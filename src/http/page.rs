//! Pages that come where the API should have answered.

use crate::redactor::Redactor;

/// Whether a body begins as a page does.
pub fn is_html(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii_start();
    let begins = |tag: &[u8]| body.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag));
    begins(b"<!doctype html") || begins(b"<html")
}

/// A page by its title.
pub fn page(body: &[u8], redactor: &Redactor) -> String {
    match title(body, redactor) {
        Some(title) => format!("an HTML page titled \"{title}\""),
        None => "an HTML page".to_owned(),
    }
}

fn title(body: &[u8], redactor: &Redactor) -> Option<String> {
    /// A title stands near the beginning.
    const FURTHEST: usize = 64 * 1024;
    let text = String::from_utf8_lossy(&body[..body.len().min(FURTHEST)]);
    // The same length, letter by letter.
    let lower = text.to_ascii_lowercase();
    let open = lower.find("<title")?;
    let begin = open + lower[open..].find('>')? + 1;
    let end = begin + lower[begin..].find("</title")?;
    let words: Vec<&str> = text[begin..end].split_whitespace().collect();
    let title = excerpt(&words.join(" "), redactor);
    (!title.is_empty()).then_some(title)
}

/// Somebody else's words, without secrets and not at length.
pub fn excerpt(text: &str, redactor: &Redactor) -> String {
    const LONGEST: usize = 80;
    let mut text = redactor.clean(text);
    if let Some((end, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(end);
        text.push('…');
    }
    text
}
