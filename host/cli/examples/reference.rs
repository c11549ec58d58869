//! Prints the reference of the command line as Markdown, `docs/CLI.md`, from the grammar that the program parses with.

use std::fmt::Write as _;

use clap::{Arg, Command};

/// Options that every command has; they are described once.
const COMMON: [&str; 3] = ["format", "color", "help"];

const INTRODUCTION: &str = "\
# Command line

`cargo xtask codegen` writes this page from the grammar that the program parses with; `faramesh help COMMAND` prints the same in a terminal.
[Settings](SETTINGS.md) says where the server's address, the key and the other settings come from.

";

fn main() {
    print!("{}", page());
}

/// The page.
pub(crate) fn page() -> String {
    let mut program = cli::grammar();
    program.build();
    let mut page = INTRODUCTION.to_owned();
    page.push_str("## Every command\n\n");
    options(&mut page, &program, |arg| COMMON.contains(&arg.get_id().as_str()));
    if let Some(text) = program.get_after_help() {
        let _ = writeln!(page, "```text\n{}\n```\n", text.to_string().trim());
    }
    page.push_str("## Commands\n\n| command | |\n| --- | --- |\n");
    contents(&mut page, &program);
    page.push('\n');
    for command in commands(&program) {
        describe(&mut page, command);
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

/// The commands below `parent`, without `help`.
fn commands(parent: &Command) -> impl Iterator<Item = &Command> {
    parent.get_subcommands().filter(|command| command.get_name() != "help" && !command.is_hide_set())
}

fn name(command: &Command) -> &str {
    command.get_bin_name().unwrap_or_else(|| command.get_name())
}

/// A row for every command that does something.
fn contents(page: &mut String, parent: &Command) {
    for command in commands(parent) {
        if commands(command).next().is_some() {
            contents(page, command);
            continue;
        }
        let (name, about) = (name(command), sentence(command));
        let _ = writeln!(page, "| [`{name}`](#{}) | {about} |", name.replace(' ', "-"));
    }
}

fn describe(page: &mut String, command: &Command) {
    if commands(command).next().is_some() {
        for inner in commands(command) {
            describe(page, inner);
        }
        return;
    }
    let _ = writeln!(page, "## {}\n\n{}.\n", name(command), sentence(command));
    let usage = command.clone().render_usage().to_string();
    let _ = writeln!(page, "```text\n{}\n```\n", usage.trim_start_matches("Usage: ").trim());
    let aliases: Vec<String> = command.get_visible_aliases().map(|alias| format!("`{alias}`")).collect();
    if !aliases.is_empty() {
        let _ = writeln!(page, "Another name: {}.\n", aliases.join(", "));
    }
    options(page, command, |arg| !COMMON.contains(&arg.get_id().as_str()));
    if let Some(text) = command.get_after_help() {
        let _ = writeln!(page, "```text\n{}\n```\n", text.to_string().trim());
    }
}

/// The purpose of a command.
fn sentence(command: &Command) -> String {
    escaped(&command.get_about().map(ToString::to_string).unwrap_or_default())
}

/// A table of the arguments that `wanted` picks, in the order of their headings.
fn options(page: &mut String, command: &Command, wanted: impl Fn(&Arg) -> bool) {
    let arguments: Vec<&Arg> =
        command.get_arguments().filter(|arg| wanted(arg) && !arg.is_hide_set()).collect();
    if arguments.is_empty() {
        return;
    }
    page.push_str("| argument | meaning |\n| --- | --- |\n");
    // Those without a heading first, as help has them.
    let mut headings: Vec<Option<&str>> = vec![None];
    for heading in arguments.iter().map(|arg| arg.get_help_heading()) {
        if !headings.contains(&heading) {
            headings.push(heading);
        }
    }
    for heading in headings {
        for arg in arguments.iter().filter(|arg| arg.get_help_heading() == heading) {
            let _ = writeln!(page, "| `{}` | {} |", spelled(arg), meaning(arg));
        }
    }
    page.push('\n');
}

/// `-o, --output <FORMAT>`.
fn spelled(arg: &Arg) -> String {
    let names = arg.get_value_names().unwrap_or_default();
    let takes = arg.get_action().takes_values();
    let value = names.iter().map(|name| format!("<{name}>")).collect::<Vec<_>>().join(" ");
    if arg.is_positional() {
        return value.replace('|', "\\|");
    }
    let flags = [arg.get_short().map(|c| format!("-{c}")), arg.get_long().map(|long| format!("--{long}"))];
    let flags = flags.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let spelled = if takes { format!("{flags} {value}") } else { flags };
    spelled.replace('|', "\\|")
}

/// The purpose of an argument, its words, its default and its variable.
fn meaning(arg: &Arg) -> String {
    let mut meaning = escaped(&arg.get_help().map(ToString::to_string).unwrap_or_default());
    let words: Vec<String> =
        arg.get_possible_values().iter().map(|word| format!("`{}`", word.get_name())).collect();
    if arg.get_action().takes_values() && !words.is_empty() {
        let _ = write!(meaning, ": {}", words.join(", "));
    }
    let defaults: Vec<String> =
        arg.get_default_values().iter().map(|value| format!("`{}`", value.to_string_lossy())).collect();
    if arg.get_action().takes_values() && !defaults.is_empty() {
        let _ = write!(meaning, "; default {}", defaults.join(", "));
    }
    if let Some(variable) = arg.get_env() {
        let _ = write!(meaning, "; variable `{}`", variable.to_string_lossy());
    }
    meaning
}

/// Text of help as Markdown in a table.
fn escaped(text: &str) -> String {
    let text = text.replace('\n', " ").replace('|', "\\|");
    text.replace("'*'", "`*`").replace('<', "&lt;")
}
