//! Start and shutdown of the backend.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use super::engine::{EVENT_CAPACITY, Engine, EngineOutputs, TEARDOWN_TIMEOUT};
use super::handle::BackendHandle;
use super::messages::{BackendEvent, BackendOptions};
use crate::impairment::Emulator;
use crate::net::runtime_thread::EVENT_INTERVAL;
use crate::server_embed::{Observer, RestartMarkers, Server, ServerEvent, ServerOptions};
use crate::session::{Decoder, PictureSlot};
use crate::stats::Figures;

/// Receiving ends of everything that the backend sends to the window.
#[derive(Debug)]
pub struct BackendOutputs {
    /// Events, in order; none is dropped.
    pub events: mpsc::Receiver<BackendEvent>,
    /// Newest statistics of the session, updated several times a second.
    pub figures: watch::Receiver<Figures>,
    /// Slot that holds the newest decoded picture; an older one is dropped if it was not read.
    pub pictures: PictureSlot,
    /// Decoder of the pictures; the window sets the size that it scales them to.
    pub decoder: Arc<Decoder>,
}

/// The running backend. [`Backend::shutdown`] ends it in order.
#[derive(Debug)]
pub struct Backend {
    runtime: Runtime,
    shutdown: oneshot::Sender<oneshot::Sender<()>>,
    handle: BackendHandle,
    /// True while a recording is not complete.
    is_recording: watch::Receiver<bool>,
}

/// Capacity of the server's frame cache, in bytes. The window plays each frame of a film once, so that the cache serves
/// little but viewers of a shared film who are close to one another.
const CACHE_CAPACITY: u64 = 16 * 1024 * 1024;

/// Maximum time that the end of the program waits for a recording to be completed: a long film on a slow disk.
const RECORDING_TIMEOUT: Duration = Duration::from_secs(60);

/// Creates a Tokio runtime for network I/O, with two worker threads.
///
/// # Errors
/// Returns an error if the system cannot create the threads.
pub fn runtime() -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("network")
        .event_interval(EVENT_INTERVAL)
        .global_queue_interval(EVENT_INTERVAL)
        .enable_all()
        .build()
}

impl Backend {
    /// Starts the runtime, the embedded server, the decoding thread and the engine.
    ///
    /// # Errors
    /// Returns an error if the system cannot create the threads, or if the server cannot listen on loopback.
    pub fn start(options: BackendOptions) -> io::Result<(Self, BackendOutputs)> {
        let runtime = runtime()?;
        let decoder = Arc::new(Decoder::start()?);
        let (commands, command_receiver) = mpsc::unbounded_channel();
        let (events, event_receiver) = mpsc::channel(EVENT_CAPACITY);
        let (figures, figures_receiver) = watch::channel(Figures::default());
        let (server_events, server_event_receiver) = mpsc::channel(EVENT_CAPACITY);
        let observer = Observer::new(move |event| {
            if let ServerEvent::MediaFileFailed { .. } | ServerEvent::FramesSkipped { .. } = event {
                // A full channel already holds events of this kind; one is enough for the window.
                let _ = server_events.try_send(event);
            }
        });
        let emulator = Emulator::default();
        let server_options = ServerOptions {
            emulator: emulator.clone(),
            cache_capacity: CACHE_CAPACITY,
            restart_markers: RestartMarkers::WhenEmulated,
            ..ServerOptions::default()
        };
        let server = runtime.block_on(Server::start(server_options, observer))?;
        let (shutdown, shutdown_receiver) = oneshot::channel();
        let (session_events, session_event_receiver) = mpsc::channel(EVENT_CAPACITY);
        let (recording_sender, is_recording) = watch::channel(false);
        let engine = Engine::new(
            server,
            emulator,
            decoder.clone(),
            options,
            EngineOutputs { events, figures, session_events, is_recording: recording_sender },
        );
        runtime.spawn(engine.run(
            command_receiver,
            session_event_receiver,
            server_event_receiver,
            shutdown_receiver,
        ));
        let pictures = decoder.slot();
        let outputs = BackendOutputs { events: event_receiver, figures: figures_receiver, pictures, decoder };
        Ok((Self { runtime, shutdown, handle: BackendHandle::new(commands), is_recording }, outputs))
    }

    /// Returns a handle to send commands with.
    pub fn handle(&self) -> BackendHandle {
        self.handle.clone()
    }

