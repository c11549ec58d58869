//! API keys: making, checking and revoking them.
//!
//! A key is `fmk_<id>_<secret>`. Only the SHA-256 of the secret is kept. All keys are in memory, so that a check
//! costs no query and a revoked key stops at once. The permissions of a role are in [`crate::actor`].

use std::collections::HashMap;
use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use engine::canonical::Canonical;
use engine::hash::Digest;
use engine::principal::{ANONYMOUS, APPROVAL_LINK, Principal, SYSTEM};
use engine::record::{Draft, RecordKind};
use engine::time::rfc3339;
use engine::value::Value;
use serde::Serialize;
use store::{KeyRow, Store, StoreError};
use subtle::ConstantTimeEq as _;

use crate::actor::{Actor, Agents, Role};
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::private_file;

/// The name of the key that the first start makes.
pub const ADMIN: &str = "admin";
/// The most entries of a key's lists, and the most bytes of each: keys are read into memory.
const MAX_LIST: usize = 100;
const MAX_TEXT: usize = 256;
/// How many callers with a wrong key are told apart before the oldest ones are forgotten.
const MAX_SOURCES: usize = 1024;
/// How many failed logins are recorded at once; beyond that one a second, from wherever they come.
const MAX_FAILURES: i64 = 100;

/// Checks and changes keys.
pub struct Keys {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    by_id: RwLock<HashMap<String, KeyRow>>,
    failures: Mutex<Failures>,
    /// Held while a key is revoked, so that of the last two admin keys one stays.
    turn: tokio::sync::Mutex<()>,
}

/// A key that is wanted.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// Its name, which becomes the principal.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// The agents it may speak for.
    pub agents: Vec<String>,
    /// Its approver roles.
    pub approver_roles: Vec<String>,
    /// Until when it works, Unix milliseconds.
    pub expires_at_ms: Option<i64>,
}

/// Why a key was not made or not found.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Something about it cannot be.
    #[error("{0}")]
    Invalid(String),
    /// Without this key, no admin would be left.
    #[error("`{0}` is the last admin key that does not expire")]
    LastAdmin(String),
    /// The machine has no randomness, or the file with the admin key cannot be written.
    #[error("{0}")]
    Failed(String),
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The holder of a working key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The id of the key.
    pub key_id: String,
    /// Its identity and permissions.
    pub actor: Actor,
    /// Until when the key works, Unix milliseconds.
    pub expires_at_ms: Option<i64>,
}

/// A caller whose key is not one, or works no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrongKey;

