//! Help that teaches: examples, the environment and the exit codes behind
//! every command's help, and topics of their own.

use std::io::Write;

use clap::builder::StyledStr;
use clap::{Args, Command};

use crate::cli::environment::{Reader, VARIABLES, Variable};
use crate::cli::tree::{SHARED, tree};
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::exit::{self, CODES};
use crate::names::Program;
use crate::output::map_write_error;
use crate::text::nearest::nearest;

/// Flags of `help`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  {program} help token create
  {program} help environment")]
pub struct HelpArgs {
    /// A command, or a topic: credentials, environment, exit-codes or output.
    #[arg(value_name = "COMMAND")]
    pub(super) words: Vec<String>,
}

/// The topics and what each is about.
pub const TOPICS: [(&str, &str); 4] = [
    ("credentials", "where they are looked for, and what they may look like"),
    ("environment", "the variables that are read"),
    ("exit-codes", "what a script can tell from them"),
    ("output", "tables, JSON and filters, and what goes where"),
];

/// The topic `credentials`.
const CREDENTIALS: &str = "\
For token commands the first of these is used:
  1. the file that NSC_TOKEN_FILE names
  2. /var/run/nsc/token.json, which Namespace's own machines have
  3. the official login: ns/token.json in $XDG_CONFIG_HOME or ~/.config (on macOS
     in ~/Library/Application Support)

Such a file holds JSON with a bearer_token or a session_token, or a bare token:
  st_…    a login session; it is exchanged for a tenant token, which is kept in
          token.cache beside the file while it is valid
  nsct_…  a tenant token, which lives for minutes or hours
  nscw_…  the token of a workload on one of Namespace's machines
  nsrt_…  a revokable token, as `token create` makes them; its id is tok_…

For serviceaccounts commands it is the token in NSCALE_SERVICE_TOKEN, else in the
file that NSCALE_SERVICE_TOKEN_FILE names. `serviceaccounts create` and `rotate` make
such tokens.

White space around a token does not matter. No credential is taken from the command
line, which others can read, or sent anywhere but to its own cloud. `auth status`
shows which one is in use.
";

/// The topic `output`.
const OUTPUT: &str = "\
Standard output carries data alone: a table or labelled lines for people, or
what was asked for instead. Notes, warnings, questions and errors go to standard
error.

On a terminal a table fits the width, without some of its columns where that is
narrow; statuses are coloured and times relative (in 24h). Elsewhere nothing is
left out, cut or wrapped, and times are RFC 3339 in UTC.

  --output json, --json   the server's whole answer as JSON; token commands give
                          its names in snake_case
  --output token          the secret alone and a line end (token create)
  -q, --query FILTER      each result of a jq filter over that JSON on its own
                          line, texts without quotes, @tsv and @csv for rows;
                          repeatable, and checked before anything is sent

With one of these an error is a JSON object on one line of standard error:
  {\"kind\":\"not_found\",\"message\":\"…\",\"hints\":[\"…\"],\"http_status\":404,\"request_id\":\"…\"}
Standard output is empty then, but for the report of `auth status`, and for what was
printed of a secret before it turned out that it cannot be kept.

A secret is printed once, where it was asked for. With GITHUB_ACTIONS=true a
line for the runner goes to standard error first (::add-mask::…), so that the
job's log masks it from there on; only where standard error is a pipe, as the
runner's is, and another one than the secret goes through.
";

/// What stands behind a command's flags.
pub struct Sections {
    /// Examples and what else is to be known, as text.
    pub notes: String,
    /// The variables that it reads.
    pub environment: Vec<&'static Variable>,
    /// The exit codes that it may end with.
    pub codes: Vec<(u8, &'static str)>,
}

impl Sections {
    /// Those of the command at a path below the root.
    pub fn of(program: Program, path: &[String], command: &Command) -> Self {
        let notes = command.get_after_help().map(|text| text.to_string()).unwrap_or_default();
        let readers = readers(path);
        let codes = codes(path);
        Self {
            notes: notes.replace("{program}", program.name()),
            environment: VARIABLES
                .iter()
                .filter(|variable| variable.readers.iter().any(|reader| readers.contains(reader)))
                .collect(),
            codes: CODES.iter().filter(|(code, _)| codes.contains(code)).copied().collect(),
        }
    }

    fn to_text(&self) -> String {
        let mut text = format!("{}\n\nEnvironment:\n", self.notes.trim_end());
        text.push_str(&variables(&self.environment));
        if !self.codes.is_empty() {
            text.push_str("\nExit codes:\n");
            text.push_str(&exit::lines(&self.codes));
        }
        text
    }
}

/// Who reads, of a command, by the family that it belongs to and by what it
/// does.
fn readers(path: &[String]) -> Vec<Reader> {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let mut readers = match path.first() {
        Some(&"token") => vec![Reader::Namespace, Reader::Network],
        Some(&"serviceaccounts") => vec![Reader::Nscale, Reader::Network],
        Some(&"auth") => vec![Reader::Namespace, Reader::Nscale, Reader::Network],
        Some(&"sandbox") => vec![Reader::Sandbox],
        _ => vec![],
    };
    if let ["token" | "serviceaccounts", "create" | "rotate"] = path.as_slice() {
        readers.push(Reader::Mint);
    }
    readers.push(Reader::Everyone);
    readers
}

/// The exit codes of a command: of those that change nothing no conflict and
/// no unknown outcome, and of those that call nobody what they come to alone.
fn codes(path: &[String]) -> &'static [u8] {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["token", "list"] => &[0, 1, 2, 3, 4, 7, 130],
        ["serviceaccounts", "list" | "get"] => &[0, 1, 2, 3, 4, 5, 7, 130],
        ["auth", ..] => &[0, 1, 2, 4, 5, 7, 130],
        ["permissions"] => &[0, 1, 2, 5, 130],
        ["completions" | "man" | "help"] => &[0, 1, 2],
        // A command inside ends with codes of its own.
        ["sandbox"] => &[],
        _ => &[0, 1, 2, 3, 4, 5, 6, 7, 8, 130],
    }
}

