//! `reelay link`: a bad network between a player and a server, until Ctrl+C.

use std::io::{self, Write as _};
use std::sync::Arc;

use super::address::{connectable_address, listen_error};
use super::arguments::LinkArguments;
use super::error::CommandError;
use super::stderr;
use crate::backend::{self, ShutdownSignal};
use crate::impairment::{Emulator, EmulatorSettings};
use crate::proxy::{Proxy, ProxyOptions};

/// Relays until Ctrl+C, and then says what the network has done.
///
/// # Errors
/// When the address cannot be listened on.
pub fn proxy(arguments: &LinkArguments) -> Result<(), CommandError> {
    let runtime = backend::runtime()
        .map_err(|error| CommandError::new(format!("The system has no threads to give: {error}.")))?;
    runtime.block_on(run(arguments))
}

async fn run(arguments: &LinkArguments) -> Result<(), CommandError> {
    let emulator = Emulator::new(arguments.network);
    let options =
        ProxyOptions { listen: arguments.listen, server: arguments.to.clone(), emulator: emulator.clone() };
    let observer = Arc::new(stderr::print_line);
    let proxy =
        Proxy::start(options, observer).await.map_err(|error| listen_error(arguments.listen, &error))?;
    let EmulatorSettings { impairments, seed, .. } = arguments.network;
    stderr::print_line(format_args!("The emulated network acts: {impairments}; seed {seed}."));
    // Whoever reads the address may end us at once.
    let mut end_signal = ShutdownSignal::listen();
    print_url(&proxy).map_err(|error| CommandError::new(format!("The address cannot be told: {error}.")))?;
    end_signal.recv().await;
    stderr::print_line(format_args!("{}.", emulator.total()));
    Ok(())
}

/// One line, flushed: whoever started us may wait for it.
fn print_url(proxy: &Proxy) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "rtsp://{}/", connectable_address(proxy.address()))?;
    out.flush()
}
