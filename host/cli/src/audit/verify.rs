//! `faramesh audit verify`: every record of every stream, receipts, and every row of a server or a database, compared
//! with its records.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use store::audit::chain::Chains;
use store::audit::{Audit, Finding, contradiction};

use super::receipts::Receipts;
use super::source::{self, Database};
use crate::client::{Client, Connection, KeyUse};
use crate::exit::{Exit, Failure, Outcome};
use crate::screen::{Format, Screen};
use crate::text;

/// Arguments of `audit verify`.
#[derive(Debug, Args)]
#[command(after_help = "\
A chain alone cannot show that its tail was cut off or all of it rewritten. Keep receipts or an export elsewhere, and
compare with --receipt.

Exit codes: 0 valid, 1 broken, 2 a file cannot be read, 4 no server")]
pub(crate) struct Verify {
    /// Verify an export; `-` reads standard input
    #[arg(long, value_name = "FILE", conflicts_with = "db")]
    file: Option<String>,

    /// Verify a database: its records, and every row that follows from them
    #[arg(long, value_name = "PATH")]
    db: Option<PathBuf>,

    /// A receipt that must be in the chain, or an answer with one; can be repeated
    #[arg(long = "receipt", value_name = "FILE")]
    receipts: Vec<String>,

    #[command(flatten)]
    connection: Connection,
}

/// Records of an export or a server on their way through the verifier.
struct Run {
    chains: Chains,
    receipts: Receipts,
    found: Vec<Finding>,
    count: u64,
    progress: bool,
}

impl Run {
    fn next(&mut self, stream: Option<&str>, body: &str) {
        if let Some((stream, seq, record_hash)) = self.chains.next(stream, body) {
            self.receipts.found(&stream, seq, record_hash);
            self.found.extend(contradiction(body));
        }
        self.count = self.count.saturating_add(1);
        if self.progress && self.count.is_multiple_of(1000) {
            // Progress that cannot be shown is not missed.
            let _ = write!(std::io::stderr(), "\rverified {} records", self.count);
        }
    }

    fn end(self, mut rows: Vec<Finding>) -> (Audit, Receipts) {
        if self.progress && self.count >= 1000 {
            let _ = write!(std::io::stderr(), "\r{:40}\r", "");
        }
        let mut problems = self.chains.problems();
        problems.extend(self.found);
        rows.retain(|finding| !problems.contains(finding));
        problems.append(&mut rows);
        (Audit { records: self.count, streams: self.chains.checked(), problems }, self.receipts)
    }
}

pub(crate) fn run(args: &Verify, screen: &Screen) -> Outcome {
    let receipts = Receipts::read(&args.receipts)?;
    let (mut audit, receipts) = match (&args.file, &args.db) {
        (None, Some(path)) => database(path, receipts)?,
        (file, _) => {
            let progress = std::io::stderr().is_terminal();
            let mut run = Run { chains: Chains::default(), receipts, found: Vec::new(), count: 0, progress };
            let rows = match file {
                Some(path) => source::of_file(path, &mut |stream, body| {
                    run.next(stream, body);
                    Ok(())
                })
                .map(|()| Vec::new()),
                None => server(&args.connection, &mut run),
            };
            run.end(rows?)
        }
    };
    audit.problems.extend(receipts.problems(&audit.streams));
    report(&audit, screen)
}

/// Verifies every record that the server gives, and has it compare its rows with them.
fn server(connection: &Connection, run: &mut Run) -> Result<Vec<Finding>, Failure> {
    let client = Client::new(connection, KeyUse::Found)?;
    let heads = source::of_server(&client, &mut |stream, body| {
        run.next(stream, body);
        Ok(())
    })?;
    for head in &heads {
        run.chains.compare_head(head);
    }
    source::audit_of_server(&client).map(|audit| audit.problems)
}

/// Audits a database, while a server may be writing to it.
fn database(path: &Path, mut receipts: Receipts) -> Result<(Audit, Receipts), Failure> {
    let database = Database::open(path)?;
    let audit = database.audit()?;
    for (stream, seq) in receipts.wanted() {
        let right = audit.streams.iter().any(|known| known.stream == stream && seq < known.size);
        if right && let Some(record_hash) = database.record_hash(&stream, seq)? {
            receipts.found(&stream, seq, record_hash);
        }
    }
    Ok((audit, receipts))
}

fn report(audit: &Audit, screen: &Screen) -> Outcome {
    let Audit { records, streams, problems } = audit;
    let valid = problems.is_empty() && *records > 0;
    if screen.format() != Format::Table {
        screen.value(
            &json!({ "problems": problems, "records": records, "streams": streams, "valid": valid }),
        )?;
        return Ok(if valid { Exit::Done } else { Exit::No });
    }
    let paint = screen.paint();
    let (yes, no) = (screen.symbol("✓", "+"), screen.symbol("✗", "x"));
    for stream in streams {
        let sign = if stream.valid { paint.green(yes) } else { paint.red(no) };
        let size = text::counted(stream.size, "record");
        screen.data(&format!("{sign} {}  {size}  head {}", text::visible(&stream.stream), stream.head))?;
    }
    for problem in problems {
        screen.data(&format!("{}  {}", paint.red("BROKEN"), text::visible(&shown(problem))))?;
    }
    if *records == 0 && problems.is_empty() {
        return Err(Failure::refused("there are no records, so nothing was verified"));
    }
    if valid {
        screen.data(&format!("{}: the chain holds", text::counted(*records, "record")))?;
    } else {
        screen.data("the records are not what was recorded")?;
    }
    Ok(if valid { Exit::Done } else { Exit::No })
}

/// `server-1f00 #41 (decision): …` for a record, `action 3d4c4216: …` for a row.
fn shown(problem: &Finding) -> String {
    if let Some(row) = &problem.row {
        let id = problem.action_id.as_deref().map_or_else(String::new, |id| format!(" ({id})"));
        return format!("{row}: {}{id}", problem.message);
    }
    let stream = problem.stream.as_deref().unwrap_or_default();
    let place = problem.seq.map_or_else(String::new, |seq| format!(" #{seq}"));
    let kind = problem.kind.as_deref().map_or_else(String::new, |kind| format!(" ({kind})"));
    format!("{stream}{place}{kind}: {}", problem.message)
}
