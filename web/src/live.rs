//! Events at the server, live: one stream of events for the whole page, shared by all listeners.
//!
//! The browser reconnects by itself after a short break and names the last event; if it gives up, this module
//! reconnects. The page always knows whether it is live.

use std::cell::RefCell;
use std::rc::Rc;

use engine::record::RecordKind;
use gloo::timers::callback::Timeout;
use leptos::prelude::*;
use serde::Deserialize;
use wasm_bindgen::JsCast as _;
use wasm_bindgen::closure::Closure;
use web_sys::{EventSource, MessageEvent};

use crate::server;
use crate::session::Sessions;
use crate::url::encoded;

/// How long to wait before coming back, at first and at most.
const WAIT_MS: (u32, u32) = (500, 10_000);

/// Whether the page hears of what happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// Not yet.
    Opening,
    /// It does.
    Live,
    /// Not any more, and it is being tried again.
    Lost,
}

/// A record that was just written.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its kind; empty when this version knows none of that name.
    pub kind: &'static str,
    /// The action it is about.
    pub action_id: Option<String>,
    /// The record, as JSON.
    pub record: Rc<str>,
}

type Listener = Rc<dyn Fn(&Event)>;

/// The stream of events of this page.
#[derive(Clone, Copy)]
pub struct Live {
    sessions: Sessions,
    connection: RwSignal<Connection>,
    stream: StoredValue<Rc<Stream>, LocalStorage>,
}

#[derive(Default)]
struct Stream {
    listeners: RefCell<Vec<(u64, Listener)>>,
    next_listener: RefCell<u64>,
    last_id: RefCell<Option<String>>,
    source: RefCell<Option<Source>>,
    waiting: RefCell<Option<Timeout>>,
    wait_ms: RefCell<u32>,
}

/// An open stream and the callbacks of the browser for it. Dropping it closes the stream.
struct Source {
    source: EventSource,
    _callbacks: Vec<Closure<dyn FnMut(MessageEvent)>>,
}

impl Drop for Source {
    fn drop(&mut self) {
        self.source.set_onopen(None);
        self.source.set_onerror(None);
        self.source.set_onmessage(None);
        self.source.close();
    }
}

#[derive(Default, Deserialize)]
struct About {
    action_id: Option<String>,
    kind: Option<String>,
}

impl Live {
    /// Starts listening, for all components below, until they are gone.
    pub fn provide() -> Self {
        let live = Live {
            sessions: Sessions::here(),
            connection: RwSignal::new(Connection::Opening),
            stream: StoredValue::new_local(Rc::new(Stream::default())),
        };
        provide_context(live);
        live.open();
        on_cleanup(move || {
            _ = live.stream.try_with_value(|stream| {
                stream.waiting.take();
                stream.source.take();
            });
        });
        live
    }

    /// The stream of this page.
    ///
    /// # Panics
    /// Outside of the frame.
    pub fn here() -> Self {
        expect_context()
    }

    /// Whether it is live.
    pub fn connection(self) -> Connection {
        self.connection.get()
    }

    /// Calls `listener` for each record from now on, until the component that asks is gone.
    pub fn on_event(self, listener: impl Fn(&Event) + 'static) {
        let id = self.stream.with_value(|stream| {
            let mut next = stream.next_listener.borrow_mut();
            *next += 1;
            stream.listeners.borrow_mut().push((*next, Rc::new(listener)));
            *next
        });
        on_cleanup(move || {
            _ = self
                .stream
                .try_with_value(|stream| stream.listeners.borrow_mut().retain(|(other, _)| *other != id));
        });
    }

    /// Calls `reload` soon after records came in, once for many that come together, and when the stream opens: earlier
    /// events were not delivered.
    pub fn on_change(self, reload: impl Fn() + 'static) {
        self.on_change_of(|_| true, reload);
    }

