//! Times for people: RFC 3339 text in local time, and lengths of time as they are typed (`30m`, `7d`).

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::text;

/// `14:03:22` in local time; the text itself when it is no time.
pub(crate) fn clock(rfc3339: &str) -> String {
    format(rfc3339, "%H:%M:%S")
}

/// `2026-11-22 14:03:22` in local time; the text itself when it is no time.
pub(crate) fn date_and_clock(rfc3339: &str) -> String {
    format(rfc3339, "%Y-%m-%d %H:%M:%S")
}

fn format(rfc3339: &str, format: &str) -> String {
    match rfc3339.parse::<Timestamp>() {
        Ok(at) => at.to_zoned(TimeZone::system()).strftime(format).to_string(),
        Err(_) => text::visible(rfc3339),
    }
}

/// A length of time: a whole number and `s`, `m`, `h`, `d` or `w`.
///
/// # Errors
/// A sentence for clap.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || "expected a number and a unit: `90s`, `30m`, `12h`, `30d`, `2w`".to_owned();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let number = text.strip_suffix(unit).unwrap_or_default();
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let seconds = number.checked_mul(seconds).filter(|seconds| *seconds <= 100 * 366 * 86_400);
    seconds.map(Duration::from_secs).ok_or_else(|| "expected at most 100 years".to_owned())
}

/// A point in time: RFC 3339, a day (`2026-11-22`), or how long ago (`1h`); as RFC 3339 in UTC.
///
/// # Errors
/// A sentence for clap.
pub(crate) fn parse_since(text: &str) -> Result<String, String> {
    if let Ok(ago) = parse_duration(text) {
        return Ok(before(Timestamp::now(), ago));
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(rfc3339(at));
    }
    let day = text.parse::<jiff::civil::Date>().ok().and_then(|day| day.to_zoned(TimeZone::system()).ok());
    day.map(|day| rfc3339(day.timestamp())).ok_or_else(|| {
        "expected a time (`2026-11-22T14:00:00Z`), a day (`2026-11-22`) or how long ago (`1h`)".to_owned()
    })
}

/// The time after `length` from now, RFC 3339 in UTC.
pub(crate) fn from_now(length: Duration) -> String {
    let now = Timestamp::now();
    rfc3339(now.checked_add(length).unwrap_or(now))
}

fn before(now: Timestamp, ago: Duration) -> String {
    rfc3339(now.checked_sub(ago).unwrap_or(now))
}

fn rfc3339(at: Timestamp) -> String {
    engine::time::rfc3339(at.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_have_a_number_and_a_unit() {
        assert_eq!(parse_duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("2w"), Ok(Duration::from_secs(1_209_600)));
        for wrong in ["", "m", "1", "-1m", "1.5h", "1 h", "1y", "99999999999999999999d", "200000000d", "1é"]
        {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn points_in_time_become_utc() {
        assert_eq!(parse_since("2026-11-22T14:00:00+02:00").as_deref(), Ok("2026-11-22T12:00:00.000Z"));
        assert!(parse_since("yesterday").is_err());
        assert_eq!(before(Timestamp::UNIX_EPOCH, Duration::from_secs(1)), "1969-12-31T23:59:59.000Z");
    }
}
