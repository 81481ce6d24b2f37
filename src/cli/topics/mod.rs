//! The topics of `help`: explanations that belong to no single command.

use crate::cli::environment::{VARIABLES, Variable, variable_lines};
use crate::error::{EXIT_CODES, ExitCode};

pub struct Topic {
    pub name: &'static str,
    pub about: &'static str,
    text: fn() -> String,
}

pub static TOPICS: [Topic; 4] = [
    Topic {
        name: "credentials",
        about: "where they are read from, and what they look like",
        text: || include_str!("credentials.txt").to_owned(),
    },
    Topic { name: "environment", about: "all variables that are read", text: environment },
    Topic { name: "exit-codes", about: "what they mean to a script", text: exit_codes },
    Topic {
        name: "output",
        about: "tables, JSON and filters, and what goes where",
        text: || include_str!("output.txt").to_owned(),
    },
];

impl Topic {
    pub fn find(name: &str) -> Option<&'static Self> {
        TOPICS.iter().find(|topic| topic.name == name)
    }

    pub fn text(&self) -> String {
        (self.text)()
    }
}

fn environment() -> String {
    let all: Vec<&Variable> = VARIABLES.iter().collect();
    format!("Environment variables (one that is set to nothing counts as unset):\n{}", variable_lines(&all))
}

fn exit_codes() -> String {
    let all: Vec<&ExitCode> = EXIT_CODES.iter().collect();
    format!("Exit codes:\n{}\n{}", exit_code_lines(&all), include_str!("exit-codes.txt"))
}

/// A line for each: code and meaning.
pub fn exit_code_lines(codes: &[&ExitCode]) -> String {
    codes.iter().map(|row| format!("  {:<4} {}\n", row.code, row.meaning)).collect()
}
