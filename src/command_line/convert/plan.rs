//! Plan of a conversion: the frames to write, their times, and what the target cannot hold. Sans-I/O.

use std::ops::Range;

use crate::command_line::values::OutputFormat;
use crate::format::{self, enumerated};
use crate::media::container::{
    AviMuxer, FrameTimes, MAX_CLASSROOM_RECORD, MovMuxer, MultipartMuxer, Muxer, SequentialMuxer,
};
use crate::media::jpeg::Dimensions;
use crate::media::{FrameRate, TimeBase};
use crate::proto::rtsp::Npt;

/// Film to convert, as far as its frames need not be read for it.
#[derive(Debug)]
pub struct Source {
    /// File name of the film, as messages state it.
    pub name: String,
    /// Times of its frames.
    pub times: FrameTimes,
    /// Clock of the times; `None` if the file has none.
    pub time_base: Option<TimeBase>,
    /// Number of frames in its complete index.
    pub frames: u64,
    /// Streams that are not converted, for a message.
    pub other_streams: Vec<String>,
}

/// Options of a conversion.
#[derive(Debug, Clone, Copy)]
pub struct PlanOptions {
    /// Format of the target.
    pub format: OutputFormat,
    /// Start of the part to convert; `None` for the start of the film.
    pub from: Option<Npt>,
    /// End of the part to convert; `None` for the end of the film.
    pub to: Option<Npt>,
    /// Rate of the target instead of the times of the film.
    pub rate: Option<FrameRate>,
}

/// Plan of a conversion.
#[derive(Debug)]
pub struct Plan {
    source: Source,
    options: PlanOptions,
    /// Numbers of the frames to convert.
    frames: Range<u64>,
    /// Clock of the target.
    time_base: TimeBase,
    /// Size of the first frame; `None` before one was checked.
    dimensions: Option<Dimensions>,
}

/// Properties of a frame that decide whether the target can hold it.
#[derive(Debug, Clone, Copy)]
pub struct CheckedFrame {
    /// Number of the frame, from 0.
    pub number: u64,
    /// Length in bytes, by the index of the film.
    pub length: u32,
    /// Size in pixels; `None` if its header is invalid.
    pub dimensions: Option<Dimensions>,
    /// The frame has two fields.
    pub is_interlaced: bool,
    /// Other data follows the JPEG of the frame: its end is not that of the frame.
    pub has_appendix: bool,
}

/// Highest tick rate of a target, in ticks per second: each tick without a frame takes 32 bytes.
const MAX_TICK_RATE: f64 = 1_000.0;

/// Difference between the time of a frame and its tick, in µs, that is rounding and no other time.
const ROUNDING: u64 = 2;

impl Plan {
    /// Selects the frames and the clock of the target.
    ///
    /// # Errors
    /// Returns a sentence if no frame is in the part to convert.
    pub fn new(source: Source, options: PlanOptions) -> Result<Self, String> {
        let first = options.from.map_or(0, |from| source.times.frame_at(from));
        let end = match options.to {
            // One time: the frame that is shown then.
            Some(to) if to <= options.from.unwrap_or(Npt::ZERO) => first.saturating_add(1),
            Some(to) => source.times.first_frame_from(to),
            None => source.frames,
        };
        let end = end.min(source.frames);
        if first >= end {
            let length = source.times.npt_of(source.frames).as_secs_f64();
            let name = &source.name;
            return Err(format!(
                "No frame of {name} is between --from and --to; its length is {length:.3} s."
            ));
        }
        if options.format == OutputFormat::Image && end - first > 1 {
            let (name, count) = (&source.name, format::count(end - first));
            return Err(format!(
                "A .jpg file holds one frame, and the part of {name} has {count}; give the time of one as both --from and \
                 --to, or for all of them a folder, such as frames/."
            ));
        }
        let mut plan =
            Self { source, options, frames: first..end, time_base: TimeBase::MILLISECONDS, dimensions: None };
        plan.time_base = plan.choose_time_base();
        Ok(plan)
    }

    /// Returns the numbers of the frames to convert.
    pub fn frames(&self) -> Range<u64> {
        self.frames.clone()
    }

