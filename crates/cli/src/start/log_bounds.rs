//! Bounds on the log: how many lines of a kind are written, and how long one is. What clients can bring about has no
//! other end, and the disk has.
//!
//! A kind is a place in the source. Levels below INFO are for those who ask for them, and have as many lines as
//! there are.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::{DefaultFields, Format, Full, Writer, format};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// So many lines of a kind are written one after the other: as many as a node says of its partitions at once.
const BURST: u32 = 1_000;

/// Then one is written every so often.
const PAUSE: Duration = Duration::from_secs(1);

/// A line's message and facts are cut off behind so many bytes: names come from requests.
const FACTS_BYTES_MAX: usize = 8 << 10;

/// Writes lines, and no more of a kind than may be.
pub struct Lines {
    format: Format<Full>,
    rates: Mutex<HashMap<Identifier, Rate>>,
}

impl Lines {
    /// Nothing is written yet.
    pub fn new() -> Self {
        Self { format: format().with_target(false), rates: Mutex::default() }
    }

    fn take(&self, kind: Identifier) -> Turn {
        let now = Instant::now();
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        rates.entry(kind).or_insert_with(|| Rate::new(now)).take(now)
    }
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let turn = match *metadata.level() > Level::INFO {
            true => Turn::Written,
            false => self.take(metadata.callsite()),
        };
        if matches!(turn, Turn::Withheld) {
            return Ok(());
        }
        let mut line = String::new();
        self.format.format_event(context, Writer::new(&mut line), event)?;
        writer.write_str(line.trim_end_matches('\n'))?;
        match turn {
            Turn::Last => writer.write_str("; lines like this are many: now one a second at most"),
            Turn::WrittenAfter { withheld } => write!(writer, " withheld={withheld}"),
            Turn::Written | Turn::Withheld => Ok(()),
        }?;
        writer.write_char('\n')
    }
}

/// What becomes of a line.
#[derive(Debug, PartialEq, Eq)]
enum Turn {
    Written,
    /// The first one after which lines are withheld.
    Last,
    /// So many of its kind were withheld before it.
    WrittenAfter {
        withheld: u64,
    },
    Withheld,
}

/// How many lines of a kind may be written.
struct Rate {
    room: u32,
    /// Until when room has been earned.
    earned_at: Instant,
    withheld: u64,
}

impl Rate {
    fn new(now: Instant) -> Self {
        Self { room: BURST, earned_at: now, withheld: 0 }
    }

    fn take(&mut self, now: Instant) -> Turn {
        let pauses = now.saturating_duration_since(self.earned_at).as_secs() / PAUSE.as_secs();
        let pauses = u32::try_from(pauses).unwrap_or(u32::MAX);
        self.room = self.room.saturating_add(pauses).min(BURST);
        self.earned_at = if self.room == BURST { now } else { self.earned_at + PAUSE * pauses };
        if self.room == 0 {
            self.withheld += 1;
            return Turn::Withheld;
        }
        self.room -= 1;
        match std::mem::take(&mut self.withheld) {
            0 if self.room == 0 => Turn::Last,
            0 => Turn::Written,
            withheld => Turn::WrittenAfter { withheld },
        }
    }
}

/// Writes a line's message and facts on one line, and not without end.
pub struct Facts(DefaultFields);

impl Facts {
    /// As the library writes them, but for the bounds.
    pub fn new() -> Self {
        Self(DefaultFields::new())
    }
}

impl<'writer> FormatFields<'writer> for Facts {
    fn format_fields<R: RecordFields>(
        &self,
        mut writer: Writer<'writer>,
        fields: R,
    ) -> fmt::Result {
        let mut cut = Cut { writer: &mut writer, left: FACTS_BYTES_MAX, is_full: false };
        let written = self.0.format_fields(Writer::new(&mut cut), fields);
        if cut.is_full { writer.write_str("... (cut off)") } else { written }
    }
}