    /// Like [`Live::on_change`], for the records that matter.
    pub fn on_change_of(self, matters: impl Fn(&Event) -> bool + 'static, reload: impl Fn() + 'static) {
        const TOGETHER_MS: u32 = 150;
        let reload = Rc::new(reload);
        let waiting: Rc<RefCell<Option<Timeout>>> = Rc::default();
        let soon = {
            let waiting = Rc::clone(&waiting);
            Rc::new(move || {
                if waiting.borrow().is_some() {
                    return;
                }
                let (later, reload) = (Rc::clone(&waiting), Rc::clone(&reload));
                *waiting.borrow_mut() = Some(Timeout::new(TOGETHER_MS, move || {
                    later.borrow_mut().take();
                    reload();
                }));
            })
        };
        let on_event = Rc::clone(&soon);
        self.on_event(move |event| {
            if matters(event) {
                on_event();
            }
        });
        Effect::new(move |before: Option<Connection>| {
            let now = self.connection();
            if before.is_some_and(|before| before != Connection::Live) && now == Connection::Live {
                soon();
            }
            now
        });
        let waiting = StoredValue::new_local(waiting);
        on_cleanup(move || {
            _ = waiting.try_with_value(|waiting| waiting.borrow_mut().take());
        });
    }

    fn open(self) {
        let Some(stream) = self.stream.try_with_value(Rc::clone) else { return };
        let last = stream.last_id.borrow().clone();
        let path = match last {
            Some(id) => format!("/v1/events?last_event_id={}", encoded(&id)),
            None => "/v1/events".to_owned(),
        };
        let Ok(source) = EventSource::new(&path) else { return self.open_later() };
        let mut callbacks = Vec::new();
        let opened = Closure::<dyn FnMut(MessageEvent)>::new(move |_| {
            _ = self.stream.try_with_value(|stream| *stream.wait_ms.borrow_mut() = WAIT_MS.0);
            _ = self.connection.try_set(Connection::Live);
        });
        source.set_onopen(Some(opened.as_ref().unchecked_ref()));
        callbacks.push(opened);
        let failing = source.clone();
        let failed = Closure::<dyn FnMut(MessageEvent)>::new(move |_| {
            let was_live = self.connection.try_get_untracked() == Some(Connection::Live);
            _ = self.connection.try_set(Connection::Lost);
            if was_live || failing.ready_state() == EventSource::CLOSED {
                self.ask_why();
            }
            // The browser retries after a broken connection, and never after an answer that is not a stream.
            if failing.ready_state() == EventSource::CLOSED {
                self.open_later();
            }
        });
        source.set_onerror(Some(failed.as_ref().unchecked_ref()));
        callbacks.push(failed);
        // Earlier servers name each event by its record's kind; since then events have no name, and the record says it.
        for kind in RecordKind::ALL.map(RecordKind::as_str) {
            let heard =
                Closure::<dyn FnMut(MessageEvent)>::new(move |message| self.hear(Some(kind), &message));
            _ = source.add_event_listener_with_callback(kind, heard.as_ref().unchecked_ref());
            callbacks.push(heard);
        }
        let heard = Closure::<dyn FnMut(MessageEvent)>::new(move |message| self.hear(None, &message));
        source.set_onmessage(Some(heard.as_ref().unchecked_ref()));
        callbacks.push(heard);
        *stream.source.borrow_mut() = Some(Source { source, _callbacks: callbacks });
    }

    /// A stream ends with its session, and the browser does not say why one ended.
    fn ask_why(self) {
        leptos::task::spawn_local(async move {
            if let Err(failure) = server::session().await {
                self.sessions.notice(&failure);
            }
        });
    }

    fn open_later(self) {
        _ = self.stream.try_with_value(|stream| {
            let wait = (*stream.wait_ms.borrow()).clamp(WAIT_MS.0, WAIT_MS.1);
            *stream.wait_ms.borrow_mut() = wait.saturating_mul(2);
            *stream.waiting.borrow_mut() = Some(Timeout::new(wait, move || self.open()));
        });
    }

    fn hear(self, named: Option<&'static str>, message: &MessageEvent) {
        let Some(record) = message.data().as_string() else { return };
        let Some(stream) = self.stream.try_with_value(Rc::clone) else { return };
        *stream.last_id.borrow_mut() = Some(message.last_event_id()).filter(|id| !id.is_empty());
        let About { action_id, kind } = serde_json::from_str(&record).unwrap_or_default();
        let known =
            |word: &str| RecordKind::ALL.map(RecordKind::as_str).into_iter().find(|kind| *kind == word);
        // A kind of a later version is an event all the same: what hangs on all records is loaded again.
        let kind = named.or_else(|| kind.as_deref().and_then(known)).unwrap_or_default();
        let event = Event { kind, action_id, record: record.into() };
        let listeners: Vec<Listener> =
            stream.listeners.borrow().iter().map(|(_, listener)| Rc::clone(listener)).collect();
        for listener in listeners {
            listener(&event);
        }
    }
}
