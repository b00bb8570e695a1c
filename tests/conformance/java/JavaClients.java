import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.DescribeProducersResult;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.TopicCollection;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.FencedInstanceIdException;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.apache.kafka.common.errors.GroupNotEmptyException;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.InvalidPartitionsException;
import org.apache.kafka.common.errors.InvalidReplicaAssignmentException;
import org.apache.kafka.common.errors.InvalidReplicationFactorException;
import org.apache.kafka.common.errors.InvalidTimestampException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.SecurityDisabledException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicIdException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;
import org.apache.kafka.common.Uuid;

/** The Java clients of Apache Kafka: Admin, KafkaProducer, KafkaConsumer with the classic group protocol. */
public final class JavaClients {
    private static final Cluster cluster = new Cluster();

    public static void main(String[] arguments) {
        Judge judge = new Judge();
        topics(judge);
        configs(judge);
        produceAndConsume(judge);
        offsets(judge);
        longPolls(judge);
        groups(judge);
        ConsumerProtocol.tests(judge, cluster);
        Transactions.tests(judge, cluster);
        underLoad(judge);
        int failed = judge.run(arguments.length > 0 ? arguments[0] : "");
        System.exit(failed == 0 ? 0 : 1);
    }

    private static ConfigResource resource(String topic) {
        return new ConfigResource(ConfigResource.Type.TOPIC, topic);
    }

    private static ConfigEntry config(String topic, String key) throws Exception {
        return cluster.admin.describeConfigs(List.of(resource(topic))).all().get().get(resource(topic)).get(key);
    }

