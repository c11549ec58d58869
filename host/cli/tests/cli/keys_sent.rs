//! Which key goes to which server: never one to an address from elsewhere, and never to what only listens there.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;

use super::program::{Place, Server};

/// Listens on a free port, passes each request to `answer`, and returns all of them at the end.
struct Listener {
    port: u16,
    heard: mpsc::Receiver<String>,
}

impl Listener {
    fn new(host: &str, answer: impl Fn(&str) -> Vec<u8> + Send + 'static) -> Self {
        let listener = TcpListener::bind((host, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (hear, heard) = mpsc::channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let mut request = Vec::new();
                let mut piece = [0; 4096];
                while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                    match stream.read(&mut piece) {
                        Ok(0) | Err(_) => break,
                        Ok(read) => request.extend_from_slice(&piece[..read]),
                    }
                }
                if request.is_empty() {
                    continue;
                }
                let request = String::from_utf8_lossy(&request).into_owned();
                let answer = answer(&request);
                // Before the answer, so that a client with an answer was heard.
                if hear.send(request).is_err() {
                    return;
                }
                _ = stream.write_all(&answer);
            }
        });
        Listener { port, heard }
    }

    /// One that says yes to everything.
    fn friendly(host: &str) -> Self {
        Listener::new(host, |_| {
            let body = r#"{"actions":[],"total":0,"next_cursor":null,"status":"ready","key_id":"","listening":[],"proof":""}"#;
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
                .into_bytes()
        })
    }

    fn heard(&self) -> Vec<String> {
        self.heard.try_iter().collect()
    }
}

