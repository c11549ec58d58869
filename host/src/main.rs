//! The `faramesh` program: reads `.env`, then the arguments, and calls one command. What a command does is in
//! [`cli`].

mod cli;

use std::process::ExitCode;

/// Deciding and recording make many small texts, which this allocator hands out in about half the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
