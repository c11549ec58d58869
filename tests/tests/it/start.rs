//! A server that cannot start: the output of the program, and its exit.

use std::fs;
use std::net::TcpListener;

use crate::process::{SERVE, Server, faramesh, place, run};

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let folder = place(&[]);
    let run = run(faramesh(folder.path(), &SERVE.map(|word| if word == "0" { port.as_str() } else { word })));
    assert_eq!((run.code, run.out.as_str()), (Some(1), ""));
    assert!(
        run.err.starts_with(&format!("error: port {port} of 127.0.0.1 is in use\n help: ")),
        "{}",
        run.err
    );
    assert!(run.err.contains("`--port`"), "{}", run.err);
}

#[test]
fn a_database_in_use_is_named() {
    let folder = place(&[]);
    let _first = Server::start(folder.path());
    let run = run(faramesh(folder.path(), &SERVE));
    assert_eq!((run.code, run.out.as_str()), (Some(1), ""));
    let message = "error: another server uses the database `data/faramesh.db`\n help: ";
    assert!(run.err.starts_with(message), "{}", run.err);
}

#[cfg(unix)]
#[test]
fn a_database_of_a_newer_version_is_left_alone() {
    let folder = place(&[]);
    assert!(Server::start(folder.path()).stop().success());
    let path = folder.path().join("data/faramesh.db");
    let mut database = fs::read(&path).unwrap();
    // The `user_version` of the SQLite file format, §1.3.
    database[60..64].copy_from_slice(&999_u32.to_be_bytes());
    fs::write(&path, &database).unwrap();
    let run = run(faramesh(folder.path(), &SERVE));
    assert_eq!((run.code, run.out.as_str()), (Some(1), ""));
    let message = "error: the database `data/faramesh.db` was made by a newer version: ";
    assert!(run.err.starts_with(message) && run.err.contains("999"), "{}", run.err);
    assert!(run.err.contains("\n help: use the version that made it"), "{}", run.err);
    assert!(fs::read(&path).unwrap() == database, "the database was changed");
}
