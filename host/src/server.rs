//! The server: opens everything, listens, and lets go of everything in order.
//!
//! Every failure at startup has its own message, with advice.

pub mod connections;
mod descriptors;

use std::io::{self, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use runtime::Module;
use store::sqlite::SqliteStore;
use store::{Store, StoreError};
use tokio::net::TcpListener;

use crate::bundle::key::{SigningKey, SigningKeyError};
use crate::bundle::shelf::Shelf;
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, ConfigError};
use crate::events::{Waiting, closed};
use crate::gate::{Gate, Ttls};
use crate::http::load::Load;
use crate::http::session::login_url;
use crate::http::{App, Listening, Shared, router};
use crate::keys::{KeyError, Keys, random_secret};
use crate::metrics::Metrics;
use crate::policies::{Policies, PolicyError, watch};
use crate::presence::Presence;
use crate::server::connections::Limits;

/// How often overdue actions are looked for.
const SWEEP: Duration = Duration::from_secs(1);
/// How long requests may still take when the server stops.
const GRACE: Duration = Duration::from_secs(5);
/// How long threads that wait for the disk may still take when everything else has stopped.
const LAST_WAIT: Duration = Duration::from_millis(500);

/// Why the server did not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Something else listens there.
    #[error("port {port} of {host} is in use")]
    PortInUse {
        /// The address.
        host: IpAddr,
        /// The port.
        port: u16,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {host} port {port}: {error}")]
    Listen {
        /// The address.
        host: IpAddr,
        /// The port.
        port: u16,
        /// The system's message.
        error: io::Error,
    },
    /// Other machines could reach a server that accepts callers without a key.
    #[error("`{0}` can be reached from other machines, and no API key is set up")]
    KeysRequired(IpAddr),
    /// There is no such folder.
    #[error("there is no policy folder `{0}`")]
    NoPolicyFolder(PathBuf),
    /// A file is where the folder should be.
    #[error("`{0}` is a file, and policies are read from a folder")]
    PolicyFile(PathBuf),
    /// The policies cannot be read or run.
    #[error("the policies cannot be activated: {0}")]
    Policies(PolicyError),
    /// The database is of a newer version.
    #[error("the database `{path}` was made by a newer version: {error}")]
    DatabaseTooNew {
        /// The file.
        path: PathBuf,
        /// Which versions.
        error: StoreError,
    },
    /// Another server writes to the database.
    #[error("another server uses the database `{0}`")]
    DatabaseInUse(PathBuf),
    /// The database cannot be opened.
    #[error("cannot open the database `{path}`: {error}")]
    Database {
        /// The file.
        path: PathBuf,
        /// Why.
        error: StoreError,
    },
    /// The admin key cannot be made.
    #[error("cannot make the admin key: {0}")]
    AdminKey(KeyError),
    /// The key that signs bundles cannot be used.
    #[error("cannot use the signing key `{path}`: {error}")]
    SigningKey {
        /// The file.
        path: PathBuf,
        /// Why.
        error: SigningKeyError,
    },
    /// The engine cannot be loaded.
    #[error("the engine cannot be loaded: {0}")]
    Engine(String),
    /// The system does not give what every program needs.
    #[error("the server cannot run: {0}")]
    System(io::Error),
}

impl StartError {
    /// The advice.
    pub fn help(&self) -> String {
        match self {
            StartError::Config(error) => error.help.clone(),
            StartError::PortInUse { .. } => {
                "stop what listens there, or choose another port with `--port` or `FARAMESH_PORT`".to_owned()
            }
            StartError::Listen { .. } => {
                "choose an address of this machine with `--host` or `FARAMESH_HOST`".to_owned()
            }
            StartError::KeysRequired(_) => {
                "start it once on 127.0.0.1 and make a key with `faramesh keys create`; \
                the admin key alone does not count"
                    .to_owned()
            }
            StartError::PolicyFile(_) => {
                "name the folder that the file is in: a server reads all policies of a folder".to_owned()
            }
            StartError::NoPolicyFolder(folder) => {
                format!("make it with `mkdir -p {}`, or set `FARAMESH_POLICIES`", folder.display())
            }
            StartError::Policies(error) => policies_help(error).to_owned(),
            StartError::DatabaseTooNew { .. } => {
                "use the version that made it, or another database with `FARAMESH_DB`".to_owned()
            }
            StartError::DatabaseInUse(_) => {
                "stop the other server, or use another database with `FARAMESH_DB`".to_owned()
            }
            StartError::Database { .. } => {
                "see that the file and its folder can be written, or set `FARAMESH_DB`".to_owned()
            }
            StartError::AdminKey(_) => "see that the folder of the database can be written".to_owned(),
            StartError::SigningKey { path, error } => error.help(path),
            StartError::Engine(_) => "this build cannot decide anything on this machine".to_owned(),
            StartError::System(_) => "see that the machine has memory and threads to give".to_owned(),
        }
    }
}

