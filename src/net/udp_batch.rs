//! Sending several UDP datagrams at once.
//!
//! Linux divides one large datagram into segments of the same length (UDP_SEGMENT, "GSO"), so that they pass the
//! network stack as one; or it takes several datagrams in one system call (sendmmsg). Other systems take one at a time.
//!
//! The crate quinn-udp would forbid IP fragmentation for the whole socket: RTP packets would not pass a tunnel with a
//! smaller MTU, and the long datagrams of classroom programs would not leave at all.

use std::io;
use std::net::SocketAddr;

use tokio::net::UdpSocket;

/// Datagram in two parts, which are sent one after the other.
pub type Datagram<'a> = [&'a [u8]; 2];

/// Maximum number of datagrams of one batch. Kernels of 2018 take no more segments.
pub const MAX_BATCH: usize = 64;

/// Means by which several datagrams are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchMethod {
    /// Datagrams of the same length pass the network stack as one (UDP_SEGMENT). A capture on the sending machine shows
    /// them as one large datagram, on the network they are separate.
    Segmentation,
    /// One system call for several datagrams (sendmmsg).
    OneCall,
    /// One system call for each datagram.
    Single,
}

impl BatchMethod {
    /// Best method for a socket that has not failed yet.
    pub const BEST: Self = if cfg!(target_os = "linux") { Self::Segmentation } else { Self::Single };

    /// Returns the method to use if datagrams must not pass the network stack as one.
    #[must_use]
    pub fn without_segmentation(self) -> Self {
        if self == Self::Segmentation { Self::OneCall } else { self }
    }

    /// Next method to try if this one fails; `None` after the last.
    fn fallback(self) -> Option<Self> {
        match self {
            Self::Segmentation => Some(Self::OneCall),
            Self::OneCall => Some(Self::Single),
            Self::Single => None,
        }
    }
}

