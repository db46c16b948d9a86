//! Emptying the RTP port, on a thread of its own.
//!
//! The kernel's buffer is often smaller than one large picture, so datagrams must be taken out as fast as they come.
//! A thread that waits in the kernel is woken for each of them, whatever the runtime's threads are busy with.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc;

use crate::impairment::{PacketKind, RawPacket};

/// The thread, and the socket that it empties. Dropping it closes the port.
#[derive(Debug)]
pub struct RtpThread {
    socket: Arc<UdpSocket>,
    should_stop: Arc<AtomicBool>,
    /// What is in the kernel's buffer is still wanted, and nothing that comes after it.
    is_finishing: Arc<AtomicBool>,
    /// Bytes that wait for the player.
    queued_bytes: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

/// Bytes of the largest datagram.
const MAX_DATAGRAM_SIZE: usize = 64 * 1024;

/// Packets are cut off one allocation of this size, which lives as long as any of them.
const CHUNK_SIZE: usize = 256 * 1024;

/// Bytes that may wait between the socket and the player.
const MAX_QUEUED_BYTES: usize = 32 * 1024 * 1024;

/// How long the thread waits before it looks whether it is still wanted, should nothing wake it.
const RECEIVE_TIMEOUT: Duration = Duration::from_millis(250);

impl RtpThread {
    /// Passes on what comes from `server`, with its arrival. What finds the queue full is lost.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn start(
        socket: UdpSocket,
        server: IpAddr,
        packets: mpsc::Sender<(Instant, RawPacket)>,
    ) -> io::Result<Self> {
        socket.set_nonblocking(false)?;
        socket.set_read_timeout(Some(RECEIVE_TIMEOUT))?;
        let (should_stop, is_finishing) =
            (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (socket, queued_bytes) = (Arc::new(socket), Arc::new(AtomicUsize::new(0)));
        let task = ReceiveLoop {
            socket: socket.clone(),
            server,
            packets,
            should_stop: should_stop.clone(),
            is_finishing: is_finishing.clone(),
            queued_bytes: queued_bytes.clone(),
        };
        let thread = thread::Builder::new().name("rtp".to_owned()).spawn(move || task.run())?;
        Ok(Self { socket, should_stop, is_finishing, queued_bytes, thread: Some(thread) })
    }

    /// The socket, to send from.
    pub fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    /// Something has been taken out of the queue, and leaves room for more.
    pub fn free_queue_space(&self, packet: &RawPacket) {
        if packet.kind == PacketKind::Rtp {
            self.queued_bytes.fetch_sub(packet.bytes.len(), Ordering::Relaxed);
        }
    }

    /// Passes on all that has come, and no more. It takes [`LONGEST_WAIT`] at the most, twice.
    pub fn finish(&mut self) {
        self.is_finishing.store(true, Ordering::Relaxed);
        self.wake();
        self.join();
    }

    fn join(&mut self) {
        if let Some(thread) = self.thread.take() {
            // A thread that has panicked has nothing more to say.
            let _ = thread.join();
        }
    }

    /// Something to wake up for.
    fn wake(&self) {
        let Ok(mut address) = self.socket.local_addr() else { return };
        if address.ip().is_unspecified() {
            address.set_ip(match address {
                SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
        }
        if let Err(error) = self.socket.send_to(&[], address) {
            // It wakes up by itself a little later.
            tracing::debug!(%error, "the RTP thread could not be woken");
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

/// What the thread works with.
struct ReceiveLoop {
    socket: Arc<UdpSocket>,
    server: IpAddr,
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
                // Datagrams that keep coming are no part of what had come; the knock may be lost among them.
                return;
            }
            match received {
                // Everything that came before our own knock has been taken out.
                Ok((0, from)) if is_finishing && Some(from) == local_address => return,
                Ok((length, from)) if from.ip().to_canonical() == self.server => {
                    let arrival = Instant::now();
                    if !self.enqueue(arrival, copy_to_chunk(&mut chunk, &datagram[..length])) {
                        tracing::debug!("the player does not keep up; a packet is lost");
                    }
                }
                Ok((_, from)) => tracing::debug!(%from, "a datagram from a stranger is passed over"),
                Err(error) if is_timeout(&error) && is_finishing => return,
                Err(error) if is_timeout(&error) => {}
                // Reports of unreachable ports arrive as errors; the socket goes on.
                Err(error) => tracing::debug!(%error, "a datagram could not be received"),
            }
        }
    }

    /// Puts a packet into the queue; `false` if there is no room for it.
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

    /// Sends to a port until it is told that this is enough.
    fn flood(port: u16, should_stop: &AtomicBool) {
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        while !should_stop.load(Ordering::Relaxed) {
            // A buffer that is full takes no more, which is what is wanted.
            let _ = sender.send_to(b"flood", ("127.0.0.1", port));
        }
    }

    #[test]
    fn close_returns_while_port_is_flooded() {
        // Bound to no address in particular, it does not know its own knock: only the flood wakes it.
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        let (port, server) = (socket.local_addr().unwrap().port(), IpAddr::from([127, 0, 0, 2]));
        let (packets, _queue) = mpsc::channel(1);
        let mut rtp_thread = RtpThread::start(socket, server, packets).unwrap();
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
        assert_eq!(outcome, Ok(()), "the thread goes on for as long as datagrams come");
    }
}
