//! Times for people: RFC 3339 text in local time, and lengths of time as they are typed (`30m`, `7d`).

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::text;

/// `14:03:22` in local time; the text itself if it is not a time.
pub(crate) fn clock(rfc3339: &str) -> String {
    format(rfc3339, "%H:%M:%S")
}

/// `2026-11-22 14:03:22+01:00` in local time, with its offset from UTC; the text itself if it is not a time.
pub(crate) fn date_and_clock(rfc3339: &str) -> String {
    format(rfc3339, "%Y-%m-%d %H:%M:%S%:z").replace("+00:00", "Z")
}

fn format(rfc3339: &str, format: &str) -> String {
    match rfc3339.parse::<Timestamp>() {
        Ok(at) => at.to_zoned(TimeZone::system()).strftime(format).to_string(),
        Err(_) => text::visible(rfc3339),
    }
}

/// A length of time: a whole number and `ms`, `s`, `m`, `h`, `d` or `w`.
///
/// # Errors
/// A sentence for clap.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = "expected a number and a unit, at most a year: `90s`, `30m`, `12h`, `30d`, `2w`";
    host::config::duration(text).ok_or_else(|| wrong.to_owned())
}

/// A point in time: RFC 3339, a local time as it is printed (`2026-11-22 14:03:22`), a day (`2026-11-22`, its start
/// here), or how long ago (`1h`); as RFC 3339 in UTC.
///
/// # Errors
/// A sentence for clap.
pub(crate) fn parse_since(text: &str) -> Result<String, String> {
    since_in(text, &TimeZone::system())
}

fn since_in(text: &str, zone: &TimeZone) -> Result<String, String> {
    if let Ok(ago) = parse_duration(text) {
        return Ok(before(Timestamp::now(), ago));
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(rfc3339(at));
    }
    // A day is its first moment.
    let local = text.parse::<jiff::civil::DateTime>().ok();
    local.and_then(|local| local.to_zoned(zone.clone()).ok()).map(|local| rfc3339(local.timestamp())).ok_or_else(|| {
        "expected a time (`2026-11-22T14:00:00Z`), a local one (`2026-11-22 14:00:00`), a day (`2026-11-22`) \
        or how long ago (`1h`)"
            .to_owned()
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
        for wrong in ["", "m", "1", "-1m", "1.5h", "1 h", "1y", "99999999999999999999d", "367d", "1é"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn points_in_time_become_utc() {
        assert_eq!(parse_since("2026-11-22T14:00:00+02:00").as_deref(), Ok("2026-11-22T12:00:00.000Z"));
        assert!(parse_since("yesterday").is_err());
        // As it is printed: with the zone, and as a person shortens it.
        let berlin = TimeZone::fixed(jiff::tz::offset(1));
        for text in ["2026-11-22 23:59:59", "2026-11-22T23:59:59", "2026-11-22 23:59:59+01:00"] {
            assert_eq!(since_in(text, &berlin).as_deref(), Ok("2026-11-22T22:59:59.000Z"), "{text}");
        }
        assert_eq!(since_in("2026-11-22", &berlin).as_deref(), Ok("2026-11-21T23:00:00.000Z"));
        assert!(since_in("2026-11-22 25:00:00", &berlin).is_err());
        assert_eq!(before(Timestamp::UNIX_EPOCH, Duration::from_secs(1)), "1969-12-31T23:59:59.000Z");
    }
}
