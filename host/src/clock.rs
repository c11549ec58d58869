//! The clock of the host, and how a time reads in a request.
//!
//! Everything that decides or records takes its time from a [`Clock`], so that tests move it by hand. How long a
//! step took is measured elsewhere; it has no part in what is decided.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Says what time it is.
pub trait Clock: Send + Sync {
    /// Unix time in milliseconds.
    fn now_ms(&self) -> i64;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct HandClock(AtomicI64);

impl HandClock {
    /// A clock that shows `now_ms`.
    pub fn at(now_ms: i64) -> Self {
        HandClock(AtomicI64::new(now_ms))
    }

    /// Moves it on.
    pub fn advance(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// Unix milliseconds for an RFC 3339 time such as `2026-11-22T12:00:00.5+01:00`, for a date (`2026-11-22`, its
/// start in UTC), or for Unix milliseconds as text.
///
/// ```
/// use host::clock::parse_time;
/// assert_eq!(parse_time("2024-02-29T12:34:56.789Z"), Some(1_709_210_096_789));
/// assert_eq!(parse_time("1970-01-02"), Some(86_400_000));
/// assert_eq!(parse_time("1709210096789"), Some(1_709_210_096_789));
/// assert_eq!(parse_time("2024-02-30"), None);
/// ```
pub fn parse_time(text: &str) -> Option<i64> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    // The calendar is jiff's, which reads more than RFC 3339; so the shape is looked at first.
    if fits("dddd-dd-dd", text) {
        return milliseconds(&format!("{text}T00:00:00"));
    }
    let (start, rest) = text.split_at_checked(19)?;
    let separated = start.as_bytes().get(10).is_some_and(|byte| b"Tt ".contains(byte));
    if !separated || !fits("dddd-dd-dd?dd:dd:dd", start) || start.ends_with("60") {
        return None;
    }
    let (date, clock) = (start.get(..10)?, start.get(11..)?);
    let (fraction, zone) = match rest.strip_prefix('.') {
        None => ("", rest),
        Some(rest) => rest.split_at_checked(rest.bytes().take_while(u8::is_ascii_digit).count())?,
    };
    if rest.starts_with('.') && fraction.is_empty() {
        return None;
    }
    let fraction_ms: i64 = fraction.chars().chain("000".chars()).take(3).collect::<String>().parse().ok()?;
    let offset_minutes = match zone {
        "Z" | "z" => 0,
        _ if fits("+dd:dd", zone) || fits("-dd:dd", zone) => {
            let part = |range: std::ops::Range<usize>, below: i64| {
                zone.get(range)?.parse::<i64>().ok().filter(|part| *part < below)
            };
            let minutes = part(1..3, 24)? * 60 + part(4..6, 60)?;
            if zone.starts_with('-') { -minutes } else { minutes }
        }
        _ => return None,
    };
    Some(milliseconds(&format!("{date}T{clock}"))? + fraction_ms - offset_minutes * 60_000)
}

/// Unix milliseconds of a date and a time of day in UTC, if the calendar has it.
fn milliseconds(civil: &str) -> Option<i64> {
    let at: jiff::civil::DateTime = civil.parse().ok()?;
    let since = at.duration_since(jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0));
    i64::try_from(since.as_millis()).ok()
}

/// Whether `text` is written like `shape`, in which `d` stands for a digit and `?` for anything.
fn fits(shape: &str, text: &str) -> bool {
    let like = |(shape, byte): (u8, u8)| match shape {
        b'd' => byte.is_ascii_digit(),
        b'?' => true,
        exactly => byte == exactly,
    };
    shape.len() == text.len() && shape.bytes().zip(text.bytes()).all(like)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_is_printed_reads_back() {
        for ms in [0, 1, 951_782_400_000, 1_709_210_096_789, 1_795_348_800_000, 4_102_444_799_999] {
            assert_eq!(parse_time(&engine::time::rfc3339(ms)), Some(ms));
        }
    }

    #[test]
    fn offsets_and_fractions_count() {
        assert_eq!(parse_time("1970-01-01T01:00:00+01:00"), Some(0));
        assert_eq!(parse_time("1969-12-31T19:00:00.25-05:00"), Some(250));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "yesterday",
            "2024-13-01",
            "2024-02-30",
            "2024-1-1",
            "2024-001-1",
            "2024-1-001",
            "02024-1-01",
            "2024-01-01T25:00:00Z",
            "2024-01-01T12:00:60Z",
            "2024-01-01T00:00:00",
            "2024-01-01T00:00:00.Z",
            "2024-01-01T00:00Z",
            "2024-01-01T00:00:00+1:00",
            "2024-01-01T00:00:00+01:00[Europe/Berlin]",
            "2024-01-01T00:00:00+24:60",
            "2024-01-0é",
        ] {
            assert_eq!(parse_time(text), None, "for {text}");
        }
    }
}
