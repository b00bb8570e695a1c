//! `cargo xtask bench`: Ottla beside Apache Kafka, on the same machine in the same run.
//!
//! Measurements come in pairs, in the order A B B A; what counts is the median of a pair's ratios.
//! Every measurement is a line of `bench/results`, from which the table of `docs/benchmarks.md` is
//! written. `docs/benchmarks.md` tells the method.

mod coordinators;
mod durable;
mod fetch;
mod groups;
mod many;
mod produce;
mod results;
mod server;
mod start;
mod suite;
mod tools;
mod transactions;

use anyhow::Result;
use clap::ValueEnum;
use std::fmt;
use std::path::{Path, PathBuf};

use suite::Suite;

/// Options of `cargo xtask bench`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The workloads; S1, S2, P1 and P2 when none is named
    #[arg(value_enum, ignore_case = true)]
    workloads: Vec<Workload>,
    /// Every workload: most of an hour for one pair, since each warms up by itself
    #[arg(long, conflicts_with = "workloads")]
    all: bool,
    /// How many pairs of measurements
    #[arg(long, default_value_t = 5)]
    pairs: usize,
    /// One short pair of each, to see that it works; nothing is recorded
    #[arg(long)]
    smoke: bool,
    /// Measure this binary instead of building one
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
    /// Take no measurement, only write the table anew
    #[arg(long)]
    table: bool,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
enum Workload {
    /// Start to first acknowledged record: empty, and with 1,000 partitions
    S1,
    /// Memory: idle, and after P1
    S2,
    /// 16 partitions, batches of 16 KB, four producers
    P1,
    /// Requests of one record, 64 producers, 128 partitions
    P2,
    /// Compressed batches of 1 MB
    P3,
    /// Latency at half of what Kafka can do
    P4,
    /// Acknowledged after flush.messages=1
    P5,
    /// Fetching what is in the page cache, and right behind a producer
    F1,
    /// Producing while somebody catches up
    F2,
    /// 5,000 connections
    C1,
    /// 9,999 partitions, as many as one request may create
    M1,
    /// Killed with data in 1,000 partitions, until all acknowledge again
    S3,
    /// 20 members on 200 partitions: join, leave, kill
    H2,
    /// Transactions of 100 ms beside none
    T1,
    /// Heartbeats of members of both protocols
    H1,
    /// Memory of 5,000 groups and 10,000 open transactions
    G1,
    /// A million offsets are loaded
    G2,
}

impl Workload {
    const USUAL: [Workload; 4] = [Workload::S1, Workload::S2, Workload::P1, Workload::P2];
}

impl fmt::Display for Workload {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self:?}")
    }
}

/// Measures, prints, records.
pub fn run(root: &Path, options: &Options) -> Result<()> {
    if options.table {
        return results::write_table(root);
    }
    let workloads = match options.workloads.as_slice() {
        _ if options.all => Workload::value_variants().to_vec(),
        [] => Workload::USUAL.to_vec(),
        named => named.to_vec(),
    };
    let mut suite = Suite::prepare(root, options)?;
    for workload in &workloads {
        println!("bench: {workload}");
        suite.begin(*workload);
        match workload {
            Workload::S1 => start::first_ack(&mut suite)?,
            Workload::S2 => start::memory(&mut suite)?,
            Workload::P1 => produce::batches(&mut suite)?,
            Workload::P2 => produce::single_records(&mut suite)?,
            Workload::P3 => produce::compressed(&mut suite)?,
            Workload::P4 => produce::latency(&mut suite)?,
            Workload::P5 => durable::flushed(&mut suite)?,
            Workload::F1 => fetch::cached(&mut suite)?,
            Workload::F2 => fetch::catch_up(&mut suite)?,
            Workload::C1 => many::connections(&mut suite)?,
            Workload::M1 => many::partitions(&mut suite)?,
            Workload::S3 => many::killed(&mut suite)?,
            Workload::T1 => transactions::commits(&mut suite)?,
            Workload::H2 => groups::rebalances(&mut suite)?,
            Workload::H1 => coordinators::heartbeats(&mut suite)?,
            Workload::G1 => coordinators::memory(&mut suite)?,
            Workload::G2 => coordinators::loading(&mut suite)?,
        }
        suite.keep()?;
    }
    println!("{}", suite.summary());
    Ok(())
}
