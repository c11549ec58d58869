//! The bodies of records that are about no action: policies and access.

use std::collections::BTreeMap;

use super::declare::{bodies, objects};
use super::member::{Member, Members, Part, lacks};
use crate::canonical::Canonical;
use crate::hash::{Digest, EngineHash, FileHash, PolicyHash};
use crate::json::JsonError;
use crate::principal::Principal;
use crate::time::Timestamp;
use crate::value::{Object, Value};

bodies! {
    /// The body of a `policy` record of a server: a policy set was activated, or refused.
    pub struct ActivationBody {
        /// The findings: a list of [`crate::diagnostic::Diagnostic`].
        pub diagnostics: Canonical,
        /// The module that decides.
        pub engine_hash: EngineHash,
        /// The files and the hash of each.
        pub files: BTreeMap<String, FileHash>,
        /// Whether the set was activated; `false` when it was refused.
        pub in_force: bool,
        /// The hash of the set; null when it was refused.
        pub policy_hash: Option<PolicyHash>,
        /// The principal that saved it.
        pub principal: Principal [flat],
        /// Why it was saved, as the editor says.
        pub reason: Option<String> [omitted],
    }

    /// The body of a `policy` record of a local stream: a wrapper decides with these policies from here on.
    pub struct LocalPolicyBody {
        /// The agent of the wrapper.
        pub agent_id: Option<String>,
        /// The module that decides.
        pub engine_hash: EngineHash,
        /// The files.
        pub files: Vec<PolicyFile>,
        /// The host of the module: `node`, `workerd`.
        pub host: Option<String>,
        /// The hash of the set.
        pub policy_hash: PolicyHash,
        /// The version of the engine's rules of deciding.
        pub runtime_version: String,
    }

    /// A policy file of a local stream.
    pub struct PolicyFile {
        /// The hash of its bytes.
        pub hash: FileHash,
        /// Its name.
        pub name: String,
    }

    /// A key, as the record of its creation or its end has it.
    pub struct KeyFacts {
        /// The agents that it may speak for, as globs; empty for all.
        pub agents: Vec<String>,
        /// The roles that its holder may approve as.
        pub approver_roles: Vec<String>,
        /// When it ends.
        pub expires_at: Option<Timestamp>,
        /// Its public id.
        pub id: String,
        /// Its name.
        pub name: String,
        /// Its role at the server.
        pub role: String,
        /// The SHA-256 of what is kept of the secret, so that an audit sees when that was replaced. Neither the key nor
        /// what is kept of it can be found from it.
        pub secret_commitment: Option<Digest>,
    }
}

objects! {
    PolicyFile: "a file and its hash";
    KeyFacts: "a key";
}

impl Part for Vec<PolicyFile> {
    const SHAPE: &'static str = "a list of files and their hashes";

    fn print(&self) -> Canonical {
        let files: Vec<Canonical> = self.iter().map(Part::print).collect();
        Canonical::list(&files)
    }

    fn parse(value: &Value) -> Option<Self> {
        let Value::Array(files) = value else { return None };
        files.iter().map(PolicyFile::parse).collect()
    }

    fn length(&self) -> usize {
        self.iter().map(PolicyFile::size).sum()
    }
}

/// The body of a `policy` record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyBody {
    /// Of a server.
    Activation(ActivationBody),
    /// Of a local stream.
    Local(LocalPolicyBody),
}

impl PolicyBody {
    /// The principal that saved the policies; a local stream does not name one.
    pub fn principal(&self) -> Option<&Principal> {
        match self {
            PolicyBody::Activation(body) => Some(&body.principal),
            PolicyBody::Local(_) => None,
        }
    }

    pub(super) fn write(&self, out: &mut Members) {
        match self {
            PolicyBody::Activation(body) => body.write(out),
            PolicyBody::Local(body) => body.write(out),
        }
    }

    pub(super) fn read(record: &Object) -> Result<Self, JsonError> {
        match record.get("files") {
            Some(Value::Array(_)) => LocalPolicyBody::read(record).map(PolicyBody::Local),
            Some(Value::Object(_)) => ActivationBody::read(record).map(PolicyBody::Activation),
            _ => Err(lacks("files")),
        }
    }

    pub(super) fn size(&self) -> usize {
        match self {
            PolicyBody::Activation(body) => body.size(),
            PolicyBody::Local(body) => body.size(),
        }
    }
}

bodies! {
    /// A key was created or revoked.
    pub struct KeyEvent {
        /// The key.
        pub key: KeyFacts,
        /// The principal of the event.
        pub principal: Principal [flat],
    }

    /// A caller had a wrong key or link.
    pub struct LoginFailure {
        /// Always null.
        pub key: Option<KeyFacts>,
        /// A caller without a key.
        pub principal: Principal [flat],
        /// The address of the caller.
        pub source: String,
    }

    /// The first records of a local stream came in.
    pub struct StreamBegun {
        /// The stream.
        pub local_stream: String,
        /// The principal that sent them, to whom the stream belongs from here on.
        pub principal: Principal [flat],
    }
}

/// The body of an `access` record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessBody {
    /// A key was created.
    KeyCreated(KeyEvent),
    /// A key was revoked.
    KeyRevoked(KeyEvent),
    /// A caller had a wrong key or link.
    LoginFailed(LoginFailure),
    /// The first records of a local stream came in.
    StreamBegun(StreamBegun),
}

impl AccessBody {
    /// The word in records.
    pub fn event(&self) -> &'static str {
        match self {
            AccessBody::KeyCreated(_) => "key_created",
            AccessBody::KeyRevoked(_) => "key_revoked",
            AccessBody::LoginFailed(_) => "login_failed",
            AccessBody::StreamBegun(_) => "stream_begun",
        }
    }

    /// The principal of the event.
    pub fn principal(&self) -> &Principal {
        match self {
            AccessBody::KeyCreated(body) | AccessBody::KeyRevoked(body) => &body.principal,
            AccessBody::LoginFailed(body) => &body.principal,
            AccessBody::StreamBegun(body) => &body.principal,
        }
    }

    pub(super) fn write(&self, out: &mut Members) {
        match self {
            AccessBody::KeyCreated(body) | AccessBody::KeyRevoked(body) => body.write(out),
            AccessBody::LoginFailed(body) => body.write(out),
            AccessBody::StreamBegun(body) => body.write(out),
        }
        out.push(("event", Canonical::text(self.event())));
    }

    pub(super) fn read(record: &Object) -> Result<Self, JsonError> {
        match record.get("event").and_then(Value::as_str) {
            Some("key_created") => KeyEvent::read(record).map(AccessBody::KeyCreated),
            Some("key_revoked") => KeyEvent::read(record).map(AccessBody::KeyRevoked),
            Some("login_failed") => LoginFailure::read(record).map(AccessBody::LoginFailed),
            Some("stream_begun") => StreamBegun::read(record).map(AccessBody::StreamBegun),
            Some(_) => Err(JsonError::shape("its `event` is unknown")),
            None => Err(lacks("event")),
        }
    }

    pub(super) fn size(&self) -> usize {
        match self {
            AccessBody::KeyCreated(body) | AccessBody::KeyRevoked(body) => body.size(),
            AccessBody::LoginFailed(body) => body.size(),
            AccessBody::StreamBegun(body) => body.size(),
        }
    }
}
