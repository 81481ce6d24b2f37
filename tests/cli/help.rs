//! Help: the whole tree as snapshots, and what must hold for each command.
//! `INSTA_UPDATE=always cargo test --test cli help` writes the snapshots anew.

use crate::sandbox::Sandbox;
use crate::support::World;
use insta::assert_snapshot;

/// The command lines of all commands, the root first, as the help lists them.
pub fn commands(world: &World) -> Vec<Vec<String>> {
    let mut all = vec![vec![]];
    let mut next = 0;
    while let Some(command) = all.get(next).cloned() {
        next += 1;
        let help = help(world, &command, "-h");
        let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
        for line in listed {
            let name = line.split_whitespace().next().unwrap();
            all.push(command.iter().cloned().chain([name.to_owned()]).collect());
        }
    }
    all
}

fn help(world: &World, command: &[String], flag: &str) -> String {
    world.run("nscred", command.iter().map(String::as_str).chain([flag])).ok()
}

/// The lines of a section, without its head.
fn section<'a>(help: &'a str, head: &str) -> Vec<&'a str> {
    help.lines().skip_while(|line| *line != head).skip(1).take_while(|line| !line.is_empty()).collect()
}

#[test]
fn the_whole_tree() {
    let world = World::new();
    let commands = commands(&world);
    assert!(commands.len() >= 20, "{commands:?}");
    for command in commands {
        let name = std::iter::once("nscred".to_owned()).chain(command.clone()).collect::<Vec<_>>().join("_");
        insta::assert_snapshot!(name, help(&world, &command, "--help"));
    }
    for topic in ["credentials", "environment", "exit-codes", "output"] {
        insta::assert_snapshot!(format!("topic_{topic}"), world.run("nscred", ["help", topic]).ok());
    }
}

#[test]
fn every_command_says_what_it_is_for_and_how_it_is_used() {
    let world = World::new();
    for command in commands(&world) {
        let line = command.join(" ");
        for flag in ["-h", "--help"] {
            let help = help(&world, &command, flag);
            let about = help.lines().next().unwrap();
            assert!(about.starts_with(|c: char| c.is_uppercase()) && about.ends_with('.'), "{line}: {about}");
            assert!(help.lines().all(|line| line.chars().count() <= 100), "{line} {flag}: {help}");
            if !command.is_empty() {
                let examples = section(&help, "Examples:");
                assert!(!examples.is_empty(), "{line} {flag} has no example");
                // Lines that go on, and are not comments or parts of a word in quotes.
                let calls = examples.iter().filter(|example| example.contains("nscred")).count();
                assert!(calls > 0, "{line}: {examples:?}");
            }
        }
        if !command.is_empty() {
            let help = help(&world, &command, "--help");
            assert!(!section(&help, "Environment:").is_empty(), "{line}");
            assert!(line == "sandbox" || section(&help, "Exit codes:").len() >= 3, "{line}");
        }
    }
}

#[test]
fn every_flag_has_a_text_and_a_value_name() {
    let world = World::new();
    for command in commands(&world) {
        let help = help(&world, &command, "--help");
        let mut lines = help.lines().take_while(|line| *line != "Examples:").peekable();
        while let Some(line) = lines.next() {
            let flag = line.trim_start();
            if !flag.starts_with('-') || !line.starts_with("  ") || line.starts_with("          ") {
                continue;
            }
            // The text stands on the lines below, up to an empty one.
            let mut text = Vec::new();
            while let Some(next) = lines.next_if(|next| next.starts_with("          ") && !next.trim().is_empty()) {
                text.push(next.trim());
            }
            let text = text.join(" ");
            let is_good = text.starts_with(|c: char| c.is_uppercase()) && text.ends_with('.');
            assert!(is_good, "{command:?} {flag}: {text:?}");
            if let Some((_, value)) = flag.split_once(" <") {
                assert!(value.trim_end_matches("...").ends_with('>'), "{flag}");
                assert!(!value.contains(|c: char| c.is_lowercase() && c != 'x'), "{command:?} {flag}");
            }
        }
    }
}

