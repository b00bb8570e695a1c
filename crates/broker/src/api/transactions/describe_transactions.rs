//! DescribeTransactions, version 0 (KIP-664).

use ottla_coordinator::transaction::{Body, Response};
use ottla_wire::messages::describe_transactions_response::TransactionState;
use ottla_wire::messages::{DescribeTransactionsRequest, DescribeTransactionsResponse};

use super::transaction_call::ask;
use crate::broker::Broker;
use crate::request::Caller;

/// Tells the state of each transactional id that is asked for.
pub(crate) async fn describe_transactions(
    broker: &Broker,
    _caller: &Caller,
    request: DescribeTransactionsRequest,
) -> DescribeTransactionsResponse {
    let mut transaction_states = Vec::with_capacity(request.transactional_ids.len());
    for transactional_id in request.transactional_ids {
        let body = Body::Describe { transactional_id: transactional_id.clone() };
        transaction_states.push(match ask(broker, &transactional_id, body).await {
            Ok(Response::Described(state)) => state,
            Ok(other) => unreachable!("a coordinator answers what it was asked, not {other:?}"),
            Err(code) => TransactionState {
                error_code: code.code(),
                transactional_id,
                ..TransactionState::default()
            },
        });
    }
    DescribeTransactionsResponse { transaction_states, ..Default::default() }
}
