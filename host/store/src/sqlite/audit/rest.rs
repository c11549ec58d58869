//! The rows that hang on no action: streams, policy sets and their files, engines, keys.

use std::collections::{BTreeMap, BTreeSet};

use engine::hash::{Digest, EngineHash, FileHash};
use engine::principal::Principal;
use engine::record::Head;
use rusqlite::types::Value;

use super::facts::{Key, Owner, StreamRow};
use super::{Check, Columns, Expected, difference, integer, of_option, of_text, text};
use crate::StoreError;
use crate::audit::Finding;
use crate::intake::is_local;
use crate::sqlite::rows::{self, json, signed, unsigned};
use crate::time::parse_time;

impl Check<'_> {
    /// Reads the rows of streams. Their ends are compared once the records are read.
    pub(super) fn streams(&mut self) -> Result<(), StoreError> {
        for found in self.all("SELECT * FROM streams ORDER BY id")? {
            let name = text(&found, "stream").to_owned();
            let record_hash = text(&found, "record_hash").parse().ok();
            let head = record_hash.map(|record_hash| Head {
                stream: name.clone(),
                size: unsigned(integer(&found, "size")),
                record_hash,
            });
            let label = format!("stream `{name}`");
            if head.is_none() {
                self.add(Finding::row(&label, "its record_hash is no hash"));
            }
            let text_of = |column: &str| match found.get(column) {
                Some(Value::Text(text)) => Some(text.clone()),
                _ => None,
            };
            let owner = text_of("owner").map(|name| rows::principal(name, text_of("owner_key_id")));
            let same = |column: &'static str| {
                Expected::new(column, found.get(column).cloned().unwrap_or(Value::Null), 0)
            };
            // Each is compared with the chain.
            let expected = [
                same("id"),
                same("stream"),
                same("size"),
                same("record_hash"),
                same("owner"),
                same("owner_key_id"),
            ];
            if let Some(message) = difference(&found, &expected) {
                self.add(Finding::row(label, message));
            }
            self.facts.streams.insert(integer(&found, "id"), StreamRow { head, name, owner });
        }
        Ok(())
    }

    /// Compares who brings each stream with the record of its beginning.
    pub(super) fn owners(&mut self) {
        let mut found = Vec::new();
        for stream in self.facts.streams.values() {
            let row = format!("stream `{}`", stream.name);
            match self.facts.owners.get(&stream.name).and_then(|owners| owners.last()) {
                Some(Owner { principal: owner, seq, .. }) if stream.owner.as_ref() != Some(owner) => {
                    let shown = |owner: &Principal| {
                        let key = owner.key_id().map_or_else(String::new, |id| format!(" with the key {id}"));
                        format!("`{}`{key}", owner.name())
                    };
                    let kept = stream.owner.as_ref().map_or_else(|| "empty".to_owned(), shown);
                    found.push(Finding::row(
                        row,
                        format!("owner is {kept}, record {seq} says {}", shown(owner)),
                    ));
                }
                None if stream.owner.is_some() != is_local(&stream.name) => {
                    let message = "owner differs from what its name says: only a local stream has one";
                    found.push(Finding::row(row, message));
                }
                _ => {}
            }
        }
        for (name, owners) in &self.facts.owners {
            if let (None, Some(Owner { seq, .. })) = (self.facts.stream_id(name), owners.last()) {
                let message = format!("it was removed; record {seq} says that it began");
                found.push(Finding::row(format!("stream `{name}`"), message));
            }
        }
        found.into_iter().for_each(|finding| self.add(finding));
    }

    /// Compares the sets in force, their files and engines, with the `policy` records.
    pub(super) fn policies(&mut self) -> Result<(), StoreError> {
        let mut rows = self.all("SELECT * FROM policy_versions ORDER BY number")?.into_iter();
        let mut found = Vec::new();
        for (index, set) in self.facts.policies.iter().enumerate() {
            let (number, seq) = (signed(index as u64).saturating_add(1), set.receipt.seq);
            let label = format!("policy version {number}");
            let Some(row) = rows.next() else {
                found.push(Finding::row(label, format!("it was removed; record {seq} says it was in force")));
                continue;
            };
            let expected = [
                Expected::new("number", Value::Integer(number), seq),
                Expected::new("policy_hash", of_text(set.policy_hash.to_hex()), seq),
                Expected::new("at_ms", Value::Integer(set.at_ms), seq),
                Expected::new("stream_id", of_option(self.facts.stream_id(&set.receipt.stream)), seq),
                Expected::new("seq", Value::Integer(signed(seq)), seq),
                Expected::new("record_hash", of_text(set.receipt.record_hash.to_hex()), seq),
            ];
            if let Some(message) = difference(&row, &expected) {
                found.push(Finding::row(label, message).seen_in(&set.receipt.stream, seq));
            }
        }
        for row in rows {
            let label = format!("policy version {}", integer(&row, "number"));
            found.push(Finding::row(label, "no record says that it came into force"));
        }
        let own = self.facts.heads().into_iter().any(|head| !self.chains.holds(&head.stream));
        if !own {
            found.into_iter().for_each(|finding| self.add(finding));
            self.policy_sets()?;
            self.engines()?;
        }
        self.policy_files()
    }

    fn policy_sets(&mut self) -> Result<(), StoreError> {
        // A set may have been activated more than once; its files are the same each time.
        let mut expected: BTreeMap<(String, String), (String, u64)> = BTreeMap::new();
        for set in &self.facts.policies {
            for (name, hash) in &set.files {
                let of = (set.policy_hash.to_hex(), name.clone());
                expected.insert(of, (hash.to_hex(), set.receipt.seq));
            }
        }
        for row in self.all("SELECT * FROM policy_sets ORDER BY policy_hash, name")? {
            let (set, name) = (text(&row, "policy_hash").to_owned(), text(&row, "name").to_owned());
            let label = format!("file `{name}` of policy set {}", brief(&set));
            let Some((hash, seq)) = expected.remove(&(set.clone(), name.clone())) else {
                self.add(Finding::row(label, "no record says that the set has it"));
                continue;
            };
            let columns = [
                Expected::new("policy_hash", of_text(set), seq),
                Expected::new("name", of_text(name), seq),
                Expected::new("file_hash", of_text(hash), seq),
            ];
            if let Some(message) = difference(&row, &columns) {
                self.add(Finding::row(label, message));
            }
        }
        for ((set, name), (_, seq)) in expected {
            let label = format!("file `{name}` of policy set {}", brief(&set));
            self.add(Finding::row(label, format!("it was removed; record {seq} names it")));
        }
        Ok(())
    }

    /// Hashes every policy file again, and sees that every file of a record is there.
    fn policy_files(&mut self) -> Result<(), StoreError> {
        let mut here = BTreeSet::new();
        let connection = self.connection;
        let mut statement = connection.prepare("SELECT * FROM policy_files")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let row = super::columns(row)?;
            let hash = text(&row, "file_hash").to_owned();
            let columns = [
                Expected::new("file_hash", hashed(&row, "content", |bytes| FileHash::of(bytes).to_hex()), 0),
                Expected::new("content", row.get("content").cloned().unwrap_or(Value::Null), 0),
            ];
            if difference(&row, &columns).is_some() {
                let message = "its content is not what its hash says";
                self.add(Finding::row(format!("policy file {}", brief(&hash)), message));
            }
            here.insert(hash);
        }
        let wanted: BTreeMap<String, (String, u64)> = self
            .facts
            .policies
            .iter()
            .flat_map(|set| {
                let seq = set.receipt.seq;
                set.files.iter().map(move |(name, hash)| (hash.to_hex(), (name.clone(), seq)))
            })
            .collect();
        for (hash, (name, seq)) in wanted.into_iter().filter(|(hash, _)| !here.contains(hash)) {
            let message = format!("it was removed; record {seq} names it for `{name}`");
            self.add(Finding::row(format!("policy file {}", brief(&hash)), message));
        }
        Ok(())
    }

    /// Hashes every engine again, and sees that every engine that decided here is there.
    fn engines(&mut self) -> Result<(), StoreError> {
        let mut here = BTreeSet::new();
        for row in self.all("SELECT * FROM engine_modules")? {
            let hash = text(&row, "engine_hash").to_owned();
            let columns = [
                Expected::new("engine_hash", hashed(&row, "wasm", |bytes| EngineHash::of(bytes).to_hex()), 0),
                Expected::new("wasm", row.get("wasm").cloned().unwrap_or(Value::Null), 0),
            ];
            if difference(&row, &columns).is_some() {
                let message = "its bytes are not what its hash says";
                self.add(Finding::row(format!("engine {}", brief(&hash)), message));
            }
            here.insert(hash);
        }
        let wanted: BTreeMap<String, u64> =
            self.facts.policies.iter().map(|set| (set.engine_hash.to_hex(), set.receipt.seq)).collect();
        for (hash, seq) in wanted.into_iter().filter(|(hash, _)| !here.contains(hash)) {
            let message = format!("it was removed; record {seq} names it");
            self.add(Finding::row(format!("engine {}", brief(&hash)), message));
        }
        Ok(())
    }

    /// Compares every key with its `access` records.
    pub(super) fn keys(&mut self) -> Result<(), StoreError> {
        let broken = self.facts.heads().into_iter().any(|head| !self.chains.holds(&head.stream));
        if broken {
            return Ok(());
        }
        let mut known = std::mem::take(&mut self.facts.keys);
        for mut row in self.all("SELECT * FROM keys ORDER BY rowid")? {
            let label = format!("key `{}`", text(&row, "name"));
            let Some(key) = known.remove(text(&row, "id")) else {
                self.add(Finding::row(label, "no record says that it was created"));
                continue;
            };
            for list in ["agents", "approver_roles"] {
                if let Some(again) = respelled(&row, list) {
                    row.insert(list.to_owned(), again);
                }
            }
            if let Some(message) = difference(&row, &key.row(&row)?) {
                self.add(Finding::row(label, message));
            }
        }
        for Key { fields, created_in, .. } in known.into_values() {
            let message = format!("it was removed; record {created_in} says that it was created");
            self.add(Finding::row(format!("key `{}`", fields.name), message));
        }
        Ok(())
    }
}

