//! Fetched data, in each of its four views: loading, failed, empty, and loaded.

use std::pin::Pin;

use leptos::prelude::*;

use crate::server::Failure;
use crate::session::Sessions;

/// Something that is fetched and may be fetched again. Old data stays while new data comes.
pub struct Resource<T: Send + Sync + 'static> {
    state: RwSignal<State<T>>,
    /// Counts the requests, so that a slow answer to an old question is not taken for the answer to the last one.
    asked: StoredValue<u64>,
}

impl<T: Send + Sync + 'static> Clone for Resource<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Send + Sync + 'static> Copy for Resource<T> {}

#[derive(Debug, Clone)]
struct State<T> {
    value: Option<T>,
    failure: Option<Failure>,
}

impl<T: Clone + Send + Sync + 'static> Default for Resource<T> {
    fn default() -> Self {
        Resource { state: RwSignal::new(State { value: None, failure: None }), asked: StoredValue::new(0) }
    }
}

impl<T: Clone + Send + Sync + 'static> Resource<T> {
    /// Nothing yet.
    pub fn new() -> Self {
        Resource::default()
    }

    /// Asks, and keeps the answer unless a later question was asked meanwhile.
    pub fn load(self, ask: impl Future<Output = Result<T, Failure>> + 'static) {
        leptos::task::spawn_local(self.loading(ask));
    }

    /// The same, done when the answer is there.
    pub fn loading(
        self,
        ask: impl Future<Output = Result<T, Failure>> + 'static,
    ) -> impl Future<Output = ()> + 'static {
        // Once for each kind of value, and not for each question.
        self.keeping(Box::pin(ask))
    }

    fn keeping(
        self,
        ask: Pin<Box<dyn Future<Output = Result<T, Failure>>>>,
    ) -> impl Future<Output = ()> + 'static {
        let mine = self.asked.try_update_value(|asked| {
            *asked += 1;
            *asked
        });
        let sessions = use_context::<Sessions>();
        async move {
            let Some(mine) = mine else { return };
            let answer = ask.await;
            if self.asked.try_get_value() != Some(mine) {
                return;
            }
            if let (Err(failure), Some(sessions)) = (&answer, sessions) {
                sessions.notice(failure);
            }
            _ = self.state.try_update(|state| match answer {
                Ok(value) => *state = State { value: Some(value), failure: None },
                Err(failure) => state.failure = Some(failure),
            });
        }
    }

    /// Stores a value that was learnt in another way.
    pub fn set(self, value: T) {
        _ = self.state.try_set(State { value: Some(value), failure: None });
    }

    /// The value. Here and below: nothing, once the page that asked is gone.
    pub fn get(self) -> Option<T> {
        self.state.try_with(|state| state.value.clone()).flatten()
    }

    /// The value, without following it.
    pub fn get_untracked(self) -> Option<T> {
        self.state.try_with_untracked(|state| state.value.clone()).flatten()
    }

    /// Reads the value.
    pub fn with<R>(self, look: impl FnOnce(Option<&T>) -> R) -> R {
        match self.state.try_read() {
            Some(state) => look(state.value.as_ref()),
            None => look(None),
        }
    }

    /// Changes the value by hand, after an event.
    pub fn update(self, change: impl FnOnce(&mut T)) {
        _ = self.state.try_update(|state| {
            if let Some(value) = &mut state.value {
                change(value);
            }
        });
    }

    /// Forgets the value, before a new request.
    pub fn clear(self) {
        _ = self.state.try_set(State { value: None, failure: None });
    }

    /// Why the last question failed.
    pub fn failure(self) -> Option<Failure> {
        self.state.try_with(|state| state.failure.clone()).flatten()
    }

    /// The same, without following it.
    pub fn failure_untracked(self) -> Option<Failure> {
        self.state.try_with_untracked(|state| state.failure.clone()).flatten()
    }

    /// The view: `there` when there is a value (with a note on top if it could not be refreshed), and the fitting view
    /// before that.
    pub fn view<V: IntoView + 'static>(
        self,
        there: impl Fn(T) -> V + Send + Sync + 'static,
    ) -> impl IntoView {
        move || {
            let (value, failure) = (self.get(), self.failure());
            let failure = failure.map(|failure| view! { <FailureView failure /> });
            match value {
                Some(value) => view! { {failure} {there(value)} }.into_any(),
                None if failure.is_some() => failure.into_any(),
                None => view! { <p class="loading" role="status">"Loading …"</p> }.into_any(),
            }
        }
    }
}

/// The failure, and the remedy.
#[component]
pub fn FailureView(
    /// The failure.
    failure: Failure,
) -> impl IntoView {
    let passing = failure.is_passing();
    view! {
        <div class="notice error" role="alert">
            <p>
                <strong>"✕ "</strong>
                {failure.detail}
                " "
                <code class="muted">{failure.code}</code>
            </p>
            {passing.then(|| view! { <p class="help">"Nothing is lost; the page tries again when the connection is back."</p> })}
        </div>
    }
}

/// There is nothing, and why.
#[component]
pub fn Empty(
    /// The name of the missing things.
    #[prop(into)]
    title: String,
    /// The advice.
    children: Children,
) -> impl IntoView {
    view! {
        <div class="empty">
            <p class="title">{title}</p>
            {children()}
        </div>
    }
}