impl Keys {
    /// Reads all keys.
    ///
    /// # Errors
    /// When the store cannot.
    pub async fn load(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, StoreError> {
        let by_id = store.keys().await?.into_iter().map(|row| (row.id.clone(), row)).collect();
        let failures = Mutex::default();
        Ok(Keys { store, clock, metrics, by_id: RwLock::new(by_id), failures, turn: Default::default() })
    }

    /// The holder of this key.
    ///
    /// # Errors
    /// [`WrongKey`] for a text that is not a key, an unknown, expired or revoked one, or a wrong secret.
    pub fn authenticate(&self, text: &str) -> Result<Holder, WrongKey> {
        let (id, secret) = text.strip_prefix("fmk_").and_then(|rest| rest.split_once('_')).ok_or(WrongKey)?;
        let given = Digest::of(secret.as_bytes()).to_hex();
        let by_id = self.by_id.read().unwrap_or_else(PoisonError::into_inner);
        let row = by_id.get(id).ok_or(WrongKey)?;
        let right = bool::from(given.as_bytes().ct_eq(row.secret_hash.as_bytes()));
        if !right {
            return Err(WrongKey);
        }
        self.live_holder(row).ok_or(WrongKey)
    }

    /// The holder of the key with this id; none if there is no such key or it works no more.
    pub fn holder(&self, key_id: &str) -> Option<Holder> {
        let by_id = self.by_id.read().unwrap_or_else(PoisonError::into_inner);
        self.live_holder(by_id.get(key_id)?)
    }

    /// The digest of the secret of a key that works, in hexadecimal digits.
    pub fn secret_hash(&self, key_id: &str) -> Option<String> {
        let by_id = self.by_id.read().unwrap_or_else(PoisonError::into_inner);
        let row = by_id.get(key_id)?;
        is_live(row, self.clock.now_ms()).then(|| row.secret_hash.clone())
    }

    /// Whether there is a key with this id that was not revoked. An expired one counts for earlier answers.
    pub fn is_unrevoked(&self, key_id: &str) -> bool {
        let by_id = self.by_id.read().unwrap_or_else(PoisonError::into_inner);
        by_id.get(key_id).is_some_and(|row| row.revoked_at_ms.is_none())
    }

    fn live_holder(&self, row: &KeyRow) -> Option<Holder> {
        if !is_live(row, self.clock.now_ms()) {
            return None;
        }
        let actor = Actor {
            principal: Principal::Key { id: row.id.clone(), name: row.name.clone() },
            role: Role::from_word(&row.role)?,
            // Keys from before `*` had to be said, and those of admins, name no agents and speak for all.
            agents: match row.agents.as_slice() {
                [] => Agents::All,
                globs => Agents::Matching(globs.to_vec()),
            },
            approver_roles: row.approver_roles.clone(),
        };
        Some(Holder { key_id: row.id.clone(), actor, expires_at_ms: row.expires_at_ms })
    }

    /// The id of the admin key of the first start, if it works.
    pub fn admin_id(&self) -> Option<String> {
        let now_ms = self.clock.now_ms();
        let by_id = self.by_id.read().unwrap_or_else(PoisonError::into_inner);
        by_id.values().find(|row| row.name == ADMIN && is_live(row, now_ms)).map(|row| row.id.clone())
    }

    /// Records that a caller had a wrong key or link, as often as [`Failures`] lets it.
    pub async fn login_failed(&self, source: Option<IpAddr>) {
        self.metrics.login_failed();
        let now_ms = self.clock.now_ms();
        let source = source.unwrap_or(IpAddr::from([0, 0, 0, 0]));
        if !self.failures.lock().unwrap_or_else(PoisonError::into_inner).is_recorded(source, now_ms) {
            return;
        }
        tracing::warn!(%source, "a caller had a wrong key or link");
        let fields = vec![
            ("event", text("login_failed")),
            ("key", Canonical::of(&Value::Null)),
            ("principal", text(Principal::Anonymous.name())),
            ("source", text(&source.to_string())),
        ];
        let draft = Draft { kind: RecordKind::Access, at_ms: now_ms, action_id: None, fields };
        if let Err(error) = self.store.append(draft).await {
            tracing::error!(%error, "a failed login could not be recorded");
        }
    }

    /// Whether a key for agents was ever made. From then on a caller without a key has no access, also after that key
    /// was revoked or expired: removing a key must not open the gate.
    pub fn agents_need_keys(&self) -> bool {
        let by_id = self.by_id.read().unwrap_or_else(PoisonError::into_inner);
        by_id.values().any(|row| row.role == Role::Agent.as_str())
    }

    /// Whether a key was made in addition to the one of the first start.
    pub fn configured(&self) -> bool {
        let now_ms = self.clock.now_ms();
        let by_id = self.by_id.read().unwrap_or_else(PoisonError::into_inner);
        by_id.values().any(|row| row.name != ADMIN && is_live(row, now_ms))
    }

    /// All keys, by name, revoked ones too.
    pub fn list(&self) -> Vec<KeyRow> {
        let by_id = self.by_id.read().unwrap_or_else(PoisonError::into_inner);
        let mut rows: Vec<_> = by_id.values().cloned().collect();
        rows.sort_by(|a, b| (&a.name, &a.created_at).cmp(&(&b.name, &b.created_at)));
        rows
    }

    /// Makes a key. The second part of the answer is its text, which cannot be retrieved later.
    ///
    /// # Errors
    /// When something about it cannot be, the name is taken or the store cannot.
    pub async fn create(&self, key: NewKey, by: &Principal) -> Result<(KeyRow, String), KeyError> {
        check(&key)?;
        let (id, secret) = random_key()?;
        self.insert(key, by, &id, &secret).await
    }

    async fn insert(
        &self,
        key: NewKey,
        by: &Principal,
        id: &str,
        secret: &str,
    ) -> Result<(KeyRow, String), KeyError> {
        let now_ms = self.clock.now_ms();
        let row = KeyRow {
            id: id.to_owned(),
            name: key.name,
            role: key.role.as_str().to_owned(),
            agents: key.agents,
            approver_roles: key.approver_roles,
            secret_hash: Digest::of(secret.as_bytes()).to_hex(),
            created_at: rfc3339(now_ms),
            expires_at_ms: key.expires_at_ms,
            revoked_at_ms: None,
        };
        self.store.create_key(row.clone(), access("key_created", &row, by, now_ms)?).await?;
        self.keep(row.clone());
        Ok((row, format!("fmk_{id}_{secret}")))
    }

    /// Revokes a key, found by its id or its name. It stops working at once.
    ///
    /// # Errors
    /// [`KeyError::LastAdmin`] for the last key of an admin that does not expire; when there is no such key or the
    /// store cannot.
    pub async fn revoke(&self, id_or_name: &str, by: &Principal) -> Result<KeyRow, KeyError> {
        let _turn = self.turn.lock().await;
        if let Some(found) = self.find(id_or_name) {
            let others = self.list().into_iter().any(|row| row.id != found.id && is_lasting_admin(&row));
            // INVARIANT: there is always an admin key that works and goes on working.
            if is_lasting_admin(&found) && !others {
                return Err(KeyError::LastAdmin(found.name));
            }
        }
        self.revoke_any(id_or_name, by).await
    }

    fn find(&self, id_or_name: &str) -> Option<KeyRow> {
        let by_id = self.by_id.read().unwrap_or_else(PoisonError::into_inner);
        let live_name = by_id.values().find(|row| row.name == id_or_name && row.revoked_at_ms.is_none());
        by_id.get(id_or_name).or(live_name).cloned()
    }

    /// Revokes a key, also the last one of an admin.
    async fn revoke_any(&self, id_or_name: &str, by: &Principal) -> Result<KeyRow, KeyError> {
        let found = self.find(id_or_name).ok_or(StoreError::NotFound)?;
        if found.revoked_at_ms.is_some() {
            return Ok(found);
        }
        let now_ms = self.clock.now_ms();
        let draft = access("key_revoked", &found, by, now_ms)?;
        // The key stops before the record of it can be read; it works on only if it could not be recorded.
        self.keep(KeyRow { revoked_at_ms: Some(now_ms), ..found.clone() });
        match self.store.revoke_key(found.id.clone(), now_ms, draft).await {
            Ok(row) => {
                self.keep(row.clone());
                Ok(row)
            }
            Err(error) => {
                self.keep(found);
                Err(error.into())
            }
        }
    }

    fn keep(&self, row: KeyRow) {
        self.by_id.write().unwrap_or_else(PoisonError::into_inner).insert(row.id.clone(), row);
    }

    /// Makes the admin key on the first start, and again when its file is gone or no admin key works any more: who can
    /// read that folder has the database, so the file gives nothing that was not had. While another admin key works
    /// and does not expire, one that was revoked stays revoked.
    ///
    /// # Errors
    /// When the file cannot be written or the store cannot.
    pub async fn ensure_admin(&self, file: &Path) -> Result<(), KeyError> {
        let rows = self.list();
        if let Some(row) = rows.iter().find(|row| row.name == ADMIN && row.revoked_at_ms.is_none()) {
            let kept = fs::read_to_string(file).unwrap_or_default();
            if self.authenticate(kept.trim()).is_ok_and(|holder| holder.actor.name() == ADMIN) {
                return Ok(());
            }
            self.revoke_any(&row.id, &Principal::System).await?;
        } else if rows.iter().any(is_lasting_admin) {
            return Ok(());
        }
        let (id, secret) = random_key()?;
        // The file comes first: in the other order, a stop in between would leave a key without an owner.
        private_file::replace(file, &format!("fmk_{id}_{secret}\n"))
            .map_err(|error| KeyError::Failed(format!("cannot write `{}`: {error}", file.display())))?;
        let key = NewKey {
            name: ADMIN.to_owned(),
            role: Role::Admin,
            agents: Vec::new(),
            approver_roles: Vec::new(),
            expires_at_ms: None,
        };
        self.insert(key, &Principal::System, &id, &secret).await?;
        Ok(())
    }
}

/// The failed logins that were recorded a moment ago. A guesser may have as many addresses as they like, and still
/// cannot fill the disk.
#[derive(Debug, Default)]
struct Failures {
    /// When one from each network was last recorded.
    last: HashMap<IpAddr, i64>,
    /// How many more may be recorded at once.
    left: i64,
    /// When that grew last.
    grown_ms: Option<i64>,
}

impl Failures {
    /// Whether a failed login is recorded: at most once a second for each address, or each network of IPv6.
    fn is_recorded(&mut self, source: IpAddr, now_ms: i64) -> bool {
        let network = match source.to_canonical() {
            // A network of one subscriber has 2^64 addresses.
            IpAddr::V6(ip) => IpAddr::from((u128::from(ip) >> 64 << 64).to_be_bytes()),
            ip @ IpAddr::V4(_) => ip,
        };
        let passed = |since: i64| now_ms.saturating_sub(since);
        let grown = self.grown_ms.map_or(MAX_FAILURES, |since| passed(since).saturating_div(1000));
        if grown != 0 {
            self.left = self.left.saturating_add(grown.max(0)).min(MAX_FAILURES);
            self.grown_ms = Some(now_ms);
        }
        if self.left == 0 || self.last.get(&network).is_some_and(|last| passed(*last) < 1000) {
            return false;
        }
        if self.last.len() >= MAX_SOURCES {
            self.last.retain(|_, last| passed(*last) < 1000);
        }
        if self.last.len() >= MAX_SOURCES {
            return false;
        }
        self.left -= 1;
        self.last.insert(network, now_ms);
        true
    }
}

/// Whether it is the key of an admin that works and goes on working.
fn is_lasting_admin(row: &KeyRow) -> bool {
    row.role == Role::Admin.as_str() && row.revoked_at_ms.is_none() && row.expires_at_ms.is_none()
}

fn is_live(row: &KeyRow, now_ms: i64) -> bool {
    row.revoked_at_ms.is_none() && row.expires_at_ms.is_none_or(|expires_at_ms| now_ms < expires_at_ms)
}

fn check(key: &NewKey) -> Result<(), KeyError> {
    let invalid = |message: String| Err(KeyError::Invalid(message));
    let word = |char: char| char.is_ascii_alphanumeric() || "._@-".contains(char);
    if key.name.is_empty() || key.name.len() > 64 || !key.name.chars().all(word) {
        return invalid("a key's name has 1 to 64 letters, digits, `.`, `_`, `@` and `-`".to_owned());
    }
    if [ADMIN, ANONYMOUS, APPROVAL_LINK, SYSTEM].contains(&key.name.as_str()) {
        return invalid(format!("`{}` cannot be a key's name", key.name));
    }
    for (what, list) in [("agents", &key.agents), ("approver_roles", &key.approver_roles)] {
        let sized = |text: &String| (1..=MAX_TEXT).contains(&text.len());
        if list.len() > MAX_LIST || !list.iter().all(sized) {
            return invalid(format!("`{what}` has at most {MAX_LIST} texts of 1 to {MAX_TEXT} bytes"));
        }
    }
    if key.role == Role::Agent && key.agents.is_empty() {
        return invalid(
            "a key with the role `agent` names the agents that it speaks for, or `*` for all".to_owned(),
        );
    }
    if key.role != Role::Agent && key.role != Role::Admin && !key.agents.is_empty() {
        return invalid(format!("a key with the role `{}` speaks for no agents", key.role.as_str()));
    }
    if !matches!(key.role, Role::Approver | Role::Admin) && !key.approver_roles.is_empty() {
        return invalid(format!("a key with the role `{}` approves nothing", key.role.as_str()));
    }
    Ok(())
}

/// The id and the secret of a new key.
fn random_key() -> Result<(String, String), KeyError> {
    let failed = |error| KeyError::Failed(format!("the machine gives no random bytes: {error}"));
    let mut id = [0; 4];
    getrandom::fill(&mut id).map_err(failed)?;
    let id = id.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((id, random_secret().map_err(failed)?))
}

/// 32 random bytes in base64url: 43 characters.
///
/// # Errors
/// When the machine gives no random bytes.
pub fn random_secret() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// The fields of an `access` record about a key.
#[derive(Serialize)]
struct KeyFields<'a> {
    id: &'a str,
    name: &'a str,
    role: &'a str,
    agents: &'a [String],
    approver_roles: &'a [String],
    expires_at: Option<String>,
    /// The SHA-256 of the stored digest of the secret, so that an audit sees when that was replaced. Neither the key
    /// nor the stored digest can be found from it.
    secret_commitment: String,
}

