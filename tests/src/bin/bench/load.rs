//! Clients that keep one connection each and send the next request when the last is answered.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::engine_bench::action;
use crate::quantile;

/// The result of a run of clients.
pub(crate) struct Seen {
    pub(crate) per_second: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) requests: usize,
}

#[derive(Clone, Copy)]
pub(crate) enum Request {
    Health,
    Submit,
}

/// Runs `clients` for `duration`; each answer must be a 200.
pub(crate) fn run(
    address: SocketAddr,
    request: Request,
    clients: usize,
    duration: Duration,
) -> Result<Seen, String> {
    let stop = AtomicBool::new(false);
    let number = AtomicUsize::new(0);
    let started = Instant::now();
    let (times, seconds) = thread::scope(|scope| {
        let running: Vec<_> =
            (0..clients).map(|_| scope.spawn(|| client(address, request, &stop, &number))).collect();
        thread::sleep(duration);
        stop.store(true, Ordering::Relaxed);
        let mut times: Vec<f64> = Vec::new();
        for one in running {
            times.extend(one.join().map_err(|_| "a client panicked".to_owned())??);
        }
        Ok::<_, String>((times, started.elapsed().as_secs_f64()))
    })?;
    let mut times = times;
    Ok(Seen {
        per_second: times.len() as f64 / seconds,
        p50_us: quantile(&mut times, 0.5),
        p99_us: quantile(&mut times, 0.99),
        requests: times.len(),
    })
}

/// Sends so many actions with `clients` connections.
pub(crate) fn send(address: SocketAddr, clients: usize, count: usize) -> Result<(), String> {
    let stop = AtomicBool::new(false);
    let number = AtomicUsize::new(0);
    thread::scope(|scope| {
        let running: Vec<_> =
            (0..clients).map(|_| scope.spawn(|| client(address, Request::Submit, &stop, &number))).collect();
        while number.load(Ordering::Relaxed) < count && running.iter().any(|one| !one.is_finished()) {
            thread::sleep(Duration::from_millis(5));
        }
        stop.store(true, Ordering::Relaxed);
        for one in running {
            one.join().map_err(|_| "a client panicked".to_owned())??;
        }
        Ok(())
    })
}

fn client(
    address: SocketAddr,
    request: Request,
    stop: &AtomicBool,
    number: &AtomicUsize,
) -> Result<Vec<f64>, String> {
    let failed = |error: std::io::Error| error.to_string();
    let stream = TcpStream::connect(address).map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    let mut reader = BufReader::new(stream.try_clone().map_err(failed)?);
    let mut writer = stream;
    let (mut times, mut line, mut body) = (Vec::new(), String::new(), Vec::new());
    while !stop.load(Ordering::Relaxed) {
        let bytes = match request {
            Request::Health => format!("GET /health HTTP/1.1\r\nHost: {address}\r\n\r\n"),
            Request::Submit => {
                let body = action(number.fetch_add(1, Ordering::Relaxed));
                format!(
                    "POST /v1/actions HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
                     Content-Length: {}\r\n\r\n{body}",
                    body.len()
                )
            }
        };
        let sent = Instant::now();
        writer.write_all(bytes.as_bytes()).map_err(failed)?;
        line.clear();
        reader.read_line(&mut line).map_err(failed)?;
        if !line.starts_with("HTTP/1.1 200") {
            return Err(format!("the server answered {}", line.trim()));
        }
        let mut length = 0;
        loop {
            line.clear();
            reader.read_line(&mut line).map_err(failed)?;
            let header = line.trim();
            if header.is_empty() {
                break;
            }
            if let Some((name, value)) = header.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().map_err(|_| "a length that is none".to_owned())?;
            }
        }
        body.resize(length, 0);
        reader.read_exact(&mut body).map_err(failed)?;
        times.push(sent.elapsed().as_secs_f64() * 1e6);
    }
    Ok(times)
}
