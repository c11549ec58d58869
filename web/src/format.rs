//! How values read: times, durations, numbers, hashes and arguments in short. Nothing else decides that.

use engine::value::Value;
use serde_json::value::RawValue;

/// How many characters of arguments are shown in a row.
const SHORT_CHARS: usize = 120;
/// The most bytes of arguments that are read to be shown in a row.
const MAX_PARAMS_BYTES: usize = 4 * engine::json::MAX_BYTES;
/// How many digits of a hash are enough to tell it from others on a page.
const SHORT_HASH: usize = 8;

/// Milliseconds since 1970, by the browser's clock. For display only.
pub fn now_ms() -> f64 {
    js_sys::Date::now()
}

/// The Unix milliseconds of an RFC 3339 time.
pub fn parse_time(rfc3339: &str) -> Option<f64> {
    let ms = js_sys::Date::parse(rfc3339);
    ms.is_finite().then_some(ms)
}

/// `14:03:22` for today and `2026-11-22 14:03:22` for any other day, in the time zone of the browser.
pub fn time(rfc3339: &str) -> String {
    let Some(ms) = parse_time(rfc3339) else { return rfc3339.to_owned() };
    let (date, today) = (js_sys::Date::new(&ms.into()), js_sys::Date::new_0());
    let clock = format!("{:02}:{:02}:{:02}", date.get_hours(), date.get_minutes(), date.get_seconds());
    let day = |date: &js_sys::Date| (date.get_full_year(), date.get_month(), date.get_date());
    if day(&date) == day(&today) {
        return clock;
    }
    let (year, month, day) = day(&date);
    format!("{year:04}-{:02}-{day:02} {clock}", month + 1)
}

/// `14:03:22` for today, `06-04 11:14` for another day of this year, `2025-06-04` before: short enough to stay on one
/// line of a table.
pub fn row_time(rfc3339: &str) -> String {
    let Some(ms) = parse_time(rfc3339) else { return rfc3339.to_owned() };
    let (date, today) = (js_sys::Date::new(&ms.into()), js_sys::Date::new_0());
    let year = date.get_full_year();
    if year != today.get_full_year() {
        return format!("{year:04}-{}", day(ms));
    }
    if (date.get_month(), date.get_date()) == (today.get_month(), today.get_date()) {
        return time(rfc3339);
    }
    format!("{} {}", day(ms), clock(ms))
}

/// `14:03`, in the time zone of the browser.
pub fn clock(ms: f64) -> String {
    let date = js_sys::Date::new(&ms.into());
    format!("{:02}:{:02}", date.get_hours(), date.get_minutes())
}

/// `11-22`, in the time zone of the browser.
pub fn day(ms: f64) -> String {
    let date = js_sys::Date::new(&ms.into());
    format!("{:02}-{:02}", date.get_month() + 1, date.get_date())
}

/// `3 min ago`, `in 12 s`.
pub fn relative(ms_from_now: f64) -> String {
    let text = span(ms_from_now.abs());
    if ms_from_now < 0.0 { format!("{text} ago") } else { format!("in {text}") }
}

/// `12 s`, `4 min`, `3 h`, `2 d`: rounded down, so that a time that is left is never longer than it says.
pub fn span(ms: f64) -> String {
    let seconds = (ms / 1000.0).max(0.0).floor();
    match seconds {
        s if s < 60.0 => format!("{s:.0} s"),
        s if s < 3600.0 => format!("{:.0} min", (s / 60.0).floor()),
        s if s < 86_400.0 => format!("{:.0} h {:.0} min", (s / 3600.0).floor(), (s % 3600.0 / 60.0).floor()),
        s => format!("{:.0} d {:.0} h", (s / 86_400.0).floor(), (s % 86_400.0 / 3600.0).floor()),
    }
}

/// `1 h 04 min 09 s`, `4 min 09 s`, `9 s`: the time left, to the second.
pub fn countdown(ms: f64) -> String {
    let seconds = (ms / 1000.0).max(0.0).floor();
    let (hours, minutes, rest) =
        ((seconds / 3600.0).floor(), (seconds % 3600.0 / 60.0).floor(), seconds % 60.0);
    match seconds {
        s if s < 60.0 => format!("{rest:.0} s"),
        s if s < 3600.0 => format!("{minutes:.0} min {rest:02.0} s"),
        s if s < 86_400.0 => format!("{hours:.0} h {minutes:02.0} min {rest:02.0} s"),
        _ => span(ms),
    }
}

/// `11 µs`, `1.8 ms`, `2.5 s`.
pub fn micros(us: u64) -> String {
    match us {
        0..1000 => format!("{us} µs"),
        1000..1_000_000 => format!("{:.1} ms", us as f64 / 1000.0),
        _ => format!("{:.1} s", us as f64 / 1_000_000.0),
    }
}

/// `12,345`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 action`, `2 actions`.
pub fn counted(number: u64, word: &str) -> String {
    if number == 1 { format!("1 {word}") } else { format!("{} {word}s", count(number)) }
}

/// The first digits of a hash or an id.
pub fn short(hash: &str) -> String {
    hash.chars().take(SHORT_HASH).collect()
}

/// Arguments in a row, those that matter for the decision first; each cut says how much is missing.
pub fn arguments(params: &RawValue, key_params: &[String]) -> String {
    match engine::canonical::parse(params.get().as_bytes(), MAX_PARAMS_BYTES) {
        Ok(params) => arguments_of(&params, key_params),
        Err(_) => visible(&clip(params.get(), SHORT_CHARS)),
    }
}

/// Arguments in a row, from a value of the engine's.
pub fn arguments_of(params: &Value, key_params: &[String]) -> String {
    engine::shown::arguments(params, key_params, SHORT_CHARS)
}

/// A sum of amounts: `4,210` or `4,210.50`.
pub fn amount(sum: f64) -> String {
    let sign = if sum < 0.0 { "−" } else { "" };
    let cents = (sum.abs() * 100.0).round();
    if cents >= 1e17 {
        return format!("{sum:e}");
    }
    let (whole, rest) = ((cents / 100.0).floor(), cents % 100.0);
    let whole = count(whole as u64);
    if rest == 0.0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{rest:02.0}") }
}

/// The first characters of a text, with a sign when there is more.
pub fn clip(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

pub use engine::shown::{name, visible};

/// JSON with line breaks, for reading. Nothing but white space is added, and what hides is spelled out, so numbers and
/// text stay as they were.
pub fn pretty(json: &str) -> String {
    let mut out = String::with_capacity(json.len().saturating_mul(2));
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    let new_line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    let mut rest = json.chars().peekable();
    // A string is looked at as a whole, since what hides can take more than one character.
    let mut string = String::new();
    while let Some(char) = rest.next() {
        if in_string {
            string.push(char);
            in_string = escaped || char != '"';
            escaped = char == '\\' && !escaped;
            if !in_string || rest.peek().is_none() {
                out.push_str(&visible(&std::mem::take(&mut string)));
            }
            continue;
        }
        match char {
            '{' | '[' => {
                out.push(char);
                let closing = if char == '{' { '}' } else { ']' };
                if rest.next_if_eq(&closing).is_some() {
                    out.push(closing);
                } else {
                    depth += 1;
                    new_line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push(char);
            }
            ',' => {
                out.push(',');
                new_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            '"' => {
                in_string = true;
                out.push('"');
            }
            char => out.push(char),
        }
    }
    out
}

/// A word of the wire as people read it: `pending_approval` is `pending approval`.
pub fn words(wire: &str) -> String {
    wire.replace('_', " ")
}
