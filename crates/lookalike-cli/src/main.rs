//! The program `lookalike`.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    lookalike_cli::main()
}
