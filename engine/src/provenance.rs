//! `provenance_id`: the digest of everything that a decision depends on.

use crate::RUNTIME_VERSION;
use crate::canonical::ObjectWriter;
use crate::hash::{Beginning, PolicyHash, ProvenanceId, RequestHash};
use crate::state::State;
use crate::value::Value;

/// As much of the `provenance_id` as the policies alone determine.
///
/// It is longer than a block of SHA-256, so every decision saves one block of hashing.
#[derive(Debug)]
pub(crate) struct Provenance {
    basis: ObjectWriter,
    hashed: Beginning,
}

impl Provenance {
    /// The beginning for decisions under the policies with this hash.
    pub(crate) fn under(policy_hash: PolicyHash) -> Self {
        let mut basis = ObjectWriter::new();
        policy_hash.with_hex(|hash| basis.text("policy_hash", hash));
        let hashed = Beginning::of(basis.as_bytes());
        Provenance { basis, hashed }
    }

    /// The SHA-256 of the canonical `{policy_hash, request_hash, runtime_version, state}`.
    pub(crate) fn id(&self, request_hash: Option<RequestHash>, state: &State) -> ProvenanceId {
        let mut basis = self.basis.copied();
        match request_hash {
            Some(hash) => hash.with_hex(|hash| basis.text("request_hash", hash)),
            None => basis.value("request_hash", &Value::Null),
        }
        basis.text("runtime_version", RUNTIME_VERSION);
        basis.part("state", &state.canonical());
        ProvenanceId::continuing(&self.hashed, basis.end().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_that_was_begun_before_is_the_digest_of_the_whole() {
        let policy_hash = PolicyHash::of(b"policies");
        let provenance = Provenance::under(policy_hash);
        let request_hash = RequestHash::of(b"action");
        for request_hash in [Some(request_hash), None] {
            let request = request_hash.map_or("null".to_owned(), |hash| format!("\"{hash}\""));
            let whole = format!(
                r#"{{"policy_hash":"{policy_hash}","request_hash":{request},"runtime_version":"{RUNTIME_VERSION}","state":{{}}}}"#
            );
            assert_eq!(provenance.id(request_hash, &State::default()), ProvenanceId::of(whole.as_bytes()));
        }
    }
}
