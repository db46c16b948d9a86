//! Load generator: plays a stream as many viewers at once, and prints as JSON what they received and what it cost the
//! server.
//!
//! ```text
//! reelay serve --max-connections-per-address 1000 movie.mjpeg &
//! cargo run --release --example load -- rtsp://127.0.0.1:8554/movie.mjpeg --viewers 1000 --server-pid $!
//! ```
//!
//! The RTSP client is small: DESCRIBE, SETUP and PLAY, without authentication and without TLS. It works with other
//! servers as well. Viewers connect one after the other; the figures begin when all of them play.

mod figures;
mod reception;
mod viewer;

use std::error::Error;
use std::fs;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use figures::Figures;
use reception::Reception;
use viewer::Viewer;

/// Plays a stream as many viewers at once, and prints figures as JSON
#[derive(Debug, Parser)]
struct Arguments {
    /// Stream to play, like rtsp://127.0.0.1:8554/movie.mjpeg. It must last longer than all viewers need to connect,
    /// and the measured time
    url: String,

    /// Number of viewers
    #[arg(long, default_value_t = 1)]
    viewers: usize,

    /// Transport of RTP
    #[arg(long, value_enum, default_value_t = Transport::Udp)]
    transport: Transport,

    /// Seconds that are measured
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,

    /// Process of the server on this machine, whose CPU time is measured
    #[arg(long)]
    server_pid: Option<u32>,

    /// Receive buffer of each UDP socket, in bytes; the system's default without it
    #[arg(long)]
    receive_buffer: Option<usize>,

    /// Parameters of the Transport header, like x-jpeg-header=1;x-jpeg-restart=1 for the payload format between Reelays
    #[arg(long)]
    transport_parameters: Option<String>,
}

/// Transport of RTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// Interleaved in the RTSP connection.
    Tcp,
}

/// Time in which figures are measured.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// First instant.
    pub begin: Instant,
    /// End.
    pub end: Instant,
}

/// Time from the last PLAY to the measurement.
const WARM_UP: Duration = Duration::from_secs(1);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    raise_open_file_limit()?;
    let mut tasks: JoinSet<Reception> = JoinSet::new();
    let (window_sender, window) = tokio::sync::watch::channel(None);
    for number in 0..arguments.viewers {
        let viewer =
            Viewer::connect(&arguments).await.map_err(|error| format!("viewer {number}: {error}"))?;
        tasks.spawn(viewer.receive(window.clone()));
        // Lets the viewers that play read what has arrived.
        tokio::task::yield_now().await;
    }
    let begin = Instant::now() + WARM_UP;
    let window = Window { begin, end: begin + Duration::from_secs_f64(arguments.seconds) };
    window_sender.send(Some(window))?;
    sleep_until(window.begin.into()).await;
    let cpu_before = arguments.server_pid.map(cpu_seconds).transpose()?;
    sleep_until(window.end.into()).await;
    let cpu_after = arguments.server_pid.map(cpu_seconds).transpose()?;
    let cpu = cpu_before.zip(cpu_after).map(|(before, after)| after - before);
    let mut figures = Figures::default();
    while let Some(reception) = tasks.join_next().await {
        figures.add(&reception?);
    }
    let report = figures.report(arguments.viewers, arguments.seconds, cpu);
    println!("{}", serde_json::to_string_pretty(&report)?);
    Ok(())
}

/// Raises the soft limit of open files to the hard one: a viewer over UDP needs three.
#[cfg(target_os = "linux")]
fn raise_open_file_limit() -> Result<(), Box<dyn Error>> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?)
}

#[cfg(not(target_os = "linux"))]
fn raise_open_file_limit() -> Result<(), Box<dyn Error>> {
    Ok(())
}

/// CPU time that a process has used, in seconds: the fields 14 and 15 of `/proc/PID/stat`, in ticks of 10 ms.
fn cpu_seconds(process: u32) -> Result<f64, Box<dyn Error>> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The second field, the name, is in parentheses and may contain spaces.
    let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| -> Result<f64, Box<dyn Error>> {
        Ok(fields.get(index).ok_or("/proc has no CPU time of the server")?.parse()?)
    };
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}
