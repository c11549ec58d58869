//! `faramesh keys`: API keys are made, listed and revoked on the server. A secret is printed once, here.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use comfy_table::Cell;
use serde_json::{Value, json};

use super::Global;
use super::client::{Client, KeyUse, id_segment};
use super::exit::{Exit, Failure, Outcome};
use super::screen::{Format, Screen};
use super::{table, text, time};

/// The verbs of `keys`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a key; its secret is printed once, to standard output
    Create(Create),
    /// List all keys, without their secrets
    List,
    /// Make a key useless at once
    Revoke(Revoke),
}

/// Arguments of `keys create`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: faramesh keys create --name support-bot --role agent --agent 'support-*' --expires 30d"
)]
pub(crate) struct Create {
    /// The name that records show for what is done with the key
    #[arg(long)]
    name: String,

    /// What the key may do
    #[arg(long, value_enum)]
    role: Role,

    /// An agent the key may speak for; `*` and `?` stand for any characters, and '*' alone for all agents; a key with
    /// the role agent needs at least one; may be given several times
    #[arg(long = "agent", value_name = "GLOB")]
    agents: Vec<String>,

    /// What the key may approve as; may be given several times
    #[arg(long = "approver-role", value_name = "ROLE")]
    approver_roles: Vec<String>,

    /// After what time the key stops working, such as 30d
    #[arg(long, value_name = "TIME", value_parser = time::parse_duration)]
    expires: Option<Duration>,
}

/// What a key may do.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Role {
    /// Submit actions and say how they ended
    Agent,
    /// Read everything
    Viewer,
    /// Read everything and answer requests for approval
    Approver,
    /// Read everything and change policies
    Editor,
    /// All of it, and keys
    Admin,
}

impl Role {
    fn as_str(self) -> &'static str {
        match self {
            Role::Agent => "agent",
            Role::Viewer => "viewer",
            Role::Approver => "approver",
            Role::Editor => "editor",
            Role::Admin => "admin",
        }
    }
}

/// Arguments of `keys revoke`.
#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// The key's id, or its name
    #[arg(value_name = "ID|NAME")]
    key: String,
}

pub(crate) fn run(command: &Command, global: &Global, screen: &Screen) -> Outcome {
    let client = Client::new(global, KeyUse::Found)?;
    match command {
        Command::Create(args) => create(args, &client, screen),
        Command::List => list(&client, screen),
        Command::Revoke(args) => revoke(args, &client, screen),
    }
}

/// The keys of an answer: the list itself, or what stands under `keys`.
fn keys_of(answer: &Value) -> Vec<Value> {
    let list = answer.get("keys").unwrap_or(answer);
    list.as_array().cloned().unwrap_or_default()
}

fn create(args: &Create, client: &Client, screen: &Screen) -> Outcome {
    if matches!(args.role, Role::Agent) && args.agents.is_empty() {
        return Err(Failure::usage("a key with the role `agent` names the agents that it speaks for")
            .help("name them with `--agent 'support-*'`, or allow all with `--agent '*'`"));
    }
    let body = json!({
        "agents": args.agents,
        "approver_roles": args.approver_roles,
        "expires_at": args.expires.map(time::from_now),
        "name": args.name,
        "role": args.role.as_str(),
    });
    let answer = client.post("/v1/keys", body.to_string().as_bytes())?;
    match screen.format() {
        Format::Table => {
            let secret = answer.get("key").and_then(Value::as_str);
            let Some(secret) = secret else {
                return Err(Failure::unreachable("the server made a key and did not say which"));
            };
            screen.message(&format!(
                "made the key {} (id {}, role {}); this is the only time it is shown",
                text::at(&answer, "/name"),
                text::at(&answer, "/id"),
                text::at(&answer, "/role"),
            ));
            screen.data(&text::visible(secret))?;
        }
        Format::Json | Format::Jsonl | Format::Yaml => screen.value(&answer)?,
    }
    Ok(Exit::Done)
}

fn list(client: &Client, screen: &Screen) -> Outcome {
    let keys = keys_of(&client.get("/v1/keys", &[])?);
    if screen.format() != Format::Table {
        screen.list(&keys)?;
        return Ok(Exit::Done);
    }
    if keys.is_empty() {
        screen.message("there are no keys; make one with `faramesh keys create`");
        return Ok(Exit::Done);
    }
    let mut rows =
        table::Rows::new(screen, &["ID", "NAME", "ROLE", "AGENTS", "APPROVES AS", "EXPIRES", "STATE"]);
    for key in &keys {
        let names = |field| {
            let names = key.get(field).and_then(Value::as_array);
            let names = names.map(|names| names.iter().filter_map(Value::as_str).map(text::visible));
            names.map(|names| names.collect::<Vec<_>>().join(" ")).filter(|names| !names.is_empty())
        };
        let set = |field| key.get(field).is_some_and(|value| !value.is_null());
        let expires = key.get("expires_at").and_then(Value::as_str).map(time::date_and_clock);
        rows.push(vec![
            Cell::new(text::at(key, "/id")),
            Cell::new(text::at(key, "/name")),
            Cell::new(text::at(key, "/role")),
            Cell::new(names("agents").unwrap_or_else(|| "all".to_owned())),
            Cell::new(names("approver_roles").unwrap_or_else(|| "-".to_owned())),
            Cell::new(expires.unwrap_or_else(|| "never".to_owned())),
            Cell::new(if set("revoked_at") { "revoked" } else { "works" }),
        ]);
    }
    screen.data(&rows.print())?;
    Ok(Exit::Done)
}

fn revoke(args: &Revoke, client: &Client, screen: &Screen) -> Outcome {
    let keys = keys_of(&client.get("/v1/keys", &[])?);
    let field = |key: &Value, name: &str| key.get(name).and_then(Value::as_str).map(str::to_owned);
    let named = |key: &&Value| {
        field(key, "id").as_deref() == Some(&args.key) || field(key, "name").as_deref() == Some(&args.key)
    };
    // A name may have been that of a key that is revoked by now.
    let works = |key: &&Value| key.get("revoked_at").is_none_or(Value::is_null);
    let found = keys.iter().filter(named).find(works).or_else(|| keys.iter().find(named));
    let Some(id) = found.and_then(|key| field(key, "id")) else {
        return Err(Failure::refused(format!("there is no key `{}`", args.key))
            .help("`faramesh keys list` shows all of them"));
    };
    let answer = client.delete(&format!("/v1/keys/{}", id_segment(&id)?))?;
    match screen.format() {
        Format::Table => screen.message(&format!("revoked the key `{}`", text::visible(&args.key))),
        Format::Json | Format::Jsonl | Format::Yaml => screen.value(&answer)?,
    }
    Ok(Exit::Done)
}