/// Sends datagrams to one address, in this order, and waits while the socket's buffer is full. If a method fails
/// because the system or the way to this address does not support it, `method` is lowered, and what is left is sent by
/// the next one.
///
/// # Errors
/// Returns the error of the first datagram that could not be sent by any method. Those after it are sent nevertheless.
pub async fn send_datagrams(
    socket: &UdpSocket,
    to: SocketAddr,
    mut datagrams: &[Datagram<'_>],
    method: &mut BatchMethod,
) -> io::Result<()> {
    let mut first_error = Ok(());
    while !datagrams.is_empty() {
        match send_some(socket, to, datagrams, *method).await {
            Ok(sent) => datagrams = datagrams.get(sent.max(1)..).unwrap_or_default(),
            Err(error) => match method.fallback().filter(|_| is_unsupported(&error)) {
                Some(next) => {
                    tracing::debug!(%to, from = ?method, to = ?next, "batches of datagrams are sent by another method");
                    *method = next;
                }
                None => {
                    first_error = first_error.and(Err(error));
                    datagrams = &datagrams[1..];
                }
            },
        }
    }
    first_error
}

/// Sends the first datagrams; returns their number.
async fn send_some(
    socket: &UdpSocket,
    to: SocketAddr,
    datagrams: &[Datagram<'_>],
    method: BatchMethod,
) -> io::Result<usize> {
    match (method, datagrams) {
        (_, []) => Ok(0),
        (BatchMethod::Single, [first, ..]) => socket.send_to(&first.concat(), to).await.map(|_| 1),
        (BatchMethod::Segmentation | BatchMethod::OneCall, _) => {
            system::send_some(socket, to, datagrams, method).await
        }
    }
}

#[cfg(target_os = "linux")]
mod system {
    //! Batches on Linux.

    use std::io::{self, IoSlice};
    use std::net::SocketAddr;
    use std::os::fd::AsRawFd;

    use nix::errno::Errno;
    use nix::sys::socket::{ControlMessage, MsgFlags, MultiHeaders, SockaddrStorage, sendmmsg, sendmsg};
    use tokio::io::Interest;
    use tokio::net::UdpSocket;

    use super::{BatchMethod, Datagram, MAX_BATCH};

    /// Maximum length of the datagram that the kernel divides, in bytes: what an IPv4 packet holds.
    const MAX_SEGMENTED_LENGTH: usize = 65_507;

    /// Sends the first datagrams by one system call; returns their number.
    pub(super) async fn send_some(
        socket: &UdpSocket,
        to: SocketAddr,
        datagrams: &[Datagram<'_>],
        method: BatchMethod,
    ) -> io::Result<usize> {
        let to = SockaddrStorage::from(to);
        let run = segment_run(datagrams);
        if method == BatchMethod::Segmentation && run > 1 {
            let segment_length = datagrams[0].iter().map(|part| part.len()).sum::<usize>() as u16;
            let parts: Vec<_> = datagrams[..run].iter().flatten().map(|part| IoSlice::new(part)).collect();
            let control = [ControlMessage::UdpGsoSegments(&segment_length)];
            let send = || Ok(sendmsg(socket.as_raw_fd(), &parts, &control, MsgFlags::empty(), Some(&to))?);
            return socket.async_io(Interest::WRITABLE, send).await.map(|_| run);
        }
        let count = datagrams.len().min(MAX_BATCH);
        let parts: Vec<_> = datagrams[..count].iter().map(|parts| parts.map(IoSlice::new)).collect();
        let addresses = vec![Some(to); count];
        let send = || {
            let mut headers = MultiHeaders::preallocate(count, None);
            let results =
                sendmmsg(socket.as_raw_fd(), &mut headers, &parts, &addresses, [], MsgFlags::empty())?;
            Ok(results.count())
        };
        socket.async_io(Interest::WRITABLE, send).await
    }

    /// Number of datagrams at the beginning that can be segments of one: all have the same length, but the last may be
    /// shorter.
    fn segment_run(datagrams: &[Datagram<'_>]) -> usize {
        let length = |datagram: &Datagram<'_>| datagram.iter().map(|part| part.len()).sum::<usize>();
        let Some(segment) = datagrams.first().map(length).filter(|length| *length > 0) else { return 0 };
        let limit = (MAX_SEGMENTED_LENGTH / segment).clamp(1, MAX_BATCH);
        let equal = datagrams.iter().take(limit).take_while(|datagram| length(datagram) == segment).count();
        let next_is_shorter =
            equal < limit && datagrams.get(equal).is_some_and(|next| (1..segment).contains(&length(next)));
        equal + usize::from(next_is_shorter)
    }

    /// Returns true if an error says that a method is not supported, by the system or on the way to an address.
    pub(super) fn is_unsupported(error: &io::Error) -> bool {
        let unsupported = [
            Errno::EINVAL,
            Errno::EIO,
            Errno::EMSGSIZE,
            Errno::ENOSYS,
            Errno::EOPNOTSUPP,
            Errno::ENOPROTOOPT,
        ];
        error.raw_os_error().is_some_and(|code| unsupported.contains(&Errno::from_raw(code)))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn segments_have_the_same_length_but_for_the_last() {
            let bytes = [0; 1_412];
            let run = |lengths: &[usize]| {
                let datagrams: Vec<_> =
                    lengths.iter().map(|length| [&bytes[..12], &bytes[12..*length]]).collect();
                segment_run(&datagrams)
            };
            assert_eq!(run(&[]), 0);
            assert_eq!(run(&[1_412, 1_412, 900, 1_412]), 3);
            assert_eq!(run(&[1_412, 1_412, 1_411, 900]), 3);
            assert_eq!(run(&[900, 1_412]), 1);
            assert_eq!(run(&[1_412; 60]), 46, "an IPv4 packet holds no more");
            assert_eq!(run(&[100; 80]), 64);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    //! Systems that take one datagram at a time.

    use std::io;
    use std::net::SocketAddr;

    use tokio::net::UdpSocket;

    use super::{BatchMethod, Datagram};

    pub(super) async fn send_some(
        _: &UdpSocket,
        _: SocketAddr,
        _: &[Datagram<'_>],
        _: BatchMethod,
    ) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn is_unsupported(error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::Unsupported
    }
}

use system::is_unsupported;

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends datagrams of these lengths to a socket on loopback; returns the received ones and the method afterwards.
    async fn send(lengths: &[usize], mut method: BatchMethod) -> (Vec<Vec<u8>>, BatchMethod) {
        let receiver = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let sent: Vec<Vec<u8>> =
            lengths.iter().zip(0..).map(|(length, number)| vec![number; *length]).collect();
        let datagrams: Vec<_> = sent.iter().map(|bytes| [&bytes[..12], &bytes[12..]]).collect();
        send_datagrams(&sender, receiver.local_addr().unwrap(), &datagrams, &mut method).await.unwrap();
        let mut received = Vec::new();
        for _ in lengths {
            let mut buffer = vec![0; 65_536];
            let length = receiver.recv(&mut buffer).await.unwrap();
            received.push(buffer[..length].to_vec());
        }
        assert_eq!(received, sent);
        (received, method)
    }

    #[tokio::test]
    async fn every_method_sends_every_datagram_in_order() {
        let lengths = [1_412, 1_412, 1_412, 700, 1_412, 12, 900, 901, 1_412, 1_412];
        for method in [BatchMethod::Segmentation, BatchMethod::OneCall, BatchMethod::Single] {
            let (received, last_method) = send(&lengths, method).await;
            assert_eq!(received.iter().map(Vec::len).collect::<Vec<_>>(), lengths);
            let is_supported = cfg!(target_os = "linux") || method == BatchMethod::Single;
            assert_eq!(last_method == method, is_supported, "{method:?}");
        }
    }

    #[test]
    fn only_unsupported_methods_are_replaced() {
        assert!(!is_unsupported(&io::ErrorKind::ConnectionRefused.into()));
        assert_eq!(BatchMethod::Segmentation.fallback(), Some(BatchMethod::OneCall));
        assert_eq!(BatchMethod::OneCall.fallback(), Some(BatchMethod::Single));
        assert_eq!(BatchMethod::Single.fallback(), None);
    }
}
