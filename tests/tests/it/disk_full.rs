//! A full disk, simulated by a limit on the size of files: an action that cannot be recorded halts, and acknowledged
//! records stay.
#![cfg(unix)]

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::process::{Reply, SERVE, Server, faramesh_with_small_files, place, until};
use crate::records::{exported, verified};

const POLICY: &str = "rules:\n  - { id: all, match: { tool: note }, allow: true }\n";
/// 1 MiB, or 2 where the shell counts in larger blocks: room for a start and some hundred actions.
const BLOCKS: u32 = 2048;
/// More than fit.
const MANY: usize = 2000;

fn submit(server: &Server, n: usize) -> Result<Reply, ureq::Error> {
    let action =
        json!({ "agent_id": "agent-1", "tool": "note", "params": { "n": n, "text": "x".repeat(8192) } });
    server.ask("POST", "/v1/actions", &[], Some(action.to_string().as_bytes()))
}

#[track_caller]
fn halted(reply: &Reply) {
    let problem = reply.value();
    assert_eq!((reply.status, &problem["code"]), (503, &json!("store_failure")));
    assert_eq!((&problem["outcome"], &problem["reason_code"]), (&json!("HALT"), &json!("store_failure")));
}

#[test]
fn a_full_disk_halts_and_loses_nothing() {
    let folder = place(&[("p.yaml", POLICY)]);
    let limited = faramesh_with_small_files(BLOCKS, folder.path(), &SERVE);
    let mut server = Server::of(limited, folder.path());
    let mut acknowledged: BTreeMap<usize, Value> = BTreeMap::new();
    // Space can return for a while, when the log's content has moved into the database.
    let mut refused = Vec::new();
    for n in 0..MANY {
        let reply = submit(&server, n).unwrap_or_else(|error| {
            panic!("{error} at {n}; the server ended with {:?}", until("the server's end", || server.ended()))
        });
        if reply.status == 200 {
            acknowledged.insert(n, reply.value());
        } else {
            halted(&reply);
            refused.push(n);
        }
        if refused.len() == 20 {
            break;
        }
    }
    assert_eq!(refused.len(), 20, "the limit was never reached");
    assert!(acknowledged.len() > 10, "only {} actions fit", acknowledged.len());
    assert_eq!(server.ended(), None);
    assert_eq!(server.get("/health").status, 200);
    for action in acknowledged.values() {
        let now = server.get(&format!("/v1/actions/{}", action["id"].as_str().unwrap())).ok();
        assert_eq!(now["receipt"], action["receipt"]);
    }
    server.stop();

    let server = Server::start(folder.path());
    assert_eq!(submit(&server, MANY).unwrap().status, 200);
    let records = exported(&server, folder.path());
    verified(&records);
    let by_number: BTreeMap<u64, &Value> = records
        .iter()
        .filter(|record| record["kind"] == "decision")
        .map(|record| (record["action"]["params"]["n"].as_u64().unwrap(), record))
        .collect();
    let expected: Vec<_> = acknowledged.keys().map(|n| *n as u64).chain([MANY as u64]).collect();
    assert_eq!(by_number.keys().copied().collect::<Vec<_>>(), expected, "decisions on record");
    for (n, action) in acknowledged {
        let record = by_number[&(n as u64)];
        for part in ["stream", "seq", "record_hash"] {
            assert_eq!(record[part], action["receipt"][part], "{part} of {n}");
        }
    }
}
