//! Everything behind the window: a runtime, the embedded server, the session, the decoding thread.
//!
//! Commands go in; events, figures and pictures come out, each on a way of its own. Pictures never travel as events:
//! a hundred queued ones would be hundreds of megabytes.

mod engine;
mod messages;
mod preview;
mod shutdown_signal;
mod source;

pub use messages::{BackendEvent, BackendEventKind, BackendOptions, Command};
pub use shutdown_signal::ShutdownSignal;
pub use source::{MediaSource, SAMPLE_NAME, file_name};

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use self::engine::{EVENT_CAPACITY, Engine, EngineOutputs, TEARDOWN_TIMEOUT};
use crate::impairment::Emulator;
use crate::server_embed::{Observer, Server, ServerEvent, ServerOptions};
use crate::session::{Decoder, PictureSlot};
use crate::stats::Figures;

/// The window's end of the backend.
#[derive(Debug, Clone)]
pub struct BackendHandle {
    /// Without a bound: a click that is lost would be waited for in vain. Whatever takes time is done beside, so that
    /// the queue is always short.
    commands: mpsc::UnboundedSender<Command>,
}

impl BackendHandle {
    /// A handle whose commands come out at the other end, for tests.
    pub fn detached() -> (Self, mpsc::UnboundedReceiver<Command>) {
        let (commands, command_receiver) = mpsc::unbounded_channel();
        (Self { commands }, command_receiver)
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
pub struct BackendOutputs {
    /// What happened; never dropped.
    pub events: mpsc::Receiver<BackendEvent>,
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
    shutdown: oneshot::Sender<oneshot::Sender<()>>,
    handle: BackendHandle,
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
    pub fn start(options: BackendOptions) -> io::Result<(Self, BackendOutputs)> {
        let runtime = runtime()?;
        let decoder = Arc::new(Decoder::start()?);
        let (commands, command_receiver) = mpsc::unbounded_channel();
        let (events, event_receiver) = mpsc::channel(EVENT_CAPACITY);
        let (figures, figures_receiver) = watch::channel(Figures::default());
        let (server_events, server_event_receiver) = mpsc::channel(EVENT_CAPACITY);
        let observer = Observer::new(move |event| {
            if let ServerEvent::MediaFileFailed { .. } = event {
                // The window is told once; more of the same is lost without harm.
                let _ = server_events.try_send(event);
            }
        });
        let network = Emulator::default();
        let server_options = ServerOptions { emulator: network.clone(), ..ServerOptions::default() };
        let server = runtime.block_on(Server::start(server_options, observer))?;
        let (shutdown, shutdown_receiver) = oneshot::channel();
        let (session_events, session_event_receiver) = mpsc::channel(EVENT_CAPACITY);
        let engine = Engine::new(
            server,
            network,
            decoder.clone(),
            options,
            EngineOutputs { events, figures, session_events },
        );
        runtime.spawn(engine.run(
            command_receiver,
            session_event_receiver,
            server_event_receiver,
            shutdown_receiver,
        ));
        let pictures = decoder.slot();
        let outputs = BackendOutputs { events: event_receiver, figures: figures_receiver, pictures, decoder };
        Ok((Self { runtime, shutdown, handle: BackendHandle { commands } }, outputs))
    }

    /// The window's end.
    pub fn handle(&self) -> BackendHandle {
        self.handle.clone()
    }

    /// Sends TEARDOWN, waits a second for the answer at the most, and ends everything.
    pub fn shutdown(self) {
        let (done, finished) = oneshot::channel();
        if self.shutdown.send(done).is_ok() {
            // Finished, or out of patience.
            let _ = self.runtime.block_on(async { timeout(TEARDOWN_TIMEOUT * 2, finished).await });
        }
        self.runtime.shutdown_timeout(Duration::from_millis(100));
    }
}

#[cfg(test)]
mod tests {
    use super::source::SAMPLE;
    use super::*;
    use crate::media::FrameRate;
    use crate::session::{Goal, SessionCommand, SessionEvent};

    /// Until something happens, and not for longer than anybody would wait.
    fn wait_for(
        outputs: &mut BackendOutputs,
        runtime: &Runtime,
        mut is_match: impl FnMut(&BackendEvent) -> bool,
    ) {
        let event = async {
            while let Some(event) = outputs.events.recv().await {
                if is_match(&event) {
                    return;
                }
            }
            panic!("the backend has ended");
        };
        runtime.block_on(async { timeout(Duration::from_secs(20), event).await }).expect("it happens");
    }

    fn has_reached(goal: Goal, goal_revision: u64) -> impl FnMut(&BackendEvent) -> bool {
        move |event| {
            let BackendEventKind::Session(SessionEvent::Status(status)) = &event.kind else { return false };
            status.goal == goal && status.goal_revision == goal_revision && !status.is_busy
        }
    }

    #[test]
    fn goal_is_reached_during_preview_flood_and_slow_open() {
        let runtime = Runtime::new().unwrap();
        let options = BackendOptions { frame_rate: FrameRate::CLASSROOM, playout_delay: Duration::ZERO };
        let (backend, mut outputs) = Backend::start(options).unwrap();
        let handle = backend.handle();
        handle.send(Command::Open { generation: 1, source: MediaSource::Sample, goal: Goal::Ready });
        wait_for(&mut outputs, &runtime, has_reached(Goal::Ready, 1));

        // The beginning of a picture, and then nothing for four gigabytes.
        let damaged = tempfile::NamedTempFile::with_suffix(".mjpeg").unwrap();
        io::Write::write_all(&mut damaged.as_file(), SAMPLE.get(5..2_000).unwrap()).unwrap();
        damaged.as_file().set_len(1 << 32).unwrap();
        let source = MediaSource::File(damaged.path().to_owned());
        handle.send(Command::Open { generation: 2, source, goal: Goal::Playing });
        (0..1_000).for_each(|frame| handle.send(Command::Preview(frame % 200)));
        handle.send(Command::Session { generation: 1, command: SessionCommand::SetGoal(Goal::Playing) });
        wait_for(&mut outputs, &runtime, has_reached(Goal::Playing, 2));
        backend.shutdown();
    }

    #[test]
    fn last_opened_file_wins_and_stale_commands_are_ignored() {
        let runtime = Runtime::new().unwrap();
        let options = BackendOptions { frame_rate: FrameRate::CLASSROOM, playout_delay: Duration::ZERO };
        let (backend, mut outputs) = Backend::start(options).unwrap();
        let handle = backend.handle();
        for generation in [1, 2] {
            handle.send(Command::Open { generation, source: MediaSource::Sample, goal: Goal::Ready });
        }
        handle.send(Command::Session { generation: 1, command: SessionCommand::SetGoal(Goal::Playing) });
        let mut ready = has_reached(Goal::Ready, 1);
        wait_for(&mut outputs, &runtime, |event| {
            assert_eq!(event.generation, 2);
            ready(event)
        });
        backend.shutdown();
    }
}
