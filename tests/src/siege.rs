//! Attacks on a server that answers without a key, all at once, and how it fares meanwhile: its memory, how fast it says
//! that it is alive, and whether an ordinary agent still gets its decisions.
//!
//! The program `siege` runs this at full size; a test does at a small one. Nothing here knows how the server defends
//! itself.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The policy of the server under attack: one rule that takes long over a long text.
pub const POLICY: &str = r#"
rules:
  - match: { tool: scan, text_matches: "(?i)(aws|gcp|azure)?.{0,20}(secret|token|passwd|password).{0,20}[=:]" }
    deny: true
  - { match: { tool: scan }, allow: true }
  - { match: { tool: send_email }, allow: true }
"#;

/// How much there is of everything.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// How many of each attack run at once.
    pub each: usize,
    /// How many connections each of those holds that hold any.
    pub connections: usize,
    /// How many actions of nearly a mebibyte are there to be listed.
    pub large: usize,
    /// How long it lasts.
    pub lasts: Duration,
    /// Only the attacks whose name holds this; all of them for an empty text.
    pub only: &'static str,
}

/// How the server fared.
#[derive(Debug)]
pub struct Figures {
    /// The most memory that was resident, in MiB.
    pub resident_mib: u64,
    /// How long `/health` took, sorted.
    pub health: Vec<Duration>,
    /// How long an ordinary decision took, sorted.
    pub decisions: Vec<Duration>,
    /// Ordinary decisions that were not answered with `EXECUTE`.
    pub undecided: u64,
    /// How many requests of each attack were answered.
    pub answered: Vec<(&'static str, u64)>,
}

impl Figures {
    /// The middle one of sorted times.
    pub fn median(times: &[Duration]) -> Duration {
        times.get(times.len() / 2).copied().unwrap_or(Duration::MAX)
    }
}

/// An attack: its name, and one round of it. It returns the number of answers.
type Attack = (&'static str, fn(&Siege<'_>) -> io::Result<u64>);

const ATTACKS: [Attack; 8] = [
    ("bodies of one-byte chunks", one_byte_chunks),
    ("half headers", half_headers),
    ("idle connections", idle_connections),
    ("readers of events that read nothing", silent_readers),
    ("lists of large actions", large_lists),
    ("expensive decisions", expensive_decisions),
    ("unknown prefixes", unknown_prefixes),
    ("checks of policies", policy_checks),
];

struct Siege<'a> {
    server: SocketAddr,
    /// The key of a viewer, for what needs one.
    key: &'a str,
    plan: Plan,
    over: AtomicBool,
}

/// Attacks the server at `server`, whose process is `process`. `key` may see everything.
///
/// # Errors
/// When the large actions cannot be submitted.
pub fn besiege(server: SocketAddr, process: u32, key: &str, plan: Plan) -> io::Result<Figures> {
    for _ in 0..plan.large {
        let answer = ask(server, &post("/v1/actions", &action("send_email", "x", 1_000_000)))?;
        if !answer.starts_with("HTTP/1.1 200") {
            return Err(io::Error::other(answer.chars().take(400).collect::<String>()));
        }
    }
    let siege = Siege { server, key, plan, over: AtomicBool::new(false) };
    let answered: Vec<AtomicU64> = ATTACKS.iter().map(|_| AtomicU64::new(0)).collect();
    let (health, decisions, undecided) = std::thread::scope(|scope| {
        for ((name, attack), answered) in ATTACKS.iter().zip(&answered) {
            if !name.contains(plan.only) {
                continue;
            }
            for _ in 0..plan.each {
                let siege = &siege;
                scope.spawn(move || {
                    while !siege.is_over() {
                        // A refused connection is an answer too; what counts is measured elsewhere.
                        let round = attack(siege).unwrap_or_else(|_| {
                            std::thread::yield_now();
                            0
                        });
                        answered.fetch_add(round, Ordering::Relaxed);
                    }
                });
            }
        }
        let siege = &siege;
        let health = scope.spawn(move || siege.measure(&get("/health", ""), "\"ok\"").0);
        let ordinary = post("/v1/actions", &action("send_email", "hello", 1));
        let (decisions, undecided) = siege.measure(&ordinary, "\"EXECUTE\"");
        (health.join().unwrap_or_default(), decisions, undecided)
    });
    let names = ATTACKS.iter().map(|(name, _)| *name);
    Ok(Figures {
        resident_mib: most_resident_mib(process)?,
        health,
        decisions,
        undecided,
        answered: names.zip(answered.into_iter().map(AtomicU64::into_inner)).collect(),
    })
}