    private static void topics(Judge judge) {
        judge.test("a topic is created with its configs", () -> {
            String topic = Cluster.unique("created");
            var created = cluster.admin.createTopics(List.of(new NewTopic(topic, 3, (short) 1).configs(Map.of("retention.ms", "12345"))));
            Judge.equal(3, created.numPartitions(topic).get(), "partitions answered");
            Judge.equal("12345", created.config(topic).get().get("retention.ms").value(), "retention.ms answered");
            var described = cluster.admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic);
            Judge.equal(created.topicId(topic).get(), described.topicId(), "topic id");
            Judge.equal(3, described.partitions().size(), "partitions described");
            var byId = cluster.admin.describeTopics(TopicCollection.ofTopicIds(List.of(described.topicId()))).allTopicIds().get();
            Judge.equal(topic, byId.get(described.topicId()).name(), "the name behind the id");
        });
        judge.test("the broker's defaults are used", () -> {
            String topic = Cluster.unique("defaults");
            var created = cluster.admin.createTopics(List.of(new NewTopic(topic, Optional.empty(), Optional.empty())));
            Judge.equal(1, created.numPartitions(topic).get(), "partitions");
            Judge.equal(1, created.replicationFactor(topic).get(), "replication factor");
        });
        Map<String, Class<? extends Throwable>> bad = Map.of(
            "partitions", InvalidPartitionsException.class, "replicas", InvalidReplicationFactorException.class,
            "config", InvalidConfigurationException.class, "na me", InvalidTopicException.class,
            "assignment", InvalidReplicaAssignmentException.class);
        bad.forEach((what, error) -> judge.test("a topic with a bad " + what + " is refused", () -> {
            String name = Cluster.unique(what);
            NewTopic topic = switch (what) {
                case "partitions" -> new NewTopic(name, 0, (short) 1);
                case "replicas" -> new NewTopic(name, 1, (short) 7);
                case "config" -> new NewTopic(name, 1, (short) 1).configs(Map.of("segment.ms", "never"));
                case "assignment" -> new NewTopic(name, Map.of(0, List.of(4242)));
                default -> new NewTopic(name, 1, (short) 1);
            };
            Judge.refused(error, () -> cluster.admin.createTopics(List.of(topic)).all().get());
        }));
        judge.test("an existing topic is refused", () -> {
            String topic = cluster.create("existing", 1);
            Judge.refused(TopicExistsException.class, () -> cluster.admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1))).all().get());
        });
        judge.test("validate only creates nothing", () -> {
            String topic = Cluster.unique("validated");
            var options = new CreateTopicsOptions().validateOnly(true);
            cluster.admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1)), options).all().get();
            Judge.expect(!cluster.admin.listTopics().names().get().contains(topic), topic + " not to exist");
        });
        judge.test("partitions are added", () -> {
            String topic = cluster.create("grown", 1);
            cluster.admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(3))).all().get();
            Judge.until("3 partitions", () -> cluster.admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size() == 3);
            Judge.refused(InvalidPartitionsException.class,
                () -> cluster.admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(2))).all().get());
        });
        judge.test("a topic is deleted by name and by id", () -> {
            String named = cluster.create("named", 1);
            cluster.admin.deleteTopics(List.of(named)).all().get();
            String other = cluster.create("other", 1);
            Uuid id = cluster.admin.describeTopics(List.of(other)).allTopicNames().get().get(other).topicId();
            cluster.admin.deleteTopics(TopicCollection.ofTopicIds(List.of(id))).all().get();
            Judge.until("both gone", () -> {
                Set<String> names = cluster.admin.listTopics().names().get();
                return !names.contains(named) && !names.contains(other);
            });
            Judge.refused(UnknownTopicOrPartitionException.class, () -> cluster.admin.deleteTopics(List.of(named)).all().get());
            Judge.refused(UnknownTopicIdException.class, () -> cluster.admin.deleteTopics(TopicCollection.ofTopicIds(List.of(id))).all().get());
        });
        judge.test("the cluster is described", () -> {
            var told = cluster.admin.describeCluster();
            Judge.equal(22, told.clusterId().get().length(), "length of the cluster id");
            var nodes = told.nodes().get();
            Judge.equal(List.of(Cluster.BOOTSTRAP), nodes.stream().map(node -> node.host() + ":" + node.port()).toList(), "nodes");
            Judge.expect(nodes.stream().anyMatch(node -> node.id() == controllerId()), "the controller among the nodes");
            Judge.expect(cluster.admin.describeFeatures().featureMetadata().get().finalizedFeatures().containsKey("metadata.version"),
                "metadata.version among the finalized features");
        });
        judge.test("access rules need an authorizer", () -> {
            var binding = new AclBinding(new ResourcePattern(ResourceType.TOPIC, "any", PatternType.LITERAL),
                new AccessControlEntry("User:somebody", "*", AclOperation.READ, AclPermissionType.ALLOW));
            Judge.refused(SecurityDisabledException.class, () -> cluster.admin.describeAcls(AclBindingFilter.ANY).values().get());
            Judge.refused(SecurityDisabledException.class, () -> cluster.admin.createAcls(List.of(binding)).all().get());
            Judge.refused(SecurityDisabledException.class, () -> cluster.admin.deleteAcls(List.of(AclBindingFilter.ANY)).all().get());
        });
        judge.test("log directories are described", () -> {
            String topic = cluster.create("directories", 1);
            Cluster.send(topic, Cluster.values(50));
            var directories = cluster.admin.describeLogDirs(List.of(controllerId())).allDescriptions().get().get(controllerId());
            long size = directories.values().stream().flatMap(one -> one.replicaInfos().entrySet().stream())
                .filter(replica -> replica.getKey().topic().equals(topic)).mapToLong(replica -> replica.getValue().size()).sum();
            Judge.expect(size > 4000, "the bytes of 50 records, got " + size);
        });
    }

    private static int controllerId() {
        try {
            return cluster.admin.describeCluster().controller().get().id();
        } catch (Exception failure) {
            throw new AssertionError("expected to be told the controller", failure);
        }
    }

    private static void alter(String topic, AlterConfigOp.OpType kind, String key, String value) throws Exception {
        var operation = new AlterConfigOp(new ConfigEntry(key, value), kind);
        cluster.admin.incrementalAlterConfigs(Map.of(resource(topic), List.of(operation))).all().get();
    }

    private static void configs(Judge judge) {
        judge.test("configs are altered and read back", () -> {
            String topic = cluster.create("altered", 1, "cleanup.policy", "delete");
            Judge.equal(ConfigEntry.ConfigSource.DEFAULT_CONFIG, config(topic, "segment.ms").source(), "source of a default");
            alter(topic, AlterConfigOp.OpType.SET, "segment.ms", "60000");
            alter(topic, AlterConfigOp.OpType.APPEND, "cleanup.policy", "compact");
            Judge.until("both altered", () ->
                config(topic, "segment.ms").value().equals("60000") && config(topic, "cleanup.policy").value().equals("delete,compact"));
            Judge.equal(ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG, config(topic, "segment.ms").source(), "source");
            alter(topic, AlterConfigOp.OpType.SUBTRACT, "cleanup.policy", "delete");
            alter(topic, AlterConfigOp.OpType.DELETE, "segment.ms", "");
            Judge.until("both altered back", () ->
                config(topic, "segment.ms").value().equals("604800000") && config(topic, "cleanup.policy").value().equals("compact"));
            Judge.refused(InvalidConfigurationException.class, () -> {
                alter(topic, AlterConfigOp.OpType.SET, "segment.ms", "-7");
                return null;
            });
        });
        judge.test("configs of an unknown topic are refused", () ->
            Judge.refused(UnknownTopicOrPartitionException.class, () -> config(Cluster.unique("nowhere"), "segment.ms")));
        judge.test("a broker config is altered and read back", () -> {
            var broker = new ConfigResource(ConfigResource.Type.BROKER, String.valueOf(controllerId()));
            var set = new AlterConfigOp(new ConfigEntry("log.cleaner.io.buffer.load.factor", "0.8"), AlterConfigOp.OpType.SET);
            cluster.admin.incrementalAlterConfigs(Map.of(broker, List.of(set))).all().get();
            Judge.until("the factor 0.8", () -> {
                var entry = cluster.admin.describeConfigs(List.of(broker)).all().get().get(broker).get("log.cleaner.io.buffer.load.factor");
                return entry.value().equals("0.8") && entry.source() == ConfigEntry.ConfigSource.DYNAMIC_BROKER_CONFIG;
            });
            var delete = new AlterConfigOp(new ConfigEntry("log.cleaner.io.buffer.load.factor", ""), AlterConfigOp.OpType.DELETE);
            cluster.admin.incrementalAlterConfigs(Map.of(broker, List.of(delete))).all().get();
        });
    }

    private static void produceAndConsume(Judge judge) {
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            for (String acks : List.of("0", "1", "all")) {
                judge.test(codec + " with acks " + acks, () -> {
                    String topic = cluster.create("codec", 1);
                    Cluster.send(topic, Cluster.values(200), "compression.type", codec, "acks", acks,
                        "enable.idempotence", acks.equals("all"), "linger.ms", 20);
                    Judge.equal(Cluster.values(200), Cluster.texts(Cluster.readAll(topic, 200)), "values read");
                });
            }
        }
        judge.test("keys, headers and nulls are kept", () -> {
            String topic = cluster.create("nulls", 1);
            var headers = List.of(new RecordHeader("one", Cluster.bytes("1")), new RecordHeader("null", (byte[]) null),
                new RecordHeader("one", new byte[0]));
            try (var producer = Cluster.producer()) {
                producer.send(new ProducerRecord<>(topic, 0, Cluster.bytes("key"), Cluster.bytes("value"), List.copyOf(headers))).get();
                producer.send(new ProducerRecord<>(topic, 0, null, Cluster.bytes("no key"))).get();
                producer.send(new ProducerRecord<>(topic, 0, Cluster.bytes("no value"), null)).get();
                producer.send(new ProducerRecord<>(topic, 0, null, null)).get();
                producer.send(new ProducerRecord<>(topic, 0, new byte[0], new byte[0])).get();
            }
            var found = Cluster.readAll(topic, 5);
            Judge.equal(headers, List.of(found.get(0).headers().toArray()), "headers");
            String[][] wanted = {{"key", "value"}, {null, "no key"}, {"no value", null}, {null, null}, {"", ""}};
            for (int at = 0; at < wanted.length; at++) {
                Judge.equal(Cluster.text(Cluster.bytes(wanted[at][0])), Cluster.text(found.get(at).key()), "key " + at);
                Judge.equal(Cluster.text(Cluster.bytes(wanted[at][1])), Cluster.text(found.get(at).value()), "value " + at);
            }
        });
        judge.test("an idempotent producer keeps order", () -> {
            String topic = cluster.create("idempotent", 1);
            var answers = Cluster.send(topic, Cluster.values(5000), "batch.size", 2000, "max.in.flight.requests.per.connection", 5);
            Judge.equal(IntStream.range(0, 5000).mapToObj(Long::valueOf).toList(), answers.stream().map(a -> a.offset()).toList(), "offsets");
            Judge.equal(Cluster.values(5000), Cluster.texts(Cluster.readAll(topic, 5000)), "values");
            var partition = new TopicPartition(topic, 0);
            DescribeProducersResult.PartitionProducerState state = cluster.admin.describeProducers(List.of(partition)).all().get().get(partition);
            Judge.equal(4999, state.activeProducers().get(0).lastSequence(), "last sequence");
        });
        judge.test("the create time is kept", () -> {
            String topic = cluster.create("create-time", 1);
            try (var producer = Cluster.producer()) {
                producer.send(new ProducerRecord<>(topic, 0, 1234567890123L, null, Cluster.bytes("old"))).get();
            }
            var record = Cluster.readAll(topic, 1).get(0);
            Judge.equal(1234567890123L, record.timestamp(), "timestamp");
            Judge.equal("CreateTime", record.timestampType().name, "timestamp type");
        });
        judge.test("the log append time is the broker's", () -> {
            String topic = cluster.create("append-time", 1, "message.timestamp.type", "LogAppendTime");
            long before = System.currentTimeMillis();
            long answered;
            try (var producer = Cluster.producer("compression.type", "snappy")) {
                answered = producer.send(new ProducerRecord<>(topic, 0, 1234567890123L, null, Cluster.bytes("old"))).get().timestamp();
            }
            var record = Cluster.readAll(topic, 1).get(0);
            Judge.equal("LogAppendTime", record.timestampType().name, "timestamp type");
            Judge.expect(before <= record.timestamp() && record.timestamp() <= System.currentTimeMillis(), "the broker's clock");
            Judge.equal(answered, record.timestamp(), "the answered timestamp");
        });
        judge.test("records out of the time window are refused", () -> {
            String topic = cluster.create("window", 1, "message.timestamp.before.max.ms", "60000", "message.timestamp.after.max.ms", "60000");
            for (long off : new long[] {-3_600_000, 3_600_000}) {
                try (var producer = Cluster.producer()) {
                    var record = new ProducerRecord<>(topic, 0, System.currentTimeMillis() + off, (byte[]) null, Cluster.bytes("off"));
                    Judge.refused(InvalidTimestampException.class, () -> producer.send(record).get());
                }
            }
        });
        judge.test("large messages are taken up to the limit", () -> {
            String topic = cluster.create("large", 1, "max.message.bytes", "500000");
            Cluster.send(topic, List.of("x".repeat(490_000)));
            Judge.refused(RecordTooLargeException.class, () -> Cluster.send(topic, List.of("x".repeat(510_000))));
            var found = Cluster.readAll(topic, 1, "max.partition.fetch.bytes", 1000, "fetch.max.bytes", 1000);
            Judge.equal(490_000, found.get(0).value().length, "bytes of the large message");
        });
        judge.test("batches over the limit are split", () -> {
            String topic = cluster.create("split", 1, "max.message.bytes", "20000");
            Cluster.send(topic, Cluster.values(1000), "batch.size", 100_000, "linger.ms", 50);
            Judge.equal(Cluster.values(1000), Cluster.texts(Cluster.readAll(topic, 1000)), "values");
        });
    }

    private static void offsets(Judge judge) {
        judge.test("seek goes where it is told", () -> {
            String topic = cluster.create("seek", 1);
            Cluster.send(topic, Cluster.values(10));
            var partition = new TopicPartition(topic, 0);
            try (var consumer = Cluster.consumer("max.poll.records", 1)) {
                consumer.assign(List.of(partition));
                for (long offset : new long[] {7, 0, 9}) {
                    consumer.seek(partition, offset);
                    Judge.equal(offset, Cluster.read(consumer, 1).get(0).offset(), "offset after a seek");
                }
                consumer.seekToBeginning(List.of(partition));
                Judge.equal(0L, consumer.position(partition), "position at the beginning");
                consumer.seekToEnd(List.of(partition));
                Judge.equal(10L, consumer.position(partition), "position at the end");
                Cluster.send(topic, List.of("after the end"));
                Judge.equal(List.of("after the end"), Cluster.texts(Cluster.read(consumer, 1)), "the record after the end");
            }
        });
        judge.test("an offset out of range is refused", () -> {
            String topic = cluster.create("range", 1);
            Cluster.send(topic, Cluster.values(3));
            try (var consumer = Cluster.consumer("auto.offset.reset", "none")) {
                consumer.assign(List.of(new TopicPartition(topic, 0)));
                consumer.seek(new TopicPartition(topic, 0), 99);
                Judge.refused(OffsetOutOfRangeException.class, () -> Cluster.read(consumer, 1));
            }
        });
        judge.test("offsets are found by time", () -> {
            String topic = cluster.create("times", 1);
            long base = System.currentTimeMillis() - 1_000_000;
            try (var producer = Cluster.producer()) {
                for (int n = 0; n < 5; n++) producer.send(new ProducerRecord<>(topic, 0, base + n * 1000L, null, Cluster.bytes("x"))).get();
            }
            var partition = new TopicPartition(topic, 0);
            try (var consumer = Cluster.consumer()) {
                long[][] wanted = {{0, 0}, {1, 1}, {4000, 4}};
                for (long[] pair : wanted) {
                    Judge.equal(pair[1], consumer.offsetsForTimes(Map.of(partition, base + pair[0])).get(partition).offset(), "offset");
                }
                Judge.equal(null, consumer.offsetsForTimes(Map.of(partition, base + 4001)).get(partition), "nothing so late");
                Judge.equal(Map.of(partition, 0L), consumer.beginningOffsets(List.of(partition)), "beginning");
                Judge.equal(Map.of(partition, 5L), consumer.endOffsets(List.of(partition)), "end");
            }
            Map<OffsetSpec, Long> specs = Map.of(OffsetSpec.earliest(), 0L, OffsetSpec.latest(), 5L, OffsetSpec.maxTimestamp(), 4L);
            for (var spec : specs.entrySet()) {
                var found = cluster.admin.listOffsets(Map.of(partition, spec.getKey())).partitionResult(partition).get();
                Judge.equal(spec.getValue(), found.offset(), spec.getKey().getClass().getSimpleName());
            }
        });
        judge.test("records are deleted", () -> {
            String topic = cluster.create("trimmed", 1);
            Cluster.send(topic, Cluster.values(10));
            var partition = new TopicPartition(topic, 0);
            var deleted = cluster.admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(4))).lowWatermarks().get(partition).get();
            Judge.equal(4L, deleted.lowWatermark(), "low watermark");
            Judge.equal(4L, Cluster.readAll(topic, 6).get(0).offset(), "first offset left");
        });
    }

    private static void longPolls(Judge judge) {
        judge.test("a long poll is woken by a produce", () -> {
            String topic = cluster.create("woken", 1);
            Cluster.send(topic, List.of("first"));
            try (var consumer = Cluster.consumer("fetch.max.wait.ms", 15000, "request.timeout.ms", 30000)) {
                consumer.assign(List.of(new TopicPartition(topic, 0)));
                Cluster.read(consumer, 1);
                Judge.expect(consumer.poll(Duration.ofMillis(500)).isEmpty(), "nothing to read yet");
                long sent = System.nanoTime();
                Cluster.send(topic, List.of("wake up"));
                Cluster.read(consumer, 1);
                Judge.expect(System.nanoTime() - sent < 5_000_000_000L, "the fetch of 15 s to be woken by the record");
            }
        });
        judge.test("a long poll waits for min bytes", () -> {
            String topic = cluster.create("waits", 1);
            Cluster.send(topic, List.of("small"));
            long started = System.nanoTime();
            Cluster.readAll(topic, 1, "fetch.max.wait.ms", 2000, "fetch.min.bytes", 1_000_000);
            long waited = (System.nanoTime() - started) / 1_000_000;
            Judge.expect(waited >= 1900 && waited < 8000, "the fetch to wait its 2 s for fetch.min.bytes, it took " + waited + " ms");
        });
    }

    /** A consumer polled by its own thread. */
    private static final class Member implements AutoCloseable, ConsumerRebalanceListener {
        final KafkaConsumer<byte[], byte[]> consumer;
        final Set<Integer> owned = java.util.Collections.synchronizedSet(new TreeSet<>());
        final List<Integer> revoked = java.util.Collections.synchronizedList(new ArrayList<>());
        final AtomicBoolean stop = new AtomicBoolean();
        final CompletableFuture<Void> polling;

        Member(String group, String topic, Object... configs) {
            Object[] all = java.util.stream.Stream.concat(
                java.util.stream.Stream.of("group.id", group), java.util.Arrays.stream(configs)).toArray();
            consumer = Cluster.consumer(all);
            consumer.subscribe(List.of(topic), this);
            polling = CompletableFuture.runAsync(() -> {
                while (!stop.get()) consumer.poll(Duration.ofMillis(100));
            });
        }

        public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
            partitions.forEach(partition -> owned.add(partition.partition()));
        }

        public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
            partitions.forEach(partition -> {
                owned.remove(partition.partition());
                revoked.add(partition.partition());
            });
        }

        public void close() throws Exception {
            stop.set(true);
            try {
                polling.get();
            } finally {
                consumer.close();
            }
        }
    }

    private static void spread(int partitions, Member... members) throws Exception {
        Judge.until(partitions + " partitions spread over " + members.length + " members", () -> {
            List<Integer> all = new ArrayList<>();
            for (Member member : members) {
                if (member.owned.isEmpty()) return false;
                all.addAll(Set.copyOf(member.owned));
            }
            return all.stream().sorted().toList().equals(IntStream.range(0, partitions).boxed().toList());
        });
    }

    private static void groups(Judge judge) {
        judge.test("members join and leave a group", () -> {
            String topic = cluster.create("group", 4);
            try (var first = new Member(topic, topic)) {
                spread(4, first);
                try (var second = new Member(topic, topic)) {
                    spread(4, first, second);
                    var group = cluster.admin.describeConsumerGroups(List.of(topic)).all().get().get(topic);
                    Judge.equal(GroupState.STABLE, group.groupState(), "group state");
                    Judge.equal(2, group.members().size(), "members");
                    Judge.expect(cluster.admin.listGroups().all().get().stream().anyMatch(one -> one.groupId().equals(topic)), "the group listed");
                    Judge.refused(GroupNotEmptyException.class, () -> cluster.admin.deleteConsumerGroups(List.of(topic)).all().get());
                }
                spread(4, first);
            }
            cluster.admin.deleteConsumerGroups(List.of(topic)).all().get();
            Judge.refused(GroupIdNotFoundException.class, () -> cluster.admin.deleteConsumerGroups(List.of(topic)).all().get());
        });
        Map<String, String> assignors = Map.of("range", "Range", "roundrobin", "RoundRobin", "sticky", "Sticky", "cooperative-sticky", "CooperativeSticky");
        assignors.forEach((name, assignor) -> judge.test("three members come and go with the assignor " + name, () -> {
            String topic = cluster.create("assignor-" + name, 6);
            Object[] strategy = {"partition.assignment.strategy", "org.apache.kafka.clients.consumer." + assignor + "Assignor"};
            try (var first = new Member(topic, topic, strategy)) {
                spread(6, first);
                try (var second = new Member(topic, topic, strategy); var third = new Member(topic, topic, strategy)) {
                    spread(6, first, second, third);
                    var group = cluster.admin.describeConsumerGroups(List.of(topic)).all().get().get(topic);
                    Judge.equal(name, group.partitionAssignor(), "assignor");
                    for (Member member : List.of(first, second, third)) Judge.equal(2, member.owned.size(), "partitions of a member");
                }
                spread(6, first);
            }
        }));
        judge.test("a static member comes back without a rebalance", () -> {
            String topic = cluster.create("static", 4);
            try (var first = new Member(topic, topic, "group.instance.id", "first")) {
                Set<Integer> before;
                try (var second = new Member(topic, topic, "group.instance.id", "second")) {
                    spread(4, first, second);
                    before = Set.copyOf(second.owned);
                }
                first.revoked.clear();
                try (var again = new Member(topic, topic, "group.instance.id", "second")) {
                    spread(4, first, again);
                    Judge.equal(before, Set.copyOf(again.owned), "what the static member owns again");
                }
                Judge.equal(List.of(), first.revoked, "revoked from the other member");
            }
        });
        judge.test("a second holder of an instance id fences the first", () -> {
            String topic = cluster.create("fenced", 2);
            var first = new Member(topic, topic, "group.instance.id", "same");
            spread(2, first);
            try (var second = new Member(topic, topic, "group.instance.id", "same")) {
                Judge.refused(FencedInstanceIdException.class, () -> {
                    first.polling.get(30, java.util.concurrent.TimeUnit.SECONDS);
                    return null;
                });
                spread(2, second);
            }
            first.consumer.close();
        });
        judge.test("cooperative members keep what they have", () -> {
            String topic = cluster.create("cooperative", 4);
            Object[] cooperative = {"partition.assignment.strategy", "org.apache.kafka.clients.consumer.CooperativeStickyAssignor"};
            try (var first = new Member(topic, topic, cooperative)) {
                spread(4, first);
                try (var second = new Member(topic, topic, cooperative)) {
                    spread(4, first, second);
                    Judge.equal(Set.copyOf(second.owned), Set.copyOf(first.revoked), "revoked from the first: only what moved");
                }
            }
        });
        judge.test("commits are fetched", () -> {
            String topic = cluster.create("commits", 2);
            Cluster.send(topic, Cluster.values(10));
            var zero = new TopicPartition(topic, 0);
            var one = new TopicPartition(topic, 1);
            try (var consumer = Cluster.consumer("group.id", topic)) {
                consumer.subscribe(List.of(topic));
                Cluster.read(consumer, 10);
                consumer.commitSync(Map.of(zero, new OffsetAndMetadata(6, "six"), one, new OffsetAndMetadata(3)));
            }
            try (var consumer = Cluster.consumer("group.id", topic)) {
                Judge.equal(new OffsetAndMetadata(6, "six"), consumer.committed(Set.of(zero)).get(zero), "committed");
                consumer.subscribe(List.of(topic));
                Judge.equal(6L, Cluster.read(consumer, 4).get(0).offset(), "first offset after the committed");
            }
            cluster.admin.alterConsumerGroupOffsets(topic, Map.of(zero, new OffsetAndMetadata(2))).all().get();
            var offsets = cluster.admin.listConsumerGroupOffsets(topic).partitionsToOffsetAndMetadata().get();
            Judge.equal(Map.of(zero, 2L, one, 3L),
                offsets.entrySet().stream().collect(Collectors.toMap(Map.Entry::getKey, entry -> entry.getValue().offset())), "offsets");
            cluster.admin.deleteConsumerGroupOffsets(topic, Set.of(zero)).all().get();
            offsets = cluster.admin.listConsumerGroupOffsets(topic).partitionsToOffsetAndMetadata().get();
            Judge.equal(Set.of(one), offsets.keySet(), "partitions left");
        });
    }

    private static void underLoad(Judge judge) {
        judge.test("a topic is deleted under load", () -> {
            String neighbour = cluster.create("stays", 1);
            String doomed = cluster.create("goes", 1);
            var stop = new AtomicBoolean();
            var acked = new AtomicInteger();
            var load = CompletableFuture.runAsync(() -> {
                try (var producer = Cluster.producer(); var other = Cluster.producer("max.block.ms", 1000, "delivery.timeout.ms", 5000,
                        "request.timeout.ms", 2000, "linger.ms", 0)) {
                    while (!stop.get()) {
                        other.send(new ProducerRecord<>(doomed, 0, null, Cluster.bytes("x")));
                        producer.send(new ProducerRecord<>(neighbour, 0, null, Cluster.bytes("" + acked.get()))).get();
                        acked.incrementAndGet();
                    }
                } catch (Exception failure) {
                    throw new AssertionError("expected the neighbour to be written", failure);
                }
            });
            Judge.until("100 acknowledged records", () -> acked.get() > 100);
            cluster.admin.deleteTopics(List.of(doomed)).all().get();
            int mark = acked.get();
            Judge.until("the neighbour to go on", () -> acked.get() > mark + 100 || load.isCompletedExceptionally());
            stop.set(true);
            load.get();
            Judge.equal(IntStream.range(0, acked.get()).mapToObj(String::valueOf).toList(),
                Cluster.texts(Cluster.readAll(neighbour, acked.get())), "values of the neighbour");
        });
    }
}
