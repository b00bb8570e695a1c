//! Short words for the parts of requests that many cases need.

use crate::differ::book::Case;
use ottla_wire::messages::FindCoordinatorRequest;

/// An owned text.
pub fn text(text: &str) -> String {
    text.to_owned()
}

/// A text that may be null, and is not.
pub fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// What kind of coordinator a key has.
#[derive(Clone, Copy, Debug)]
pub enum Coordinated {
    Group = 0,
    Transaction = 1,
}

/// Has the topic of the coordinators created, on servers that are new, and waits for them.
pub fn coordinated(case: &mut Case, kind: Coordinated, key: &'static str) {
    case.ask(6, &format!("{key} has a coordinator"), move |_| FindCoordinatorRequest {
        coordinator_keys: vec![text(key)],
        key_type: kind as i8,
        ..Default::default()
    })
    .patient();
}
