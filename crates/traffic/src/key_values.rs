//! Properties on the command line: `--command-property acks=1`, and the files beside them.

use ottla_terminal::connect::{self, Properties};
use ottla_terminal::options::{Options, Stop};

/// What the file that option `file` names says, and over it what the options `single` say.
pub(crate) fn collect(options: &Options<'_>, file: &str, single: &str) -> Result<Properties, Stop> {
    let mut properties = in_file(options, file)?;
    properties.extend(given(options.texts(single)));
    Ok(properties)
}

/// What the file that option `file` names says; nothing without the option.
pub(crate) fn in_file(options: &Options<'_>, file: &str) -> Result<Properties, Stop> {
    options.text(file)?.map_or_else(|| Ok(Properties::new()), connect::properties_file)
}

/// `key=value` entries; one without `=` has an empty value, as in Kafka's tools.
pub(crate) fn given(entries: &[String]) -> impl Iterator<Item = (String, String)> {
    let entries = entries.iter().filter(|entry| !entry.is_empty());
    entries.map(|entry| {
        let (key, value) = entry.split_once('=').unwrap_or((entry, ""));
        (key.to_owned(), value.to_owned())
    })
}

/// An option whose value, given or by default, goes into `properties` unless they have the key already.
pub(crate) fn merge(
    properties: &mut Properties,
    key: &str,
    options: &Options<'_>,
    option: &str,
) -> Result<(), Stop> {
    if options.has(option) || !properties.contains_key(key) {
        match options.text(option)? {
            Some(value) => properties.insert(key.to_owned(), value.to_owned()),
            None => properties.remove(key),
        };
    }
    Ok(())
}
