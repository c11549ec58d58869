//! A whole server on a free port: a real database and a real policy folder in a folder of its own, the real
//! engine, and a clock that is moved by hand.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use host::clock::HandClock;
use host::config::{Config, Settings};
use host::server::{Server, StartError};
use serde_json::{Value, json};
use store::Store as _;
use store::audit::Audit;
use store::sqlite::SqliteStore;
use tempfile::TempDir;
use tokio::sync::oneshot;

/// 2026-11-22T12:00:00Z
pub const NOON: i64 = 1_795_348_800_000;

/// How long the policy folder must be unchanged; a second would be too long for hundreds of tests.
pub const SETTLED: Duration = Duration::from_millis(40);

/// The policy of the tutorial, and further rules for the tests.
pub const POLICY: &str = r#"
rules:
  - id: small-refunds
    match: { tool: process_refund, amount_lte: 150 }
    allow: true
    description: Small refunds auto-approved
  - id: mid-refunds
    match: { tool: process_refund, amount_gt: 150, amount_lte: 1000 }
    require_approval: true
    description: Mid-range refunds require manager review
  - id: large-refunds
    match: { tool: process_refund, amount_gt: 1000 }
    deny: true
    reason: Refunds above $1000 require finance team authorization via separate workflow
  - id: wires
    match: { tool: wire }
    require_approval: { approvers: 2, roles: [finance], expires: 30m }
  - id: mail
    match: { tool: send_email }
    allow: true
"#;

pub struct TestApp {
    pub port: u16,
    pub clock: Arc<HandClock>,
    pub store: Arc<SqliteStore>,
    pub folder: TempDir,
    pub admin: String,
    /// Set by tests that edit the database behind the server's back.
    pub edited: AtomicBool,
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<()>>,
    http: ureq::Agent,
}

impl TestApp {
    /// A server with the policy of the tutorial.
    pub fn start() -> Self {
        TestApp::with(&[("support-agent.yaml", POLICY)])
    }

    pub fn with(policies: &[(&str, &str)]) -> Self {
        TestApp::configured(policies, |_| {})
    }

    /// A server with these policies and a configuration that is changed.
    pub fn configured(policies: &[(&str, &str)], change: impl FnOnce(&mut Config)) -> Self {
        let folder = folder(policies);
        let mut config = config(folder.path(), |_| {});
        change(&mut config);
        TestApp::open(folder, NOON, config, Duration::from_millis(20))
            .map_err(|error| error.to_string())
            .unwrap()
    }

    /// A server with the policy of the tutorial and other settings.
    pub fn over_settings(change: impl FnOnce(&mut Settings)) -> Self {
        let folder = folder(&[("support-agent.yaml", POLICY)]);
        TestApp::over(folder, NOON, change).map_err(|error| error.to_string()).unwrap()
    }

    /// A server over a folder that is there already.
    pub fn over(
        folder: TempDir,
        now_ms: i64,
        change: impl FnOnce(&mut Settings),
    ) -> Result<Self, StartError> {
        let config = config(folder.path(), change);
        TestApp::open(folder, now_ms, config, Duration::from_millis(20))
    }

    /// The same server again, for which the policy folder is never unchanged for long enough.
    pub fn never_settled(self) -> Self {
        let folder = self.stop();
        let mut config = config(folder.path(), |_| {});
        // The start does not wait: the set is the one that was in force last.
        config.settled = Duration::from_secs(86_400);
        TestApp::open(folder, NOON, config, Duration::from_millis(20))
            .map_err(|error| error.to_string())
            .unwrap()
    }

    /// A server that ends nothing by itself.
    pub fn unswept(folder: TempDir, now_ms: i64) -> Self {
        let config = config(folder.path(), |_| {});
        let app = TestApp::open(folder, now_ms, config, Duration::from_secs(3600));
        app.map_err(|error| error.to_string()).unwrap()
    }

