//! The way to the active controller.
//!
//! A broker sees the controller as somebody who answers Kafka's own requests; whether it lives in
//! this process or behind a socket is the node's business.

use std::future::Future;
use std::pin::Pin;

use ottla_wire::ErrorCode;
use ottla_wire::messages::{RequestBody, ResponseBody};

/// The pending answer of the controller.
pub type ControllerAnswer<'a> =
    Pin<Box<dyn Future<Output = Result<ResponseBody, ErrorCode>> + Send + 'a>>;

/// Sends requests to the active controller.
pub trait ControllerChannel: Send + Sync {
    /// Asks the controller. An error means that it could not be asked (`NOT_CONTROLLER`,
    /// `REQUEST_TIMED_OUT`); a refusal comes in the response.
    fn ask(&self, request: RequestBody, version: i16, principal: &str) -> ControllerAnswer<'_>;
}
