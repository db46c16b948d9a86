//! Later starts of the program as an iced subscription.

use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use iced::futures::{SinkExt as _, Stream};
use iced::{Subscription, stream};
use tokio::sync::mpsc;

use super::message::Message;
use crate::ui::hand_over::Listener;

/// Later starts of the program, which hand over what they would open.
#[derive(Debug, Clone)]
pub struct LaterStarts(Arc<Mutex<Option<Listener>>>);

impl Hash for LaterStarts {
    /// Hashes a constant: there is one listener, and iced must recognize its subscription as the same one each time.
    fn hash<H: Hasher>(&self, state: &mut H) {
        "later starts".hash(state);
    }
}

impl LaterStarts {
    /// Creates the subscription of a listener.
    pub fn new(listener: Listener) -> Self {
        Self(Arc::new(Mutex::new(Some(listener))))
    }

    /// Returns what later starts hand over.
    pub fn subscription(&self) -> Subscription<Message> {
        Subscription::run_with(self.clone(), start_stream)
    }
}

fn start_stream(starts: &LaterStarts) -> impl Stream<Item = Message> + use<> {
    let listener = starts.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    stream::channel(1, async move |mut messages| {
        let Some(listener) = listener else { return };
        let (sender, mut received) = mpsc::channel(1);
        let forwarding = async {
            while let Some(arguments) = received.recv().await {
                if messages.send(Message::HandedOver(Box::new(arguments))).await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = listener.serve(sender) => {}
            () = forwarding => {}
        }
    })
}
