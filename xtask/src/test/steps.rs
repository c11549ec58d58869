//! Runs one step after another and keeps what became of each, with the time it took.

use super::Stopped;
use crate::error::{Error, Result};
use std::time::{Duration, Instant};

pub(super) struct Steps {
    done: Vec<Step>,
}

struct Step {
    name: &'static str,
    took: Duration,
    passed: bool,
}

impl Steps {
    pub(super) fn start() -> Self {
        Self { done: Vec::new() }
    }

    /// Runs one step; says whether it passed.
    pub(super) fn run(&mut self, name: &'static str, step: impl FnOnce() -> Result<()>) -> bool {
        println!("\n==> test: {name}");
        let begun = Instant::now();
        let result = step();
        if let Err(error) = &result {
            eprintln!("error: {error}");
        }
        let passed = result.is_ok();
        self.done.push(Step { name, took: begun.elapsed(), passed });
        passed
    }

    /// Runs one step without which the following ones mean nothing.
    pub(super) fn must(
        &mut self,
        name: &'static str,
        step: impl FnOnce() -> Result<()>,
    ) -> std::result::Result<(), Stopped> {
        if self.run(name, step) { Ok(()) } else { Err(Stopped(name)) }
    }

    /// Prints a line for each step.
    ///
    /// # Errors
    /// When one of them failed.
    pub(super) fn finish(self) -> Result<()> {
        println!();
        for step in &self.done {
            let word = if step.passed { "passed" } else { "FAILED" };
            println!("  {word}  {:>6.1} s  {}", step.took.as_secs_f64(), step.name);
        }
        let failed: Vec<_> = self.done.iter().filter(|step| !step.passed).map(|step| step.name).collect();
        if failed.is_empty() { Ok(()) } else { Err(Error::new(format!("failed: {}", failed.join(", ")))) }
    }
}
