//! Frames that are finished without the packets that they lack, because they are due. Sans-I/O.

use std::time::Instant;

use super::RtpFrameReceiver;
use crate::proto::rtp::extend_timestamp;
use crate::session::rtp::frame_receiver::FrameReceiver as _;

impl RtpFrameReceiver {
    /// Returns a timestamp of the stream, extended.
    pub(super) fn extend(&self, timestamp: u32) -> i64 {
        extend_timestamp(self.highest_timestamp.unwrap_or(i64::from(timestamp)), timestamp)
    }

    /// Returns true if the frame with this extended timestamp was finished without the packets that it lacked.
    pub(super) fn is_finished(&self, timestamp: i64) -> bool {
        self.finished_timestamp.is_some_and(|finished| timestamp <= finished)
    }

    /// Finishes the frame that lacks packets before others that have arrived, but no later one: a gap may be of several
    /// frames, and the packets of the others can still be sent again in time.
    pub(super) fn finish_waiting_frame(&mut self, now: Instant) {
        let Some((timestamp, _)) = self.waiting_frame() else { return };
        while let Some((first, _)) = self.buffers.reorder_buffer.first_waiting()
            && self.extend(first) <= timestamp
            && let Some(packet) = self.buffers.reorder_buffer.flush()
        {
            self.assemble(now, &packet);
        }
        self.release(now);
        // Without packets of a later frame, those that the frame lacks may still be on their way.
        if !self.is_in_order() && self.open_timestamp() == Some(timestamp) {
            self.finish_frame(now);
        }
    }

    /// Extended timestamp of the frame that has begun and of which nothing waits for a gap; `None` if there is none.
    pub fn open_frame(&self) -> Option<i64> {
        self.open_timestamp().filter(|_| self.is_in_order())
    }

    fn open_timestamp(&self) -> Option<i64> {
        self.depacketizer.current_timestamp().map(|timestamp| self.extend(timestamp))
    }

