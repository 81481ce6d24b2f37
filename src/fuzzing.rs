//! Fuzz targets: parsers that read untrusted input. `cargo fuzz` runs them with
//! generated inputs, and a unit test with those in `fuzz/corpus`. A target panics if
//! the parser does, or if an error message contains a secret.

use crate::context::Environment;
use crate::error::Failure;
use crate::http::{connect, json, rest, retry};
use crate::input::document::Document;
use crate::input::{duration, node};
use crate::namespace::jwt::Claims;
use crate::namespace::{credential, detail, grant};
use crate::nscale::document::AccountDocument;
use crate::output::query::Query;
use crate::secret::Secret;
use crate::text::base64;

/// A name, and a function of the input.
pub type FuzzTarget = (&'static str, fn(&[u8]));

pub const TARGETS: [FuzzTarget; 10] = [
    ("duration", parse_duration),
    ("grant", parse_grant),
    ("document", parse_document),
    ("error_body", error_body),
    ("jwt", jwt),
    ("denied", denied),
    ("token_file", token_file),
    ("retry_after", retry_after),
    ("filter", filter),
    ("answer", answer),
];

pub fn run(name: &str, bytes: &[u8]) {
    for (_, target) in TARGETS.iter().filter(|(known, _)| *known == name) {
        target(bytes);
    }
}

fn lossy_text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A message must contain neither a token nor control characters.
fn check_message(failure: Option<Failure>) {
    let Some(failure) = failure else { return };
    for shown in [failure.to_text(), failure.to_json()] {
        assert!(!shown.contains("nsrt_CANARY"), "{shown}");
        assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown}");
    }
}

fn parse_duration(bytes: &[u8]) {
    let text = lossy_text(bytes);
    let _ = duration::parse(&text);
    check_message(duration::lifetime("--expires_in", &text).err());
}

fn parse_grant(bytes: &[u8]) {
    let text = lossy_text(bytes);
    // With @ it would read a file.
    if text.starts_with('@') {
        return;
    }
    match grant::read_all(&[text]) {
        Ok(grants) => drop(grant::lint(&grants)),
        Err(failure) => check_message(Some(failure)),
    }
}

fn parse_document(bytes: &[u8]) {
    let document = Document::inline("--file x", &lossy_text(bytes));
    for partial in [false, true] {
        let mut warnings = Vec::new();
        match AccountDocument::parse(&document, partial, &mut warnings) {
            Ok(account) => drop(serde_json::to_string(&account.into_message())),
            Err(failure) => check_message(Some(failure)),
        }
    }
    let _ = node::Node::root(&document);
}

fn error_body(bytes: &[u8]) {
    let _ = connect::ErrorBody::read(bytes);
    let _ = rest::ErrorBody::read(bytes);
    let _ = json::salvage(bytes, &["accessToken", "bearerToken"]);
}

fn jwt(bytes: &[u8]) {
    let text = lossy_text(bytes);
    let _ = Claims::of(&Secret::new(text)).and_then(|claims| claims.expiry());
}

fn denied(bytes: &[u8]) {
    let _ = detail::read_permission_denied(bytes);
    let _ = detail::read_request_id(bytes);
    let _ = base64::decode(&lossy_text(bytes));
}

fn token_file(bytes: &[u8]) {
    let text = lossy_text(bytes);
    let failure = credential::parse_text(&text).err();
    if let Some(failure) = &failure {
        // The message quotes no part of the file.
        assert!(!failure.to_text().contains("CANARY"), "{}", failure.to_text());
    }
    check_message(failure);
    let result = crate::nscale::credential::find(&Environment::Fixed(vec![("NSCALE_SERVICE_TOKEN", text.into())]));
    if let Err(failure) = result {
        assert!(!failure.to_text().contains("CANARY"), "{}", failure.to_text());
        check_message(Some(failure));
    }
}

fn retry_after(bytes: &[u8]) {
    let _ = retry::parse_retry_after(&lossy_text(bytes), jiff::Timestamp::UNIX_EPOCH);
}

fn filter(bytes: &[u8]) {
    check_message(Query::compile(&[lossy_text(bytes)], "--json").err());
}

fn answer(bytes: &[u8]) {
    const FILTERS: [&str; 5] = [
        ".[]? | .metadata?.name?",
        "map(select(.a.b?)) | length",
        ".[0].a?",
        "[.. | scalars] | map(tostring) | @tsv",
        "tojson | length",
    ];
    thread_local! {
        static QUERY: Option<Query> = Query::compile(&FILTERS.map(str::to_owned), "--json").ok();
    }
    let json = lossy_text(bytes);
    QUERY.with(|query| check_message(query.as_ref().and_then(|query| query.results(json).err())));
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = crate::output::json::pretty(text);
        let _ = crate::output::json::snake_case_names(text);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_corpus_passes() {
        for (name, target) in TARGETS {
            let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
            let mut count = 0;
            for file in std::fs::read_dir(directory).unwrap() {
                target(&std::fs::read(file.unwrap().path()).unwrap());
                count += 1;
            }
            assert!(count > 0, "{name} has no corpus");
        }
    }
}
