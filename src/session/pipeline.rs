//! The stages that every client has: the emulated network in front of the receiver, and the presentation behind it.
//!
//! A packet passes the emulator, is received, and becomes part of a frame; the frame goes to the taps and waits in the
//! jitter buffer until it is due on the screen.

use std::fmt;
use std::time::{Duration, Instant};

use super::data_timeout::DataTimeout;
use super::emulator_tap::EmulatorTap;
use super::events::{ClientOutput, OutputQueue, SessionEvent};
use super::options::ClientOptions;
use super::present::frame::Frame;
use super::present::presenter::Presenter;
use crate::stats::PacketLog;

/// The receiving end of a stream: from packets to frames.
pub trait FrameReceiver: fmt::Debug + Send {
    /// Gives up gaps that were waited for long enough.
    fn handle_timeout(&mut self, now: Instant);

    /// Returns when [`FrameReceiver::handle_timeout`] is to be called.
    fn poll_timeout(&self) -> Option<Instant>;

    /// Returns the next frame, complete or not.
    fn poll_frame(&mut self) -> Option<Frame>;

    /// Sets how long a gap is waited for.
    fn set_reorder_timeout(&mut self, timeout: Duration);

    /// Forgets the frame that has begun; it does not count as incomplete. The figures stay.
    fn stop(&mut self);

    /// When the last packet of the stream came.
    fn last_packet(&self) -> Option<Instant>;

    /// The last packets, each with its fate.
    fn packet_log(&self) -> &PacketLog;
}

/// The stages of one client.
#[derive(Debug)]
pub struct Pipeline<R> {
    /// The emulated network.
    pub emulator: EmulatorTap,
    /// The receiver since the last SETUP. It outlives its session, for the figures.
    pub receiver: Option<R>,
    /// Taps, jitter buffer and screen.
    pub presenter: Presenter,
    /// Time since the last data.
    pub data_timeout: DataTimeout,
    /// The server has closed the connection behind the last frame, which waits to be shown.
    pub is_closed_by_server: bool,
    /// What is to be done.
    pub outputs: OutputQueue,
}

impl<R: FrameReceiver> Pipeline<R> {
    /// Stages without a session.
    pub fn new(options: &ClientOptions) -> Self {
        Self {
            emulator: EmulatorTap::new(options.emulator.clone()),
            receiver: None,
            presenter: Presenter::new(options.playout_delay, options.epoch),
            data_timeout: DataTimeout::default(),
            is_closed_by_server: false,
            outputs: OutputQueue::default(),
        }
    }

    /// Begins a session whose packets `receiver` receives; SETUP may have announced their SSRC.
    pub fn set_up(&mut self, receiver: R, ssrc: Option<u32>) {
        self.receiver = Some(receiver);
        self.presenter.reset();
        self.emulator.open(ssrc);
    }

    /// Sets how long frames wait, and gaps with them.
    pub fn set_playout_delay(&mut self, delay: Duration) {
        self.presenter.set_delay(delay);
        let reorder_timeout = self.presenter.reorder_timeout();
        if let Some(receiver) = &mut self.receiver {
            receiver.set_reorder_timeout(reorder_timeout);
        }
    }

    /// Begins to wait for data: PLAY was answered.
    pub fn start(&mut self, now: Instant) {
        self.data_timeout.start(now);
        self.presenter.stats.start(now);
    }

    /// Data is no longer expected; `now` is when the picture on the screen has stood long enough.
    pub fn stop(&mut self, now: Instant) {
        self.presenter.stats.stop(now);
        if self.data_timeout.stop() {
            self.outputs.emit(SessionEvent::Waiting(false));
        }
    }

    /// Ends the session. The receiver and its figures stay.
    pub fn close(&mut self, now: Instant) {
        self.stop(now);
        if let Some(receiver) = &mut self.receiver {
            receiver.stop();
        }
        self.emulator.close();
        self.presenter.jitter_buffer.clear();
        self.is_closed_by_server = false;
    }

    /// Says that data is waited for, or that it comes again, where that is a change.
    pub fn set_waiting(&mut self, is_waiting: bool) {
        if self.data_timeout.set_waiting(is_waiting) {
            self.outputs.emit(SessionEvent::Waiting(is_waiting));
        }
    }

    /// When data last came, the response to PLAY included; none while nothing plays.
    pub fn last_data(&self) -> Option<Instant> {
        self.data_timeout.last_data(self.last_packet())
    }

    /// When the last packet of the stream came.
    pub fn last_packet(&self) -> Option<Instant> {
        self.receiver.as_ref().and_then(R::last_packet)
    }

    /// Passes frames on from the receiver to the taps and the jitter buffer.
    pub fn collect_frames(&mut self) {
        let Some(receiver) = &mut self.receiver else { return };
        while let Some(frame) = receiver.poll_frame() {
            if let Some(frame) = self.presenter.handle_frame(frame) {
                self.outputs.push(ClientOutput::Frame(frame));
            }
        }
    }

    /// When one of the stages is to be looked at again.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let receiver = self.receiver.as_ref().and_then(R::poll_timeout);
        let timeouts = [receiver, self.presenter.jitter_buffer.poll_timeout(), self.emulator.poll_timeout()];
        timeouts.into_iter().flatten().min()
    }
}
