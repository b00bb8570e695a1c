//! Standard output that may be closed early, and log lines as Kafka's tools write them.

use std::fmt::{self, Display};
use std::io::{self, Write as _};
use std::time::{SystemTime, UNIX_EPOCH};

use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

use crate::options::Stop;

/// Prints a line; a reader that went away ends the tool quietly.
pub fn line(text: impl Display) -> Result<(), Stop> {
    Ok(writeln!(io::stdout().lock(), "{text}")?)
}

/// Prints a text without ending its line.
pub fn text(text: impl Display) -> Result<(), Stop> {
    let mut out = io::stdout().lock();
    write!(out, "{text}")?;
    Ok(out.flush()?)
}

/// Tells something that the user should know but that stops nothing.
pub fn warn(text: impl Display) {
    // Nobody can be told that standard error is closed.
    let _ = writeln!(io::stderr().lock(), "WARN: {text}");
}

/// A line on standard error.
pub fn plain_error(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// A log line as Kafka's tools write it: `[2026-01-31 12:00:00,000] ERROR text (class)`.
pub fn log_error(text: impl Display, class: &str) {
    let at = Moment::now();
    let _ = writeln!(io::stderr().lock(), "[{at}] ERROR {text} ({class})");
}

/// The same for a warning.
pub fn log_warn(text: impl Display, class: &str) {
    let at = Moment::now();
    let _ = writeln!(io::stderr().lock(), "[{at}] WARN {text} ({class})");
}

/// Warnings of the client go to standard error.
pub fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("OTTLA_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    // Tests run several tools in one process; the first one sets it up.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_target(false)
        .with_timer(Clock)
        .try_init();
}

struct Clock;

impl FormatTime for Clock {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        write!(writer, "[{}]", Moment::now())
    }
}

/// A point in time, shown in UTC to the millisecond.
struct Moment {
    ms: u64,
}

impl Moment {
    fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX) }
    }
}

impl Display for Moment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAY_MS: u64 = 86_400_000;
        let (year, month, day) = civil(self.ms / DAY_MS);
        let (seconds, ms) = (self.ms % DAY_MS / 1000, self.ms % 1000);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(formatter, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02},{ms:03}")
    }
}

/// Year, month and day for days since 1970, counted in eras of 400 years that begin in March.
pub fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::Moment;

    #[test]
    fn moments_read_as_dates() {
        for (ms, shown) in [
            (0, "1970-01-01 00:00:00,000"),
            (951_782_399_999, "2000-02-28 23:59:59,999"),
            (951_782_400_000, "2000-02-29 00:00:00,000"),
            (1_795_275_002_042, "2026-11-21 15:30:02,042"),
        ] {
            assert_eq!(Moment { ms }.to_string(), shown);
        }
    }
}
