//! Pure. Error codes of the Kafka protocol, as of Kafka 4.4.
//!
//! One table holds every code with its name, the Java exception that clients and tools print for it, whether a
//! client may retry, and the default message. Names and messages are protocol facts: tools show them verbatim.
//! `NONE` (0) is a code like any other, because responses carry it in the same field.
use std::fmt;

/// What a client may do about an error, read from the class hierarchy of the Java exceptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Retry {
    /// Retrying the same request gives the same answer.
    Fatal,
    /// The same request may succeed later.
    Retriable,
    /// As `Retriable`, and the client's picture of the cluster is out of date.
    StaleMetadata,
}

struct Entry {
    name: &'static str,
    exception: &'static str,
    retry: Retry,
    message: &'static str,
}

macro_rules! retry {
    (fatal) => {
        Retry::Fatal
    };
    (retriable) => {
        Retry::Retriable
    };
    (stale) => {
        Retry::StaleMetadata
    };
}

/// Turns one line per code (`code Variant "NAME" "JavaException" retry "message";`) into the enum and its table.
macro_rules! error_codes {
    ($($code:literal $variant:ident $name:literal $exception:literal $retry:ident $message:literal;)*) => {
        /// A Kafka error code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(i16)]
        pub enum ErrorCode {
            $(#[doc = $message] $variant = $code,)*
        }

        impl ErrorCode {
            /// Every code, in ascending order.
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$variant),*];

            /// The value for a code from the wire, or `None` when Kafka 4.4 has no such code.
            pub const fn try_from_code(code: i16) -> Option<Self> {
                match code {
                    $($code => Some(ErrorCode::$variant),)*
                    _ => None,
                }
            }

            const fn entry(self) -> &'static Entry {
                match self {
                    $(ErrorCode::$variant => &Entry {
                        name: $name,
                        exception: $exception,
                        retry: retry!($retry),
                        message: $message,
                    },)*
                }
            }
        }
    };
}

