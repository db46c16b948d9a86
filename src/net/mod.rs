//! Sockets, limits and timers that the player, the server and the proxy share.
//!
//! [`open_files::raise_limit`] raises the limit of open files, [`udp_batch::send_datagrams`] sends several UDP
//! datagrams at once, [`acceptor::Acceptor`] accepts TCP connections within [`limits`] and refuses others,
//! [`peer_log::PeerLog`] limits the log lines of each client, [`udp_ports::SocketPair`] binds a UDP port pair for RTP
//! and RTCP, [`deadline::wait_for_deadline`] sleeps until the next timeout of a state machine, [`clock::epoch`] reads
//! the clocks for one, [`clock_check::ClockCheck`] detects that they have jumped,
//! [`certificate_check::UnusableCertificate`] finds certificates that TLS cannot use,
//! [`connectable::connectable_address`] the address of a server for other machines, and
//! [`runtime_thread::start_runtime_thread`] starts a thread for tasks that are not to wait for others.

pub mod acceptor;
pub mod certificate_check;
pub mod clock;
pub mod clock_check;
pub mod connectable;
pub mod deadline;
pub mod limits;
pub mod open_files;
pub mod peer_log;
mod refusal;
mod refusal_lane;
pub mod runtime_thread;
pub mod server_tls;
pub mod udp_batch;
pub mod udp_ports;
