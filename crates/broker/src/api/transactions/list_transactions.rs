//! ListTransactions: the transactions that this broker coordinates (KIP-664).
//!
//! v1: a filter by duration.  v2: a pattern for transactional ids.

use ottla_coordinator::transaction::{Body, Response, listing_of_nobody};
use ottla_wire::messages::{ListTransactionsRequest, ListTransactionsResponse};

use crate::broker::Broker;
use crate::request::Caller;

pub(crate) async fn list_transactions(
    broker: &Broker,
    _caller: &Caller,
    request: ListTransactionsRequest,
) -> ListTransactionsResponse {
    let mut response = listing_of_nobody(&request);
    for answer in broker.transactions.ask_all(&Body::List(request)).await {
        match answer {
            // What is wrong with the request everybody finds.
            Ok(Response::Listed(part)) => {
                response.transaction_states.extend(part.transaction_states);
            }
            Ok(other) => unreachable!("a coordinator answers what it was asked, not {other:?}"),
            // A list with holes would tell of transactions that they do not exist.
            Err(code) => {
                return ListTransactionsResponse { error_code: code.code(), ..Default::default() };
            }
        }
    }
    response
}
