//! Unix milliseconds as RFC 3339 text and as a day of the week. The engine is handed times and never asks for one.

use std::fmt::{self, Display};
use std::str::FromStr;

const MS_PER_DAY: i64 = 86_400_000;

/// `2026-11-22T12:00:00.000Z`: RFC 3339 in UTC with milliseconds.
///
/// Days become dates by Howard Hinnant's `civil_from_days`. Years outside 0..=9999, which RFC 3339 cannot write,
/// are clamped.
pub fn rfc3339(unix_ms: i64) -> String {
    // 0000-01-01T00:00:00.000Z and 9999-12-31T23:59:59.999Z.
    let ms = unix_ms.clamp(-62_167_219_200_000, 253_402_300_799_999);
    let (day, ms_of_day) = (ms.div_euclid(MS_PER_DAY), ms.rem_euclid(MS_PER_DAY));
    let (year, month, day) = civil(day);
    let (seconds, ms) = (ms_of_day.div_euclid(1000), ms_of_day.rem_euclid(1000));
    let (minutes, second) = (seconds.div_euclid(60), seconds.rem_euclid(60));
    let (hour, minute) = (minutes.div_euclid(60), minutes.rem_euclid(60));
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

#[expect(clippy::arithmetic_side_effects, reason = "the caller bounds the day to years 0 to 9999")]
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// A time in Unix milliseconds. It is written as [`rfc3339`] writes it, and read in that spelling alone, so that a time
/// in a record reads back as it was written.
///
/// ```
/// use engine::time::Timestamp;
/// let time: Timestamp = "2024-02-29T12:34:56.789Z".parse().unwrap();
/// assert_eq!(time.ms(), 1_709_210_096_789);
/// assert!("2024-02-29T12:34:56Z".parse::<Timestamp>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The time at `unix_ms`.
    pub fn from_ms(unix_ms: i64) -> Self {
        Timestamp(unix_ms)
    }

    /// Unix milliseconds.
    pub fn ms(self) -> i64 {
        self.0
    }
}

impl Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&rfc3339(self.0))
    }
}

/// Text that is not an RFC 3339 time in UTC with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotATime;

impl Display for NotATime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time is RFC 3339 in UTC with milliseconds")
    }
}

impl std::error::Error for NotATime {}

impl FromStr for Timestamp {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, NotATime> {
        let part = |from: usize, to: usize| {
            let digits = text.get(from..to).filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
            digits.and_then(|digits| digits.parse::<i64>().ok()).ok_or(NotATime)
        };
        let day = days_from_civil(part(0, 4)?, part(5, 7)?, part(8, 10)?);
        let (hours, minutes) = (part(11, 13)?, part(14, 16)?);
        let (seconds, ms) = (part(17, 19)?, part(20, 23)?);
        let fields =
            [(day, MS_PER_DAY), (hours, 3_600_000), (minutes, 60_000), (seconds, 1000), (ms, 1)].into_iter();
        let unix_ms = fields.fold(0_i64, |sum, (count, of)| sum.saturating_add(count.saturating_mul(of)));
        // One time has one spelling; this also refuses the 30th of February.
        if rfc3339(unix_ms) == text { Ok(Timestamp(unix_ms)) } else { Err(NotATime) }
    }
}

/// Howard Hinnant's `days_from_civil`.
#[expect(clippy::arithmetic_side_effects, reason = "a year has four digits, a month and a day two")]
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The longest length of time that any setting, policy or query can have: a year.
pub const LONGEST_MS: u64 = 366 * 86_400_000;

/// Milliseconds for a length of time: a whole number above zero and one of `ms`, `s`, `m`, `h`, `d`, `w`, at most a
/// year. This is the one grammar of it, for policies, settings, options and queries.
///
/// ```
/// use engine::time::duration_ms;
/// assert_eq!(duration_ms("250ms"), Some(250));
/// assert_eq!(duration_ms("2w"), Some(1_209_600_000));
/// assert_eq!(duration_ms("5 minutes"), None);
/// ```
pub fn duration_ms(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let unit_ms: u64 = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "w" => 604_800_000,
        _ => return None,
    };
    let ms = number.parse::<u64>().ok()?.checked_mul(unit_ms)?;
    (1..=LONGEST_MS).contains(&ms).then_some(ms)
}

/// The day of the week, Monday being 0, and the minute of the day, at `offset_minutes` east of UTC.
pub fn weekday_and_minute(unix_ms: i64, offset_minutes: i32) -> (u8, u16) {
    let ms = unix_ms.saturating_add(i64::from(offset_minutes).saturating_mul(60_000));
    // 1970-01-01 was a Thursday.
    let weekday = ms.div_euclid(MS_PER_DAY).saturating_add(3).rem_euclid(7);
    let minute = ms.rem_euclid(MS_PER_DAY).div_euclid(60_000);
    (u8::try_from(weekday).unwrap_or(0), u16::try_from(minute).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_times() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(1_709_210_096_789), "2024-02-29T12:34:56.789Z");
        assert_eq!(rfc3339(-1), "1969-12-31T23:59:59.999Z");
        assert_eq!(rfc3339(i64::MAX), "9999-12-31T23:59:59.999Z");
        assert_eq!(rfc3339(i64::MIN), "0000-01-01T00:00:00.000Z");
    }

    #[test]
    fn a_time_reads_back_as_it_was_written_and_in_no_other_spelling() {
        for ms in [0, -1, 1_709_210_096_789, 951_782_400_000, 253_402_300_799_999, -62_167_219_200_000] {
            assert_eq!(rfc3339(ms).parse(), Ok(Timestamp::from_ms(ms)), "{ms}");
        }
        for text in [
            "",
            "2024-02-30T12:34:56.789Z",
            "2023-02-29T12:34:56.789Z",
            "2024-13-01T12:34:56.789Z",
            "2024-00-01T12:34:56.789Z",
            "2024-02-29T24:00:00.000Z",
            "2024-02-29T12:60:56.789Z",
            "2024-02-29T12:34:60.789Z",
            "2024-02-29 12:34:56.789Z",
            "2024-02-29T12:34:56.789+00:00",
            "2024-02-29T12:34:56.7890Z",
            "2024-02-29T12:34:56Z",
            "+024-02-29T12:34:56.789Z",
            "20\u{e9}4-02-29T12:34:56.789Z",
        ] {
            assert_eq!(text.parse::<Timestamp>(), Err(NotATime), "{text}");
        }
    }

    #[test]
    fn a_length_of_time_has_a_number_and_a_unit() {
        let lengths =
            [("250ms", 250), ("90s", 90_000), ("1h", 3_600_000), ("366d", LONGEST_MS), ("2w", 1_209_600_000)];
        for (text, ms) in lengths {
            assert_eq!(duration_ms(text), Some(ms), "{text}");
        }
        for text in [
            "",
            "m",
            "5",
            "0s",
            "-1m",
            "+1m",
            "1.5h",
            "1 h",
            "1y",
            "1M",
            "367d",
            "53w",
            "99999999999999999999d",
            "1é",
        ] {
            assert_eq!(duration_ms(text), None, "{text}");
        }
    }

    #[test]
    fn known_weekdays() {
        // A Thursday at 12:34 UTC, which is Friday 00:34 twelve hours east.
        assert_eq!(weekday_and_minute(1_709_210_096_789, 0), (3, 754));
        assert_eq!(weekday_and_minute(1_709_210_096_789, 720), (4, 34));
        assert_eq!(weekday_and_minute(-1, 0), (2, 1439));
    }
}
