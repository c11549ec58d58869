//! All automation of this repository: `cargo xtask COMMAND`.
//!
//! Each command has its own file. It says in one line what it is about to do, and is quick when there is nothing to do.
//! Nothing here is part of the product: everything for users is in `host`.

use std::process::ExitCode;

mod bench;
mod book;
mod build;
mod codegen;
mod dashboard;
mod dist;
mod error;
mod links;
mod process;
mod test;
mod tidy;
mod toolchain;
mod tools;
mod up;
mod wasm;
mod workspace;

use error::{Error, Result};
use workspace::Workspace;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  up [-- ARGS]              build when something changed, then run `faramesh server start ARGS`
  test [rust|python|js|e2e|lint]
                            check everything CI checks, or one part of it
       [--long]             with 100,000 cases for each property
  build                     build the engine module and the release binary, target/release/faramesh
  wasm                      build target/engine/engine.wasm
       --check-reproducible and show that another folder gives the same bytes
  dashboard                 build target/dashboard, which the server serves at /ui
       --dev                quicker, larger and slower, for working on it
  dist                      build what a release consists of, target/dist: archive, wheel, npm package, SBOM, sums
       --check              and install and use each of them
  conformance               run the corpus on every host and print the table of them
  codegen                   write what other languages need to know of the Rust types
       --check              or only say whether it is up to date
  book                      build the documentation as a site, target/book/html, and follow its links
  tidy                      check the rules of this repository that no compiler knows
  bench [-- ARGS]           measure the engine and the floor it stands on
  bench peers [-- ARGS]     measure it in Node, beside other policy engines
  bench worker              measure how long a Worker takes to its first decision
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let Some((command, rest)) = arguments.split_first() else {
        return Err(Error::new(format!("no command was given\n\n{USAGE}")));
    };
    if matches!(command.as_str(), "help" | "--help" | "-h") {
        print!("{USAGE}");
        return Ok(());
    }
    let workspace = Workspace::find()?;
    match (command.as_str(), rest) {
        ("bench", [peers, rest @ ..]) if peers == "peers" => bench::peers(&workspace, after_dashes(rest)),
        ("bench", [worker]) if worker == "worker" => bench::worker(&workspace),
        ("bench", rest) => bench::run(&workspace, after_dashes(rest)),
        ("book", []) => book::run(&workspace),
        ("build", []) => build::run(&workspace),
        ("codegen", []) => codegen::run(&workspace, false),
        ("codegen", [flag]) if flag == "--check" => codegen::run(&workspace, true),
        ("conformance", []) => test::conformance(&workspace),
        ("test", rest) => test::run(&workspace, test::Options::parse(rest)?),
        ("dashboard", []) => dashboard::run(&workspace, dashboard::Profile::Release),
        ("dashboard", [flag]) if flag == "--dev" => dashboard::run(&workspace, dashboard::Profile::Dev),
        ("dist", []) => dist::run(&workspace),
        ("dist", [flag]) if flag == "--check" => dist::run(&workspace).and_then(|()| dist::check(&workspace)),
        ("tidy", []) => tidy::run(&workspace),
        ("up", rest) => up::run(&workspace, after_dashes(rest)),
        ("wasm", []) => wasm::run(&workspace),
        ("wasm", [flag]) if flag == "--check-reproducible" => wasm::check_reproducible(&workspace),
        (
            "book" | "build" | "codegen" | "conformance" | "dashboard" | "dist" | "tidy" | "wasm",
            [unknown, ..],
        ) => Err(Error::new(format!("`cargo xtask {command}` does not know `{unknown}`\n\n{USAGE}"))),
        _ => Err(Error::new(format!("there is no command `{command}`\n\n{USAGE}"))),
    }
}

/// The arguments meant for the program that a command starts; the `--` before them may be left out.
fn after_dashes(arguments: &[String]) -> &[String] {
    match arguments.split_first() {
        Some((first, rest)) if first == "--" => rest,
        _ => arguments,
    }
}
