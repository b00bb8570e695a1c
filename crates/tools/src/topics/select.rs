//! Listing topics, and finding those that an expression means.

use ottla_client::admin::Admin;
use ottla_terminal::failure::Failure;
use ottla_terminal::options::{Options, Stop};
use ottla_terminal::output;

use crate::topic_filter::TopicFilter;

/// `--list`.
pub(super) async fn list(admin: &Admin, options: &Options<'_>) -> Result<(), Failure> {
    let names = matching(admin, options).await?;
    Ok(output::line(names.join("\n"))?)
}

/// The topics that `--topic` means, all when it is not given; in order of their names.
pub(super) async fn matching(admin: &Admin, options: &Options<'_>) -> Result<Vec<String>, Failure> {
    let exclude_internal = options.has("exclude-internal");
    let listings = admin.list_topics(!exclude_internal).await?;
    let names = listings.into_iter().map(|listing| listing.name);
    Ok(match named(options)? {
        None => names.collect(),
        Some(expression) => {
            let filter = TopicFilter::new(expression)?;
            names.filter(|name| filter.allows(name, exclude_internal)).collect()
        }
    })
}

/// Refuses when `--topic` means no topic and `--if-exists` does not say that this is fine.
pub(super) fn ensure_found(found: &[String], options: &Options<'_>) -> Result<(), Failure> {
    match named(options)? {
        Some(expression)
            if !expression.is_empty() && found.is_empty() && !options.has("if-exists") =>
        {
            Err(Failure::illegal(format!("Topic '{expression}' does not exist as expected")))
        }
        _ => Ok(()),
    }
}

/// The topic, or the expression for topics, that the command line names.
fn named<'a>(options: &'a Options<'_>) -> Result<Option<&'a str>, Stop> {
    if options.has("topic") { options.text("topic") } else { Ok(None) }
}
