//! The hosts that Rust can start: which cases each of them ran, and that no case is missing.
//!
//! Each leaves its tally in `target/hosts/`, where `cargo run -p conformance --bin hosts` compares it with the others.

use conformance::hosts::{RUST, findings, table};
use conformance::tally::Tally;

use crate::{cli, http, native, wasmtime};

#[test]
fn every_case_runs_on_every_host_that_can_be_asked() {
    let hosts: [&Tally; 4] = [&native::TALLY, &wasmtime::TALLY, &cli::TALLY, &http::TALLY];
    println!("{}", table(&hosts));
    assert_eq!(hosts.map(|host| host.host.as_str()), RUST);
    for host in hosts {
        host.write().unwrap();
        assert_eq!(findings(host), Vec::<String>::new());
    }
}
