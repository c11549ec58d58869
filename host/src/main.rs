//! The `faramesh` program: reads `.env`, then the arguments, and calls one command. What a command does is in
//! [`cli`].

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
