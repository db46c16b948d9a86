//! `reelay link`: a bad network between a player and a server, until Ctrl+C.

use std::io::{self, Write as _};
use std::sync::Arc;

use super::address::{cannot_listen, reachable};
use super::arguments::LinkArguments;
use super::error::CommandError;
use super::stderr;
use crate::backend::{self, EndSignal};
use crate::impairment::{Conditions, Network};
use crate::proxy::{Relay, RelayOptions};

/// Relays until Ctrl+C, and then says what the network has done.
///
/// # Errors
/// When the address cannot be listened on.
pub fn link(arguments: &LinkArguments) -> Result<(), CommandError> {
    let runtime = backend::runtime()
        .map_err(|error| CommandError::new(format!("The system has no threads to give: {error}.")))?;
    runtime.block_on(run(arguments))
}

async fn run(arguments: &LinkArguments) -> Result<(), CommandError> {
    let network = Network::new(arguments.network);
    let options =
        RelayOptions { listen: arguments.listen, server: arguments.to.clone(), network: network.clone() };
    let observer = Arc::new(stderr::tell);
    let relay =
        Relay::start(options, observer).await.map_err(|error| cannot_listen(arguments.listen, &error))?;
    let Conditions { impairments, seed, .. } = arguments.network;
    stderr::tell(format_args!("The emulated network acts: {impairments}; seed {seed}."));
    // Whoever reads the address may end us at once.
    let mut end_signal = EndSignal::listen();
    announce(&relay).map_err(|error| CommandError::new(format!("The address cannot be told: {error}.")))?;
    end_signal.arrives().await;
    stderr::tell(format_args!("{}.", network.total()));
    Ok(())
}

/// One line, flushed: whoever started us may wait for it.
fn announce(relay: &Relay) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "rtsp://{}/", reachable(relay.address()))?;
    out.flush()
}
