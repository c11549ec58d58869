//! Events between a decision and its record: a store that lets something else come first, just once.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::decision::{Outcome, ReasonCode};
use engine::hash::{EngineHash, PolicyHash};
use engine::lifecycle::Status;
use engine::policy::PolicySource;
use engine::principal::Principal;
use engine::record::{Draft, Head};
use host::actor::{Actor, Role};
use host::clock::HandClock;
use host::gate::approval::PersonsAnswer;
use host::gate::{Gate, GateError, Ttls};
use host::keys::{Keys, NewKey};
use host::metrics::Metrics;
use host::policies::{Policies, Precondition};
use runtime::Module;
use store::audit::Audit;
use store::intake::{NewRecords, Taken};
use store::sqlite::SqliteStore;
use store::stats::{Span, Stats};
use store::{
    self, ActionRow, Change, DecisionRecord, Event, Filter, IdempotentRequest, KeyRow, NewAction,
    NewPolicySet, Page, PolicyVersion, Receipt, Sight, Store, StoredRecord, Written,
};
use tokio::sync::broadcast;

use crate::app::NOON;

type Something = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A store before whose next decision something else is written.
struct Interposed {
    inner: SqliteStore,
    first: Mutex<Option<Something>>,
}

impl Interposed {
    fn before_the_next(&self, something: impl Future<Output = ()> + Send + 'static) {
        *self.first.lock().unwrap() = Some(Box::pin(something));
    }

    async fn let_it_come_first(&self) {
        let first = self.first.lock().unwrap().take();
        if let Some(first) = first {
            first.await;
        }
    }
}

macro_rules! forward {
    ($($verb:ident($($arg:ident: $kind:ty),*) -> $answer:ty;)*) => {
        $(fn $verb(&self, $($arg: $kind),*) -> store::Answer<'_, $answer> { self.inner.$verb($($arg),*) })*
    };
}

impl Store for Interposed {
    fn submit(&self, action: NewAction, request: Option<IdempotentRequest>) -> store::Answer<'_, Written> {
        Box::pin(async move {
            self.let_it_come_first().await;
            self.inner.submit(action, request).await
        })
    }

    fn advance(&self, change: Change, request: Option<IdempotentRequest>) -> store::Answer<'_, Written> {
        Box::pin(async move {
            self.let_it_come_first().await;
            self.inner.advance(change, request).await
        })
    }

    fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.inner.subscribe()
    }

    forward! {
        answered(request: IdempotentRequest, now_ms: i64) -> Option<ActionRow>;
        append(draft: Draft) -> Receipt;
        activate(set: NewPolicySet) -> PolicyVersion;
        create_key(key: KeyRow, draft: Draft) -> Receipt;
        revoke_key(id_or_name: String, at_ms: i64, draft: Draft) -> KeyRow;
        take_in(new: NewRecords) -> Taken;
        probe() -> ();
        action(id_or_prefix: String) -> ActionRow;
        actions(filter: Filter, sight: Sight) -> Page;
        overdue(now_ms: i64, started_before_ms: i64) -> Vec<ActionRow>;
        records(stream: String, from: u64, limit: u32) -> Vec<StoredRecord>;
        records_of(action_id: String) -> Vec<StoredRecord>;
        records_after(after: u64, limit: u32) -> Vec<StoredRecord>;
        decisions(limit: u32, most_bytes: usize) -> Vec<DecisionRecord>;
        place(of: Option<(String, u64)>) -> u64;
        head(stream: String) -> Option<(Head, Option<Principal>)>;
        heads() -> Vec<Head>;
        policy_set(hash: PolicyHash) -> Vec<PolicySource>;
        engine_module(hash: EngineHash) -> Vec<u8>;
        policy_history(limit: u32) -> Vec<PolicyVersion>;
        keys() -> Vec<KeyRow>;
        counts() -> Vec<(Status, u64)>;
        stats(span: Span) -> Stats;
        audit() -> Audit;
    }
}

struct Setting {
    _folder: tempfile::TempDir,
    store: Arc<Interposed>,
    policies: Arc<Policies>,
    keys: Arc<Keys>,
    clock: Arc<HandClock>,
    gate: Gate,
}

const POLICY: &str = "rules:\n  - { match: { tool: ask }, require_approval: true }\n  - { match: { tool: two }, require_approval: { approvers: 2 } }\n  - { match: { tool: go }, allow: true }\n";
const DENY: &[u8] = b"rules: [{ match: { tool: '*' }, deny: true }]\n";

