//! The task of one session: it answers the session's requests and sends its stream.

use std::future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep_until;

use super::context::Context;
use super::desk::Resource;
use super::event::ServerEvent;
use super::frames::FrameError;
use super::route::Route;
use super::session::{Handled, Session};
use super::sessions::{Answer, ToSession};
use super::stream::Output;
use crate::impairment::{Datagram, Passage};
use crate::media::payload::PacketizedFrame;
use crate::media_file::Film;
use crate::proto::rtsp::{Method, Request, Response, Status};

/// Everything that a session's task owns.
pub struct Sender {
    /// The state machine, and the stream.
    pub session: Session,
    /// What is played.
    pub film: Arc<Film>,
    /// Where the packets leave.
    pub route: Route,
    /// What comes for the session.
    pub inbox: mpsc::Receiver<ToSession>,
    /// The connection that it was set up on.
    pub connection: u64,
    /// The server.
    pub context: Arc<Context>,
}

type Fetched = (u64, Result<Arc<PacketizedFrame>, FrameError>);
type Fetching = Pin<Box<dyn Future<Output = Fetched> + Send>>;

/// What changes while a session lives.
struct Life {
    /// Past the emulated network.
    way_out: Passage,
    /// The last sign of it.
    heard: Instant,
    /// The connection that it was set up on is open, which is a sign of life in itself.
    is_connected: bool,
    /// A frame is being read.
    fetching: Option<Fetching>,
    /// A reply is being written, and nothing is sent before it is.
    held: Option<oneshot::Receiver<()>>,
    /// The film could not be read.
    has_failed: bool,
}

/// What the task waits for besides its inbox.
enum Pause {
    /// The stream has nothing to send before this, and nothing comes out of the emulated network.
    Until(Instant),
    /// There is nothing to send.
    Idle,
    /// The route is full.
    Blocked,
}

impl Sender {
    /// Runs until TEARDOWN, until nothing is heard any more, or until the server shuts down.
    pub async fn run(mut self) {
        let mut life = Life {
            way_out: Passage::new(&self.context.network),
            heard: Instant::now(),
            is_connected: true,
            fetching: None,
            held: None,
            has_failed: false,
        };
        let shutdown = self.context.shutdown.clone();
        loop {
            let pause =
                if life.held.is_some() { Pause::Idle } else { self.send_what_is_due(&mut life).await };
            let over = tokio::select! {
                message = self.inbox.recv() => match message {
                    Some(message) => self.take(message, &mut life),
                    None => true,
                },
                () = until(&pause) => false,
                () = self.route.room(), if matches!(pause, Pause::Blocked) => false,
                fetched = finished(&mut life.fetching) => {
                    self.take_frame(fetched, &mut life);
                    false
                }
                () = released(&mut life.held) => false,
                () = sleep_until((life.heard + self.context.session_timeout).into()), if !life.is_connected => {
                    self.context.observer.tell(ServerEvent::Expired { session: self.session.id().to_owned() });
                    true
                }
                () = shutdown.cancelled() => true,
            };
            if over {
                break;
            }
        }
        self.context.sessions.leave(self.session.id());
        if let Some(goodbye) = self.session.stream().goodbye(Instant::now()) {
            // In the emulated network it ends with the session, as does all that is under way there.
            if let Some(goodbye) = life.way_out.admit(Instant::now(), Datagram::rtcp(goodbye)) {
                self.route.send(&goodbye).await;
            }
        }
    }

    async fn send_what_is_due(&mut self, life: &mut Life) -> Pause {
        loop {
            if !self.route.has_room() {
                return Pause::Blocked;
            }
            let now = Instant::now();
            if let Some((_, packet)) = life.way_out.poll(now) {
                self.route.send(&packet).await;
                continue;
            }
            let due = match self.session.stream().poll(now) {
                Output::Fetch(frame) => {
                    life.fetching = Some(self.fetch(frame));
                    continue;
                }
                Output::Rtp(packet) => {
                    self.leave(Datagram::rtp(packet), life).await;
                    continue;
                }
                Output::Rtcp(packet) => {
                    self.leave(Datagram::rtcp(packet), life).await;
                    continue;
                }
                Output::Ended => {
                    self.session.ended(&self.film.info());
                    continue;
                }
                Output::Wait(until) => Some(until),
                Output::Idle => None,
            };
            let next = due.into_iter().chain(life.way_out.deadline()).min();
            return next.map_or(Pause::Idle, Pause::Until);
        }
    }

