//! Detection of the end of the stream. Sans-I/O.

use std::time::Instant;

use super::RtspClient;
use crate::session::options::WAITING_TIMEOUT;
use crate::session::protocol::Protocol as _;
use crate::session::rtp::receiver::MIN_GAP_WAIT;

impl RtspClient {
    pub(super) fn check_end(&mut self, now: Instant) {
        let is_last_frame_due = self.last_frame_deadline().is_some_and(|deadline| now >= deadline);
        if is_last_frame_due && self.finish_last_frame(now) {
            return;
        }
        if !self.is_playing() || !self.pipeline.presenter.jitter_buffer.is_empty() {
            return;
        }
        let is_bye_due = self.bye_deadline().is_some_and(|deadline| now >= deadline);
        let is_over = self.pipeline.is_closed_by_server || self.has_last_frame() || is_bye_due;
        if is_over && !self.finish_last_frame(now) {
            self.end_stream(now);
        }
    }

    /// Returns the time at which the last frame of the range is due, and is shown without the packets that it lacks;
    /// `None` unless it has begun. After other frames, the packets of the next one show what is lost.
    pub(super) fn last_frame_deadline(&self) -> Option<Instant> {
        let (receiver, play_range) = (self.pipeline.receiver.as_ref()?, self.play_range.as_ref()?);
        let is_last = self.is_playing() && play_range.has_reached_last_frame();
        let timestamp = receiver.open_frame().filter(|_| is_last)?;
        let due = self.pipeline.presenter.expected_due(timestamp)?;
        Some(due.max(self.pipeline.last_packet()? + MIN_GAP_WAIT))
    }

    /// Finishes the frame that has begun, because no more packets of it arrive. Returns true if it is to be shown.
    fn finish_last_frame(&mut self, now: Instant) -> bool {
        let Some(receiver) = &mut self.pipeline.receiver else { return false };
        receiver.finish_frame(now);
        self.pipeline.collect_frames(now);
        !self.pipeline.presenter.jitter_buffer.is_empty()
    }

    pub(super) fn is_playing(&self) -> bool {
        self.pipeline.data_timeout.playing_since().is_some()
    }

    /// Returns true if the last frame of the range has arrived.
    fn has_last_frame(&self) -> bool {
        let (Some(receiver), Some(play_range)) = (&self.pipeline.receiver, &self.play_range) else {
            return false;
        };
        play_range.has_reached_last_frame() && receiver.is_idle()
    }

    /// Returns true if no more packets of the range will arrive: its last frame is complete, or the server has sent BYE
    /// near its end. A BYE in the middle comes from a server that is being stopped.
    pub(super) fn is_fully_received(&self) -> bool {
        let play_range = self.play_range.as_ref().filter(|play_range| !play_range.is_cut_short());
        let has_bye = play_range.is_some_and(|play_range| play_range.bye_at().is_some());
        self.is_playing() && (self.has_last_frame() || has_bye)
    }

    /// Returns the time at which BYE ends the stream, once all frames are shown and no gap is open. Packets sent before
    /// BYE may arrive after it, so it waits for the reorder timeout. A BYE in the middle of the range counts only once
    /// no more packets arrive: a single inverted bit turns the SDES of a sender report into one.
    pub(super) fn bye_deadline(&self) -> Option<Instant> {
        let (receiver, play_range) = (self.pipeline.receiver.as_ref()?, self.play_range.as_ref()?);
        let presenter = &self.pipeline.presenter;
        let is_done = self.is_playing() && presenter.jitter_buffer.is_empty() && receiver.is_in_order();
        let bye_at = play_range.bye_at().filter(|_| is_done)?;
        Some(match play_range.is_cut_short() {
            true => Some(bye_at).max(self.pipeline.last_packet())? + self.extend_timeout(WAITING_TIMEOUT),
            false => bye_at + presenter.reorder_timeout(),
        })
    }

    pub(super) fn has_range_elapsed(&self, now: Instant) -> bool {
        let Some(play_range) = &self.play_range else { return false };
        let jitter_buffer = &self.pipeline.presenter.jitter_buffer;
        let end = play_range.end_timestamp().and_then(|timestamp| jitter_buffer.expected_arrival(timestamp));
        // Without a single packet, the end follows from the start of playing and the duration alone. How late the
        // packets would have been is unknown, so the waiting timeout is added.
        let has_no_packets = self.pipeline.receiver.is_some() && self.pipeline.last_packet().is_none();
        let playing_since = self.pipeline.data_timeout.playing_since().filter(|_| has_no_packets);
        let end_without_packets = playing_since
            .zip(play_range.duration())
            .map(|(playing_since, duration)| playing_since + duration + WAITING_TIMEOUT);
        jitter_buffer.is_empty() && play_range.has_elapsed(now, end.or(end_without_packets))
    }
}
