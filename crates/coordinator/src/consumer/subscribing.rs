//! What a member subscribes to, by name and by regular expression.
//!
//! An expression is matched against the cluster's topics in a decision of its own, soon after somebody has brought it,
//! when topics have been created, and now and then; all of a group's expressions at once, so that there is one
//! rebalance and not many.

use std::collections::{BTreeMap, BTreeSet};

use ottla_machine::Millis;
use ottla_wire::ErrorCode;
use regex::Regex;

use super::draft::Draft;
use super::refusal::Refusal;
use super::state::Member;
use super::state::{ConsumerGroup, Resolved};
use crate::group::CauseKind;
use crate::re2;

/// How long at least lies between two times that a group's expressions are matched.
const RESOLVE_PAUSE_MS: Millis = 10_000;

/// What has become of a member's subscription.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Subscription {
    pub(super) has_changed: bool,
    /// Whether the change is known in full. An expression that has not been matched yet moves the epoch when it is.
    pub(super) moves_epoch: bool,
}

impl Draft<'_> {
    /// Takes in what a member has become.
    pub(super) fn subscribe(
        &mut self,
        before: &Member,
        updated: &Member,
    ) -> Result<Subscription, Refusal> {
        let group = self.group.clone();
        if updated != before || !group.members.contains_key(&updated.id) {
            self.write_member(updated);
        }
        let have_topics_changed = updated.topics != before.topics;
        let mut subscription =
            Subscription { has_changed: have_topics_changed, moves_epoch: have_topics_changed };
        let has_new_regex = self.change_regex(&group, before, updated, &mut subscription)?;
        if has_new_regex || !group.regexes.is_empty() {
            self.plan_resolution(has_new_regex);
        }
        Ok(subscription)
    }

    /// Whether the member has brought an expression that nobody had. `group` is the group before.
    fn change_regex(
        &mut self,
        group: &ConsumerGroup,
        before: &Member,
        updated: &Member,
        subscription: &mut Subscription,
    ) -> Result<bool, Refusal> {
        if before.regex == updated.regex {
            return Ok(false);
        }
        subscription.has_changed = true;
        if let Some(old) = before.regex()
            && self.group.regex_subscribers(old) == 0
        {
            self.forget_regex(old);
        }
        match updated.regex() {
            Some(new) if group.regex_subscribers(new) == 0 => {
                compile(new)?;
                return Ok(true);
            }
            Some(new) => subscription.moves_epoch |= group.resolved.contains_key(new),
            None => subscription.moves_epoch |= before.regex().is_some(),
        }
        Ok(false)
    }

    fn plan_resolution(&mut self, has_new_regex: bool) {
        if self.group.soft.resolve_at.is_some() {
            return;
        }
        let last = self.group.resolved.values().next();
        let (resolved_at, version) =
            last.map_or((Millis::MIN, 0), |last| (last.resolved_at, last.version));
        if self.now <= resolved_at.saturating_add(RESOLVE_PAUSE_MS) {
            return;
        }
        let refresh_ms = Millis::from(self.config.consumer.regex_refresh_interval_ms);
        let is_due = has_new_regex
            || self.group.regexes.len() != self.group.resolved.len()
            || version < self.metadata.topics_created()
            || self.now > resolved_at.saturating_add(refresh_ms);
        if is_due && !self.group.regexes.is_empty() {
            self.group.soft.resolve_by(self.now);
        }
    }

    /// Matches every expression of the group against the topics that there are.
    pub(super) fn resolve(&mut self) {
        self.group.soft.resolve_at = None;
        let regexes: Vec<String> = self.group.regexes.keys().cloned().collect();
        let mut have_changed = false;
        for (regex, topics) in self.matches(regexes) {
            let known = self.group.resolved.get(&regex);
            have_changed |= match known {
                Some(known) => known.topics != topics,
                None => !topics.is_empty(),
            };
            let resolved =
                Resolved { topics, version: self.metadata.version(), resolved_at: self.now };
            self.write_regex(&regex, &resolved);
        }
        let hash = self.metadata.hash_of(&self.group.subscribed_topics());
        if have_changed || hash != self.group.metadata_hash {
            let reason = "regular expressions match other topics than before";
            self.causes.push(CauseKind::TopicsChanged.alone(reason));
            self.write_epoch(self.group.epoch.saturating_add(1), hash);
            self.group.soft.compared = Some((self.metadata.version(), self.group.epoch));
        }
    }

    fn matches(&self, regexes: Vec<String>) -> BTreeMap<String, BTreeSet<String>> {
        let match_all = |regex: String| {
            // An expression was compiled when it came; one that a newer version let in matches nothing.
            let Ok(compiled) = compile(&regex) else { return (regex, BTreeSet::new()) };
            let names = self.metadata.topic_names().filter(|name| compiled.is_match(name));
            (regex, names.map(str::to_owned).collect())
        };
        regexes.into_iter().map(match_all).collect()
    }
}

fn compile(regex: &str) -> Result<Regex, Refusal> {
    re2::whole_match(regex).map_err(|reason| {
        let message =
            format!("SubscribedTopicRegex `{regex}` is not a valid regular expression: {reason}.");
        Refusal::new(ErrorCode::InvalidRegularExpression, message)
    })
}
