//! `faramesh keys`: API keys are made, listed and revoked on the server. A secret is printed once, here.

use std::time::Duration;

use api::{Key, KeyList, NewKey, Role};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use comfy_table::Cell;
use serde_json::Value;

use super::client::{Client, Connection, KeyUse, id_segment};
use super::exit::{Exit, Failure, Outcome};
use super::screen::{Format, Screen};
use super::{table, text, time};

/// The verbs of `keys`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create a key, and print its secret once
    Create(Create),
    /// List all keys, without their secrets
    List(Connection),
    /// Revoke a key at once
    Revoke(Revoke),
}

/// Arguments of `keys create`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: faramesh keys create --name support-bot --role agent --agent 'support-*' --expires 30d"
)]
pub(crate) struct Create {
    /// The name of its holder in records
    #[arg(long)]
    name: String,

    /// What the key may do
    #[arg(long, value_name = "ROLE", value_parser = roles())]
    role: Role,

    /// An agent the key may speak for, where `*` and `?` stand for any characters; required for the role agent; can be
    /// repeated
    #[arg(long = "agent", value_name = "GLOB")]
    agents: Vec<String>,

    /// A role the key may approve as; can be repeated
    #[arg(long = "approver-role", value_name = "ROLE")]
    approver_roles: Vec<String>,

    /// How long the key works, such as `30d`
    #[arg(long, value_name = "TIME", value_parser = time::parse_duration)]
    expires: Option<Duration>,

    #[command(flatten)]
    connection: Connection,
}

/// The roles as words, with what each may do.
fn roles() -> impl TypedValueParser<Value = Role> {
    let words = Role::ALL.map(|role| {
        PossibleValue::new(role.as_str()).help(match role {
            Role::Agent => "Submit actions and report how they ended",
            Role::Viewer => "Read everything",
            Role::Approver => "Read everything and answer requests for approval",
            Role::Editor => "Read everything and change policies",
            Role::Admin => "All of it, and keys",
        })
    });
    PossibleValuesParser::new(words)
        .try_map(|word| Role::from_word(&word).ok_or_else(|| format!("there is no role `{word}`")))
}

/// Arguments of `keys revoke`.
#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// The key's id, or its name
    #[arg(value_name = "ID|NAME")]
    key: String,

    #[command(flatten)]
    connection: Connection,
}

pub(crate) fn run(command: &Command, screen: &Screen) -> Outcome {
    let client = |connection: &Connection| Client::new(connection, KeyUse::Found);
    match command {
        Command::Create(args) => create(args, &client(&args.connection)?, screen),
        Command::List(connection) => list(&client(connection)?, screen),
        Command::Revoke(args) => revoke(args, &client(&args.connection)?, screen),
    }
}

fn create(args: &Create, client: &Client, screen: &Screen) -> Outcome {
    if matches!(args.role, Role::Agent) && args.agents.is_empty() {
        return Err(Failure::usage("a key with the role `agent` names the agents that it speaks for")
            .help("name them with `--agent 'support-*'`, or allow all with `--agent '*'`"));
    }
    let body = NewKey {
        name: args.name.clone(),
        role: args.role,
        agents: args.agents.clone(),
        approver_roles: args.approver_roles.clone(),
        expires_in: None,
        expires_at: args.expires.map(time::from_now),
    };
    let body = serde_json::to_vec(&body).map_err(|error| Failure::usage(error.to_string()))?;
    let answer = client.post("/v1/keys", &body)?;
    match screen.format() {
        Format::Table => {
            let key: Key = client.read(&answer)?;
            let Some(secret) = &key.key else {
                return Err(Failure::unreachable("the server created a key and did not send it"));
            };
            let [name, id, role] = [&key.name, &key.id, &key.role].map(|text| text::visible(text));
            screen.message(&format!("created the key {name} (id {id}, role {role}); it is shown only once"));
            screen.data(&text::visible(secret))?;
        }
        Format::Json | Format::Jsonl | Format::Yaml => screen.value(&answer)?,
    }
    Ok(Exit::Done)
}

fn list(client: &Client, screen: &Screen) -> Outcome {
    let answer = client.get("/v1/keys", &[])?;
    if screen.format() != Format::Table {
        // The keys as they came, each a line in that format.
        let keys = answer.get("keys").and_then(Value::as_array);
        screen.list(keys.ok_or_else(|| client.foreign())?)?;
        return Ok(Exit::Done);
    }
    let keys = client.read::<KeyList>(&answer)?.keys;
    if keys.is_empty() {
        screen.message("there are no keys; create one with `faramesh keys create`");
        return Ok(Exit::Done);
    }
    let mut rows =
        table::Rows::new(screen, &["ID", "NAME", "ROLE", "AGENTS", "APPROVES AS", "EXPIRES", "STATE"]);
    for key in &keys {
        let names = |names: &[String], none: &str| {
            let names: Vec<_> = names.iter().map(|name| text::visible(name)).collect();
            if names.is_empty() { none.to_owned() } else { names.join(" ") }
        };
        let expires = key.expires_at.as_deref().map_or_else(|| "never".to_owned(), time::date_and_clock);
        rows.push(vec![
            Cell::new(text::visible(&key.id)),
            Cell::new(text::visible(&key.name)),
            Cell::new(text::visible(&key.role)),
            Cell::new(names(&key.agents, "all")),
            Cell::new(names(&key.approver_roles, "-")),
            Cell::new(expires),
            Cell::new(if key.revoked_at.is_some() { "revoked" } else { "works" }),
        ]);
    }
    screen.data(&rows.print())?;
    Ok(Exit::Done)
}

fn revoke(args: &Revoke, client: &Client, screen: &Screen) -> Outcome {
    let answer = client.get("/v1/keys", &[])?;
    let keys = client.read::<KeyList>(&answer)?.keys;
    let named = |key: &&Key| key.id == args.key || key.name == args.key;
    // A name may have been that of a key that is revoked by now.
    let works = |key: &&Key| key.revoked_at.is_none();
    let Some(key) = keys.iter().filter(named).find(works).or_else(|| keys.iter().find(named)) else {
        return Err(Failure::refused(format!("there is no key `{}`", args.key))
            .help("`faramesh keys list` shows all of them"));
    };
    let answer = client.delete(&format!("/v1/keys/{}", id_segment(&key.id)?))?;
    match screen.format() {
        Format::Table => screen.message(&format!("revoked the key `{}`", text::visible(&args.key))),
        Format::Json | Format::Jsonl | Format::Yaml => screen.value(&answer)?,
    }
    Ok(Exit::Done)
}
