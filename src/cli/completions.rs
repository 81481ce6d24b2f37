//! `completions`: completion scripts, generated from the tree of commands.

use std::io::Write;

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Args, Command};
use clap_complete::Shell;

use crate::cli::topics::TOPICS;
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::namespace::permissions::{PUBLISHED, template};
use crate::output::map_write_error;
use crate::verb::{LOCAL, Verb};

#[derive(Debug, Args)]
#[command(add = Verb { variables: &[], exit_codes: LOCAL })]
#[command(after_help = "\
Examples:
  source <({program} completions bash)     # in this shell, or in ~/.bashrc
  {program} completions bash > ~/.local/share/bash-completion/completions/{program}
  {program} completions zsh > ~/.zfunc/_{program}
  {program} completions fish > ~/.config/fish/completions/{program}.fish
  {program} completions elvish >> ~/.config/elvish/rc.elv
  {program} completions powershell | Out-String | Invoke-Expression

The directories must exist (mkdir -p). bash loads its script with the package
bash-completion, and zsh with these lines in ~/.zshrc:
  fpath=(~/.zfunc $fpath)
  autoload -U compinit && compinit

The script completes the name that this was called by: `nsc completions bash`
completes nsc. It runs no program, and so works offline and logged out. After
--grant it offers the published resource types, and replaces the only one that
matches by the JSON for it (not in PowerShell).")]
pub struct CompletionsArgs {
    /// The shell to complete in.
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// # Errors
/// Unexpected: standard output cannot be written.
pub fn run(args: &CompletionsArgs, tree: Command, ctx: &mut Context) -> Result<()> {
    let mut script = Vec::new();
    let commands: Vec<String> = tree.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    let all = commands.join(" ");
    let words = commands.into_iter().chain(TOPICS.iter().map(|topic| topic.name.to_owned())).collect();
    // The parser accepts any string for these.
    let mut tree = tree
        .mut_subcommand("help", |help| with_values(help, "words", words))
        .mut_subcommand("permissions", |permissions| with_values(permissions, "resource_type", kinds()));
    clap_complete::generate(args.shell, &mut tree, ctx.program.name(), &mut script);
    let script = String::from_utf8(script)
        .map_err(|error| Failure::unexpected("the completion script is not UTF-8").source(error))?;
    let script = with_hooks(args.shell, ctx.program.name(), &script, &all);
    map_write_error(ctx.stdout.write_all(script.as_bytes()).and_then(|()| ctx.stdout.flush()))
}

fn kinds() -> Vec<&'static str> {
    PUBLISHED.iter().map(|(kind, _)| *kind).collect()
}

fn with_values(command: Command, argument: &'static str, values: Vec<impl Into<PossibleValue>>) -> Command {
    command.mut_arg(argument, |arg| arg.value_parser(PossibleValuesParser::new(values)))
}

/// The script with completion of `--grant`: types, or the whole JSON if only one
/// type matches. fish also needs the positional words: `commands` and topics.
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
            // Before the lines that complete while the script is being loaded.
            let marker = format!("if [ \"$funcstack[1]\" = \"_{name}\" ]");
            script
                .replace(":JSON:_default'", &format!(":JSON:_{name}_grants'"))
                .replace(&marker, &format!("{hook}\n{marker}"))
        }
        Shell::Fish => {
            let hook = include_str!("completions/grants.fish").replace("NAME", name);
            let hook = hook.replace("KINDS", &kinds().join(" ")).replace("COMMANDS", commands);
            let topics: String = TOPICS.iter().map(|topic| format!(" {}", topic.name)).collect();
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
