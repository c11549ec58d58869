//! The session, and the controls offered to it. The server decides about permissions.

use leptos::prelude::*;

use crate::failure::Failure;
use api::{Permission, Role, Session};

/// The known state of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Login {
    /// The server has not answered yet.
    Asking,
    /// Logged in.
    In(Session),
    /// Not logged in, and why if that is known.
    Out(Option<String>),
    /// The server cannot be asked.
    Unknown(Failure),
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

    /// The known state.
    pub fn login(self) -> Login {
        self.0.get()
    }

    /// Changes the known state.
    pub fn set(self, login: Login) {
        self.0.set(login);
    }

    /// Whether the server was not asked yet.
    pub fn is_unasked(self) -> bool {
        self.0.with_untracked(|login| *login == Login::Asking)
    }

    /// Whether the session has ended, as an answer has just said.
    pub fn notice(self, failure: &Failure) {
        if failure.status == 401 {
            self.set(Login::Out(Some("your session has ended; log in again to continue".to_owned())));
        }
    }

    /// Whether the person who is logged in may do this.
    pub fn may(self, permission: Permission) -> bool {
        self.0.with(|login| match login {
            Login::In(session) => session.permissions.contains(&permission),
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

    /// The approver roles of the session.
    pub fn approver_roles(self) -> Vec<String> {
        self.0.with(|login| match login {
            Login::In(session) => session.approver_roles.clone(),
            _ => Vec::new(),
        })
    }

    /// The role of the key of who is logged in.
    pub fn role(self) -> Option<Role> {
        self.0.with(|login| match login {
            Login::In(session) => Some(session.role),
            _ => None,
        })
    }

    /// The token that changes carry.
    pub fn csrf_token(self) -> Option<String> {
        self.0.with_untracked(|login| match login {
            Login::In(session) => session.csrf_token.clone(),
            _ => None,
        })
    }
}