error_codes! {
    -1 UnknownServerError "UNKNOWN_SERVER_ERROR" "UnknownServerException" fatal "The server experienced an unexpected error when processing the request.";
    0 None "NONE" "" fatal "NONE";
    1 OffsetOutOfRange "OFFSET_OUT_OF_RANGE" "OffsetOutOfRangeException" fatal "The requested offset is not within the range of offsets maintained by the server.";
    2 CorruptMessage "CORRUPT_MESSAGE" "CorruptRecordException" retriable "This message has failed its CRC checksum, exceeds the valid size, has a null key for a compacted topic, or is otherwise corrupt.";
    3 UnknownTopicOrPartition "UNKNOWN_TOPIC_OR_PARTITION" "UnknownTopicOrPartitionException" stale "This server does not host this topic-partition.";
    4 InvalidFetchSize "INVALID_FETCH_SIZE" "InvalidFetchSizeException" fatal "The requested fetch size is invalid.";
    5 LeaderNotAvailable "LEADER_NOT_AVAILABLE" "LeaderNotAvailableException" stale "There is no leader for this topic-partition as we are in the middle of a leadership election.";
    6 NotLeaderOrFollower "NOT_LEADER_OR_FOLLOWER" "NotLeaderOrFollowerException" stale "For requests intended only for the leader, this error indicates that the broker is not the current leader. For requests intended for any replica, this error indicates that the broker is not a replica of the topic partition.";
    7 RequestTimedOut "REQUEST_TIMED_OUT" "TimeoutException" retriable "The request timed out.";
    8 BrokerNotAvailable "BROKER_NOT_AVAILABLE" "BrokerNotAvailableException" fatal "The broker is not available.";
    9 ReplicaNotAvailable "REPLICA_NOT_AVAILABLE" "ReplicaNotAvailableException" stale "The replica is not available for the requested topic-partition. Produce/Fetch requests and other requests intended only for the leader or follower return NOT_LEADER_OR_FOLLOWER if the broker is not a replica of the topic-partition.";
    10 MessageTooLarge "MESSAGE_TOO_LARGE" "RecordTooLargeException" fatal "The request included a message larger than the max message size the server will accept.";
    11 StaleControllerEpoch "STALE_CONTROLLER_EPOCH" "ControllerMovedException" fatal "The controller moved to another broker.";
    12 OffsetMetadataTooLarge "OFFSET_METADATA_TOO_LARGE" "OffsetMetadataTooLarge" fatal "The metadata field of the offset request was too large.";
    13 NetworkException "NETWORK_EXCEPTION" "NetworkException" stale "The server disconnected before a response was received.";
    14 CoordinatorLoadInProgress "COORDINATOR_LOAD_IN_PROGRESS" "CoordinatorLoadInProgressException" retriable "The coordinator is loading and hence can't process requests.";
    15 CoordinatorNotAvailable "COORDINATOR_NOT_AVAILABLE" "CoordinatorNotAvailableException" retriable "The coordinator is not available.";
    16 NotCoordinator "NOT_COORDINATOR" "NotCoordinatorException" retriable "This is not the correct coordinator.";
    17 InvalidTopicException "INVALID_TOPIC_EXCEPTION" "InvalidTopicException" fatal "The request attempted to perform an operation on an invalid topic.";
    18 RecordListTooLarge "RECORD_LIST_TOO_LARGE" "RecordBatchTooLargeException" fatal "The request included message batch larger than the configured segment size on the server.";
    19 NotEnoughReplicas "NOT_ENOUGH_REPLICAS" "NotEnoughReplicasException" retriable "Messages are rejected since there are fewer in-sync replicas than required.";
    20 NotEnoughReplicasAfterAppend "NOT_ENOUGH_REPLICAS_AFTER_APPEND" "NotEnoughReplicasAfterAppendException" retriable "Messages are written to the log, but to fewer in-sync replicas than required.";
    21 InvalidRequiredAcks "INVALID_REQUIRED_ACKS" "InvalidRequiredAcksException" fatal "Produce request specified an invalid value for required acks.";
    22 IllegalGeneration "ILLEGAL_GENERATION" "IllegalGenerationException" fatal "Specified group generation id is not valid.";
    23 InconsistentGroupProtocol "INCONSISTENT_GROUP_PROTOCOL" "InconsistentGroupProtocolException" fatal "The group member's supported protocols are incompatible with those of existing members or first group member tried to join with empty protocol type or empty protocol list.";
    24 InvalidGroupId "INVALID_GROUP_ID" "InvalidGroupIdException" fatal "The group id is invalid.";
    25 UnknownMemberId "UNKNOWN_MEMBER_ID" "UnknownMemberIdException" fatal "The coordinator is not aware of this member.";
    26 InvalidSessionTimeout "INVALID_SESSION_TIMEOUT" "InvalidSessionTimeoutException" fatal "The session timeout is not within the range allowed by the broker (as configured by group.min.session.timeout.ms and group.max.session.timeout.ms).";
    27 RebalanceInProgress "REBALANCE_IN_PROGRESS" "RebalanceInProgressException" fatal "The group is rebalancing, so a rejoin is needed.";
    28 InvalidCommitOffsetSize "INVALID_COMMIT_OFFSET_SIZE" "InvalidCommitOffsetSizeException" fatal "The committing offset data size is not valid.";
    29 TopicAuthorizationFailed "TOPIC_AUTHORIZATION_FAILED" "TopicAuthorizationException" fatal "Topic authorization failed.";
    30 GroupAuthorizationFailed "GROUP_AUTHORIZATION_FAILED" "GroupAuthorizationException" fatal "Group authorization failed.";
    31 ClusterAuthorizationFailed "CLUSTER_AUTHORIZATION_FAILED" "ClusterAuthorizationException" fatal "Cluster authorization failed.";
    32 InvalidTimestamp "INVALID_TIMESTAMP" "InvalidTimestampException" fatal "The timestamp of the message is out of acceptable range.";
    33 UnsupportedSaslMechanism "UNSUPPORTED_SASL_MECHANISM" "UnsupportedSaslMechanismException" fatal "The broker does not support the requested SASL mechanism.";
    34 IllegalSaslState "ILLEGAL_SASL_STATE" "IllegalSaslStateException" fatal "Request is not valid given the current SASL state.";
    35 UnsupportedVersion "UNSUPPORTED_VERSION" "UnsupportedVersionException" fatal "The version of API is not supported.";
    36 TopicAlreadyExists "TOPIC_ALREADY_EXISTS" "TopicExistsException" fatal "Topic with this name already exists.";
    37 InvalidPartitions "INVALID_PARTITIONS" "InvalidPartitionsException" fatal "Number of partitions is below 1.";
    38 InvalidReplicationFactor "INVALID_REPLICATION_FACTOR" "InvalidReplicationFactorException" fatal "Replication factor is below 1 or larger than the number of available brokers.";
    39 InvalidReplicaAssignment "INVALID_REPLICA_ASSIGNMENT" "InvalidReplicaAssignmentException" fatal "Replica assignment is invalid.";
    40 InvalidConfig "INVALID_CONFIG" "InvalidConfigurationException" fatal "Configuration is invalid.";
    41 NotController "NOT_CONTROLLER" "NotControllerException" retriable "This is not the correct controller for this cluster.";
    42 InvalidRequest "INVALID_REQUEST" "InvalidRequestException" fatal "This most likely occurs because of a request being malformed by the client library or the message was sent to an incompatible broker. See the broker logs for more details.";
    43 UnsupportedForMessageFormat "UNSUPPORTED_FOR_MESSAGE_FORMAT" "UnsupportedForMessageFormatException" fatal "The message format version on the broker does not support the request.";
    44 PolicyViolation "POLICY_VIOLATION" "PolicyViolationException" fatal "Request parameters do not satisfy the configured policy.";
    45 OutOfOrderSequenceNumber "OUT_OF_ORDER_SEQUENCE_NUMBER" "OutOfOrderSequenceException" fatal "The broker received an out of order sequence number.";
    46 DuplicateSequenceNumber "DUPLICATE_SEQUENCE_NUMBER" "DuplicateSequenceException" fatal "The broker received a duplicate sequence number.";
    47 InvalidProducerEpoch "INVALID_PRODUCER_EPOCH" "InvalidProducerEpochException" fatal "Producer attempted to produce with an old epoch.";
    48 InvalidTxnState "INVALID_TXN_STATE" "InvalidTxnStateException" fatal "The producer attempted a transactional operation in an invalid state.";
    49 InvalidProducerIdMapping "INVALID_PRODUCER_ID_MAPPING" "InvalidPidMappingException" fatal "The producer attempted to use a producer id which is not currently assigned to its transactional id.";
    50 InvalidTransactionTimeout "INVALID_TRANSACTION_TIMEOUT" "InvalidTxnTimeoutException" fatal "The transaction timeout is larger than the maximum value allowed by the broker (as configured by transaction.max.timeout.ms).";
    51 ConcurrentTransactions "CONCURRENT_TRANSACTIONS" "ConcurrentTransactionsException" retriable "The producer attempted to update a transaction while another concurrent operation on the same transaction was ongoing.";
    52 TransactionCoordinatorFenced "TRANSACTION_COORDINATOR_FENCED" "TransactionCoordinatorFencedException" fatal "Indicates that the transaction coordinator sending a WriteTxnMarker is no longer the current coordinator for a given producer.";
    53 TransactionalIdAuthorizationFailed "TRANSACTIONAL_ID_AUTHORIZATION_FAILED" "TransactionalIdAuthorizationException" fatal "Transactional Id authorization failed.";
    54 SecurityDisabled "SECURITY_DISABLED" "SecurityDisabledException" fatal "Security features are disabled.";
    55 OperationNotAttempted "OPERATION_NOT_ATTEMPTED" "OperationNotAttemptedException" fatal "The broker did not attempt to execute this operation. This may happen for batched RPCs where some operations in the batch failed, causing the broker to respond without trying the rest.";
    56 KafkaStorageError "KAFKA_STORAGE_ERROR" "KafkaStorageException" stale "Disk error when trying to access log file on the disk.";
    57 LogDirNotFound "LOG_DIR_NOT_FOUND" "LogDirNotFoundException" fatal "The user-specified log directory is not found in the broker config.";
    58 SaslAuthenticationFailed "SASL_AUTHENTICATION_FAILED" "SaslAuthenticationException" fatal "SASL Authentication failed.";
    59 UnknownProducerId "UNKNOWN_PRODUCER_ID" "UnknownProducerIdException" fatal "This exception is raised by the broker if it could not locate the producer metadata associated with the producerId in question. This could happen if, for instance, the producer's records were deleted because their retention time had elapsed. Once the last records of the producerId are removed, the producer's metadata is removed from the broker, and future appends by the producer will return this exception.";
    60 ReassignmentInProgress "REASSIGNMENT_IN_PROGRESS" "ReassignmentInProgressException" fatal "A partition reassignment is in progress.";
    61 DelegationTokenAuthDisabled "DELEGATION_TOKEN_AUTH_DISABLED" "DelegationTokenDisabledException" fatal "Delegation Token feature is not enabled.";
    62 DelegationTokenNotFound "DELEGATION_TOKEN_NOT_FOUND" "DelegationTokenNotFoundException" fatal "Delegation Token is not found on server.";
    63 DelegationTokenOwnerMismatch "DELEGATION_TOKEN_OWNER_MISMATCH" "DelegationTokenOwnerMismatchException" fatal "Specified Principal is not valid Owner/Renewer.";
    64 DelegationTokenRequestNotAllowed "DELEGATION_TOKEN_REQUEST_NOT_ALLOWED" "UnsupportedByAuthenticationException" fatal "Delegation Token requests are not allowed on PLAINTEXT/1-way SSL channels and on delegation token authenticated channels.";
    65 DelegationTokenAuthorizationFailed "DELEGATION_TOKEN_AUTHORIZATION_FAILED" "DelegationTokenAuthorizationException" fatal "Delegation Token authorization failed.";
    66 DelegationTokenExpired "DELEGATION_TOKEN_EXPIRED" "DelegationTokenExpiredException" fatal "Delegation Token is expired.";
    67 InvalidPrincipalType "INVALID_PRINCIPAL_TYPE" "InvalidPrincipalTypeException" fatal "Supplied principalType is not supported.";
    68 NonEmptyGroup "NON_EMPTY_GROUP" "GroupNotEmptyException" fatal "The group is not empty.";
    69 GroupIdNotFound "GROUP_ID_NOT_FOUND" "GroupIdNotFoundException" fatal "The group id does not exist.";
    70 FetchSessionIdNotFound "FETCH_SESSION_ID_NOT_FOUND" "FetchSessionIdNotFoundException" retriable "The fetch session ID was not found.";
    71 InvalidFetchSessionEpoch "INVALID_FETCH_SESSION_EPOCH" "InvalidFetchSessionEpochException" retriable "The fetch session epoch is invalid.";
    72 ListenerNotFound "LISTENER_NOT_FOUND" "ListenerNotFoundException" stale "There is no listener on the leader broker that matches the listener on which metadata request was processed.";
    73 TopicDeletionDisabled "TOPIC_DELETION_DISABLED" "TopicDeletionDisabledException" fatal "Topic deletion is disabled.";
    74 FencedLeaderEpoch "FENCED_LEADER_EPOCH" "FencedLeaderEpochException" stale "The leader epoch in the request is older than the epoch on the broker.";
    75 UnknownLeaderEpoch "UNKNOWN_LEADER_EPOCH" "UnknownLeaderEpochException" retriable "The leader epoch in the request is newer than the epoch on the broker.";
    76 UnsupportedCompressionType "UNSUPPORTED_COMPRESSION_TYPE" "UnsupportedCompressionTypeException" fatal "The requesting client does not support the compression type of given partition.";
    77 StaleBrokerEpoch "STALE_BROKER_EPOCH" "StaleBrokerEpochException" fatal "Broker epoch has changed.";
    78 OffsetNotAvailable "OFFSET_NOT_AVAILABLE" "OffsetNotAvailableException" retriable "The leader high watermark has not caught up from a recent leader election so the offsets cannot be guaranteed to be monotonically increasing.";
    79 MemberIdRequired "MEMBER_ID_REQUIRED" "MemberIdRequiredException" fatal "The group member needs to have a valid member id before actually entering a consumer group.";
    80 PreferredLeaderNotAvailable "PREFERRED_LEADER_NOT_AVAILABLE" "PreferredLeaderNotAvailableException" stale "The preferred leader was not available.";
    81 GroupMaxSizeReached "GROUP_MAX_SIZE_REACHED" "GroupMaxSizeReachedException" fatal "The group has reached its maximum size.";
    82 FencedInstanceId "FENCED_INSTANCE_ID" "FencedInstanceIdException" fatal "The broker rejected this static consumer since another consumer with the same group.instance.id has registered with a different member.id.";
    83 EligibleLeadersNotAvailable "ELIGIBLE_LEADERS_NOT_AVAILABLE" "EligibleLeadersNotAvailableException" stale "Eligible topic partition leaders are not available.";
    84 ElectionNotNeeded "ELECTION_NOT_NEEDED" "ElectionNotNeededException" stale "Leader election not needed for topic partition.";
    85 NoReassignmentInProgress "NO_REASSIGNMENT_IN_PROGRESS" "NoReassignmentInProgressException" fatal "No partition reassignment is in progress.";
    86 GroupSubscribedToTopic "GROUP_SUBSCRIBED_TO_TOPIC" "GroupSubscribedToTopicException" fatal "Deleting offsets of a topic is forbidden while the consumer group is actively subscribed to it.";
    87 InvalidRecord "INVALID_RECORD" "InvalidRecordException" fatal "This record has failed the validation on broker and hence will be rejected.";
    88 UnstableOffsetCommit "UNSTABLE_OFFSET_COMMIT" "UnstableOffsetCommitException" retriable "There are unstable offsets that need to be cleared.";
    89 ThrottlingQuotaExceeded "THROTTLING_QUOTA_EXCEEDED" "ThrottlingQuotaExceededException" retriable "The throttling quota has been exceeded.";
    90 ProducerFenced "PRODUCER_FENCED" "ProducerFencedException" fatal "There is a newer producer with the same transactionalId which fences the current one.";
    91 ResourceNotFound "RESOURCE_NOT_FOUND" "ResourceNotFoundException" fatal "A request illegally referred to a resource that does not exist.";
    92 DuplicateResource "DUPLICATE_RESOURCE" "DuplicateResourceException" fatal "A request illegally referred to the same resource twice.";
    93 UnacceptableCredential "UNACCEPTABLE_CREDENTIAL" "UnacceptableCredentialException" fatal "Requested credential would not meet criteria for acceptability.";
    94 InconsistentVoterSet "INCONSISTENT_VOTER_SET" "InconsistentVoterSetException" fatal "Indicates that the either the sender or recipient of a voter-only request is not one of the expected voters.";
    95 InvalidUpdateVersion "INVALID_UPDATE_VERSION" "InvalidUpdateVersionException" fatal "The given update version was invalid.";
    96 FeatureUpdateFailed "FEATURE_UPDATE_FAILED" "FeatureUpdateFailedException" fatal "Unable to update finalized features due to an unexpected server error.";
    97 PrincipalDeserializationFailure "PRINCIPAL_DESERIALIZATION_FAILURE" "PrincipalDeserializationException" fatal "Request principal deserialization failed during forwarding. This indicates an internal error on the broker cluster security setup.";
    98 SnapshotNotFound "SNAPSHOT_NOT_FOUND" "SnapshotNotFoundException" fatal "Requested snapshot was not found.";
    99 PositionOutOfRange "POSITION_OUT_OF_RANGE" "PositionOutOfRangeException" fatal "Requested position is not greater than or equal to zero, and less than the size of the snapshot.";
    100 UnknownTopicId "UNKNOWN_TOPIC_ID" "UnknownTopicIdException" stale "This server does not host this topic ID.";
    101 DuplicateBrokerRegistration "DUPLICATE_BROKER_REGISTRATION" "DuplicateBrokerRegistrationException" fatal "This broker ID is already in use.";
    102 BrokerIdNotRegistered "BROKER_ID_NOT_REGISTERED" "BrokerIdNotRegisteredException" fatal "The given broker ID was not registered.";
    103 InconsistentTopicId "INCONSISTENT_TOPIC_ID" "InconsistentTopicIdException" stale "The log's topic ID did not match the topic ID in the request.";
    104 InconsistentClusterId "INCONSISTENT_CLUSTER_ID" "InconsistentClusterIdException" fatal "The clusterId in the request does not match that found on the server.";
    105 TransactionalIdNotFound "TRANSACTIONAL_ID_NOT_FOUND" "TransactionalIdNotFoundException" fatal "The transactionalId could not be found.";
    106 FetchSessionTopicIdError "FETCH_SESSION_TOPIC_ID_ERROR" "FetchSessionTopicIdException" retriable "The fetch session encountered inconsistent topic ID usage.";
    107 IneligibleReplica "INELIGIBLE_REPLICA" "IneligibleReplicaException" fatal "The new ISR contains at least one ineligible replica.";
    108 NewLeaderElected "NEW_LEADER_ELECTED" "NewLeaderElectedException" fatal "The AlterPartition request successfully updated the partition state but the leader has changed.";
    109 OffsetMovedToTieredStorage "OFFSET_MOVED_TO_TIERED_STORAGE" "OffsetMovedToTieredStorageException" fatal "The requested offset is moved to tiered storage.";
    110 FencedMemberEpoch "FENCED_MEMBER_EPOCH" "FencedMemberEpochException" fatal "The member epoch is fenced by the group coordinator. The member must abandon all its partitions and rejoin.";
    111 UnreleasedInstanceId "UNRELEASED_INSTANCE_ID" "UnreleasedInstanceIdException" fatal "The instance ID is still used by another member in the consumer group. That member must leave first.";
    112 UnsupportedAssignor "UNSUPPORTED_ASSIGNOR" "UnsupportedAssignorException" fatal "The assignor or its version range is not supported by the consumer group.";
    113 StaleMemberEpoch "STALE_MEMBER_EPOCH" "StaleMemberEpochException" fatal "The member epoch is stale. The member must retry after receiving its updated member epoch via the ConsumerGroupHeartbeat API.";
    114 MismatchedEndpointType "MISMATCHED_ENDPOINT_TYPE" "MismatchedEndpointTypeException" fatal "The request was sent to an endpoint of the wrong type.";
    115 UnsupportedEndpointType "UNSUPPORTED_ENDPOINT_TYPE" "UnsupportedEndpointTypeException" fatal "This endpoint type is not supported yet.";
    116 UnknownControllerId "UNKNOWN_CONTROLLER_ID" "UnknownControllerIdException" fatal "This controller ID is not known.";
    117 UnknownSubscriptionId "UNKNOWN_SUBSCRIPTION_ID" "UnknownSubscriptionIdException" fatal "Client sent a push telemetry request with an invalid or outdated subscription ID.";
    118 TelemetryTooLarge "TELEMETRY_TOO_LARGE" "TelemetryTooLargeException" fatal "Client sent a push telemetry request larger than the maximum size the broker will accept.";
    119 InvalidRegistration "INVALID_REGISTRATION" "InvalidRegistrationException" fatal "The controller has considered the broker registration to be invalid.";
    120 TransactionAbortable "TRANSACTION_ABORTABLE" "TransactionAbortableException" fatal "The server encountered an error with the transaction. The client can abort the transaction to continue using this transactional ID.";
    121 InvalidRecordState "INVALID_RECORD_STATE" "InvalidRecordStateException" fatal "The record state is invalid. The acknowledgement of delivery could not be completed.";
    122 ShareSessionNotFound "SHARE_SESSION_NOT_FOUND" "ShareSessionNotFoundException" retriable "The share session was not found.";
    123 InvalidShareSessionEpoch "INVALID_SHARE_SESSION_EPOCH" "InvalidShareSessionEpochException" retriable "The share session epoch is invalid.";
    124 FencedStateEpoch "FENCED_STATE_EPOCH" "FencedStateEpochException" fatal "The coordinator rejected the request because the state epoch did not match.";
    125 InvalidVoterKey "INVALID_VOTER_KEY" "InvalidVoterKeyException" fatal "The voter key doesn't match the receiving replica's key.";
    126 DuplicateVoter "DUPLICATE_VOTER" "DuplicateVoterException" fatal "The voter is already part of the set of voters.";
    127 VoterNotFound "VOTER_NOT_FOUND" "VoterNotFoundException" fatal "The voter is not part of the set of voters.";
    128 InvalidRegularExpression "INVALID_REGULAR_EXPRESSION" "InvalidRegularExpression" fatal "The regular expression is not valid.";
    129 RebootstrapRequired "REBOOTSTRAP_REQUIRED" "RebootstrapRequiredException" fatal "Client metadata is stale. The client should rebootstrap to obtain new metadata.";
    130 StreamsInvalidTopology "STREAMS_INVALID_TOPOLOGY" "StreamsInvalidTopologyException" fatal "The supplied topology is invalid.";
    131 StreamsInvalidTopologyEpoch "STREAMS_INVALID_TOPOLOGY_EPOCH" "StreamsInvalidTopologyEpochException" fatal "The supplied topology epoch is invalid.";
    132 StreamsTopologyFenced "STREAMS_TOPOLOGY_FENCED" "StreamsTopologyFencedException" fatal "The supplied topology epoch is outdated.";
    133 ShareSessionLimitReached "SHARE_SESSION_LIMIT_REACHED" "ShareSessionLimitReachedException" retriable "The limit of share sessions has been reached.";
    134 GroupDeletionFailed "GROUP_DELETION_FAILED" "GroupDeletionFailedException" fatal "DeleteGroups could not complete; see the error message on the per-group result for details.";
    135 StreamsTopologyDescriptionUpdateFailed "STREAMS_TOPOLOGY_DESCRIPTION_UPDATE_FAILED" "StreamsTopologyDescriptionUpdateFailedException" fatal "The broker could not process the topology description update; see the error message for details.";
    136 ControllerIdNotRegistered "CONTROLLER_ID_NOT_REGISTERED" "ControllerIdNotRegisteredException" fatal "The given controller ID was not registered.";
}

