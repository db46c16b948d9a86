//! Thread that receives from the RTP port.
//!
//! The receive buffer of the kernel is often smaller than one large frame, so datagrams must be read as fast as they
//! arrive. A blocking thread is woken for each of them, even while all threads of the runtime are busy.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc;

use super::source_filter::SharedSourceFilter;
use crate::impairment::{PacketKind, RawPacket};

/// Thread that receives from the RTP port. Dropping it closes the port.
#[derive(Debug)]
pub struct RtpThread {
    socket: Arc<UdpSocket>,
    should_stop: Arc<AtomicBool>,
    /// True if only the datagrams that have arrived already are to be read.
    is_finishing: Arc<AtomicBool>,
    /// Number of bytes in the queue to the client.
    queued_bytes: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

/// Maximum size of a datagram in bytes.
const MAX_DATAGRAM_SIZE: usize = 64 * 1024;

/// Size in bytes of the allocations that packets are cut from. One lives as long as any of its packets.
const CHUNK_SIZE: usize = 256 * 1024;

/// Maximum number of bytes in the queue to the client.
const MAX_QUEUED_BYTES: usize = 32 * 1024 * 1024;

/// Timeout of a read, after which the thread checks whether it should stop.
const RECEIVE_TIMEOUT: Duration = Duration::from_millis(250);

impl RtpThread {
    /// Starts the thread. Datagrams that pass the filter are sent to `packets` with their arrival times, or dropped if
    /// the queue is full.
    ///
    /// # Errors
    /// Returns an error if the socket cannot be configured or the thread cannot be created.
    pub fn start(
        socket: UdpSocket,
        source_filter: SharedSourceFilter,
        packets: mpsc::Sender<(Instant, RawPacket)>,
    ) -> io::Result<Self> {
        socket.set_nonblocking(false)?;
        socket.set_read_timeout(Some(RECEIVE_TIMEOUT))?;
        let (should_stop, is_finishing) =
            (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (socket, queued_bytes) = (Arc::new(socket), Arc::new(AtomicUsize::new(0)));
        let task = ReceiveLoop {
            socket: socket.clone(),
            source_filter,
            packets,
            should_stop: should_stop.clone(),
            is_finishing: is_finishing.clone(),
            queued_bytes: queued_bytes.clone(),
        };
        let thread = thread::Builder::new().name("rtp".to_owned()).spawn(move || task.run())?;
        Ok(Self { socket, should_stop, is_finishing, queued_bytes, thread: Some(thread) })
    }

    /// Socket of the port, for sending.
    pub fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    /// Releases the queue space of a packet that was taken out of the queue.
    pub fn free_queue_space(&self, packet: &RawPacket) {
        if packet.kind.is_rtp() {
            self.queued_bytes.fetch_sub(packet.bytes.len(), Ordering::Relaxed);
        }
    }

    /// Passes on the datagrams that have arrived already, and stops the thread. Takes at most twice
    /// [`RECEIVE_TIMEOUT`].
    pub fn finish(&mut self) {
        self.is_finishing.store(true, Ordering::Relaxed);
        self.wake();
        self.join();
    }

    fn join(&mut self) {
        if let Some(thread) = self.thread.take() {
            // A panic was reported by the panic hook.
            let _ = thread.join();
        }
    }

    /// Wakes the thread with an empty datagram to its own port.
    fn wake(&self) {
        let Ok(mut address) = self.socket.local_addr() else { return };
        if address.ip().is_unspecified() {
            address.set_ip(match address {
                SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
        }
        if let Err(error) = self.socket.send_to(&[], address) {
            // It wakes up at its next read timeout.
            tracing::debug!(%error, "cannot wake the RTP thread");
        }
    }
}

impl Drop for RtpThread {
    fn drop(&mut self) {
        self.should_stop.store(true, Ordering::Relaxed);
        if self.thread.is_some() {
            self.wake();
        }
        self.join();
    }
}

/// State of the thread.
struct ReceiveLoop {
    socket: Arc<UdpSocket>,
    source_filter: SharedSourceFilter,
    packets: mpsc::Sender<(Instant, RawPacket)>,
    should_stop: Arc<AtomicBool>,
    is_finishing: Arc<AtomicBool>,
    queued_bytes: Arc<AtomicUsize>,
}

impl ReceiveLoop {
    fn run(self) {
        let local_address = self.socket.local_addr().ok();
        let mut datagram = vec![0; MAX_DATAGRAM_SIZE];
        let mut chunk = BytesMut::new();
        let mut finishing_since = None;
        while !self.should_stop.load(Ordering::Relaxed) {
            let received = self.socket.recv_from(&mut datagram);
            let is_finishing = self.is_finishing.load(Ordering::Relaxed);
            if is_finishing && finishing_since.get_or_insert_with(Instant::now).elapsed() >= RECEIVE_TIMEOUT {
                // Datagrams that arrive now were sent later. The wake-up datagram may have been dropped because of
                // them.
                return;
            }
            match received {
                // All datagrams that arrived before the wake-up datagram have been read.
                Ok((0, from)) if is_finishing && Some(from) == local_address => return,
                Ok((length, from)) => self.handle_datagram(from, &datagram[..length], &mut chunk),
                Err(error) if is_timeout(&error) && is_finishing => return,
                Err(error) if is_timeout(&error) => {}
                // ICMP errors are reported by recv; the socket remains usable.
                Err(error) => tracing::debug!(%error, "cannot receive datagram"),
            }
        }
    }

    /// Passes on a datagram of the server.
    fn handle_datagram(&self, from: SocketAddr, datagram: &[u8], chunk: &mut BytesMut) {
        let arrival = Instant::now();
        if !self.source_filter.lock().accepts(arrival, PacketKind::Rtp, from, datagram) {
            return tracing::debug!(%from, "ignoring datagram from another sender");
        }
        if !self.enqueue(arrival, copy_to_chunk(chunk, datagram)) {
            tracing::debug!("receive queue is full; dropping packet");
        }
    }

    /// Puts a packet into the queue. Returns false if the queue is full.
    fn enqueue(&self, arrival: Instant, packet: Bytes) -> bool {
        let bytes = packet.len();
        if self.queued_bytes.load(Ordering::Relaxed) + bytes > MAX_QUEUED_BYTES {
            return false;
        }
        self.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        let is_queued = self.packets.try_send((arrival, RawPacket::rtp(packet))).is_ok();
        if !is_queued {
            self.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
        is_queued
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn copy_to_chunk(chunk: &mut BytesMut, datagram: &[u8]) -> Bytes {
    if chunk.capacity() < datagram.len() {
        *chunk = BytesMut::with_capacity(CHUNK_SIZE);
    }
    chunk.extend_from_slice(datagram);
    chunk.split().freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    /// Sends datagrams to a port until `should_stop` is set.
    fn flood(port: u16, should_stop: &AtomicBool) {
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        while !should_stop.load(Ordering::Relaxed) {
            // Sending fails while the buffer is full, as intended.
            let _ = sender.send_to(b"flood", ("127.0.0.1", port));
        }
    }

    #[test]
    fn close_returns_while_port_is_flooded() {
        // A socket bound to the unspecified address does not recognize its wake-up datagram: only the flood wakes the
        // thread.
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        let (port, server) = (socket.local_addr().unwrap().port(), IpAddr::from([127, 0, 0, 2]));
        let (packets, _queue) = mpsc::channel(1);
        let mut rtp_thread = RtpThread::start(socket, SharedSourceFilter::new(server), packets).unwrap();
        let should_stop = Arc::new(AtomicBool::new(false));
        let flood_should_stop = should_stop.clone();
        let flooding = thread::spawn(move || flood(port, &flood_should_stop));
        let (finished, is_finished) = std::sync::mpsc::channel();
        thread::spawn(move || {
            rtp_thread.finish();
            finished.send(()).unwrap();
        });
        let outcome = is_finished.recv_timeout(Duration::from_secs(20));
        should_stop.store(true, Ordering::Relaxed);
        flooding.join().unwrap();
        assert_eq!(outcome, Ok(()), "the thread does not stop while datagrams arrive");
    }
}
