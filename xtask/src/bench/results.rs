//! What was measured: lines of `bench/results`, ratios, the table of `docs/benchmarks.md`.

use super::suite::Figures;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

const FOLDER: &str = "bench/results";
const FILE: &str = "bench/results/measurements.jsonl";
const PAGE: &str = "docs/benchmarks.md";
const TABLE_BEGINS: &str = "<!-- table: written by `cargo xtask bench` -->\n";
const TABLE_ENDS: &str = "<!-- end of table -->\n";
const KAFKA_VERSION: &str = "4.3.1";

/// One measurement of one side.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measurement {
    workload: String,
    case: String,
    side: String,
    pair: usize,
    figures: BTreeMap<String, f64>,
}

impl Measurement {
    pub fn new(
        workload: String,
        case: String,
        side: String,
        pair: usize,
        figures: Figures,
    ) -> Self {
        let figures = figures.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Measurement { workload, case, side, pair, figures }
    }
}

/// A measurement with where and when it was taken.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Line {
    /// Seconds of the Unix epoch at which the run began.
    run: u64,
    commit: String,
    kafka: String,
    java: String,
    machine: String,
    #[serde(flatten)]
    measurement: Measurement,
}

/// The measurements of this run.
pub struct Results {
    template: Line,
    measurements: Vec<Measurement>,
    /// How many of them are in the file.
    recorded: usize,
}

impl Results {
    pub fn new(root: &Path) -> Result<Results> {
        let nothing = Measurement::new(String::new(), String::new(), String::new(), 0, Vec::new());
        let template = Line {
            run: SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs(),
            commit: said(
                Command::new("git").args(["rev-parse", "--short", "HEAD"]).current_dir(root),
            ),
            kafka: KAFKA_VERSION.to_owned(),
            java: said(Command::new("java").arg("--version")),
            machine: machine()?,
            measurement: nothing,
        };
        Ok(Results { template, measurements: Vec::new(), recorded: 0 })
    }

    pub fn note(&mut self, measurement: Measurement) {
        self.measurements.push(measurement);
    }

    /// A line for each figure.
    pub fn summary(&self) -> String {
        let mut text = String::new();
        for row in rows(&self.measurements) {
            let Row { workload, case, figure, ratios, .. } = &row;
            let _ = writeln!(text, "{workload} {case}: {figure} {}", ratios.shown());
        }
        text
    }

    /// Adds the measurements to the recorded ones, each once.
    pub fn record(&mut self, root: &Path) -> Result<()> {
        fs::create_dir_all(root.join(FOLDER))?;
        let mut file = OpenOptions::new().create(true).append(true).open(root.join(FILE))?;
        for measurement in &self.measurements[self.recorded..] {
            let line = Line { measurement: measurement.clone(), ..self.template.clone() };
            writeln!(file, "{}", serde_json::to_string(&line)?)?;
        }
        self.recorded = self.measurements.len();
        Ok(())
    }
}

/// Writes the table anew from the newest recorded measurements of each case.
pub fn write_table(root: &Path) -> Result<()> {
    let recorded = fs::read_to_string(root.join(FILE)).unwrap_or_default();
    let lines: Vec<Line> = recorded
        .lines()
        .map(|line| serde_json::from_str(line).with_context(|| line.to_owned()))
        .collect::<Result<_>>()?;
    let newest = newest(lines);
    let measurements: Vec<Measurement> =
        newest.iter().map(|line| line.measurement.clone()).collect();
    let mut table = String::from(
        "| workload | case | figure | Ottla | Kafka | ratio, median (min..max) | pairs |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for row in rows(&measurements) {
        let Row { workload, case, figure, ottla, kafka, ratios } = &row;
        let _ = writeln!(
            table,
            "| {workload} | {case} | {figure} | {} | {} | {} | {} |",
            rounded(*ottla),
            rounded(*kafka),
            ratios.shown(),
            ratios.0.len()
        );
    }
    if let Some(line) = newest.last() {
        let Line { commit, kafka, java, machine, .. } = line;
        let _ = writeln!(table, "\nLast run: commit {commit}, Kafka {kafka}, {java}; {machine}.");
    }
    let path = root.join(PAGE);
    let page = fs::read_to_string(&path).with_context(|| PAGE.to_owned())?;
    fs::write(path, replaced(&page, &table).context("no place for the table")?)?;
    Ok(())
}

fn replaced(page: &str, table: &str) -> Option<String> {
    let (before, rest) = page.split_once(TABLE_BEGINS)?;
    let (_, after) = rest.split_once(TABLE_ENDS)?;
    Some(format!("{before}{TABLE_BEGINS}\n{table}\n{TABLE_ENDS}{after}"))
}

