//! The README: each of its blocks is run, in its order, as it stands there.

use std::path::Path;
use std::process::Command;

use jiff::Timestamp;
use saphyr::{LoadableYamlNode, Yaml};

use crate::sandbox::Sandbox;
use crate::support::{NSCRED, Run, World, script};

/// A fenced block.
struct Block {
    language: String,
    /// The file that it is.
    name: String,
    text: String,
    line: usize,
}

/// A line behind a prompt, and what the README shows of what it prints.
struct Step {
    command: String,
    output: Vec<String>,
    line: usize,
}

fn blocks() -> Vec<Block> {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let mut blocks = Vec::new();
    let mut lines = readme.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let Some(info) = line.strip_prefix("```") else { continue };
        let (language, name) = info.split_once(' ').unwrap_or((info, ""));
        let text = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```");
        let text = text.map(|line| format!("{line}\n")).collect();
        blocks.push(Block { language: language.into(), name: name.into(), text, line: number + 1 });
    }
    blocks
}

fn steps(block: &Block) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for (number, line) in block.text.lines().enumerate() {
        match (line.strip_prefix("$ "), line.strip_prefix("> "), steps.last_mut()) {
            (Some(command), ..) => {
                steps.push(Step { command: command.into(), output: Vec::new(), line: block.line + number + 1 });
            }
            (None, Some(rest), Some(step)) => step.command.extend(["\n", rest]),
            (None, None, Some(step)) => step.output.push(line.into()),
            (None, _, None) => panic!("line {} begins without a prompt", block.line),
        }
    }
    steps
}

/// A line without what differs from run to run.
fn settled(line: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ':' | '.');
    let mut out = String::new();
    let mut rest = line.trim_end();
    while !rest.is_empty() {
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        let is_id = word.len() == 24 && word.starts_with("tok_") || uuid::Uuid::parse_str(word).is_ok();
        let stands_for = match word {
            _ if is_id => "ID",
            _ if word.parse::<Timestamp>().is_ok() => "TIME",
            _ if word.starts_with("127.0.0.1:") => "ADDRESS",
            _ => word,
        };
        out.push_str(stands_for);
        let sign = behind.chars().next().map_or(0, char::len_utf8);
        out.push_str(&behind[..sign]);
        rest = &behind[sign..];
    }
    out
}

/// Whether a line is as the README shows it, where `…` stands for anything.
fn fits(shown: &str, real: &str) -> bool {
    let (shown, real) = (settled(shown), settled(real));
    let mut parts = shown.split('…');
    let Some(mut rest) = parts.next().and_then(|first| real.strip_prefix(first)) else { return false };
    let parts: Vec<&str> = parts.collect();
    for (index, part) in parts.iter().enumerate() {
        if index + 1 == parts.len() {
            return rest.ends_with(part.trim_end());
        }
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.is_empty()
}

/// A world with the files of the README, and a cargo that puts the binary
/// under test where the real one would have built it.
fn world() -> World {
    let mut world = World::new();
    for block in blocks().iter().filter(|block| !block.name.is_empty()) {
        world.write(&block.name, &block.text);
    }
    let cargo = format!(
        "#!/bin/sh\ncase $* in\n\
         'run --release -- '*) shift 3; exec {NSCRED} \"$@\" ;;\n\
         'install --locked '*) mkdir -p ~/.cargo/bin && cp {NSCRED} ~/.cargo/bin/nscred ;;\n\
         test) ;;\n\
         *) echo \"cargo $* is not known here\" >&2; exit 1 ;;\nesac\n"
    );
    script(&world.path("tools/cargo"), &cargo);
    // What a job builds: its credential must be good.
    script(&world.path("build.sh"), "#!/bin/sh\nexec nscred auth status namespace\n");
    let path =
        format!("{}:/usr/bin:/bin", ["tools", "bin"].map(|name| world.path(name).display().to_string()).join(":"));
    world.set("PATH", path);
    world
}

#[test]
fn every_line_behind_a_prompt() {
    let world = world();
    let steps: Vec<Step> = blocks().iter().filter(|block| block.language == "console").flat_map(steps).collect();
    assert!(steps.len() > 30, "{}", steps.len());
    // One shell for all, since a line uses what those before it have set.
    let mut session = String::from("mkdir done\n");
    for (index, step) in steps.iter().enumerate() {
        session.push_str(&format!(
            "{{ {}\n}} > done/{index} 2>&1 < /dev/null\necho $? > done/{index}.code\n",
            step.command
        ));
    }
    world.write("session", session);
    let run = Run::of(world.command("nscred").args(["sandbox", "--", "bash", "session"]));
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    for (index, step) in steps.iter().enumerate() {
        let Step { command, output, line } = step;
        let (real, code) = (world.read(&format!("done/{index}")), world.read(&format!("done/{index}.code")));
        assert_eq!(code, "0\n", "line {line}: {command}\n{real}");
        if output.is_empty() {
            continue;
        }
        let real: Vec<&str> = real.lines().collect();
        let is_same = output.len() == real.len() && output.iter().zip(&real).all(|(shown, real)| fits(shown, real));
        assert!(is_same, "line {line}: {command}\nshown:\n{}\nreal:\n{}", output.join("\n"), real.join("\n"));
    }
    // What the lines are there for.
    for page in ["nscred.1", "nscred-token-create.1"] {
        assert!(world.path("home/.local/share/man/man1").join(page).exists());
    }
    for name in ["nsc", "nscale"] {
        let link = world.path("home/.local/bin").join(name);
        let run = Run::of(Command::new(link).arg("-V"));
        assert_eq!(run.ok(), format!("{name} {} (nscred)\n", env!("CARGO_PKG_VERSION")));
    }
}

/// The scripts of a list in YAML.
fn lines(yaml: &Yaml<'_>) -> String {
    yaml.as_sequence().unwrap().iter().map(|line| format!("{}\n", line.as_str().unwrap())).collect()
}

fn yaml(name: &str) -> Yaml<'static> {
    let block = blocks().into_iter().find(|block| block.name == name).unwrap();
    let text: &'static str = Box::leak(block.text.into_boxed_str());
    Yaml::load_from_str(text).unwrap().remove(0)
}

/// A sandbox with the files of the README, as the machine of a job.
fn machine() -> Sandbox {
    Sandbox::with(world(), &[])
}

/// The token that the README makes for a repository.
fn repository_token(runner: &Sandbox) -> String {
    let consoles: Vec<Block> = blocks().into_iter().filter(|block| block.language == "console").collect();
    let lines = consoles.iter().flat_map(steps).find(|step| step.command.contains("--name github")).unwrap();
    runner.sh(&lines.command).ok();
    runner.read("github.json")
}

#[test]
fn the_workflow_for_github() {
    let mut runner = machine();
    let token = repository_token(&runner);
    let temporary = runner.path("home/tmp").display().to_string();
    let file = runner.write("github.env", "");
    let admin = runner.get("NSC_TOKEN_FILE").to_owned();
    runner.set("NSC_TOKEN_FILE", "").set("RUNNER_TEMP", &temporary).set("GITHUB_ENV", &file);
    runner.set("GITHUB_ACTIONS", "true").set("GITHUB_RUN_ID", "1").set("GITHUB_RUN_ATTEMPT", "1");
    let workflow = yaml("build.yml");
    let steps = workflow["jobs"]["build"]["steps"].as_sequence().unwrap();
    let mut names = Vec::new();
    for step in steps {
        let Some(run) = step.as_mapping_get("run").and_then(|run| run.as_str()) else { continue };
        if let Some(variables) = step.as_mapping_get("env").and_then(|env| env.as_mapping()) {
            for (name, value) in variables {
                let value = match value.as_str().unwrap() {
                    "${{ secrets.NSC_TOKEN }}" => token.trim(),
                    "${{ vars.NSCRED_REPOSITORY }}" => "https://example.com/nscred.git",
                    other => panic!("{other}"),
                };
                runner.set(name.as_str().unwrap(), value);
            }
        }
        let run = runner.sh(&format!("set -e\n{run}"));
        names.push(step.as_mapping_get("name").unwrap().as_str().unwrap());
        assert_eq!(run.code, 0, "{names:?} {run:#?}");
        assert!(!run.stderr.contains("add-mask"), "no secret is printed: {run:#?}");
        for line in runner.read("github.env").lines() {
            let (name, value) = line.split_once('=').unwrap();
            runner.set(name, value);
        }
    }
    assert_eq!(names.len(), 6);
    let left = runner.set("NSC_TOKEN_FILE", admin).nsc("token list -q .[].name").ok();
    assert_eq!(left, "github\n", "what was minted is taken back");
}

#[test]
fn the_job_for_gitlab() {
    let mut runner = machine();
    let token = repository_token(&runner);
    let admin = runner.get("NSC_TOKEN_FILE").to_owned();
    let file = runner.write("variable", token);
    runner.set("CI_JOB_ID", "7").set("NSC_TOKEN_FILE", file);
    let job = yaml(".gitlab-ci.yml");
    let run = runner.sh(&format!("set -e\n{}", lines(&job["build"]["script"])));
    assert_eq!(run.code, 0, "{run:#?}");
    let clean = lines(&job["build"]["after_script"]);
    runner.sh(&clean).ok();
    std::fs::write(runner.path("job.id"), "").unwrap();
    runner.sh(&clean).ok();
    runner.set("NSC_TOKEN_FILE", admin);
    assert_eq!(runner.nsc("token list -q .[].name").ok(), "github\n");
}

#[test]
fn no_block_is_passed_over() {
    let blocks = blocks();
    for block in &blocks {
        let line = block.line;
        match block.language.as_str() {
            "console" => assert_eq!(block.name, "", "line {line}"),
            "json" | "sh" => {
                let is_used = |other: &&Block| other.line != line && other.text.contains(&block.name);
                assert!(!block.name.is_empty() && blocks.iter().any(|other| is_used(&other)), "line {line}");
            }
            "yaml" => assert!(["build.yml", ".gitlab-ci.yml"].contains(&block.name.as_str()), "line {line}"),
            language => panic!("line {line}: nobody runs {language:?}"),
        }
    }
    assert!(blocks.len() >= 15, "{}", blocks.len());
    // The one line that is not carried out here is what runs this.
    let ci = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/run")).unwrap();
    assert!(ci.contains("\ncargo test --locked\n"));
}

#[test]
fn what_fits() {
    assert!(fits("Token ID: tok_fed0cd52a7b5c2ef2b3a", "Token ID: tok_00000000000000000000  "));
    assert!(fits("At 2026-11-22T10:00:00Z on 127.0.0.1:8700", "At 2027-01-01T00:00:00Z on 127.0.0.1:43211"));
    assert!(fits("Token: nsrt_…", "Token: nsrt_abc") && fits("a … c", "a b c") && fits("note: …", "note: x"));
    assert!(!fits("a … c", "a b d") && !fits("x", "y") && !fits("x", "x y") && !fits("tok_1", "tok_2"));
}
