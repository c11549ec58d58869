//! The facts in records about rows other than actions: streams, policy sets, engines and keys.

use std::collections::BTreeMap;

use engine::hash::{EngineHash, FileHash, PolicyHash, RecordHash};
use engine::principal::Principal;
use engine::record::{Head, RecordKind};
use serde::Deserialize;

use crate::Receipt;
use crate::audit::life::Local;
use crate::intake::{STREAM_BEGUN, is_local};
use crate::time::parse_time;

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
    pub(super) fields: KeyFields,
    pub(super) created_at: String,
    pub(super) created_in: u64,
    pub(super) revoked_at_ms: Option<i64>,
    pub(super) last: u64,
}

/// The content of an `access` record about a key.
#[derive(Debug, Deserialize)]
pub(super) struct KeyFields {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) role: String,
    pub(super) agents: Vec<String>,
    pub(super) approver_roles: Vec<String>,
    pub(super) expires_at: Option<String>,
    /// The SHA-256 of the stored digest of the secret; records of earlier versions have none.
    pub(super) secret_commitment: Option<String>,
}

/// The parts of a record that matter here.
#[derive(Deserialize)]
struct Told {
    kind: RecordKind,
    at: String,
    in_force: Option<bool>,
    policy_hash: Option<PolicyHash>,
    engine_hash: Option<EngineHash>,
    event: Option<String>,
}

#[derive(Deserialize)]
struct Files {
    files: BTreeMap<String, FileHash>,
}

#[derive(Deserialize)]
struct Begun {
    local_stream: String,
    #[serde(flatten)]
    principal: Principal,
}

#[derive(Deserialize)]
struct OfKey {
    key: KeyFields,
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
    pub(super) fn learn(
        &mut self,
        body: &str,
        (stream, seq, record_hash): (&str, u64, RecordHash),
        place: u64,
    ) {
        if is_local(stream) {
            return;
        }
        let Ok(told) = serde_json::from_str::<Told>(body) else { return };
        match told.kind {
            RecordKind::Policy if told.in_force == Some(true) => {
                let (Some(policy_hash), Some(engine_hash)) = (told.policy_hash, told.engine_hash) else {
                    return;
                };
                let files = serde_json::from_str::<Files>(body).map(|told| told.files).unwrap_or_default();
                let receipt = Receipt { stream: stream.to_owned(), seq, record_hash };
                let at_ms = parse_time(&told.at).unwrap_or_default();
                self.policies.push(InForce { place, receipt, at_ms, policy_hash, engine_hash, files });
            }
            RecordKind::Access if told.event.as_deref() == Some(STREAM_BEGUN) => {
                if let Ok(begun) = serde_json::from_str::<Begun>(body) {
                    let owner = Owner { principal: begun.principal, seq, place };
                    self.owners.entry(begun.local_stream).or_default().push(owner);
                }
            }
            RecordKind::Access => {
                let Ok(OfKey { key }) = serde_json::from_str::<OfKey>(body) else { return };
                match told.event.as_deref() {
                    Some("key_created") => {
                        let (created_at, revoked_at_ms) = (told.at, None);
                        let key = Key { fields: key, created_at, created_in: seq, revoked_at_ms, last: seq };
                        self.keys.insert(key.fields.id.clone(), key);
                    }
                    Some("key_revoked") => {
                        if let Some(known) = self.keys.get_mut(&key.id) {
                            (known.revoked_at_ms, known.last) = (parse_time(&told.at), seq);
                        }
                    }
                    _ => {}
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
            let made_ms = parse_time(&key.created_at).unwrap_or(i64::MAX);
            // As the migration that first told keys apart: by the second.
            made_ms.div_euclid(1000).saturating_mul(1000) <= at_ms
                && key.revoked_at_ms.is_none_or(|revoked_at_ms| revoked_at_ms >= at_ms)
        };
        let named = self.keys.values().filter(|key| key.fields.name == name).filter(lives);
        named.max_by_key(|key| key.created_in).map(|key| key.fields.id.clone())
    }

    fn policy_version(&self, policy_hash: PolicyHash, place: u64) -> Option<String> {
        let before = self.policies.iter().enumerate().filter(|(_, set)| set.place < place);
        let newest = before.rev().find(|(_, set)| set.policy_hash == policy_hash);
        newest.map(|(index, _)| index.saturating_add(1).to_string())
    }
}