async fn setting() -> Setting {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("policies")).unwrap();
    std::fs::write(folder.path().join("policies/p.yaml"), POLICY).unwrap();
    let store = SqliteStore::open(folder.path().join("faramesh.db")).unwrap();
    let store = Arc::new(Interposed { inner: store, first: Mutex::default() });
    let clock = Arc::new(HandClock::at(NOON));
    let module =
        Module::embedded(Some(&PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("engine-cache"))).unwrap();
    let metrics = Arc::new(Metrics::new("engine"));
    let keys = Keys::load(store.clone(), clock.clone(), metrics.clone()).await.unwrap();
    let keys = Arc::new(keys);
    let policies = folder.path().join("policies");
    let settled = Duration::from_millis(50);
    let policies =
        Policies::start(policies, module, store.clone(), clock.clone(), metrics.clone(), settled).await;
    let policies = Arc::new(policies.unwrap());
    let hour = Duration::from_secs(3600);
    let ttls = Ttls { approval: hour, start: hour, result: hour };
    let gate = Gate::new(store.clone(), policies.clone(), keys.clone(), clock.clone(), metrics.clone(), ttls);
    Setting { _folder: folder, store, policies, keys, clock, gate }
}

impl Setting {
    /// Everything is denied from just before the next decision is recorded.
    fn deny_before_the_next(&self) {
        let policies = self.policies.clone();
        self.store.before_the_next(async move {
            let put = policies.put("p.yaml", DENY.to_vec(), Some(Precondition::Present), &Principal::System);
            put.await.unwrap();
        });
    }

    async fn submit(&self, tool: &str) -> ActionRow {
        let action = format!(r#"{{"agent_id":"a","tool":"{tool}"}}"#);
        let answer = self.gate.submit(&Actor::anonymous(), action.as_bytes(), None).await.unwrap();
        answer.row().clone()
    }

    async fn approver(&self, name: &str) -> Actor {
        let (role, none) = (Role::Approver, Vec::new);
        let key =
            NewKey { name: name.into(), role, agents: none(), approver_roles: none(), expires_at_ms: None };
        let (row, _) = self.keys.create(key, &Principal::System).await.unwrap();
        self.keys.holder(&row.id).unwrap().actor
    }

    async fn approve(&self, by: &Actor, row: &ActionRow) -> Result<ActionRow, GateError> {
        let yes = PersonsAnswer { approve: true, reason: None, token: None };
        self.gate.answer(Some(by), &row.id, yes, None).await.map(|answer| answer.row().clone())
    }

    fn version(&self) -> String {
        self.policies.in_force().policy_version.clone()
    }
}

#[tokio::test]
async fn a_set_that_comes_between_a_decision_and_its_record_decides() {
    let at = setting().await;
    at.deny_before_the_next();
    let row = at.submit("go").await;
    assert_eq!((row.decision.outcome, row.status), (Outcome::Halt, Status::Denied));
    assert_eq!(row.policy_version, at.version());
}

#[tokio::test]
async fn a_set_that_comes_between_an_approval_and_its_record_decides() {
    let at = setting().await;
    let boss = at.approver("boss").await;
    let held = at.submit("ask").await;
    at.deny_before_the_next();
    let row = at.approve(&boss, &held).await.unwrap();
    assert_eq!((row.status, row.decision.reason_code), (Status::Denied, ReasonCode::PolicyDeny));
    assert_eq!(row.policy_version, at.version());
}

#[tokio::test]
async fn a_set_that_comes_between_a_start_and_its_record_decides() {
    let at = setting().await;
    let allowed = at.submit("go").await;
    at.deny_before_the_next();
    let started = at.gate.start(&Actor::anonymous(), &allowed.id, None).await;
    let Err(GateError::Lapsed(ReasonCode::PolicyChanged, row)) = started else { panic!("{started:?}") };
    assert_eq!((row.status, row.policy_version), (Status::Lapsed, at.version()));
}

#[tokio::test]
async fn an_expiry_is_recorded_under_the_set_in_force() {
    let at = setting().await;
    let held = at.submit("ask").await;
    at.clock.advance(3_600_000);
    at.deny_before_the_next();
    let row = at.gate.expire(held).await.unwrap();
    assert_eq!((row.status, row.policy_version), (Status::Denied, at.version()));
}

#[tokio::test]
async fn a_key_that_is_revoked_between_an_approval_and_its_record_does_not_count() {
    let at = setting().await;
    let (carol, alice) = (at.approver("carol").await, at.approver("alice").await);
    let held = at.submit("two").await;
    at.approve(&carol, &held).await.unwrap();
    let keys = at.keys.clone();
    at.store.before_the_next(async move {
        keys.revoke("carol", &Principal::System).await.unwrap();
    });
    let row = at.approve(&alice, &held).await.unwrap();
    assert_eq!((row.status, row.approvals.len()), (Status::PendingApproval, 2));
    // The one who answers may be the one who is revoked.
    let bob = at.approver("bob").await;
    let keys = at.keys.clone();
    at.store.before_the_next(async move {
        keys.revoke("bob", &Principal::System).await.unwrap();
    });
    let refused = at.approve(&bob, &held).await;
    assert!(matches!(refused, Err(GateError::NotAnApprover)), "{refused:?}");
}
