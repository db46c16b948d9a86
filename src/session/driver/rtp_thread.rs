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

use crate::impairment::{Datagram, Kind};

/// The thread, and the socket that it empties. Dropping it closes the port.
#[derive(Debug)]
pub struct Drain {
    socket: Arc<UdpSocket>,
    must_end: Arc<AtomicBool>,
    /// What is in the kernel's buffer is still wanted, and nothing that comes after it.
    is_closing: Arc<AtomicBool>,
    /// Octets that wait for the player.
    waiting: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

/// Octets of the largest datagram.
const LARGEST_DATAGRAM: usize = 64 * 1024;

/// Packets are cut off one allocation of this size, which lives as long as any of them.
const CHUNK: usize = 256 * 1024;

/// Octets that may wait between the socket and the player.
const MOST_WAITING: usize = 32 * 1024 * 1024;

/// How long the thread waits before it looks whether it is still wanted, should nothing wake it.
const LONGEST_WAIT: Duration = Duration::from_millis(250);

impl Drain {
    /// Passes on what comes from `server`, with its arrival. What finds the queue full is lost.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn start(
        socket: UdpSocket,
        server: IpAddr,
        packets: mpsc::Sender<(Instant, Datagram)>,
    ) -> io::Result<Self> {
        socket.set_nonblocking(false)?;
        socket.set_read_timeout(Some(LONGEST_WAIT))?;
        let (must_end, is_closing) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (socket, waiting) = (Arc::new(socket), Arc::new(AtomicUsize::new(0)));
        let task = Task {
            socket: socket.clone(),
            server,
            packets,
            must_end: must_end.clone(),
            is_closing: is_closing.clone(),
            waiting: waiting.clone(),
        };
        let thread = thread::Builder::new().name("rtp".to_owned()).spawn(move || task.run())?;
        Ok(Self { socket, must_end, is_closing, waiting, thread: Some(thread) })
    }

    /// The socket, to send from.
    pub fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    /// Something has been taken out of the queue, and leaves room for more.
    pub fn taken(&self, datagram: &Datagram) {
        if datagram.kind == Kind::Rtp {
            self.waiting.fetch_sub(datagram.octets.len(), Ordering::Relaxed);
        }
    }

    /// Passes on all that has come, and no more. It takes [`LONGEST_WAIT`] at the most, twice.
    pub fn finish(&mut self) {
        self.is_closing.store(true, Ordering::Relaxed);
        self.knock();
        self.join();
    }

    fn join(&mut self) {
        if let Some(thread) = self.thread.take() {
            // A thread that has panicked has nothing more to say.
            let _ = thread.join();
        }
    }

    /// Something to wake up for.
    fn knock(&self) {
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

impl Drop for Drain {
    fn drop(&mut self) {
        self.must_end.store(true, Ordering::Relaxed);
        if self.thread.is_some() {
            self.knock();
        }
        self.join();
    }
}

/// What the thread works with.
struct Task {
    socket: Arc<UdpSocket>,
    server: IpAddr,
    packets: mpsc::Sender<(Instant, Datagram)>,
    must_end: Arc<AtomicBool>,
    is_closing: Arc<AtomicBool>,
    waiting: Arc<AtomicUsize>,
}

impl Task {
    fn run(self) {
        let own = self.socket.local_addr().ok();
        let mut datagram = vec![0; LARGEST_DATAGRAM];
        let mut chunk = BytesMut::new();
        let mut closing_since = None;
        while !self.must_end.load(Ordering::Relaxed) {
            let received = self.socket.recv_from(&mut datagram);
            let is_closing = self.is_closing.load(Ordering::Relaxed);
            if is_closing && closing_since.get_or_insert_with(Instant::now).elapsed() >= LONGEST_WAIT {
                // Datagrams that keep coming are no part of what had come; the knock may be lost among them.
                return;
            }
            match received {
                // Everything that came before our own knock has been taken out.
                Ok((0, from)) if is_closing && Some(from) == own => return,
                Ok((length, from)) if from.ip().to_canonical() == self.server => {
                    let arrival = Instant::now();
                    if !self.pass_on(arrival, cut_off(&mut chunk, &datagram[..length])) {
                        tracing::debug!("the player does not keep up; a packet is lost");
                    }
                }
                Ok((_, from)) => tracing::debug!(%from, "a datagram from a stranger is passed over"),
                Err(error) if is_time_out(&error) && is_closing => return,
                Err(error) if is_time_out(&error) => {}
                // Reports of unreachable ports arrive as errors; the socket goes on.
                Err(error) => tracing::debug!(%error, "a datagram could not be received"),
            }
        }
    }

    /// Puts a packet into the queue; `false` if there is no room for it.
    fn pass_on(&self, arrival: Instant, packet: Bytes) -> bool {
        let octets = packet.len();
        if self.waiting.load(Ordering::Relaxed) + octets > MOST_WAITING {
            return false;
        }
        self.waiting.fetch_add(octets, Ordering::Relaxed);
        let is_taken = self.packets.try_send((arrival, Datagram::rtp(packet))).is_ok();
        if !is_taken {
            self.waiting.fetch_sub(octets, Ordering::Relaxed);
        }
        is_taken
    }
}

fn is_time_out(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn cut_off(chunk: &mut BytesMut, datagram: &[u8]) -> Bytes {
    if chunk.capacity() < datagram.len() {
        *chunk = BytesMut::with_capacity(CHUNK);
    }
    chunk.extend_from_slice(datagram);
    chunk.split().freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends to a port until it is told that this is enough.
    fn flood(port: u16, is_enough: &AtomicBool) {
        let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
        while !is_enough.load(Ordering::Relaxed) {
            // A buffer that is full takes no more, which is what is wanted.
            let _ = stranger.send_to(b"flood", ("127.0.0.1", port));
        }
    }

    #[test]
    fn who_floods_the_port_does_not_keep_it_from_being_closed() {
        // Bound to no address in particular, it does not know its own knock: only the flood wakes it.
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        let (port, server) = (socket.local_addr().unwrap().port(), IpAddr::from([127, 0, 0, 2]));
        let (packets, _queue) = mpsc::channel(1);
        let mut drain = Drain::start(socket, server, packets).unwrap();
        let is_enough = Arc::new(AtomicBool::new(false));
        let must_stop = is_enough.clone();
        let flooding = thread::spawn(move || flood(port, &must_stop));
        let (finished, is_finished) = std::sync::mpsc::channel();
        thread::spawn(move || {
            drain.finish();
            finished.send(()).unwrap();
        });
        let outcome = is_finished.recv_timeout(Duration::from_secs(20));
        is_enough.store(true, Ordering::Relaxed);
        flooding.join().unwrap();
        assert_eq!(outcome, Ok(()), "the thread goes on for as long as datagrams come");
    }
}
