//! Who did something, as records keep it.
//!
//! What a caller may do, and how it proves who it is, is for the host.

use serde::{Deserialize, Serialize};

use crate::canonical::Canonical;

/// The name of a caller without a key.
pub const ANONYMOUS: &str = "anonymous";
/// The name that an approval link had in records of earlier versions.
pub const APPROVAL_LINK: &str = "approval-link";
/// The name of what the server does by itself.
pub const SYSTEM: &str = "system";

/// Who did something. An identity is the id of a key; names are for people and are never compared.
///
/// On the wire and in records it is flat: `principal` is the name, `via` says how it is known, `key_id` and
/// `claimed_by` are what it rests on.
///
/// ```json
/// {"principal":"alice","via":"key","key_id":"a1b2c3d4","claimed_by":null}
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Flat", into = "Flat")]
pub enum Principal {
    /// The holder of an API key.
    Key {
        /// The public id of the key.
        id: String,
        /// The name of the key.
        name: String,
    },
    /// Someone with an approval link, which was made for the holder of a key.
    Link {
        /// The public id of the key.
        key_id: String,
        /// The name of the key.
        name: String,
    },
    /// A caller without a key.
    Anonymous,
    /// The server itself.
    System,
    /// A name that the records of a local stream give. The server has checked nothing of it.
    Claimed {
        /// The stream.
        stream: String,
        /// The name, as the stream says.
        name: String,
    },
    /// A name that an earlier version kept without an identity. It is the same as no one.
    Former {
        /// The name.
        name: String,
    },
}

/// How an identity is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// By an API key.
    Key,
    /// By an approval link.
    Link,
    /// A local stream says so.
    Claimed,
}

impl Via {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Via::Key => "key",
            Via::Link => "link",
            Via::Claimed => "claimed",
        }
    }
}

/// A [`Principal`] as it is written.
#[derive(Serialize, Deserialize)]
struct Flat {
    principal: String,
    #[serde(default)]
    via: Option<Via>,
    #[serde(default)]
    key_id: Option<String>,
    #[serde(default)]
    claimed_by: Option<String>,
}

impl From<Flat> for Principal {
    fn from(flat: Flat) -> Self {
        match (flat.via, flat.key_id, flat.claimed_by) {
            (Some(Via::Key), Some(id), _) => Principal::Key { id, name: flat.principal },
            (Some(Via::Link), Some(key_id), _) => Principal::Link { key_id, name: flat.principal },
            (Some(Via::Claimed), _, Some(stream)) => Principal::Claimed { stream, name: flat.principal },
            _ => Principal::without_key(flat.principal),
        }
    }
}

impl From<Principal> for Flat {
    fn from(principal: Principal) -> Self {
        let (via, key_id) = (principal.via(), principal.key_id().map(str::to_owned));
        let claimed_by = principal.claimed_by().map(str::to_owned);
        Flat { principal: principal.into_name(), via, key_id, claimed_by }
    }
}

impl Principal {
    /// The principal with this name and no key.
    pub fn without_key(name: String) -> Self {
        match name.as_str() {
            ANONYMOUS => Principal::Anonymous,
            SYSTEM => Principal::System,
            _ => Principal::Former { name },
        }
    }

    /// The name, for people.
    pub fn name(&self) -> &str {
        match self {
            Principal::Key { name, .. }
            | Principal::Link { name, .. }
            | Principal::Claimed { name, .. }
            | Principal::Former { name } => name,
            Principal::Anonymous => ANONYMOUS,
            Principal::System => SYSTEM,
        }
    }

    fn into_name(self) -> String {
        match self {
            Principal::Key { name, .. }
            | Principal::Link { name, .. }
            | Principal::Claimed { name, .. }
            | Principal::Former { name } => name,
            Principal::Anonymous => ANONYMOUS.to_owned(),
            Principal::System => SYSTEM.to_owned(),
        }
    }

