//! A server under attack, at a small size. `cargo run --release -p conformance --bin siege` does it at full size.

use std::time::Duration;

use conformance::siege::{Figures, POLICY, Plan, besiege};

use crate::process::{Server, place};

#[test]
#[cfg(target_os = "linux")]
fn attacks_without_a_key_leave_memory_and_ordinary_decisions() {
    let folder = place(&[("siege.yaml", POLICY)]);
    let server = Server::start(folder.path());
    let address = server.url.strip_prefix("http://").unwrap().parse().unwrap();
    let plan = Plan { each: 2, connections: 40, large: 24, lasts: Duration::from_secs(5), only: "" };
    let figures = besiege(address, server.process(), &server.admin, plan).unwrap();
    assert!(figures.resident_mib < 300, "{figures:?}");
    // Other tests run at the same time, so times are only held against what a stuck server would take.
    assert!(Figures::median(&figures.health) < Duration::from_secs(1), "{figures:?}");
    assert!(figures.decisions.len() > 3, "{figures:?}");
    assert!(figures.undecided <= figures.decisions.len() as u64, "{figures:?}");
    assert!(figures.answered.iter().all(|(_, answered)| *answered > 0), "{figures:?}");
}