impl Siege<'_> {
    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Asks the same again and again until the time is up; how long the right answers took, sorted, and how many were none.
    fn measure(&self, request: &str, right: &str) -> (Vec<Duration>, u64) {
        let began = Instant::now();
        let (mut took, mut wrong) = (Vec::new(), 0);
        while began.elapsed() < self.plan.lasts {
            let asked = Instant::now();
            match ask(self.server, request) {
                Ok(answer) if answer.contains(right) => took.push(asked.elapsed()),
                Ok(_) | Err(_) => wrong += 1,
            }
            // Not an attack of its own: a probe now and then.
            std::thread::sleep(Duration::from_millis(20));
        }
        self.over.store(true, Ordering::Relaxed);
        took.sort();
        (took, wrong)
    }

    fn open(&self, request: &[u8]) -> io::Result<TcpStream> {
        let mut stream = connect(self.server)?;
        stream.write_all(request)?;
        Ok(stream)
    }

    /// Opens connections, sends `start` on each, and holds them until the time is up or the server has closed most.
    fn hold(&self, connections: usize, start: &str) -> io::Result<u64> {
        let mut held = Vec::new();
        let mut opened = 0;
        while !self.is_over() {
            while held.len() < connections && !self.is_over() {
                match self.open(start.as_bytes()) {
                    Ok(stream) => held.push(stream),
                    Err(_) => break,
                }
                opened += 1;
            }
            std::thread::sleep(Duration::from_millis(50));
            held.retain(|stream: &TcpStream| !is_closed(stream));
        }
        Ok(opened)
    }
}

fn one_byte_chunks(siege: &Siege<'_>) -> io::Result<u64> {
    let head = format!(
        "POST /v1/records HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
        siege.server
    );
    let mut stream = siege.open(head.as_bytes())?;
    let piece = "1\r\nx\r\n".repeat(4096);
    // Eight million pieces are forty-eight megabytes on the wire, and eight once they are taken in.
    for _ in 0..2048 {
        if siege.is_over() || stream.write_all(piece.as_bytes()).is_err() {
            break;
        }
    }
    _ = stream.write_all(b"0\r\n\r\n");
    read_all(stream).map(|_| 1)
}

fn half_headers(siege: &Siege<'_>) -> io::Result<u64> {
    siege.hold(siege.plan.connections, "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: ")
}

fn idle_connections(siege: &Siege<'_>) -> io::Result<u64> {
    siege.hold(siege.plan.connections, "")
}

fn silent_readers(siege: &Siege<'_>) -> io::Result<u64> {
    let first = ask(siege.server, &get("/v1/records?limit=1", siege.key))?;
    let stream =
        first.split("\"stream\":\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
    let start =
        format!("GET /v1/events HTTP/1.1\r\nHost: {}\r\nLast-Event-ID: {stream}:0\r\n\r\n", siege.server);
    siege.hold(siege.plan.connections.div_ceil(4), &start)
}

fn large_lists(siege: &Siege<'_>) -> io::Result<u64> {
    ask(siege.server, &get("/v1/actions?limit=500", "")).map(|_| 1)
}

fn expensive_decisions(siege: &Siege<'_>) -> io::Result<u64> {
    ask(siege.server, &post("/v1/gate/decide", &action("scan", "word ", 180_000))).map(|_| 1)
}

fn unknown_prefixes(siege: &Siege<'_>) -> io::Result<u64> {
    ask(siege.server, &get("/v1/actions/deadbeef", "")).map(|_| 1)
}

fn policy_checks(siege: &Siege<'_>) -> io::Result<u64> {
    let rules: String =
        (0..5000).map(|n| format!("- {{ match: {{ tool: t{n}, a_gt: {n} }}, deny: true }}\\n")).collect();
    let body = format!("{{\"text\":\"rules:\\n{rules}\"}}");
    let head = format!(
        "POST /v1/policies/check HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        siege.key,
        body.len()
    );
    ask(siege.server, &(head + &body)).map(|_| 1)
}

/// The action, as JSON: `word` so many times.
fn action(tool: &str, word: &str, times: usize) -> String {
    format!(
        "{{\"agent_id\":\"ordinary\",\"tool\":\"{tool}\",\"params\":{{\"text\":\"{}\"}}}}",
        word.repeat(times)
    )
}

fn get(path: &str, key: &str) -> String {
    let key = if key.is_empty() { String::new() } else { format!("Authorization: Bearer {key}\r\n") };
    format!("GET {path} HTTP/1.1\r\nHost: HOST\r\n{key}Connection: close\r\n\r\n")
}

fn post(path: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )
}

fn connect(server: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&server, Duration::from_secs(5))?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    stream.set_write_timeout(Some(Duration::from_secs(60)))?;
    Ok(stream)
}

/// Sends a request and gives the whole answer.
fn ask(server: SocketAddr, request: &str) -> io::Result<String> {
    let mut stream = connect(server)?;
    stream.write_all(request.replacen("HOST", &server.to_string(), 1).as_bytes())?;
    read_all(stream)
}

fn read_all(mut stream: TcpStream) -> io::Result<String> {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Whether the other side has closed a connection on which it has nothing to say.
fn is_closed(stream: &TcpStream) -> bool {
    let mut byte = [0];
    _ = stream.set_nonblocking(true);
    let peeked = stream.peek(&mut byte);
    _ = stream.set_nonblocking(false);
    match peeked {
        Ok(read) => read == 0,
        Err(error) => error.kind() != io::ErrorKind::WouldBlock,
    }
}

/// The most memory of a process so far, `VmHWM` of `/proc/PID/status`.
fn most_resident_mib(process: u32) -> io::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib =
        line.and_then(|line| line.trim().strip_suffix(" kB")).and_then(|kib| kib.trim().parse::<u64>().ok());
    kib.map(|kib| kib.div_ceil(1024))
        .ok_or_else(|| io::Error::other("the system does not say how much is resident"))
}