fn access(event: &str, row: &KeyRow, by: &Principal, now_ms: i64) -> Result<Draft, KeyError> {
    let key = KeyFields {
        id: &row.id,
        name: &row.name,
        role: &row.role,
        agents: &row.agents,
        approver_roles: &row.approver_roles,
        expires_at: row.expires_at_ms.map(rfc3339),
        secret_commitment: Digest::of(row.secret_hash.as_bytes()).to_hex(),
    };
    let key = Canonical::serialize(&key).map_err(|error| KeyError::Failed(error.to_string()))?;
    let mut fields = vec![("event", text(event)), ("key", key)];
    fields.extend(by.fields());
    Ok(Draft { kind: RecordKind::Access, at_ms: now_ms, action_id: None, fields })
}

fn text(text: &str) -> Canonical {
    Canonical::of(&Value::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_many_addresses_has_few_failures_recorded() {
        let mut failures = Failures::default();
        let address = |n: u32| IpAddr::from(0x7f00_0001_u32.wrapping_add(n).to_be_bytes());
        assert!(failures.is_recorded(address(0), 1_000_000));
        assert!(!failures.is_recorded(address(0), 1_000_999));
        assert!(failures.is_recorded(address(0), 1_001_000));
        let recorded =
            (1..10_000_u32).filter(|n| failures.is_recorded(address(*n), 1_001_000 + i64::from(*n))).count();
        assert!((90..=110).contains(&recorded), "{recorded} within ten seconds");
        // Later there is room again, and a clock that was set back takes none away for long.
        assert!(failures.is_recorded(address(1), 2_000_000));
        assert!((0..200).filter(|n| failures.is_recorded(address(*n), 1_000_000)).count() >= 99);
        assert!(failures.is_recorded(address(0), 1_002_000));
        let mut failures = Failures::default();
        let in_network = |n: u16| IpAddr::from([0x2001, 0xdb8, 0, 1, n, 0, 0, n]);
        assert_eq!((0..1000).filter(|n| failures.is_recorded(in_network(*n), 0)).count(), 1);
    }

    #[test]
    fn a_secret_has_43_characters_of_base64url_and_is_never_the_same() {
        let (one, two) = (random_secret().unwrap(), random_secret().unwrap());
        assert_eq!(one.len(), 43);
        assert!(one.chars().all(|char| char.is_ascii_alphanumeric() || char == '-' || char == '_'));
        assert_ne!(one, two);
    }
}
