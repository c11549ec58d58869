//! Writes made-up URLs and mailboxes with the host that the engine reads in each, for other readers to compare.
//!
//! `--count N --seed S`; the same two give the same file, `target/readers.jsonl`. A line is `["url", text, host]` or
//! `["mailbox", text, host]`; texts in which the engine reads no host are counted and left out, since no rule permits
//! them for their host. It judges nothing: `tests/js/readers.mjs` and `tests/js/lib/readers.py` do.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::process::ExitCode;

use conformance::repository;
use engine::policy::net::{Host, Reference};
use serde_json::json;

type Failure = Box<dyn std::error::Error>;

/// Out of each hundred texts, this many are mailboxes.
const MAILBOXES: u64 = 5;

const SCHEMES: [&str; 22] = [
    "http",
    "https",
    "HTTPS",
    "ws",
    "wss",
    "ftp",
    "ftps",
    "sftp",
    "ssh",
    "git",
    "imap",
    "smtp",
    "ldap",
    "redis",
    "amqp",
    "mqtt",
    "file",
    "javascript",
    "data",
    "postgresql",
    "a+b",
    "blob:https",
];
const SEPARATORS: [&str; 7] = ["://", ":", ":/", ":///", ":\\", "//", "::/"];
const USERS: [&str; 16] = [
    "ann@",
    "ann:pw@",
    "good.example@",
    "good.example:80@",
    "@",
    ":@",
    "a@b@",
    "a%40b@",
    "%2f@",
    "good.example/@",
    "good.example\\@",
    "good.example#@",
    "good.example?@",
    "a;b@",
    "[::1]@",
    "ann:p:w@",
];
const HOSTS: [&str; 48] = [
    "good.example",
    "evil.test",
    "GOOD.Example",
    "good.example.",
    "good.example..",
    "a.good.example",
    "localhost",
    "my_host.example",
    "-a.example",
    "a-.example",
    "r3---sn.example",
    "xn--mnchen-3ya.example",
    "xn--good-.example",
    "xn--a.example",
    "XN--MNCHEN-3YA.example",
    "xn--zzzzzz99999.example",
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "127.0.0.01",
    "256.1.1.1",
    "1.2.3.4.5",
    "1.2.3",
    "08.1.1.1",
    "1.2.3.4.example",
    "a.0x1",
    "a.0x",
    "a.09",
    "a.1",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[1.2.3.4]",
    "[v1.a]",
    "[::1%25eth0]",
    "[fe80::1%eth0]",
    "m\u{fc}nchen.example",
    "good\u{3002}example",
    "good\u{ff0e}example",
    "\u{ff47}ood.example",
    "good.example\u{ff0f}",
    "stra\u{df}e.example",
    "good%2eexample",
    "",
];
const PORTS: [&str; 14] =
    ["", "", "", "", ":80", ":443", ":8443", ":", ":0", ":080", ":65535", ":65536", ":x", ":80:80"];
const PATHS: [&str; 20] = [
    "",
    "",
    "/",
    "/a",
    "/a/b?c=d#e",
    "?x",
    "#x",
    "?@evil.test",
    "#@evil.test",
    "/@evil.test",
    "/a@evil.test/",
    "//evil.test/",
    "/..//evil.test",
    "\\evil.test",
    "/%40evil.test",
    ";@evil.test",
    "/?u=https://evil.test/",
    ":@evil.test",
    "/\u{e4}",
    "\t@evil.test",
];
const ODD: [&str; 64] = [
    "/",
    "\\",
    "@",
    ":",
    "?",
    "#",
    "%",
    ".",
    "..",
    "[",
    "]",
    "-",
    "_",
    ";",
    ",",
    "&",
    "=",
    "+",
    "!",
    "$",
    "'",
    "(",
    ")",
    "*",
    "~",
    "^",
    "|",
    "{",
    "}",
    "<",
    ">",
    "\"",
    "`",
    " ",
    "\t",
    "\n",
    "\r",
    "\0",
    "\u{7f}",
    "\u{85}",
    "\u{a0}",
    "\u{ad}",
    "\u{200b}",
    "\u{2024}",
    "\u{3002}",
    "\u{ff0e}",
    "\u{ff61}",
    "\u{ff0f}",
    "\u{ff20}",
    "\u{ff1a}",
    "\u{212a}",
    "\u{130}",
    "\u{e4}",
    "\u{1f600}",
    "%2f",
    "%40",
    "%2e",
    "%00",
    "0x",
    "0",
    "1",
    "X",
    "a",
    "://",
];
const LOCALS: [&str; 14] = [
    "ann",
    "Ann.Lee",
    "ann+tag",
    "o'neil",
    "a..b",
    ".a",
    "a.",
    "\"a b\"",
    "\"eve@evil.test\"",
    "eve%evil.test",
    "evil.test!eve",
    "a(b)",
    "Ann <ann",
    "mailto:ann",
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match numbers(&arguments).and_then(|(count, seed)| run(count, seed)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("readers: {error}");
            ExitCode::FAILURE
        }
    }
}

