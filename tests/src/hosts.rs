//! The hosts: which of them must have compared which cases, and the table of all.
//!
//! How each host is asked is in `tests/it/` for those that Rust can start, and in the folders of the others.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::tally::{FOLDERS, Tally};
use crate::{Case, cases, member};

/// The hosts that the Rust tests ask.
pub const RUST: [&str; 4] = ["native", "wasmtime", "command line", "HTTP"];
/// The hosts with a runner in their own language.
pub const OTHERS: [&str; 4] = ["Node", "workerd", "Chromium", "Python"];

/// Fewer cases than this in a folder means that some were lost.
const FEWEST: [(&str, usize); 3] = [("decide", 415), ("canonical", 44), ("diagnostics", 165)];

/// Why a server cannot be asked a case.
pub const CLOCK: &str = "its policies read the time, and the server has a clock of its own";
/// Why a server cannot be asked a case.
pub const APPROVAL: &str = "its state holds an approval, which a server takes from people only";
/// Why a server cannot be asked a case.
pub const TOO_LARGE: &str = "its body is over the limit of a request, so it is refused and not decided";
/// Why a server cannot be asked a case.
pub const NOT_UTF8: &str = "its policy is not UTF-8, which no text in JSON can hold";

/// The faults in the tally of a host: cases that it lost, that it left out without a reason, or that differ.
///
/// # Panics
/// When a case cannot be read.
pub fn findings(tally: &Tally) -> Vec<String> {
    let host = &tally.host;
    let mut found = Vec::new();
    for (folder, fewest) in FEWEST {
        let all: BTreeSet<String> = cases(folder).into_iter().map(|case| case.name).collect();
        if all.len() < fewest {
            found.push(format!("{folder} has {} cases and had {fewest}", all.len()));
        }
        let cannot: BTreeMap<_, BTreeSet<_>> =
            tally.cannot(folder).into_iter().map(|(why, names)| (why, own(names))).collect();
        let expected = cannot_be_asked(host, folder);
        if cannot != expected {
            found
                .push(format!("{host} leaves out {cannot:?} of {folder}, and should leave out {expected:?}"));
        }
        let compared = tally.compared(folder);
        let met: BTreeSet<_> = compared.iter().cloned().chain(cannot.into_values().flatten()).collect();
        let missing: Vec<_> = all.difference(&met).map(String::as_str).collect();
        if !missing.is_empty() {
            found.push(format!(
                "{host} has not compared {} of {folder}: {}",
                missing.len(),
                missing.join(", ")
            ));
        }
        let unknown: Vec<_> = met.difference(&all).map(String::as_str).collect();
        if !unknown.is_empty() {
            found.push(format!("{host} has compared what is not in {folder}: {}", unknown.join(", ")));
        }
    }
    for difference in &tally.differences {
        found.push(format!("{host}: {}/{}:\n    {}", difference.folder, difference.name, difference.told));
    }
    found
}

fn own<'n>(names: impl IntoIterator<Item = &'n str>) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

/// The cases that a host cannot be asked, told from the cases themselves or by name.
fn cannot_be_asked(host: &str, folder: &str) -> BTreeMap<&'static str, BTreeSet<String>> {
    let mut expected = BTreeMap::new();
    match (host, folder) {
        ("HTTP", "decide") => {
            let all = cases(folder);
            let named = |holds: &dyn Fn(&Case) -> bool| -> BTreeSet<String> {
                all.iter().filter(|case| holds(case)).map(|case| case.name.clone()).collect()
            };
            let clock = named(&|case| {
                case.policies().iter().any(|(_, text)| String::from_utf8_lossy(text).contains("time: {"))
            });
            let approval = named(&|case| {
                member(&case.content, "state").is_some_and(|state| member(state, "approval").is_some())
            });
            expected.insert(APPROVAL, approval.difference(&clock).cloned().collect());
            expected.insert(CLOCK, clock);
            expected.insert(TOO_LARGE, own(["json-too-large"]));
        }
        ("HTTP", "diagnostics") => {
            expected.insert(NOT_UTF8, own(["not-utf8", "not-utf8-utf16"]));
            expected.insert(TOO_LARGE, own(["too-large"]));
        }
        _ => {}
    }
    expected
}

/// How many cases of each folder every host compared, and the cases that it cannot run.
pub fn table(hosts: &[&Tally]) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally::Tried;

    #[test]
    fn a_case_that_a_host_lost_leaves_out_or_answers_differently_is_found() {
        let all = || Tally::of("Node", |_, _| Tried::Compared(Vec::new()));
        assert_eq!(findings(&all()), Vec::<String>::new());

        let mut lost = all();
        let name = lost.compared.get_mut("canonical").and_then(Vec::pop).unwrap_or_default();
        assert_eq!(findings(&lost), [format!("Node has not compared 1 of canonical: {name}")]);

        let mut left_out = lost.clone();
        left_out.add("canonical", &name, Tried::Cannot("it does not want to"));
        assert_eq!(findings(&left_out).len(), 1, "{:?}", findings(&left_out));

        let mut invented = all();
        invented.add("decide", "not-a-case", Tried::Compared(Vec::new()));
        assert_eq!(findings(&invented), ["Node has compared what is not in decide: not-a-case"]);

        lost.add("canonical", &name, Tried::Compared(vec!["canonical: expected a, found b".to_owned()]));
        assert_eq!(findings(&lost).len(), 1, "{:?}", findings(&lost));
    }
}
