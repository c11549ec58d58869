//! The real program: run to its end, or kept running as a server that ends with its owner.

use std::io::{BufRead, BufReader, Read};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{LazyLock, mpsc};
use std::time::{Duration, Instant};

use serde_json::Value;
use ureq::Agent;

use crate::wasmtime::{MODULE, cache_dir};

/// How long anything may take that is waited for.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// The program: `FARAMESH_BIN`, else the one that was built with the tests.
fn binary() -> PathBuf {
    let beside = || {
        let tests = std::env::current_exe().unwrap();
        let folder = tests.parent().and_then(Path::parent).unwrap();
        folder.join(format!("faramesh{}", std::env::consts::EXE_SUFFIX))
    };
    let path = std::env::var_os("FARAMESH_BIN").map_or_else(beside, PathBuf::from);
    assert!(
        path.is_file(),
        "there is no program at `{}`; run `cargo build -p cli` first, or `cargo xtask test`, which does so",
        path.display()
    );
    path
}

/// A command that runs in `folder` and sees nothing of the environment of the tests.
pub(crate) fn faramesh(folder: &Path, arguments: &[&str]) -> Command {
    isolated(Command::new(binary()), folder, arguments)
}

/// The program with files limited to `blocks` of 512 or, where the shell counts so, 1024 bytes.
#[cfg(unix)]
pub(crate) fn faramesh_with_small_files(blocks: u32, folder: &Path, arguments: &[&str]) -> Command {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(r#"ulimit -c 0; ulimit -f "$0"; exec "$@""#).arg(blocks.to_string()).arg(binary());
    isolated(shell, folder, arguments)
}

fn isolated(mut command: Command, folder: &Path, arguments: &[&str]) -> Command {
    // Programs that start at once would each compile it.
    LazyLock::force(&MODULE);
    command
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", folder)
        .env("FARAMESH_CACHE_DIR", cache_dir())
        .env("FARAMESH_LOG", "error")
        .current_dir(folder)
        .stdin(Stdio::null());
    command
}

/// The output and exit of a run.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs a command to its end, and kills it when that does not come.
pub(crate) fn run(mut command: Command) -> Run {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (out, err) = (read(child.stdout.take().unwrap()), read(child.stderr.take().unwrap()));
    let (Ok(out), Ok(err)) = (out.recv_timeout(DEADLINE), err.recv_timeout(DEADLINE)) else {
        child.kill().unwrap();
        panic!("{command:?} does not end");
    };
    Run { code: child.wait().unwrap().code(), out, err }
}

/// Reads to the end, while another thread waits for the process.
fn read(mut from: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (read, reading) = mpsc::channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        from.read_to_string(&mut text).unwrap();
        // The receiver may be gone.
        _ = read.send(text);
    });
    reading
}

/// Makes a folder to serve from: `policies/` with these files.
pub(crate) fn place(policies: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("policies")).unwrap();
    for (name, text) in policies {
        std::fs::write(folder.path().join("policies").join(name), text).unwrap();
    }
    folder
}

/// The arguments of a server on a free port.
pub(crate) const SERVE: [&str; 8] =
    ["server", "start", "--port", "0", "--db", "data/faramesh.db", "--policies", "policies"];

/// A server of its own process. It is killed when this is dropped.
pub(crate) struct Server {
    child: Child,
    client: Client,
}

impl Server {
    /// A server over a folder that [`place`] made, or that another server used before.
    pub(crate) fn start(folder: &Path) -> Self {
        Server::of(faramesh(folder, &SERVE), folder)
    }

    /// Waits until the server that `command` starts says where it listens.
    pub(crate) fn of(mut command: Command, folder: &Path) -> Self {
        let log = folder.join("server.log");
        let log_file = std::fs::File::create(&log).unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(log_file).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (said, saying) = mpsc::channel();
        // It reads on to the end, so that the server never waits for a reader.
        std::thread::spawn(move || {
            while let Some(Ok(line)) = lines.next() {
                if let Some(url) = line.trim_start().strip_prefix("listening") {
                    _ = said.send(url.trim().to_owned());
                }
            }
        });
        let Ok(url) = saying.recv_timeout(DEADLINE) else {
            _ = child.kill();
            let status = child.wait();
            panic!("the server did not start: {status:?}\n{}", std::fs::read_to_string(log).unwrap());
        };
        let admin = std::fs::read_to_string(folder.join("data/admin.key")).unwrap().trim().to_owned();
        let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(DEADLINE));
        Server { child, client: Client { url, admin, agent: config.build().into() } }
    }

    /// The process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// How the process ended; none while it runs.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Ends the process at once, as SIGKILL does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks the process to stop, and waits until it has.
    #[cfg(unix)]
    pub(crate) fn stop(&mut self) -> ExitStatus {
        let ask = format!("kill -TERM {}", self.child.id());
        assert!(Command::new("sh").arg("-c").arg(ask).status().unwrap().success());
        until("the server to stop", || self.ended())
    }
}

impl Deref for Server {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// Asks a server.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) url: String,
    pub(crate) admin: String,
    agent: Agent,
}

impl Client {
    /// A request.
    ///
    /// # Errors
    /// When there is no whole answer.
    pub(crate) fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Result<Reply, ureq::Error> {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = match body {
            Some(body) => {
                let request = request.header("content-type", "application/json");
                self.agent.run(request.body(body.to_vec()).unwrap())?
            }
            None => self.agent.run(request.body(()).unwrap())?,
        };
        let body = response.body_mut().with_config().limit(1 << 30).read_to_string()?;
        Ok(Reply { status: response.status().as_u16(), body })
    }

    /// A request by a caller without a key.
    pub(crate) fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, &[], None).unwrap()
    }

    /// A request by a caller without a key.
    pub(crate) fn post(&self, path: &str, body: &[u8]) -> Reply {
        self.ask("POST", path, &[], Some(body)).unwrap()
    }

    /// A request by the admin.
    pub(crate) fn get_as_admin(&self, path: &str) -> Reply {
        self.ask("GET", path, &[("authorization", &self.bearer())], None).unwrap()
    }

    /// The value of the admin's header `Authorization`.
    pub(crate) fn bearer(&self) -> String {
        format!("Bearer {}", self.admin)
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn value(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The body of an answer that says yes.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert!((200..300).contains(&self.status), "{} {}", self.status, self.body);
        self.value()
    }
}

/// Waits until `condition` gives something.
pub(crate) fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(started.elapsed() < DEADLINE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
