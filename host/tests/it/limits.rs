//! The limits of one caller: bodies, connections, streams, pages.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::app::{POLICY, TestApp, id};

fn connect(app: &TestApp) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", app.port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// Sends the start of a request on a connection of its own.
fn begin(app: &TestApp, request: &str) -> TcpStream {
    let mut stream = connect(app);
    stream.write_all(request.replace("HOST", &format!("127.0.0.1:{}", app.port)).as_bytes()).unwrap();
    stream
}

fn rest(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    // A connection that is reset has no more to say.
    _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// An action of nearly a mebibyte.
fn large(number: usize) -> Value {
    json!({ "agent_id": "a", "tool": "send_email", "params": { "n": number, "text": "x".repeat(1_000_000) } })
}

#[test]
fn a_wrong_key_is_refused_before_the_body_is_there() {
    let app = TestApp::start();
    let asked = Instant::now();
    let stream = begin(
        &app,
        "POST /v1/records HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer x\r\nContent-Length: 8000000\r\n\
         Connection: close\r\n\r\n{",
    );
    let answer = rest(stream);
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert!(asked.elapsed() < Duration::from_secs(10), "a body is waited for 30 seconds");
}

#[test]
fn who_has_no_key_where_one_is_needed_brings_no_body() {
    let app = TestApp::start();
    app.key("bot", "agent");
    for path in ["/v1/actions", "/v1/records", "/v1/policies/check"] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: HOST\r\nContent-Length: 900000\r\nConnection: close\r\n\r\n{{"
        );
        let answer = rest(begin(&app, &head));
        assert!(answer.starts_with("HTTP/1.1 401 ") && answer.contains("key_required"), "{path}: {answer}");
    }
    // A link for approvals comes without a key, and with no more than fits one.
    let long = json!({ "approve": true, "token": "t", "reason": "x".repeat(20_000) });
    app.post("/v1/actions/00000000/approval").json(&long).send().problem(413, "body_too_large");
    app.post("/v1/session").json(&json!({ "key": "x".repeat(20_000) })).send().problem(413, "body_too_large");
}

#[test]
fn a_body_in_pieces_of_a_byte_is_read_like_any_other() {
    let app = TestApp::start();
    let body = json!({ "agent_id": "a", "tool": "send_email", "params": { "text": "x".repeat(40_000) } })
        .to_string();
    let mut stream = begin(
        &app,
        "POST /v1/actions HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
    );
    let pieces: String = body.chars().map(|char| format!("1\r\n{char}\r\n")).collect();
    stream.write_all(format!("{pieces}0\r\n\r\n").as_bytes()).unwrap();
    let answer = rest(stream);
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("EXECUTE"), "{answer}");
}

#[test]
fn two_hosts_in_one_request_are_none() {
    let app = TestApp::start();
    for second in ["HOST", "evil.example"] {
        let request =
            format!("GET /health HTTP/1.1\r\nHost: HOST\r\nHost: {second}\r\nConnection: close\r\n\r\n");
        let answer = rest(begin(&app, &request));
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("invalid_host"), "{answer}");
    }
}

