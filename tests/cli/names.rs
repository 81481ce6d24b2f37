//! The three names, and command lines that an official program runs.

use insta::assert_snapshot;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{NSCRED, Run, World, script};

/// An official program that notes its arguments and environment.
const OFFICIAL: &str =
    "#!/bin/sh\nprintf '%s\\n' \"$0\" \"$@\" > \"$OUT.args\"\nenv | grep -v '^_=' | sort > \"$OUT.env\"\nexit 42\n";

/// Calls a program found on a PATH of these directories.
fn call(world: &World, directories: &[&str], program: &str, args: &[&str]) -> Run {
    let path: Vec<String> = directories.iter().map(|name| world.path(name).display().to_string()).collect();
    let path = format!("{}:/usr/bin:/bin", path.join(":"));
    let mut command = Command::new(program);
    command.env_clear().env("PATH", &path).env("OUT", world.path("out")).env("ODD", "a b\nc=é").args(args);
    Run::of(command.stdin(Stdio::null()))
}

fn link(world: &World, name: &str) {
    std::fs::create_dir_all(world.path(name).parent().unwrap()).unwrap();
    symlink(NSCRED, world.path(name)).unwrap();
}

#[test]
fn the_official_program_gets_the_line_unchanged() {
    let world = World::new();
    for program in ["nsc", "nscale"] {
        link(&world, &format!("ours/{program}"));
        script(&world.path("theirs").join(program), OFFICIAL);
        let args = ["instance", "list", "--flag", "two words", "", "*", "--", "-x", "é\n"];
        let run = call(&world, &["ours", "theirs"], program, &args);
        assert_eq!((run.code, run.stderr.as_str()), (42, ""), "its exit code is ours");
        let expected: String = args.iter().map(|arg| format!("{arg}\n")).collect();
        assert_eq!(world.read("out.args"), format!("{}\n{expected}", world.path("theirs").join(program).display()));
        let direct = call(&world, &["theirs"], program, &args);
        assert_eq!(direct.code, 42);
        let variables =
            |env: &str| env.lines().filter(|line| !line.starts_with("PATH=")).map(str::to_owned).collect::<Vec<_>>();
        let run = call(&world, &["ours", "theirs"], program, &args);
        assert_eq!(run.code, 42);
        let env = world.read("out.env");
        call(&world, &["theirs"], program, &args);
        assert_eq!(variables(&env), variables(&world.read("out.env")), "the environment is as it was");
    }
}

#[test]
fn unknown_flags_before_a_command_are_theirs_too() {
    let world = World::new();
    link(&world, "ours/nsc");
    script(&world.path("theirs/nsc"), OFFICIAL);
    for args in [
        &["--region", "eu", "token", "list"][..],
        &["--debug", "instance", "list"],
        &["-x"],
        &["-vx", "instance"],
        &["help", "instance"],
        &["help", "instance", "list"],
        &["help", "auth", "login"],
        &["auth", "help", "login"],
        &["login"],
        // Of a family that they have too, what is not here.
        &["auth", "login"],
        &["auth", "check-login", "--duration", "2h"],
        &["auth", "--debug", "login"],
    ] {
        let run = call(&world, &["ours", "theirs"], "nsc", args);
        assert_eq!(run.code, 42, "{args:?} {run:?}");
        assert!(world.read("out.args").lines().skip(1).eq(args.iter().copied()));
    }
}

#[test]
fn its_own_commands_are_never_passed_on() {
    let world = World::new();
    link(&world, "ours/nsc");
    script(&world.path("theirs/nsc"), OFFICIAL);
    for args in [
        &["token", "nosuch"][..],
        &["token", "list", "--nosuch"],
        &["token"],
        &["--timeout", "5", "token", "list"],
        &["auth", "status", "--nosuch"],
        &["help", "token", "nosuch"],
        &["completions", "nosuch"],
        &["--", "token", "list"],
        &["auth", "--", "status"],
    ] {
        assert_eq!(call(&world, &["ours", "theirs"], "nsc", args).code, 2, "{args:?}");
    }
    assert_eq!(call(&world, &["ours", "theirs"], "nsc", &["--version"]).code, 0);
    assert!(!world.path("out.args").exists());
}