/// A server that is ready to answer.
pub struct Server {
    /// The state that the handlers share.
    pub app: Shared,
    store: Arc<SqliteStore>,
    listeners: Vec<TcpListener>,
    /// Where each of the listeners does so.
    addresses: Vec<SocketAddr>,
    limits: Limits,
    sweep: Duration,
}

impl Server {
    /// Opens everything, up to the socket.
    ///
    /// # Errors
    /// The first thing that cannot be had.
    pub async fn open(config: &Config, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let most = descriptors::raise(config.max_connections);
        let listeners = listen(config).await?;
        let addresses = listeners.iter().map(TcpListener::local_addr).collect::<Result<Vec<_>, _>>();
        let addresses = addresses.map_err(StartError::System)?;
        if !config.policies.is_dir() {
            let folder = config.policies.clone();
            return Err(match folder.exists() {
                true => StartError::PolicyFile(folder),
                false => StartError::NoPolicyFolder(folder),
            });
        }
        // Both block, on the disk and on the compiler, and neither needs the other.
        let (path, cache) = (config.db.clone(), config.cache_dir.clone());
        let opening = tokio::task::spawn_blocking(move || SqliteStore::open(path));
        let compiling = tokio::task::spawn_blocking(move || Module::embedded(cache.as_deref()));
        let store = opening.await.map_err(|error| StartError::System(io::Error::other(error)))?;
        let store = Arc::new(store.map_err(|error| database_error(config, error))?);
        let module = compiling.await.map_err(|error| StartError::System(io::Error::other(error)))?;
        let module = module.map_err(|error| StartError::Engine(error.to_string()))?;

        let dyn_store: Arc<dyn Store> = store.clone();
        let metrics = Arc::new(Metrics::new(&module.hash().to_hex()));
        let keys = Keys::load(dyn_store.clone(), clock.clone(), metrics.clone())
            .await
            .map_err(|error| database_error(config, error))?;
        let keys = Arc::new(keys);
        let loopback = config.is_loopback();
        if let Some(reachable) = config.hosts.iter().find(|host| !host.is_loopback())
            && !keys.configured()
        {
            return Err(StartError::KeysRequired(*reachable));
        }
        keys.ensure_admin(&config.admin_key_file()).await.map_err(StartError::AdminKey)?;
        let path = config.signing_key_file();
        let (signing_key, _) =
            SigningKey::load_or_create(&path).map_err(|error| StartError::SigningKey { path, error })?;
        let policies = Policies::start(
            config.policies.clone(),
            module,
            dyn_store.clone(),
            clock.clone(),
            metrics.clone(),
            config.settled,
        )
        .await
        .map_err(StartError::Policies)?;
        let policies = Arc::new(policies);
        let gate = Gate::new(
            dyn_store.clone(),
            policies.clone(),
            keys.clone(),
            clock.clone(),
            metrics.clone(),
            Ttls { approval: config.approval_ttl, start: config.start_ttl, result: config.result_ttl },
        )
        .with_record_skew(config.record_skew);
        let app = Arc::new(App {
            gate,
            policies,
            keys,
            sessions: Default::default(),
            store: dyn_store,
            shelf: Shelf::new(signing_key, config.bundle_max_age),
            waiting: Arc::new(Waiting::default()),
            presence: Arc::new(Presence::new(clock.clone())),
            metrics,
            clock,
            listening: Listening { loopback, port: port_of(&addresses) },
            listening_at: addresses.clone(),
            unknown_keys: random_secret().map_err(|error| StartError::System(io::Error::other(error)))?,
            allow_origins: config.allow_origins.clone(),
            reader_patience: config.reader_patience,
            max_body: config.max_body,
            load: Load::new(most),
            probe: Default::default(),
            created: Default::default(),
            auditing: tokio::sync::Mutex::new(()),
        });
        let limits = Limits { most, head: config.head_time, write: config.write_time };
        Ok(Server { app, store, listeners, addresses, limits, sweep: SWEEP })
    }

