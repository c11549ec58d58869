//! `cargo run --release -p conformance --bin siege -- PROGRAM [SECONDS [ATTACK]]`: attacks its own server at full size,
//! six of each attack at once, prints the results, and fails if they are worse than promised.
#![allow(clippy::print_stdout, reason = "it prints figures")]

use std::io::{BufRead as _, BufReader};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use conformance::siege::{Figures, POLICY, Plan, besiege};

/// The promises: the most memory, and the median time of `/health`.
const MOST_MIB: u64 = 300;
const HEALTH: Duration = Duration::from_millis(50);

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("the siege failed: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> std::io::Result<bool> {
    let mut arguments = std::env::args().skip(1);
    let missing = || std::io::Error::other("name the program: target/release/faramesh");
    let program = std::path::absolute(arguments.next().ok_or_else(missing)?)?;
    let seconds = arguments.next().and_then(|seconds| seconds.parse().ok()).unwrap_or(30);
    let only: &'static str = arguments.next().map_or("", |attack| attack.leak());
    let folder = tempfile::tempdir()?;
    std::fs::create_dir(folder.path().join("policies"))?;
    std::fs::write(folder.path().join("policies/siege.yaml"), POLICY)?;
    let mut server = Command::new(program)
        .args(["server", "start", "--port", "0"])
        .env("FARAMESH_LOG", "error")
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .spawn()?;
    let said = server
        .stdout
        .take()
        .map(BufReader::new)
        .into_iter()
        .flat_map(|out| out.lines().map_while(Result::ok));
    let mut listening =
        said.filter_map(|line| line.trim().strip_prefix("listening  http://").map(str::to_owned));
    let address = listening.next().and_then(|address| address.parse().ok());
    let result = match address {
        None => Err(std::io::Error::other("the server does not say where it listens")),
        Some(address) => {
            let key = std::fs::read_to_string(folder.path().join(".faramesh/admin.key"))?;
            let plan =
                Plan { each: 6, connections: 400, large: 200, lasts: Duration::from_secs(seconds), only };
            besiege(address, server.id(), key.trim(), plan)
        }
    };
    server.kill()?;
    server.wait()?;
    let figures = result?;
    let median = Figures::median(&figures.health);
    println!("resident, at most      {} MiB", figures.resident_mib);
    println!("/health, median        {median:?} of {}", figures.health.len());
    println!("/health, worst         {:?}", figures.health.last().copied().unwrap_or_default());
    println!(
        "a decision, median     {:?} of {}",
        Figures::median(&figures.decisions),
        figures.decisions.len()
    );
    println!("a decision, worst      {:?}", figures.decisions.last().copied().unwrap_or_default());
    println!("decisions not answered {}", figures.undecided);
    for (attack, answered) in &figures.answered {
        println!("  {attack}: {answered}");
    }
    Ok(figures.resident_mib < MOST_MIB && median < HEALTH && !figures.decisions.is_empty())
}
