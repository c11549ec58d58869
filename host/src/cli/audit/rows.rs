//! The rows of actions in a database against their records: that nobody edited what is shown and left the chain.

use std::collections::HashMap;

use engine::action::Action;
use engine::decision::Outcome;
use engine::hash::Digest;
use engine::lifecycle::{Event, Status};
use host::store::intake::is_local;
use host::store::{ActionRow, Receipt};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::chain::Problem;

/// What the records say of an action.
#[derive(Debug, Clone)]
struct Facts {
    status: Option<Status>,
    action: Digest,
    decision: Digest,
    request_hash: Option<String>,
    receipt: Receipt,
}

/// The parts of a record that move an action.
#[derive(Debug, Deserialize)]
struct Move<'a> {
    action_id: Option<String>,
    kind: String,
    #[serde(borrow)]
    action: Option<&'a RawValue>,
    #[serde(borrow)]
    decision: Option<&'a RawValue>,
    success: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Decided {
    outcome: Outcome,
    request_hash: Option<String>,
}

/// What the records say of all actions.
#[derive(Debug, Default)]
pub(crate) struct Lives {
    facts: HashMap<String, Facts>,
}

impl Lives {
    /// Takes in a record that is right.
    pub(crate) fn record(&mut self, body: &str, receipt: Receipt) {
        // What is right was read by the engine, so this reads it too.
        let Ok(record) = serde_json::from_str::<Move<'_>>(body) else { return };
        let Some(id) = record.action_id else { return };
        let known = self.facts.get(&id).is_some_and(|facts| facts.receipt.stream == receipt.stream);
        if record.action.is_none() && is_local(&receipt.stream) && !known {
            // A wrapper may name what it could not read in any way, also like an action of another stream. There is no
            // action of that name, and what is known of another is not touched.
            return;
        }
        let digest = |raw: Option<&RawValue>| Digest::of(raw.map_or("null", RawValue::get).as_bytes());
        let decided = record.decision.and_then(|raw| serde_json::from_str::<Decided>(raw.get()).ok());
        let facts = self.facts.entry(id).or_insert_with(|| Facts {
            status: None,
            action: digest(record.action),
            decision: digest(record.decision),
            request_hash: None,
            receipt: receipt.clone(),
        });
        if record.decision.is_some() {
            facts.decision = digest(record.decision);
        }
        if let Some(hash) = decided.as_ref().and_then(|decided| decided.request_hash.clone()) {
            facts.request_hash = Some(hash);
        }
        facts.receipt = receipt;
        facts.status = match (record.kind.as_str(), decided) {
            // What a wrapper held is decided again in a record of the same kind.
            ("decision", Some(decided)) => match facts.status {
                Some(Status::PendingApproval) => {
                    Status::PendingApproval.after(Event::Resolve(decided.outcome))
                }
                _ => Some(Status::submitted(decided.outcome)),
            },
            ("approval" | "expiry", Some(decided)) => Some(match decided.outcome {
                Outcome::Execute => Status::Approved,
                Outcome::Abstain => Status::PendingApproval,
                Outcome::Halt => Status::Denied,
            }),
            ("start", _) => Some(Status::Executing),
            ("result", _) => Some(match record.success {
                Some(true) => Status::Succeeded,
                Some(false) => Status::Failed,
                None => Status::Timeout,
            }),
            _ => facts.status,
        };
    }

    /// What is wrong with a row, if anything.
    pub(crate) fn compare(&self, row: &ActionRow) -> Option<Problem> {
        let wrong = |message: String| {
            Some(Problem {
                stream: row.receipt.stream.clone(),
                seq: Some(row.receipt.seq),
                kind: None,
                action_id: Some(row.id.clone()),
                problem: "row",
                message,
            })
        };
        let Some(facts) = self.facts.get(&row.id) else {
            return wrong(format!("the action {} has no record", row.id));
        };
        let Facts { receipt: last, .. } = facts;
        if *last != row.receipt {
            let message =
                format!("the action {} names record {}, its last is {}", row.id, row.receipt.seq, last.seq);
            return wrong(message);
        }
        if facts.status != Some(row.status) {
            let recorded = facts.status.map_or("nothing", Status::as_str);
            let message =
                format!("the action {} is `{}`, its records say `{recorded}`", row.id, row.status.as_str());
            return wrong(message);
        }
        if facts.decision != Digest::of(row.decision.json.get().as_bytes()) {
            return wrong(format!("the decision of the action {} is not the recorded one", row.id));
        }
        let decided = serde_json::from_str::<Decided>(row.decision.json.get()).ok();
        if decided.is_none_or(|decided| decided.outcome != row.decision.outcome) {
            return wrong(format!("the outcome of the action {} is not the one of its decision", row.id));
        }
        if facts.action != Digest::of(row.action.get().as_bytes()) {
            return wrong(format!("the action {} is not the recorded one", row.id));
        }
        let action = Action::parse_canonical(row.action.get().as_bytes()).ok();
        let hash = action.as_ref().map(|action| action.request_hash().to_string());
        if hash != facts.request_hash {
            return wrong(format!("the action {} is not what its `request_hash` says", row.id));
        }
        let names = action.map(|action| {
            (action.agent_id().to_owned(), action.tool().to_owned(), action.operation().to_owned())
        });
        if names != Some((row.agent_id.clone(), row.tool.clone(), row.operation.clone())) {
            return wrong(format!("the action {} is listed under another agent or tool", row.id));
        }
        None
    }

    /// The actions with records that are not among `rows`.
    pub(crate) fn without_row(&self, rows: &std::collections::HashSet<String>) -> Vec<Problem> {
        // What a wrapper holds is no action of the server's as long as nobody has answered for it.
        let elsewhere =
            |facts: &Facts| is_local(&facts.receipt.stream) && facts.status == Some(Status::PendingApproval);
        let missing = self.facts.iter().filter(|(id, facts)| !rows.contains(*id) && !elsewhere(facts));
        let mut missing: Vec<_> = missing.collect();
        missing.sort_by_key(|(_, facts)| facts.receipt.seq);
        missing
            .into_iter()
            .map(|(id, facts)| Problem {
                stream: facts.receipt.stream.clone(),
                seq: Some(facts.receipt.seq),
                kind: None,
                action_id: Some(id.clone()),
                problem: "row",
                message: format!("the action {id} has records and was removed from the list of actions"),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt(stream: &str, seq: u64) -> Receipt {
        Receipt { stream: stream.to_owned(), seq, record_hash: engine::hash::RecordHash::ZERO }
    }

    #[test]
    fn what_a_wrapper_could_not_read_says_nothing_of_an_action_of_the_same_name() {
        const ACTION: &str =
            r#"{"action":{},"action_id":"a","decision":{"outcome":"EXECUTE"},"kind":"decision"}"#;
        const UNREADABLE: &str =
            r#"{"action":null,"action_id":"a","decision":{"outcome":"HALT"},"kind":"decision"}"#;
        // Streams are read one after the other, so either may come first.
        for first in [false, true] {
            let mut lives = Lives::default();
            if first {
                lives.record(UNREADABLE, receipt("local-other", 1));
            }
            lives.record(ACTION, receipt("local-wrapper", 1));
            if !first {
                lives.record(UNREADABLE, receipt("local-other", 1));
            }
            let facts = &lives.facts["a"];
            assert_eq!((facts.status, &facts.receipt), (Some(Status::Allowed), &receipt("local-wrapper", 1)));
            assert_eq!(facts.decision, Digest::of(br#"{"outcome":"EXECUTE"}"#));
        }
    }
}
