//! Acknowledged records are kept: a server is killed under load again and again, on one database.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc;

use serde_json::{Value, json};

use crate::process::{Client, DEADLINE, Server, place};
use crate::records::{exported, verified};

const POLICY: &str = "\
rules:
  - { id: small, match: { tool: pay, amount_lte: 5 }, allow: true }
  - { id: rest, match: { tool: pay, amount_gt: 5 }, require_approval: true }
";
const CLIENTS: usize = 12;
/// How many acknowledged submissions a server lives to see.
const ENOUGH: usize = 300;

/// The answer to a submission.
#[derive(Debug, Clone, PartialEq)]
struct Acknowledged {
    id: String,
    outcome: Value,
    receipt: Value,
}

/// Submits under a key. The key is part of the action too, so that it can be found in the records.
fn submit(client: &Client, key: &str) -> Result<Acknowledged, ureq::Error> {
    let amount = key.len() % 2 * 10;
    let body = json!({ "agent_id": "agent-1", "tool": "pay", "params": { "amount": amount, "key": key } });
    let headers = [("idempotency-key", key)];
    let action = client.ask("POST", "/v1/actions", &headers, Some(body.to_string().as_bytes()))?.ok();
    let id = action["id"].as_str().unwrap().to_owned();
    Ok(Acknowledged { id, outcome: action["outcome"].clone(), receipt: action["receipt"].clone() })
}

/// Many clients submit until the server is killed in the middle of it. Returns the acknowledged actions, and the keys
/// of the submissions that got no answer.
fn load_and_kill(server: &mut Server, round: usize) -> (BTreeMap<String, Acknowledged>, BTreeSet<String>) {
    let (mut acknowledged, mut unanswered) = (BTreeMap::new(), BTreeSet::new());
    let client = Client::clone(server);
    let mut killed = false;
    let (told, telling) = mpsc::channel();
    std::thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (told, client) = (told.clone(), &client);
            scope.spawn(move || {
                for n in 0.. {
                    let key = format!("{round}-{number}-{n}");
                    let answer = submit(client, &key).ok();
                    let last = answer.is_none();
                    told.send((key, answer)).unwrap();
                    if last {
                        return;
                    }
                }
            });
        }
        drop(told);
        while let Ok((key, answer)) = telling.recv_timeout(DEADLINE) {
            match answer {
                Some(answer) => _ = acknowledged.insert(key, answer),
                None => _ = unanswered.insert(key),
            }
            if acknowledged.len() >= ENOUGH && !killed {
                killed = true;
                server.kill();
            }
        }
    });
    assert!(acknowledged.len() >= ENOUGH, "{} submissions were acknowledged", acknowledged.len());
    assert_eq!(unanswered.len(), CLIENTS);
    (acknowledged, unanswered)
}

#[test]
fn a_server_that_is_killed_keeps_all_that_it_acknowledged() {
    let folder = place(&[("p.yaml", POLICY)]);
    let mut server = Server::start(folder.path());
    let mut acknowledged = BTreeMap::new();
    for round in 0..3 {
        let (answered, unanswered) = load_and_kill(&mut server, round);
        acknowledged.extend(answered);
        server = Server::start(folder.path());

        // It is unknown whether these were recorded before the end. Repeating them gives one action either way.
        for key in unanswered {
            let first = submit(&server, &key).unwrap();
            assert_eq!(submit(&server, &key).unwrap(), first);
            acknowledged.insert(key, first);
        }
        for (key, answer) in &acknowledged {
            let action = server.get(&format!("/v1/actions/{}", answer.id)).ok();
            assert_eq!(action["receipt"], answer.receipt, "{key}");
            assert_eq!(action["outcome"], answer.outcome, "{key}");
            assert_eq!(action["params"]["key"], **key);
        }
        let again = acknowledged.first_key_value().unwrap();
        assert_eq!(submit(&server, again.0).unwrap(), *again.1);

        let records = exported(&server, folder.path());
        let head = verified(&records);
        let heads = server.get_as_admin("/v1/records/heads").ok();
        assert_eq!(
            heads["heads"],
            json!([{ "record_hash": head.record_hash, "size": head.size, "stream": head.stream }])
        );
        let mut keys = BTreeSet::new();
        for record in records.iter().filter(|record| record["kind"] == "decision") {
            let key = record["action"]["params"]["key"].as_str().unwrap();
            assert!(keys.insert(key.to_owned()), "`{key}` was decided twice");
            let answer = &acknowledged[key];
            assert_eq!(record["action_id"], *answer.id);
            assert_eq!(record["decision"]["outcome"], answer.outcome);
            for part in ["stream", "seq", "record_hash"] {
                assert_eq!(record[part], answer.receipt[part], "{part} of `{key}`");
            }
        }
        assert_eq!(keys.into_iter().collect::<Vec<_>>(), acknowledged.keys().cloned().collect::<Vec<_>>());
    }
}