/// Passes a request on to the server on this port, as the same host.
fn pass_on(request: &str, listening: u16, server: u16) -> Vec<u8> {
    let mut stream = TcpStream::connect(("127.0.0.1", server)).unwrap();
    let request = request.replace(&format!(":{listening}"), &format!(":{server}"));
    let request = request.replacen("\r\n", "\r\nConnection: close\r\n", 1);
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

fn carries_a_key(heard: &[String]) -> bool {
    heard.iter().any(|request| request.to_ascii_lowercase().contains("authorization"))
}

#[test]
fn the_admin_key_does_not_go_to_whatever_listens() {
    let place = Place::new();
    place.write(".faramesh/admin.key", "fmk_00000000_secret\n");
    let listener = Listener::friendly("127.0.0.1");
    for host in ["127.0.0.1", "localhost"] {
        let url = format!("http://{host}:{}", listener.port);
        for command in [&["actions", "list"][..], &["doctor", "--port", "0"], &["server", "link"]] {
            let run = place.run_with(command, &[("FARAMESH_URL", &url)]);
            assert_ne!(run.code, 0, "{command:?}: {}", run.out);
            let said = format!("{}{}", run.out, run.err);
            assert!(said.contains("the key was not sent"), "{command:?}: {said}");
            assert!(said.contains(&format!(":{}", listener.port)), "{command:?}: {said}");
        }
    }
    let heard = listener.heard();
    assert!(!heard.is_empty() && !carries_a_key(&heard), "{heard:?}");
}

#[test]
fn the_admin_key_does_not_go_through_what_passes_it_on() {
    let place = Place::initialized();
    let server = Server::start(&place);
    let port: u16 = server.url.rsplit(':').next().unwrap().parse().unwrap();
    // The number of the listener's own port is known only when it listens.
    let (tell, told) = mpsc::channel::<u16>();
    let own = std::sync::Mutex::new((None, told));
    let listener = Listener::new("127.0.0.1", move |request| {
        let mut own = own.lock().unwrap();
        if own.0.is_none() {
            own.0 = own.1.recv().ok();
        }
        pass_on(request, own.0.unwrap(), port)
    });
    tell.send(listener.port).unwrap();
    let url = format!("http://127.0.0.1:{}", listener.port);
    let run = place.run_with(&["actions", "list"], &[("FARAMESH_URL", &url)]);
    assert_eq!(run.code, 1, "{}", run.out);
    assert!(run.err.contains("passes on to another server"), "{}", run.err);
    assert!(!carries_a_key(&listener.heard()));
    // The server itself gets it.
    assert_eq!(server.run(&place, &["keys", "list"]).code, 0);
}

#[test]
fn a_key_that_is_given_goes_only_to_who_knows_it() {
    let place = Place::initialized();
    let listener = Listener::friendly("127.0.0.1");
    let url = format!("http://127.0.0.1:{}", listener.port);
    let key = ("FARAMESH_API_KEY", "fmk_00000000_secret");
    let run = place.run_with(&["actions", "list"], &[("FARAMESH_URL", &url), key]);
    assert_eq!(run.code, 1);
    assert!(
        run.err.contains("does not know the key from `FARAMESH_API_KEY` in the environment"),
        "{}",
        run.err
    );
    assert!(!carries_a_key(&listener.heard()));
    let server = Server::start(&place);
    let run = place.run_with(&["actions", "list"], &[("FARAMESH_URL", &server.url), key]);
    assert_eq!(run.code, 1);
    assert!(run.err.contains(&server.url) && run.err.contains("does not know the key"), "{}", run.err);
}

#[test]
fn a_key_of_the_shell_does_not_go_to_an_address_of_the_folder() {
    let place = Place::new();
    // A name that never resolves, RFC 6761: a request to it would fail later.
    place.write(".env", "FARAMESH_URL=http://faramesh.invalid\n");
    let key = |variables: &[(&str, &str)], args: &[&str]| {
        let args = [&["doctor", "--port", "0", "-o", "json"], args].concat();
        let found = place.run_with(&args, variables).json();
        let mut findings = found.as_array().unwrap().iter();
        findings.find(|finding| finding["what"] == "key").unwrap()["says"].as_str().unwrap().to_owned()
    };
    let shell = [("FARAMESH_API_KEY", "fmk_00000000_shell")];
    assert!(key(&shell, &[]).contains("is not sent"), "{}", key(&shell, &[]));
    assert!(key(&shell, &["--url", "http://faramesh.invalid"]).contains("is sent"));
    place.write(".env", "FARAMESH_URL=http://faramesh.invalid\nFARAMESH_API_KEY=fmk_00000000_file\n");
    assert!(key(&shell, &[]).contains("`.env`"));

    // And over the wire, where the folder names an address of this machine.
    let listener = Listener::friendly("127.0.0.1");
    for settings in ["URL=http://127.0.0.1:PORT", "PORT=PORT"] {
        let settings =
            settings.replacen("PORT", &listener.port.to_string(), usize::from(settings.starts_with("URL")));
        let settings = settings.replace("PORT=PORT", &format!("PORT={}", listener.port));
        place.write(".env", &format!("FARAMESH_{settings}\n"));
        assert_eq!(place.run_with(&["actions", "list"], &shell).code, 0, "{settings}");
        assert!(!carries_a_key(&listener.heard()), "{settings}");
    }
}

#[test]
fn the_address_follows_from_host_and_port_of_the_folder() {
    let place = Place::initialized();
    let server = Server::start(&place);
    let port = server.url.rsplit(':').next().unwrap();
    place.write(".env", &format!("FARAMESH_PORT={port}\n"));
    let run = place.run(&["actions", "list"]);
    assert_eq!(run.code, 0, "{}", run.err);
    let doctor = place.run(&["doctor"]);
    assert_eq!(doctor.code, 0, "{}", doctor.out);
    assert!(doctor.out.contains("is in use, by the server that answers"), "{}", doctor.out);

    place.write(".env", &format!("FARAMESH_PORT={port}\nFARAMESH_URL=http://127.0.0.1:1\n"));
    let run = place.run(&["actions", "list"]);
    assert_eq!(run.code, 2);
    for text in ["FARAMESH_URL=http://127.0.0.1:1", &format!("FARAMESH_PORT={port}"), "`.env`"] {
        assert!(run.err.contains(text), "{text} is not in {}", run.err);
    }
    assert_eq!(place.run(&["server", "start"]).code, 2);
}

#[test]
fn doctor_tells_another_folder_s_server_from_its_own() {
    let theirs = Place::initialized();
    let server = Server::start(&theirs);
    let other = Place::initialized();
    other.write("policies/more.yaml", "rules:\n  - { match: { tool: more }, allow: true }\n");
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let run = other.run_with(&["doctor", "--port", &port], &[("FARAMESH_URL", &server.url)]);
    assert_eq!(run.code, 1, "{}", run.out);
    assert!(run.out.contains("decides by others"), "{}", run.out);
    assert!(run.out.contains("is in use, and not by the server that answers at"), "{}", run.out);
}

#[test]
fn names_that_nothing_reads_and_values_that_cannot_be_used_are_named() {
    let place = Place::initialized();
    place.write(".env", "FARAMESH_PROT=9\nFARAMESH_COLOUR=red\nOTHER=1\n");
    let run = place.run(&["policy", "check"]);
    assert_eq!(run.code, 0, "{}", run.err);
    assert!(
        run.err.contains("`FARAMESH_PROT`, which nothing reads; did you mean `FARAMESH_PORT`?"),
        "{}",
        run.err
    );
    assert!(run.err.contains("`FARAMESH_COLOUR`, which nothing reads\n"), "{}", run.err);
    assert!(!run.err.contains("OTHER"), "{}", run.err);

    for (line, texts) in [
        ("FARAMESH_PORT=abc", ["`FARAMESH_PORT` cannot be `abc`", "`.env`"]),
        ("FARAMESH_APPROVAL_TTL=soon", ["FARAMESH_APPROVAL_TTL", "is set in `.env`"]),
        ("FARAMESH_LOG=loud", ["`FARAMESH_LOG` cannot be", "`loud` is not a level"]),
    ] {
        place.write(".env", &format!("{line}\n"));
        let run = place.run(&["server", "start"]);
        assert_eq!(run.code, 2, "{line}: {}", run.err);
        for text in texts {
            assert!(run.err.contains(text), "{text} is not in {}", run.err);
        }
    }
    // An option that is wrong is still said to be the option's.
    place.write(".env", "FARAMESH_PORT=abc\n");
    let run = place.run(&["server", "start", "--port", "def"]);
    assert!(run.err.contains("'def' for '--port"), "{}", run.err);
    // Set to nothing is not set.
    place.write(".env", "");
    let run = place
        .run_with(&["doctor"], &[("FARAMESH_PORT", ""), ("FARAMESH_URL", ""), ("FARAMESH_APPROVAL_TTL", "")]);
    assert!(run.out.contains("they can be used"), "{}{}", run.out, run.err);
}

#[test]
fn who_proposes_without_a_key_is_told_which_one_is_missing() {
    let place = Place::initialized();
    let server = Server::start(&place);
    let made = server.run(&place, &["keys", "create", "--name", "bot", "--role", "agent", "--agent", "*"]);
    assert_eq!(made.code, 0, "{}", made.err);
    let run = server.run(&place, &["actions", "submit", "--agent", "a", "--tool", "t"]);
    assert_eq!(run.code, 1);
    assert!(run.err.contains(&format!("`{}` answers only to callers with a key", server.url)), "{}", run.err);
    assert!(run.err.contains("the admin key never proposes an action"), "{}", run.err);
}

#[test]
fn a_missing_action_is_named_with_the_server_that_does_not_have_it() {
    let place = Place::initialized();
    let server = Server::start(&place);
    let run = server.run(&place, &["actions", "get", "82311299"]);
    assert_eq!(run.code, 1);
    assert!(
        run.err.contains(&format!("no action begins with `82311299` on `{}`", server.url)),
        "{}",
        run.err
    );
    let run = server.run(&place, &["actions", "get", "8231"]);
    assert_eq!(run.code, 2);
    assert!(run.err.contains("`8231` is too short: 8 characters are needed"), "{}", run.err);
    let list = server.run(&place, &["actions", "list"]);
    assert!(list.err.contains("no actions yet"), "{}", list.err);
}

#[test]
fn a_bad_line_of_many_actions_is_named_by_its_number() {
    let place = Place::initialized();
    let server = Server::start(&place);
    let good = r#"{"agent_id":"a","tool":"send_email"}"#;
    place.write("x.jsonl", &format!("{good}\n\n{{bad\n{good}\n"));
    let run = server.run(&place, &["actions", "submit", "x.jsonl"]);
    assert_eq!(run.code, 1);
    assert!(run.err.contains("line 3 of the file: "), "{}", run.err);
    assert!(run.err.contains("the action behind it was not submitted"), "{}", run.err);
}

#[test]
fn lists_follow_the_pages_of_large_actions() {
    let place = Place::initialized();
    let server = Server::start(&place);
    for number in 0..11 {
        let text = "x".repeat(1_000_000);
        place.write(
            "large.json",
            &format!(r#"{{"agent_id":"a","tool":"t","params":{{"n":{number},"text":"{text}"}}}}"#),
        );
        assert_eq!(server.run(&place, &["actions", "submit", "large.json", "-o", "json"]).code, 1);
    }
    let run = server.run(&place, &["actions", "list", "--limit", "500", "-o", "jsonl"]);
    assert_eq!((run.code, run.out.lines().count()), (0, 11), "{}", run.err);
    let some = server.run(&place, &["actions", "list", "--limit", "7", "--offset", "2", "-o", "json"]);
    let numbers: Vec<_> = some
        .json()
        .as_array()
        .unwrap()
        .iter()
        .map(|action| action["params"]["n"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, [8, 7, 6, 5, 4, 3, 2]);
}

#[test]
#[cfg(unix)]
fn doctor_names_two_distributions_of_one_python_module() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::initialized();
    // Replaces a Python in which both are installed.
    place.write("venv/bin/python", "#!/bin/sh\nprintf 'faramesh\\nfaramesh-sdk\\n'\n");
    std::fs::set_permissions(place.path("venv/bin/python"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let folder = place.path("venv");
    let run = place.run_with(&["doctor", "--port", "0"], &[("VIRTUAL_ENV", folder.to_str().unwrap())]);
    assert_eq!(run.code, 1, "{}", run.out);
    assert!(run.out.contains("of several distributions: faramesh, faramesh-sdk"), "{}", run.out);
}

#[test]
fn no_other_spelling_of_this_machine_gets_a_key_without_a_proof() {
    let place = Place::new();
    place.write(".faramesh/admin.key", "fmk_00000000_secret\n");
    let listener = Listener::friendly("127.0.0.1");
    for host in ["127.1", "2130706433", "0x7f.1", "0.0.0.0", "[::ffff:127.0.0.1]"] {
        let url = format!("http://{host}:{}", listener.port);
        place.run(&["keys", "list", "--url", &url]);
        let heard = listener.heard();
        assert!(!heard.is_empty() && !carries_a_key(&heard), "{host}: {heard:?}");
        let run =
            place.run_with(&["keys", "list", "--url", &url], &[("FARAMESH_API_KEY", "fmk_11111111_secret")]);
        assert!(run.err.contains("so the key was not sent"), "{host}: {}", run.err);
        let heard = listener.heard();
        assert!(!heard.is_empty() && !carries_a_key(&heard), "{host}: {heard:?}");
    }
}

#[test]
fn a_key_of_the_shell_does_not_go_through_a_proxy_of_the_folder() {
    let place = Place::new();
    let proxy = Listener::friendly("127.0.0.1");
    let at = format!("http://127.0.0.1:{}", proxy.port);
    let names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    place.write(".env", &names.map(|name| format!("{name}={at}\n")).concat());
    // No server has this name; RFC 2606 keeps it free.
    let shell = [("FARAMESH_URL", "http://gate.invalid:8000"), ("FARAMESH_API_KEY", "fmk_00000000_secret")];
    assert_ne!(place.run_with(&["keys", "list"], &shell).code, 0);
    assert_eq!(proxy.heard(), Vec::<String>::new());
    // A proxy of the shell is the user's own.
    place.run_with(&["keys", "list"], &[shell[0], shell[1], ("HTTP_PROXY", &at)]);
    assert!(!proxy.heard().is_empty());
}

#[test]
fn nothing_of_the_shell_becomes_a_part_of_an_address_of_the_folder() {
    let place = Place::new();
    let listener = Listener::friendly("127.0.0.1");
    let at = format!("http://127.0.0.1:{}", listener.port);
    for file in [
        format!("FARAMESH_URL={at}/${{FARAMESH_API_KEY}}\n"),
        format!("FARAMESH_URL=\"{at}/${{OTHER}}\"\n"),
        format!("FARAMESH_URL={at}/$OTHER\n"),
        format!("A=$OTHER\nFARAMESH_URL={at}/$A\n"),
        format!("FARAMESH_URL={at}/$OTHER$FARAMESHxNOTxSETOTHER\nFARAMESHxNOTxSETOTHER=x\n"),
        "FARAMESH_HOST=$OTHER.127.0.0.1\n".to_owned(),
    ] {
        place.write(".env", &file);
        let shell = [("FARAMESH_API_KEY", "fmk_00000000_secret"), ("OTHER", "0123")];
        let run = place.run_with(&["keys", "list"], &shell);
        assert_eq!(run.code, 2, "{file}{}", run.err);
        assert!(run.err.contains("from the environment"), "{}", run.err);
        assert_eq!(listener.heard(), Vec::<String>::new(), "{file}");
    }
    for file in [
        format!("BASE={at}\nFARAMESH_URL=${{BASE}}\n"),
        format!("LITERAL='$OTHER'\nOTHER_TOO=$OTHER\nFARAMESH_URL={at}\n"),
        format!("\u{feff}FARAMESH_URL={at}\nFARAMESH_URL=http://gate.invalid\n"),
    ] {
        place.write(".env", &file);
        place.run_with(&["actions", "list"], &[("OTHER", "0123")]);
        assert!(!listener.heard().is_empty(), "{file}");
    }
}

#[test]
fn the_folder_does_not_say_where_compiled_code_is_read() {
    let place = Place::initialized();
    let cache = place.path("cache");
    for name in ["FARAMESH_CACHE_DIR", "XDG_CACHE_HOME", "HOME"] {
        place.write(".env", &format!("{name}={}\n", cache.display()));
        let mut command = place.command(&["policy", "check", "policies"]);
        let run = command.env_remove("FARAMESH_CACHE_DIR").output().unwrap();
        assert!(run.status.success());
        assert!(!cache.exists(), "{name}");
        let said = String::from_utf8(run.stderr).unwrap();
        assert_eq!(said.contains("counts only in the environment"), name == "FARAMESH_CACHE_DIR", "{said}");
    }
}
