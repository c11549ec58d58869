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
    let date = text.get(..10)?;
    let day_ms = day(date)?.checked_mul(86_400_000)?;
    let Some(time) = text.get(10..).filter(|rest| !rest.is_empty()) else { return Some(day_ms) };
    let time = time.strip_prefix(['T', 't', ' '])?;
    let hms = time.get(..8)?;
    if hms.get(2..3)? != ":" || hms.get(5..6)? != ":" {
        return None;
    }
    let part =
        |range: std::ops::Range<usize>, below: i64| digits(hms.get(range)?).filter(|part| *part < below);
    let (hour, minute, second) = (part(0..2, 24)?, part(3..5, 60)?, part(6..8, 61)?);
    let mut rest = time.get(8..)?;
    let mut fraction_ms = 0;
    if let Some(after) = rest.strip_prefix('.') {
        let length = after.bytes().take_while(u8::is_ascii_digit).count();
        let milliseconds: String = after.get(..length)?.chars().chain("000".chars()).take(3).collect();
        fraction_ms = digits(&milliseconds).filter(|_| length > 0)?;
        rest = after.get(length..)?;
    }
    let offset_minutes = match rest {
        "Z" | "z" => 0,
        _ => {
            let sign = if rest.starts_with('+') { 1 } else { -1 };
            let (hours, minutes) = rest.strip_prefix(['+', '-'])?.split_once(':')?;
            let in_two = |text: &str, below| digits(text).filter(|part| text.len() == 2 && *part < below);
            sign * (in_two(hours, 24)? * 60 + in_two(minutes, 60)?)
        }
    };
    Some(day_ms + ((hour * 60 + minute - offset_minutes) * 60 + second) * 1000 + fraction_ms)
}

fn digits(text: &str) -> Option<i64> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

/// Days since 1970-01-01, by Howard Hinnant's `days_from_civil`.
fn day(date: &str) -> Option<i64> {
    let mut parts = date.split('-');
    let (year, month, day) = (digits(parts.next()?)?, digits(parts.next()?)?, digits(parts.next()?)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    if parts.next().is_some() || !(1..=length).contains(&day) {
        return None;
    }
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let era = shifted_year.div_euclid(400);
    let year_of_era = shifted_year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468)
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
        for text in
            ["", "yesterday", "2024-13-01", "2024-02-30", "2024-01-01T25:00:00Z", "2024-01-01T00:00:00"]
        {
            assert_eq!(parse_time(text), None, "for {text}");
        }
    }
}
