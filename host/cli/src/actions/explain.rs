//! `faramesh actions explain`: why a recorded action was decided as it was.

use api::Explained;

use super::Id;
use crate::client::{Client, KeyUse, id_segment};
use crate::exit::{Exit, Outcome};
use crate::policy;
use crate::screen::{Format, Screen};

pub(crate) fn run(Id { id, connection }: &Id, screen: &Screen) -> Outcome {
    let client = Client::new(connection, KeyUse::Found)?;
    let answer = client.get(&format!("/v1/actions/{}/explain", id_segment(id)?), &[])?;
    match screen.format() {
        Format::Table => {
            let explained: Explained = client.read(&answer)?;
            screen.data(&policy::tree(screen, &explained.explanation))?;
        }
        Format::Json | Format::Jsonl | Format::Yaml => screen.value(&answer)?,
    }
    Ok(Exit::Done)
}
