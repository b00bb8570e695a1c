import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Groups at work while the node under them dies and another one, of either kind, takes their directory over. */
final class LiveGroups {
    private static final String TOPIC = "live";
    private static final int PARTITIONS = 6;
    /** Group and `group.protocol`. */
    private static final Map<String, String> GROUPS = Map.of("live-classic", "classic", "live-consumer", "consumer");

    private final Node node;
    private final Map<String, List<Member>> members = new HashMap<>();
    private final Map<String, Map<TopicPartition, Long>> committed = new HashMap<>();
    private Feed feed;
    private boolean failed;

    private LiveGroups(Node node) {
        this.node = node;
    }

    static void tests(Judge judge) throws Exception {
        Node.Kind kafka = Node.Kind.KAFKA;
        Node.Kind other = Exchange.OTHER;
        List<Node.Kind> turns = List.of(kafka, other, other, kafka, other);
        LiveGroups groups = new LiveGroups(new Node("live", "group.initial.rebalance.delay.ms=0"));
        judge.test("live groups: format", () -> groups.node.format("--standalone"));
        for (int at = 0; at < turns.size(); at++) {
            Node.Kind kind = turns.get(at);
            boolean isFirst = at == 0;
            judge.test("live groups: turn " + at + ", " + kind.name().toLowerCase() + " until it is killed", () -> groups.guarded(kind, isFirst));
        }
        judge.test("live groups: the end", groups::end);
    }

    private void guarded(Node.Kind kind, boolean isFirst) throws Exception {
        Judge.expect(!failed, "the turns before to have gone well");
        failed = true;
        node.start(kind);
        if (isFirst) begin();
        Map<String, Integer> taken = new HashMap<>();
        members.forEach((group, all) -> taken.put(group, all.stream().mapToInt(member -> member.taken.get()).sum()));
        int mark = feed.acknowledged.size();
        Judge.until("records to be acknowledged again", () -> feed.acknowledged.size() > mark + 500);
        for (String group : GROUPS.keySet()) {
            spread(group);
            consumed(group, Set.copyOf(feed.acknowledged));
            if (!isFirst) Judge.equal(taken.get(group), members.get(group).stream().mapToInt(member -> member.taken.get()).sum(), "partitions taken from members of " + group);
            neverBack(group);
        }
        node.kill();
        failed = false;
    }

    /** The topic, two members of each group, and what they consume. */
    private void begin() throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", node.bootstrap))) {
            admin.createTopics(List.of(new NewTopic(TOPIC, PARTITIONS, (short) 1))).all().get();
            Pair.led(admin, TOPIC);
        }
        feed = new Feed(node.bootstrap);
        for (var group : GROUPS.entrySet()) {
            members.put(group.getKey(), List.of(new Member(node.bootstrap, group.getKey(), group.getValue()), new Member(node.bootstrap, group.getKey(), group.getValue())));
            spread(group.getKey());
        }
    }

    private static void beside(Runnable work) {
        Thread thread = new Thread(work);
        thread.setDaemon(true);
        thread.start();
    }

    private void spread(String group) throws Exception {
        Judge.until("the members of " + group + " to own every partition once", () -> {
            List<Integer> all = new ArrayList<>();
            for (Member member : members.get(group)) {
                if (member.owned.isEmpty()) return false;
                all.addAll(member.owned);
            }
            return all.stream().sorted().toList().equals(IntStream.range(0, PARTITIONS).boxed().toList());
        });
    }

    private void consumed(String group, Set<String> wanted) throws Exception {
        Judge.until(group + " to consume " + wanted.size() + " records", () -> {
            Set<String> missing = new TreeSet<>(wanted);
            members.get(group).forEach(member -> missing.removeAll(member.consumed));
            return missing.isEmpty();
        });
    }

    /** A committed offset never goes back, whoever serves. */
    private void neverBack(String group) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", node.bootstrap))) {
            Map<TopicPartition, Long> now = new HashMap<>();
            admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().forEach((partition, offset) -> now.put(partition, offset.offset()));
            Judge.equal(PARTITIONS, now.size(), "partitions with an offset in " + group);
            committed.getOrDefault(group, Map.of()).forEach((partition, before) ->
                Judge.expect(now.get(partition) >= before, group + " not to go back in " + partition + " from " + before + " to " + now.get(partition)));
            committed.put(group, now);
        }
    }

    private void end() throws Exception {
        if (feed != null) feed.stop.set(true);
        for (List<Member> all : members.values()) {
            for (Member member : all) member.stop.set(true);
        }
        node.close(failed);
    }

    /** A consumer polled by its own thread, which commits what it has consumed. */
    private static final class Member implements ConsumerRebalanceListener {
        final Set<Integer> owned = ConcurrentHashMap.newKeySet();
        final Set<String> consumed = ConcurrentHashMap.newKeySet();
        /** Partitions that were revoked or lost. */
        final AtomicInteger taken = new AtomicInteger();
        final AtomicBoolean stop = new AtomicBoolean();

        Member(String bootstrap, String group, String protocol) {
            Map<String, Object> settings = new HashMap<>(Map.of("bootstrap.servers", bootstrap, "group.id", group, "group.protocol", protocol,
                "auto.offset.reset", "earliest", "enable.auto.commit", "false", "reconnect.backoff.max.ms", "200"));
            if (protocol.equals("classic")) settings.put("heartbeat.interval.ms", "500");
            // Else a leader that nobody answers for long forgets its topics, and joins again when it knows them.
            settings.put("metadata.recovery.strategy", "none");
            var consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
            consumer.subscribe(List.of(TOPIC), this);
            LiveGroups.beside(() -> poll(consumer));
        }

        private void poll(KafkaConsumer<byte[], byte[]> consumer) {
            while (!stop.get()) {
                Map<TopicPartition, OffsetAndMetadata> next = new HashMap<>();
                consumer.poll(Duration.ofMillis(100)).forEach(record -> {
                    consumed.add(record.partition() + ":" + record.offset());
                    next.put(new TopicPartition(record.topic(), record.partition()), new OffsetAndMetadata(record.offset() + 1));
                });
                try {
                    if (!next.isEmpty()) consumer.commitSync(next, Duration.ofSeconds(2));
                } catch (KafkaException nobodyThere) {
                    // The next commit says more than this one would have.
                }
            }
            consumer.close(org.apache.kafka.clients.consumer.CloseOptions.timeout(Duration.ZERO));
        }

        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
            partitions.forEach(one -> owned.add(one.partition()));
        }

        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
            taken.addAndGet(partitions.size());
            partitions.forEach(one -> owned.remove(one.partition()));
        }
    }

    /** A producer that goes on all the while. */
    private static final class Feed {
        final Set<String> acknowledged = ConcurrentHashMap.newKeySet();
        final AtomicBoolean stop = new AtomicBoolean();

        Feed(String bootstrap) {
            var producer = new KafkaProducer<>(Map.<String, Object>of("bootstrap.servers", bootstrap, "acks", "all", "reconnect.backoff.max.ms", "200"),
                new ByteArraySerializer(), new ByteArraySerializer());
            LiveGroups.beside(() -> {
                for (int number = 0; !stop.get(); number++) {
                    producer.send(new ProducerRecord<>(TOPIC, number % PARTITIONS, null, Workload.bytes("" + number)), (where, failure) -> {
                        if (failure == null) acknowledged.add(where.partition() + ":" + where.offset());
                    });
                    try {
                        Thread.sleep(4);
                    } catch (InterruptedException over) {
                        return;
                    }
                }
                producer.close(Duration.ZERO);
            });
        }
    }
}
