//! Development tasks: `cargo xtask help` lists them.

#![expect(clippy::print_stdout, reason = "a program for people")]

mod fixtures;
mod paths;

fn main() -> anyhow::Result<()> {
    fixtures::build()
}
