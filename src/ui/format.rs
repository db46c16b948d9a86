//! Figures in words.

use crate::proto::rtsp::Npt;

/// What stands where a figure is not known.
pub const UNKNOWN: &str = "–";

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

/// `870 kbit/s`, `4.21 Mbit/s`.
pub fn data_rate(bits_per_second: f64) -> String {
    match bits_per_second {
        rate if rate >= 99.95e6 => format!("{:.0} Mbit/s", rate / 1e6),
        rate if rate >= 0.9995e6 => format!("{:.2} Mbit/s", rate / 1e6),
        rate => format!("{:.0} kbit/s", rate / 1e3),
    }
}

/// `0.0 %`; a little is never shown as nothing.
pub fn ratio(ratio: f64) -> String {
    match ratio * 100.0 {
        percent if percent > 0.0 && percent < 0.05 => "< 0.1 %".to_owned(),
        percent => format!("{percent:.1} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_as_people_read_them() {
        let at = |seconds: f64| time(Npt::from_micros((seconds * 1e6) as u64));
        assert_eq!([at(0.0), at(3.27), at(725.0), at(3_723.4)], ["0:00.0", "0:03.2", "12:05.0", "1:02:03.4"]);
        assert_eq!(
            [data_rate(0.0), data_rate(870_400.0), data_rate(4.21e6)],
            ["0 kbit/s", "870 kbit/s", "4.21 Mbit/s"]
        );
        assert_eq!([data_rate(999_600.0), data_rate(123.4e6)], ["1.00 Mbit/s", "123 Mbit/s"]);
        assert_eq!([ratio(0.0), ratio(0.0001), ratio(0.052)], ["0.0 %", "< 0.1 %", "5.2 %"]);
    }
}
