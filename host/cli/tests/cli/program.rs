//! Runs the real program in a folder of its own, with an environment that holds nothing else.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, Output, Stdio};

use tempfile::TempDir;

/// A folder to work in.
pub(crate) struct Place {
    dir: TempDir,
}

/// The output and exit of a run.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        Place { dir: tempfile::tempdir().unwrap() }
    }

    /// A folder with what `faramesh init` writes.
    pub(crate) fn initialized() -> Self {
        let place = Place::new();
        assert_eq!(place.run(&["init"]).code, 0);
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_faramesh"));
        command
            .args(args)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.dir.path())
            .env("LANG", "C.UTF-8")
            .env("TZ", "UTC")
            // Compiled once for all tests.
            .env("FARAMESH_CACHE_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("engine-cache"))
            .current_dir(self.dir.path())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Run {
        Run::of(self.command(args).output().unwrap())
    }

    pub(crate) fn run_with(&self, args: &[&str], variables: &[(&str, &str)]) -> Run {
        Run::of(self.command(args).envs(variables.iter().copied()).output().unwrap())
    }

    pub(crate) fn run_on(&self, args: &[&str], input: &str) -> Run {
        let mut command = self.command(args);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        Run::of(child.wait_with_output().unwrap())
    }

    /// The run as one text for a snapshot; the folder and digests are masked.
    pub(crate) fn shown(&self, args: &[&str]) -> String {
        self.masked(&self.run(args))
    }

    pub(crate) fn masked(&self, run: &Run) -> String {
        let mut text = format!("exit {}\n", run.code);
        for (name, output) in [("stdout", &run.out), ("stderr", &run.err)] {
            if !output.is_empty() {
                let _ = write!(text, "--- {name}\n{output}");
            }
        }
        mask_digests(&text.replace(&*self.dir.path().to_string_lossy(), "DIR"))
    }
}

impl Run {
    fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Run { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}\n{}", self.out, self.err))
    }
}

/// Every run of 64 hexadecimal digits becomes `<sha256>`: it changes with the engine's version.
fn mask_digests(text: &str) -> String {
    let (mut out, mut digits) = (String::new(), String::new());
    for c in text.chars().chain(['\0']) {
        if c.is_ascii_digit() || ('a'..='f').contains(&c) {
            digits.push(c);
            continue;
        }
        out.push_str(if digits.len() == 64 { "<sha256>" } else { &digits });
        digits.clear();
        out.push(c);
    }
    out.pop();
    // In YAML a digest is quoted only where it starts with a digit.
    out.replace("\"<sha256>\"", "<sha256>")
}

/// A program that keeps running; it ends with the test.
pub(crate) struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
    err: BufReader<ChildStderr>,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let err = BufReader::new(child.stderr.take().unwrap());
        Running { child, out, err }
    }

    /// The next line of standard output.
    pub(crate) fn out_line(&mut self) -> String {
        let mut line = String::new();
        if self.out.read_line(&mut line).unwrap() == 0 {
            let mut rest = String::new();
            self.err.read_to_string(&mut rest).unwrap();
            panic!("the program has ended: {rest}");
        }
        line.trim_end().to_owned()
    }

    /// The next line of standard error that holds `text`.
    pub(crate) fn wait_for_message(&mut self, text: &str) {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            assert_ne!(self.err.read_line(&mut line).unwrap(), 0, "the program has ended without `{text}`");
        }
    }

    /// Asks it to end, as Ctrl-C (`INT`) or a service manager (`TERM`) does, and gives its exit code.
    pub(crate) fn signal(&mut self, name: &str) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server on a free port.
pub(crate) struct Server {
    pub(crate) url: String,
    /// Where it says that a person begins.
    pub(crate) dashboard: String,
    running: Running,
}

impl Server {
    pub(crate) fn start(place: &Place) -> Self {
        Server::with(place, &[], &[])
    }

    pub(crate) fn with(place: &Place, args: &[&str], variables: &[(&str, &str)]) -> Self {
        let args = [&["server", "start", "--port", "0"], args].concat();
        let mut command = place.command(&args);
        command.envs(variables.iter().copied());
        let mut running = Running::start(command);
        let mut said = |what: &str| loop {
            if let Some(said) = running.out_line().trim_start().strip_prefix(what) {
                break said.trim().to_owned();
            }
        };
        let (url, dashboard) = (said("listening"), said("dashboard"));
        Server { url, dashboard, running }
    }

    /// Runs a command against this server.
    pub(crate) fn run(&self, place: &Place, args: &[&str]) -> Run {
        place.run_with(args, &[("FARAMESH_URL", &self.url)])
    }

    /// Ends it at once, as SIGKILL does.
    pub(crate) fn kill(mut self) {
        assert_eq!(self.running.signal("KILL"), None);
    }

    /// Stops it in order.
    pub(crate) fn stop(mut self) {
        assert_eq!(self.running.signal("TERM"), Some(0));
    }
}
