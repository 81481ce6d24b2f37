//! `completions`: scripts that complete command lines, made of the tree alone.

use std::io::Write;

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Args, Command};
use clap_complete::Shell;

use crate::cli::help::TOPICS;
use crate::cli::tree::tree;
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::namespace::permissions::{PUBLISHED, template};
use crate::output::map_write_error;

/// Flags of `completions`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  source <({program} completions bash)     # in this shell, or in ~/.bashrc
  {program} completions bash > ~/.local/share/bash-completion/completions/{program}
  {program} completions zsh > ~/.zfunc/_{program}
  {program} completions fish > ~/.config/fish/completions/{program}.fish
  {program} completions elvish >> ~/.config/elvish/rc.elv
  {program} completions powershell | Out-String | Invoke-Expression

The directories must be there (mkdir -p). bash reads its own with the package
bash-completion; zsh with these lines in ~/.zshrc:
  fpath=(~/.zfunc $fpath)
  autoload -U compinit && compinit

The script completes the name that this was called by: `nsc completions bash`
completes nsc. It calls nothing, and so works offline and logged out. After
--grant it offers the published resource types, and puts in the JSON for the
one that is meant (not in PowerShell).")]
pub struct CompletionsArgs {
    /// The shell that is to complete.
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Prints the script.
///
/// # Errors
/// Unexpected: standard output cannot be written.
pub fn run(args: &CompletionsArgs, ctx: &mut Context) -> Result<()> {
    let tree = tree(ctx.program);
    let mut script = Vec::new();
    let commands: Vec<String> = tree.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    let all = commands.join(" ");
    let words = commands.into_iter().chain(TOPICS.iter().map(|(topic, _)| (*topic).to_owned())).collect();
    // What is free text to the parser is known here.
    let mut tree = tree
        .mut_subcommand("help", |help| with_values(help, "words", words))
        .mut_subcommand("permissions", |permissions| with_values(permissions, "resource_type", kinds()));
    clap_complete::generate(args.shell, &mut tree, ctx.program.name(), &mut script);
    let script = String::from_utf8(script)
        .map_err(|error| Failure::unexpected("the completion script is not text").source(error))?;
    let script = with_hooks(args.shell, ctx.program.name(), &script, &all);
    map_write_error(ctx.stdout.write_all(script.as_bytes()).and_then(|()| ctx.stdout.flush()))
}

/// The published resource types.
fn kinds() -> Vec<&'static str> {
    PUBLISHED.iter().map(|(kind, _)| *kind).collect()
}

/// The command with the values that an argument of it may take.
fn with_values(command: Command, argument: &'static str, values: Vec<impl Into<PossibleValue>>) -> Command {
    command.mut_arg(argument, |arg| arg.value_parser(PossibleValuesParser::new(values)))
}

/// The script with what `--grant` takes: a type, and at once the whole JSON
/// where only one can be meant; for fish also with what stands without a flag,
/// `commands` among it.
fn with_hooks(shell: Shell, name: &str, script: &str, commands: &str) -> String {
    let lines = |line: &dyn Fn(&str, &str, &str) -> String| {
        let each = PUBLISHED
            .iter()
            .map(|(kind, actions)| line(kind, &actions.join(", "), &template(kind, actions).to_string()));
        each.collect::<String>()
    };
    match shell {
        Shell::Bash => {
            let hook = include_str!("completions/grants.bash").replace("NAME", name);
            let cases = lines(&|kind, _, json| format!("        {kind}) echo '{json}' ;;\n"));
            let hook = hook.replace("KINDS", &kinds().join(" ")).replace("        TEMPLATES\n", &cases);
            format!("{script}\n{hook}")
        }
        Shell::Zsh => {
            let hook = include_str!("completions/grants.zsh").replace("NAME", name);
            let cases = lines(&|kind, _, json| format!("        {kind} '{json}'\n"));
            let hook = hook.replace("        TEMPLATES\n", &cases);
            // Before the lines that begin to complete as soon as it is loaded.
            let marker = format!("if [ \"$funcstack[1]\" = \"_{name}\" ]");
            script
                .replace(":JSON:_default'", &format!(":JSON:_{name}_grants'"))
                .replace(&marker, &format!("{hook}\n{marker}"))
        }
        Shell::Fish => {
            let hook = include_str!("completions/grants.fish").replace("NAME", name);
            let hook = hook.replace("KINDS", &kinds().join(" ")).replace("COMMANDS", commands);
            let topics: String = TOPICS.iter().map(|(topic, _)| format!(" {topic}")).collect();
            let hook = hook.replace("WORDS", &format!("{commands}{topics}"));
            let cases = lines(&|kind, actions, json| format!("    printf '%s\\t%s\\n' '{json}' '{kind}: {actions}'\n"));
            format!("{script}{}", hook.replace("    TEMPLATES\n", &cases))
        }
        Shell::Elvish => {
            let hook = include_str!("completions/grants.elv").replace("NAME", name);
            let cases = lines(&|kind, actions, json| {
                format!("        edit:complex-candidate '{json}' &display='{kind}: {actions}'\n")
            });
            format!("{script}{}", hook.replace("        TEMPLATES\n", &cases))
        }
        _ => script.to_owned(),
    }
}