    /// Sends TEARDOWN, waits at most one second for its response, and stops everything. Blocks for at most about two
    /// seconds, and longer only to complete a recording.
    pub fn shutdown(mut self) {
        let (done, finished) = oneshot::channel();
        if self.shutdown.send(done).is_ok() {
            let recorded = self.is_recording.wait_for(|is_recording| !is_recording);
            // A recording that is not completed is recovered when it is opened.
            let _ = self.runtime.block_on(async { timeout(RECORDING_TIMEOUT, recorded).await });
            // On a timeout the runtime is stopped all the same.
            let _ = self.runtime.block_on(async { timeout(TEARDOWN_TIMEOUT * 2, finished).await });
        }
        self.runtime.shutdown_timeout(Duration::from_millis(100));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::source::SAMPLE;
    use crate::backend::{BackendEventKind, Command, FrameRates, MediaSource, Sharing, ThumbnailRequest};
    use crate::media::FrameRate;
    use crate::session::{Goal, Orientation, SessionCommand, SessionEvent};

    /// Starts a backend, and a runtime to wait on.
    fn start() -> (Runtime, Backend, BackendOutputs) {
        let options = BackendOptions {
            frame_rates: FrameRates::new(FrameRate::CLASSROOM),
            playout_delay: Duration::ZERO,
        };
        let (backend, outputs) = Backend::start(options).unwrap();
        (Runtime::new().unwrap(), backend, outputs)
    }

    /// Waits until an event matches, for at most 20 seconds.
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
        runtime
            .block_on(async { timeout(Duration::from_secs(20), event).await })
            .expect("no matching event within 20 seconds");
    }

    fn has_reached(goal: Goal, goal_revision: u64) -> impl FnMut(&BackendEvent) -> bool {
        move |event| {
            let BackendEventKind::Session(SessionEvent::Status(status)) = &event.kind else { return false };
            status.goal == goal && status.goal_revision == goal_revision && !status.is_busy
        }
    }

    #[test]
    fn goal_is_reached_during_preview_flood_and_slow_open() {
        let (runtime, backend, mut outputs) = start();
        let handle = backend.handle();
        handle.send(Command::Open { generation: 1, source: MediaSource::Sample, goal: Goal::Ready });
        wait_for(&mut outputs, &runtime, has_reached(Goal::Ready, 1));

        // The start of a frame, followed by 4 GiB of zeros: opening takes long and fails.
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
    fn shared_film_is_served_to_others_until_other_media_are_opened() {
        use std::io::{BufRead as _, BufReader, Read as _, Write as _};
        let (runtime, backend, mut outputs) = start();
        let handle = backend.handle();
        handle.send(Command::Open { generation: 1, source: MediaSource::Sample, goal: Goal::Ready });
        // Before the film is open.
        handle.send(Command::Share { generation: 1 });
        let mut url = String::new();
        wait_for(&mut outputs, &runtime, |event| {
            let BackendEventKind::Sharing(Sharing::At { url: at, viewers: 0 }) = &event.kind else {
                return false;
            };
            url.clone_from(at);
            event.generation == 1
        });
        let server = url.trim_start_matches("rtsp://").split('/').next().unwrap();
        assert!(url.ends_with("/sample.mjpeg"), "{url}");
        let mut connection = std::net::TcpStream::connect(server).unwrap();
        connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let transport = "RTP/AVP/TCP;interleaved=0-1";
        write!(connection, "SETUP {url}/streamid=0 RTSP/1.0\r\nCSeq: 1\r\nTransport: {transport}\r\n\r\n")
            .unwrap();
        let mut responses = BufReader::new(connection);
        let mut status = String::new();
        responses.read_line(&mut status).unwrap();
        assert_eq!(status, "RTSP/1.0 200 OK\r\n");
        wait_for(
            &mut outputs,
            &runtime,
            |event| matches!(&event.kind, BackendEventKind::Sharing(Sharing::At { url: at, viewers: 1 }) if *at == url),
        );
        handle.send(Command::Open { generation: 2, source: MediaSource::Sample, goal: Goal::Ready });
        // The server closes the connection.
        responses.read_to_end(&mut Vec::new()).unwrap();
        backend.shutdown();
    }

    #[test]
    fn thumbnail_is_of_the_frame_that_was_requested_last() {
        let (runtime, backend, mut outputs) = start();
        let handle = backend.handle();
        handle.send(Command::Open { generation: 1, source: MediaSource::Sample, goal: Goal::Ready });
        wait_for(&mut outputs, &runtime, has_reached(Goal::Ready, 1));
        let orientation = Orientation::default();
        (0..20).for_each(|frame| handle.send(Command::Thumbnail(ThumbnailRequest { frame, orientation })));
        let mut frames = Vec::new();
        wait_for(&mut outputs, &runtime, |event| {
            let BackendEventKind::ThumbnailReady(thumbnail) = &event.kind else { return false };
            assert_eq!(thumbnail.pixels.len(), 4 * thumbnail.width as usize * thumbnail.height as usize);
            frames.push(thumbnail.frame);
            thumbnail.frame == 19
        });
        assert!(frames.len() < 20, "those between are left out: {frames:?}");
        backend.shutdown();
    }

    #[test]
    fn last_opened_file_wins_and_stale_commands_are_ignored() {
        let (runtime, backend, mut outputs) = start();
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