impl ErrorCode {
    /// The value for a code from the wire. A code this version does not know reads as `UnknownServerError`,
    /// which is how clients treat codes from newer servers.
    pub const fn from_code(code: i16) -> Self {
        match Self::try_from_code(code) {
            Some(known) => known,
            None => ErrorCode::UnknownServerError,
        }
    }

    /// The code on the wire.
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// The protocol's name, for example `UNKNOWN_TOPIC_OR_PARTITION`.
    pub const fn name(self) -> &'static str {
        self.entry().name
    }

    /// The default message, for example `This server does not host this topic-partition.`
    pub const fn message(self) -> &'static str {
        self.entry().message
    }

    /// The full name of the Java exception that clients raise, which tools print. Empty for `None`.
    pub fn exception_name(self) -> String {
        match (self, self.simple_exception_name()) {
            (_, "") => String::new(),
            (ErrorCode::InvalidRecord, simple) => format!("org.apache.kafka.common.{simple}"),
            (_, simple) => format!("org.apache.kafka.common.errors.{simple}"),
        }
    }

    /// The Java exception's name without its package. Empty for `None`.
    pub const fn simple_exception_name(self) -> &'static str {
        self.entry().exception
    }

    /// Whether the same request may succeed when sent again.
    pub const fn is_retriable(self) -> bool {
        !matches!(self.entry().retry, Retry::Fatal)
    }

    /// Whether the error says that the client's metadata is out of date and should be fetched again.
    pub const fn is_stale_metadata(self) -> bool {
        matches!(self.entry().retry, Retry::StaleMetadata)
    }

    /// Whether this is an error at all: anything but `None`.
    pub const fn is_error(self) -> bool {
        !matches!(self, ErrorCode::None)
    }
}

