//! Positions in words.

use crate::proto::rtsp::Npt;

/// `0:03.2`, `12:05.0`, `1:02:03.4`.
pub fn time(position: Npt) -> String {
    let tenths = position.as_micros() / 100_000;
    let (seconds, tenth) = (tenths / 10, tenths % 10);
    let (minutes, second) = (seconds / 60, seconds % 60);
    match minutes / 60 {
        0 => format!("{minutes}:{second:02}.{tenth}"),
        hours => format!("{hours}:{:02}:{second:02}.{tenth}", minutes % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_written_as_people_read_them() {
        let at = |seconds: f64| time(Npt::from_micros((seconds * 1e6) as u64));
        assert_eq!([at(0.0), at(3.27), at(725.0), at(3_723.4)], ["0:00.0", "0:03.2", "12:05.0", "1:02:03.4"]);
    }
}
