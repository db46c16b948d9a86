//! Everything behind the window: a runtime, the embedded server, the session, the decoding thread.
//!
//! Commands go in; events, figures and pictures come out, each on a way of its own. Pictures never travel as events:
//! a hundred queued ones would be hundreds of megabytes.

mod engine;
mod messages;
mod preview;
mod shutdown_signal;
mod source;

pub use messages::{BackendOptions, Command, Event, EventKind};
pub use shutdown_signal::EndSignal;
pub use source::{FilmSource, SAMPLE_NAME, film_name};

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use self::engine::{EVENTS, Engine, EngineOutputs, GOODBYE};
use crate::impairment::Network;
use crate::server_embed::{Observer, Server, ServerEvent, ServerOptions};
use crate::session::{Decoder, PictureSlot};
use crate::stats::Figures;

/// The window's end of the backend.
#[derive(Debug, Clone)]
pub struct Handle {
    /// Without a bound: a click that is lost would be waited for in vain. Whatever takes time is done beside, so that
    /// the queue is always short.
    commands: mpsc::UnboundedSender<Command>,
}

impl Handle {
    /// A handle whose commands come out at the other end, for tests.
    pub fn detached() -> (Self, mpsc::UnboundedReceiver<Command>) {
        let (commands, inbox) = mpsc::unbounded_channel();
        (Self { commands }, inbox)
    }

    /// Asks for something; the answer is an event.
    pub fn send(&self, command: Command) {
        if self.commands.send(command).is_err() {
            // This is the end of the program.
            tracing::warn!("a command comes too late");
        }
    }
}

/// What comes out of the backend.
#[derive(Debug)]
pub struct Outlets {
    /// What happened; never dropped.
    pub events: mpsc::Receiver<Event>,
    /// The figures of the session, a few times a second.
    pub figures: watch::Receiver<Figures>,
    /// The newest picture.
    pub pictures: PictureSlot,
    /// What makes pictures, to be told the size of the screen.
    pub decoder: Arc<Decoder>,
}

/// The backend itself. It lives as long as this.
#[derive(Debug)]
pub struct Backend {
    runtime: Runtime,
    finish: oneshot::Sender<oneshot::Sender<()>>,
    handle: Handle,
}

/// A runtime for the network: two threads, as the work is moving packets.
///
/// # Errors
/// When the system has no threads to give.
pub fn runtime() -> io::Result<Runtime> {
    Builder::new_multi_thread().worker_threads(2).thread_name("network").enable_all().build()
}

impl Backend {
    /// Starts everything.
    ///
    /// # Errors
    /// When the system has no threads to give, or loopback cannot be listened on.
    pub fn start(options: BackendOptions) -> io::Result<(Self, Outlets)> {
        let runtime = runtime()?;
        let decoder = Arc::new(Decoder::start()?);
        let (commands, inbox) = mpsc::unbounded_channel();
        let (events, event_receiver) = mpsc::channel(EVENTS);
        let (figures, figures_receiver) = watch::channel(Figures::default());
        let (server_events, from_server) = mpsc::channel(EVENTS);
        let observer = Observer::new(move |event| {
            if let ServerEvent::FilmFailed { .. } = event {
                // The window is told once; more of the same is lost without harm.
                let _ = server_events.try_send(event);
            }
        });
        let network = Network::default();
        let server_options = ServerOptions { network: network.clone(), ..ServerOptions::default() };
        let server = runtime.block_on(Server::start(server_options, observer))?;
        let (finish, finishing) = oneshot::channel();
        let (session_events, from_session) = mpsc::channel(EVENTS);
        let engine = Engine::new(
            server,
            network,
            decoder.clone(),
            options,
            EngineOutputs { events, figures, session_events },
        );
        runtime.spawn(engine.run(inbox, from_session, from_server, finishing));
        let pictures = decoder.slot();
        let outlets = Outlets { events: event_receiver, figures: figures_receiver, pictures, decoder };
        Ok((Self { runtime, finish, handle: Handle { commands } }, outlets))
    }

    /// The window's end.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Sends TEARDOWN, waits a second for the answer at the most, and ends everything.
    pub fn finish(self) {
        let (done, finished) = oneshot::channel();
        if self.finish.send(done).is_ok() {
            // Finished, or out of patience.
            let _ = self.runtime.block_on(async { timeout(GOODBYE * 2, finished).await });
        }
        self.runtime.shutdown_timeout(Duration::from_millis(100));
    }
}

#[cfg(test)]
mod tests {
    use super::source::SAMPLE;
    use super::*;
    use crate::media::FrameRate;
    use crate::session::{Command as SessionCommand, Event as SessionEvent, Goal};

    /// Until something happens, and not for longer than anybody would wait.
    fn wait_for(outlets: &mut Outlets, runtime: &Runtime, mut is_it: impl FnMut(&Event) -> bool) {
        let event = async {
            while let Some(event) = outlets.events.recv().await {
                if is_it(&event) {
                    return;
                }
            }
            panic!("the backend has ended");
        };
        runtime.block_on(async { timeout(Duration::from_secs(20), event).await }).expect("it happens");
    }

    fn has_reached(goal: Goal, wishes: u64) -> impl FnMut(&Event) -> bool {
        move |event| {
            let EventKind::Session(SessionEvent::Status(status)) = &event.kind else { return false };
            status.goal == goal && status.wishes == wishes && !status.is_busy
        }
    }

    #[test]
    fn no_click_is_lost_among_a_thousand_previews_or_while_a_film_is_searched_for_a_picture() {
        let runtime = Runtime::new().unwrap();
        let options = BackendOptions { rate: FrameRate::CLASSROOM, playout_delay: Duration::ZERO };
        let (backend, mut outlets) = Backend::start(options).unwrap();
        let handle = backend.handle();
        handle.send(Command::Open { generation: 1, source: FilmSource::Sample, goal: Goal::Ready });
        wait_for(&mut outlets, &runtime, has_reached(Goal::Ready, 1));

        // The beginning of a picture, and then nothing for four gigabytes.
        let damaged = tempfile::NamedTempFile::with_suffix(".mjpeg").unwrap();
        io::Write::write_all(&mut damaged.as_file(), SAMPLE.get(5..2_000).unwrap()).unwrap();
        damaged.as_file().set_len(1 << 32).unwrap();
        let source = FilmSource::File(damaged.path().to_owned());
        handle.send(Command::Open { generation: 2, source, goal: Goal::Playing });
        (0..1_000).for_each(|frame| handle.send(Command::Preview(frame % 200)));
        handle.send(Command::Session { generation: 1, command: SessionCommand::SetGoal(Goal::Playing) });
        wait_for(&mut outlets, &runtime, has_reached(Goal::Playing, 2));
        backend.finish();
    }

    #[test]
    fn of_two_films_the_one_that_was_asked_for_last_is_played_and_clicks_for_the_other_come_too_late() {
        let runtime = Runtime::new().unwrap();
        let options = BackendOptions { rate: FrameRate::CLASSROOM, playout_delay: Duration::ZERO };
        let (backend, mut outlets) = Backend::start(options).unwrap();
        let handle = backend.handle();
        for generation in [1, 2] {
            handle.send(Command::Open { generation, source: FilmSource::Sample, goal: Goal::Ready });
        }
        handle.send(Command::Session { generation: 1, command: SessionCommand::SetGoal(Goal::Playing) });
        let mut ready = has_reached(Goal::Ready, 1);
        wait_for(&mut outlets, &runtime, |event| {
            assert_eq!(event.generation, 2);
            ready(event)
        });
        backend.finish();
    }
}
