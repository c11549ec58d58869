//! The server: recorded decisions over HTTP compared with the same server's `/health`, its start and its memory.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::load::{self, Request};
use crate::quantile;

/// A running server; ended when it is dropped.
struct Server {
    child: Child,
    address: SocketAddr,
    to_first_answer_ms: f64,
}

impl Drop for Server {
    fn drop(&mut self) {
        // A server that is gone already has nothing left to end.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

impl Server {
    fn start(folder: &Path) -> Result<Self, String> {
        let failed = |error: std::io::Error| error.to_string();
        let program = conformance::repository().join("target/release/faramesh");
        let started = Instant::now();
        let mut child = Command::new(&program)
            .args(["server", "start", "--port", "0", "--db", "bench.db", "--policies", "policies"])
            .current_dir(folder)
            .env("FARAMESH_LOG", "error")
            .env("FARAMESH_CACHE_DIR", folder.join("cache"))
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}; `cargo xtask build` makes it", program.display()))?;
        let mut output = BufReader::new(child.stdout.take().ok_or("no output")?);
        let mut line = String::new();
        let address = loop {
            line.clear();
            if output.read_line(&mut line).map_err(failed)? == 0 {
                return Err("the server ended before it said where it listens".into());
            }
            if let Some((_, rest)) = line.split_once("http://") {
                let address: String =
                    rest.chars().take_while(|c| c.is_ascii_digit() || matches!(c, '.' | ':')).collect();
                if let Ok(address) = address.parse() {
                    break address;
                }
            }
        };
        let mut server = Server { child, address, to_first_answer_ms: 0.0 };
        let mut stream = TcpStream::connect(server.address).map_err(failed)?;
        let body = crate::engine_bench::action(0);
        let request = format!(
            "POST /v1/actions HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            server.address,
            body.len()
        );
        stream.write_all(request.as_bytes()).map_err(failed)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map_err(failed)?;
        if !answer.contains("\"outcome\"") {
            return Err(format!("the first answer was {answer}"));
        }
        server.to_first_answer_ms = started.elapsed().as_secs_f64() * 1e3;
        // The rest of its output is read, so that it never blocks on a full pipe.
        std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        Ok(server)
    }

    /// Resident memory in megabytes; Linux only.
    fn resident_mb(&self) -> Option<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        let kilobytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kilobytes / 1024.0)
    }
}

pub(crate) fn run(quick: bool) -> Result<Value, String> {
    let failed = |error: std::io::Error| error.to_string();
    let folder = tempfile::Builder::new()
        .prefix("bench-")
        .tempdir_in(conformance::repository().join("target"))
        .map_err(failed)?;
    fs::create_dir(folder.path().join("policies")).map_err(failed)?;
    let policy = "rules:\n  - { match: { tool: process_refund, amount_lte: 1000 }, allow: true }\n";
    fs::write(folder.path().join("policies/bench.yaml"), policy).map_err(failed)?;

    let fsync_us = lone_fsync(folder.path()).map_err(failed)?;
    let cold = Server::start(folder.path())?.to_first_answer_ms;
    let mut warm: Vec<f64> = Vec::new();
    for _ in 0..if quick { 2 } else { 5 } {
        warm.push(Server::start(folder.path())?.to_first_answer_ms);
    }
    let warm = quantile(&mut warm, 0.5);

    let server = Server::start(folder.path())?;
    let duration = Duration::from_secs_f64(if quick { 1.0 } else { 3.0 });
    println!("\nrecorded decisions over HTTP, each on stable storage before it is answered");
    println!("  a lone fdatasync of 4 KiB in this folder: {fsync_us:.0} µs (median)");
    println!(
        "  {:>7} {:>14} {:>10} {:>10} {:>14} {:>10} {:>10} {:>8}",
        "clients", "decisions/s", "p50 µs", "p99 µs", "/health per s", "p50 µs", "p99 µs", "share"
    );
    let mut rows = Vec::new();
    for clients in [1, 8, 64] {
        // In turn, so that a slow moment of the machine meets both.
        let (mut decisions, mut healths, mut shares) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..if quick { 1 } else { 3 } {
            let health = load::run(server.address, Request::Health, clients, duration)?;
            let decided = load::run(server.address, Request::Submit, clients, duration)?;
            shares.push(decided.per_second / health.per_second);
            decisions.push(decided);
            healths.push(health);
        }
        let median = |seen: &[load::Seen], of: fn(&load::Seen) -> f64| {
            quantile(&mut seen.iter().map(of).collect::<Vec<_>>(), 0.5)
        };
        let share = quantile(&mut shares, 0.5);
        let parts: [fn(&load::Seen) -> f64; 3] = [|s| s.per_second, |s| s.p50_us, |s| s.p99_us];
        let decided = parts.map(|of| median(&decisions, of));
        let health = parts.map(|of| median(&healths, of));
        println!(
            "  {clients:>7} {:>14.0} {:>10.0} {:>10.0} {:>14.0} {:>10.0} {:>10.0} {share:>8.2}",
            decided[0], decided[1], decided[2], health[0], health[1], health[2]
        );
        rows.push(json!({
            "clients": clients, "decisions_per_second": decided[0], "p50_us": decided[1], "p99_us": decided[2],
            "health_per_second": health[0], "health_p50_us": health[1], "health_p99_us": health[2],
            "share_of_health": share, "requests": decisions.iter().map(|s| s.requests).sum::<usize>(),
        }));
    }
    let many = if quick { 5_000 } else { 100_000 };
    load::send(server.address, 64, many)?;
    let resident = server.resident_mb();
    println!(
        "  start to first answer: {cold:.0} ms the first time, {warm:.0} ms with the compiled module kept"
    );
    if let Some(resident) = resident {
        println!("  resident memory after more than {many} actions: {resident:.0} MB");
    }
    Ok(json!({
        "fdatasync_us": fsync_us, "start_cold_ms": cold, "start_warm_ms": warm, "load": rows,
        "resident_mb": resident, "actions_at_least": many,
    }))
}

fn lone_fsync(folder: &Path) -> std::io::Result<f64> {
    let mut file = File::create(folder.join("fsync"))?;
    let mut times = Vec::new();
    for _ in 0..100 {
        file.write_all(&[0; 4096])?;
        let started = Instant::now();
        file.sync_data()?;
        times.push(started.elapsed().as_secs_f64() * 1e6);
    }
    Ok(quantile(&mut times, 0.5))
}
