//! Reading one direction of a connection in parts.

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::AsyncReadExt;
use tokio::net::tcp::OwnedReadHalf;
use tokio::time::timeout;

use super::part_reader::{PartReader, StreamPart};

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
}

impl ConnectionReader {
    /// Creates a reader for a new connection.
    pub fn new(read_half: OwnedReadHalf) -> Self {
        let buffer = BytesMut::with_capacity(READ_BUFFER_SIZE);
        Self { read_half, part_reader: PartReader::default(), buffer }
    }

    /// Reads the next part; returns `None` at the end of the stream. Cancel safe.
    ///
    /// # Errors
    /// Returns an error if the connection breaks or a line is too long.
    pub async fn next_part(&mut self) -> io::Result<Option<StreamPart>> {
        loop {
            if let Some(part) = self.part_reader.next_part().map_err(io::Error::other)? {
                return Ok(Some(part));
            }
            self.buffer.clear();
            let read = self.read_half.read_buf(&mut self.buffer);
            let count = match self.part_reader.may_be_complete() {
                false => read.await?,
                true => match timeout(LINE_END_TIMEOUT, read).await {
                    Ok(count) => count?,
                    Err(_) => return Ok(self.part_reader.flush_line()),
                },
            };
            if count == 0 {
                return Ok(self.part_reader.flush_line());
            }
            self.part_reader.push(&self.buffer);
        }
    }
}
