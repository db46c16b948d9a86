//! Wait that a busy server requests (RFC 9110 §10.2.3).

use std::time::SystemTime;

use super::head::ResponseHead;
use crate::proto::decimal::parse_digits;

/// Names of the months in a date (RFC 9110 §5.6.7).
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Returns the wait that Retry-After states, in seconds: a number, or a date. A date counts from the one in the header
/// Date, because the clock of the server may be wrong. `None` if the wait is not known; 0 if the date is over.
pub fn retry_after(head: &ResponseHead) -> Option<u64> {
    let value = head.get("Retry-After")?;
    parse_digits(value).or_else(|| {
        let (until, now) = (parse_date(value)?, parse_date(head.get("Date")?)?);
        Some(until.duration_since(now).map_or(0, |wait| wait.as_secs()))
    })
}

/// Parses a date as servers write it: `Sun, 06 Nov 1994 08:49:37 GMT`.
fn parse_date(text: &str) -> Option<SystemTime> {
    let (_, date) = text.split_once(',')?;
    let [day, month, year, time, "GMT"] = date.split_ascii_whitespace().collect::<Vec<_>>()[..] else {
        return None;
    };
    let month = MONTHS.iter().position(|name| name.eq_ignore_ascii_case(month))? + 1;
    humantime::parse_rfc3339(&format!("{year}-{month:02}-{day:0>2}T{time}Z")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::http::HeadReader;

    fn wait(headers: &str) -> Option<u64> {
        let mut reader = HeadReader::default();
        reader.push(format!("HTTP/1.1 503 Busy\r\n{headers}\r\n\r\n").as_bytes());
        retry_after(&reader.poll().unwrap().unwrap().0)
    }

    #[test]
    fn wait_is_a_number_or_the_time_up_to_a_date() {
        let date = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: ";
        for (value, seconds) in [
            ("120", Some(120)),
            ("Sun, 06 Nov 1994 08:50:07 GMT", Some(30)),
            ("Mon, 7 Nov 1994 08:49:37 GMT", Some(86_400)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37 CET", None),
            ("Sun, 31 Nov 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 1994 8:49 GMT", None),
            ("+5", None),
            ("soon", None),
            ("é, 06 Nov é 08:49:37 GMT", None),
        ] {
            assert_eq!(wait(&format!("{date}{value}")), seconds, "{value}");
        }
        assert_eq!(
            wait("Retry-After: Sun, 06 Nov 1994 08:50:07 GMT"),
            None,
            "the time of the server is unknown"
        );
        assert_eq!(wait("Server: x"), None);
    }
}
