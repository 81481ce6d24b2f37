//! Command lines as scripts write them, for the official programs or by mistake.

use insta::assert_snapshot;

use crate::sandbox::Sandbox;
use crate::support::GRANT;

#[test]
fn a_path_that_no_shell_expanded_is_refused_with_the_right_spelling() {
    let sandbox = Sandbox::start();
    assert_snapshot!(sandbox.create("t", "--token_file=~/t.json").says(2), @r#"
    error: --token_file ~/t.json: begins with ~
    hint: the shell did not expand ~: write "$HOME/t.json"
    "#);
    assert_snapshot!(sandbox.nsc("token create --name t --grant @~/grants.json").says(2), @r#"
    error: --grant file ~/grants.json begins with ~
    hint: the shell did not expand ~: write "$HOME/grants.json"
    "#);
    assert_snapshot!(sandbox.sa("create --yes --file=~/sa.json").says(2), @r#"
    error: --file ~/sa.json begins with ~
    hint: the shell did not expand ~: write "$HOME/sa.json"
    "#);
    assert_snapshot!(sandbox.nsc("token list --ca-file=~/ca.pem").says(2), @r#"
    error: --ca-file begins with ~
    hint: the shell did not expand ~: write "$HOME/ca.pem"
    "#);
    assert_eq!(sandbox.nsc("token list -q .[].name").ok(), "");
}

#[test]
fn the_last_of_a_repeated_flag_wins() {
    let sandbox = Sandbox::start();
    let args = ["token", "create", "--name", "a", "--name", "b", "--grant", GRANT, "-d", "x", "-d", "y"];
    let args = args.into_iter().chain(["-o", "table", "-o", "json", "-q", "[.token.name, .token.description]|@csv"]);
    assert_eq!(sandbox.run("nsc", args).ok(), "\"b\",\"y\"\n");
}