    /// Returns the time of a frame in the target; that of the frame after the last one is the end.
    pub fn time_of(&self, frame: u64) -> Npt {
        match self.options.rate {
            Some(rate) => rate.npt_of(frame - self.frames.start),
            None => {
                let start = self.source.times.npt_of(self.frames.start).as_micros();
                Npt::from_micros(self.source.times.npt_of(frame).as_micros().saturating_sub(start))
            }
        }
    }

    /// Rate of the target, or of the film.
    fn rate(&self) -> FrameRate {
        self.options.rate.unwrap_or_else(|| self.source.times.rate())
    }

    /// Returns the first clock of which all times are ticks: that of the rate, or that of the film. For other films, it
    /// is one of milliseconds, or in MOV of microseconds, because there a clock costs nothing.
    fn choose_time_base(&self) -> TimeBase {
        let is_mov = self.options.format == OutputFormat::Mov;
        let of_film = self.source.time_base.filter(|base| is_mov || base.as_f64() <= MAX_TICK_RATE);
        let candidates = [TimeBase::from_rate(self.rate()), of_film];
        let is_exact = |base: &TimeBase| {
            let ticks =
                self.frames().map(|frame| (self.time_of(frame), base.nearest_tick(self.time_of(frame))));
            let mut last = None;
            ticks.into_iter().all(|(time, tick)| {
                let is_later = last.replace(tick).is_none_or(|last| last < tick);
                is_later && base.npt_of(tick).as_micros().abs_diff(time.as_micros()) <= ROUNDING
            })
        };
        candidates.into_iter().flatten().find(is_exact).unwrap_or(if is_mov {
            TimeBase::MICROSECONDS
        } else {
            TimeBase::MILLISECONDS
        })
    }

    /// Checks that the target can hold a frame. To be called for each frame before the first one is written.
    ///
    /// # Errors
    /// Returns a sentence with the reason.
    pub fn check(&mut self, frame: CheckedFrame) -> Result<(), String> {
        let (name, number) = (&self.source.name, frame.number + 1);
        let format = self.options.format;
        if format == OutputFormat::Classroom && frame.length as usize > MAX_CLASSROOM_RECORD {
            return Err(format!(
                "Frame {number} of {name} has {} bytes, and the classroom format holds at most \
                 {MAX_CLASSROOM_RECORD}; choose another format.",
                frame.length
            ));
        }
        if !format.keeps_fields() && frame.is_interlaced {
            return Err(format!(
                "The frames of {name} have two fields, which only AVI and JPEG files keep together; choose a name that ends in .avi."
            ));
        }
        if format.ends_frames_at_eoi() && frame.has_appendix {
            return Err(format!(
                "Frame {number} of {name} has other data behind its JPEG, as photos of phones do, which only AVI, MOV and JPEG \
                 files keep in the frame; choose a name that ends in .mov."
            ));
        }
        if let (Some(known), Some(size), OutputFormat::Avi) = (self.dimensions, frame.dimensions, format)
            && known != size
        {
            return Err(format!(
                "Frame {number} of {name} has {size} pixels and not {known} as the ones before it, and an AVI film has \
                 one size; choose a name that ends in .mov."
            ));
        }
        self.dimensions = self.dimensions.or(frame.dimensions);
        Ok(())
    }

    /// Returns what the target does not hold, or holds otherwise, as sentences for the user.
    pub fn notes(&self) -> Vec<String> {
        let Source { name, times, other_streams, .. } = &self.source;
        let mut notes = Vec::new();
        if let Some(others) = enumerated(other_streams) {
            notes.push(format!("{name} also contains {others}, which is left out."));
        }
        let is_assumed = times.is_assumed() && self.options.rate.is_none();
        match self.options.format {
            OutputFormat::Avi | OutputFormat::Mov | OutputFormat::Multipart if is_assumed => {
                notes.push(format!(
                    "{name} states no frame rate: {} is written; --fps sets another.",
                    times.rate_text()
                ));
            }
            OutputFormat::Mov | OutputFormat::Multipart => {}
            OutputFormat::Avi => {
                let error = self.max_time_error();
                if error > ROUNDING {
                    let error = error as f64 / 1_000.0;
                    notes.push(format!(
                        "The frames of {name} have different intervals: their times are rounded to milliseconds, by at \
                         most {error:.2} ms."
                    ));
                }
            }
            OutputFormat::Raw | OutputFormat::Classroom | OutputFormat::Folder
                if !times.is_assumed() || self.options.rate.is_some() =>
            {
                let rate = self.rate();
                notes.push(format!("The target holds no times: open it with --fps {}.", rate.exact_text()));
            }
            OutputFormat::Raw | OutputFormat::Classroom | OutputFormat::Folder | OutputFormat::Image => {}
        }
        notes
    }

