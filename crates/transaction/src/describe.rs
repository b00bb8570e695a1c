//! DescribeTransactions and ListTransactions (KIP-664).
//!
//! List v1: a filter by duration (KIP-994).  v2: by a pattern of transactional ids (KIP-1152).

use std::collections::{BTreeMap, BTreeSet};

use ottla_machine::{Decision, Millis, Token};
use ottla_wire::ErrorCode;
use ottla_wire::messages::describe_transactions_response::{TopicData, TransactionState};
use ottla_wire::messages::list_transactions_response::TransactionState as Listing;
use ottla_wire::messages::{ListTransactionsRequest, ListTransactionsResponse};
use regex::{Regex, RegexBuilder};

use super::coordinator::TransactionCoordinator;
use super::request::Response;
use super::state::{State, Transaction};

/// How much memory a client's pattern may need when it is compiled.
const PATTERN_BYTES_MAX: usize = 1 << 20;

impl TransactionCoordinator {
    pub(super) fn describe(&self, token: Token, transactional_id: String) -> Decision<Self> {
        let described = match self.find(&transactional_id) {
            None => failed(transactional_id, ErrorCode::TransactionalIdNotFound),
            Some(transaction) => description(transactional_id, transaction),
        };
        Decision::answer(token, Response::Described(described))
    }

    pub(super) fn list(
        &self,
        token: Token,
        request: &ListTransactionsRequest,
        now: Millis,
    ) -> Decision<Self> {
        Decision::answer(token, Response::Listed(listing(request, now, &self.transactions)))
    }
}

/// What ListTransactions is answered where there is no coordinator: what is wrong with its filters is told all the same.
#[must_use]
pub fn listing_of_nobody(request: &ListTransactionsRequest) -> ListTransactionsResponse {
    listing(request, 0, &BTreeMap::new())
}

fn listing(
    request: &ListTransactionsRequest,
    now: Millis,
    transactions: &BTreeMap<String, Transaction>,
) -> ListTransactionsResponse {
    let filter = match Filter::new(request, now) {
        Ok(filter) => filter,
        Err(code) => {
            return ListTransactionsResponse { error_code: code.code(), ..Default::default() };
        }
    };
    let matching = transactions.iter().filter(|(id, transaction)| filter.matches(id, transaction));
    let listing = |(id, transaction): (&String, &Transaction)| Listing {
        transactional_id: id.clone(),
        producer_id: transaction.producer_id,
        transaction_state: transaction.state.name().to_owned(),
        ..Listing::default()
    };
    ListTransactionsResponse {
        transaction_states: matching.map(listing).collect(),
        unknown_state_filters: filter.unknown_states,
        ..ListTransactionsResponse::default()
    }
}

pub(super) fn failed(transactional_id: String, code: ErrorCode) -> TransactionState {
    TransactionState { transactional_id, error_code: code.code(), ..TransactionState::default() }
}

fn description(transactional_id: String, transaction: &Transaction) -> TransactionState {
    // What is decided is decided for these, until the markers are written.
    let topics = transaction.partitions.iter().map(|(topic, partitions)| TopicData {
        topic: topic.clone(),
        partitions: partitions.iter().copied().collect(),
        ..TopicData::default()
    });
    TransactionState {
        transactional_id,
        transaction_state: transaction.state.name().to_owned(),
        transaction_timeout_ms: transaction.timeout_ms,
        transaction_start_time_ms: transaction.started_at,
        producer_id: transaction.producer_id,
        producer_epoch: transaction.producer_epoch,
        topics: topics.collect(),
        ..TransactionState::default()
    }
}

/// What ListTransactions asks for.
struct Filter {
    producer_ids: BTreeSet<i64>,
    /// `None`: all. Some state was asked for, even if no such state exists.
    states: Option<BTreeSet<State>>,
    unknown_states: Vec<String>,
    /// Only transactions that began before.
    began_before: Option<Millis>,
    pattern: Option<Regex>,
}

impl Filter {
    fn new(request: &ListTransactionsRequest, now: Millis) -> Result<Self, ErrorCode> {
        let (known, unknown): (Vec<&String>, Vec<&String>) =
            request.state_filters.iter().partition(|name| State::from_name(name).is_some());
        let states = known.into_iter().filter_map(|name| State::from_name(name)).collect();
        let pattern = request.transactional_id_pattern.as_deref().filter(|text| !text.is_empty());
        Ok(Self {
            producer_ids: request.producer_id_filters.iter().copied().collect(),
            states: (!request.state_filters.is_empty()).then_some(states),
            unknown_states: BTreeSet::from_iter(unknown).into_iter().cloned().collect(),
            began_before: (request.duration_filter >= 0)
                .then(|| now.saturating_sub(request.duration_filter)),
            pattern: pattern.map(compile).transpose()?,
        })
    }

    fn matches(&self, transactional_id: &str, transaction: &Transaction) -> bool {
        (self.producer_ids.is_empty() || self.producer_ids.contains(&transaction.producer_id))
            && self.states.as_ref().is_none_or(|states| states.contains(&transaction.state))
            && self.began_before.is_none_or(|before| transaction.started_at < before)
            && self.pattern.as_ref().is_none_or(|pattern| pattern.is_match(transactional_id))
    }
}

/// The pattern must match the whole id.
fn compile(pattern: &str) -> Result<Regex, ErrorCode> {
    RegexBuilder::new(&format!("^(?:{})$", without_quotes(pattern)))
        .size_limit(PATTERN_BYTES_MAX)
        .build()
        .map_err(|_| ErrorCode::InvalidRegularExpression)
}

/// RE2 takes what stands between `\Q` and `\E` as it is; the library needs it escaped.
fn without_quotes(pattern: &str) -> String {
    let mut plain = String::with_capacity(pattern.len());
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            plain.push(character);
            continue;
        }
        match characters.next() {
            Some('Q') => {
                let rest = characters.as_str();
                let (quoted, after) = rest.split_once("\\E").unwrap_or((rest, ""));
                plain.push_str(&regex::escape(quoted));
                characters = after.chars();
            }
            escaped => {
                plain.push('\\');
                plain.extend(escaped);
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_ids() {
        let cases = [
            ("a.c", "abc", true),
            ("a.c", "abcd", false),
            ("a|bc", "bc", true),
            (r"\Qa.c\E", "a.c", true),
            (r"\Qa.c\E", "abc", false),
            (r"\Qa.c\Ed*", "a.cdd", true),
            (r"\Q[", "[", true),
            (r"\\Q", r"\Q", true),
            (r"\.", ".", true),
        ];
        for (pattern, id, wanted) in cases {
            let compiled = compile(pattern).expect(pattern);
            assert_eq!(compiled.is_match(id), wanted, "{pattern} {id}");
        }
        for pattern in ["[", "*", r"\", r"\Qa\E["] {
            assert_eq!(
                compile(pattern).err(),
                Some(ErrorCode::InvalidRegularExpression),
                "{pattern}"
            );
        }
    }
}
