//! PURE. The player's way in: past the emulated network, if it stands there, and what is known of what was sent.

use std::time::Instant;

use super::options::{Emulation, Place};
use crate::impairment::{Account, Datagram, Emulated, Passage};
use crate::stats::Sent;

/// The way in of one player.
#[derive(Debug)]
pub struct WayIn {
    emulation: Emulation,
    /// There is one while a session is set up, if the network stands here.
    passage: Option<Passage>,
    /// What the server said in SETUP, for a source of which nothing arrives.
    announced: Option<u32>,
    /// RTP packets that the server has sent, as it says at the end.
    said: Option<u32>,
    /// Whether the server counts packets that were never meant for us, as its first report has told.
    counts_others: Option<bool>,
}

/// More packets than these are not under way: who says that it has sent so many more counts others.
const MOST_UNDER_WAY: u64 = 256;

impl WayIn {
    /// A way in on which nothing comes yet.
    pub fn new(emulation: Emulation) -> Self {
        Self { emulation, passage: None, announced: None, said: None, counts_others: None }
    }

    /// Whether what does not arrive may have been taken by the emulated network.
    pub fn is_acting(&self) -> bool {
        self.emulation.network.is_acting()
    }

    /// A session is set up.
    pub fn begin(&mut self, announced: Option<u32>) {
        let is_here = self.emulation.place == Place::WayIn;
        self.passage = is_here.then(|| Passage::new(&self.emulation.network));
        self.announced = announced;
        self.said = None;
        self.counts_others = None;
    }

    /// The session is over, and what is under way goes with it.
    pub fn end(&mut self) {
        self.passage = None;
    }

    /// The server says how many RTP packets it has sent, while so many are known of.
    pub fn report(&mut self, packets: u32, known: u64) {
        self.counts_others.get_or_insert(u64::from(packets) > known + MOST_UNDER_WAY);
    }

    /// The server says goodbye, and how many RTP packets it has sent.
    pub fn goodbye(&mut self, packets: Option<u32>) {
        self.said = packets.filter(|_| self.counts_others != Some(true));
    }

    /// A packet comes. It is given back at once if the network is not in its way.
    pub fn admit(&mut self, now: Instant, packet: Datagram) -> Option<Datagram> {
        match &mut self.passage {
            Some(passage) => passage.admit(now, packet),
            None => Some(packet),
        }
    }

    /// The next packet that is through the network, and when it was.
    pub fn poll(&mut self, now: Instant) -> Option<(Instant, Datagram)> {
        self.passage.as_mut()?.poll(now)
    }

    /// When the next packet may be through.
    pub fn deadline(&self) -> Option<Instant> {
        self.passage.as_ref()?.deadline()
    }

    fn account(&self, source: Option<u32>) -> Option<Account> {
        self.emulation.network.account(source.or(self.announced)?)
    }

    /// What is known of what this source has sent.
    pub fn sent(&self, source: Option<u32>) -> Option<Sent> {
        let account = self.account(source);
        let said = self.said.map(u64::from);
        if account.is_none() && said.is_none() {
            return None;
        }
        Some(Sent {
            counted: account.map(|account| (account.packets, account.last_sequence)),
            // At the server's way out everything was counted that was sent.
            said: said.filter(|_| self.emulation.place == Place::WayIn || account.is_none()),
            under_way: account.map_or(0, |account| account.counters.under_way),
        })
    }

    /// What the network has done to what this source has sent.
    pub fn emulated(&self, source: Option<u32>) -> Option<Emulated> {
        self.account(source)?.emulated()
    }

    /// The same of everything that came this way: datagrams of a classroom server need not name their source.
    pub fn emulated_of_all(&self) -> Option<Emulated> {
        self.passage.as_ref()?.emulated()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_counts_what_was_sent_to_others_is_not_asked_how_much_it_was() {
        for (reported, known, said, believed) in
            [(100, 98, 140, Some(140)), (2_100, 100, 2_140, None), (0, 0, 40, Some(40))]
        {
            let mut way_in = WayIn::new(Emulation::default());
            way_in.begin(None);
            way_in.report(reported, known);
            way_in.report(reported + 20, known);
            way_in.goodbye(Some(said));
            assert_eq!(way_in.sent(Some(1)).and_then(|sent| sent.said), believed, "{reported}");
        }
    }
}
