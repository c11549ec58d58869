//! `faramesh watch`: lines for what happens, nothing that steers a terminal, going on behind a lost line.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};

use super::program::{Place, Running, Server};

fn watch(place: &Place, url: &str, extra: &[&str]) -> Running {
    let args: Vec<_> = ["watch", "--url", url].iter().chain(extra).copied().collect();
    let mut watching = Running::start(place.command(&args));
    watching.wait_for_message("watching");
    watching
}

#[test]
fn every_action_is_a_line_as_it_happens() {
    let place = Place::initialized();
    let server = Server::start(&place);
    let submit = |amount: &str| {
        let amount = format!("amount={amount}");
        let args = ["actions", "submit", "--agent", "support-1", "--tool", "process_refund", "-o", "json"];
        let args: Vec<_> =
            args.into_iter().chain(["--param", "customer_id=c-1", "--param", &amount]).collect();
        server.run(&place, &args).json()["id"].as_str().unwrap().to_owned()
    };
    let mut watching = watch(&place, &server.url, &[]);
    let mut halts = watch(&place, &server.url, &["--outcome", "HALT", "--agent", "support-*", "-o", "jsonl"]);

    let id = submit("45");
    let line = watching.out_line();
    for text in [
        "✓ EXECUTE",
        "support-1  process_refund(amount=45 customer_id=c-1)",
        "small-refunds",
        "low 0",
        " ms",
        &id[..8],
    ] {
        assert!(line.contains(text), "{text} is not in {line}");
    }
    let id = submit("340");
    assert!(watching.out_line().contains("◷ ABSTAIN"));
    assert_eq!(server.run(&place, &["actions", "approve", &id, "--reason", "fine"]).code, 0);
    let line = watching.out_line();
    assert!(line.contains("✓ EXECUTE") && line.contains("approved by") && line.contains(": fine"), "{line}");
    assert!(line.contains("process_refund(amount=340"), "{line}");
    let id = submit("5000");
    let line = watching.out_line();
    assert!(line.contains("✗ HALT") && line.contains("high 70"), "{line}");
    let record: serde_json::Value = serde_json::from_str(&halts.out_line()).unwrap();
    assert_eq!(record["action_id"], id.as_str(), "the first halt is the first line");
    assert_eq!(watching.signal("INT"), Some(0));

    // A later reader that asks for earlier events gets all three, the oldest first.
    let mut late = watch(&place, &server.url, &["--since-last", "1h"]);
    assert!(late.out_line().contains("amount=45"));
    assert!(late.out_line().contains("amount=340"));
    assert!(late.out_line().contains("amount=5000"));
}

#[test]
fn nothing_in_an_action_steers_the_terminal() {
    let place = Place::initialized();
    let server = Server::start(&place);
    let mut watching = watch(&place, &server.url, &["--color", "never"]);
    place.write(
        "action.json",
        r#"{"agent_id":"\u001b[31m","tool":"t\u009b","params":{"\u202e":"\u0007\r\n\u001b]0;x"}}"#,
    );
    server.run(&place, &["actions", "submit", "action.json"]);
    let line = watching.out_line();
    assert!(line.contains("\\u001b[31m"), "{line}");
    assert!(!line.chars().any(|c| c.is_control() || c == '\u{202e}'), "{line:?}");
}

/// Reads a request's head.
fn request(stream: &TcpStream) -> String {
    let lines = BufReader::new(stream).lines().map(Result::unwrap);
    lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join("\n").to_ascii_lowercase()
}

fn answer(mut stream: TcpStream, events: &str) {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    stream.write_all(format!("{head}{events}").as_bytes()).unwrap();
}

#[test]
fn a_lost_line_is_taken_up_again_and_unknown_outcomes_are_halts() {
    let place = Place::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let event = |seq: u32, outcome: &str| {
        format!(
            "id: s:{seq}\nevent: decision\ndata: {{\"action\":{{\"agent_id\":\"a\",\"params\":{{}},\"tool\":\"t\"}},\
             \"action_id\":\"0000000{seq}-x\",\"at\":\"2026-11-22T14:03:22.000Z\",\"decision\":{{\"outcome\":\"{outcome}\",\
             \"reason_code\":\"new_code\",\"risk_level\":\"low\",\"risk_score\":0,\"rule\":null}},\"duration_us\":84,\
             \"kind\":\"decision\",\"seq\":{seq},\"stream\":\"s\"}}\n\n"
        )
    };
    let mut watching = Running::start(place.command(&["watch", "--url", &url]));
    let (first, _) = listener.accept().unwrap();
    assert!(!request(&first).contains("last-event-id"));
    answer(first, &event(7, "EXECUTE"));
    assert_eq!(watching.out_line(), "14:03:22  ✓ EXECUTE  a  t()  new_code  low 0  0.08 ms  00000007");

    let (second, _) = listener.accept().unwrap();
    assert!(request(&second).contains("last-event-id: s:7"));
    answer(second, &event(8, "PERMIT"));
    watching.wait_for_message("reconnected");
    assert_eq!(watching.out_line(), "14:03:22  ✗ HALT     a  t()  new_code  low 0  0.08 ms  00000008");
}

#[test]
fn a_server_that_is_not_there_is_said_at_once() {
    let run = Place::new().run(&["watch", "--url", "http://127.0.0.1:1"]);
    assert_eq!(run.code, 4);
    assert!(run.err.contains("faramesh server start"), "{}", run.err);
}
