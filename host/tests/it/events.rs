//! The stream of events: resuming without a gap, seeing only one's own, dropping who does not keep up.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::app::{TestApp, id};

/// A stream, and when it was opened: one that says that it is alive could be listened to for ever.
pub struct Stream(BufReader<TcpStream>, Instant);

impl Stream {
    pub fn open(app: &TestApp, key: Option<&str>, last: Option<&str>) -> Self {
        let key = key.map(|key| ("Authorization", format!("Bearer {key}")));
        let last = last.map(|last| ("Last-Event-ID", last.to_owned()));
        let headers: Vec<_> = key.iter().chain(&last).map(|(name, value)| (*name, value.as_str())).collect();
        Stream::with(app, &headers)
    }

    pub fn with(app: &TestApp, headers: &[(&str, &str)]) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", app.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut request =
            format!("GET /v1/events HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n", app.port);
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        stream.write_all(format!("{request}\r\n").as_bytes()).unwrap();
        let mut stream = Stream(BufReader::new(stream), Instant::now());
        let mut line = stream.line().unwrap();
        assert!(line.starts_with("HTTP/1.1 200 "), "{line}");
        while !line.is_empty() {
            line = stream.line().unwrap();
        }
        stream
    }

    /// The next line; none at the end.
    fn line(&mut self) -> Option<String> {
        assert!(self.1.elapsed() < Duration::from_secs(60), "the stream goes on");
        let mut line = String::new();
        match self.0.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(line.trim_end().to_owned()),
            Err(error) => panic!("{error}"),
        }
    }

    /// The next id, with or without an event; none at the end.
    pub fn id(&mut self) -> Option<String> {
        loop {
            if let Some(id) = self.line()?.strip_prefix("id: ") {
                return Some(id.to_owned());
            }
        }
    }

    /// The next event: its id, its type and its record; none at the end.
    pub fn event(&mut self) -> Option<(String, String, Value)> {
        let mut event_id = String::new();
        loop {
            let line = self.line()?;
            if let Some(text) = line.strip_prefix("id: ") {
                event_id = text.to_owned();
            } else if let Some(text) = line.strip_prefix("data: ") {
                let mut record: Value = serde_json::from_str(text).unwrap();
                crate::described::check_event(&record);
                let kind = record.as_object_mut().unwrap().remove("type").unwrap();
                assert_eq!(kind, record["kind"]);
                return Some((event_id, kind.as_str().unwrap().to_owned(), record));
            }
            // Published clients hear only events without a name.
            assert!(!line.starts_with("event:"), "{line}");
        }
    }
}

#[test]
fn records_arrive_as_they_are_written() {
    let app = TestApp::start();
    let mut stream = Stream::open(&app, Some(&app.admin), None);
    let action = app.refund(45.0);
    let (event_id, kind, record) = stream.event().unwrap();
    assert_eq!(kind, "decision");
    assert_eq!(record, app.records().pop().unwrap());
    assert_eq!(
        event_id,
        format!("{}:{}", action["receipt"]["stream"].as_str().unwrap(), action["receipt"]["seq"])
    );
    app.post(&format!("/v1/actions/{}/start", id(&action))).send().ok();
    assert_eq!(stream.event().unwrap().1, "start");
}

#[test]
fn a_reader_that_comes_back_misses_nothing_and_gets_nothing_twice() {
    let app = TestApp::start();
    let receipt = app.refund(1.0)["receipt"].clone();
    let name = receipt["stream"].as_str().unwrap();
    for amount in 2..300 {
        app.refund(f64::from(amount % 150));
    }
    std::thread::scope(|scope| {
        // Others write while the reader catches up.
        let writing = scope.spawn(|| {
            for amount in 0..100 {
                app.refund(f64::from(amount));
            }
        });
        let first = receipt["seq"].as_u64().unwrap();
        let mut stream = Stream::open(&app, Some(&app.admin), Some(&format!("{name}:{first}")));
        for seq in first + 1..first + 399 {
            assert_eq!(stream.event().unwrap().0, format!("{name}:{seq}"));
        }
        writing.join().unwrap();
    });
}

/// A line that breaks before its first event: the reader knows from the beginning where to go on.
#[test]
fn a_reader_that_got_nothing_yet_comes_back_without_a_gap() {
    let app = TestApp::start();
    app.refund(1.0);
    let mut stream = Stream::open(&app, Some(&app.admin), None);
    let begin = stream.id().unwrap();
    drop(stream);
    let missed = app.refund(2.0);
    let mut back = Stream::open(&app, Some(&app.admin), Some(&begin));
    assert_eq!(back.event().unwrap().2["action_id"], missed["id"]);
}

#[test]
fn an_agent_sees_only_the_records_of_its_own_actions() {
    let app = TestApp::start();
    let (one, two) = (app.key("one", "agent"), app.key("two", "agent"));
    let action = json!({ "agent_id": "a", "tool": "send_email" });
    let submit = |key: &str| app.post("/v1/actions").key(key).json(&action).send().ok();
    let start = app.records()[0]["stream"].as_str().map(|stream| format!("{stream}:0")).unwrap();
    let mut live = Stream::open(&app, Some(&one), None);
    let (of_two, of_one) = (submit(&two), submit(&one));
    assert_ne!(of_two["id"], of_one["id"]);
    assert_eq!(live.event().unwrap().2["action_id"], of_one["id"]);
    let mut resumed = Stream::open(&app, Some(&one), Some(&start));
    assert_eq!(resumed.event().unwrap().2["action_id"], of_one["id"]);
}

#[test]
fn a_revoked_key_ends_its_stream() {
    let app = TestApp::start();
    let key = app.key("viewer", "viewer");
    let mut stream = Stream::open(&app, Some(&key), None);
    app.ask("DELETE", "/v1/keys/viewer").key(&app.admin).send().ok();
    assert!(stream.event().is_none());
}

#[test]
fn ids_that_this_server_did_not_give_are_refused() {
    let app = TestApp::start();
    let name = app.records()[0]["stream"].as_str().unwrap().to_owned();
    for last in ["x", "x:1", ":", &format!("{name}:-1"), &format!("{name}:99999")] {
        let reply = app.get("/v1/events").key(&app.admin).header("last-event-id", last).send();
        reply.problem(400, "bad_event_id");
    }
}

#[test]
fn a_reader_that_does_not_keep_up_is_dropped_and_can_come_back() {
    let app = TestApp::start();
    let mut slow = Stream::open(&app, Some(&app.admin), None);
    // More than the channel and the sockets between hold.
    let filler = "x".repeat(4096);
    let action = json!({ "agent_id": "a", "tool": "send_email", "params": { "body": filler } });
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..750 {
                    app.post("/v1/actions").json(&action).send().ok();
                }
            });
        }
    });
    let mut last = String::new();
    let mut seen = 0;
    while let Some((event_id, ..)) = slow.event() {
        last = event_id;
        seen += 1;
    }
    assert!((1..6000).contains(&seen), "{seen}");
    let (name, seq) = last.rsplit_once(':').unwrap();
    let mut back = Stream::open(&app, Some(&app.admin), Some(&last));
    assert_eq!(back.event().unwrap().0, format!("{name}:{}", seq.parse::<u64>().unwrap() + 1));
}

#[test]
fn a_server_that_stops_ends_its_streams() {
    let app = TestApp::start();
    let mut stream = Stream::open(&app, Some(&app.admin), None);
    let held = app.refund(340.0);
    assert_eq!(stream.event().unwrap().2["action_id"], held["id"]);
    drop(app);
    assert!(stream.event().is_none());
}
