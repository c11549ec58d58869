//! Browser notifications of actions that wait for a person: whether they are wanted, and showing one.
//!
//! The browser is asked only when the user presses the button for it. Arguments are never in a notification: it may be
//! shown on a locked screen.

use gloo::storage::{LocalStorage, Storage as _};
use leptos::prelude::*;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Notification, NotificationOptions, NotificationPermission};

const KEY: &str = "faramesh-notifications";
const ON: &str = "on";
const OFF: &str = "off";
/// One notification represents all that wait; the next one replaces it, from other tabs too.
const TAG: &str = "faramesh-approvals";

/// Whether notifications are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// This browser has none here: it offers them on `https` and on `localhost` only.
    Unsupported,
    /// They are not wanted.
    Off,
    /// They are wanted and allowed.
    On,
    /// The browser was told to refuse them.
    Blocked,
}

/// The choice of this browser, for every component.
#[derive(Debug, Clone, Copy)]
pub struct Notifications(RwSignal<Choice>);

impl Notifications {
    /// Makes it known to all components below.
    pub fn provide() -> Self {
        let notifications = Notifications(RwSignal::new(chosen()));
        provide_context(notifications);
        notifications
    }

    /// The choice of this browser.
    ///
    /// # Panics
    /// Outside of the frame.
    pub fn here() -> Self {
        expect_context()
    }

    /// The current state.
    pub fn choice(self) -> Choice {
        self.0.get()
    }

    /// Asks the browser, and remembers that they are wanted.
    pub fn turn_on(self) {
        leptos::task::spawn_local(async move {
            let Ok(asking) = Notification::request_permission() else { return };
            _ = JsFuture::from(asking).await;
            remember(ON);
            _ = self.0.try_set(chosen());
        });
    }

    /// Remembers that they are not wanted.
    pub fn turn_off(self) {
        remember(OFF);
        self.0.set(chosen());
    }

    /// Shows one, if they are on and this page is not visible. Choosing it brings the page to the front and calls
    /// `on_choose`.
    pub fn show(self, title: &str, text: &str, on_choose: impl FnOnce() + 'static) {
        let looked_at = document().has_focus().unwrap_or(false);
        if looked_at || self.0.try_get_untracked() != Some(Choice::On) {
            return;
        }
        let options = NotificationOptions::new();
        options.set_body(text);
        options.set_tag(TAG);
        // Some systems show them only through a service worker; the count in the title is there anyway.
        let Ok(notification) = Notification::new_with_options(title, &options) else { return };
        let shown = notification.clone();
        let chosen = Closure::once_into_js(move || {
            _ = window().focus();
            shown.close();
            on_choose();
        });
        notification.set_onclick(Some(chosen.unchecked_ref()));
    }
}

fn remember(word: &str) {
    // Where nothing may be stored, the choice holds for this page.
    _ = LocalStorage::set(KEY, word);
}

fn chosen() -> Choice {
    let there = js_sys::Reflect::has(&window(), &JsValue::from_str("Notification")).unwrap_or(false);
    let is_safe = window().is_secure_context();
    if !there || !is_safe {
        return Choice::Unsupported;
    }
    let wanted = LocalStorage::get::<String>(KEY).is_ok_and(|word| word == ON);
    match Notification::permission() {
        NotificationPermission::Denied => Choice::Blocked,
        NotificationPermission::Granted if wanted => Choice::On,
        _ => Choice::Off,
    }
}
