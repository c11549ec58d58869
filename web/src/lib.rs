//! The dashboard of Faramesh: a program for the browser, made with Leptos and rendered there.
//!
//! It shows the server's records, sends people's answers, and decides only for *display*: the engine is linked in, so
//! the policy editor can show the decision of every action while a person types. Nothing it computes ever reaches an
//! agent.
//!
//! - [`app`] has the routes and the frame around the pages;
//! - [`server`] speaks with the server, [`live`] listens to it, [`session`] knows who is logged in;
//! - [`pending`] counts what waits for a person, on every page, and [`notify`] tells who asked to be told;
//! - `pages` has a file for each page and `components` what several of them use;
//! - [`format`] alone decides how a time, a number or a hash reads, and [`wording`] the words for states.

pub mod app;
pub mod components;
pub mod editor;
pub mod failure;
pub mod format;
pub mod live;
pub mod notify;
pub mod pages;
pub mod parts;
pub mod pending;
pub mod server;
pub mod session;
pub mod shell;
pub mod simulation;
pub mod theme;
pub mod url;
pub mod wording;

mod panics;

/// Puts the dashboard into the page.
pub fn start() {
    panics::show();
    theme::apply_chosen();
    leptos::mount::mount_to_body(app::App);
}
