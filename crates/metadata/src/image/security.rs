//! Who may do what, and how much of it: access control entries, SCRAM credentials, delegation
//! tokens and client quotas, kept as their records tell them.

use std::collections::BTreeMap;
use std::sync::Arc;

use imbl::OrdMap;
use ottla_wire::Uuid;
use ottla_wire::messages::client_quota_record::EntityData;
use ottla_wire::messages::{
    AccessControlEntryRecord, ClientQuotaRecord, DelegationTokenRecord, UserScramCredentialRecord,
};

/// What a quota belongs to: entity types with names, `None` for the type's default.
pub type QuotaEntity = BTreeMap<String, Option<String>>;

/// The parts of an image that concern access.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Security {
    pub acls: OrdMap<Uuid, Arc<AccessControlEntryRecord>>,
    /// By mechanism and user.
    pub scram: OrdMap<(i8, String), Arc<UserScramCredentialRecord>>,
    pub delegation_tokens: OrdMap<String, Arc<DelegationTokenRecord>>,
    /// Limits by entity and quota key.
    pub client_quotas: OrdMap<QuotaEntity, Arc<BTreeMap<String, f64>>>,
}

impl Security {
    pub(super) fn set_quota(&mut self, record: &ClientQuotaRecord) {
        let entity: QuotaEntity = record
            .entity
            .iter()
            .map(|part| (part.entity_type.clone(), part.entity_name.clone()))
            .collect();
        let mut limits = self.client_quotas.get(&entity).cloned().unwrap_or_default();
        let own = Arc::make_mut(&mut limits);
        if record.remove {
            own.remove(&record.key);
        } else {
            own.insert(record.key.clone(), record.value);
        }
        if limits.is_empty() {
            self.client_quotas.remove(&entity);
        } else {
            self.client_quotas.insert(entity, limits);
        }
    }

    pub(super) fn quota_records(&self) -> impl Iterator<Item = ClientQuotaRecord> {
        self.client_quotas.iter().flat_map(|(entity, limits)| {
            limits.iter().map(|(key, value)| {
                let parts = entity.iter().map(|(kind, name)| EntityData {
                    entity_type: kind.clone(),
                    entity_name: name.clone(),
                    ..EntityData::default()
                });
                ClientQuotaRecord {
                    entity: parts.collect(),
                    key: key.clone(),
                    value: *value,
                    remove: false,
                    ..ClientQuotaRecord::default()
                }
            })
        })
    }
}