    /// Sends a packet past the emulated network.
    async fn leave(&self, packet: Datagram, life: &mut Life) {
        let now = Instant::now();
        if let Some(packet) = life.way_out.admit(now, packet) {
            self.route.send(&packet).await;
        }
        while let Some((_, packet)) = life.way_out.poll(now) {
            self.route.send(&packet).await;
        }
    }

    fn fetch(&self, frame: u64) -> Fetching {
        let (context, film, form) = (self.context.clone(), self.film.clone(), self.session.agreement().form);
        Box::pin(async move { (frame, context.frames.get(&film, form, frame).await) })
    }

    fn take_frame(&mut self, (frame, result): Fetched, life: &mut Life) {
        let stream = self.session.stream();
        match result {
            Ok(packets) => stream.provide(frame, packets),
            Err(FrameError::BeyondEnd) => stream.end_at(frame),
            Err(FrameError::Uncarriable(why)) => {
                tracing::debug!(frame, %why, "a frame is passed over");
                stream.skip(frame);
            }
            Err(FrameError::Undecodable(why)) => {
                tracing::debug!(frame, %why, "a frame is passed over");
                stream.skip(frame);
            }
            Err(FrameError::Io(error)) => {
                // The stream ends here, and says so; what plays it need not wait for more.
                stream.end_at(frame);
                life.has_failed = true;
                let film = self.film.name().to_owned();
                self.context.observer.tell(ServerEvent::FilmFailed { film, error: error.to_string() });
            }
        }
    }

    /// Takes something from the inbox; whether the session is over.
    fn take(&mut self, message: ToSession, life: &mut Life) -> bool {
        match message {
            ToSession::Request { request, resource, reply } => {
                life.heard = Instant::now();
                let Handled { response, torn_down } = self.handle(&request, &resource, life);
                let (written, held) = oneshot::channel();
                life.held = Some(held);
                // A connection that is gone does not wait for its answer.
                let _ = reply.send(Answer { response, written });
                torn_down
            }
            ToSession::Reported(arrival, packets) => {
                life.heard = arrival;
                self.session.stream().heard(arrival, &packets);
                false
            }
            ToSession::Named(arrival) => {
                life.heard = arrival;
                false
            }
            ToSession::ConnectionClosed(connection) if connection == self.connection => {
                life.is_connected = false;
                self.session.agreement().ends_with_connection()
            }
            ToSession::ConnectionClosed(_) => false,
        }
    }

    fn handle(&mut self, request: &Request, resource: &Resource, life: &mut Life) -> Handled {
        if request.method == Method::Play && life.has_failed {
            return Response::refusal(Status::INTERNAL_ERROR, "the film can no longer be read").into();
        }
        let handled = self.session.handle(Instant::now(), request, resource, &self.film.info());
        if !self.session.stream().is_playing() {
            life.fetching = None;
        }
        handled
    }
}

async fn until(pause: &Pause) {
    match pause {
        Pause::Until(instant) => sleep_until((*instant).into()).await,
        Pause::Idle | Pause::Blocked => future::pending().await,
    }
}

/// The frame that is being read, once it is there.
async fn finished(fetching: &mut Option<Fetching>) -> Fetched {
    let fetched = match fetching {
        Some(future) => future.await,
        None => future::pending().await,
    };
    *fetching = None;
    fetched
}

/// Waits until the reply is written, or its connection gone.
async fn released(held: &mut Option<oneshot::Receiver<()>>) {
    match held {
        // The sender is only ever dropped.
        Some(receiver) => drop(receiver.await),
        None => future::pending().await,
    }
    *held = None;
}
