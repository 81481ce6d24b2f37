//! Manual pages, shown by `man` where it is installed.

use insta::assert_snapshot;
use std::process::Command;

use crate::help::commands;
use crate::support::{Run, World, skip};

/// A page as `man` shows it, with its warnings on stderr.
fn read(world: &World, page: &str) -> Option<Run> {
    let path = ["/usr/bin/man", "/bin/man"].into_iter().find(|path| std::path::Path::new(path).exists());
    assert!(path.is_some() || std::env::var_os("REQUIRE_SHELLS").is_none(), "man is not installed");
    let Some(path) = path else {
        skip("man", "man is not installed");
        return None;
    };
    let mut man = Command::new(path);
    man.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C.UTF-8").env("MANWIDTH", "100");
    man.env("HOME", world.path("home")).args(["--warnings=w", "-l"]).arg(world.path(page));
    Some(Run::of(&mut man))
}

#[test]
fn there_is_a_page_for_every_command() {
    let world = World::new();
    let run = world.run("nscred", ["man", "--dir", "man/man1"]);
    let mut expected: Vec<String> = commands(&world)
        .iter()
        .map(|command| std::iter::once("nscred".to_owned()).chain(command.clone()).collect::<Vec<_>>().join("-") + ".1")
        .collect();
    expected.sort();
    assert_eq!(run.stderr, format!("note: {} pages written to man/man1\n", expected.len()));
    assert_eq!(run.ok(), "");
    let mut written: Vec<String> = std::fs::read_dir(world.path("man/man1"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    written.sort();
    assert_eq!(written, expected);
    // Written again it replaces what is there.
    world.run("nscred", ["man", "--dir", "man/man1"]).ok();
    for page in expected {
        let source = world.read(&format!("man/man1/{page}"));
        assert!(source.contains(".SH NAME") && source.contains(".SH ENVIRONMENT"), "{page}");
        let Some(shown) = read(&world, &format!("man/man1/{page}")) else { return };
        assert_eq!(shown.stderr, "", "{page}");
        let shown = shown.ok();
        let heads = ["NAME", "SYNOPSIS", "DESCRIPTION", "ENVIRONMENT"];
        assert!(heads.iter().all(|head| shown.lines().any(|line| line == *head)), "{page}: {shown}");
    }
}

#[test]
fn what_a_page_says() {
    let world = World::new();
    let page = world.run("nsc", ["man", "token", "create"]).ok();
    world.write("page.1", &page);
    let Some(shown) = read(&world, "page.1") else { return };
    let shown = shown.ok();
    let words = |line: Option<&str>| line.unwrap().split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(shown.lines().next()), ["NSC-TOKEN-CREATE(1)", "nscred", "NSC-TOKEN-CREATE(1)"]);
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(words(shown.lines().last()), ["nscred", version, "NSC-TOKEN-CREATE(1)"]);
    for part in [
        "nsc-token-create - Create a revokable token with specific permissions and expiration.",
        "--token_file <PATH>",
        "EXAMPLES\n",
        r#"--grant '{"resource_type":"builder","resource_id":"*","actions":["ensure","access"]}'"#,
        "TOKEN=$(nsc token create --name ci --grant @grants.json --output token)",
        "XDG_STATE_HOME\n",
        "EXIT STATUS\n",
        "outcome unknown: a change may have been carried out; look before running again",
    ] {
        assert!(shown.contains(part), "no {part:?} in {shown}");
    }
    assert_eq!(
        world.run("nscred", ["man", "sa", "list"]).ok(),
        world.run("nscred", ["man", "serviceaccounts", "list"]).ok()
    );
}

#[test]
fn what_cannot_be_written_or_found_is_an_error() {
    let world = World::new();
    world.write("file", "");
    assert_eq!(
        world.run("nscred", ["man", "--dir", "file"]).fails(2),
        "error: --dir file: cannot write the manual pages\n  cause: File exists (os error 17)\n"
    );
    assert_eq!(
        world.run("nscred", ["man", "token", "creat"]).fails(2),
        "error: there is no command `token creat`\n\
         hint: did you mean `nscred man token create`?\n\
         hint: `nscred --help` lists the commands\n"
    );
    assert_snapshot!(world.run("nscred", ["man", "--dir", "x", "token"]).says(2), @"
    error: the argument '--dir <DIR>' cannot be used with '[COMMAND]...'

    Usage: nscred man --dir <DIR> [COMMAND]...

    For more information, try '--help'.
    ");
}
