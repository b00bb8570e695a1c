//! `ottla start [server.properties] [--override key=value]... [-daemon]`: runs a node.
//!
//! Takes what `kafka-server-start.sh` takes. Without a file the embedded defaults hold: one broker
//! on localhost:9092 with its data under `./ottla-data`.

mod log_bounds;
mod log_levels;

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use ottla_metadata::config::properties::{Property, parse};
use ottla_metadata::config::{Notice, ServerConfig};
use ottla_node::{Node, World};
use ottla_world::{OsRandom, RealDisk, SystemClock};
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "\
Starts an Ottla node.

Usage: ottla start [server.properties] [--override KEY=VALUE]... [-daemon]

  server.properties     A Kafka server configuration, of ZooKeeper or KRaft days.
                        Without one: a broker on localhost:9092, data under ./ottla-data.
  --override KEY=VALUE  Sets a key, whatever the file says. May be repeated.
  -daemon               Goes on in the background; the log goes to logs/server.log.

Example: ottla start --override listeners=PLAINTEXT://localhost:19092 --override log.dirs=/tmp/other";

/// What holds where nobody says otherwise and no file is given.
const EMBEDDED: [(&str, &str); 2] =
    [("listeners", "PLAINTEXT://localhost:9092"), ("log.dirs", "ottla-data")];

/// What the command line asks for.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Options {
    pub(crate) file: Option<String>,
    pub(crate) overrides: Vec<(String, String)>,
    daemon: bool,
    help: bool,
}

/// Runs the verb.
pub(crate) fn run(arguments: &[String]) -> ExitCode {
    let options = match options(arguments) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("error: {error}\n\n{USAGE}");
            return ExitCode::from(1);
        }
    };
    if options.help {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let outcome = if options.daemon { daemon(arguments) } else { serve(&options) };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(1)
        }
    }
}

pub(crate) fn options(arguments: &[String]) -> Result<Options> {
    let mut options = Options::default();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let pair = match argument.as_str() {
            "-daemon" | "--daemon" => {
                options.daemon = true;
                continue;
            }
            "-h" | "--help" => {
                options.help = true;
                continue;
            }
            "--override" => rest.next().context("--override needs KEY=VALUE")?,
            other => match other.strip_prefix("--override=") {
                Some(pair) => pair,
                None if other.starts_with('-') => bail!("unknown option {other}"),
                None if options.file.is_some() => {
                    bail!("one configuration file is enough: {other}")
                }
                None => {
                    options.file = Some(other.to_owned());
                    continue;
                }
            },
        };
        let Some((key, value)) = pair.split_once('=') else {
            bail!("--override needs KEY=VALUE, not {pair}");
        };
        options.overrides.push((key.trim().to_owned(), value.to_owned()));
    }
    Ok(options)
}

/// Reads the file and the overrides into a checked configuration.
fn configuration(options: &Options) -> Result<(ServerConfig, Vec<Notice>)> {
    let mut properties = match &options.file {
        None => Vec::new(),
        Some(file) => {
            let text = std::fs::read(file).map_err(|error| {
                anyhow::anyhow!(
                    "cannot read {file}\n  {error}\n  hint: name a file that exists, or none for a \
                     broker with defaults on localhost:9092"
                )
            })?;
            parse(&String::from_utf8_lossy(&text))
        }
    };
    for (key, value) in &options.overrides {
        properties.push(Property { line: 0, key: key.clone(), value: value.clone() });
    }
    let (mut config, notices) = ServerConfig::new(properties).map_err(|invalid| {
        let told: Vec<String> = invalid.iter().map(ToString::to_string).collect();
        anyhow::anyhow!(
            "invalid configuration\n  {}\n  hint: correct these values in the file or after \
             --override; the names and defaults are Kafka's",
            told.join("\n  ")
        )
    })?;
    if options.file.is_none() {
        for (key, value) in EMBEDDED {
            if !(key == "log.dirs" && config.is_given("log.dir")) {
                config.set_default(key, value);
            }
        }
    }
    Ok((config, notices))
}

