//! `faramesh actions replay`: a recorded action decided again, and whether the bytes are the recorded ones.

use api::{Difference, Replay};
use serde_json::value::RawValue;

use super::Id;
use crate::client::{Client, KeyUse, id_segment};
use crate::exit::{Exit, Outcome};
use crate::screen::{Format, Screen};
use crate::text;

pub(crate) fn run(Id { id, connection }: &Id, screen: &Screen) -> Outcome {
    let client = Client::new(connection, KeyUse::Found)?;
    let answer = client.post(&format!("/v1/actions/{}/replay", id_segment(id)?), b"{}")?;
    let Replay { matches, passes, .. } = client.read::<Replay>(&answer)?;
    let exit = if matches { Exit::Done } else { Exit::No };
    if screen.format() != Format::Table {
        screen.value(&answer)?;
        return Ok(exit);
    }
    for pass in &passes {
        let place = format!("{} #{}", pass.kind, pass.seq);
        let outcome = pass.recorded.outcome.as_str();
        screen.data(&format!("{}  {place}  {outcome}", sign(screen, pass.matches)))?;
        for Difference { field, recorded, replayed } in &pass.differences {
            let shown = |value: &RawValue| {
                serde_json::from_str(value.get()).map_or_else(|_| String::new(), |value| text::scalar(&value))
            };
            let (field, recorded, replayed) = (text::visible(field), shown(recorded), shown(replayed));
            screen.data(&format!("    {field}: recorded {recorded}, now {replayed}"))?;
        }
        if !pass.same_engine {
            screen.data(&format!("    it was decided by another engine: {}", pass.engine_hash))?;
        }
    }
    screen.data(if matches { "the same decision, byte for byte" } else { "not the recorded decision" })?;
    Ok(exit)
}

fn sign(screen: &Screen, matches: bool) -> String {
    if matches {
        screen.paint().green(&format!("{} same     ", screen.symbol("✓", "+")))
    } else {
        screen.paint().red(&format!("{} different", screen.symbol("✗", "x")))
    }
}