    /// Finishes the frame that has begun as incomplete. Its packets that arrive later are late.
    pub fn finish_frame(&mut self, now: Instant) {
        self.finished_timestamp = self.open_timestamp().or(self.finished_timestamp);
        self.depacketizer.finish();
        while let Some(assembled) = self.depacketizer.poll_frame() {
            self.handle_assembled(now, assembled);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use bytes::Bytes;

    use super::*;
    use crate::media::payload::{PayloadFormat, packetize};
    use crate::session::frame::Frame;
    use crate::session::presentation::RetransmissionOffer;
    use crate::session::rtp::rtp_info::AnnouncedPacket;
    use crate::stats::Snapshot;

    const TICKS: u32 = 4_500;

    /// Returns the packets of a film, one list for each frame. The sequence numbers are consecutive, from 0.
    fn film(frames: u32) -> Vec<Vec<Bytes>> {
        let pixels: Vec<u8> =
            (0..160 * 160 * 3u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let mut jpeg = Vec::new();
        let encoder = jpeg_encoder::Encoder::new(&mut jpeg, 90);
        encoder.encode(&pixels, 160, 160, jpeg_encoder::ColorType::Rgb).unwrap();
        let packetized = packetize(&jpeg, PayloadFormat::OriginalHeader).unwrap();
        let count = packetized.packets().len();
        assert!(count > 3, "{count} packets");
        let packet = |frame: u32, index: usize| {
            let (mut bytes, sequence) = (Vec::new(), frame as u16 * count as u16 + index as u16);
            packetized.write_packet(index, sequence, frame * TICKS, 7, &mut bytes);
            Bytes::from(bytes)
        };
        (0..frames).map(|frame| (0..count).map(|index| packet(frame, index)).collect()).collect()
    }

    fn retransmission(original: &Bytes) -> Bytes {
        let fields = crate::proto::rtx::RtxFields { payload_type: 97, ssrc: 8, sequence: 0 };
        crate::proto::rtx::encode(original, fields).unwrap().into()
    }

    fn receiver(now: Instant) -> RtpFrameReceiver {
        let offer = RetransmissionOffer { payload_type: 97, ssrc: Some(8), reduced_size: true };
        let mut receiver = RtpFrameReceiver::new(26, Some(7), None, 28, Duration::from_millis(200))
            .with_retransmission(offer);
        receiver.start(AnnouncedPacket { sequence: Some(0), rtptime: Some(0), announced_at: now });
        receiver
    }

    /// Returns the numbers of the frames that can be polled, and whether each is complete.
    fn polled(receiver: &mut RtpFrameReceiver) -> Vec<(i64, bool)> {
        let frame = |frame: Frame| (frame.timestamp / i64::from(TICKS), frame.is_complete());
        std::iter::from_fn(|| receiver.poll_frame()).map(frame).collect()
    }

    #[test]
    fn gap_of_several_frames_is_given_up_frame_by_frame() {
        let (now, film) = (Instant::now(), film(5));
        let mut receiver = receiver(now);
        let (first, last) = (|frame: usize| &film[frame][0], |frame: usize| film[frame].last().unwrap());
        // The end of frame 1, all of frame 2 and the begin of frame 3 are missing.
        let arrived = film[0].iter().chain(&film[1][..film[1].len() - 1]).chain(&film[3][1..]);
        arrived.for_each(|packet| _ = receiver.handle_packet(now, packet.clone()));
        assert_eq!(polled(&mut receiver), [(0, true)]);
        assert_eq!(receiver.waiting_frame().unwrap().0, i64::from(TICKS));
        receiver.skip_gap(now);
        assert_eq!(polled(&mut receiver), [(1, false)]);
        assert_eq!(receiver.waiting_frame().unwrap().0, 3 * i64::from(TICKS));
        // Frame 1 is finished, but frames 2 and 3 can be repaired.
        receiver.handle_packet(now, retransmission(last(1)));
        for packet in &film[2] {
            receiver.handle_packet(now, retransmission(packet));
        }
        assert_eq!(polled(&mut receiver), [(2, true)]);
        receiver.handle_packet(now, retransmission(first(3)));
        assert_eq!(polled(&mut receiver), [(3, true)]);
        let mut snapshot = Snapshot::default();
        receiver.add_to(now, None, &mut snapshot);
        let repaired = film[2].len() as u64 + 1;
        assert_eq!((snapshot.packets_lost, snapshot.repaired_rtx), (repaired + 1, repaired), "{snapshot:?}");
        assert_eq!((snapshot.packets_unrepaired, snapshot.packets_late), (1, 0));
        assert_eq!((snapshot.frames_complete, snapshot.frames_incomplete), (3, 1));
    }

    #[test]
    fn packets_of_finished_frame_are_late() {
        let (now, film) = (Instant::now(), film(3));
        let mut receiver = receiver(now);
        let end = film[0].len() - 1;
        film[0][..end]
            .iter()
            .chain(&film[1])
            .for_each(|packet| _ = receiver.handle_packet(now, packet.clone()));
        receiver.skip_gap(now);
        assert_eq!(polled(&mut receiver), [(0, false)]);
        receiver.handle_packet(now, film[0][end].clone());
        assert_eq!(polled(&mut receiver), [(1, true)]);
        let mut snapshot = Snapshot::default();
        receiver.add_to(now, None, &mut snapshot);
        assert_eq!((snapshot.packets_lost, snapshot.packets_late), (0, 1), "{snapshot:?}");
        assert_eq!((snapshot.frames_complete, snapshot.frames_incomplete), (1, 1));
    }

    #[test]
    fn frame_whose_packets_are_still_on_their_way_is_not_finished() {
        let (now, film) = (Instant::now(), film(2));
        let mut receiver = receiver(now);
        for index in [0, 2] {
            receiver.handle_packet(now, film[0][index].clone());
        }
        receiver.skip_gap(now);
        assert_eq!((polled(&mut receiver), receiver.is_in_order()), (vec![], true));
        film[0][3..].iter().for_each(|packet| _ = receiver.handle_packet(now, packet.clone()));
        assert_eq!(polled(&mut receiver), [(0, false)]);
    }
}