    /// How it is known; none for what no key and no stream names.
    pub fn via(&self) -> Option<Via> {
        match self {
            Principal::Key { .. } => Some(Via::Key),
            Principal::Link { .. } => Some(Via::Link),
            Principal::Claimed { .. } => Some(Via::Claimed),
            Principal::Anonymous | Principal::System | Principal::Former { .. } => None,
        }
    }

    /// The id of the key that it holds, or that its link was made for.
    pub fn key_id(&self) -> Option<&str> {
        match self {
            Principal::Key { id, .. } => Some(id),
            Principal::Link { key_id, .. } => Some(key_id),
            Principal::Anonymous
            | Principal::System
            | Principal::Claimed { .. }
            | Principal::Former { .. } => None,
        }
    }

    /// The stream that names it.
    pub fn claimed_by(&self) -> Option<&str> {
        match self {
            Principal::Claimed { stream, .. } => Some(stream),
            Principal::Key { .. }
            | Principal::Link { .. }
            | Principal::Anonymous
            | Principal::System
            | Principal::Former { .. } => None,
        }
    }

    /// Whether both are the same person, as far as a key tells.
    pub fn is_same_person(&self, other: &Principal) -> bool {
        self.key_id().is_some() && self.key_id() == other.key_id()
    }

    /// Whether this is who sent something as `sender`: the same key, or both without one.
    pub fn is_sender(&self, sender: &Principal) -> bool {
        self.is_same_person(sender) || (*self == Principal::Anonymous && *sender == Principal::Anonymous)
    }

    /// What tells its requests apart from those of others.
    pub fn scope(&self) -> String {
        match self.key_id() {
            Some(id) => format!("key:{id}"),
            None => self.name().to_owned(),
        }
    }

    /// The fields of a record that say who it was. Those that say nothing are left out.
    pub fn fields(&self) -> Vec<(&'static str, Canonical)> {
        let mut fields = vec![("principal", Canonical::text(self.name()))];
        fields.extend(self.via().map(|via| ("via", Canonical::text(via.as_str()))));
        fields.extend(self.key_id().map(|id| ("key_id", Canonical::text(id))));
        fields.extend(self.claimed_by().map(|stream| ("claimed_by", Canonical::text(stream))));
        fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_a_key_and_not_a_name() {
        let key = |id: &str, name: &str| Principal::Key { id: id.into(), name: name.into() };
        let link = Principal::Link { key_id: "1".into(), name: "alice".into() };
        assert!(key("1", "alice").is_same_person(&link));
        assert!(!key("2", "alice").is_same_person(&link));
        let claimed = Principal::Claimed { stream: "local-1".into(), name: "alice".into() };
        let former = Principal::Former { name: "alice".into() };
        for other in [&claimed, &former, &Principal::Anonymous, &Principal::System] {
            assert!(!key("1", "alice").is_same_person(other), "{other:?}");
            assert!(!other.is_same_person(other), "{other:?}");
        }
        assert!(Principal::Anonymous.is_sender(&Principal::Anonymous));
        assert!(!former.is_sender(&former) && !Principal::System.is_sender(&Principal::System));
    }

    #[test]
    fn every_principal_reads_back_and_none_becomes_another() {
        let name = || "system".to_owned();
        let principals = [
            Principal::Key { id: "1".into(), name: name() },
            Principal::Link { key_id: "1".into(), name: name() },
            Principal::Anonymous,
            Principal::System,
            Principal::Claimed { stream: "local-1".into(), name: name() },
            Principal::Former { name: APPROVAL_LINK.to_owned() },
        ];
        for principal in principals {
            let text = serde_json::to_string(&principal).unwrap();
            assert_eq!(serde_json::from_str::<Principal>(&text).unwrap(), principal, "{text}");
        }
        let half = r#"{"principal":"alice","via":"key"}"#;
        assert_eq!(
            serde_json::from_str::<Principal>(half).unwrap(),
            Principal::Former { name: "alice".into() }
        );
    }
}
