//! Stages that every client has: the emulated network, the receiver and the presentation. Sans-I/O.
//!
//! A packet passes the emulator, is received, and becomes part of a frame; the frame goes to the taps and waits in the
//! jitter buffer until it is due on the screen.

use std::time::{Duration, Instant};

use super::data_timeout::DataTimeout;
use super::events::{ClientOutput, OutputQueue, SessionEvent};
use super::inbound_emulator::InboundEmulator;
use super::options::{ClientOptions, PlayoutDelay};
use super::peer_mistakes::PeerMistakes;
use super::present::presenter::Presenter;
use super::rtp::frame_receiver::FrameReceiver;

/// Stages of one client.
#[derive(Debug)]
pub struct Pipeline<R> {
    /// Emulated network in front of the receiver.
    pub emulator: InboundEmulator,
    /// Receiver since the last SETUP; `None` before the first. It outlives its session, for the figures.
    pub receiver: Option<R>,
    /// Taps, jitter buffer and screen.
    pub presenter: Presenter,
    /// Timer of missing data.
    pub data_timeout: DataTimeout,
    /// Mistakes of the server that were tolerated, since the source was opened.
    pub mistakes: PeerMistakes,
    /// True if the server has closed the connection after the last frame, which is still to be shown.
    pub is_closed_by_server: bool,
    /// Outputs for the driver, oldest first.
    pub outputs: OutputQueue,
}

impl<R: FrameReceiver> Pipeline<R> {
    /// Creates the stages without a session.
    pub fn new(options: &ClientOptions) -> Self {
        Self {
            emulator: InboundEmulator::new(options.emulator.clone()),
            receiver: None,
            presenter: Presenter::new(options.playout_delay, options.epoch),
            data_timeout: DataTimeout::default(),
            mistakes: PeerMistakes::default(),
            is_closed_by_server: false,
            outputs: OutputQueue::default(),
        }
    }

    /// Starts a session whose packets `receiver` receives. `ssrc` is the SSRC announced in the Transport header of the
    /// SETUP response, if any.
    pub fn set_up(&mut self, receiver: R, ssrc: Option<u32>) {
        self.receiver = Some(receiver);
        self.presenter.reset();
        self.emulator.open(ssrc);
    }

    /// Sets the playout delay, and with it the time that packets wait for a gap before them to fill.
    pub fn set_playout_delay(&mut self, delay: PlayoutDelay) {
        self.presenter.set_delay(delay);
        self.update_reorder_timeout();
    }

    fn update_reorder_timeout(&mut self) {
        let reorder_timeout = self.presenter.reorder_timeout();
        if let Some(receiver) = &mut self.receiver {
            receiver.set_reorder_timeout(reorder_timeout);
        }
    }

    /// Sets the time that lost packets need to be sent again, for which an adaptive playout delay has room.
    pub fn set_repair_time(&mut self, time: Duration) {
        if self.presenter.set_repair_time(time) {
            self.update_reorder_timeout();
        }
    }

    /// Starts to expect data, at the response to PLAY.
    pub fn start(&mut self, now: Instant) {
        self.data_timeout.start(now);
        self.presenter.stats.start(now);
    }

    /// Stops expecting data. `now` is the end of the time for which the frame on the screen was to be shown.
    pub fn stop(&mut self, now: Instant) {
        self.presenter.stats.stop(now);
        if self.data_timeout.stop() {
            self.outputs.emit(SessionEvent::Waiting(false));
        }
    }

    /// Ends the session. The receiver and its figures remain.
    pub fn close(&mut self, now: Instant) {
        self.stop(now);
        if let Some(receiver) = &mut self.receiver {
            receiver.stop();
        }
        self.emulator.close();
        self.presenter.clear();
        self.is_closed_by_server = false;
    }

    /// Reports the mistakes of the server that are to be shown at `now`.
    pub fn emit_mistakes(&mut self, now: Instant) {
        while let Some(mistake) = self.mistakes.poll(now) {
            self.outputs.emit(SessionEvent::PeerMistake(mistake));
        }
    }

    /// Reports the mistakes of the server whose counts have grown, at the end of the session.
    pub fn emit_last_mistakes(&mut self) {
        while let Some(mistake) = self.mistakes.poll_last() {
            self.outputs.emit(SessionEvent::PeerMistake(mistake));
        }
    }

    /// Reports that data is missing, or that it arrives again, if that has changed.
    pub fn set_waiting(&mut self, is_waiting: bool) {
        if self.data_timeout.set_waiting(is_waiting) {
            self.outputs.emit(SessionEvent::Waiting(is_waiting));
        }
    }

    /// Returns the time of the last packet or of the response to PLAY, whichever is later; `None` while nothing plays.
    pub fn last_data(&self) -> Option<Instant> {
        self.data_timeout.last_data(self.last_packet())
    }

    /// Returns the arrival time of the last packet of the stream; `None` before the first.
    pub fn last_packet(&self) -> Option<Instant> {
        self.receiver.as_ref().and_then(R::last_packet)
    }

    /// Returns the time at which a frame that lacks packets is due, and no longer waits for them.
    fn gap_deadline(&self) -> Option<Instant> {
        let (timestamp, earliest) = self.receiver.as_ref()?.waiting_frame()?;
        let due = self.presenter.expected_due(timestamp)?;
        Some(due.max(earliest))
    }

    /// Passes frames on from the receiver to the taps and the jitter buffer. A frame that is due at `now` waits no
    /// longer for packets that it lacks.
    pub fn collect_frames(&mut self, now: Instant) {
        while self.gap_deadline().is_some_and(|deadline| deadline <= now)
            && let Some(receiver) = &mut self.receiver
        {
            receiver.skip_gap(now);
        }
        let Some(receiver) = &mut self.receiver else { return };
        let mut has_changed = false;
        while let Some((arrival, timestamp)) = receiver.buffers_mut().arrivals.pop_front() {
            has_changed |= self.presenter.record_arrival(arrival, timestamp);
        }
        if has_changed {
            receiver.set_reorder_timeout(self.presenter.reorder_timeout());
        }
        while let Some(frame) = receiver.poll_frame() {
            if let Some(frame) = self.presenter.handle_frame(frame) {
                self.outputs.push(ClientOutput::Frame(frame));
            }
        }
    }

    /// Returns the next deadline of any stage.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let receiver = self.receiver.as_ref().and_then(R::poll_timeout);
        let jitter_buffer = self.presenter.jitter_buffer.poll_timeout();
        let timeouts = [receiver, self.gap_deadline(), jitter_buffer, self.emulator.poll_timeout()];
        timeouts.into_iter().flatten().min()
    }
}
