//! Connections: how many there may be, how long a silent one stays, and which one goes when there are too many.
//!
//! Requests themselves are answered by the router. Here a connection is only ever in one of two states: the server
//! works for it, or waits for the other side to send or to take something.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::ConnectInfo;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::Sleep;

use crate::events::closed;
use crate::metrics::Metrics;

/// The most bytes of a request's head, and of the read and write buffers of one connection.
const BUFFER: usize = 16 * 1024;
/// How long accepting rests after the system has refused a descriptor.
const REST: Duration = Duration::from_millis(50);
/// How often the log says that there are too many connections.
const SAID: Duration = Duration::from_secs(10);

/// The limits of every connection.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How many there may be at once.
    pub most: usize,
    /// How long one may take to send the head of a request, from the moment on when one could come: so this is also how
    /// long a connection may be idle.
    pub head: Duration,
    /// How long one may take nothing of an answer.
    pub write: Duration,
}

/// Accepts connections until the server stops, and ends when all of them have.
pub async fn serve(
    listeners: Vec<TcpListener>,
    router: Router,
    limits: Limits,
    metrics: Arc<Metrics>,
    mut closing: watch::Receiver<bool>,
) {
    let places = Arc::new(Places::new(limits.most, metrics));
    let mut accepting = JoinSet::new();
    for listener in listeners {
        let (places, router, stopping) = (Arc::clone(&places), router.clone(), closing.clone());
        accepting.spawn(accept(listener, router, limits, places, stopping));
    }
    closed(&mut closing).await;
    while accepting.join_next().await.is_some() {}
}

