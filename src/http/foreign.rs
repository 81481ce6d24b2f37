//! Answers that are not in the API's own form: a proxy, a web filter, a login
//! page or another server speaks, and knows nothing of what was asked for.

use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};

use crate::error::{Failure, Kind};
use crate::http::broken::PROXY_LOGIN;
use crate::http::client::{Client, Response, retry_after};
use crate::http::endpoint::Endpoint;
use crate::http::page::{excerpt, is_html, page};
use crate::http::retry::{Effect, kind, run_again};
use crate::redactor::Redactor;
use crate::text::sanitize::sanitize;

/// An answer to a request with this effect that is not the API's, in a
/// sentence. Whatever its status, it is no verdict on the credential, on rights
/// or on the thing asked for.
pub fn foreign(answer: &Response, effect: Effect, client: &Client, endpoint: &Endpoint) -> Failure {
    let status = answer.status.as_u16();
    let kind = match kind(answer.ending.kind(), effect, answer.ending, answer.repeated) {
        // Who says that it is done may have passed the request on.
        _ if answer.status.is_success() && effect != Effect::Read => Kind::OutcomeUnknown,
        kind => kind,
    };
    let form = form(&answer.headers, &answer.body, client.redactor());
    let what = format!("HTTP {status} from {} {form}", endpoint.authority());
    let failure = match kind {
        Kind::Temporary => {
            Failure::new(kind, format!("the server cannot answer now: {what}")).hint(run_again(retry_after(&answer.headers)))
        }
        Kind::OutcomeUnknown => Failure::new(
            kind,
            format!("the request was sent and its outcome is unknown: the answer is not the API's, but {what}"),
        ),
        _ => Failure::new(kind, format!("the answer is not the API's, but {what}"))
            .hint("a proxy, a web filter or a gateway may have answered in its place: that is no verdict on the credential, on rights, or on what was asked for"),
    };
    let failure = client.way(&endpoint.join("/")).into_iter().fold(failure, Failure::hint);
    let failure = match status {
        407 => failure.hint(format!("a proxy asks for a login: {PROXY_LOGIN}")),
        _ => failure,
    };
    failure.http_status(status)
}

/// What an answer came as, behind "with" or "without".
fn form(headers: &HeaderMap, body: &[u8], redactor: &Redactor) -> String {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(|value| sanitize(value.trim()));
    let media = header(CONTENT_TYPE).unwrap_or_default().split(';').next().unwrap_or_default().trim().to_lowercase();
    // What is known has been decoded, and its header is gone.
    if let Some(encoding) = header(CONTENT_ENCODING) {
        return format!("with a body in the encoding {}, which was not asked for", excerpt(&encoding, redactor));
    }
    match media.as_str() {
        _ if body.trim_ascii().is_empty() => "without a body".to_owned(),
        _ if is_html(body) || media.contains("html") => format!("with {}", page(body, redactor)),
        "application/json" => "with JSON of another form".to_owned(),
        "" => "with a body of no type".to_owned(),
        media => format!("with a body of type {}", excerpt(media, redactor)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    #[test]
    fn what_an_answer_came_as() {
        let long = format!("<html><title>{}</title>", "x".repeat(200));
        let short = format!("with an HTML page titled \"{}…\"", "x".repeat(80));
        for (media, body, expected) in [
            ("text/html", "", "without a body"),
            ("", " \r\n", "without a body"),
            ("text/html; charset=utf-8", "<p>x", "with an HTML page"),
            (
                "",
                "\u{feff} <!DOCTYPE HTML><head><TITLE lang=en>\n Access\t denied </TITLE>",
                "with an HTML page titled \"Access denied\"",
            ),
            ("application/json", "<html><title></title>", "with an HTML page"),
            (
                "text/html",
                "<title>a\u{1b}[2Jb\u{202e}c nsrt_abcdefgh</title>",
                "with an HTML page titled \"a[2Jbc nsrt_[redacted]\"",
            ),
            ("text/html", "<title>cut off", "with an HTML page"),
            ("text/html", &long, &short),
            ("application/json", "{\"message\":\"no\"}", "with JSON of another form"),
            ("text/plain", "denied", "with a body of type text/plain"),
            ("", "denied", "with a body of no type"),
        ] {
            let mut headers = HeaderMap::new();
            if !media.is_empty() {
                headers.insert(CONTENT_TYPE, HeaderValue::from_str(media).unwrap());
            }
            assert_eq!(form(&headers, body.as_bytes(), &Redactor::default()), expected, "{media} {body}");
        }
    }
}
