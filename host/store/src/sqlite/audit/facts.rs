//! The facts in records about rows other than actions: streams, policy sets, engines and keys.

use std::collections::BTreeMap;

use engine::hash::{EngineHash, FileHash, PolicyHash};
use engine::principal::Principal;
use engine::record::{AccessBody, Head, KeyFacts, PolicyBody, Record, RecordBody};
use engine::time::Timestamp;

use crate::Receipt;
use crate::audit::life::Local;
use crate::intake::is_local;

/// Everything that was learned.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// The rows of streams, by their id.
    pub(super) streams: BTreeMap<i64, StreamRow>,
    /// The activated policy sets, in order.
    pub(super) policies: Vec<InForce>,
    /// The keys that were made, by id.
    pub(super) keys: BTreeMap<String, Key>,
    /// The current and earlier senders of each local stream, the newest last. Streams from before this was recorded are
    /// missing.
    pub(super) owners: BTreeMap<String, Vec<Owner>>,
}

/// A stream as its row has it.
#[derive(Debug)]
pub(super) struct StreamRow {
    /// Its end; none where that cannot be read.
    pub(super) head: Option<Head>,
    pub(super) name: String,
    pub(super) owner: Option<Principal>,
}

/// The sender of a local stream from a position on, and the record that says so.
#[derive(Debug)]
pub(super) struct Owner {
    pub(super) principal: Principal,
    pub(super) seq: u64,
    place: u64,
}

/// An activated policy set.
#[derive(Debug)]
pub(super) struct InForce {
    pub(super) place: u64,
    pub(super) receipt: Receipt,
    pub(super) at_ms: i64,
    pub(super) policy_hash: PolicyHash,
    pub(super) engine_hash: EngineHash,
    pub(super) files: BTreeMap<String, FileHash>,
}

/// A key according to `access` records.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) facts: KeyFacts,
    pub(super) created_at: Timestamp,
    pub(super) created_in: u64,
    pub(super) revoked_at_ms: Option<i64>,
    pub(super) last: u64,
}

impl Facts {
    pub(super) fn stream_name(&self, id: i64) -> Option<&str> {
        self.streams.get(&id).map(|stream| stream.name.as_str())
    }

    /// The id of the row of a stream.
    pub(super) fn stream_id(&self, name: &str) -> Option<i64> {
        self.streams.iter().find(|(_, stream)| stream.name == name).map(|(id, _)| *id)
    }

    /// The heads that are stored separately from the records.
    pub(super) fn heads(&self) -> Vec<Head> {
        self.streams.values().filter_map(|stream| stream.head.clone()).collect()
    }

    /// Adds a valid record. Only the server's own stream determines the sets in force and the keys.
    pub(super) fn learn(&mut self, record: &Record, place: u64) {
        let Record { stream, seq, record_hash, at, body, .. } = record;
        if is_local(stream) {
            return;
        }
        match body {
            RecordBody::Policy(PolicyBody::Activation(body)) if body.in_force => {
                let Some(policy_hash) = body.policy_hash else { return };
                let receipt = Receipt { stream: stream.clone(), seq: *seq, record_hash: *record_hash };
                let (engine_hash, files) = (body.engine_hash, body.files.clone());
                self.policies.push(InForce {
                    place,
                    receipt,
                    at_ms: at.ms(),
                    policy_hash,
                    engine_hash,
                    files,
                });
            }
            RecordBody::Access(AccessBody::StreamBegun(begun)) => {
                let owner = Owner { principal: begun.principal.clone(), seq: *seq, place };
                self.owners.entry(begun.local_stream.clone()).or_default().push(owner);
            }
            RecordBody::Access(AccessBody::KeyCreated(created)) => {
                let facts = created.key.clone();
                let key = Key { created_at: *at, created_in: *seq, revoked_at_ms: None, last: *seq, facts };
                self.keys.insert(key.facts.id.clone(), key);
            }
            RecordBody::Access(AccessBody::KeyRevoked(revoked)) => {
                if let Some(known) = self.keys.get_mut(&revoked.key.id) {
                    (known.revoked_at_ms, known.last) = (Some(at.ms()), *seq);
                }
            }
            _ => {}
        }
    }
}

impl Local for Facts {
    fn owner(&self, stream: &str, place: u64) -> Option<Principal> {
        if let Some(owners) = self.owners.get(stream) {
            let owner = owners.iter().rfind(|owner| owner.place < place);
            return owner.map(|owner| owner.principal.clone());
        }
        self.streams.values().find(|row| row.name == stream).and_then(|row| row.owner.clone())
    }

    fn key_named(&self, name: &str, at_ms: i64) -> Option<String> {
        let lives = |key: &&Key| {
            let made_ms = key.created_at.ms();
            // As the migration that first told keys apart: by the second.
            made_ms.div_euclid(1000).saturating_mul(1000) <= at_ms
                && key.revoked_at_ms.is_none_or(|revoked_at_ms| revoked_at_ms >= at_ms)
        };
        let named = self.keys.values().filter(|key| key.facts.name == name).filter(lives);
        named.max_by_key(|key| key.created_in).map(|key| key.facts.id.clone())
    }

    fn policy_version(&self, policy_hash: PolicyHash, place: u64) -> Option<String> {
        let before = self.policies.iter().enumerate().filter(|(_, set)| set.place < place);
        let newest = before.rev().find(|(_, set)| set.policy_hash == policy_hash);
        newest.map(|(index, _)| index.saturating_add(1).to_string())
    }
}
