//! `reelay proxy`: emulates a bad network between RTSP players and a server.

use std::io::{self, Write as _};
use std::sync::Arc;

use super::address::listen_error;
use super::arguments::ProxyArguments;
use super::error::CommandError;
use super::stderr;
use crate::backend::{self, ShutdownSignal};
use crate::impairment::{Emulator, EmulatorSettings};
use crate::net::connectable::connectable_address;
use crate::proxy::{Proxy, ProxyOptions};

/// Forwards until Ctrl+C, and then prints the packet counts of the emulated network.
///
/// # Errors
/// Returns a [`CommandError`] if the address cannot be listened on, or its URL cannot be printed.
pub fn proxy(arguments: &ProxyArguments) -> Result<(), CommandError> {
    let runtime = backend::runtime()
        .map_err(|error| CommandError::new(format!("The system cannot start threads: {error}.")))?;
    runtime.block_on(run(arguments))
}

async fn run(arguments: &ProxyArguments) -> Result<(), CommandError> {
    let emulator = Emulator::new(arguments.network);
    let options = ProxyOptions {
        listen: arguments.listen,
        server: arguments.server.clone(),
        emulator: emulator.clone(),
        limits: arguments.limits,
    };
    let observer = Arc::new(stderr::print_line);
    let proxy =
        Proxy::start(options, observer).await.map_err(|error| listen_error(arguments.listen, &error))?;
    let EmulatorSettings { impairments, seed, .. } = arguments.network;
    stderr::print_line(format_args!("Emulated network: {impairments}; seed {seed}."));
    // Listens before the URL is printed: a program that reads it may send the signal at once.
    let mut end_signal = ShutdownSignal::listen();
    print_url(&proxy).map_err(|error| CommandError::new(format!("The URL cannot be printed: {error}.")))?;
    end_signal.recv().await;
    stderr::print_line(format_args!("{}.", emulator.total()));
    Ok(())
}

/// Prints the URL that players connect to, flushed, because a program may wait for it.
fn print_url(proxy: &Proxy) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "rtsp://{}/", connectable_address(proxy.address()))?;
    out.flush()
}
