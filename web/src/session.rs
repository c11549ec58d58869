//! Who is logged in, and what is offered to them. The server decides what they may do.

use leptos::prelude::*;
use serde::Deserialize;

use crate::api;

/// Who is logged in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Session {
    /// The name of their key.
    pub principal: String,
    /// What the key is for.
    pub role: String,
    /// What it may approve as.
    #[serde(default)]
    pub approver_roles: Vec<String>,
    /// What it may do.
    pub permissions: Vec<String>,
    /// What every change carries along.
    pub csrf_token: Option<String>,
    /// When the session ends.
    pub expires_at: Option<String>,
    /// The server.
    pub server: Server,
}

/// What the server says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Server {
    /// Its version.
    pub version: String,
    /// The digest of the engine that decides there.
    pub engine_hash: String,
}

/// What is known about it.
#[derive(Debug, Clone, PartialEq)]
pub enum Login {
    /// The server has not answered yet.
    Asking,
    /// Somebody is logged in.
    In(Session),
    /// Nobody is, and why when it is known.
    Out(Option<String>),
    /// The server cannot be asked.
    Unknown(api::Failure),
}

/// The session of this page, for every component.
#[derive(Debug, Clone, Copy)]
pub struct Sessions(RwSignal<Login>);

impl Sessions {
    /// Makes it known to all components below.
    pub fn provide() -> Self {
        let sessions = Sessions(RwSignal::new(Login::Asking));
        provide_context(sessions);
        sessions
    }

    /// The session of this page.
    ///
    /// # Panics
    /// Outside of the frame.
    pub fn here() -> Self {
        expect_context()
    }

    /// What is known.
    pub fn login(self) -> Login {
        self.0.get()
    }

    /// Changes what is known.
    pub fn set(self, login: Login) {
        self.0.set(login);
    }

    /// Asks the server.
    pub async fn ask(self) {
        self.set(match api::session().await {
            Ok(session) => Login::In(session),
            Err(failure) if failure.status == 401 => Login::Out(None),
            Err(failure) => Login::Unknown(failure),
        });
    }

    /// Asks the server, unless it was asked before. The playground never does: it may have no server.
    pub fn ask_once(self) {
        if self.0.with_untracked(|login| *login == Login::Asking) {
            leptos::task::spawn_local(self.ask());
        }
    }

    /// Whether the session has ended, as an answer has just said.
    pub fn notice(self, failure: &api::Failure) {
        if failure.status == 401 {
            self.set(Login::Out(Some("your session has ended; log in again to go on".to_owned())));
        }
    }

    /// Whether who is logged in may do this: `approve`, `edit_policies`, …
    pub fn may(self, permission: &str) -> bool {
        self.0.with(|login| match login {
            Login::In(session) => session.permissions.iter().any(|granted| granted == permission),
            _ => false,
        })
    }

    /// The name of who is logged in.
    pub fn principal(self) -> Option<String> {
        self.0.with(|login| match login {
            Login::In(session) => Some(session.principal.clone()),
            _ => None,
        })
    }

    /// What who is logged in may approve as.
    pub fn approver_roles(self) -> Vec<String> {
        self.0.with(|login| match login {
            Login::In(session) => session.approver_roles.clone(),
            _ => Vec::new(),
        })
    }

    /// The role of the key of who is logged in.
    pub fn role(self) -> Option<String> {
        self.0.with(|login| match login {
            Login::In(session) => Some(session.role.clone()),
            _ => None,
        })
    }

    /// What changes carry along.
    pub fn csrf_token(self) -> Option<String> {
        self.0.with_untracked(|login| match login {
            Login::In(session) => session.csrf_token.clone(),
            _ => None,
        })
    }
}
