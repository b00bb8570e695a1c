//! Lines from standard input into the cluster.

use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::thread;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use ottla_client::Error;
use ottla_client::producer::{Delivery, Producer, ProducerConfig};
use ottla_terminal::failure::Failure;
use ottla_terminal::options::Stop;
use ottla_terminal::output;
use tokio::sync::mpsc;

use super::line_reader::{LineReader, Unreadable};
use super::lines::{Lines, TooLong};
use crate::interrupt::Interrupt;

const BLOCK_BYTES: usize = 64 * 1024;
/// Blocks that were read and wait to be sent.
const BLOCKS_MAX: usize = 4;
/// Records whose fate is not known yet; the reading waits when there are more.
const DELIVERIES_MAX: usize = 100_000;
/// As long as Java's `close()` waits: until `delivery.timeout.ms` settles every record.
const FOREVER: Duration = Duration::from_hours(24 * 365);

const LOGGER: &str = "org.apache.kafka.clients.producer.internals.ErrorLoggingCallback";

/// A record that is under way, and what to say of it if it fails.
struct Sent {
    delivery: Result<Delivery, Error>,
    topic: String,
    key_size: Option<usize>,
    value_size: Option<usize>,
}

/// Sends every line of standard input; gives the exit code.
pub(super) async fn send_lines(
    config: ProducerConfig,
    mut reader: LineReader,
    is_sync: bool,
) -> Result<u8, Stop> {
    let producer = Producer::new(config).map_err(|error| {
        Stop::refused(format!("org.apache.kafka.common.KafkaException: {error}"))
    })?;
    let mut interrupt = Interrupt::new()?;
    let (sent, fates) = mpsc::channel(DELIVERIES_MAX);
    let watcher = tokio::spawn(tell_failures(fates));
    let mut input = Input::open();
    let code = loop {
        let line = tokio::select! {
            line = input.line() => line,
            code = interrupt.heard() => break code,
        };
        let outcome = match line {
            Ok(Some(line)) => reader.record(&line).map_err(unreadable),
            Ok(None) => break 0,
            Err(failure) => Err(failure),
        };
        let record = match outcome {
            Ok(record) => record,
            Err(failure) => {
                output::plain_error(failure.exception);
                break 1;
            }
        };
        let (topic, key_size) = (record.topic.clone(), record.key.as_ref().map(Bytes::len));
        let value_size = record.value.as_ref().map(Bytes::len);
        let delivery = tokio::select! {
            delivery = producer.send(record) => delivery,
            code = interrupt.heard() => break code,
        };
        if is_sync {
            let outcome = match delivery {
                Ok(delivery) => delivery.await,
                Err(error) => Err(error),
            };
            if let Err(error) = outcome {
                let exception = Failure::from(error).exception;
                output::plain_error(format_args!(
                    "java.util.concurrent.ExecutionException: {exception}"
                ));
                break 1;
            }
            continue;
        }
        if sent.send(Sent { delivery, topic, key_size, value_size }).await.is_err() {
            break 1;
        }
    };
    drop(sent);
    let farewell = async {
        // Failures of single records are told one by one.
        let _ = producer.close(FOREVER).await;
        let _ = watcher.await;
    };
    let done = interrupt.or_at_once(farewell).await;
    Ok(if done.is_some() { code } else { code.max(1) })
}

/// Tells of every record that was not written, as Kafka's tool logs it.
async fn tell_failures(mut fates: mpsc::Receiver<Sent>) {
    while let Some(sent) = fates.recv().await {
        let outcome = match sent.delivery {
            Ok(delivery) => delivery.await,
            Err(error) => Err(error),
        };
        let Err(error) = outcome else { continue };
        let size = |size: Option<usize>| {
            size.map_or_else(|| "null".to_owned(), |size| format!("{size} bytes"))
        };
        let (key, value) = (size(sent.key_size), size(sent.value_size));
        output::log_error(
            format_args!(
                "Error when sending message to topic {} with key: {key}, value: {value} with error:",
                sent.topic
            ),
            LOGGER,
        );
        output::plain_error(Failure::from(error).exception);
    }
}

fn unreadable(Unreadable(words): Unreadable) -> Failure {
    Failure::new("org.apache.kafka.common.KafkaException", words)
}

/// Standard input, read by a thread of its own because a terminal may keep it waiting forever.
struct Input {
    blocks: mpsc::Receiver<io::Result<Bytes>>,
    lines: Lines,
    is_over: bool,
    prompts: bool,
    prompted: bool,
}

impl Input {
    fn open() -> Self {
        let (sender, blocks) = mpsc::channel(BLOCKS_MAX);
        thread::spawn(move || read_blocks(&sender));
        // As Java has a console: both ends are a terminal.
        let prompts = io::stdin().is_terminal() && io::stdout().is_terminal();
        Self { blocks, lines: Lines::default(), is_over: false, prompts, prompted: false }
    }

    /// The next line; none at the end. Nothing is lost when this is dropped.
    async fn line(&mut self) -> Result<Option<Bytes>, Failure> {
        self.prompt();
        loop {
            if let Some(line) = self.lines.next() {
                self.prompted = false;
                return Ok(Some(line));
            }
            if self.is_over {
                return Ok(self.lines.rest());
            }
            match self.blocks.recv().await {
                None => self.is_over = true,
                Some(Ok(block)) => self.lines.feed(block).map_err(|TooLong| {
                    Failure::new(
                        "java.lang.OutOfMemoryError",
                        "a line has more than 2147483647 bytes",
                    )
                })?,
                Some(Err(error)) => {
                    return Err(Failure::new("java.io.IOException", error.to_string()));
                }
            }
        }
    }

    fn prompt(&mut self) {
        if self.prompts && !self.prompted {
            self.prompted = true;
            let mut out = io::stdout().lock();
            // A terminal that is gone ends the input as well.
            let _ = out.write_all(b">").and_then(|()| out.flush());
        }
    }
}

fn read_blocks(blocks: &mpsc::Sender<io::Result<Bytes>>) {
    let mut input = io::stdin().lock();
    loop {
        let mut block = BytesMut::zeroed(BLOCK_BYTES);
        let outcome = match input.read(&mut block) {
            Ok(0) => return,
            Ok(size) => {
                block.truncate(size);
                Ok(block.freeze())
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let is_last = outcome.is_err();
        if blocks.blocking_send(outcome).is_err() || is_last {
            return;
        }
    }
}
