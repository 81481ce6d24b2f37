//! `help`, and the sections after the flags in every command's help and manual
//! page: examples and notes, environment variables, exit codes.

use std::io::Write;

use clap::builder::StyledStr;
use clap::{Arg, Args, Command};

use crate::cli::environment::{VARIABLES, Variable, variable_lines};
use crate::cli::topics::{TOPICS, Topic, exit_code_lines};
use crate::context::Context;
use crate::error::{EXIT_CODES, ExitCode, Failure, Kind, Result};
use crate::names::{Program, SHARED_FAMILY};
use crate::output::map_write_error;
use crate::text::nearest::nearest;
use crate::verb::{LOCAL, Variables, Verb};

#[derive(Debug, Args)]
#[command(add = Verb { variables: &[], exit_codes: LOCAL })]
#[command(after_help = "\
Examples:
  {program} help token create
  {program} help environment")]
pub struct HelpArgs {
    /// A command, or a topic: credentials, environment, exit-codes or output.
    #[arg(value_name = "COMMAND")]
    words: Vec<String>,
}

/// The sections after a command's flags.
pub struct Sections {
    /// Examples and explanations.
    pub notes: String,
    pub environment: Vec<&'static Variable>,
    pub exit_codes: Vec<&'static ExitCode>,
}

impl Sections {
    /// A family of commands has the variables that all its verbs read, and the exit
    /// codes of any of them.
    pub fn of(program: Program, command: &Command) -> Self {
        let notes = command.get_after_help().map(|text| text.to_string()).unwrap_or_default();
        let verbs = verbs(command);
        let is_read = |group: &Variables| {
            *group == Variables::Terminal || verbs.iter().all(|verb| verb.variables.contains(group))
        };
        let kinds: Vec<Kind> = verbs.iter().flat_map(|verb| verb.exit_codes).copied().collect();
        let is_possible = |row: &&ExitCode| {
            !kinds.is_empty() && (row.code == 0 || row.kinds.iter().any(|(kind, _)| kinds.contains(kind)))
        };
        Self {
            notes: notes.replace("{program}", program.name()),
            environment: VARIABLES.iter().filter(|variable| variable.groups.iter().any(is_read)).collect(),
            exit_codes: EXIT_CODES.iter().filter(is_possible).collect(),
        }
    }

    fn to_text(&self) -> String {
        let mut text = format!("{}\n\nEnvironment:\n", self.notes.trim_end());
        text.push_str(&variable_lines(&self.environment));
        if !self.exit_codes.is_empty() {
            text.push_str("\nExit codes:\n");
            text.push_str(&exit_code_lines(&self.exit_codes));
        }
        text
    }
}

/// The declaration of a verb, or those of all verbs of a family.
fn verbs(command: &Command) -> Vec<&Verb> {
    match command.get::<Verb>() {
        Some(verb) => vec![verb],
        None => command.get_subcommands().flat_map(verbs).collect(),
    }
}

/// The tree with the sections of every command, and with the name that the program
/// was called by in the examples.
pub fn with_help_sections(program: Program, tree: Command) -> Command {
    let exit_codes: Vec<&ExitCode> = EXIT_CODES.iter().collect();
    let topic = |topic: &Topic| format!("  {program} help {:<12} {}\n", topic.name, topic.about);
    let topics: String = TOPICS.iter().map(topic).collect();
    let mut tree = with_full_stops(tree)
        .mut_subcommands(|command| with_sections(program, command))
        .after_help(format!("Exit codes:\n{}\nHelp topics:\n{topics}", exit_code_lines(&exit_codes)));
    if program.is_alias() {
        tree = tree
            .before_help(format!("Any other command is run by the official {program}, the next one on the PATH.\n"));
    }
    tree
}

fn with_sections(program: Program, command: Command) -> Command {
    let sections = Sections::of(program, &command);
    command
        .after_long_help(sections.to_text())
        .after_help(sections.notes)
        .mut_subcommands(|command| with_sections(program, command))
}

/// The tree with the full stops that clap removes from its texts.
pub fn with_full_stops(command: Command) -> Command {
    let with_full_stop = |text: &StyledStr| {
        let text = text.to_string();
        if text.ends_with(['.', '…']) { text } else { format!("{text}.") }
    };
    let command = match command.get_about().map(with_full_stop) {
        Some(about) => command.about(about),
        None => command,
    };
    let with_help = |arg: Arg| match arg.get_help().map(with_full_stop) {
        Some(help) => arg.help(help),
        None => arg,
    };
    command.mut_args(with_help).mut_subcommands(with_full_stops)
}

/// Shows the help of a command or a topic. Returns the words if they name neither
/// but may name a command of the official program.
///
/// # Errors
/// Usage: there is no such command or topic.
pub fn run(args: &HelpArgs, tree: Command, ctx: &mut Context) -> Result<Option<String>> {
    let topic = args.words.first().and_then(|word| Topic::find(word));
    let text = match (topic, args.words.as_slice()) {
        (Some(topic), [_]) => topic.text(),
        (Some(topic), [_, more, ..]) => {
            return Err(Failure::usage(format!("the topic {} has no part `{more}`", topic.name))
                .hint(format!("`{} help {}` shows all of it", ctx.program, topic.name)));
        }
        (_, words) => {
            let mut tree = with_help_sections(ctx.program, tree);
            tree.build();
            let help = match find(&tree, words) {
                Ok(command) => command.clone().render_long_help(),
                Err(unknown) if ctx.program.is_alias() && unknown.may_be_official() => {
                    return Ok(Some(words[..=unknown.depth].join(" ")));
                }
                Err(unknown) => return Err(unknown.failure(ctx.program, "help", words)),
            };
            if ctx.stdout.color() { help.ansi().to_string() } else { help.to_string() }
        }
    };
    map_write_error(ctx.stdout.write_all(text.as_bytes()).and_then(|()| ctx.stdout.flush()))?;
    Ok(None)
}

/// A word of a path such as `token lst` that names no command.
pub struct UnknownCommand<'a> {
    /// The command that the words before it name.
    parent: &'a Command,
    /// The index of the word.
    depth: usize,
}

/// The command at a path such as `token list`.
///
/// # Errors
/// [`UnknownCommand`]: one of them names none.
pub fn find<'a>(tree: &'a Command, words: &[String]) -> std::result::Result<&'a Command, UnknownCommand<'a>> {
    words
        .iter()
        .enumerate()
        .try_fold(tree, |parent, (depth, word)| parent.find_subcommand(word).ok_or(UnknownCommand { parent, depth }))
}

impl UnknownCommand<'_> {
    /// Whether the official programs also have commands there.
    fn may_be_official(&self) -> bool {
        self.depth == 0 || self.parent.get_name() == SHARED_FAMILY
    }

    /// The failure of `help` or `man`, which is `verb`, with these words.
    pub fn failure(&self, program: Program, verb: &str, words: &[String]) -> Failure {
        let path: String = words[..self.depth].iter().map(|word| format!("{word} ")).collect();
        let word = &words[self.depth];
        let topics = if self.depth == 0 && verb == "help" { &TOPICS[..] } else { &[] };
        let names = self.parent.get_subcommands().map(Command::get_name).chain(topics.iter().map(|topic| topic.name));
        let what = if topics.is_empty() { "command" } else { "command or topic" };
        let failure = Failure::usage(format!("there is no {what} `{path}{word}`"));
        match nearest(word, names) {
            Some(near) => failure.hint(format!("did you mean `{program} {verb} {path}{near}`?")),
            None => failure,
        }
        .hint(format!("`{program} --help` lists the commands"))
    }
}