#[test]
fn no_value_of_the_environment_is_shown() {
    let sandbox = Sandbox::start();
    for command in commands(&sandbox) {
        for flag in ["-h", "--help"] {
            let help = help(&sandbox, &command, flag);
            for name in ["NSCALE_SERVICE_TOKEN", "NSC_TOKEN_FILE", "NSCALE_ORGANIZATION_ID", "NSC_IAM_ENDPOINT"] {
                assert!(!help.contains(sandbox.get(name)), "{command:?} shows {name}");
            }
        }
    }
}

#[test]
fn help_is_shown_in_each_of_the_usual_ways() {
    let world = World::new();
    let help = world.run("nsc", ["token", "create", "--help"]).ok();
    assert!(help.contains("nsc token create --name ci"));
    assert_eq!(world.run("nsc", ["help", "token", "create"]).ok(), help);
    assert_eq!(world.run("nsc", ["token", "help", "create"]).ok(), help);
    assert_eq!(world.run("nscred", ["help"]).ok(), world.run("nscred", ["--help"]).ok());
    assert_eq!(world.run("nscred", ["help", "sa"]).ok(), world.run("nscred", ["serviceaccounts", "--help"]).ok());
    for (program, line, message) in [
        (
            "nscred",
            "help envronment",
            "error: there is no command or topic `envronment`\n\
             hint: did you mean `nscred help environment`?\n\
             hint: `nscred --help` lists the commands\n",
        ),
        (
            "nscred",
            "help environment x",
            "error: the topic environment has no part `x`\nhint: `nscred help environment` shows all of it\n",
        ),
        (
            "nsc",
            "help token creat",
            "error: there is no command `token creat`\n\
             hint: did you mean `nsc help token create`?\n\
             hint: `nsc --help` lists the commands\n",
        ),
    ] {
        assert_eq!(world.run(program, line.split(' ')).fails(2), message);
    }
}

#[test]
fn help_is_coloured_where_colours_are_wanted() {
    let mut world = World::new();
    assert!(!world.run("nscred", ["--help"]).ok().contains('\u{1b}'));
    for args in [&["--color", "always", "--help"][..], &["--color=always", "help"], &["token", "-h", "--color=always"]]
    {
        assert!(world.run("nscred", args).ok().contains('\u{1b}'), "{args:?}");
    }
    world.set("CLICOLOR_FORCE", "1");
    assert!(world.run("nscred", ["--help"]).ok().contains('\u{1b}'));
    assert!(!world.run("nscred", ["--help", "--color", "never"]).ok().contains('\u{1b}'));
    assert_snapshot!(world.nsc("token list").says(4).replace('\u{1b}', "ESC"), @"");
    world.set("NO_COLOR", "1");
    assert!(!world.run("nscred", ["--help"]).ok().contains('\u{1b}'));
}

/// Whatever variable the source reads is in the table, and the README shows
/// the table.
#[test]
fn the_table_of_the_environment_is_whole() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = World::new().run("nscred", ["help", "environment"]).ok();
    let mut read = Vec::new();
    variables(&root.join("src"), &mut read);
    // HOME and PATH are everybody's, and the last is a note to itself.
    read.retain(|name| !["HOME", "PATH", "APPDATA", "NSCRED_HANDED_ON"].contains(&name.as_str()));
    assert!(read.len() >= 12, "{read:?}");
    for name in read {
        assert!(table.contains(&name), "{name} is not in the table");
    }
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    for variable in nscred::cli::environment::VARIABLES {
        let row = format!("| `{}` | {} |", variable.names.join("`, `"), variable.meaning);
        assert!(readme.contains(&row), "the README has no row {row}");
    }
    for (code, meaning) in nscred::error::EXIT_CODES.iter().map(|row| (row.code, row.meaning)) {
        let row = format!("| {code} | {meaning} |");
        assert!(readme.contains(&row), "the README has no row {row}");
    }
}

/// The names behind the calls and constants by which variables are read.
fn variables(directory: &std::path::Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            variables(&path, found);
            continue;
        }
        let source = std::fs::read_to_string(&path).unwrap();
        let product = source.split("#[cfg(test)]").next().unwrap();
        for marker in [
            "var_os(\"",
            ".path(\"",
            "absolute(\"",
            "VARIABLE: &str = \"",
            "VARIABLES: [&str; 2] = [\"",
            "LOOP_GUARD: &str = \"",
        ] {
            for (at, _) in product.match_indices(marker) {
                let name = product[at + marker.len()..].split('"').next().unwrap();
                found.push(name.to_owned());
            }
        }
    }
}
