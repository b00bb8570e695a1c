//! What the operations have in common: asking the controller, asking each leader, sorting out the answers.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::future::Future;
use std::hash::Hash;

use ottla_wire::api::Request;
use ottla_wire::{ErrorCode, Message};
use tokio::task::JoinSet;

use super::Admin;
use crate::cluster::{Cluster, Target, Topics};
use crate::error::{ApiError, Error, PerItem};
use crate::topic_partition::TopicPartition;

/// What a broker puts where it does not tell the authorized operations.
const NOT_TOLD: i32 = i32::MIN;

/// Authorized operations, where they were told.
pub(super) fn told(authorized_operations: i32) -> Option<i32> {
    Some(authorized_operations).filter(|operations| *operations != NOT_TOLD)
}

/// Sorts `results` into the order of `keys`; what was not answered is an `UNKNOWN_SERVER_ERROR`.
pub(super) fn in_order_of<K: Hash + Eq + Clone, T>(
    keys: impl Iterator<Item = K>,
    results: PerItem<K, T>,
) -> PerItem<K, T> {
    let mut by_key: HashMap<K, Result<T, ApiError>> = results.into_iter().collect();
    let missing = || ApiError {
        code: ErrorCode::UnknownServerError,
        message: Some("the broker did not answer for this item".to_owned()),
    };
    let mut seen = HashSet::new();
    // A key that was asked for twice is answered once.
    keys.filter(|key| seen.insert(key.clone()))
        .map(|key| {
            let result = by_key.remove(&key).unwrap_or_else(|| Err(missing()));
            (key, result)
        })
        .collect()
}

impl Admin {
    pub(super) fn request_timeout_ms(&self) -> i32 {
        i32::try_from(self.cluster().config().request_timeout.as_millis()).unwrap_or(i32::MAX)
    }

    /// Asks the controller, from version `least` on; `codes` tells whether the one asked was the controller.
    pub(super) async fn ask_controller<R: Request>(
        &self,
        least: i16,
        request: &R,
        codes: impl Fn(&R::Response) -> Vec<i16>,
    ) -> Result<R::Response, Error> {
        self.ask_controller_versioned(least, &|_| request.clone(), codes).await
    }

    /// As [`ask_controller`](Self::ask_controller), for requests whose shape depends on the version.
    pub(super) async fn ask_controller_versioned<R: Request>(
        &self,
        least: i16,
        build: &(impl Fn(i16) -> R + Send + Sync),
        codes: impl Fn(&R::Response) -> Vec<i16>,
    ) -> Result<R::Response, Error> {
        let versions = least..=*<R as Message>::VERSIONS.end();
        let mut retry = self.cluster().retry(R::API_KEY.name());
        loop {
            let error =
                match self.cluster().attempt(&Target::Controller, &versions, build, None).await {
                    Ok((response, _)) => {
                        let moved = codes(&response)
                            .into_iter()
                            .map(ErrorCode::from_code)
                            .find(|code| *code == ErrorCode::NotController);
                        match moved {
                            None => return Ok(response),
                            Some(code) => code.into(),
                        }
                    }
                    Err(error) => error,
                };
            self.cluster().suspect(&Target::Controller, &error);
            retry.again(error).await?;
        }
    }

    /// Asks a group's coordinator until it is the right one; `code` is the verdict on the whole group.
    pub(super) async fn ask_coordinator<R: Request>(
        &self,
        group: &str,
        build: &(impl Fn(i16) -> R + Send + Sync),
        code: impl Fn(&R::Response) -> i16,
    ) -> Result<(R::Response, i16), Error> {
        let target = Target::Group(group.to_owned());
        let versions = <R as Message>::VERSIONS;
        let mut retry = self.cluster().retry(R::API_KEY.name());
        loop {
            let error = match self.cluster().attempt(&target, &versions, build, None).await {
                Ok((response, version)) => {
                    let code = ErrorCode::from_code(code(&response));
                    if !is_about_coordinator(code) {
                        return Ok((response, version));
                    }
                    code.into()
                }
                Err(error) => error,
            };
            self.cluster().suspect(&target, &error);
            retry.again(error).await?;
        }
    }

