//! Numbers into the lines that Kafka's tool prints.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ottla_terminal::output;

const MEGABYTE: f64 = 1024.0 * 1024.0;

/// What was read since some moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    started: Instant,
    pub(super) records: u64,
    bytes: u64,
}

impl Progress {
    fn new() -> Self {
        Self { started: Instant::now(), records: 0, bytes: 0 }
    }
}

/// What was read in all, and since the last line.
#[derive(Debug)]
pub(super) struct Report {
    format: DateFormat,
    shows_details: bool,
    started: SystemTime,
    pub(super) whole: Progress,
    recent: Progress,
}

impl Report {
    pub(super) fn new(format: DateFormat, shows_details: bool) -> Self {
        let (whole, recent) = (Progress::new(), Progress::new());
        Self { format, shows_details, started: SystemTime::now(), whole, recent }
    }

    pub(super) const fn header(&self) -> &'static str {
        if self.shows_details {
            "time, threadId, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, \
             rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec"
        } else {
            "start.time, end.time, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, \
             rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec"
        }
    }

    pub(super) fn count(&mut self, bytes: usize) {
        for progress in [&mut self.whole, &mut self.recent] {
            progress.records += 1;
            progress.bytes += bytes as u64;
        }
    }

    /// How long ago the last line of progress was.
    pub(super) fn period_age(&self) -> Duration {
        self.recent.started.elapsed()
    }

    /// A line of progress, and a new period.
    pub(super) fn period(&mut self, joining: Duration) -> String {
        let recent = std::mem::replace(&mut self.recent, Progress::new());
        let rates = rates(&recent, recent.started.elapsed(), joining);
        let total = self.whole.bytes as f64 / MEGABYTE;
        let now = self.format.show(SystemTime::now());
        format!(
            "{now}, 0, {total:.4}, {:.4}, {}, {:.4}, {}, {}, {:.4}, {:.4}",
            rates.megabytes,
            self.whole.records,
            rates.records,
            joining.as_millis(),
            rates.fetching.as_millis(),
            rates.fetched_megabytes,
            rates.fetched_records,
        )
    }

    /// The line at the end.
    pub(super) fn total(&self, joining: Duration) -> String {
        let rates = rates(&self.whole, self.whole.started.elapsed(), joining);
        format!(
            "{}, {}, {:.4}, {:.4}, {}, {:.4}, {}, {}, {:.4}, {:.4}",
            self.format.show(self.started),
            self.format.show(SystemTime::now()),
            self.whole.bytes as f64 / MEGABYTE,
            rates.megabytes,
            self.whole.records,
            rates.records,
            joining.as_millis(),
            rates.fetching.as_millis(),
            rates.fetched_megabytes,
            rates.fetched_records,
        )
    }
}

/// What was read a second, with and without the time that joining took.
struct Rates {
    megabytes: f64,
    records: f64,
    fetching: Duration,
    fetched_megabytes: f64,
    fetched_records: f64,
}

fn rates(progress: &Progress, elapsed: Duration, joining: Duration) -> Rates {
    let fetching = elapsed.saturating_sub(joining);
    let megabytes = progress.bytes as f64 / MEGABYTE;
    let records = progress.records as f64;
    let per = |amount: f64, time: Duration| {
        if time.is_zero() { 0.0 } else { amount / time.as_secs_f64() }
    };
    Rates {
        megabytes: per(megabytes, elapsed),
        records: per(records, elapsed),
        fetching,
        fetched_megabytes: per(megabytes, fetching),
        fetched_records: per(records, fetching),
    }
}

/// A pattern of Java's `SimpleDateFormat`, as far as numbers go; times are UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DateFormat(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// A letter, and how often it stands there.
    Number(char, usize),
}

impl DateFormat {
    /// Reads a pattern; a letter that means nothing is refused in Java's words.
    pub(super) fn new(pattern: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = pattern.chars().peekable();
        while let Some(letter) = rest.next() {
            if letter == '\'' {
                let quoted: String =
                    std::iter::from_fn(|| rest.next_if(|next| *next != '\'')).collect();
                rest.next();
                pieces.push(Piece::Text(if quoted.is_empty() { "'".to_owned() } else { quoted }));
                continue;
            }
            if !letter.is_ascii_alphabetic() {
                pieces.push(Piece::Text(letter.to_string()));
                continue;
            }
            let mut width = 1;
            while rest.next_if_eq(&letter).is_some() {
                width += 1;
            }
            match letter {
                'y' | 'M' | 'd' | 'H' | 'm' | 's' | 'S' if letter != 'M' || width < 3 => {
                    pieces.push(Piece::Number(letter, width));
                }
                _ => return Err(format!("Illegal pattern character '{letter}'")),
            }
        }
        Ok(Self(pieces))
    }

    fn show(&self, at: SystemTime) -> String {
        let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let (seconds, millisecond) = (since.as_secs(), u64::from(since.subsec_millis()));
        let (year, month, day) = output::civil(seconds / 86_400);
        let mut shown = String::new();
        for piece in &self.0 {
            let (letter, width) = match piece {
                Piece::Text(text) => {
                    shown.push_str(text);
                    continue;
                }
                Piece::Number(letter, width) => (*letter, *width),
            };
            let number = match letter {
                'y' if width == 2 => year % 100,
                'y' => year,
                'M' => month,
                'd' => day,
                'H' => seconds / 3600 % 24,
                'm' => seconds / 60 % 60,
                's' => seconds % 60,
                _ => millisecond,
            };
            shown.push_str(&format!("{number:0width$}"));
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_follow_their_pattern() {
        let at = UNIX_EPOCH + Duration::from_millis(1_795_275_002_042);
        let cases = [
            ("yyyy-MM-dd HH:mm:ss:SSS", Ok("2026-11-21 15:30:02:042")),
            ("d.M.yy 'at' H''", Ok("21.11.26 at 15'")),
            ("yyyy Q", Err("Illegal pattern character 'Q'")),
        ];
        for (pattern, expected) in cases {
            let found = DateFormat::new(pattern).map(|format| format.show(at));
            assert_eq!(found, expected.map(str::to_owned).map_err(str::to_owned), "{pattern}");
        }
    }
}
