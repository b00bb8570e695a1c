//! The command line of `dump-log`.

use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use ottla_terminal::options::{Options, Parser, Stop, end};

use super::decode::{Decoder, PlainDecoder};
use super::{Findings, Settings, file_name, index_files, segment, state_files};

const TEXT_DECODER: &str = "org.apache.kafka.tools.api.StringDecoder";

/// Runs the tool.
pub fn run(arguments: &[String]) -> ExitCode {
    let mut out = BufWriter::new(io::stdout().lock());
    let outcome = dump_log(arguments, &mut out, &mut io::stderr().lock());
    let flushed = out.flush();
    drop(out);
    end(outcome.and_then(|()| Ok(flushed?)))
}

/// Prints what the command line asks for.
pub(super) fn dump_log(
    arguments: &[String],
    out: &mut dyn Write,
    complaints: &mut dyn Write,
) -> Result<(), Stop> {
    let parser = parser();
    let options = parser.parse(arguments)?;
    options.help_or_version(
        "This tool helps to parse a log file and dump its contents to the console, useful for debugging a seemingly corrupt log segment.",
    )?;
    options.require(&["files"])?;
    let settings = settings(&options)?;
    let files = options.text("files")?.unwrap_or_default();
    dump(files.split(','), &settings, out, complaints)
        .map_err(|error| Stop::refused(format!("error: {error:#}")))
}

fn parser() -> Parser {
    let mut parser = Parser::new();
    parser.flag(
        "print-data-log",
        "If set, printing the messages content when dumping data logs. Automatically set if any decoder option is specified.",
    );
    parser.flag(
        "verify-index-only",
        "If set, just verify the index log without printing its content.",
    );
    parser.flag(
        "index-sanity-check",
        "If set, just checks the index sanity without printing its content. This is the same check that is executed on broker startup to determine if an index needs rebuilding or not.",
    );
    parser
        .value(
            "files",
            "REQUIRED: The comma separated list of data and index log files to be dumped.",
        )
        .described_as("file1, file2, ...");
    parser
        .value("max-message-size", "Size of largest message.")
        .described_as("size")
        .of_type("Integer")
        .defaults_to(5 * 1024 * 1024);
    parser
        .value(
            "max-bytes",
            "Limit the amount of total batches read in bytes avoiding reading the whole .log file(s).",
        )
        .described_as("size")
        .of_type("Integer")
        .defaults_to(i32::MAX);
    parser.flag(
        "deep-iteration",
        "If set, uses deep instead of shallow iteration. Automatically set if print-data-log is enabled.",
    );
    for (name, what) in [("value-decoder-class", "messages"), ("key-decoder-class", "keys")] {
        let description = format!(
            "If set, used to deserialize the {what}. This class should implement org.apache.kafka.tools.api.Decoder trait. Custom jar should be available in kafka/libs directory."
        );
        parser.perhaps_value(name, description).defaults_to(TEXT_DECODER);
    }
    for (name, what) in [
        ("offsets-decoder", "offset data from the __consumer_offsets topic."),
        ("transaction-log-decoder", "transaction metadata from the __transaction_state topic."),
        ("cluster-metadata-decoder", "cluster metadata records."),
        (
            "remote-log-metadata-decoder",
            "TopicBasedRemoteLogMetadataManager (RLMM) metadata records. Instead, the value-decoder-class option can be used if a custom RLMM implementation is configured.",
        ),
        ("share-group-state-decoder", "share group state data from the __share_group_state topic."),
    ] {
        parser.flag(name, format!("If set, log data will be parsed as {what}"));
    }
    parser.flag(
        "skip-record-metadata",
        "Skip metadata when printing records. This flag also skips control records.",
    );
    parser
}

fn settings(options: &Options<'_>) -> Result<Settings, Stop> {
    let decodes = [
        "print-data-log",
        "offsets-decoder",
        "transaction-log-decoder",
        "cluster-metadata-decoder",
        "remote-log-metadata-decoder",
        "value-decoder-class",
        "key-decoder-class",
        "share-group-state-decoder",
    ];
    let size = |name| -> Result<u32, Stop> {
        let size: i32 = options.number(name)?.unwrap_or(i32::MAX);
        u32::try_from(size).map_err(|_| Stop::refused(format!("error: {name} is negative: {size}")))
    };
    Ok(Settings {
        lists_records: options.has("deep-iteration"),
        prints_contents: decodes.iter().any(|name| options.has(name)),
        skips_record_metadata: options.has("skip-record-metadata"),
        decoder: decoder(options)?,
        bytes_max: size("max-bytes")?,
        message_bytes_max: size("max-message-size")?,
        only_verify: options.has("verify-index-only"),
        only_sanity: options.has("index-sanity-check"),
    })
}

fn decoder(options: &Options<'_>) -> Result<Decoder, Stop> {
    let internal = [
        ("offsets-decoder", Decoder::Offsets),
        ("transaction-log-decoder", Decoder::TransactionLog),
        ("cluster-metadata-decoder", Decoder::ClusterMetadata),
        ("remote-log-metadata-decoder", Decoder::RemoteLogMetadata),
        ("share-group-state-decoder", Decoder::ShareGroupState),
    ];
    if let Some((_, decoder)) = internal.iter().find(|(name, _)| options.has(name)) {
        return Ok(*decoder);
    }
    let plain = |name| -> Result<PlainDecoder, Stop> {
        let class = options.text(name)?.unwrap_or(TEXT_DECODER);
        PlainDecoder::of_class(class).ok_or_else(|| {
            Stop::refused(format!(
                "error: Failed to load decoder class {class}\n  hint: Java classes can't be loaded here; \
                 StringDecoder, IntegerDecoder, LongDecoder and DefaultDecoder of org.apache.kafka.tools.api are built in"
            ))
        })
    };
    Ok(Decoder::Plain { key: plain("key-decoder-class")?, value: plain("value-decoder-class")? })
}

/// Prints files, and at the end what is wrong with them.
fn dump<'a>(
    files: impl Iterator<Item = &'a str>,
    settings: &Settings,
    out: &mut dyn Write,
    complaints: &mut dyn Write,
) -> Result<()> {
    let mut findings = Findings::default();
    for file in files {
        let path = Path::new(file);
        writeln!(out, "Dumping {file}")?;
        let name = file_name(path);
        match name.rsplit_once('.').map(|(_, suffix)| suffix) {
            Some("log" | "checkpoint") => segment::dump(out, path, settings, &mut findings)?,
            Some("index") => index_files::dump_offsets(out, path, settings, &mut findings)?,
            Some("timeindex") => index_files::dump_times(out, path, settings, &mut findings)?,
            Some("snapshot") => state_files::dump_producers(out, complaints, path)?,
            Some("txnindex") => state_files::dump_aborted(out, path)?,
            _ => writeln!(complaints, "Ignoring unknown file {file}")?,
        }
    }
    findings.tell(complaints)?;
    Ok(())
}