fn numbers(arguments: &[String]) -> Result<(u64, u64), Failure> {
    let (mut count, mut seed) = (50_000, 1);
    for pair in arguments.chunks(2) {
        match pair {
            [name, value] if name == "--count" => count = value.parse()?,
            [name, value] if name == "--seed" => seed = value.parse()?,
            other => return Err(format!("`{}` is not `--count N` or `--seed S`", other.join(" ")).into()),
        }
    }
    Ok((count, seed))
}

fn run(count: u64, seed: u64) -> Result<(), Failure> {
    let mut out = BufWriter::new(File::create(repository().join("target/readers.jsonl"))?);
    let mut random = Random(seed.wrapping_mul(2).wrapping_add(1));
    let (mut with_scheme, mut with_host, mut bare_with_host) = (0_u64, 0_u64, 0_u64);
    for _ in 0..count {
        let (kind, reference, text) = if random.below(100) < MAILBOXES {
            ("mailbox", Reference::Mailbox, mailbox(&mut random))
        } else {
            ("url", Reference::Url, url(&mut random))
        };
        let schemed = text.contains("://");
        with_scheme += u64::from(schemed);
        if let Some(host) = reference.host(&text) {
            let host = match host {
                Host::Name(name) => name,
                Host::V4(address) => address.to_string(),
                Host::V6(address) => address.to_string(),
            };
            with_host += 1;
            bare_with_host += u64::from(!schemed);
            writeln!(out, "{}", json!([kind, text, host]))?;
        }
    }
    out.flush()?;
    println!(
        "{count} made-up texts of seed {seed}, {with_scheme} of them with `://`: the engine reads a host in \
         {with_host}, {bare_with_host} of them without `://`"
    );
    if with_host * 20 < count || bare_with_host * 200 < count {
        return Err("too few texts with a host to compare".into());
    }
    Ok(())
}

fn url(random: &mut Random) -> String {
    let mut text = String::new();
    if random.below(4) > 0 {
        text.push_str(random.mostly(&SCHEMES, 16));
        text.push_str(random.mostly(&SEPARATORS, 1));
    }
    if random.below(4) == 0 {
        text.push_str(random.mostly(&USERS, 3));
    }
    text.push_str(random.mostly(&HOSTS, 7));
    text.push_str(random.mostly(&PORTS, 7));
    text.push_str(random.mostly(&PATHS, 10));
    damaged(random, text)
}

fn mailbox(random: &mut Random) -> String {
    let text = format!("{}@{}", random.mostly(&LOCALS, 4), random.mostly(&HOSTS, 6));
    damaged(random, text)
}

/// The text with none to three characters put in, taken out or doubled.
fn damaged(random: &mut Random, text: String) -> String {
    let mut text: Vec<char> = text.chars().collect();
    for _ in 0..random.one_of(&[0, 0, 1, 1, 1, 2, 3]) {
        let at = usize::try_from(random.below(text.len() as u64 + 1)).unwrap_or(0);
        match random.below(4) {
            0 if at < text.len() => _ = text.remove(at),
            1 if at < text.len() => {
                let doubled: Vec<char> = text.iter().skip(at).take(1).copied().collect();
                _ = text.splice(at..at, doubled);
            }
            _ => _ = text.splice(at..at, random.one_of(&ODD).chars()),
        }
    }
    text.into_iter().collect()
}

/// Random numbers, the same for the same seed (xorshift64*, S. Vigna, 2016).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) % end
    }

    /// One of all, and four times out of five one of the first `plain`, so that some texts are read by everyone.
    fn mostly<T: Copy + Default>(&mut self, all: &[T], plain: usize) -> T {
        let end = if self.below(5) > 0 { plain } else { all.len() };
        self.one_of(all.get(..end).unwrap_or(all))
    }

    fn one_of<T: Copy + Default>(&mut self, all: &[T]) -> T {
        let at = usize::try_from(self.below(all.len() as u64)).unwrap_or(0);
        all.get(at).copied().unwrap_or_default()
    }
}
