//! Outputs of the backend as iced subscriptions: events, statistics and pictures.

use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use iced::futures::{SinkExt, Stream};
use iced::{Subscription, stream};
use tokio::sync::{mpsc, watch};

use crate::backend::{BackendEvent, BackendOutputs};
use crate::session::PictureSlot;
use crate::stats::Figures;

/// Update from the backend.
#[derive(Debug, Clone)]
pub enum BackendUpdate {
    /// Event of the backend; none is skipped.
    Event(BackendEvent),
    /// Newest statistics of the session.
    Figures(Box<Figures>),
    /// A new picture is in the slot (`BackendSubscription::pictures`).
    PictureReady,
}

/// Receiving ends of the backend's channels, read once iced runs the subscription.
#[derive(Debug, Clone)]
pub struct BackendSubscription {
    events: Arc<Mutex<Option<mpsc::Receiver<BackendEvent>>>>,
    figures: watch::Receiver<Figures>,
    pictures: PictureSlot,
}

impl Hash for BackendSubscription {
    /// Hashes a constant: there is one backend, and iced must recognize its subscription as the same one each time.
    fn hash<H: Hasher>(&self, state: &mut H) {
        "backend".hash(state);
    }
}

impl BackendSubscription {
    /// Creates the subscription of a backend.
    pub fn new(outputs: BackendOutputs) -> Self {
        let BackendOutputs { events, figures, pictures, .. } = outputs;
        Self { events: Arc::new(Mutex::new(Some(events))), figures, pictures }
    }

    /// Returns the slot of the newest picture.
    pub fn pictures(&self) -> &PictureSlot {
        &self.pictures
    }

    /// Returns all updates from the backend.
    pub fn subscription(&self) -> Subscription<BackendUpdate> {
        Subscription::batch([
            Subscription::run_with(self.clone(), event_stream),
            Subscription::run_with(self.clone(), figures_stream),
            Subscription::run_with(self.clone(), picture_stream),
        ])
    }
}

/// Number of updates that each stream may queue for the window. Of pictures and statistics only the newest matters.
const UPDATE_CAPACITY: usize = 1;

fn event_stream(subscription: &BackendSubscription) -> impl Stream<Item = BackendUpdate> + use<> {
    let events = subscription.events.lock().unwrap_or_else(PoisonError::into_inner).take();
    stream::channel(UPDATE_CAPACITY, async move |mut updates| {
        let Some(mut events) = events else { return };
        while let Some(event) = events.recv().await {
            if updates.send(BackendUpdate::Event(event)).await.is_err() {
                return;
            }
        }
    })
}

fn figures_stream(subscription: &BackendSubscription) -> impl Stream<Item = BackendUpdate> + use<> {
    let mut figures = subscription.figures.clone();
    stream::channel(UPDATE_CAPACITY, async move |mut updates| {
        while figures.changed().await.is_ok() {
            let newest = figures.borrow_and_update().clone();
            if updates.send(BackendUpdate::Figures(Box::new(newest))).await.is_err() {
                return;
            }
        }
    })
}

fn picture_stream(subscription: &BackendSubscription) -> impl Stream<Item = BackendUpdate> + use<> {
    let mut pictures = subscription.pictures.clone();
    stream::channel(UPDATE_CAPACITY, async move |mut updates| {
        while pictures.changed().await {
            if updates.send(BackendUpdate::PictureReady).await.is_err() {
                return;
            }
        }
    })
}
