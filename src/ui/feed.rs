//! From the backend to the window: three streams of messages.

use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use iced::futures::{SinkExt, Stream};
use iced::{Subscription, stream};
use tokio::sync::{mpsc, watch};

use crate::backend::{Event, Outlets};
use crate::session::PictureSlot;
use crate::stats::Figures;

/// What the backend says.
#[derive(Debug, Clone)]
pub enum News {
    /// Something happened.
    Event(Event),
    /// New figures.
    Figures(Box<Figures>),
    /// A picture waits.
    PictureReady,
}

/// The backend's outlets, tapped when the window's subscriptions begin.
#[derive(Debug, Clone)]
pub struct Feed {
    events: Arc<Mutex<Option<mpsc::Receiver<Event>>>>,
    figures: watch::Receiver<Figures>,
    pictures: PictureSlot,
}

impl Hash for Feed {
    /// There is one backend, so all feeds are the same.
    fn hash<H: Hasher>(&self, state: &mut H) {
        "feed".hash(state);
    }
}

impl Feed {
    /// The outlets of a backend.
    pub fn new(outlets: Outlets) -> Self {
        let Outlets { events, figures, pictures, .. } = outlets;
        Self { events: Arc::new(Mutex::new(Some(events))), figures, pictures }
    }

    /// Where the newest picture waits.
    pub fn pictures(&self) -> &PictureSlot {
        &self.pictures
    }

    /// Everything that the backend says.
    pub fn subscription(&self) -> Subscription<News> {
        Subscription::batch([
            Subscription::run_with(self.clone(), events),
            Subscription::run_with(self.clone(), figures),
            Subscription::run_with(self.clone(), pictures),
        ])
    }
}

/// Messages that may wait for the window. Of pictures and figures the newest is enough.
const WAITING: usize = 1;

fn events(feed: &Feed) -> impl Stream<Item = News> + use<> {
    let events = feed.events.lock().unwrap_or_else(PoisonError::into_inner).take();
    stream::channel(WAITING, async move |mut news| {
        let Some(mut events) = events else { return };
        while let Some(event) = events.recv().await {
            if news.send(News::Event(event)).await.is_err() {
                return;
            }
        }
    })
}

fn figures(feed: &Feed) -> impl Stream<Item = News> + use<> {
    let mut figures = feed.figures.clone();
    stream::channel(WAITING, async move |mut news| {
        while figures.changed().await.is_ok() {
            let newest = figures.borrow_and_update().clone();
            if news.send(News::Figures(Box::new(newest))).await.is_err() {
                return;
            }
        }
    })
}

fn pictures(feed: &Feed) -> impl Stream<Item = News> + use<> {
    let mut pictures = feed.pictures.clone();
    stream::channel(WAITING, async move |mut news| {
        while pictures.changed().await {
            if news.send(News::PictureReady).await.is_err() {
                return;
            }
        }
    })
}
