//! Command lines as Apache's tools read them, and help laid out as they print it.
//!
//! Two libraries stand behind those tools: joptsimple (`--name value`, `--name=value`) and
//! argparse4j (subcommands, short flags, abbreviations). Each has its twin here.
//!
//! # Layout
//! - `parser`: declaring options, and reading a command line (joptsimple)
//! - `parsed`: what a command line says, and the checks of Kafka's tools on it
//! - `table`: the help of those, in two columns
//! - `arguments`, `usage`: commands with subcommands, and their help (argparse4j)
//! - `breaks`: where a line may be broken
//! - `similar`: names that might be meant
//! - `stop`: how a tool ends early

mod arguments;
mod breaks;
mod parsed;
mod parser;
mod similar;
mod stop;
mod table;
mod usage;

pub use arguments::{Argument, Arguments, Command};
pub use parsed::Options;
pub use parser::Parser;
pub use stop::{KAFKA_VERSION, Stop, end};