    /// Looks for overdue actions more or less often than every second.
    #[must_use]
    pub fn sweeping_every(mut self, interval: Duration) -> Self {
        self.sweep = interval;
        self
    }

    /// Where everything is recorded.
    pub fn store(&self) -> Arc<SqliteStore> {
        Arc::clone(&self.store)
    }

    /// The port on which it listens.
    pub fn port(&self) -> u16 {
        port_of(&self.addresses)
    }

    /// The address of the dashboard for a browser on this machine, if it is reachable there. It is never an address
    /// on which another program could listen, because a person may open it with a one-time link.
    fn dashboard(&self) -> String {
        let port = self.port();
        match self.addresses.as_slice() {
            [only] if only.ip().is_unspecified() => match only {
                SocketAddr::V4(_) => format!("http://127.0.0.1:{port}"),
                SocketAddr::V6(_) => format!("http://[::1]:{port}"),
            },
            [only] => format!("http://{only}"),
            _ => format!("http://localhost:{port}"),
        }
    }

    /// Where a person begins: a link that logs them in once as the admin, else the page that asks for a key.
    pub fn dashboard_link(&self) -> String {
        let now_ms = self.app.clock.now_ms();
        let link = self.app.keys.admin_id().map(|key_id| self.app.sessions.link(&key_id, now_ms));
        match link.transpose() {
            Ok(Some((token, _))) => login_url(&self.dashboard(), &token),
            Ok(None) => format!("{}/ui/", self.dashboard()),
            Err(error) => {
                tracing::error!(%error, "no link to the dashboard could be made");
                format!("{}/ui/", self.dashboard())
            }
        }
    }

    /// Answers until `stop` is done; then ends the streams, finishes running requests and closes the store.
    ///
    /// # Errors
    /// When the socket fails.
    pub async fn serve(self, stop: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        let Server { app, store, listeners, limits, sweep, .. } = self;
        let waiting = app.waiting.clone();
        let following = {
            let (waiting, store) = (waiting.clone(), app.store.clone());
            tokio::spawn(async move { waiting.follow(|| store.subscribe()).await })
        };
        let watching = tokio::spawn(watch::follow(app.policies.clone(), waiting.closing()));
        let sweeping = tokio::spawn(sweep_until_closed(app.clone(), sweep));

        let mut closing = waiting.closing();
        let metrics = app.metrics.clone();
        let serving =
            tokio::spawn(connections::serve(listeners, router::app(app), limits, metrics, waiting.closing()));
        let stopping = async {
            stop.await;
            waiting.close();
            closed(&mut closing).await;
        };
        stopping.await;
        let ended = tokio::time::timeout(GRACE, serving).await;
        let served = match ended {
            Ok(Err(error)) => Err(io::Error::other(error)),
            Ok(Ok(())) | Err(_) => Ok(()),
        };
        following.abort();
        for task in [watching, sweeping] {
            // A task that panicked has said so already, and the store is closed in any case.
            _ = tokio::time::timeout(GRACE, task).await;
        }
        store.close().await;
        served
    }
}

async fn sweep_until_closed(app: Shared, every: Duration) {
    let mut closing = app.waiting.closing();
    loop {
        app.gate.sweep().await;
        tokio::select! {
            () = closed(&mut closing) => return,
            () = tokio::time::sleep(every) => {}
        }
    }
}

/// Runs the server until it is told to stop by SIGINT or SIGTERM. `ready` is called once it listens.
///
/// # Errors
/// When it cannot start.
pub fn run(config: Config, ready: impl FnOnce(&Server)) -> Result<(), StartError> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(StartError::System)?;
    let ran = runtime.block_on(async {
        // From here on a signal stops the server in order, also while it starts.
        let stop = stop_signal().map_err(StartError::System)?;
        let server = Server::open(&config, Arc::new(SystemClock)).await?;
        print_banner(&config, &server);
        ready(&server);
        server.serve(stop).await.map_err(StartError::System)
    });
    // A thread that waits for a file system which never answers must not keep the program from ending.
    runtime.shutdown_timeout(LAST_WAIT);
    ran
}