impl Key {
    fn row(&self, found: &Columns) -> Result<Vec<Expected>, StoreError> {
        let Key { fields, created_at, created_in, revoked_at_ms, last } = self;
        let secret = match (&fields.secret_commitment, found.get("secret_hash")) {
            (Some(commitment), Some(Value::Text(kept)))
                if Digest::of(kept.as_bytes()).to_hex() == *commitment =>
            {
                of_text(kept.clone())
            }
            // A record of an earlier version says nothing of the secret.
            (None, Some(kept)) => kept.clone(),
            _ => Value::Null,
        };
        let expires_at_ms = fields.expires_at.as_deref().and_then(parse_time);
        let column = Expected::new;
        Ok(vec![
            column("id", of_text(fields.id.clone()), *created_in),
            column("name", of_text(fields.name.clone()), *created_in),
            column("role", of_text(fields.role.clone()), *created_in),
            column("agents", of_text(json(&fields.agents)?), *created_in),
            column("approver_roles", of_text(json(&fields.approver_roles)?), *created_in),
            Expected { secret: true, ..column("secret_hash", secret, *created_in) },
            column("created_at", of_text(created_at.clone()), *created_in),
            column("expires_at_ms", of_option(expires_at_ms), *created_in),
            column("revoked_at_ms", of_option(*revoked_at_ms), *last),
        ])
    }
}

/// A list of texts as it would be written now.
fn respelled(row: &Columns, column: &str) -> Option<Value> {
    let list: Vec<String> = serde_json::from_str(text(row, column)).ok()?;
    Some(of_text(json(&list).ok()?))
}

fn hashed(row: &Columns, column: &str, hash: impl Fn(&[u8]) -> String) -> Value {
    match row.get(column) {
        Some(Value::Blob(bytes)) => of_text(hash(bytes)),
        _ => Value::Null,
    }
}

fn brief(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}