impl From<ErrorCode> for i16 {
    fn from(code: ErrorCode) -> i16 {
        code.code()
    }
}

/// Prints the protocol's name.
impl fmt::Display for ErrorCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_dense_and_round_trip() {
        let codes: Vec<i16> = ErrorCode::ALL.iter().map(|code| code.code()).collect();
        assert_eq!(codes, (-1..=136).collect::<Vec<i16>>());
        for &code in ErrorCode::ALL {
            assert_eq!(ErrorCode::try_from_code(code.code()), Some(code));
        }
        assert_eq!(ErrorCode::from_code(137), ErrorCode::UnknownServerError);
        assert_eq!(ErrorCode::from_code(i16::MIN), ErrorCode::UnknownServerError);
        assert_eq!(ErrorCode::try_from_code(137), None);
    }

    #[test]
    fn facts_match_kafka() {
        // name, exception class, retriable, stale metadata
        let cases = [
            (ErrorCode::None, "NONE", "", false, false),
            (
                ErrorCode::UnknownTopicOrPartition,
                "UNKNOWN_TOPIC_OR_PARTITION",
                "org.apache.kafka.common.errors.UnknownTopicOrPartitionException",
                true,
                true,
            ),
            (
                ErrorCode::InvalidRecord,
                "INVALID_RECORD",
                "org.apache.kafka.common.InvalidRecordException",
                false,
                false,
            ),
            (
                ErrorCode::CorruptMessage,
                "CORRUPT_MESSAGE",
                "org.apache.kafka.common.errors.CorruptRecordException",
                true,
                false,
            ),
        ];
        for (code, name, exception, retriable, stale) in cases {
            assert_eq!(code.name(), name);
            assert_eq!(code.exception_name(), exception);
            assert_eq!(code.is_retriable(), retriable, "{name}");
            assert_eq!(code.is_stale_metadata(), stale, "{name}");
        }
        let retriable = ErrorCode::ALL.iter().filter(|code| code.is_retriable()).count();
        let stale = ErrorCode::ALL.iter().filter(|code| code.is_stale_metadata()).count();
        assert_eq!((retriable, stale), (32, 13));
    }
}
