//! Logging in: by the one-time link that the server prints when it starts, or by a key.

use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;

use crate::components::{ThemeChoice, Toasts};
use crate::server;
use crate::session::{Login as State, Sessions};
use crate::shell;
use crate::url;

/// `/ui/login#TOKEN`: uses the link, then goes to the overview. The token is taken out of the URL first, so that it
/// stays neither in the history nor on the screen.
#[component]
pub fn Login() -> impl IntoView {
    shell::remove();
    let sessions = Sessions::here();
    let toasts = Toasts::here();
    let navigate = use_navigate();
    let token = window().location().hash().unwrap_or_default().trim_start_matches('#').to_owned();
    let used = RwSignal::new(!token.is_empty());
    if !token.is_empty() {
        if let Ok(history) = window().history() {
            let path = window().location().pathname().unwrap_or_default();
            _ = history.replace_state_with_url(&wasm_bindgen::JsValue::NULL, "", Some(&path));
        }
        leptos::task::spawn_local(async move {
            let login = match server::log_in(&api::Login::Link(token)).await {
                Ok(session) => State::In(session),
                // Who opens a used link in a browser that is logged in stays logged in.
                Err(failure) => match server::session().await {
                    Ok(session) => {
                        toasts.say(format!("{}, and you are logged in already", failure.detail));
                        State::In(session)
                    }
                    Err(_) => State::Out(Some(failure.detail)),
                },
            };
            _ = used.try_set(false);
            sessions.set(login);
        });
    } else {
        server::ask_who_once(sessions);
    }
    Effect::new(move |_| {
        if matches!(sessions.login(), State::In(_)) && !used.get() {
            // With its slash, as everything that leads there says it.
            let options = NavigateOptions { resolve: false, replace: true, ..NavigateOptions::default() };
            navigate(&url::of("/"), options);
        }
    });
    move || {
        let why = match sessions.login() {
            State::Out(why) => why,
            _ => None,
        };
        if used.get() {
            view! { <main class="alone"><p class="loading" role="status">"Logging in …"</p></main> }
                .into_any()
        } else {
            view! { <LogIn why /> }.into_any()
        }
    }
}

/// The form for a key.
#[component]
pub fn LogIn(
    /// Why one has to log in, when there is more to say.
    why: Option<String>,
) -> impl IntoView {
    let sessions = Sessions::here();
    let key = RwSignal::new(String::new());
    let asking = RwSignal::new(false);
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let shown = key.get_untracked().trim().to_owned();
        if shown.is_empty() || asking.get_untracked() {
            return;
        }
        asking.set(true);
        leptos::task::spawn_local(async move {
            let login = match server::log_in(&api::Login::Key(shown)).await {
                Ok(session) => State::In(session),
                Err(failure) => State::Out(Some(failure.detail)),
            };
            _ = asking.try_set(false);
            sessions.set(login);
        });
    };
    view! {
        <main class="alone">
            <h1>"Faramesh"</h1>
            <form class="login" on:submit=submit>
                {why.map(|why| view! { <p class="notice error" role="alert">"✕ " {why}</p> })}
                <label for="key">"API key"</label>
                <input
                    id="key"
                    type="password"
                    autocomplete="current-password"
                    spellcheck="false"
                    required
                    autofocus
                    prop:value=move || key.get()
                    on:input=move |event| key.set(event_target_value(&event))
                />
                <button type="submit" disabled=move || asking.get()>
                    "Log in"
                </button>
                <p class="help">
                    "Or open a one-time link: the server prints one when it starts, and " <code>"faramesh server link"</code>
                    " prints another."
                </p>
            </form>
            <ThemeChoice />
        </main>
    }
}
