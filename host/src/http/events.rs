//! `GET /v1/events`: every record as it is committed, as Server-Sent Events.
//!
//! A reader that reconnects with `Last-Event-ID` gets the missed events from the store, without a gap, and so does
//! one that falls behind for a moment. A reader that accepts nothing for a while is dropped, and reconnects in the
//! same way. Nothing is buffered without bound.

use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use store::{Event, StoreError, StoredRecord, Visible};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio_stream::Stream;

use super::auth::Caller;
use super::error::Problem;
use super::extract::Params;
use super::{App, Shared};
use crate::actor::Permission;
use crate::events::closed;
use crate::quota::Part;

/// How often a silent stream says that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How often a silent stream looks whether its reader may still read.
const STANDING: Duration = Duration::from_secs(1);
/// How many events wait for a reader, in addition to the store's own channel.
const WAITING: usize = 32;
/// The bytes of an event that are not counted: the queue of a reader bounds them.
const FREE_EVENT: usize = 8 * 1024;
/// How many records are read at once when a reader catches up.
const CATCH_UP: u32 = 256;
/// How many actions are remembered as the reader's own or not, before all are forgotten.
const REMEMBERED: usize = 10_000;

/// Where to go on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamParams {
    /// The same as the header, for readers that cannot set one.
    last_event_id: Option<String>,
}