/// For each case the lines of its last run.
fn newest(lines: Vec<Line>) -> Vec<Line> {
    let mut last: BTreeMap<(String, String), u64> = BTreeMap::new();
    for line in &lines {
        let key = (line.measurement.workload.clone(), line.measurement.case.clone());
        let run = last.entry(key).or_default();
        *run = (*run).max(line.run);
    }
    let is_last = |line: &Line| {
        let key = (line.measurement.workload.clone(), line.measurement.case.clone());
        last.get(&key) == Some(&line.run)
    };
    lines.into_iter().filter(is_last).collect()
}

/// One figure of one case.
struct Row {
    workload: String,
    case: String,
    figure: String,
    /// Medians of either side.
    ottla: f64,
    kafka: f64,
    ratios: Ratios,
}

/// Ottla's figure over Kafka's, a pair each, in ascending order.
struct Ratios(Vec<f64>);

impl Ratios {
    fn shown(&self) -> String {
        let (Some(least), Some(most)) = (self.0.first(), self.0.last()) else {
            return "no pair".to_owned();
        };
        format!("{} ({}..{})", rounded(median(&self.0)), rounded(*least), rounded(*most))
    }
}

fn rows(measurements: &[Measurement]) -> Vec<Row> {
    let mut pairs: BTreeMap<(&str, &str, &str), BTreeMap<usize, [Option<f64>; 2]>> =
        BTreeMap::new();
    for measurement in measurements {
        let Measurement { workload, case, side, pair, figures } = measurement;
        for (figure, value) in figures {
            let place = pairs.entry((workload, case, figure)).or_default().entry(*pair);
            place.or_default()[usize::from(side == "kafka")] = Some(*value);
        }
    }
    let row = |((workload, case, figure), pairs): ((&str, &str, &str), BTreeMap<_, [_; 2]>)| {
        let both: Vec<(f64, f64)> =
            pairs.into_values().filter_map(|[ottla, kafka]| Some((ottla?, kafka?))).collect();
        Row {
            workload: workload.to_owned(),
            case: case.to_owned(),
            figure: figure.to_owned(),
            ottla: median(&sorted(both.iter().map(|pair| pair.0))),
            kafka: median(&sorted(both.iter().map(|pair| pair.1))),
            ratios: Ratios(sorted(both.iter().map(|pair| pair.0 / pair.1))),
        }
    };
    pairs.into_iter().map(row).collect()
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

fn median(sorted: &[f64]) -> f64 {
    match sorted.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => sorted[count / 2],
        count => (sorted[count / 2 - 1] + sorted[count / 2]) / 2.0,
    }
}

/// Three digits that say something.
fn rounded(value: f64) -> String {
    let digits = match value.abs() {
        large if large >= 100.0 => 0,
        large if large >= 10.0 => 1,
        middle if middle >= 1.0 => 2,
        small if small >= 0.1 => 3,
        _ => 4,
    };
    format!("{value:.digits$}")
}

fn said(command: &mut Command) -> String {
    let output = command.output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).lines().next().unwrap_or_default().to_owned()
}

/// Processor, cores, memory and kernel; no names.
fn machine() -> Result<String> {
    let processors = fs::read_to_string("/proc/cpuinfo")?;
    let model = processors.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown processor", |rest| rest.trim_start_matches(['\t', ' ', ':']));
    let cores = std::thread::available_parallelism()?;
    let memory = fs::read_to_string("/proc/meminfo")?;
    let kilobytes = memory.split_whitespace().nth(1).unwrap_or("0").parse::<u64>().unwrap_or(0);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    Ok(format!(
        "{model}, {cores} cores, {} GB, Linux {}",
        kilobytes / 1_000_000,
        kernel.trim().split('-').next().unwrap_or_default()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(side: &str, pair: usize, value: f64) -> Measurement {
        let figures = vec![("ms", value)];
        Measurement::new("S1".to_owned(), "empty".to_owned(), side.to_owned(), pair, figures)
    }

    #[test]
    fn ratios_are_taken_within_a_pair() {
        let measurements = [
            measured("ottla", 0, 10.0),
            measured("kafka", 0, 100.0),
            measured("kafka", 1, 400.0),
            measured("ottla", 1, 80.0),
            measured("ottla", 2, 30.0),
            measured("kafka", 2, 100.0),
            measured("ottla", 3, 1.0),
        ];
        let rows = rows(&measurements);
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].ratios.0, [0.1, 0.2, 0.3]);
        assert_eq!((rows[0].ottla, rows[0].kafka), (30.0, 100.0));
        assert_eq!(rows[0].ratios.shown(), "0.200 (0.100..0.300)");
    }

    #[test]
    fn the_table_takes_the_place_of_the_old_one() {
        let page = format!("head\n{TABLE_BEGINS}old\n{TABLE_ENDS}foot\n");
        let page = replaced(&page, "| new |\n").expect("a place");
        assert_eq!(page, format!("head\n{TABLE_BEGINS}\n| new |\n\n{TABLE_ENDS}foot\n"));
        assert_eq!(replaced("no place", ""), None);
    }
}
