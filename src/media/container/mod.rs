//! File formats that contain Motion JPEG.
//!
//! [`identify()`] detects the format from the first bytes of a file, and [`open()`] creates the [`Demuxer`] for it. The
//! caller reads the ranges that the demuxer requests. To add a format, implement [`Demuxer`] in a file of its own, and
//! extend [`identify()`], [`open()`] and [`EXTENSIONS`].
//!
//! ```
//! use reelay::media::FrameRate;
//! use reelay::media::container::{self, ReadRequest, SourceFile};
//!
//! // Two short frames: SOI, frame header, scan header, EOI.
//! let frame = [0xFF, 0xD8, 0xFF, 0xC0, 0, 3, 8, 0xFF, 0xDA, 0, 2, 0xFF, 0xD9];
//! let file = [frame, frame].concat();
//!
//! let format = container::identify(&file).expect("the file is Motion JPEG");
//! let source = SourceFile { length: file.len() as u64, assumed_rate: FrameRate::per_second(25) };
//! let mut demuxer = container::open(format, source);
//! let mut entries = Vec::new();
//! while let ReadRequest::Range { offset, length } = demuxer.poll_read() {
//!     // At the end of the file, `bytes` is empty.
//!     let bytes = file[offset as usize..].chunks(length).next().unwrap_or_default();
//!     demuxer.handle_bytes(offset, bytes, &mut entries);
//! }
//! assert_eq!(entries.len(), 2);
//! assert_eq!((entries[1].offset, entries[1].time.as_micros()), (13, 40_000));
//! ```

mod appendix;
mod avi;
mod demuxer;
mod extensions;
mod frame_index;
mod frame_times;
mod identify;
mod image;
mod mov;
mod multipart;
mod muxer;
mod record;
pub mod recording_index;
mod sequential;
mod sequential_muxer;
mod unsupported;

pub use appendix::has_appendix;
pub use avi::{AviDemuxer, AviMuxer};
pub use demuxer::{Demuxer, FileDefects, FilmProperties, FrameEntry, ReadRequest, SourceFile};
pub use extensions::{EXTENSIONS, IMAGE_EXTENSIONS, has_image_extension, has_media_extension};
pub use frame_index::FrameIndex;
pub use frame_times::FrameTimes;
pub use identify::{ContainerFormat, HEAD_LENGTH, identify, identify_named};
pub use image::ImageDemuxer;
pub use mov::{MovDemuxer, MovMuxer};
pub use multipart::{MultipartDemuxer, MultipartMuxer};
pub use muxer::{Muxer, MuxerError, MuxerWrite, RemovedSample};
pub use sequential::SequentialDemuxer;
pub use sequential_muxer::{MAX_CLASSROOM_RECORD, SequentialMuxer};
pub use unsupported::{UnsupportedFile, VideoCodec};

/// Creates the demuxer for a format; that of a folder is for one of its files.
pub fn open(format: ContainerFormat, source: SourceFile) -> Box<dyn Demuxer> {
    match format {
        ContainerFormat::Avi => Box::new(AviDemuxer::new(source)),
        ContainerFormat::Mov => Box::new(MovDemuxer::new(source)),
        ContainerFormat::Multipart => Box::new(MultipartDemuxer::new(source.assumed_rate)),
        // Each file of a folder is an image.
        ContainerFormat::Image | ContainerFormat::Folder => Box::new(ImageDemuxer::new(source)),
        ContainerFormat::Classroom | ContainerFormat::Raw => {
            Box::new(SequentialDemuxer::new(source.assumed_rate))
        }
    }
}