fn policies_help(error: &PolicyError) -> &'static str {
    match error {
        PolicyError::Folder(_) | PolicyError::NotChanged { .. } => {
            "see that the folder can be read, and that it has at most 1,000 policy files"
        }
        PolicyError::Store(_) => "see that the database and its folder can be written",
        PolicyError::Engine(_) => "this build cannot decide anything on this machine",
        PolicyError::Invalid(_)
        | PolicyError::BadName(_)
        | PolicyError::NotFound(_)
        | PolicyError::NoTests(_)
        | PolicyError::InvalidTests(_)
        | PolicyError::PreconditionRequired
        | PolicyError::PreconditionFailed(_)
        | PolicyError::NotRead(_)
        | PolicyError::Unsettled => "`faramesh policy check` says what is wrong with the files",
    }
}

/// The port of all listeners, which is one.
fn port_of(addresses: &[SocketAddr]) -> u16 {
    addresses.first().map_or(0, SocketAddr::port)
}

async fn listen(config: &Config) -> Result<Vec<TcpListener>, StartError> {
    let mut port = config.port;
    let mut listeners: Vec<TcpListener> = Vec::new();
    for &host in &config.hosts {
        match TcpListener::bind((host, port)).await {
            Ok(listener) => {
                port = listener.local_addr().map_err(StartError::System)?.port();
                listeners.push(listener);
            }
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                return Err(StartError::PortInUse { host, port });
            }
            // A machine without IPv6 has one loopback address.
            Err(error) if !listeners.is_empty() && has_no_such_address(&error) => {}
            Err(error) => return Err(StartError::Listen { host, port, error }),
        }
    }
    Ok(listeners)
}

fn has_no_such_address(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
        || error.raw_os_error() == Some(97) // EAFNOSUPPORT
}

fn database_error(config: &Config, error: StoreError) -> StartError {
    let path = config.db.clone();
    match error {
        StoreError::TooNew { .. } => StartError::DatabaseTooNew { path, error },
        StoreError::InUse(_) | StoreError::StreamTaken(_) => StartError::DatabaseInUse(path),
        error => StartError::Database { path, error },
    }
}

/// Prints the facts for the person who starts the server. A server whose standard output is closed or full still runs.
fn print_banner(config: &Config, server: &Server) {
    let mut out = io::stdout().lock();
    let written = out.write_all(banner(config, server).as_bytes()).and_then(|()| out.flush());
    if let Err(error) = written {
        tracing::warn!(%error, addresses = ?server.addresses, "the start could not be told on standard output");
    }
}

fn banner(config: &Config, server: &Server) -> String {
    let set = server.app.policies.in_force();
    let hash = set.policy_hash().to_hex();
    let folder = config.policies.display();
    let policies = match set.sources.len() {
        0 => format!("none in `{folder}`: every action halts"),
        1 => format!("1 file in `{folder}`, hash {hash}"),
        files => format!("{files} files in `{folder}`, hash {hash}"),
    };
    let mut lines = vec![format!("Faramesh {}", env!("CARGO_PKG_VERSION"))];
    lines.extend(server.addresses.iter().map(|address| format!("  listening  http://{address}")));
    lines.extend([format!("  dashboard  {}", server.dashboard_link()), format!("  policies   {policies}")]);
    if let Some(trouble) = server.app.policies.trouble() {
        lines.push(format!("             {}; see `faramesh policy check`", trouble.reason));
    }
    lines.push(format!("  database   {}", config.db.display()));
    if server.app.keys.admin_id().is_some() && config.admin_key_file().is_file() {
        lines.push(format!("  admin key  {}", config.admin_key_file().display()));
    }
    lines.push(format!("  engine     {}", server.app.policies.module().hash().to_hex()));
    lines.join("\n") + "\n"
}

#[cfg(unix)]
fn stop_signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    // SIGXFSZ, which ends a process by default, is sent when a file may not grow any further. With a handler, that
    // write fails instead, and the action that was to be recorded halts. The signal itself is ignored.
    #[cfg(target_os = "linux")]
    drop(signal(SignalKind::from_raw(25))?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn stop_signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
