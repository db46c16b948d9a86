//! Files that hold Motion JPEG: telling them apart, and finding their pictures.

mod extensions;
mod identify;
mod indexer;

pub use extensions::{EXTENSIONS, has_film_extension};
pub use identify::{Foreign, HEAD_LENGTH, Layout, identify};
pub use indexer::{Indexer, Outcome, Span};
