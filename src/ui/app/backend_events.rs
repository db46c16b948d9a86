//! From the backend to the window: three streams of messages.

use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use iced::futures::{SinkExt, Stream};
use iced::{Subscription, stream};
use tokio::sync::{mpsc, watch};

use crate::backend::{BackendEvent, BackendOutputs};
use crate::session::PictureSlot;
use crate::stats::Figures;

/// What the backend says.
#[derive(Debug, Clone)]
pub enum BackendUpdate {
    /// Something happened.
    Event(BackendEvent),
    /// New figures.
    Figures(Box<Figures>),
    /// A picture waits.
    PictureReady,
}

/// The backend's outlets, tapped when the window's subscriptions begin.
#[derive(Debug, Clone)]
pub struct BackendSubscription {
    events: Arc<Mutex<Option<mpsc::Receiver<BackendEvent>>>>,
    figures: watch::Receiver<Figures>,
    pictures: PictureSlot,
}

impl Hash for BackendSubscription {
    /// There is one backend, so all feeds are the same.
    fn hash<H: Hasher>(&self, state: &mut H) {
        "feed".hash(state);
    }
}

impl BackendSubscription {
    /// The outlets of a backend.
    pub fn new(outputs: BackendOutputs) -> Self {
        let BackendOutputs { events, figures, pictures, .. } = outputs;
        Self { events: Arc::new(Mutex::new(Some(events))), figures, pictures }
    }

    /// Where the newest picture waits.
    pub fn pictures(&self) -> &PictureSlot {
        &self.pictures
    }

    /// Everything that the backend says.
    pub fn subscription(&self) -> Subscription<BackendUpdate> {
        Subscription::batch([
            Subscription::run_with(self.clone(), event_stream),
            Subscription::run_with(self.clone(), figures_stream),
            Subscription::run_with(self.clone(), picture_stream),
        ])
    }
}

/// Messages that may wait for the window. Of pictures and figures the newest is enough.
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
