//! Times as text: in requests, and as they were stored.

use jiff::civil::date;
use jiff::fmt::temporal::Pieces;

/// Unix milliseconds for an RFC 3339 time such as `2026-11-22T12:00:00.5+01:00`, for a date (`2026-11-22`, its
/// start in UTC), or for Unix milliseconds as text.
///
/// ```
/// use store::time::parse_time;
/// assert_eq!(parse_time("2024-02-29T12:34:56.789Z"), Some(1_709_210_096_789));
/// assert_eq!(parse_time("1970-01-02"), Some(86_400_000));
/// assert_eq!(parse_time("1709210096789"), Some(1_709_210_096_789));
/// assert_eq!(parse_time("2024-02-30"), None);
/// ```
pub fn parse_time(text: &str) -> Option<i64> {
    let shape = text.replace(|c: char| c.is_ascii_digit(), "0");
    if !shape.is_empty() && shape.bytes().all(|byte| byte == b'0') {
        return text.parse().ok();
    }
    if shape != "0000-00-00" && !is_rfc3339(text, &shape) {
        return None;
    }
    // A civil time has all years of RFC 3339; an instant of jiff ends a day before them.
    let pieces = Pieces::parse(text).ok()?;
    let civil = pieces.date().to_datetime(pieces.time().unwrap_or_default());
    let offset_s = pieces.offset().map_or(0, |offset| offset.to_numeric_offset().seconds());
    let since = civil.duration_since(date(1970, 1, 1).at(0, 0, 0, 0));
    // A part of a millisecond counts for nothing, also before 1970.
    let unix_ms = since.as_nanos().div_euclid(1_000_000);
    i64::try_from(unix_ms).ok()?.checked_sub(i64::from(offset_s) * 1000)
}

/// Whether `text`, with `shape` for it, is an RFC 3339 `date-time`. jiff reads more: other widths, basic format, a zone
/// in brackets, and a leap second as the second before it.
fn is_rfc3339(text: &str, shape: &str) -> bool {
    let Some((start, rest)) = shape.split_at_checked(19) else { return false };
    let zone = rest.strip_prefix(".0").map_or(rest, |fraction| fraction.trim_start_matches('0'));
    matches!(start, "0000-00-00T00:00:00" | "0000-00-00t00:00:00" | "0000-00-00 00:00:00")
        && matches!(zone, "Z" | "z" | "+00:00" | "-00:00")
        && text.get(17..19) != Some("60")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_is_printed_reads_back() {
        for ms in [
            0,
            1,
            951_782_400_000,
            1_709_210_096_789,
            1_795_348_800_000,
            4_102_444_799_999,
            253_402_300_799_999,
        ] {
            assert_eq!(parse_time(&engine::time::rfc3339(ms)), Some(ms));
        }
    }

    #[test]
    fn offsets_and_fractions_count() {
        assert_eq!(parse_time("1970-01-01T01:00:00+01:00"), Some(0));
        assert_eq!(parse_time("1969-12-31T19:00:00.25-05:00"), Some(250));
        assert_eq!(parse_time("1969-12-31 19:00:00.250999999-05:00"), Some(250));
        assert_eq!(parse_time("1970-01-01t00:00:00z"), Some(0));
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
            "2024-01-01T12Z",
            "20240101T120000Z",
            "+002024-01-01",
            "2024-01-01T00:00:00+0100",
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
