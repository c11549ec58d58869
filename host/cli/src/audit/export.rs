//! `faramesh audit export`: all records as they are kept, a line each, ready for `audit verify --file`.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::source::{self, Database};
use crate::client::{Client, Connection, KeyUse, quoted};
use crate::exit::{Exit, Failure, Outcome};
use crate::screen::Screen;
use crate::text;

/// Arguments of `audit export`.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The file to write [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Read this database instead of asking a server
    #[arg(long, value_name = "PATH")]
    db: Option<PathBuf>,

    #[command(flatten)]
    connection: Connection,
}

pub(crate) fn run(args: &Export, screen: &Screen) -> Outcome {
    let Some(path) = &args.out else {
        // Records are written as they are, whatever format was asked for: another one would not verify.
        let mut write = |_: Option<&str>, body: &str| Ok(screen.json(body)?);
        each(args, &mut write)?;
        return Ok(Exit::Done);
    };
    let shown = quoted(&path.to_string_lossy());
    let fail = |error: std::io::Error| Failure::usage(format!("{shown} cannot be written: {error}"));
    let mut file = std::io::BufWriter::new(std::fs::File::create(path).map_err(fail)?);
    let mut count = 0_u64;
    each(args, &mut |_, body| {
        count = count.saturating_add(1);
        writeln!(file, "{body}").map_err(fail)
    })?;
    file.flush().map_err(fail)?;
    screen.message(&format!("wrote {} to {shown}", text::counted(count, "record")));
    Ok(Exit::Done)
}

fn each(args: &Export, visit: source::Visit<'_>) -> Result<(), Failure> {
    let Some(path) = &args.db else {
        let client = Client::new(&args.connection, KeyUse::Found)?;
        return source::of_server(&client, visit).map(|_| ());
    };
    let database = Database::open(path)?;
    for head in database.heads()? {
        database.records(&head.stream, 0, visit)?;
    }
    Ok(())
}
