//! The `ottla` binary: one file a verb.
//!
//! Without a verb it starts a broker with embedded defaults. The launchers in `bin/` name a verb and
//! pass everything else on.

use std::process::ExitCode;

mod start;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        None => start::start(&[]),
        Some("start") => start::start(&arguments.collect::<Vec<_>>()),
        Some(other) => {
            eprintln!("error: unknown verb {other}\n  hint: `ottla --help` lists the verbs");
            ExitCode::from(2)
        }
    }
}
