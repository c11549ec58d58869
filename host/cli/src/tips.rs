//! Tips for words that are not commands here: the commands that people know from elsewhere.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Words that people type, and the command that does it.
const KNOWN_ELSEWHERE: [(&[&str], &str); 8] = [
    (&["start", "serve", "run", "up"], "server start"),
    (&["logs", "log", "tail", "events", "follow"], "watch"),
    (&["list", "ls"], "actions list"),
    (&["get", "show"], "actions get"),
    (&["submit", "trigger"], "actions submit"),
    (&["approve"], "actions approve"),
    (&["deny", "reject"], "actions deny"),
    (&["check", "lint", "validate", "compile", "test", "decide", "explain"], "policy"),
];

/// The error with what was meant, where the word is known from elsewhere.
pub(crate) fn with_tip(mut error: clap::Error) -> clap::Error {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return error;
    }
    if let Some(ContextValue::Strings(near)) = error.get(ContextKind::SuggestedSubcommand) {
        // Clap has the nearest last.
        let nearest_first = near.iter().rev().cloned().collect();
        error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(nearest_first));
    }
    if let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand)
        && let Some(command) = known(word)
    {
        let tip = format!("there is `faramesh {command}`").into();
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip]));
        error.remove(ContextKind::SuggestedSubcommand);
    }
    error
}

fn known(word: &str) -> Option<String> {
    let (_, command) = KNOWN_ELSEWHERE.iter().find(|(words, _)| words.contains(&word))?;
    let of_policy = *command == "policy";
    Some(match word {
        "lint" | "validate" | "compile" => "policy check".to_owned(),
        _ if of_policy => format!("policy {word}"),
        _ => (*command).to_owned(),
    })
}
