//! `faramesh actions replay`: a recorded action decided again, and whether the bytes are the recorded ones.

use serde_json::Value;

use crate::cli::client::{Client, KeyUse, id_segment};
use crate::cli::exit::{Exit, Outcome};
use crate::cli::screen::{Format, Screen};
use crate::cli::{Global, text};

pub(crate) fn run(id: &str, global: &Global, screen: &Screen) -> Outcome {
    let client = Client::new(global, KeyUse::Found)?;
    let replay = client.post(&format!("/v1/actions/{}/replay", id_segment(id)?), b"{}")?;
    let matches = is_match(&replay);
    if screen.format() != Format::Table {
        screen.value(&replay)?;
        return Ok(if matches { Exit::Done } else { Exit::No });
    }
    for pass in replay.get("passes").and_then(Value::as_array).into_iter().flatten() {
        let place = format!("{} #{}", text::at(pass, "/kind"), text::at(pass, "/seq"));
        screen.data(&format!(
            "{}  {place}  {}",
            sign(screen, is_match(pass)),
            text::at(pass, "/recorded/outcome")
        ))?;
        for difference in pass.get("differences").and_then(Value::as_array).into_iter().flatten() {
            let at = |key: &str| difference.get(key).map_or_else(String::new, text::scalar);
            let field = text::at(difference, "/field");
            screen.data(&format!("    {field}: recorded {}, now {}", at("recorded"), at("replayed")))?;
        }
        if pass.get("same_engine") == Some(&Value::Bool(false)) {
            screen
                .data(&format!("    it was decided by another engine: {}", text::at(pass, "/engine_hash")))?;
        }
    }
    screen.data(if matches { "the same decision, byte for byte" } else { "not the recorded decision" })?;
    Ok(if matches { Exit::Done } else { Exit::No })
}

fn is_match(value: &Value) -> bool {
    value.get("match") == Some(&Value::Bool(true))
}

fn sign(screen: &Screen, matches: bool) -> String {
    if matches {
        screen.paint().green(&format!("{} same     ", screen.symbol("✓", "+")))
    } else {
        screen.paint().red(&format!("{} different", screen.symbol("✗", "x")))
    }
}