/// `GET /v1/events`
pub async fn stream(
    State(app): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    Params(params): Params<StreamParams>,
) -> Result<Response, Problem> {
    caller.needs(Permission::SeeOwn)?;
    let header = headers.get("last-event-id").map(|id| id.to_str().map(str::to_owned));
    let last = match header {
        Some(Ok(id)) => Some(id),
        Some(Err(_)) => Some(String::new()),
        None => params.last_event_id,
    };
    let place = app.load.streams.take(caller.counted_as(), 1).await?;
    // From here on every record is in the channel; earlier ones come from the store.
    let live = app.store.subscribe();
    let behind =
        app.store.place(last.as_deref().map(named).transpose()?).await.map_err(|error| match error {
            StoreError::NotFound => bad_event_id(),
            error => error.into(),
        })?;
    let (out, events) = mpsc::channel(WAITING);
    if last.is_none()
        && let Some(record) = app.store.records_after(behind.saturating_sub(1), 1).await?.first()
    {
        // An id without an event: a reader whose line breaks before its first event comes back behind this one.
        let begin = SseEvent::default().id(id_of(record));
        // The channel is new, so there is room.
        _ = out.try_send((begin, None));
    }
    tokio::spawn(async move {
        let _place = place;
        let mut reader = Reader { app, caller, out, behind, own: HashMap::new() };
        let mut closing = reader.app.waiting.closing();
        let gone = reader.out.clone();
        let (of_app, of_caller) = (reader.app.clone(), reader.caller.clone());
        // Dropping the reader ends the stream, whatever the reason.
        tokio::select! {
            () = reader.run(live, last.is_some()) => {}
            () = gone.closed() => {}
            () = closed(&mut closing) => {}
            () = no_longer_stands(&of_app, &of_caller) => {}
        }
    });
    let keep_alive = KeepAlive::new().interval(HEARTBEAT).text("alive");
    let mut response = Sse::new(Handed::new(events)).keep_alive(keep_alive).into_response();
    // Proxies that collect an answer before they pass it on would hold the events back.
    let unbuffered = (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response.headers_mut().insert(unbuffered.0, unbuffered.1);
    // The answer comes with a weaker word than every other answer has.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// An event that waits for its reader, and its part of what all such events may take where it is large.
type Queued = (SseEvent, Option<Part>);

/// The events of one reader. The part of the last one is held until the next is asked for, since only then it is
/// written.
struct Handed {
    events: mpsc::Receiver<Queued>,
    last: Option<Part>,
}

impl Handed {
    fn new(events: mpsc::Receiver<Queued>) -> Self {
        Handed { events, last: None }
    }
}

impl Stream for Handed {
    type Item = Result<SseEvent, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.last = None;
        self.events.poll_recv(context).map(|queued| {
            queued.map(|(event, part)| {
                self.last = part;
                Ok(event)
            })
        })
    }
}

/// Completes when the caller's identity ends. No record reports a session that ends.
async fn no_longer_stands(app: &App, caller: &Caller) {
    while caller.still_stands(app) {
        tokio::time::sleep(STANDING).await;
    }
}

fn id_of(record: &StoredRecord) -> String {
    format!("{}:{}", record.stream, record.seq)
}

/// The data of an event: the record, with its kind repeated as `type`, the name that published clients look for. The
/// events have no name of their own, because those clients receive only events without one.
fn data_of(record: &StoredRecord) -> String {
    // Canonical JSON has no line breaks; a record that was edited in the database might.
    let body = record.body.replace(['\r', '\n'], " ");
    match body.strip_suffix('}') {
        Some(members) if members.len() > 1 => format!("{members},\"type\":\"{}\"}}", record.kind),
        _ => body,
    }
}

/// The record that `<stream>:<seq>` names.
fn named(id: &str) -> Result<(String, u64), Problem> {
    let (stream, seq) = id.rsplit_once(':').ok_or_else(bad_event_id)?;
    Ok((stream.to_owned(), seq.parse().map_err(|_| bad_event_id())?))
}

fn bad_event_id() -> Problem {
    Problem::bad_request("bad_event_id", "`Last-Event-ID` is not one that this server gave")
}

/// Why a stream ends.
enum End {
    /// The reader has gone, or may not read any more.
    Gone,
    /// The reader takes nothing.
    Stalled,
    /// The store could not be read.
    Store(StoreError),
}

struct Reader {
    app: Shared,
    caller: Caller,
    out: mpsc::Sender<Queued>,
    /// The position of the last record that was sent, or that the reader has already. Records of all streams share
    /// one order, so one position determines the missing records of each.
    behind: u64,
    /// Whether an action is the caller's own.
    own: HashMap<String, bool>,
}

impl Reader {
    async fn run(&mut self, live: Receiver<Event>, resumes: bool) {
        match self.follow(live, resumes).await {
            End::Gone => {}
            End::Stalled => tracing::info!(
                principal = self.caller.actor.name(),
                "a reader of events took nothing for a while and was dropped"
            ),
            End::Store(error) => tracing::error!(%error, "a stream of events ended"),
        }
    }

    async fn follow(&mut self, mut live: Receiver<Event>, mut behind: bool) -> End {
        loop {
            if behind {
                // The channel is made anew before the store is read, so that nothing falls between the two. A
                // long history may fill it meanwhile; then this comes again, from further on.
                live = self.app.store.subscribe();
                if let Err(end) = self.catch_up().await {
                    return end;
                }
            }
            let event = match live.recv().await {
                Ok(event) => event,
                Err(RecvError::Lagged(_)) => {
                    behind = true;
                    continue;
                }
                Err(RecvError::Closed) => return End::Gone,
            };
            // A large record is not carried along: it is read from the store, with all that came meanwhile.
            behind = event.record.is_none();
            let Some(record) = event.record else { continue };
            let visible = self.app.seen_by(&self.caller.actor).shows(event.about.as_ref());
            if let Err(end) = self.send(&record, visible).await {
                return end;
            }
        }
    }

    async fn catch_up(&mut self) -> Result<(), End> {
        loop {
            // Pages in many hands at once would be a lot of memory.
            let turn = self.app.load.catching_up.take(self.caller.counted_as(), 1).await;
            let Ok(_turn) = turn else { return Err(End::Stalled) };
            let records = self.app.store.records_after(self.behind, CATCH_UP).await.map_err(End::Store)?;
            // A page of large records has fewer than asked for; only one behind the last has none.
            let last_page = records.is_empty();
            for record in &records {
                let visible = self.sees_stored(record).await?;
                self.send(record, visible).await?;
            }
            if last_page {
                return Ok(());
            }
        }
    }

    async fn send(&mut self, record: &StoredRecord, visible: bool) -> Result<(), End> {
        if record.place <= self.behind {
            return Ok(());
        }
        self.behind = record.place;
        if !self.caller.still_stands(&self.app) {
            return Err(End::Gone);
        }
        if !visible {
            return Ok(());
        }
        let body_size = record.body.len();
        let event = SseEvent::default().id(id_of(record)).data(data_of(record));
        let part = match body_size {
            small if small <= FREE_EVENT => None,
            large => match self.app.load.events.take(self.caller.counted_as(), large).await {
                Ok(part) => Some(part),
                Err(_) => return Err(End::Stalled),
            },
        };
        match tokio::time::timeout(self.app.reader_patience, self.out.send((event, part))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => Err(End::Stalled),
        }
    }

    /// Whether the caller may see a record of the past.
    async fn sees_stored(&mut self, record: &StoredRecord) -> Result<bool, End> {
        let subject = Visible::subject(record);
        if let Some(own) = subject.as_ref().and_then(|id| self.own.get(id)) {
            return Ok(*own);
        }
        let visible = self.app.seen_by(&self.caller.actor);
        let own = visible.shows_records_of(subject.as_deref()).await.map_err(End::Store)?;
        let Some(id) = subject else { return Ok(own) };
        if self.own.len() >= REMEMBERED {
            self.own.clear();
        }
        self.own.insert(id, own);
        Ok(own)
    }
}
