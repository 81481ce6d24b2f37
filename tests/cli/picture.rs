//! The picture in the README: a session in a sandbox, at a terminal.
//! `.github/session` draws it anew.

use std::path::Path;

use anstyle_svg::Term;

use crate::sandbox::Sandbox;
use crate::support::terminal::Terminal;

/// What is typed.
const LINES: [&str; 6] = [
    "nscred auth status nscale",
    r#"nsc token create --name ci --token_file ci.json --grant '{"resource_type":"builder","resource_id":"*","actions":["ensure"]}'"#,
    "nsc token list",
    "nscale sa rotate --id self --yes -q .status.accessToken > new.token",
    "nscale sa get --id self",
    "NSCALE_SERVICE_TOKEN=$(cat new.token) nscale sa get --id self -q .status.expiry",
];

/// The session as a terminal shows it.
fn session() -> String {
    let sandbox = Sandbox::start();
    let mut shown = String::new();
    for line in LINES {
        let (output, _) = Terminal::start(sandbox.shell(line), 110).finish();
        // What was shown of a wait, and erased.
        let output: String =
            output.lines().map(|line| line.rsplit("\u{1b}[2K").next().unwrap().to_owned() + "\n").collect();
        shown.push_str(&format!("\u{1b}[1;32m$\u{1b}[0m \u{1b}[1m{line}\u{1b}[0m\n{output}"));
    }
    // The picture is the same wherever it is drawn.
    shown.replace(&sandbox.address, "127.0.0.1:8700")
}

/// The text of a picture, without what differs from run to run.
fn text(picture: &str) -> Vec<String> {
    let mut text = String::new();
    let mut is_text = false;
    for c in picture.split_once("<text").map_or("", |(_, text)| text).chars() {
        match c {
            '<' => is_text = false,
            '>' => is_text = true,
            c if is_text => text.push(c),
            _ => {}
        }
    }
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let settled = |word: &str| match word {
        word if word.starts_with("tok_") || uuid::Uuid::parse_str(word).is_ok() => "ID".to_owned(),
        word if word.starts_with(|c: char| c.is_ascii_digit()) => "N".to_owned(),
        word => word.to_owned(),
    };
    let line =
        |line: &str| line.split(|c| !is_part(c)).filter(|word| !word.is_empty()).map(settled).collect::<Vec<_>>();
    text.lines().map(|text| line(text).join(" ")).filter(|line| !line.is_empty()).collect()
}

#[test]
fn the_picture_shows_what_there_is_to_see() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(".github/session.svg");
    let drawn = Term::new().render_svg(&session());
    if std::env::var_os("UPDATE_PICTURE").is_some() {
        std::fs::write(&path, &drawn).unwrap();
    }
    let picture = std::fs::read_to_string(&path).unwrap();
    let (shown, now) = (text(&picture), text(&drawn));
    assert!(shown.len() > 25, "{shown:#?}");
    assert_eq!(shown, now, "`.github/session` draws the picture anew");
}
