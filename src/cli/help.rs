//! Help that teaches: examples, the environment and the exit codes behind
//! every command's help, and topics of their own.

use std::io::Write;

use clap::builder::StyledStr;
use clap::{Args, Command};

use crate::cli::environment::{VARIABLES, Variable};
use crate::cli::tree::{SHARED, tree};
use crate::context::Context;
use crate::error::{Failure, Kind, Result};
use crate::exit::{self, CODES};
use crate::names::Program;
use crate::output::written;
use crate::text::nearest::nearest;
use crate::verb::{LOCAL, Variables, Verb};

/// Flags of `help`.
#[derive(Debug, Args)]
#[command(add = Verb { variables: &[], exit_codes: LOCAL })]
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
    /// Those of a family are the variables that all its verbs read, and the exit
    /// codes that one of them can end with.
    pub fn of(program: Program, command: &Command) -> Self {
        let notes = command.get_after_help().map(|text| text.to_string()).unwrap_or_default();
        let verbs = verbs(command);
        let is_read = |group: &Variables| {
            *group == Variables::Terminal || verbs.iter().all(|verb| verb.variables.contains(group))
        };
        let kinds: Vec<Kind> = verbs.iter().flat_map(|verb| verb.exit_codes).copied().collect();
        let is_possible =
            |code: u8| !kinds.is_empty() && (code == 0 || kinds.iter().any(|kind| kind.exit_code() == code));
        Self {
            notes: notes.replace("{program}", program.name()),
            environment: VARIABLES.iter().filter(|variable| variable.groups.iter().any(is_read)).collect(),
            codes: CODES.iter().filter(|(code, _)| is_possible(*code)).copied().collect(),
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

/// What a verb declares; of a family, what its verbs declare.
fn verbs(command: &Command) -> Vec<&Verb> {
    match command.get::<Verb>() {
        Some(verb) => vec![verb],
        None => command.get_subcommands().flat_map(verbs).collect(),
    }
}

/// Variables with their meanings, one a line.
fn variables(variables: &[&Variable]) -> String {
    let width = variables.iter().map(|variable| variable.title().len()).max().unwrap_or(0);
    variables.iter().map(|variable| format!("  {:<width$}  {}\n", variable.title(), variable.meaning)).collect()
}

/// The tree as people read it: in the name that was called, and with
/// everything behind the flags.
pub fn with_help_sections(program: Program, tree: Command) -> Command {
    let topics: String = TOPICS.iter().map(|(name, about)| format!("  {program} help {name:<12} {about}\n")).collect();
    let mut tree = with_full_stops(tree)
        .mut_subcommands(|command| decorate(program, command))
        .after_help(format!("{}\nHelp topics:\n{topics}", exit::help()));
    if program.is_alias() {
        tree = tree
            .before_help(format!("Any other command is handed on to the official {program} further down the PATH.\n"));
    }
    tree
}

fn decorate(program: Program, command: Command) -> Command {
    let sections = Sections::of(program, &command);
    command
        .after_long_help(sections.to_text())
        .after_help(sections.notes)
        .mut_subcommands(|command| decorate(program, command))
}

/// The tree with the full stops of its texts, which clap takes off.
pub fn with_full_stops(command: Command) -> Command {
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
    command.mut_subcommands(with_full_stops)
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
        [topic] if topic == "credentials" => include_str!("topics/credentials.txt").to_owned(),
        [topic] if topic == "exit-codes" => format!("{}\n{}", exit::help(), include_str!("topics/exit-codes.txt")),
        [topic] if topic == "output" => include_str!("topics/output.txt").to_owned(),
        words => {
            let mut tree = with_help_sections(ctx.program, tree(ctx.program));
            tree.build();
            let help = match find(&tree, words) {
                Ok(command) => command.clone().render_long_help(),
                // What is not here may be the official program's.
                Err(unknown) if ctx.program.is_alias() && unknown.may_be_foreign() => {
                    return Ok(Some(words[..=unknown.depth].join(" ")));
                }
                Err(unknown) => return Err(unknown.explain(ctx.program, "help", words)),
            };
            if ctx.stdout.color() { help.ansi().to_string() } else { help.to_string() }
        }
    };
    written(ctx.stdout.write_all(text.as_bytes()).and_then(|()| ctx.stdout.flush()))?;
    Ok(None)
}

/// Where the words that name a command lead no further.
pub struct UnknownCommand<'a> {
    /// The command that they lead to.
    below: &'a Command,
    /// How many they are.
    depth: usize,
}

/// The command that words lead to, from the root of the tree.
///
/// # Errors
/// [`UnknownCommand`]: one of them is no command.
pub fn find<'a>(tree: &'a Command, words: &[String]) -> std::result::Result<&'a Command, UnknownCommand<'a>> {
    words
        .iter()
        .enumerate()
        .try_fold(tree, |below, (depth, word)| below.find_subcommand(word).ok_or(UnknownCommand { below, depth }))
}

impl UnknownCommand<'_> {
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
