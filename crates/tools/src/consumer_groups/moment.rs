//! Points in time and durations as the command line gives them. Pure.

use ottla_terminal::output::civil;

const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Milliseconds since the epoch for `2026-01-31T12:00:00.000`, with or without `Z`, `+02`, `+0200` or `+02:00` behind.
///
/// # Errors
/// What Java's `getMessage()` says.
pub(crate) fn parse_datetime(text: &str) -> Result<i64, String> {
    let has_zone = text.split_once('T').is_some_and(|(_, time)| time.contains(['+', '-', 'Z']));
    let wrong = || format!("Unparseable date: \"{text}{}\"", if has_zone { "" } else { "Z" });
    let (date, time) = text
        .split_once('T')
        .filter(|(_, time)| !time.is_empty())
        .ok_or("Error parsing timestamp. It does not contain a 'T' according to ISO8601 format")?;
    let (time, zone) = match time.find(['+', '-', 'Z']) {
        Some(at) => time.split_at(at),
        None => (time, "Z"),
    };
    let zone_ms = zone_ms(zone).ok_or_else(wrong)?;
    let date: Vec<&str> = date.split('-').collect();
    let time: Vec<&str> = time.split([':', '.']).collect();
    let ([year, month, day], [hour, minute, second, ms]) = (&date[..], &time[..]) else {
        return Err(wrong());
    };
    let number = |text: &str, least: i64, most: i64| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number =
            text.parse().ok().filter(|number| is_number && (least..=most).contains(number));
        number.ok_or_else(wrong)
    };
    let (year, month) = (number(year, 0, 9_999)?, number(month, 1, 12)?);
    let day = number(day, 1, days_in_month(year, month))?;
    let of_day = number(hour, 0, 23)? * HOUR_MS
        + number(minute, 0, 59)? * MINUTE_MS
        + number(second, 0, 59)? * SECOND_MS
        + number(ms, 0, 999)?;
    Ok(days_since_epoch(year, month, day) * DAY_MS + of_day - zone_ms)
}

/// A moment as `--to-datetime` reads it.
pub(super) fn datetime(ms: i64) -> String {
    let (days, of_day) = (ms.div_euclid(DAY_MS), ms.rem_euclid(DAY_MS));
    // What lies before 1970 is no moment of a broker.
    let (year, month, day) = civil(u64::try_from(days).unwrap_or(0));
    let (hour, minute) = (of_day / HOUR_MS, of_day / MINUTE_MS % 60);
    let (second, ms) = (of_day / SECOND_MS % 60, of_day % SECOND_MS);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

fn zone_ms(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let digits = zone[1..].replace(':', "");
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    let (hours, minutes) = match digits.len() {
        2 => (digits.parse::<i64>().ok()?, 0),
        4 => (digits[..2].parse().ok()?, digits[2..].parse::<i64>().ok()?),
        _ => return None,
    };
    (is_number && hours < 24 && minutes < 60)
        .then_some(sign * (hours * HOUR_MS + minutes * MINUTE_MS))
}

fn days_in_month(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970. Years are counted from March, so that the day that leap years have comes last.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Milliseconds of an ISO 8601 duration of days and less: `P1DT2H30M1.5S`, `PT-6H`, `-P1D`.
///
/// # Errors
/// What Java's `getMessage()` says.
pub(crate) fn parse_duration(text: &str) -> Result<i64, String> {
    duration(text).ok_or_else(|| "Text cannot be parsed to a Duration".to_owned())
}

fn duration(text: &str) -> Option<i64> {
    let upper = text.to_ascii_uppercase();
    let (sign, rest) = match upper.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, upper.strip_prefix('+').unwrap_or(&upper)),
    };
    let rest = rest.strip_prefix('P')?;
    let (days, times) = match rest.split_once('T') {
        // A T must be followed by something.
        Some((days, times)) => (days, Some(times).filter(|times| !times.is_empty())?),
        None => (rest, ""),
    };
    let mut total_ms: i64 = 0;
    let mut parts = 0;
    for (section, units) in [(days, &[('D', DAY_MS)][..]), (times, &TIME_UNITS)] {
        let (mut section, mut units) = (section, units);
        while !section.is_empty() {
            let end = section.find(|character: char| character.is_ascii_alphabetic())?;
            let unit = section[end..].chars().next()?;
            let at = units.iter().position(|(name, _)| *name == unit)?;
            total_ms = total_ms.checked_add(amount(&section[..end], units[at])?)?;
            units = &units[at + 1..];
            section = &section[end + 1..];
            parts += 1;
        }
    }
    (parts > 0).then_some(sign * total_ms)
}

