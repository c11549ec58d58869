//! The records of a server, exported by the program and checked as an auditor would.

use std::fs;
use std::path::Path;

use engine::chain::Verifier;
use engine::record::Head;
use serde_json::Value;

use crate::process::{Client, faramesh, run};

/// All records, in order, as they are kept.
pub(crate) struct Records(Vec<(String, Value)>);

impl Records {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Value> {
        self.0.iter().map(|(_, record)| record)
    }
}

/// The output of `faramesh audit export`, asked of a running server.
pub(crate) fn exported(server: &Client, folder: &Path) -> Records {
    let mut export = faramesh(folder, &["audit", "export", "--out", "export.jsonl", "--url", &server.url]);
    export.env("FARAMESH_API_KEY", &server.admin);
    let run = run(export);
    assert_eq!(run.code, Some(0), "{}", run.err);
    let text = fs::read_to_string(folder.join("export.jsonl")).unwrap();
    Records(text.lines().map(|line| (line.to_owned(), serde_json::from_str(line).unwrap())).collect())
}

/// Checks that the records are one unbroken chain, from 0 on without a gap, and gives its head.
#[track_caller]
pub(crate) fn verified(records: &Records) -> Head {
    let stream = records.0[0].1["stream"].as_str().unwrap();
    let mut verifier = Verifier::new(stream);
    for (seq, (line, record)) in records.0.iter().enumerate() {
        verifier.next(line.as_bytes()).unwrap();
        assert_eq!(record["seq"], seq);
    }
    verifier.head().clone()
}
