//! Server-Sent Events: lines in, events out (WHATWG HTML §9.2.6). Reconnecting is not done here.

use std::io::{self, BufRead, BufReader, Read};

/// The most bytes of one line: a record and its action.
const MAX_LINE_BYTES: u64 = 8 * 1024 * 1024;

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Event {
    /// Its kind, empty if it has none.
    pub(crate) name: String,
    /// Its lines, joined.
    pub(crate) data: String,
    /// The current id, from which to continue.
    pub(crate) id: Option<String>,
}

/// Reads events off a stream.
#[derive(Debug)]
pub(crate) struct Events<R> {
    lines: BufReader<R>,
    id: Option<String>,
}

impl<R: Read> Events<R> {
    /// Starts at the beginning of `stream`.
    pub(crate) fn new(stream: R) -> Self {
        Events { lines: BufReader::new(stream), id: None }
    }

    /// The next event; none at the end of the stream. An event that the end cuts off is dropped.
    ///
    /// # Errors
    /// When the stream breaks, or a line has no end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Event>> {
        let mut event = Event::default();
        let mut has_data = false;
        loop {
            let Some(line) = self.line()? else { return Ok(None) };
            if line.is_empty() {
                if has_data {
                    event.id = self.id.clone();
                    return Ok(Some(event));
                }
                event = Event::default();
                continue;
            }
            let (field, value) = line.split_once(':').unwrap_or((&line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => value.clone_into(&mut event.name),
                "data" => {
                    if has_data {
                        event.data.push('\n');
                    }
                    event.data.push_str(value);
                    has_data = true;
                }
                "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
                // `retry`, comments (the field is empty) and unknown fields.
                _ => {}
            }
        }
    }

    /// The last id that came, also one that no event came with.
    pub(crate) fn last_id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    fn line(&mut self) -> io::Result<Option<String>> {
        let mut bytes = Vec::new();
        let read = self.lines.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut bytes)?;
        if bytes.pop() != Some(b'\n') {
            let too_long = u64::try_from(read).is_ok_and(|read| read >= MAX_LINE_BYTES);
            return if too_long { Err(io::Error::other("a line of events has no end")) } else { Ok(None) };
        }
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(stream: &str) -> Vec<Event> {
        let mut events = Events::new(stream.as_bytes());
        std::iter::from_fn(|| events.next().unwrap()).collect()
    }

    fn event(name: &str, data: &str, id: Option<&str>) -> Event {
        Event { name: name.to_owned(), data: data.to_owned(), id: id.map(str::to_owned) }
    }

    #[test]
    fn events_are_told_apart_and_comments_are_not_events() {
        let stream = ":hello\n\nid: 7\nevent: decision\ndata: {\"a\":1}\n\n: keep-alive\n\nid:8\r\ndata:x\r\ndata\r\n\r\n";
        assert_eq!(read(stream), [event("decision", "{\"a\":1}", Some("7")), event("", "x\n", Some("8"))]);
    }

    #[test]
    fn an_id_without_an_event_is_where_to_go_on() {
        let mut events = Events::new("id: s:7\n\n: alive\n\n".as_bytes());
        assert_eq!(events.next().unwrap(), None);
        assert_eq!(events.last_id(), Some("s:7"));
    }

    #[test]
    fn an_event_cut_off_by_the_end_is_dropped() {
        assert_eq!(read("id: 1\ndata: a\n\nid: 2\ndata: b\n"), [event("", "a", Some("1"))]);
    }
}
