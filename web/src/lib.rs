//! The dashboard of Faramesh: a program for the browser, made with Leptos and rendered there.
//!
//! It shows what the server has recorded, sends what people answer, and decides by itself only to *show*: the engine is
//! linked in, so the policy editor can say what every action would get while somebody types. Nothing it computes ever
//! reaches an agent.
//!
//! - [`app`] has the routes and the frame around the pages;
//! - [`api`] speaks with the server, [`live`] listens to it, [`session`] knows who is logged in;
//! - [`pending`] counts what waits for a person, on every page, and [`notify`] tells who asked to be told;
//! - `pages` has a file for each page and `components` what several of them use;
//! - [`format`] alone decides how a time, a number or a hash reads.

pub mod api;
pub mod app;
pub mod components;
pub mod editor;
pub mod format;
pub mod live;
pub mod notify;
pub mod pages;
pub mod pending;
pub mod session;
pub mod simulation;
pub mod theme;
pub mod url;

mod failure;

/// Puts the dashboard into the page.
pub fn start() {
    failure::show_panics();
    theme::apply_chosen();
    leptos::mount::mount_to_body(app::App);
}
