//! `faramesh audit verify`: every record of every stream, receipts, and in a database the rows beside the records.

use std::collections::HashSet;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use engine::record::Head;
use host::store::Receipt;
use serde_json::json;

use super::chain::{Chains, Problem};
use super::receipts::Receipts;
use super::rows::Lives;
use super::source::{self, Database};
use crate::cli::client::{Client, KeyUse};
use crate::cli::exit::{Exit, Failure, Outcome};
use crate::cli::screen::{Format, Screen};
use crate::cli::{Global, text};

/// How often a row that changes while it is looked at is looked at again.
const ROW_READS: u32 = 5;

/// Arguments of `audit verify`.
#[derive(Debug, Args)]
#[command(after_help = "\
A chain alone cannot show that its tail was cut off or all of it rewritten. Keep receipts or an export elsewhere, and
compare with --receipt.

Exit codes: 0 valid, 1 broken, 2 a file cannot be read, 4 no server")]
pub(crate) struct Verify {
    /// Verify an export; - for standard input
    #[arg(long, value_name = "FILE", conflicts_with = "db")]
    file: Option<String>,

    /// Verify a database, and the actions in it against their records
    #[arg(long, value_name = "PATH")]
    db: Option<PathBuf>,

    /// A receipt, or an answer that holds one, that must be in the chain; may be given several times
    #[arg(long = "receipt", value_name = "FILE")]
    receipts: Vec<String>,
}

/// What is being checked, and how far it is.
struct Run {
    chains: Chains,
    receipts: Receipts,
    lives: Option<Lives>,
    count: u64,
    progress: bool,
}

impl Run {
    fn next(&mut self, stream: Option<&str>, body: &str) {
        if let Some((stream, seq, record_hash)) = self.chains.next(stream, body) {
            self.receipts.found(&stream, seq, record_hash);
            if let Some(lives) = &mut self.lives {
                lives.record(body, Receipt { stream, seq, record_hash });
            }
        }
        self.count = self.count.saturating_add(1);
        if self.progress && self.count.is_multiple_of(1000) {
            // Progress that cannot be shown is not missed.
            let _ = write!(std::io::stderr(), "\rverified {} records", self.count);
        }
    }

    fn end_progress(&self) {
        if self.progress && self.count >= 1000 {
            let _ = write!(std::io::stderr(), "\r{:40}\r", "");
        }
    }
}

pub(crate) fn run(args: &Verify, global: &Global, screen: &Screen) -> Outcome {
    let mut run = Run {
        chains: Chains::default(),
        receipts: Receipts::read(&args.receipts)?,
        lives: None,
        count: 0,
        progress: std::io::stderr().is_terminal(),
    };
    let mut row_problems = Vec::new();
    let result = match (&args.file, &args.db) {
        (Some(path), _) => source::of_file(path, &mut |stream, body| {
            run.next(stream, body);
            Ok(())
        }),
        (None, Some(path)) => database(path, &mut run).map(|problems| row_problems = problems),
        (None, None) => server(global, &mut run),
    };
    run.end_progress();
    result?;
    let mut problems = run.chains.problems();
    problems.extend(run.receipts.problems(&run.chains));
    problems.append(&mut row_problems);
    report(&run.chains, &problems, run.count, screen)
}

fn server(global: &Global, run: &mut Run) -> Result<(), Failure> {
    let client = Client::new(global, KeyUse::Found)?;
    let heads = source::of_server(&client, &mut |stream, body| {
        run.next(stream, body);
        Ok(())
    })?;
    compare_heads(&heads, run);
    Ok(())
}

fn compare_heads(heads: &[Head], run: &mut Run) {
    for head in heads {
        run.chains.compare_head(head);
    }
}

fn database(path: &Path, run: &mut Run) -> Result<Vec<Problem>, Failure> {
    let database = Database::open(path)?;
    run.lives = Some(Lives::default());
    catch_up(&database, run)?;
    if !run.chains.problems().is_empty() {
        // Rows cannot be compared with records that are not to be trusted, and may not even read.
        return Ok(Vec::new());
    }
    // The rows are read after the records, so a row that a server writes meanwhile can only be ahead of them.
    let mut rows = Vec::new();
    let mut ids = HashSet::new();
    let lives = |run: &Run, row: &_| run.lives.as_ref().and_then(|lives| lives.compare(row));
    database.actions(|row| {
        ids.insert(row.id.clone());
        if lives(run, &row).is_some() {
            rows.push(row.id);
        }
    })?;
    let missing = run.lives.as_ref().map(|lives| lives.without_row(&ids)).unwrap_or_default();
    if !run.chains.problems().is_empty() {
        // Rows cannot be compared with records that are not to be trusted.
        return Ok(Vec::new());
    }
    let mut problems = missing;
    for id in rows {
        let mut found = None;
        for _ in 0..ROW_READS {
            catch_up(&database, run)?;
            found = database.action(&id)?.and_then(|row| lives(run, &row));
            if found.is_none() {
                break;
            }
        }
        problems.extend(found);
    }
    Ok(problems)
}

/// Takes in the records that came since.
fn catch_up(database: &Database, run: &mut Run) -> Result<(), Failure> {
    let heads = database.heads()?;
    for head in &heads {
        run.chains.expect(&head.stream);
        let from = run.chains.size(&head.stream);
        database.records(&head.stream, from, &mut |stream, body| {
            run.next(stream, body);
            Ok(())
        })?;
    }
    compare_heads(&heads, run);
    Ok(())
}

fn report(chains: &Chains, problems: &[Problem], count: u64, screen: &Screen) -> Outcome {
    let checked = chains.checked();
    let valid = problems.is_empty() && count > 0;
    if screen.format() != Format::Table {
        screen
            .value(&json!({ "problems": problems, "records": count, "streams": checked, "valid": valid }))?;
        return Ok(if valid { Exit::Done } else { Exit::No });
    }
    let paint = screen.paint();
    let (yes, no) = (screen.symbol("✓", "+"), screen.symbol("✗", "x"));
    for stream in &checked {
        let sign = if stream.valid { paint.green(yes) } else { paint.red(no) };
        let size = text::counted(stream.size, "record");
        screen.data(&format!("{sign} {}  {size}  head {}", text::visible(&stream.stream), stream.head))?;
    }
    for problem in problems {
        let place = problem.seq.map_or_else(String::new, |seq| format!(" #{seq}"));
        let kind =
            problem.kind.as_deref().map_or_else(String::new, |kind| format!(" ({})", text::visible(kind)));
        let message = text::visible(&problem.message);
        screen.data(&format!(
            "{}  {}{place}{kind}: {message}",
            paint.red("BROKEN"),
            text::visible(&problem.stream)
        ))?;
    }
    if count == 0 {
        return Err(Failure::refused("there are no records, so nothing was verified"));
    }
    if valid {
        screen.data(&format!("{}: the chain holds", text::counted(count, "record")))?;
    } else {
        screen.data("the records are not what was recorded")?;
    }
    Ok(if valid { Exit::Done } else { Exit::No })
}