#[test]
fn under_its_own_name_nothing_is_passed_on() {
    let world = World::new();
    link(&world, "ours/nscred");
    script(&world.path("theirs/nscred"), OFFICIAL);
    let run = call(&world, &["ours", "theirs"], "nscred", &["instance", "list"]);
    assert_snapshot!(run.says(2), @"
    error: unrecognized subcommand 'instance'

      tip: a similar subcommand exists: 'sa'

    Usage: nscred [OPTIONS] <COMMAND>

    For more information, try '--help'.
    ");
}

/// What is said of a command or option without an official program to run.
fn not_found(what: &str) -> String {
    format!(
        "error: nscred has no {what}, and no official nsc was found after it on the PATH\n\
         hint: `nsc --help` lists what nscred has; install the official nsc for the rest\n"
    )
}

#[test]
fn without_an_official_program_there_is_an_error() {
    let world = World::new();
    link(&world, "ours/nsc");
    let instance = not_found("command `instance`");
    assert_eq!(call(&world, &["ours"], "nsc", &["instance", "list"]).fails(2), instance);
    let bogus = not_found("option `--bogus`");
    assert_eq!(call(&world, &["ours"], "nsc", &["--bogus", "token", "list"]).fails(2), bogus);
    assert_eq!(call(&world, &["ours"], "nsc", &["help", "instance"]).fails(2), instance);
    // A file that cannot be run and a directory are no programs.
    world.write("theirs/nsc", OFFICIAL);
    std::fs::create_dir_all(world.path("folder/nsc")).unwrap();
    assert_eq!(call(&world, &["ours", "theirs", "folder"], "nsc", &["instance", "list"]).fails(2), instance);
}

#[test]
fn it_never_calls_itself() {
    let world = World::new();
    link(&world, "a/nsc");
    link(&world, "b/nsc");
    symlink(world.path("b/nsc"), world.path("chain")).unwrap();
    std::fs::create_dir(world.path("c")).unwrap();
    symlink(world.path("chain"), world.path("c/nsc")).unwrap();
    std::fs::create_dir(world.path("hard")).unwrap();
    // A hard link where the file system allows one, else a copy.
    if std::fs::hard_link(NSCRED, world.path("hard/nsc")).is_err() {
        std::fs::copy(NSCRED, world.path("hard/nsc")).unwrap();
    }
    for directory in ["copy", "copy2"] {
        std::fs::create_dir(world.path(directory)).unwrap();
        std::fs::copy(NSCRED, world.path(directory).join("nsc")).unwrap();
    }
    let all = ["a", "copy", "b", "c", "hard", "copy2", "a"];
    let instance = not_found("command `instance`");
    assert_eq!(call(&world, &all, "nsc", &["instance", "list"]).fails(2), instance);
    // From each of the places, and by a path that is not on the PATH.
    for place in ["b/nsc", "copy2/nsc", "chain"] {
        let path = world.path(place);
        if place == "chain" {
            let nsc = world.path("elsewhere/nsc");
            std::fs::create_dir(world.path("elsewhere")).unwrap();
            symlink(&path, &nsc).unwrap();
            assert_eq!(call(&world, &all, nsc.to_str().unwrap(), &["instance"]).fails(2), instance);
        } else {
            assert_eq!(call(&world, &all, path.to_str().unwrap(), &["instance"]).fails(2), instance);
        }
    }
    script(&world.path("theirs/nsc"), OFFICIAL);
    let mut with_official = all.to_vec();
    with_official.push("theirs");
    assert_eq!(call(&world, &with_official, "nsc", &["instance"]).code, 42);
}

#[test]
fn a_script_that_calls_it_by_another_name_does_not_loop() {
    let world = World::new();
    let wrapper = format!("#!/bin/bash\nexec -a nsc {NSCRED} \"$@\"\n");
    if !Path::new("/bin/bash").exists() {
        return;
    }
    script(&world.path("ours/nsc"), &wrapper);
    let instance = not_found("command `instance`");
    assert_eq!(call(&world, &["ours"], "nsc", &["instance"]).fails(2), instance);
}

#[test]
fn help_uses_the_name_that_was_called() {
    let world = World::new();
    for program in ["nsc", "nscale", "nscred"] {
        let stderr = world.run(program, ["token", "revoke", "--token_id", "nsrt_abcdefgh"]).fails(2);
        assert!(stderr.contains(&format!("`{program} token list` shows the ids")), "{stderr}");
        let help = world.run(program, ["token", "list", "--help"]).ok();
        assert!(help.contains(&format!("Examples:\n  {program} token list\n")), "{help}");
        let help = world.run(program, ["--help"]).ok();
        assert_eq!(help.contains("Any other command is run by the official"), program != "nscred", "{help}");
    }
}