/// Variables with their meanings, one a line.
fn variables(variables: &[&Variable]) -> String {
    let width = variables.iter().map(|variable| variable.title().len()).max().unwrap_or(0);
    variables.iter().map(|variable| format!("  {:<width$}  {}\n", variable.title(), variable.meaning)).collect()
}

/// The tree as people read it: in the name that was called, and with
/// everything behind the flags.
pub fn decorated(program: Program, tree: Command) -> Command {
    let topics: String = TOPICS.iter().map(|(name, about)| format!("  {program} help {name:<12} {about}\n")).collect();
    let mut tree = decorate(program, punctuated(tree), &mut Vec::new())
        .after_help(format!("{}\nHelp topics:\n{topics}", exit::help()));
    if program.is_borrowed() {
        tree = tree
            .before_help(format!("Any other command is handed on to the official {program} further down the PATH.\n"));
    }
    tree
}

fn decorate(program: Program, command: Command, path: &mut Vec<String>) -> Command {
    let command = match path.as_slice() {
        [] => command,
        path => {
            let sections = Sections::of(program, path, &command);
            command.after_long_help(sections.to_text()).after_help(sections.notes)
        }
    };
    command.mut_subcommands(|subcommand| {
        path.push(subcommand.get_name().to_owned());
        let subcommand = decorate(program, subcommand, path);
        path.pop();
        subcommand
    })
}

/// The tree with the full stops of its texts, which clap takes off.
pub fn punctuated(command: Command) -> Command {
    let ended = |text: &StyledStr| {
        let text = text.to_string();
        if text.ends_with(['.', '…']) { text } else { format!("{text}.") }
    };
    let about = command.get_about().map(ended);
    let command = match about {
        Some(about) => command.about(about),
        None => command,
    };
    let command = command.mut_args(|arg| match arg.get_help().map(ended) {
        Some(help) => arg.help(help),
        None => arg,
    });
    command.mut_subcommands(punctuated)
}

/// Shows the help of a command or a topic. Gives back the words of a command
/// that is not here where it may be the official program's.
///
/// # Errors
/// Usage: there is no such command or topic.
pub fn run(args: &HelpArgs, ctx: &mut Context) -> Result<Option<String>> {
    let text = match args.words.as_slice() {
        [topic, more, ..] if TOPICS.iter().any(|(name, _)| name == topic) => {
            return Err(Failure::usage(format!("the topic {topic} has no part `{more}`"))
                .hint(format!("`{} help {topic}` shows all of it", ctx.program)));
        }
        [topic] if topic == "environment" => {
            let all: Vec<&Variable> = VARIABLES.iter().collect();
            format!("Environment variables (one that is set to nothing counts as unset):\n{}", variables(&all))
        }
        [topic] if topic == "credentials" => CREDENTIALS.to_owned(),
        [topic] if topic == "exit-codes" => format!("{}\n{}", exit::help(), exit::NOTES),
        [topic] if topic == "output" => OUTPUT.to_owned(),
        words => {
            let mut tree = decorated(ctx.program, tree(ctx.program));
            tree.build();
            let help = match find(&tree, words) {
                Ok(command) => command.clone().render_long_help(),
                // What is not here may be the official program's.
                Err(lost) if ctx.program.is_borrowed() && lost.may_be_foreign() => {
                    return Ok(Some(words[..=lost.depth].join(" ")));
                }
                Err(lost) => return Err(lost.explain(ctx.program, "help", words)),
            };
            if ctx.stdout.color() { help.ansi().to_string() } else { help.to_string() }
        }
    };
    map_write_error(ctx.stdout.write_all(text.as_bytes()).and_then(|()| ctx.stdout.flush()))?;
    Ok(None)
}

/// Where the words that name a command lead no further.
pub struct Lost<'a> {
    /// The command that they lead to.
    below: &'a Command,
    /// How many they are.
    depth: usize,
}

/// The command that words lead to, from the root of the tree.
///
/// # Errors
/// [`Lost`]: one of them is no command.
pub fn find<'a>(tree: &'a Command, words: &[String]) -> std::result::Result<&'a Command, Lost<'a>> {
    words
        .iter()
        .enumerate()
        .try_fold(tree, |below, (depth, word)| below.find_subcommand(word).ok_or(Lost { below, depth }))
}

impl Lost<'_> {
    /// Whether the official programs have commands there too.
    fn may_be_foreign(&self) -> bool {
        self.depth == 0 || self.below.get_name() == SHARED
    }

    /// Says what of the words behind `verb` is not there.
    pub fn explain(&self, program: Program, verb: &str, words: &[String]) -> Failure {
        let (path, word) =
            (words[..self.depth].iter().map(|word| format!("{word} ")).collect::<String>(), &words[self.depth]);
        let topics = if self.depth == 0 && verb == "help" { &TOPICS[..] } else { &[] };
        let names = self.below.get_subcommands().map(Command::get_name).chain(topics.iter().map(|(name, _)| *name));
        let what = if topics.is_empty() { "command" } else { "command or topic" };
        let failure = Failure::usage(format!("there is no {what} `{path}{word}`"));
        match nearest(word, names) {
            Some(near) => failure.hint(format!("did you mean `{program} {verb} {path}{near}`?")),
            None => failure,
        }
        .hint(format!("`{program} --help` lists the commands"))
    }
}