    /// Asks each partition's leader, all leaders at once, and again those whose leader moved.
    ///
    /// `ask` gets one leader's share and answers for each partition of it.
    pub(super) async fn ask_leaders<Q, T, F>(
        &self,
        operation: &str,
        questions: Vec<(TopicPartition, Q)>,
        ask: impl Fn(Cluster, i32, Vec<(TopicPartition, Q)>) -> F,
    ) -> Result<PerItem<TopicPartition, T>, Error>
    where
        Q: Clone + Send + 'static,
        T: Send + 'static,
        F: Future<Output = Result<PerItem<TopicPartition, T>, Error>> + Send + 'static,
    {
        let order: Vec<TopicPartition> = questions.iter().map(|(key, _)| key.clone()).collect();
        let mut open: HashMap<TopicPartition, Q> = questions.into_iter().collect();
        let mut results = Vec::new();
        let mut retry = self.cluster().retry(operation);
        while !open.is_empty() {
            let (shares, mut doubt) = self.share_out(&open).await?;
            let mut asked = JoinSet::new();
            for (leader, share) in shares {
                asked.spawn(ask(self.cluster().clone(), leader, share));
            }
            while let Some(answered) = asked.join_next().await {
                match answered {
                    Ok(Ok(answers)) => {
                        for (key, answer) in answers {
                            match answer {
                                Err(refusal) if refusal.code.is_retriable() => {
                                    doubt = Some((Some(key), Error::Api(refusal)));
                                }
                                settled => {
                                    open.remove(&key);
                                    results.push((key, settled));
                                }
                            }
                        }
                    }
                    Ok(Err(error)) => doubt = Some((None, error)),
                    Err(_) => return Err(Error::Closed),
                }
            }
            if let Some((_, error)) = doubt.filter(|_| !open.is_empty()) {
                self.cluster().metadata_is_stale();
                if let Err(final_error) = retry.again(error).await {
                    give_up(&mut open, &mut results, final_error)?;
                }
            }
        }
        Ok(in_order_of(order.into_iter(), results))
    }

    async fn share_out<Q: Clone>(
        &self,
        open: &HashMap<TopicPartition, Q>,
    ) -> Result<
        (BTreeMap<i32, Vec<(TopicPartition, Q)>>, Option<(Option<TopicPartition>, Error)>),
        Error,
    > {
        let mut names: Vec<&str> = open.keys().map(|key| &*key.topic).collect();
        names.sort_unstable();
        names.dedup();
        let image = if self.cluster().is_fresh() {
            self.cluster().metadata_of(&names).await?
        } else {
            self.cluster().refresh(Topics::Named { names: &names, create: false }).await?
        };
        let mut shares: BTreeMap<i32, Vec<(TopicPartition, Q)>> = BTreeMap::new();
        let mut doubt = None;
        for (key, question) in open {
            match image.leader(key) {
                Ok(leader) => {
                    shares.entry(leader.id).or_default().push((key.clone(), question.clone()));
                }
                Err(refusal) => doubt = Some((Some(key.clone()), Error::Api(refusal))),
            }
        }
        Ok((shares, doubt))
    }
}

/// After the last attempt: each partition that is still open gets the refusal, or all fail together.
fn give_up<Q, T>(
    open: &mut HashMap<TopicPartition, Q>,
    results: &mut PerItem<TopicPartition, T>,
    error: Error,
) -> Result<(), Error> {
    let refusal = match &error {
        Error::Api(refusal) => refusal.clone(),
        Error::Timeout { last: Some(last), .. } => match &**last {
            Error::Api(refusal) => refusal.clone(),
            _ => return Err(error),
        },
        _ => return Err(error),
    };
    results.extend(open.drain().map(|(key, _)| (key, Err(refusal.clone()))));
    Ok(())
}

/// Whether a code says that another broker, or a later moment, is the right one.
pub(super) fn is_about_coordinator(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::NotCoordinator
            | ErrorCode::CoordinatorNotAvailable
            | ErrorCode::CoordinatorLoadInProgress
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_in_the_order_of_the_question() {
        let results: PerItem<&str, i32> = vec![("c", Ok(3)), ("a", Ok(1))];
        let sorted = in_order_of(["a", "b", "a", "c"].into_iter(), results);
        let keys: Vec<(&str, bool)> = sorted.iter().map(|(key, r)| (*key, r.is_ok())).collect();
        assert_eq!(keys, vec![("a", true), ("b", false), ("c", true)]);
    }
}
