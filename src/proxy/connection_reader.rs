//! Reading one direction of a connection in parts.

use std::io;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::io::AsyncReadExt;
use tokio::net::tcp::OwnedReadHalf;
use tokio::time::sleep;

use super::part_reader::{PartReader, StreamPart};
use crate::net::deadline::wait_for_deadline;

/// Read timeout after which an unterminated line is forwarded as it is. Classroom programs end their messages without
/// a line end.
const LINE_END_TIMEOUT: Duration = Duration::from_millis(30);

/// Maximum number of bytes per read.
const READ_BUFFER_SIZE: usize = 64 * 1024;

/// The read half of a connection and the parser of its bytes.
pub struct ConnectionReader {
    read_half: OwnedReadHalf,
    part_reader: PartReader,
    buffer: BytesMut,
    /// Maximum time from the first to the last byte of a message.
    message_timeout: Option<Duration>,
    /// Arrival of the first byte of an incomplete message; `None` between messages.
    first_byte: Option<Instant>,
}

impl ConnectionReader {
    /// Creates a reader for a new connection.
    pub fn new(read_half: OwnedReadHalf) -> Self {
        let buffer = BytesMut::with_capacity(READ_BUFFER_SIZE);
        let (message_timeout, first_byte) = (None, None);
        Self { read_half, part_reader: PartReader::default(), buffer, message_timeout, first_byte }
    }

    /// Creates a reader with a maximum time from the first to the last byte of a message.
    pub fn with_timeout(read_half: OwnedReadHalf, message_timeout: Duration) -> Self {
        Self { message_timeout: Some(message_timeout), ..Self::new(read_half) }
    }

    /// Reads the next part; returns `None` at the end of the stream. Cancel safe.
    ///
    /// # Errors
    /// Returns an error if the connection breaks, a line is too long, or a message is not complete in time.
    pub async fn next_part(&mut self) -> io::Result<Option<StreamPart>> {
        loop {
            if let Some(part) = self.received_part()? {
                return Ok(Some(part));
            }
            let is_mid_message = self.part_reader.is_mid_message();
            self.first_byte = is_mid_message.then_some(self.first_byte.unwrap_or_else(Instant::now));
            let deadline =
                self.first_byte.zip(self.message_timeout).map(|(first_byte, limit)| first_byte + limit);
            self.buffer.clear();
            let read = self.read_half.read_buf(&mut self.buffer);
            let count = tokio::select! {
                count = read => count?,
                () = sleep(LINE_END_TIMEOUT), if self.part_reader.may_be_complete() => {
                    self.first_byte = None;
                    return Ok(self.part_reader.flush_line());
                }
                () = wait_for_deadline(deadline) => return Err(incomplete_error()),
            };
            if count == 0 {
                return Ok(self.part_reader.flush_line());
            }
            self.part_reader.push(&self.buffer);
        }
    }

    /// Returns the next part of what was read before; `None` if none is complete.
    ///
    /// # Errors
    /// Returns an error if a line is too long, on each call.
    pub fn received_part(&mut self) -> io::Result<Option<StreamPart>> {
        let part = self.part_reader.next_part().map_err(io::Error::other)?;
        if part.is_some() && !self.part_reader.is_in_message() {
            self.first_byte = None;
        }
        Ok(part)
    }
}

fn incomplete_error() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "a message was not complete in time")
}
