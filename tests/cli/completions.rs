//! Completion scripts, tried by each shell that is installed.

use insta::assert_snapshot;
use std::path::Path;
use std::process::Command;

use crate::support::terminal::Terminal;
use crate::support::{Run, World, skip};

const BUILDER: &str = r#"{"resource_type":"builder","resource_id":"*","actions":["access","ensure"]}"#;

/// A shell where it is installed, and the script for it in a file. The world
/// has no credential and no server.
fn installed(shell: &str) -> Option<World> {
    let path = ["/bin", "/usr/bin", "/usr/local/bin"].map(|directory| Path::new(directory).join(shell));
    if !path.iter().any(|path| path.exists()) {
        assert!(std::env::var_os("REQUIRE_SHELLS").is_none(), "{shell} is not installed");
        skip("completions", &format!("{shell} is not installed"));
        return None;
    }
    let world = World::new();
    let script = world.run("nscred", ["completions", shell]).ok();
    world.write("script", script);
    Some(world)
}

/// An interactive shell that shows `% ` and has run these lines.
fn interactive(world: &World, program: &str, args: &[&str], lines: &str) -> Terminal {
    let calls = world.command("nscred");
    let mut command = Command::new(program);
    command.env_clear().envs(calls.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("PS1", "% ").env("INPUTRC", "/dev/null").current_dir(world.directory.path()).args(args);
    let mut terminal = Terminal::in_session(&command, 300);
    terminal.type_in(lines);
    terminal.type_in("\necho rea''dy\n");
    terminal.expect("ready");
    terminal
}

#[test]
fn bash() {
    let Some(world) = installed("bash") else { return };
    let mut bash = interactive(&world, "bash", &["--norc", "--noprofile", "-i"], "source ./script");
    bash.type_in("nscred tok\t");
    bash.expect("nscred token ");
    bash.type_in("cr\t");
    bash.expect("create ");
    bash.type_in("--gr\t");
    bash.expect("--grant ");
    // Several types: what they share, and a list of them.
    bash.type_in("containerregistry/\t\t");
    bash.expect("containerregistry/image");
    bash.expect("containerregistry/tags");
    bash.type_in("\u{15}nscred token create --grant bui\t");
    bash.expect(&format!("'{BUILDER}' "));
    bash.type_in("\u{15}nscred token create --grant 'bui\t");
    bash.expect(&format!("{BUILDER}' "));
    bash.type_in("\u{15}nscred token create --grant \"bui\t");
    bash.expect(r#"{\"resource_type\":\"builder\",\"resource_id\":\"*\",\"actions\":[\"access\",\"ensure\"]}" "#);
    bash.type_in("\u{15}nscred token create --grant=bui\t");
    bash.expect(&format!("'{BUILDER}' "));
    // A type that others begin with too is meant where it stands whole.
    bash.type_in("\u{15}nscred token create --grant tenant\t");
    bash.expect(r#"'{"resource_type":"tenant","resource_id":"*","actions":["get"]}' "#);
    world.write("grants.json", "[]");
    world.write("with blank.json", "[]");
    // The whole line, for what is put in replaces a part of it.
    bash.type_in("\u{15}bind -x '\"\\C-x\": echo \"<$READLINE_LINE>\"'\n");
    for option in ["-s", "-u"] {
        bash.type_in(&format!("\u{15}shopt {option} hostcomplete\n"));
        for (word, made) in [
            ("--grant @gra", "--grant @grants.json "),
            ("--grant=@gra", "--grant=@grants.json "),
            ("--grant @with", "--grant @with\\ blank.json "),
        ] {
            bash.type_in(&format!("\u{15}nscred token create {word}\t\u{18}"));
            bash.expect(&format!("<nscred token create {made}>"));
        }
    }
    bash.type_in("\u{15}nscred sa rotate --dr\t");
    bash.expect("y-run ");
    bash.type_in("\u{15}nscred help exit\t");
    bash.expect("-codes ");
    // What is put in is a grant that can be sent.
    bash.type_in("\u{15}nscred sandbox -- nscred token create --name ci -q .token.name --grant bui\t\n");
    bash.expect("\rci\r\n");
    bash.type_in("exit\n");
    assert_eq!(bash.finish().1, 0);
}

#[test]
fn zsh() {
    let Some(world) = installed("zsh") else { return };
    world.write("functions/_nscred", world.read("script"));
    let lines = "unsetopt BEEP; fpath=(./functions $fpath); autoload -Uz compinit; compinit -u -D";
    let mut zsh = interactive(&world, "zsh", &["-f", "-i"], lines);
    zsh.type_in("nscred tok\t");
    zsh.expect("nscred token");
    zsh.type_in("cr\t");
    zsh.expect("create");
    zsh.type_in("--grant containerregistry/t\t");
    zsh.expect(r#"'{"resource_type":"containerregistry/tags","resource_id":"*","actions":["list"]}'"#);
    zsh.type_in("\u{15}nscred token create --grant tenant\t");
    zsh.expect(r#"'{"resource_type":"tenant","resource_id":"*","actions":["get"]}'"#);
    // What stands on the line then, as it would be run.
    zsh.type_in("\u{15}w() { print -r -- \"<$BUFFER>\" }; zle -N w; bindkey '^X' w\n");
    let escaped = BUILDER.replace('"', "\\\"");
    for (word, made) in [
        ("--grant 'bui", format!("--grant '{BUILDER}' ")),
        ("--grant=bui", format!("--grant='{BUILDER}' ")),
        ("--grant='bui", format!("--grant='{BUILDER}' ")),
        ("--grant \"bui", format!("--grant \"{escaped}\" ")),
    ] {
        zsh.type_in(&format!("\u{15}nscred token create {word}\t\u{18}"));
        zsh.expect(&format!("<nscred token create {made}>"));
    }
    zsh.type_in("\u{15}nscred token create --grant volu\t\n");
    zsh.expect(r#"'{"resource_type":"volume/persistent","#);
    zsh.expect("error");
    zsh.type_in("exit\n");
    zsh.finish();
}

#[test]
fn fish() {
    let Some(world) = installed("fish") else { return };
    let complete = |line: &str| {
        let mut command = world.command("nscred");
        command = {
            let mut fish = Command::new("fish");
            fish.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
            fish.current_dir(world.directory.path());
            fish
        };
        command.args(["--no-config", "-c", &format!("source ./script; complete -C {line:?}")]);
        Run::of(&mut command).ok()
    };
    assert!(complete("nscred tok").starts_with("token\t"));
    assert!(complete("nscred token ").contains("revoke\t"));
    assert!(complete("nscred token create --out").starts_with("--output\t"));
    assert!(complete("nscred token create --output t").contains("token\t"));
    assert_eq!(complete("nscred token create --grant bui"), format!("{BUILDER}\tbuilder: access, ensure\n"));
    assert_eq!(complete("nscred token create --grant ").lines().count(), 29);
    world.write("grants.json", "[]");
    assert_eq!(complete("nscred token create --grant @gra"), "@grants.json\n");
    assert_eq!(complete("nscred auth status "), "namespace\nnscale\n");
    assert!(complete("nscred help ").contains("exit-codes\n"));
    assert_eq!(complete("nscred permissions volu"), "volume/persistent\n");
}

#[test]
fn elvish() {
    let Some(world) = installed("elvish") else { return };
    let mut elvish = interactive(&world, "elvish", &["-norc"], "eval (slurp < script)");
    // What is typed is drawn in many pieces: the completer is asked instead.
    let ask = "echo '<'($edit:completion:arg-completer[nscred] nscred token";
    elvish.type_in(&format!("{ask} '' | each {{|c| print $c[stem]' ' }} | slurp)'>'\n"));
    elvish.expect("create list ");
    elvish.type_in(&format!("{ask} create --grant '' | each {{|c| print $c[stem]' ' }} | slurp)'>'\n"));
    elvish.expect(BUILDER);
    elvish.type_in("exit\n");
    elvish.finish();
}

#[test]
fn every_name_and_every_shell() {
    let world = World::new();
    for program in ["nscred", "nsc", "nscale"] {
        for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
            let run = world.run(program, ["completions", shell]);
            assert_eq!(run.stderr, "");
            let script = run.ok();
            for word in ["serviceaccounts", "token_file", "min-validity", "exit-codes"] {
                // The others complete no values without a flag.
                let knows = word != "exit-codes" || ["bash", "zsh", "fish"].contains(&shell);
                assert_eq!(script.contains(word), knows, "{program} {shell} {word}");
            }
            assert!(script.contains(program) && !script.contains("_NAME") && !script.contains("TEMPLATES"));
            assert!(shell == "powershell" || script.contains(BUILDER), "{program} {shell}");
        }
    }
    assert_snapshot!(world
        .run("nscred", ["completions", "tcsh"]).says(2), @"
    error: invalid value 'tcsh' for '<SHELL>'
      [possible values: bash, elvish, fish, powershell, zsh]

      tip: a similar value exists: 'zsh'

    For more information, try '--help'.
    ");
    world.run("nscred", ["completions"]).fails(2);
}
