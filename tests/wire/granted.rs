//! What a server granted, compared with what was asked of it: in each form of
//! output, with a server of any age and any clock.

use insta::assert_snapshot;
use jiff::{SignedDuration, Timestamp};

use crate::server::{answer, json};
use crate::support::Run;
use crate::world;

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The answer to a create, with these fields of the token.
fn created(fields: &str) -> String {
    json(200, &format!(r#"{{"bearerToken":"nsrt_EXAMPLE0001","token":{{"tokenId":"tok_1","name":"ci"{fields}}}}}"#))
}

fn expires(from_now: SignedDuration) -> String {
    format!(r#","expiresAt":"{}""#, Timestamp::now() + from_now)
}

const WORKSPACE: &str = r#","scope":"TENANT_SCOPE""#;
const USER: &str = r#","scope":"TENANT_MEMBERSHIP_SCOPE""#;
const GRANTS: &str = r#","permissions":[{"resourceType":"builder","actions":["access"]},{"resourceType":"builder","resourceId":"*","actions":["ensure"]}]"#;

fn asides(run: &Run) -> Vec<&str> {
    run.stderr.lines().filter(|line| !line.ends_with("it is shown only once")).collect()
}

#[test]
fn what_is_as_asked_is_not_worth_a_word() {
    let (world, _server) = world([
        created(&format!("{WORKSPACE}{GRANTS}{}", expires(DAY))),
        created(&format!("{USER}{GRANTS}{}", expires(DAY + SignedDuration::from_secs(30)))),
        created(&format!("{USER}{GRANTS}")),
    ]);
    for flags in ["", "--user", "--user --no_expiry"] {
        let run = world.create("ci", flags);
        assert_eq!((run.code, asides(&run)), (0, vec![]), "{flags}");
    }
}

#[test]
fn each_difference_is_said_in_every_form_of_output() {
    let month = "--expires_in 30d";
    for (flags, fields, words) in [
        (
            month,
            format!("{WORKSPACE}{GRANTS}{}", expires(SignedDuration::from_hours(1))),
            "expires sooner than was asked",
        ),
        ("", format!("{WORKSPACE}{GRANTS}{}", expires(DAY * 2)), "expires later than was asked"),
        ("", format!("{WORKSPACE}{GRANTS}"), "did not say that the token expires"),
        ("--user --no_expiry", format!("{USER}{GRANTS}{}", expires(DAY)), "though --no_expiry was given"),
        ("--user", format!("{GRANTS}{}", expires(DAY)), "did not say that the token is bound to your own membership"),
        ("--user", format!(r#","scope":"A_NEW_SCOPE"{GRANTS}{}"#, expires(DAY)), "your own membership, as --user asks"),
        ("", format!("{USER}{GRANTS}{}", expires(DAY)), "bound to your own membership, though"),
        (
            "",
            format!(
                r#"{WORKSPACE},"permissions":[{{"resourceType":"builder","resourceId":"b","actions":["ensure"]}}]{}"#,
                expires(DAY)
            ),
            "it lacks access of builder on *, ensure of builder on *",
        ),
        (
            "",
            format!(
                r#"{WORKSPACE},"permissions":[{{"resourceType":"builder","resourceId":"*","actions":["ensure","access","x"]}}]{}"#,
                expires(DAY)
            ),
            "more than was asked for: x of builder on *",
        ),
    ] {
        for form in ["", "-o json", "-o token", "-q .bearer_token", "--token_file t.json"] {
            let (world, _server) = world([created(&fields)]);
            let run = world.create("ci", &format!("{flags} {form}"));
            assert_eq!(run.code, 0, "{flags} {form}: {run:#?}");
            let warning = asides(&run).into_iter().find(|line| line.contains(words));
            assert!(warning.is_some_and(|line| line.starts_with("warning: ")), "{flags} {form}: {words}: {run:#?}");
            // And the secret is where it was asked for all the same.
            let delivered = if form.contains("file") { world.read("t.json") } else { run.stdout };
            assert!(delivered.contains("nsrt_EXAMPLE0001"), "{flags} {form}");
        }
    }
}

#[test]
fn a_server_that_is_older_says_less() {
    let (world, _server) = world([created(&expires(DAY))]);
    let run = world.create("ci", "-o token");
    assert_eq!((run.code, asides(&run)), (0, vec!["note: the server did not say what the token may do"]));
}

#[test]
fn a_workspaces_token_does_not_pass_for_a_users() {
    for form in ["", "-o json", "-o token", "-q .bearer_token", "--token_file t.json"] {
        let (world, server) = world([created(&format!("{WORKSPACE}{GRANTS}{}", expires(DAY))), json(200, "{}")]);
        let stderr = world.create("ci", &format!("--user {form}")).fails_with(1, "for the whole workspace");
        assert!(stderr.contains("revoked token tok_1"), "{stderr}");
        let requests = server.requests(2);
        assert!(requests[1].line.contains("/RevokeRevokableToken ") && requests[1].body == r#"{"tokenId":"tok_1"}"#);
        assert_eq!(world.files(), ["token"], "{form}");
    }
    // Where that cannot be revoked, what lives on is said.
    let wide = created(&format!("{WORKSPACE}{GRANTS}{}", expires(DAY)));
    let (world, _server) = world([wide, json(403, r#"{"code":"permission_denied"}"#)]);
    assert_snapshot!(world.create("ci", "--user").says(1), @"
    error: the server made a token for the whole workspace, though --user asked for one that is bound to your own membership
    hint: token tok_1 is still valid but its secret is lost; revoke it with `nsc token revoke --token_id tok_1`
    ");
}

#[test]
fn a_clock_two_days_off_is_told() {
    let date = (Timestamp::now() - DAY * 2).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let body =
        format!(r#"{{"bearerToken":"nsrt_E1","token":{{"tokenId":"tok_1"{WORKSPACE}{GRANTS}{}}}}}"#, expires(DAY));
    let headers = format!("Content-Type: application/json\r\nDate: {date}\r\n");
    let (world, _server) = world([answer(200, &headers, &body)]);
    let run = world.create("ci", "-o json");
    let day = |time: Timestamp| time.strftime("%Y-%m-%dT").to_string();
    let now = Timestamp::now();
    assert!(
        run.stderr.contains(&format!("the clock of this machine says {}", day(now)))
            && run.stderr.contains(&format!("and the server's {}", day(now - DAY * 2))),
        "{run:#?}"
    );
    run.ok();
}

#[test]
fn what_could_not_be_read_was_not_refused() {
    let (world, _server) = world([json(200, r#"{"bearerToken":"nsrt_EXAMPLE0001","token":{"tokenId":7}}"#)]);
    let run = world.create("ci", "-o token");
    assert_eq!((run.code, run.stdout.as_str()), (0, "nsrt_EXAMPLE0001\n"));
    assert_eq!(asides(&run).len(), 1, "{run:#?}");
    assert!(run.stderr.contains("only the secret of the server's answer could be read: `nsc token list`"), "{run:#?}");
}

#[test]
fn a_refresh_that_gives_less_says_so() {
    let refreshed = |fields: &str| json(200, &format!(r#"{{"token":{{"tokenId":"tok_1"{fields}}}}}"#));
    let (world, _server) =
        world([refreshed(&expires(DAY)), refreshed(&expires(DAY * 30)), refreshed(""), json(200, "{}")]);
    let refresh = || world.nsc("token refresh --token_id tok_1 --minimum_duration 30d -o json");
    assert!(refresh().stderr.contains("sooner than --minimum_duration asks"));
    assert_eq!((refresh().stderr, refresh().stderr), (String::new(), String::new()));
    assert_eq!(refresh().stderr, "note: the server did not say when the token expires now\n");
}

#[test]
fn several_ids_in_one_argument_are_refused() {
    let (world, server) = world([]);
    for id in [
        "tok_a tok_b",
        "tok_a\ntok_b",
        "tok_a,tok_b",
        "[\"tok_a\",\"tok_b\"]",
        "\"tok_a\"",
        "tok_a;tok_b",
        "tok_a\ttok_b",
    ] {
        for verb in ["revoke", "refresh"] {
            world.run("nsc", ["token", verb, "--token_id", id]).fails_with(2, "it takes one id");
        }
    }
    for id in ["null", "None", "undefined"] {
        world.run("nsc", ["token", "revoke", "--token_id", "tok_a", "--token_id", id]).fails_with(2, "found none");
    }
    server.requests(0);
}