fn serve(options: &Options) -> Result<()> {
    let begun = std::time::Instant::now();
    let log_levels = Arc::new(log_levels::begin());
    let (config, notices) = configuration(options)?;
    for notice in notices {
        match notice {
            Notice::Info(text) => tracing::info!("{text}"),
            Notice::Warn(text) => tracing::warn!("{text}"),
        }
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(async {
        let world = World {
            disk: Arc::new(RealDisk),
            clock: Arc::new(SystemClock::default()),
            random: Arc::new(OsRandom),
            log_levels,
        };
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut node = Node::start(config, world).await.map_err(|error| anyhow::anyhow!("{error}"))?;
        greet(&node, begun.elapsed())?;
        let failure = tokio::select! {
            _ = terminate.recv() => None,
            _ = interrupt.recv() => None,
            reason = node.failed() => Some(reason),
        };
        tracing::info!("stopping");
        node.stop().await;
        tracing::info!("stopped");
        match failure {
            None => Ok(()),
            Some(reason) => bail!(
                "the node stopped because its disk failed\n  {reason}\n  \
                 hint: check the disks under log.dirs, then start again: nothing acknowledged is lost"
            ),
        }
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    outcome
}

/// Five lines: where it listens, where its data lies, what to try next.
fn greet(node: &Node, took: std::time::Duration) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let directories: Vec<String> =
        node.directories.iter().map(|path| path.display().to_string()).collect();
    let http = node.http.map(|at| format!(", metrics on http://{at}/metrics")).unwrap_or_default();
    writeln!(
        out,
        "Ottla {} started in {} ms: node {}, cluster {}",
        env!("CARGO_PKG_VERSION"),
        took.as_millis(),
        node.node_id,
        node.cluster_id
    )?;
    writeln!(out, "  listening on {}{http}", node.listening.join(", "))?;
    writeln!(out, "  data in      {}", directories.join(", "))?;
    let address = reachable(node.listening.first().map_or("", String::as_str));
    writeln!(out, "  try          bin/kafka-topics.sh --bootstrap-server {address} --list")?;
    writeln!(out, "  stop with    Ctrl-C")?;
    out.flush()?;
    Ok(())
}

/// What a client on this machine is told to connect to: a listener's address, as shown.
fn reachable(listening: &str) -> String {
    let address = listening.split_once("://").map_or(listening, |(_, address)| address);
    let address = address.split(' ').next().unwrap_or_default();
    match address.rsplit_once(':') {
        Some(("" | "0.0.0.0" | "[::]", port)) => format!("localhost:{port}"),
        _ => address.to_owned(),
    }
}

/// Starts the same command in the background, with its output in `logs/server.log`.
fn daemon(arguments: &[String]) -> Result<()> {
    let directory = std::env::var("LOG_DIR").unwrap_or_else(|_| "logs".to_owned());
    let directory = Path::new(&directory);
    std::fs::create_dir_all(directory)
        .with_context(|| format!("cannot create {}", directory.display()))?;
    let path = directory.join("server.log");
    let log = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    let program = std::env::current_exe().context("cannot find this program")?;
    let kept = arguments.iter().filter(|argument| !argument.trim_start_matches('-').eq("daemon"));
    std::process::Command::new(program)
        .arg("start")
        .args(kept)
        .stdin(std::process::Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        // Ctrl-C in this terminal is not meant for it.
        .process_group(0)
        .spawn()
        .context("cannot start in the background")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<Options> {
        options(&arguments.iter().map(|argument| (*argument).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn the_command_line_is_that_of_kafka() {
        let options = read(&["-daemon", "a.properties", "--override", "k=v=w", "--override=x=1"])
            .expect("valid");
        assert!(options.daemon);
        assert_eq!(options.file.as_deref(), Some("a.properties"));
        let expected = [("k".to_owned(), "v=w".to_owned()), ("x".to_owned(), "1".to_owned())];
        assert_eq!(options.overrides, expected);
        for wrong in [&["--override"][..], &["--override", "k"], &["--nonsense"], &["a", "b"]] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_greeting_names_an_address_that_answers() {
        for (listening, address) in [
            ("PLAINTEXT://localhost:9092", "localhost:9092"),
            ("PLAINTEXT://0.0.0.0:9092 (advertised as a:1)", "localhost:9092"),
            ("PLAINTEXT://:9092", "localhost:9092"),
        ] {
            assert_eq!(reachable(listening), address);
        }
    }

    #[test]
    fn embedded_defaults_hold_only_without_a_file() {
        let (config, _) = configuration(&Options::default()).expect("valid");
        assert_eq!(config.text("log.dirs"), Some("ottla-data"));
        assert_eq!(config.text("listeners"), Some("PLAINTEXT://localhost:9092"));
    }
}