    /// Returns the largest difference between the time of a frame and its tick, in µs.
    fn max_time_error(&self) -> u64 {
        let error = |frame| {
            let time = self.time_of(frame);
            self.time_base.npt_of(self.time_base.nearest_tick(time)).as_micros().abs_diff(time.as_micros())
        };
        self.frames().map(error).max().unwrap_or(0)
    }

    /// Creates the muxer of the target.
    ///
    /// # Errors
    /// Returns a sentence if no frame has a valid header.
    pub fn muxer(&self) -> Result<Box<dyn Muxer>, String> {
        Ok(match self.options.format {
            // Each file of a folder is written by the folder's writer, without a muxer.
            OutputFormat::Raw | OutputFormat::Image | OutputFormat::Folder => {
                Box::new(SequentialMuxer::raw())
            }
            OutputFormat::Classroom => Box::new(SequentialMuxer::classroom()),
            OutputFormat::Multipart => Box::new(MultipartMuxer),
            OutputFormat::Avi => Box::new(AviMuxer::new(self.known_dimensions()?, self.time_base)),
            OutputFormat::Mov => Box::new(MovMuxer::new(self.known_dimensions()?, self.time_base)),
        })
    }

    fn known_dimensions(&self) -> Result<Dimensions, String> {
        let name = &self.source.name;
        self.dimensions
            .ok_or_else(|| format!("No frame of {name} has a valid header; copy or download the film again."))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::media::container::{FrameEntry, FrameIndex};

    fn stated(times_us: &[u64], end: u64, rate: FrameRate) -> FrameTimes {
        let index = FrameIndex::new(rate);
        let entry = |time: &u64| FrameEntry { offset: 0, length: 9, time: Npt::from_micros(*time) };
        index.append(&mut times_us.iter().map(entry).collect(), Npt::from_micros(end));
        FrameTimes::Stated(Arc::new(index))
    }

    fn plan(times: FrameTimes, frames: u64, options: PlanOptions) -> Result<Plan, String> {
        let source =
            Source { name: "in".to_owned(), times, time_base: None, frames, other_streams: Vec::new() };
        Plan::new(source, options)
    }

    const AVI: PlanOptions = PlanOptions { format: OutputFormat::Avi, from: None, to: None, rate: None };

    #[test]
    fn part_begins_with_the_frame_that_is_shown_and_ends_before_the_end() {
        let assumed = FrameTimes::Assumed(FrameRate::per_second(10));
        let part = |from, to| {
            let options =
                PlanOptions { from: Some(Npt::from_micros(from)), to: Some(Npt::from_micros(to)), ..AVI };
            plan(assumed.clone(), 20, options).map(|plan| plan.frames())
        };
        assert_eq!(part(0, 2_000_000), Ok(0..20));
        assert_eq!(part(150_000, 400_000), Ok(1..4));
        assert_eq!(part(150_000, 400_001), Ok(1..5));
        assert_eq!(part(1_900_000, 9_000_000), Ok(19..20));
        assert_eq!(part(150_000, 150_000), Ok(1..2), "the frame that is shown");
        let error = part(2_000_000, 9_000_000).unwrap_err();
        assert!(error.ends_with("its length is 2.000 s."), "{error}");
    }

    #[test]
    fn image_holds_one_frame() {
        let assumed = || FrameTimes::Assumed(FrameRate::per_second(10));
        let image = PlanOptions { format: OutputFormat::Image, ..AVI };
        assert_eq!(plan(assumed(), 1, image).unwrap().frames(), 0..1);
        let from = Some(Npt::from_micros(1_250_000));
        let one = plan(assumed(), 20, PlanOptions { from, to: from, ..image }).unwrap();
        assert_eq!((one.frames(), one.notes()), (12..13, vec![]));
        let error = plan(assumed(), 2_000, image).unwrap_err();
        assert!(error.starts_with("A .jpg file holds one frame, and the part of in has 2,000; "), "{error}");
        let error = plan(assumed(), 20, PlanOptions { from, ..image }).unwrap_err();
        assert!(error.ends_with("a folder, such as frames/."), "{error}");
    }

    #[test]
    fn clock_is_that_of_the_rate_or_of_milliseconds() {
        let ntsc = FrameRate::new(30_000, 1_001).unwrap();
        let regular: Vec<_> = (0..50).map(|frame| ntsc.npt_of(frame + 3).as_micros()).collect();
        let exact = plan(stated(&regular, ntsc.npt_of(53).as_micros(), ntsc), 50, AVI).unwrap();
        assert_eq!(exact.time_base, TimeBase::new(30_000, 1_001).unwrap());
        assert_eq!((exact.time_of(0), exact.notes()), (Npt::ZERO, vec![]));
        let irregular = stated(&[0, 40_000, 99_400, 120_000], 160_000, FrameRate::per_second(25));
        let rounded = plan(irregular.clone(), 4, AVI).unwrap();
        assert_eq!(rounded.time_base, TimeBase::MILLISECONDS);
        assert!(rounded.notes()[0].ends_with("rounded to milliseconds, by at most 0.40 ms."));
        let exact = plan(irregular.clone(), 4, PlanOptions { format: OutputFormat::Mov, ..AVI }).unwrap();
        assert_eq!((exact.time_base, exact.notes()), (TimeBase::MICROSECONDS, vec![]));
        let rate = Some(FrameRate::per_second(5));
        let overridden = plan(irregular, 4, PlanOptions { rate, ..AVI }).unwrap();
        assert_eq!((overridden.time_of(4).as_micros(), overridden.notes()), (800_000, vec![]));
    }

    #[test]
    fn frames_that_the_target_cannot_hold_are_refused() {
        let size = |width| Some(Dimensions { width, height: 48 });
        let frame = CheckedFrame {
            number: 0,
            length: 99_999,
            dimensions: size(64),
            is_interlaced: false,
            has_appendix: false,
        };
        let refusals = |format, frames: &[CheckedFrame]| {
            let times = FrameTimes::Assumed(FrameRate::CLASSROOM);
            let mut plan = plan(times, 9, PlanOptions { format, ..AVI }).unwrap();
            frames.iter().filter_map(|frame| plan.check(*frame).err()).collect::<Vec<_>>()
        };
        let long = CheckedFrame { number: 6, length: 100_000, ..frame };
        let wide = CheckedFrame { number: 1, dimensions: size(65), ..frame };
        let interlaced = CheckedFrame { is_interlaced: true, ..frame };
        assert!(
            refusals(OutputFormat::Classroom, &[frame, long])[0]
                .starts_with("Frame 7 of in has 100000 bytes")
        );
        assert!(refusals(OutputFormat::Avi, &[frame, wide])[0].contains("65×48 pixels and not 64×48"));
        assert_eq!(refusals(OutputFormat::Raw, &[frame, long, wide]).len(), 0);
        assert_eq!(refusals(OutputFormat::Mov, &[frame, long, wide]).len(), 0);
        assert_eq!(refusals(OutputFormat::Multipart, &[frame, long, wide]).len(), 0);
        assert_eq!(refusals(OutputFormat::Avi, &[frame, long, interlaced]).len(), 0);
        assert_eq!(refusals(OutputFormat::Raw, &[interlaced]).len(), 1);
        let photo = CheckedFrame { number: 2, has_appendix: true, ..frame };
        let refusing = [OutputFormat::Raw, OutputFormat::Classroom, OutputFormat::Multipart];
        assert!(refusing.iter().all(|format| {
            refusals(*format, &[photo])[0].starts_with("Frame 3 of in has other data behind its JPEG")
        }));
        let keeping = [OutputFormat::Avi, OutputFormat::Mov, OutputFormat::Folder];
        assert!(keeping.iter().all(|format| refusals(*format, &[photo]).is_empty()));
        assert_eq!(refusals(OutputFormat::Folder, &[frame, long, wide, interlaced]).len(), 0);
    }
}
