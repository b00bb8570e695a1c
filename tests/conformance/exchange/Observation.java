import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ListConfigResourcesOptions;
import org.apache.kafka.clients.admin.ListTopicsOptions;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.quota.ClientQuotaFilter;
import org.apache.kafka.common.record.internal.FileRecords;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Everything that clients can be told, as text by name, so that two of them are compared line by line. */
final class Observation {
    private static final TopicPartition COMPACTED = new TopicPartition("compacted", 0);

    final Map<String, String> facts = new TreeMap<>();

    /** Asks a running node. `all` asks too what Apache Kafka alone answers. */
    static Observation of(String bootstrap, boolean all) throws Exception {
        Observation seen = new Observation();
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            var names = admin.listTopics(new ListTopicsOptions().listInternal(true)).names().get();
            List<TopicPartition> partitions = seen.topics(admin, names);
            seen.configs(admin, names);
            seen.groups(admin, all);
            seen.transactions(admin);
            List<TopicPartition> written = partitions.stream().filter(one -> !one.topic().startsWith("__")).toList();
            seen.offsets(admin, written);
            for (var entry : admin.describeProducers(written).all().get().entrySet()) {
                seen.facts.put("producers of " + entry.getKey(), lines(entry.getValue().activeProducers().stream().map(Object::toString).sorted().toList()));
            }
            seen.records(bootstrap, written);
            seen.cluster(admin, all);
        }
        return seen;
    }

    private List<TopicPartition> topics(Admin admin, Collection<String> names) throws Exception {
        List<TopicPartition> partitions = new ArrayList<>();
        for (var topic : admin.describeTopics(names).allTopicNames().get().values()) {
            facts.put("topic " + topic.name(), topic.topicId() + " " + topic.partitions().stream()
                .map(one -> one.partition() + ":" + one.leader().id() + ":" + one.isr().size()).toList());
            topic.partitions().forEach(one -> partitions.add(new TopicPartition(topic.name(), one.partition())));
        }
        return partitions;
    }

    private void configs(Admin admin, Collection<String> topics) throws Exception {
        List<ConfigResource> resources = new ArrayList<>();
        topics.forEach(topic -> resources.add(new ConfigResource(ConfigResource.Type.TOPIC, topic)));
        resources.add(new ConfigResource(ConfigResource.Type.BROKER, "1"));
        resources.add(new ConfigResource(ConfigResource.Type.BROKER, ""));
        var types = java.util.Set.of(ConfigResource.Type.CLIENT_METRICS, ConfigResource.Type.GROUP);
        resources.addAll(admin.listConfigResources(types, new ListConfigResourcesOptions()).all().get());
        var dynamic = java.util.Set.of(ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG, ConfigEntry.ConfigSource.DYNAMIC_BROKER_CONFIG,
            ConfigEntry.ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG, ConfigEntry.ConfigSource.DYNAMIC_CLIENT_METRICS_CONFIG,
            ConfigEntry.ConfigSource.DYNAMIC_GROUP_CONFIG);
        for (var entry : admin.describeConfigs(resources).all().get().entrySet()) {
            facts.put("configs of " + entry.getKey().type() + " " + entry.getKey().name(), lines(entry.getValue().entries().stream()
                .filter(one -> dynamic.contains(one.source())).map(one -> one.name() + "=" + one.value()).sorted().toList()));
        }
    }

    private void groups(Admin admin, boolean all) throws Exception {
        // These wait until every coordinator has loaded, which the list of groups does not.
        for (int number = 0; number < 20; number++) admin.listConsumerGroupOffsets("nobody-" + number).all().get();
        for (var group : admin.listGroups().all().get()) {
            boolean isClassic = group.type().map(type -> type.toString().equals("Classic")).orElse(true);
            facts.put("group " + group.groupId(), group.type() + " " + group.protocol() + " " + group.groupState());
            if (isClassic) {
                var told = admin.describeClassicGroups(List.of(group.groupId())).all().get().get(group.groupId());
                facts.put("members of " + group.groupId(), told.state() + " " + told.protocol() + " " + told.protocolData() + lines(told.members().stream()
                    .map(one -> one.consumerId() + " " + one.groupInstanceId() + " " + one.clientId() + " " + one.assignment()).sorted().toList()));
            }
        }
        for (String group : Workload.GROUPS) {
            var offsets = new TreeMap<String, String>();
            admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get()
                .forEach((partition, offset) -> offsets.put(partition.toString(), String.valueOf(offset)));
            facts.put("offsets of " + group, offsets.toString());
        }
    }

    private void transactions(Admin admin) throws Exception {
        for (var one : admin.listTransactions().all().get()) {
            String id = one.transactionalId();
            facts.put("transaction " + id, admin.describeTransactions(List.of(id)).description(id).get().toString());
        }
    }

    private void offsets(Admin admin, List<TopicPartition> partitions) throws Exception {
        Map<String, OffsetSpec> specs = Map.of("earliest", OffsetSpec.earliest(), "latest", OffsetSpec.latest(),
            "newest", OffsetSpec.maxTimestamp(), "at a time", OffsetSpec.forTimestamp(Workload.START_MS + 1_000_500L));
        for (var isolation : IsolationLevel.values()) {
            for (var spec : specs.entrySet()) {
                Map<TopicPartition, OffsetSpec> wanted = new HashMap<>();
                partitions.forEach(one -> wanted.put(one, spec.getValue()));
                if (spec.getKey().startsWith("at")) wanted.remove(COMPACTED);
                admin.listOffsets(wanted, new ListOffsetsOptions(isolation)).all().get().forEach((partition, found) ->
                    facts.put("offset " + spec.getKey() + " " + isolation + " of " + partition, found.timestamp() < 0 ? "" + found.offset() : found.toString()));
            }
        }
    }

    private void records(String bootstrap, List<TopicPartition> partitions) throws Exception {
        for (String isolation : List.of("read_uncommitted", "read_committed")) {
            Map<String, Object> settings = new HashMap<>(Map.of("bootstrap.servers", bootstrap, "isolation.level", isolation, "check.crcs", "true",
                "enable.auto.commit", "false", "auto.offset.reset", "none"));
            try (var consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
                consumer.assign(partitions);
                consumer.seekToBeginning(partitions);
                Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
                Map<TopicPartition, List<String>> found = new HashMap<>();
                partitions.forEach(one -> found.put(one, new ArrayList<>()));
                Judge.until("everything " + isolation + " up to " + ends, () -> {
                    consumer.poll(Duration.ofMillis(50)).forEach(one -> found.get(new TopicPartition(one.topic(), one.partition())).add(text(one)));
                    return partitions.stream().allMatch(one -> consumer.position(one) >= ends.get(one));
                });
                found.put(COMPACTED, newest(found.getOrDefault(COMPACTED, List.of())));
                found.forEach((partition, lines) -> facts.put(isolation + " of " + partition, lines(lines)));
            }
        }
    }

    /** The last record of each key: which others the cleaner has reached is a matter of time. */
    private static List<String> newest(List<String> lines) {
        Map<String, String> byKey = new HashMap<>();
        lines.forEach(line -> byKey.put(line.split(" ")[3], line));
        return byKey.values().stream().sorted().toList();
    }

    private void cluster(Admin admin, boolean all) throws Exception {
        facts.put("cluster", admin.describeCluster().clusterId().get());
        var features = new TreeMap<String, String>();
        admin.describeFeatures().featureMetadata().get().finalizedFeatures().forEach((name, range) -> features.put(name, range.toString()));
        facts.put("features", features.toString());
        if (!all) return;
        facts.put("rules", new TreeSet<>(admin.describeAcls(AclBindingFilter.ANY).values().get().stream().map(Object::toString).toList()).toString());
        facts.put("quotas", admin.describeClientQuotas(ClientQuotaFilter.all()).entities().get().entrySet().stream().map(Object::toString).sorted().toList().toString());
        facts.put("credentials", admin.describeUserScramCredentials().all().get().toString());
        var quorum = admin.describeMetadataQuorum().quorumInfo().get();
        facts.put("voters", quorum.voters().stream().map(one -> one.replicaId() + "@" + one.replicaDirectoryId()).toList().toString());
    }

    private static String text(ConsumerRecord<byte[], byte[]> one) {
        var headers = new StringBuilder();
        one.headers().forEach(header -> headers.append(header.key()).append('=').append(hex(header.value())).append(' '));
        return one.offset() + " " + one.timestampType() + " " + one.timestamp() + " " + hex(one.key()) + " " + hex(one.value()) + " " + headers;
    }

    private static String hex(byte[] bytes) {
        return bytes == null ? "null" : java.util.HexFormat.of().formatHex(bytes);
    }

    static String lines(List<String> lines) {
        return String.join("\n", lines);
    }

    /** Every batch of every topic of clients, by file, as it lies on the disk of a node that does not run. */
    static Map<String, List<String>> batches(Path data) throws Exception {
        Map<String, List<String>> found = new TreeMap<>();
        try (var files = Files.walk(data)) {
            for (Path file : files.filter(path -> path.toString().endsWith(".log")).sorted().toList()) {
                String name = data.relativize(file).toString();
                if (name.startsWith("__")) continue;
                List<String> batches = new ArrayList<>();
                try (FileRecords records = FileRecords.open(file.toFile(), false)) {
                    records.batches().forEach(batch -> batches.add(batch.position() + ": " + batch + " crc " + batch.checksum()));
                }
                found.put(name, batches);
            }
        }
        return found;
    }

    /** What differs between two of them, for names that `without` does not match. */
    static List<String> differences(Map<String, String> before, Map<String, String> after, String without) {
        var names = new TreeSet<>(before.keySet());
        names.addAll(after.keySet());
        List<String> found = new ArrayList<>();
        for (String name : names) {
            String one = before.get(name);
            String other = after.get(name);
            if (name.matches(without) || java.util.Objects.equals(one, other)) continue;
            found.add(name + ":" + firstDifference(one, other));
        }
        return found;
    }

    private static String firstDifference(String one, String other) {
        if (one == null || other == null) return "\n  before: " + one + "\n  after:  " + other;
        String[] left = one.split("\n");
        String[] right = other.split("\n");
        int at = 0;
        while (at < left.length && at < right.length && left[at].equals(right[at])) at++;
        return " line " + at + " (of " + left.length + " and " + right.length + ")\n  before: " + (at < left.length ? left[at] : "-")
            + "\n  after:  " + (at < right.length ? right[at] : "-");
    }

    static void same(Observation before, Observation after, String without) {
        List<String> found = differences(before.facts, after.facts, without);
        Judge.expect(found.isEmpty(), "what was there before to be there after:\n" + lines(found));
    }

}
