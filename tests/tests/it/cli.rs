//! The corpus through the command line: the real program prints the same bytes, and ends with the outcome.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use conformance::native::{self, canonical};
use conformance::tally::{FOLDERS, Tally, Tried, differs};
use conformance::{Case, cases};
use engine::decision::Outcome;
use serde_json::json;

use crate::process::{Run, faramesh, run};

pub(crate) static TALLY: LazyLock<Tally> = LazyLock::new(|| {
    let mut tally = Tally::empty("command line");
    let folder = tempfile::tempdir().unwrap();
    for group in groups(cases("decide")) {
        for (case, found) in decisions_of(folder.path(), &group) {
            tally.add(FOLDERS[0], &case.name, Tried::Compared(found));
        }
    }
    for (case, found) in hashes(folder.path(), &cases("canonical")) {
        tally.add(FOLDERS[1], &case, Tried::Compared(found));
    }
    for case in cases("diagnostics") {
        tally.add(FOLDERS[2], &case.name, Tried::Compared(diagnostics(folder.path(), &case)));
    }
    tally
});

/// Cases with the same policies and the same state, which one process can decide.
fn groups(all: Vec<Case>) -> Vec<Vec<Case>> {
    let mut groups: BTreeMap<_, Vec<Case>> = BTreeMap::new();
    for case in all {
        // A line is trimmed and cannot hold another, so other actions go in files of their own.
        let alone = if is_line(&case.action()) { String::new() } else { case.name.clone() };
        groups.entry((case.policies(), case.state(), alone)).or_default().push(case);
    }
    groups.into_values().collect()
}

fn is_line(action: &[u8]) -> bool {
    !action.is_empty() && !action.contains(&b'\n') && action.trim_ascii() == action
}

/// Writes the policies of a case into an empty folder `policies`.
fn write_policies(folder: &Path, case: &Case) {
    let policies = folder.join("policies");
    _ = fs::remove_dir_all(&policies);
    fs::create_dir(&policies).unwrap();
    for (name, bytes) in case.policies() {
        fs::write(policies.join(name), bytes).unwrap();
    }
}

/// Writes actions into one file and gives its name: a document a line where there are many.
fn write_actions(folder: &Path, actions: &[Vec<u8>]) -> &'static str {
    let (name, bytes) = match actions {
        [one] => ("action.json", one.clone()),
        many => ("actions.jsonl", many.join(&b'\n')),
    };
    fs::write(folder.join(name), bytes).unwrap();
    name
}

fn decisions_of<'c>(folder: &Path, group: &'c [Case]) -> Vec<(&'c Case, Vec<String>)> {
    write_policies(folder, &group[0]);
    let actions = write_actions(folder, &group.iter().map(Case::action).collect::<Vec<_>>());
    let mut arguments = vec!["policy", "decide", "--policies", "policies", "--action", actions, "-o", "json"];
    let state = group[0].state();
    if !state.is_empty() {
        fs::write(folder.join("state.json"), state).unwrap();
        arguments.extend(["--state", "state.json"]);
    }
    let run = run(faramesh(folder, &arguments));
    let answers: Vec<_> = group.iter().map(native::answer).collect();
    let strictest = answers.iter().map(|answer| answer.decision.outcome).max().unwrap();
    let whole = ended(&run, exit(strictest), group.len());
    let lines = run.out.split_terminator('\n').map(Some).chain(std::iter::repeat(None));
    let compare = |((case, answer), line): ((&'c Case, &engine::decided::Decided), Option<&str>)| {
        let expected = canonical(&answer.decision);
        let differs = differs("decision", &expected, line.unwrap_or("no line"));
        (case, whole.iter().cloned().chain(differs).collect())
    };
    group.iter().zip(&answers).zip(lines).map(compare).collect()
}

fn exit(outcome: Outcome) -> i32 {
    match outcome {
        Outcome::Execute => 0,
        Outcome::Abstain => 3,
        Outcome::Halt => 1,
    }
}

/// The faults of a run as a whole.
fn ended(run: &Run, code: i32, lines: usize) -> Vec<String> {
    let mut found = Vec::new();
    found.extend(differs("exit code", &format!("{:?}", Some(code)), &format!("{:?}", run.code)));
    found.extend(differs("standard error", "", &run.err));
    if run.out.matches('\n').count() != lines || !run.out.ends_with('\n') {
        found.push(format!("expected {lines} lines, each with its line break, found {:?}", run.out));
    }
    found
}

fn hashes(folder: &Path, all: &[Case]) -> Vec<(String, Vec<String>)> {
    let (lines, alone): (Vec<&Case>, Vec<&Case>) = all.iter().partition(|case| is_line(&case.action()));
    let mut found = Vec::new();
    for group in std::iter::once(lines).chain(alone.into_iter().map(|case| vec![case])) {
        let actions: Vec<_> = group.iter().map(|case| case.action()).collect();
        let run = run(faramesh(folder, &["actions", "hash", write_actions(folder, &actions), "-o", "json"]));
        let whole = ended(&run, 0, group.len());
        let lines = run.out.split_terminator('\n').map(Some).chain(std::iter::repeat(None));
        for (case, line) in group.into_iter().zip(lines) {
            // The form is a text, so that its bytes are the ones that were hashed.
            let (canonical, request_hash) = native::canonicalized(case);
            let expected = json!({ "canonical": canonical, "request_hash": request_hash }).to_string();
            let differs = differs("answer", &expected, line.unwrap_or("no line"));
            found.push((case.name.clone(), whole.iter().cloned().chain(differs).collect()));
        }
    }
    found
}

fn diagnostics(folder: &Path, case: &Case) -> Vec<String> {
    write_policies(folder, case);
    let run = run(faramesh(folder, &["policy", "check", "policies", "-o", "json"]));
    let (set, mut given) = native::load(case);
    for diagnostic in &mut given {
        // The program names files as they were named to it.
        diagnostic.file = Path::new("policies").join(&diagnostic.file).display().to_string();
    }
    let expected = serde_json::to_value(&given).unwrap();
    let code = i32::from(set.is_none());
    [
        differs("exit code", &format!("{:?}", Some(code)), &format!("{:?}", run.code)),
        differs("standard error", "", &run.err),
        differs("diagnostics", &format!("{expected:#}\n"), &run.out),
    ]
    .into_iter()
    .flatten()
    .collect()
}

corpus_tests!(TALLY);
