//! The binary, which runs `nscred::cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    nscred::cli::main(std::env::args_os().collect())
}