#[test]
fn silent_connections_end() {
    let app = TestApp::configured(&[("support-agent.yaml", POLICY)], |config| {
        config.head_time = Duration::from_millis(200);
    });
    for start in ["", "GET /health HTTP/1.1\r\nHost: "] {
        let answer = rest(begin(&app, start));
        assert!(!answer.contains("200 OK"), "{answer}");
    }
    // And one that was used before.
    let stream = begin(&app, "GET /health HTTP/1.1\r\nHost: HOST\r\n\r\n");
    assert!(rest(stream).starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_reader_that_takes_nothing_of_its_answer_is_cut_off() {
    let app = TestApp::configured(&[("support-agent.yaml", POLICY)], |config| {
        config.write_time = Duration::from_millis(300);
    });
    for number in 0..4 {
        app.post("/v1/actions").json(&large(number)).send().ok();
    }
    let lists: Vec<_> = (0..4)
        .map(|_| {
            let request = "GET /v1/actions?limit=500 HTTP/1.1\r\nHost: HOST\r\n\r\n";
            begin(&app, &request.repeat(4))
        })
        .collect();
    // Room for pages comes back though none of them was read.
    let read = || {
        let list = app.get("/v1/actions?limit=500").send();
        (list.status == 200).then_some(list)
    };
    let list = app.until("room for a page", read).ok();
    assert_eq!(list["actions"].as_array().unwrap().len(), 4);
    drop(lists);
}

#[test]
fn when_all_connections_are_taken_those_that_wait_make_room() {
    let app = TestApp::over_settings(|settings| settings.max_connections = 16);
    let half: Vec<_> = (0..60).map(|_| begin(&app, "GET /health HTTP/1.1\r\nHost: ")).collect();
    for amount in [45.0, 46.0] {
        assert_eq!(app.refund(amount)["outcome"], "EXECUTE");
    }
    let metrics = app.get("/metrics").send().body;
    let closed =
        metrics.lines().find_map(|line| line.strip_prefix("faramesh_connections_closed_for_others_total "));
    assert!(closed.unwrap().parse::<u64>().unwrap() >= 44, "{metrics}");
    drop(half);
}

#[test]
fn one_caller_holds_no_more_streams_and_waits_than_its_share() {
    let app = TestApp::over_settings(|settings| settings.max_connections = 32);
    let stream = "GET /v1/events HTTP/1.1\r\nHost: HOST\r\n\r\n";
    let mut open = Vec::new();
    // Four of 32 connections are for streams, and half of these for one caller.
    for _ in 0..2 {
        let mut stream = begin(&app, stream);
        let mut start = [0; 12];
        stream.read_exact(&mut start).unwrap();
        assert_eq!(&start, b"HTTP/1.1 200");
        open.push(stream);
    }
    let more = app.get("/v1/events").send();
    assert_eq!(more.problem(429, "too_many_requests")["status"], 429);
    assert_eq!(more.headers["retry-after"], "1");
    // Another caller has its own share.
    let mut others =
        begin(&app, &stream.replace("\r\n\r\n", &format!("\r\nAuthorization: Bearer {}\r\n\r\n", app.admin)));
    let mut start = [0; 12];
    others.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"HTTP/1.1 200");
    // A caller that leaves makes room.
    drop(open);
    app.until("a stream to be free", || {
        let mut again = begin(&app, stream);
        again.read_exact(&mut start).unwrap();
        (&start == b"HTTP/1.1 200").then_some(())
    });
}

#[test]
fn pages_of_large_actions_end_early_and_lead_on() {
    let app = TestApp::start();
    let sent: Vec<_> = (0..11).map(|n| app.post("/v1/actions").json(&large(n)).send().ok()).collect();
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = app.get(&format!("/v1/actions?limit=500{cursor}")).send();
        assert!(page.body.len() < 9_000_000, "{}", page.body.len());
        let page = page.ok();
        assert_eq!(page["total"], 11);
        found.extend(page["actions"].as_array().unwrap().iter().map(|action| id(action).to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let sent: Vec<_> = sent.iter().rev().map(|action| id(action).to_owned()).collect();
    assert_eq!(found, sent);
    // The last page has no cursor, however large its last action.
    let one = app.get("/v1/actions?limit=1&offset=10").send().ok();
    assert_eq!(one["next_cursor"], Value::Null);

    let mut seqs = Vec::new();
    loop {
        let from = seqs.last().map_or(0, |last: &u64| last + 1);
        let page = app.get(&format!("/v1/records?limit=1000&from={from}")).key(&app.admin).send();
        assert!(page.body.len() < 9_000_000, "{}", page.body.len());
        let page = page.ok();
        let records = page["records"].as_array().unwrap();
        if records.is_empty() {
            break;
        }
        seqs.extend(records.iter().map(|record| record["seq"].as_u64().unwrap()));
    }
    assert!(seqs.len() >= 11 && seqs.iter().enumerate().all(|(index, seq)| index as u64 == *seq), "{seqs:?}");
}

#[test]
fn a_server_proves_that_it_knows_a_key() {
    use host::identity::Identity;
    let app = TestApp::start();
    let (key_id, secret) = host::identity::parts(&app.admin).unwrap();
    let ask =
        |key_id: &str, nonce: &str| app.get(&format!("/v1/identity?key_id={key_id}&nonce={nonce}")).send();
    let nonce = "0123456789abcdefghijkl";
    let identity: Identity = serde_json::from_value(ask(key_id, nonce).ok()).unwrap();
    assert!(identity.is_proven(key_id, secret, nonce));
    assert!(identity.listens_at(format!("127.0.0.1:{}", app.port).parse().unwrap()));
    assert!(!identity.listens_at("127.0.0.1:1".parse().unwrap()));
    // About a key that is not there, or not any more, it proves nothing, and does not say so.
    let unknown: Identity = serde_json::from_value(ask("ffffffff", nonce).ok()).unwrap();
    assert!(!unknown.is_proven("ffffffff", secret, nonce));
    assert_eq!(unknown.proof.len(), identity.proof.len());
    let bot = app.key("bot", "viewer");
    let (bot_id, bot_secret) = host::identity::parts(&bot).unwrap();
    app.ask("DELETE", "/v1/keys/bot").key(&app.admin).send();
    let revoked: Identity = serde_json::from_value(ask(bot_id, nonce).ok()).unwrap();
    assert!(!revoked.is_proven(bot_id, bot_secret, nonce));
    for nonce in ["", "short", "0123456789abcdefghijk%0A"] {
        ask(key_id, nonce).problem(400, "invalid_query");
    }
}

#[test]
fn localhost_is_both_loopback_addresses() {
    let app = TestApp::over_settings(|settings| settings.host = "localhost".to_owned());
    let health = |host: &str| {
        let mut stream = TcpStream::connect((host, app.port)).unwrap();
        let request =
            format!("GET /health HTTP/1.1\r\nHost: localhost:{}\r\nConnection: close\r\n\r\n", app.port);
        stream.write_all(request.as_bytes()).unwrap();
        rest(stream)
    };
    assert!(health("127.0.0.1").starts_with("HTTP/1.1 200 "));
    if std::net::TcpListener::bind("[::1]:0").is_ok() {
        assert!(health("::1").starts_with("HTTP/1.1 200 "));
    }
}
