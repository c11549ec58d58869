//! Prints the JSON Schema of the policy language: `cargo xtask codegen` keeps it in `policies/policy.schema.json`.
//!
//! The content comes from the tables of the reader; nothing is added here.

#![expect(clippy::disallowed_macros, reason = "a program whose only work is to print")]

use std::process::ExitCode;

fn main() -> ExitCode {
    match engine::policy::schema::policy() {
        Ok(schema) => {
            println!("{schema}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}