/// Takes so many bytes and then refuses. What would end the line or reach the terminal is written as an escape: a
/// name with a line break forges no other line.
struct Cut<'a, 'writer> {
    writer: &'a mut Writer<'writer>,
    left: usize,
    is_full: bool,
}

impl fmt::Write for Cut<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            let bytes = character.len_utf8();
            if self.left < bytes {
                self.is_full = true;
                return Err(fmt::Error);
            }
            self.left -= bytes;
            match character.is_control() {
                true => write!(self.writer, "{}", character.escape_default())?,
                false => self.writer.write_char(character)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("whole").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Page {
        type Writer = Page;

        fn make_writer(&'a self) -> Page {
            self.clone()
        }
    }

    fn logged(log: impl FnOnce()) -> Vec<String> {
        let page = Page::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(Level::DEBUG)
            .with_writer(page.clone())
            .event_format(Lines::new())
            .fmt_fields(Facts::new());
        tracing::subscriber::with_default(subscriber.finish(), log);
        let bytes = page.0.lock().expect("whole").clone();
        String::from_utf8(bytes).expect("text").lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_kind_has_so_many_lines_and_others_have_theirs() {
        let lines = logged(|| {
            for number in 0..3 * BURST {
                tracing::warn!(number, "bad request");
            }
            for number in 0..3 * BURST {
                tracing::debug!(number, "for those who ask");
            }
            tracing::info!("stopped");
        });
        let count = |text: &str| lines.iter().filter(|line| line.contains(text)).count();
        let burst = BURST as usize;
        // A slow machine earns a second or two while this goes on.
        assert!((burst..burst + 60).contains(&count("bad request")), "{}", count("bad request"));
        assert_eq!(count("lines like this are many"), 1);
        assert_eq!(count("for those who ask"), 3 * burst);
        assert!(lines[0].ends_with(" WARN bad request number=0"), "{}", lines[0]);
        assert!(lines.last().expect("one").ends_with(" INFO stopped"));
    }

    #[test]
    fn room_comes_back_with_time() {
        let begun = Instant::now();
        let mut rate = Rate::new(begun);
        for _ in 1..BURST {
            assert_eq!(rate.take(begun), Turn::Written);
        }
        assert_eq!(rate.take(begun), Turn::Last);
        for millis in [0, 1, 999] {
            assert_eq!(rate.take(begun + Duration::from_millis(millis)), Turn::Withheld);
        }
        let next = begun + Duration::from_millis(1_500);
        assert_eq!(rate.take(next), Turn::WrittenAfter { withheld: 3 });
        assert_eq!(rate.take(next), Turn::Withheld);
        // The half of a pause that was over counts.
        let next = begun + Duration::from_millis(2_000);
        assert_eq!(rate.take(next), Turn::WrittenAfter { withheld: 1 });
        let later = begun + PAUSE * (10 * BURST);
        assert_eq!((1..BURST).find(|_| rate.take(later) != Turn::Written), None);
        assert_eq!((rate.take(later), rate.take(later)), (Turn::Last, Turn::Withheld));
    }

    #[test]
    fn what_a_client_sends_makes_no_second_line_and_no_endless_one() {
        let name = "t\n2026-01-01 ERROR the disk is on fire\u{1b}[2J\u{9b}1m";
        let long = "x".repeat(50_000_000);
        let lines = logged(|| {
            tracing::warn!(partition = %name, again = name, "not moved");
            tracing::warn!(names = ?[&long, &long], "cannot create");
            tracing::warn!(error = &io::Error::other(name) as &dyn std::error::Error, "failed");
        });
        assert_eq!(lines.len(), 3);
        assert!(lines[0].contains("partition=t\\n2026-01-01 ERROR the disk"), "{}", lines[0]);
        assert!(!lines.iter().any(|line| line.contains(char::is_control)));
        assert!(lines[1].ends_with("xxx... (cut off)"));
        assert!(lines[1].len() < FACTS_BYTES_MAX + 100, "{}", lines[1].len());
    }
}
