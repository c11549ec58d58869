//! Unix milliseconds as RFC 3339 text and as a day of the week. The engine is handed times and never asks for one.

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