    fn open(folder: TempDir, now_ms: i64, mut config: Config, sweep: Duration) -> Result<Self, StartError> {
        config.reader_patience = Duration::from_millis(300);
        let clock = Arc::new(HandClock::at(now_ms));
        let (opened, answer) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let (of_server, of_config) = (Arc::clone(&clock), config.clone());
        let server = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let server = match Server::open(&of_config, of_server).await {
                    Ok(server) => server.sweeping_every(sweep),
                    Err(error) => return opened.send(Err(error)).unwrap(),
                };
                let parts = (server.port(), server.store());
                opened.send(Ok(parts)).unwrap();
                let stop = async { _ = stopped.await };
                server.serve(stop).await.unwrap();
            });
        });
        let (port, store) = answer.recv().unwrap()?;
        let admin = fs::read_to_string(config.admin_key_file()).unwrap().trim().to_owned();
        let http = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let (stop, server) = (Some(stop), Some(server));
        let edited = AtomicBool::new(false);
        Ok(TestApp { port, clock, store, folder, admin, edited, stop, server, http })
    }

    /// Stops the server, and gives back its folder.
    pub fn stop(mut self) -> TempDir {
        self.halt();
        std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap())
    }

    fn halt(&mut self) {
        drop(self.stop.take());
        if let Some(server) = self.server.take() {
            server.join().unwrap();
            // After any test, every row follows from the records.
            if !self.edited.load(Ordering::Relaxed) && !std::thread::panicking() {
                assert_eq!(audit(&self.store).problems, []);
            }
        }
    }

    pub fn policy_file(&self, name: &str) -> PathBuf {
        self.folder.path().join("policies").join(name)
    }

    pub fn ask(&self, method: &'static str, path: &str) -> Ask<'_> {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        Ask { app: self, method, url, headers: Vec::new(), body: None }
    }

    pub fn get(&self, path: &str) -> Ask<'_> {
        self.ask("GET", path)
    }

    pub fn post(&self, path: &str) -> Ask<'_> {
        self.ask("POST", path)
    }

    /// Submits a refund as a caller without a key.
    pub fn refund(&self, amount: f64) -> Value {
        let action = json!({ "agent_id": "support-agent-prod", "tool": "process_refund",
            "params": { "customer_id": "c-1", "amount": amount } });
        self.post("/v1/actions").json(&action).send().ok()
    }

    /// The decision that `action` would get, as its record would hold it.
    pub fn dry_run(&self, action: &[u8]) -> Value {
        let mut decision = self.post("/v1/gate/decide").key(&self.admin).raw(action).send().ok();
        assert!(decision.as_object_mut().unwrap().remove("policy_version").unwrap().is_string());
        decision
    }

    /// Makes a key and gives its text.
    pub fn key(&self, name: &str, role: &str) -> String {
        let agents: &[&str] = if role == "agent" { &["*"] } else { &[] };
        self.key_with(json!({ "name": name, "role": role, "agents": agents }))
    }

    pub fn key_with(&self, body: Value) -> String {
        let made = self.post("/v1/keys").key(&self.admin).json(&body).send();
        assert_eq!(made.status, 201, "{}", made.body);
        made.value()["key"].as_str().unwrap().to_owned()
    }

    /// Waits until `condition` gives something.
    pub fn until<T>(&self, what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
        let started = Instant::now();
        loop {
            if let Some(found) = condition() {
                return found;
            }
            assert!(started.elapsed() < Duration::from_secs(20), "waited in vain for {what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// All records, in order.
    pub fn records(&self) -> Vec<Value> {
        let records = self.get("/v1/records?limit=1000").key(&self.admin).send().ok();
        records["records"].as_array().unwrap().clone()
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.halt();
    }
}

/// A folder with these policies.
fn folder(policies: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("policies")).unwrap();
    for (name, text) in policies {
        fs::write(folder.path().join("policies").join(name), text).unwrap();
    }
    folder
}

/// The findings of an audit of the store.
pub fn audit(store: &SqliteStore) -> Audit {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(store.audit()).unwrap()
}

/// The configuration of a server in this folder.
pub fn config(folder: &Path, change: impl FnOnce(&mut Settings)) -> Config {
    let mut settings = Settings {
        port: 0,
        db: folder.join("data/faramesh.db").display().to_string(),
        policies: folder.join("policies"),
        // One for all tests: compiling the engine takes longer than any of them.
        cache_dir: Some(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("engine-cache")),
        ..Settings::default()
    };
    change(&mut settings);
    Config { settled: SETTLED, ..Config::new(settings).unwrap() }
}

/// A request that is being made.
pub struct Ask<'a> {
    app: &'a TestApp,
    method: &'static str,
    url: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Ask<'_> {
    pub fn key(self, key: &str) -> Self {
        self.header("authorization", &format!("Bearer {key}"))
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn json(self, body: &Value) -> Self {
        self.raw(body.to_string().as_bytes()).header("content-type", "application/json")
    }

    pub fn raw(mut self, body: &[u8]) -> Self {
        self.body = Some(body.to_vec());
        self
    }

    pub fn send(self) -> Reply {
        let mut request = ureq::http::Request::builder().method(self.method).uri(self.url);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        let answered = match self.body {
            Some(body) => self.app.http.run(request.body(body).unwrap()),
            None if self.method == "POST" || self.method == "PUT" => {
                self.app.http.run(request.body(Vec::new()).unwrap())
            }
            None => self.app.http.run(request.body(()).unwrap()),
        };
        let mut response = answered.unwrap();
        let headers = response.headers().clone();
        let body = response.body_mut().with_config().limit(1 << 30).read_to_string().unwrap();
        Reply { status: response.status().as_u16(), headers, body }
    }
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: ureq::http::HeaderMap,
    pub body: String,
}

impl Reply {
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The body of an answer that says yes.
    #[track_caller]
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        self.value()
    }

    /// The body of a problem document.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        let problem = self.value();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status, "{problem}");
        problem
    }
}

pub fn id(action: &Value) -> &str {
    action["id"].as_str().unwrap()
}
