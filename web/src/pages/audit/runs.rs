//! Verifies streams in the page: fetching, hashing and chaining, without blocking the page, until it is done or the
//! user stops it.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::hash::RecordHash;
use engine::record::Head;
use leptos::prelude::*;
use wasm_bindgen_futures::JsFuture;

use super::check::{Check, Wrong};
use super::source::Source;
use crate::format::now_ms;
use crate::server::Failure;
use crate::session::Sessions;

/// How long records are hashed before the browser may draw and react again.
const AT_ONCE_MS: f64 = 12.0;

/// The known state of a stream.
#[derive(Debug, Clone)]
pub enum State {
    /// It is being verified.
    Running {
        /// How many records are.
        done: u64,
        /// How many there are.
        total: u64,
    },
    /// The user stopped it.
    Stopped {
        /// How many records were right until then.
        done: u64,
    },
    /// The records could not be fetched.
    Failed(Failure),
    /// It was verified.
    Done(Arc<Verified>),
}

/// Its result.
#[derive(Debug)]
pub struct Verified {
    /// The head of the valid part.
    pub head: Head,
    /// The hash of every record that is right.
    pub hashes: Vec<RecordHash>,
    /// The first record that is not.
    pub wrong: Option<Wrong>,
    /// How long it took.
    pub took_ms: f64,
}

/// Everything that is verified, or was, on this page.
#[derive(Clone, Copy)]
pub struct Runs {
    states: RwSignal<BTreeMap<String, State>>,
    /// The number of the run that counts for each stream, so that one that was stopped says nothing any more.
    turns: StoredValue<BTreeMap<String, u64>>,
    sessions: Sessions,
}

impl Runs {
    /// None yet.
    pub fn new(sessions: Sessions) -> Self {
        Runs { states: RwSignal::new(BTreeMap::new()), turns: StoredValue::new(BTreeMap::new()), sessions }
    }

    /// The known state of `stream`.
    pub fn state(self, stream: &str) -> Option<State> {
        self.states.with(|states| states.get(stream).cloned())
    }

    /// Reads the known state of all streams.
    pub fn with<R>(self, look: impl FnOnce(&BTreeMap<String, State>) -> R) -> R {
        self.states.with(look)
    }

    /// Verifies the stream with this head from its first record on.
    pub fn start(self, head: Head) {
        let Some(turn) = self.next_turn(&head.stream) else { return };
        self.set(&head.stream, State::Running { done: 0, total: head.size });
        leptos::task::spawn_local(self.run(head, turn));
    }

    /// Stops verifying `stream`.
    pub fn stop(self, stream: &str) {
        let running = self.states.with_untracked(|states| match states.get(stream) {
            Some(State::Running { done, .. }) => Some(*done),
            _ => None,
        });
        if let Some(done) = running {
            self.next_turn(stream);
            self.set(stream, State::Stopped { done });
        }
    }

    fn next_turn(self, stream: &str) -> Option<u64> {
        self.turns.try_update_value(|turns| {
            let turn = turns.entry(stream.to_owned()).or_default();
            *turn += 1;
            *turn
        })
    }

    fn is_current(self, stream: &str, turn: u64) -> bool {
        // Nothing is there any more once the page is gone.
        self.turns.try_with_value(|turns| turns.get(stream) == Some(&turn)).unwrap_or(false)
    }

    fn set(self, stream: &str, state: State) {
        _ = self.states.try_update(|states| states.insert(stream.to_owned(), state));
    }

    async fn run(self, server: Head, turn: u64) {
        let started = now_ms();
        let stream = server.stream.clone();
        let mut check = Check::new(&stream);
        let state = match self.check(&mut check, &server, turn).await {
            Ok(()) => None,
            Err(Ended::Wrong(wrong)) => Some(wrong),
            Err(Ended::Stopped) => return,
            Err(Ended::Failed(failure)) => {
                self.sessions.notice(&failure);
                if self.is_current(&stream, turn) {
                    self.set(&stream, State::Failed(failure));
                }
                return;
            }
        };
        let head = check.head().clone();
        let took_ms = now_ms() - started;
        let verified = Verified { head, hashes: check.into_hashes(), wrong: state, took_ms };
        self.set(&stream, State::Done(Arc::new(verified)));
    }

    async fn check(self, check: &mut Check, server: &Head, turn: u64) -> Result<(), Ended> {
        let mut source = Source { stream: server.stream.clone(), from: 0, until: server.size };
        loop {
            let bodies = source.next().await.map_err(Ended::Failed)?;
            let mut rested = now_ms();
            let mut rest = bodies.as_slice();
            while let Some((body, behind)) = rest.split_first() {
                check.next(body, behind).map_err(Ended::Wrong)?;
                rest = behind;
                if now_ms() - rested > AT_ONCE_MS {
                    self.progress(check, server, turn)?;
                    breathe().await;
                    rested = now_ms();
                }
            }
            self.progress(check, server, turn)?;
            if bodies.is_empty() {
                return check.end(server).map_err(Ended::Wrong);
            }
        }
    }

    fn progress(self, check: &Check, server: &Head, turn: u64) -> Result<(), Ended> {
        if !self.is_current(&server.stream, turn) {
            return Err(Ended::Stopped);
        }
        self.set(&server.stream, State::Running { done: check.head().size, total: server.size });
        Ok(())
    }
}

/// Why a run did not come to the end of its stream.
enum Ended {
    Stopped,
    Failed(Failure),
    Wrong(Wrong),
}

/// Lets the browser draw and react.
pub async fn breathe() {
    let promise = js_sys::Promise::new(&mut |resolve, _| {
        if let Some(window) = web_sys::window() {
            _ = window.set_timeout_with_callback(&resolve);
        }
    });
    _ = JsFuture::from(promise).await;
}