/// Accepts connections of one address; they end before this does.
async fn accept(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    places: Arc<Places>,
    mut closing: watch::Receiver<bool>,
) {
    let stopping = closing.clone();
    let mut connections = JoinSet::new();
    loop {
        // Those that have ended need not be kept until the server does.
        while connections.try_join_next().is_some() {}
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = closed(&mut closing) => break,
        };
        match accepted {
            Ok((stream, from)) => {
                let Some(seat) = places.seat(from.ip()).await else { continue };
                // A decision is one small packet each way: waiting to fill packets would cost more than deciding.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "a connection may be slower than it could be");
                }
                connections.spawn(attend(stream, from, seat, router.clone(), limits, stopping.clone()));
            }
            Err(error) if of_the_connection(&error) => {}
            Err(error) => {
                places.refused(&format!("no connection can be accepted: {error}"));
                tokio::select! {
                    () = tokio::time::sleep(REST) => {}
                    () = closed(&mut closing) => break,
                }
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Whether only this connection failed, before it was accepted.
fn of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// Answers the requests of one connection.
async fn attend(
    stream: TcpStream,
    from: SocketAddr,
    seat: Seat,
    router: Router,
    limits: Limits,
    mut closing: watch::Receiver<bool>,
) {
    let place = Arc::clone(&seat.place);
    let router = TowerToHyperService::new(router);
    let service = service_fn(|mut request: hyper::Request<Incoming>| {
        place.waits();
        request.extensions_mut().insert(ConnectInfo(from));
        request.extensions_mut().insert(Arc::clone(&place));
        let (answer, place) = (router.call(request), Arc::clone(&place));
        async move { answer.await.map(|response| response.map(|body| Answering { body, place })) }
    });
    let io = TokioIo::new(Patient { stream, patience: limits.write, stalled: None });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(BUFFER)
        .serve_connection(io, service);
    tokio::pin!(connection);
    let mut open = true;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended");
                }
                return;
            }
            () = place.gone.notified() => return,
            () = closed(&mut closing), if open => {
                open = false;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// A connection among the others.
#[derive(Debug)]
pub struct Place {
    from: IpAddr,
    /// Since when the server waits for the other side, in milliseconds since `epoch`; [`WORKS`] while it does not.
    waits_since: AtomicU64,
    epoch: Instant,
    /// Fires when the connection has to make room.
    gone: Notify,
}

/// The server works for the connection, or has told it to go.
const WORKS: u64 = u64::MAX;

impl Place {
    /// The whole request is there.
    pub fn works(&self) {
        self.waits_since.store(WORKS, Ordering::Relaxed);
    }

    /// The other side has to send something, or to take the answer.
    fn waits(&self) {
        let now = u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(WORKS - 1);
        self.waits_since.store(now, Ordering::Relaxed);
    }
}

/// All connections.
#[derive(Debug)]
struct Places {
    most: usize,
    epoch: Instant,
    taken: Mutex<Taken>,
    /// Fires when a connection has ended.
    freed: Notify,
    metrics: Arc<Metrics>,
    said: Mutex<Option<Instant>>,
}

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    places: HashMap<u64, Arc<Place>>,
}

/// The place that a connection takes until this is dropped.
#[derive(Debug)]
struct Seat {
    number: u64,
    place: Arc<Place>,
    places: Arc<Places>,
}

impl Places {
    fn new(most: usize, metrics: Arc<Metrics>) -> Self {
        let (taken, freed, said) = (Mutex::default(), Notify::new(), Mutex::default());
        Places { most, epoch: Instant::now(), taken, freed, metrics, said }
    }

    /// A place for a new connection. Where all are taken, the one that waits longest makes room, of the address with
    /// the most that wait; none where the server works for all of them.
    async fn seat(self: &Arc<Self>, from: IpAddr) -> Option<Seat> {
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            {
                let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
                if taken.places.len() < self.most {
                    let number = taken.next;
                    taken.next += 1;
                    let gone = Notify::new();
                    let place = Place { from, waits_since: AtomicU64::new(WORKS), epoch: self.epoch, gone };
                    place.waits();
                    let place = Arc::new(place);
                    taken.places.insert(number, Arc::clone(&place));
                    self.metrics.connections(taken.places.len());
                    return Some(Seat { number, place, places: Arc::clone(self) });
                }
                let Some(place) = taken.longest_waiting() else {
                    drop(taken);
                    self.refused("all connections are in use, so a new one is refused");
                    return None;
                };
                place.works();
                place.gone.notify_one();
            }
            self.metrics.connection_made_room();
            self.say("all connections are taken, so those that wait longest make room");
            freed.await;
        }
    }

    fn refused(&self, why: &str) {
        self.metrics.connection_refused();
        self.say(why);
    }

    /// Logs it, unless something like it was logged just now.
    fn say(&self, what: &str) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.is_none_or(|at| at.elapsed() >= SAID) {
            *said = Some(Instant::now());
            tracing::warn!(limit = self.most, "{what}");
        }
    }
}

impl Taken {
    fn longest_waiting(&self) -> Option<&Arc<Place>> {
        let waiting = || {
            let waits = |place: &&Arc<Place>| place.waits_since.load(Ordering::Relaxed) != WORKS;
            self.places.values().filter(waits)
        };
        let mut by_address: HashMap<IpAddr, usize> = HashMap::new();
        for place in waiting() {
            *by_address.entry(place.from).or_default() += 1;
        }
        let (busiest, _) = by_address.into_iter().max_by_key(|(_, count)| *count)?;
        waiting()
            .filter(|place| place.from == busiest)
            .min_by_key(|place| place.waits_since.load(Ordering::Relaxed))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.places.remove(&self.number);
        self.places.metrics.connections(taken.places.len());
        drop(taken);
        self.places.freed.notify_waiters();
    }
}

/// An answer's body. When it is handed over or over, the server waits for the other side again.
struct Answering {
    body: Body,
    place: Arc<Place>,
}

impl HttpBody for Answering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.place.waits();
    }
}

/// A connection that fails when its other side takes nothing for too long.
struct Patient {
    stream: TcpStream,
    patience: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Patient {
    fn in_time<T>(&mut self, context: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.stalled = None;
            return polled;
        }
        let patience = self.patience;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        stalled.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.in_time(context, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.in_time(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
