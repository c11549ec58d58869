//! Routes, and the frame around the pages: the session, the navigation, and whether the page is live.

use leptos::html;
use leptos::prelude::*;
use leptos_router::components::{Outlet, ParentRoute, Route, Router, Routes};
use leptos_router::{Lazy, path};

use crate::components::{ConnectionSign, FailureView, Link, ThemeChoice, Toasts, ToastsView};
use crate::format::count;
use crate::live::Live;
use crate::pages;
use crate::parts;
use crate::pending::Pending;
use crate::server;
use crate::session::{Login, Sessions};
use crate::shell;
use crate::url;
use api::Session;

/// The pages of the frame, in the order of the navigation.
const PAGES: [(&str, &str); 5] = [
    ("/", "Overview"),
    ("/actions", "Actions"),
    ("/approvals", "Approvals"),
    ("/policies", "Policies"),
    ("/audit", "Audit"),
];

/// The whole dashboard.
#[component]
pub fn App() -> impl IntoView {
    Sessions::provide();
    Toasts::provide();
    view! {
        <Router base=url::base()>
            <Routes fallback=|| view! { <pages::NotFound /> }>
                <Route path=path!("/login") view=pages::Login />
                <Route path=path!("/playground") view={Lazy::<parts::Playground>::new()} />
                <ParentRoute path=path!("/") view=Guarded>
                    <Route path=path!("") view={Lazy::<parts::Overview>::new()} />
                    <Route path=path!("actions") view={Lazy::<parts::Actions>::new()} />
                    <Route path=path!("approvals") view={Lazy::<parts::Approvals>::new()} />
                    <Route path=path!("policies") view={Lazy::<parts::Policies>::new()} />
                    <Route path=path!("policies/:name") view={Lazy::<parts::PolicyEditor>::new()} />
                    <Route path=path!("audit") view={Lazy::<parts::Audit>::new()} />
                </ParentRoute>
            </Routes>
        </Router>
        <ToastsView />
    }
}

/// The frame, after the login.
#[component]
fn Guarded() -> impl IntoView {
    let sessions = Sessions::here();
    shell::remove();
    server::ask_who_once(sessions);
    // Only who is logged in matters here, so that the pages stay as they are when anything else changes.
    let principal = Memo::new(move |_| sessions.principal());
    move || match principal.get() {
        Some(_) => view! { <Frame /> }.into_any(),
        None => view! { <Before /> }.into_any(),
    }
}

/// Before the login.
#[component]
fn Before() -> impl IntoView {
    let sessions = Sessions::here();
    move || match sessions.login() {
        Login::Unknown(failure) => view! {
            <main class="alone">
                <h1>"Faramesh"</h1>
                <FailureView failure />
                <button type="button" on:click=move |_| leptos::task::spawn_local(server::ask_who(sessions))>
                    "Try again"
                </button>
            </main>
        }
        .into_any(),
        Login::Out(why) => view! { <pages::LogIn why /> }.into_any(),
        Login::Asking | Login::In(_) => {
            view! { <main class="alone"><p class="loading" role="status">"Loading …"</p></main> }.into_any()
        }
    }
}

#[component]
fn Frame() -> impl IntoView {
    Live::provide();
    let pending = Pending::provide();
    let main = NodeRef::<html::Main>::new();
    let skip = move |event: leptos::ev::MouseEvent| {
        // `<base>` would make a link to `#main` leave the page.
        event.prevent_default();
        if let Some(main) = main.get() {
            _ = main.focus();
        }
    };
    view! {
        <a class="skip" href="#main" on:click=skip>"Skip to the content"</a>
        <header class="top">
            <Link to="/" {..} class="brand">"Faramesh"</Link>
            <nav aria-label="pages">
                <ul>
                    {PAGES
                        .into_iter()
                        .map(|(href, name)| {
                            let badge = (href == "/approvals").then(|| view! { <Waiting pending /> });
                            view! { <li><Link to=href exact=href == "/">{name} {badge}</Link></li> }
                        })
                        .collect_view()}
                </ul>
            </nav>
            <div class="who">
                <ConnectionSign />
                <ThemeChoice />
                <Who />
            </div>
        </header>
        <main id="main" tabindex="-1" node_ref=main>
            <Outlet />
        </main>
    }
}

/// How many actions wait for a person.
#[component]
fn Waiting(pending: Pending) -> impl IntoView {
    move || {
        pending.count().filter(|count| *count > 0).map(|number| {
            view! {
                " "
                <span class="count number">{count(number)} <span class="hidden">" waiting"</span></span>
            }
        })
    }
}

#[component]
fn Who() -> impl IntoView {
    let sessions = Sessions::here();
    let leave = move |_| {
        leptos::task::spawn_local(async move {
            let why = match server::delete(sessions, "/v1/session", None).await {
                Ok(()) => None,
                Err(failure) => Some(failure.detail),
            };
            sessions.set(Login::Out(why));
        });
    };
    move || match sessions.login() {
        Login::In(Session { principal, role, .. }) => view! {
            <span class="principal">{principal} " (" {role.as_str()} ")"</span>
            <button type="button" class="quiet small" on:click=leave>"Log out"</button>
        }
        .into_any(),
        _ => ().into_any(),
    }
}
