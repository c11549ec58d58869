//! `faramesh actions explain`: why a recorded action was decided as it was.

use crate::cli::client::{Client, KeyUse, id_segment};
use crate::cli::exit::{Exit, Outcome};
use crate::cli::screen::{Format, Screen};
use crate::cli::{Global, policy};

pub(crate) fn run(id: &str, global: &Global, screen: &Screen) -> Outcome {
    let client = Client::new(global, KeyUse::Found)?;
    let answer = client.get(&format!("/v1/actions/{}/explain", id_segment(id)?), &[])?;
    match screen.format() {
        Format::Table => screen.data(&policy::explanation(screen, &answer))?,
        Format::Json | Format::Jsonl | Format::Yaml => screen.value(&answer)?,
    }
    Ok(Exit::Done)
}
