//! The files of the dashboard as browsers get them.

use host::http::dashboard::{FILES, File};

use crate::app::{Reply, TestApp};

fn index() -> &'static File {
    FILES.iter().find(|file| file.name == "index.html").unwrap()
}

fn header<'a>(reply: &'a Reply, name: &str) -> &'a str {
    reply.headers.get(name).map_or("", |value| value.to_str().unwrap())
}

/// A raw answer: the client of the other tests follows where a redirect leads.
fn raw(app: &TestApp, request: &str) -> Vec<u8> {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", app.port)).unwrap();
    let end = format!("Host: localhost:{}\r\nConnection: close\r\n\r\n", app.port);
    stream.write_all(format!("{request}\r\n{end}").as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

/// The head of an answer, in lowercase, and its body.
fn parts(answer: &[u8]) -> (String, &[u8]) {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    (String::from_utf8(answer[..end].to_vec()).unwrap().to_lowercase(), &answer[end + 4..])
}

#[test]
fn a_person_who_comes_to_the_server_finds_the_dashboard() {
    let app = TestApp::start();
    for (path, status) in [("/", "302"), ("/ui", "308")] {
        let answer = raw(&app, &format!("GET {path} HTTP/1.1"));
        let (head, _) = parts(&answer);
        assert!(head.starts_with(&format!("http/1.1 {status} ")), "{head}");
        assert!(head.contains("\r\nlocation: /ui/"), "{head}");
    }
    assert_eq!(app.get("/").send().body.as_bytes(), index().bytes);
}

#[test]
fn every_file_is_served_as_it_is_and_compressed_for_those_who_can_read_that() {
    let app = TestApp::start();
    assert!(FILES.iter().any(|file| file.brotli.is_some()));
    for file in FILES {
        let lasting = file.name.starts_with("assets/");
        let forms = [("", Some(file.bytes)), ("Accept-Encoding: gzip, br\r\n", file.brotli)];
        let mut tags = Vec::new();
        for (accept, bytes) in forms {
            let answer = raw(&app, format!("GET /ui/{} HTTP/1.1\r\n{accept}", file.name).trim_end());
            let (head, body) = parts(&answer);
            assert!(head.starts_with("http/1.1 200 "), "{head}");
            assert_eq!(body, bytes.unwrap_or(file.bytes), "{}", file.name);
            assert_eq!(
                head.contains("content-encoding: br"),
                !accept.is_empty() && bytes.is_some(),
                "{head}"
            );
            assert!(head.contains("\r\nvary: accept-encoding"), "{head}");
            let kept = if lasting { "public, max-age=31536000, immutable" } else { "no-cache" };
            assert!(head.contains(&format!("\r\ncache-control: {kept}\r\n")), "{head}");
            assert!(!head.contains("octet-stream"), "{head}");
            let tag = head.split("\r\netag: ").nth(1).unwrap();
            tags.push(tag.split("\r\n").next().unwrap().to_owned());
        }
        assert_eq!(tags[0] == tags[1], file.brotli.is_none(), "each form has its own tag: {tags:?}");
    }
}

#[test]
fn what_is_asked_for_again_and_has_not_changed_is_not_sent_again() {
    let app = TestApp::start();
    let first = app.get("/ui/").send();
    assert_eq!(header(&first, "content-type"), "text/html; charset=utf-8");
    let tag = header(&first, "etag");
    for known in [tag.to_owned(), format!("\"x\", W/{tag}"), "*".to_owned()] {
        let again = app.get("/ui/").header("if-none-match", &known).send();
        assert_eq!((again.status, again.body.as_str(), header(&again, "etag")), (304, "", tag));
        assert_eq!(header(&again, "cache-control"), "no-cache");
    }
    assert_eq!(app.get("/ui/").header("if-none-match", "\"x\"").send().status, 200);
}

#[test]
fn every_path_is_a_page_but_a_missing_file_is_missing() {
    let app = TestApp::start();
    for path in
        ["/ui/", "/ui/login", "/ui/actions/0b1c2d3e", "/ui/policies/a.yaml", "/ui/%2e%2e/x", "/ui/../v1/keys"]
    {
        let answer = raw(&app, &format!("GET {path} HTTP/1.1"));
        let (head, body) = parts(&answer);
        assert!(head.starts_with("http/1.1 200 ") && body == index().bytes, "{path}: {head}");
    }
    for path in ["/ui/assets/", "/ui/assets/app-0000000000000000.js", "/ui/assets/../index.html"] {
        let answer = raw(&app, &format!("GET {path} HTTP/1.1"));
        let (head, _) = parts(&answer);
        assert!(
            head.starts_with("http/1.1 404 ") && head.contains("application/problem+json"),
            "{path}: {head}"
        );
    }
    app.get("/uix").send().problem(404, "not_found");
    app.post("/ui/").send().problem(405, "method_not_allowed");
}

#[test]
fn head_says_the_same_without_the_content() {
    let app = TestApp::start();
    for file in FILES {
        let answer = raw(&app, &format!("HEAD /ui/{} HTTP/1.1", file.name));
        let (head, body) = parts(&answer);
        assert!(head.starts_with("http/1.1 200 ") && body.is_empty(), "{head}");
        assert!(head.contains(&format!("\r\ncontent-length: {}", file.bytes.len())), "{head}");
    }
}

#[test]
fn no_page_can_run_what_is_not_of_this_server() {
    let app = TestApp::start();
    let asset = FILES.iter().find(|file| file.name.starts_with("assets/")).unwrap();
    for path in ["/ui/".to_owned(), "/ui/login".to_owned(), format!("/ui/{}", asset.name)] {
        let answer = raw(&app, &format!("HEAD {path} HTTP/1.1"));
        let (head, _) = parts(&answer);
        let policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
            img-src 'self' data:; font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; \
            base-uri 'self'; form-action 'none'; frame-ancestors 'none'";
        for (name, value) in [
            ("content-security-policy", policy),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("referrer-policy", "same-origin"),
            ("x-content-type-options", "nosniff"),
        ] {
            assert!(format!("{head}\r\n").contains(&format!("\r\n{name}: {value}\r\n")), "{name} in {head}");
        }
        assert!(head.contains("camera=()") && head.contains("geolocation=()"), "{head}");
    }
    // A request for the name from another origin gets nothing.
    let foreign = app.get("/ui/").header("host", "evil.example").send();
    foreign.problem(403, "host_not_allowed");
}
