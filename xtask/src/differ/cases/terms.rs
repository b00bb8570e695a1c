//! Short words for the parts of requests that many cases need.

/// An owned text.
pub fn text(text: &str) -> String {
    text.to_owned()
}

/// A text that may be null, and is not.
pub fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}
