import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.SubscriptionPattern;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidRegularExpression;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Groups of the consumer protocol (KIP-848), and groups that go over to it while they live. */
final class ConsumerProtocol {
    private ConsumerProtocol() {}

    /** A consumer polled by its own thread; a protocol of null is the classic one. */
    private static final class Member implements AutoCloseable, ConsumerRebalanceListener {
        final KafkaConsumer<byte[], byte[]> consumer;
        final Set<TopicPartition> owned = java.util.Collections.synchronizedSet(new java.util.HashSet<>());
        final List<TopicPartition> revoked = java.util.Collections.synchronizedList(new ArrayList<>());
        final AtomicBoolean stop = new AtomicBoolean();
        CompletableFuture<Void> polling;

        Member(String group, boolean isNew, Object... configs) {
            Map<String, Object> settings = new HashMap<>(Map.of(
                "bootstrap.servers", Cluster.BOOTSTRAP, "group.id", group, "auto.offset.reset", "earliest",
                "enable.auto.commit", "false", "metadata.max.age.ms", "500"));
            if (isNew) {
                settings.put("group.protocol", "consumer");
            } else {
                settings.put("heartbeat.interval.ms", "300");
                settings.put("partition.assignment.strategy", "org.apache.kafka.clients.consumer.CooperativeStickyAssignor");
            }
            settings.putAll(Cluster.pairs(configs));
            consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        }

        Member to(String... topics) {
            consumer.subscribe(List.of(topics), this);
            return poll();
        }

        Member matching(String pattern) {
            consumer.subscribe(new SubscriptionPattern(pattern), this);
            return poll();
        }

        private Member poll() {
            polling = CompletableFuture.runAsync(() -> {
                while (!stop.get()) consumer.poll(Duration.ofMillis(100));
            });
            return this;
        }

        public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
            owned.addAll(partitions);
        }

        public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
            owned.removeAll(partitions);
            revoked.addAll(partitions);
        }

        Set<Integer> of(String topic) {
            synchronized (owned) {
                Set<Integer> partitions = new TreeSet<>();
                owned.stream().filter(one -> one.topic().equals(topic)).forEach(one -> partitions.add(one.partition()));
                return partitions;
            }
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

    private static void spread(String topic, int partitions, Member... members) throws Exception {
        Judge.until(partitions + " partitions spread over " + members.length + " members", () -> {
            List<Integer> all = new ArrayList<>();
            for (Member member : members) {
                Set<Integer> owned = member.of(topic);
                if (owned.isEmpty()) return false;
                all.addAll(owned);
            }
            return all.stream().sorted().toList().equals(IntStream.range(0, partitions).boxed().toList());
        });
    }

    static void tests(Judge judge, Cluster cluster) {
        for (String assignor : List.of("uniform", "range")) {
            judge.test("members of the consumer protocol share a topic with the assignor " + assignor, () -> {
                String topic = cluster.create("consumer", 4);
                try (var first = new Member(topic, true, "group.remote.assignor", assignor).to(topic)) {
                    spread(topic, 4, first);
                    try (var second = new Member(topic, true, "group.remote.assignor", assignor).to(topic)) {
                        spread(topic, 4, first, second);
                        Judge.equal(2, first.revoked.size(), "partitions revoked from the first");
                        var group = cluster.admin.describeConsumerGroups(List.of(topic)).all().get().get(topic);
                        Judge.equal(GroupType.CONSUMER, group.type(), "type");
                        Judge.equal(assignor, group.partitionAssignor(), "assignor");
                        Judge.until("a stable group", () -> cluster.admin.describeConsumerGroups(List.of(topic)).all().get()
                            .get(topic).groupState() == GroupState.STABLE);
                    }
                    spread(topic, 4, first);
                }
                cluster.admin.deleteConsumerGroups(List.of(topic)).all().get();
            });
        }
        judge.test("partitions and topics that come later are consumed by a regular expression", () -> {
            String prefix = cluster.create("matched", 1);
            try (var member = new Member(prefix, true).matching(Pattern.quote(prefix).replace("\\Q", "").replace("\\E", "") + ".*")) {
                spread(prefix, 1, member);
            }
            var refused = new Member(prefix, true);
            refused.matching("(");
            Judge.refused(InvalidRegularExpression.class, () -> {
                refused.polling.get(30, java.util.concurrent.TimeUnit.SECONDS);
                return null;
            });
            refused.consumer.close();
        });
        judge.test("a static member of the consumer protocol comes back without a rebalance", () -> {
            String topic = cluster.create("static-consumer", 4);
            try (var first = new Member(topic, true, "group.instance.id", "first").to(topic)) {
                Set<Integer> before;
                try (var second = new Member(topic, true, "group.instance.id", "second").to(topic)) {
                    spread(topic, 4, first, second);
                    before = second.of(topic);
                }
                first.revoked.clear();
                try (var again = new Member(topic, true, "group.instance.id", "second").to(topic)) {
                    spread(topic, 4, first, again);
                    Judge.equal(before, again.of(topic), "what the static member owns again");
                }
                Judge.equal(List.of(), first.revoked, "revoked from the other member");
            }
        });
        judge.test("a live group goes over to the consumer protocol and back", () -> {
            String topic = cluster.create("rolling", 6);
            var one = new Member(topic, false).to(topic);
            var two = new Member(topic, false).to(topic);
            spread(topic, 6, one, two);
            var three = new Member(topic, true).to(topic);
            spread(topic, 6, one, two, three);
            Judge.equal(GroupType.CONSUMER, cluster.admin.describeConsumerGroups(List.of(topic)).all().get().get(topic).type(), "type");
            one.close();
            spread(topic, 6, two, three);
            two.close();
            spread(topic, 6, three);
            one = new Member(topic, false).to(topic);
            spread(topic, 6, one, three);
            three.close();
            spread(topic, 6, one);
            Judge.equal(GroupType.CLASSIC, cluster.admin.describeConsumerGroups(List.of(topic)).all().get().get(topic).type(), "type");
            one.close();
        });
    }
}
