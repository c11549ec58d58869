//! Windows of time in a week: `time: { days: [mon, fri], from: "09:00", to: "17:30", utc_offset: "+02:00" }`.

use crate::time::weekday_and_minute;

const MINUTES_PER_DAY: u16 = 1440;
/// The names of the days, Monday first.
pub const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// A part of the week. A window that passes midnight belongs to the day on which it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Whether each day counts, Monday first.
    pub days: [bool; 7],
    /// The first minute of the day that is in it.
    pub from: u16,
    /// The first minute of the day that is not; less than `from` when the window passes midnight.
    pub to: u16,
    /// Minutes east of UTC.
    pub offset_minutes: i32,
}

impl Window {
    /// Whether `now`, in Unix milliseconds, is in it.
    pub fn holds(&self, now: i64) -> bool {
        let (weekday, minute) = weekday_and_minute(now, self.offset_minutes);
        let day = |day: u8| self.days.get(usize::from(day)).copied().unwrap_or(false);
        let yesterday = weekday.checked_sub(1).unwrap_or(6);
        if self.from < self.to {
            day(weekday) && (self.from..self.to).contains(&minute)
        } else {
            (day(weekday) && minute >= self.from) || (day(yesterday) && minute < self.to)
        }
    }
}

/// `09:00` as minutes; `24:00` is the end of the day.
pub fn minute_of_day(text: &str) -> Option<u16> {
    let (hour, minute) = two_by_two(text)?;
    let minutes = hour.checked_mul(60)?.checked_add(minute)?;
    (minute < 60 && minutes <= MINUTES_PER_DAY).then_some(minutes)
}

/// `+02:00`, `-05:30` or `Z` as minutes east of UTC; at most 14 hours (the largest in use).
pub fn utc_offset(text: &str) -> Option<i32> {
    if text == "Z" {
        return Some(0);
    }
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+')?),
    };
    let (hour, minute) = two_by_two(rest)?;
    let minutes = hour.checked_mul(60)?.checked_add(minute)?;
    (minute < 60 && minutes <= 14 * 60).then(|| i32::from(minutes).saturating_mul(sign))
}

fn two_by_two(text: &str) -> Option<(u16, u16)> {
    let (first, second) = text.split_once(':')?;
    let two = |digits: &str| {
        let fits = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        fits.then(|| digits.parse().ok()).flatten()
    };
    Some((two(first)?, two(second)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2024-02-26T00:00:00Z, a Monday.
    const MONDAY: i64 = 1_708_905_600_000;

    #[expect(clippy::arithmetic_side_effects, reason = "small numbers of this test")]
    fn at(day: i64, hour: i64, minute: i64) -> i64 {
        MONDAY + ((day * 24 + hour) * 60 + minute) * 60_000
    }

    fn days(names: &[&str]) -> [bool; 7] {
        DAYS.map(|day| names.contains(&day))
    }

    #[test]
    fn a_window_within_a_day() {
        let office = Window { days: days(&["mon", "fri"]), from: 540, to: 1050, offset_minutes: 0 };
        assert!(office.holds(at(0, 9, 0)));
        assert!(!office.holds(at(0, 8, 59)));
        assert!(office.holds(at(4, 17, 29)));
        assert!(!office.holds(at(4, 17, 30)));
        assert!(!office.holds(at(1, 12, 0)));
    }

    #[test]
    fn a_window_over_midnight_belongs_to_its_first_day() {
        let night = Window { days: days(&["sun"]), from: 1320, to: 360, offset_minutes: 0 };
        assert!(night.holds(at(6, 22, 0)));
        assert!(night.holds(at(7, 5, 59)));
        assert!(!night.holds(at(7, 6, 0)));
        assert!(!night.holds(at(6, 5, 0)));
        assert!(!night.holds(at(7, 22, 0)));
    }

    #[test]
    fn offsets_move_the_day() {
        let monday = Window { days: days(&["mon"]), from: 0, to: 1440, offset_minutes: 120 };
        assert!(monday.holds(at(-1, 22, 0)));
        assert!(!monday.holds(at(-1, 21, 59)));
        assert!(!monday.holds(at(0, 22, 0)));
    }

    #[test]
    fn texts() {
        assert_eq!(minute_of_day("09:30"), Some(570));
        assert_eq!(minute_of_day("24:00"), Some(1440));
        for bad in ["24:01", "9:30", "09:60", "0930", "", "ab:cd", "+9:00"] {
            assert_eq!(minute_of_day(bad), None, "{bad}");
        }
        assert_eq!(utc_offset("-05:30"), Some(-330));
        assert_eq!(utc_offset("Z"), Some(0));
        for bad in ["02:00", "+2", "+15:00", "+14:01", "UTC"] {
            assert_eq!(utc_offset(bad), None, "{bad}");
        }
    }
}