const TIME_UNITS: [(char, i64); 3] = [('H', HOUR_MS), ('M', MINUTE_MS), ('S', SECOND_MS)];

/// So many of a unit, in milliseconds; seconds may have a fraction of up to nine digits.
fn amount(number: &str, (unit, unit_ms): (char, i64)) -> Option<i64> {
    let (whole, fraction) = match number.split_once(['.', ',']) {
        Some((whole, fraction)) if unit == 'S' && fraction.len() <= 9 => (whole, fraction),
        Some(_) => return None,
        None => (number, ""),
    };
    let unsigned = whole.trim_start_matches(['+', '-']);
    if whole.len() > unsigned.len() + 1 || !unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let whole_ms = unsigned.parse::<i64>().ok()?.checked_mul(unit_ms)?;
    let fraction_ms = match fraction.get(..fraction.len().min(3))? {
        "" => 0,
        digits => format!("{digits:0<3}").parse::<i64>().ok()?,
    };
    let total = whole_ms.checked_add(fraction_ms)?;
    Some(if whole.starts_with('-') { -total } else { total })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datetimes_are_read_as_java_reads_them() {
        for (text, expected) in [
            ("1970-01-01T00:00:00.000", 0),
            ("2023-11-14T22:13:20.000", 1_700_000_000_000),
            ("2023-11-14T22:13:20.123Z", 1_700_000_000_123),
            ("2023-11-15T00:13:20.000+02:00", 1_700_000_000_000),
            ("2023-11-14T20:43:20.000-0130", 1_700_000_000_000),
            ("2023-11-14T23:13:20.000+01", 1_700_000_000_000),
            ("2024-02-29T00:00:00.000Z", 1_709_164_800_000),
        ] {
            assert_eq!(parse_datetime(text), Ok(expected), "{text}");
        }
        for text in [
            "2023-11-14T22:13:20",
            "2023-02-29T00:00:00.000",
            "2023-13-01T00:00:00.000",
            "2023-11-14T24:00:00.000",
            "2023-11-14T22:13:20.000+1",
            "2023-11-14Tx",
        ] {
            let zone = if text.contains('+') { "" } else { "Z" };
            let wrong = format!("Unparseable date: \"{text}{zone}\"");
            assert_eq!(parse_datetime(text), Err(wrong), "{text}");
        }
        for text in ["", "2023-11-14", "2023-11-14T"] {
            assert!(
                parse_datetime(text).is_err_and(|wrong| wrong.contains("does not contain a 'T'"))
            );
        }
    }

    #[test]
    fn moments_are_written_as_they_are_read() {
        for ms in [0, 1_700_000_000_123, 1_709_164_800_000, 4_102_444_799_999] {
            assert_eq!(parse_datetime(&datetime(ms)), Ok(ms), "{}", datetime(ms));
        }
    }

    #[test]
    fn durations_are_read_as_java_reads_them() {
        for (text, expected) in [
            ("P1D", DAY_MS),
            ("PT0S", 0),
            ("p2dT3h4m5.006s", 2 * DAY_MS + 3 * HOUR_MS + 4 * MINUTE_MS + 5_006),
            ("PT-6H3M", -6 * HOUR_MS + 3 * MINUTE_MS),
            ("-PT6H", -6 * HOUR_MS),
            ("PT-0.5S", -500),
            ("PT1.5S", 1_500),
        ] {
            assert_eq!(parse_duration(text), Ok(expected), "{text}");
        }
        for text in ["", "P", "PT", "1D", "P1H", "PT1D", "PT1M1H", "P1Y", "PT1.5M", "P--1D", "PTS"]
        {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
