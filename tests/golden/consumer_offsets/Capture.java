// Prints records of __consumer_offsets as Apache Kafka writes them: name, key and value in hex.
//
//   java -cp 'kafka43/*' tests/golden/consumer_offsets/Capture.java > tests/golden/consumer_offsets/records.txt

import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.coordinator.common.runtime.CoordinatorRecord;
import org.apache.kafka.coordinator.group.GroupCoordinatorRecordHelpers;
import org.apache.kafka.coordinator.group.GroupCoordinatorRecordSerde;
import org.apache.kafka.coordinator.group.generated.*;
import org.apache.kafka.coordinator.group.modern.MemberState;
import org.apache.kafka.coordinator.group.modern.consumer.ConsumerGroupMember;
import org.apache.kafka.coordinator.group.modern.consumer.ResolvedRegularExpression;
import org.apache.kafka.server.common.ApiMessageAndVersion;

public class Capture {
    public static void main(String[] arguments) {
        OffsetCommitKey offsetKey = new OffsetCommitKey().setGroup("größe").setTopic("orders").setPartition(7);
        OffsetCommitValue offset = new OffsetCommitValue()
            .setOffset(1234567890123L).setLeaderEpoch(42).setMetadata("note").setCommitTimestamp(1700000000000L);
        print("offset", CoordinatorRecord.record(offsetKey, new ApiMessageAndVersion(offset, (short) 4)));
        print("offset-with-topic-id", CoordinatorRecord.record(offsetKey,
            new ApiMessageAndVersion(offset.duplicate().setTopicId(new Uuid(1, 2)), (short) 4)));
        print("offset-with-expiry", CoordinatorRecord.record(offsetKey,
            new ApiMessageAndVersion(offset.duplicate().setLeaderEpoch(-1).setExpireTimestamp(1700000001000L), (short) 1)));
        print("offset-version-3", CoordinatorRecord.record(offsetKey, new ApiMessageAndVersion(offset, (short) 3)));
        print("offset-tombstone", CoordinatorRecord.tombstone(offsetKey));
        GroupMetadataKey groupKey = new GroupMetadataKey().setGroup("größe");
        GroupMetadataValue empty = new GroupMetadataValue()
            .setProtocolType("").setGeneration(0).setProtocol(null).setLeader(null)
            .setCurrentStateTimestamp(1700000000000L).setMembers(List.of());
        print("group-empty", CoordinatorRecord.record(groupKey, new ApiMessageAndVersion(empty, (short) 3)));
        GroupMetadataValue group = empty.duplicate()
            .setProtocolType("consumer").setGeneration(3).setProtocol("range").setLeader("m-1")
            .setMembers(List.of(
                member("m-1", null, 300000, new byte[] {0, 1, 2}),
                member("m-2", "instance", 60000, new byte[0])));
        print("group", CoordinatorRecord.record(groupKey, new ApiMessageAndVersion(group, (short) 3)));
        print("group-tombstone", CoordinatorRecord.tombstone(groupKey));
        print("consumer-group", CoordinatorRecord.record(
            new ConsumerGroupMetadataKey().setGroupId("new"),
            new ApiMessageAndVersion(new ConsumerGroupMetadataValue().setEpoch(5), (short) 0)));
        print("consumer-group-hash", GroupCoordinatorRecordHelpers.newConsumerGroupEpochRecord("new", 6, -1234567890123456789L));
        print("consumer-partition-metadata-tombstone",
            GroupCoordinatorRecordHelpers.newConsumerGroupSubscriptionMetadataTombstoneRecord("new"));
        ConsumerGroupMember member = new ConsumerGroupMember.Builder("m-1")
            .setInstanceId("instance").setRackId("rack").setClientId("client").setClientHost("/127.0.0.1")
            .setRebalanceTimeoutMs(300000).setServerAssignorName("range")
            .setSubscribedTopicNames(List.of("orders", "bills")).setSubscribedTopicRegex("a.*")
            .setMemberEpoch(7).setPreviousMemberEpoch(6).setState(MemberState.UNREVOKED_PARTITIONS)
            .setAssignedPartitions(Map.of(new Uuid(1, 2), new TreeMap<>(Map.of(3, 5, 4, 6))))
            .setPartitionsPendingRevocation(Map.of(new Uuid(1, 3), Map.of(0, 5)))
            .build();
        print("consumer-member", GroupCoordinatorRecordHelpers.newConsumerGroupMemberSubscriptionRecord("new", member));
        print("consumer-member-classic", GroupCoordinatorRecordHelpers.newConsumerGroupMemberSubscriptionRecord("new",
            new ConsumerGroupMember.Builder("m-2").setClassicMemberMetadata(
                new ConsumerGroupMemberMetadataValue.ClassicMemberMetadata().setSessionTimeoutMs(45000)
                    .setSupportedProtocols(List.of(new ConsumerGroupMemberMetadataValue.ClassicProtocol()
                        .setName("range").setMetadata(new byte[] {9, 8})))).build()));
        print("consumer-target-metadata",
            GroupCoordinatorRecordHelpers.newConsumerGroupTargetAssignmentMetadataRecord("new", 7, 1700000000000L));
        print("consumer-target-member", GroupCoordinatorRecordHelpers.newConsumerGroupTargetAssignmentRecord(
            "new", "m-1", Map.of(new Uuid(1, 2), new TreeSet<>(List.of(3, 4)))));
        print("consumer-current-member", GroupCoordinatorRecordHelpers.newConsumerGroupCurrentAssignmentRecord("new", member));
        print("consumer-regular-expression", GroupCoordinatorRecordHelpers.newConsumerGroupRegularExpressionRecord("new", "a.*",
            new ResolvedRegularExpression(Set.of("ab", "aa"), 12L, 1700000000000L)));
        print("share-group", GroupCoordinatorRecordHelpers.newShareGroupEpochRecord("new", 5, 6));
    }

    private static GroupMetadataValue.MemberMetadata member(String id, String instance, int rebalance, byte[] assignment) {
        return new GroupMetadataValue.MemberMetadata()
            .setMemberId(id).setGroupInstanceId(instance).setClientId("client").setClientHost("/127.0.0.1")
            .setRebalanceTimeout(rebalance).setSessionTimeout(45000)
            .setSubscription(new byte[] {9, 8}).setAssignment(assignment);
    }

    private static void print(String name, CoordinatorRecord record) {
        GroupCoordinatorRecordSerde serde = new GroupCoordinatorRecordSerde();
        byte[] value = serde.serializeValue(record);
        System.out.println(name + " " + HexFormat.of().formatHex(serde.serializeKey(record)) + " "
            + (value == null ? "-" : HexFormat.of().formatHex(value)));
    }
}
