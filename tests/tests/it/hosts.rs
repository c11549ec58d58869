//! The table of hosts: which cases each of them ran, which it cannot be asked and why, and that no case is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use conformance::{cases, member};

use crate::tally::{FOLDERS, Tally};
use crate::{cli, http, native, wasmtime};

/// Fewer cases than this in a folder means that some were lost.
const FEWEST: [(&str, usize); 3] = [("decide", 415), ("canonical", 44), ("diagnostics", 165)];

#[test]
fn every_case_runs_on_every_host_that_can_be_asked() {
    let hosts: [&Tally; 4] = [&native::TALLY, &wasmtime::TALLY, &cli::TALLY, &http::TALLY];
    println!("{}", table(&hosts));
    for (folder, fewest) in FEWEST {
        let all: BTreeSet<String> = cases(folder).into_iter().map(|case| case.name).collect();
        assert!(all.len() >= fewest, "{folder} has {} cases and had {fewest}", all.len());
        for host in hosts {
            let cannot: BTreeMap<_, BTreeSet<_>> =
                host.cannot(folder).into_iter().map(|(why, names)| (why, own(names))).collect();
            assert_eq!(cannot, expected(host.host, folder), "what {} cannot be asked of {folder}", host.host);
            let left_out = cannot.into_values().flatten();
            let met: BTreeSet<_> = host.compared(folder).iter().cloned().chain(left_out).collect();
            assert_eq!(met, all, "{}: {folder}", host.host);
        }
    }
}

fn own<'n>(names: impl IntoIterator<Item = &'n str>) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

/// The cases that a host cannot be asked, told from the cases themselves or by name.
fn expected(host: &str, folder: &str) -> BTreeMap<&'static str, BTreeSet<String>> {
    let mut expected = BTreeMap::new();
    match (host, folder) {
        ("HTTP", "decide") => {
            let all = cases(folder);
            let named = |holds: &dyn Fn(&conformance::Case) -> bool| -> BTreeSet<String> {
                all.iter().filter(|case| holds(case)).map(|case| case.name.clone()).collect()
            };
            let clock = named(&|case| {
                case.policies().iter().any(|(_, text)| String::from_utf8_lossy(text).contains("time: {"))
            });
            let approval = named(&|case| {
                member(&case.content, "state").is_some_and(|state| member(state, "approval").is_some())
            });
            expected.insert(http::APPROVAL, approval.difference(&clock).cloned().collect());
            expected.insert(http::CLOCK, clock);
            expected.insert(http::TOO_LARGE, own(["json-too-large"]));
        }
        ("HTTP", "diagnostics") => {
            expected.insert(http::NOT_UTF8, own(["not-utf8", "not-utf8-utf16"]));
            expected.insert(http::TOO_LARGE, own(["too-large"]));
        }
        _ => {}
    }
    expected
}

fn table(hosts: &[&Tally]) -> String {
    let mut table = format!("{:14}", "host");
    for folder in FOLDERS {
        _ = write!(table, "{folder:>14}");
    }
    for host in hosts {
        _ = write!(table, "\n{:14}", host.host);
        for folder in FOLDERS {
            _ = write!(table, "{:>14}", host.compared(folder).len());
        }
    }
    for host in hosts {
        for folder in FOLDERS {
            for (reason, names) in host.cannot(folder) {
                _ = write!(table, "\n{} cannot be asked {} of {folder}: {reason}", host.host, names.len());
                _ = write!(table, "\n    {}", names.join(", "));
            }
        }
    }
    table
}
