//! A run: its pairs, its tools, and what it has measured so far.

use super::results::{Measurement, Results};
use super::server::Side;
use super::tools::Tools;
use super::{Options, Workload};
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Named numbers of one measurement.
pub type Figures = Vec<(&'static str, f64)>;

/// A run of some workloads.
pub struct Suite {
    pub tools: Tools,
    pub is_smoke: bool,
    pairs: usize,
    root: PathBuf,
    workload: Workload,
    results: Results,
}

impl Suite {
    pub fn prepare(root: &Path, options: &Options) -> Result<Suite> {
        let tools = Tools::prepare(root, options.binary.as_deref())?;
        let results = Results::new(root)?;
        let (is_smoke, root) = (options.smoke, root.to_owned());
        let pairs = if is_smoke { 1 } else { options.pairs };
        Ok(Suite { tools, is_smoke, pairs, root, workload: Workload::S1, results })
    }

    pub fn begin(&mut self, workload: Workload) {
        self.workload = workload;
    }

    /// `large`, or a part of it in a smoke run.
    pub fn scaled(&self, large: u64) -> u64 {
        if self.is_smoke { large / 10 } else { large }
    }

    /// Seconds that something lasts.
    pub fn seconds(&self, long: u64) -> u64 {
        if self.is_smoke { 2 } else { long }
    }

    /// Measures one case on both sides, in pairs: A B, B A, A B and so on.
    pub fn pairs(
        &mut self,
        case: &str,
        mut measure: impl FnMut(&Suite, Side) -> Result<Figures>,
    ) -> Result<()> {
        for pair in 0..self.pairs {
            let mut order = Side::BOTH;
            if pair % 2 == 1 {
                order.reverse();
            }
            for side in order {
                let figures = measure(self, side)
                    .with_context(|| format!("{} {case} on {side}", self.workload))?;
                let shown: Vec<String> =
                    figures.iter().map(|(name, value)| format!("{name} {value:.3}")).collect();
                println!("  {} {case} pair {pair} {side}: {}", self.workload, shown.join(", "));
                let workload = self.workload.to_string();
                let case = case.to_owned();
                let side = side.to_string();
                self.results.note(Measurement::new(workload, case, side, pair, figures));
            }
        }
        Ok(())
    }

    /// Records what the workload has measured, so that no later one can lose it; a smoke run's is not kept.
    pub fn keep(&mut self) -> Result<()> {
        if self.is_smoke {
            return Ok(());
        }
        self.results.record(&self.root)?;
        super::results::write_table(&self.root)
    }

    /// The ratios.
    pub fn summary(&self) -> String {
        self.results.summary()
    }
}

/// One of the figures of a measurement; not a number when there is no such figure.
pub fn number_of(figures: &Figures, name: &str) -> f64 {
    let found = figures.iter().find(|(known, _)| *known == name);
    found.map_or(f64::NAN, |(_, value)| *value)
}

/// A number of a report.
pub fn number(report: &Value, name: &str) -> Result<f64> {
    report[name].as_f64().with_context(|| format!("{name} in {report}"))
}
