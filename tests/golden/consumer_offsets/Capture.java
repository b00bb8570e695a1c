// Prints records of __consumer_offsets as Apache Kafka writes them: name, key and value in hex.
//
//   java -cp 'kafka43/*' tests/golden/consumer_offsets/Capture.java > tests/golden/consumer_offsets/records.txt

import java.util.HexFormat;
import java.util.List;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.coordinator.common.runtime.CoordinatorRecord;
import org.apache.kafka.coordinator.group.GroupCoordinatorRecordSerde;
import org.apache.kafka.coordinator.group.generated.*;
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
