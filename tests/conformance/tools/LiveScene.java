import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Topics, members of two groups of either protocol, groups that were left, and producers of transactions. */
final class LiveScene implements AutoCloseable {
    private static final long START_MS = 1_700_000_000_000L;
    private static final int RECORDS = 20;

    private final String bootstrap;
    private final String suffix;
    private final Admin admin;
    private final List<Member> members = new ArrayList<>();
    private final Map<String, KafkaProducer<byte[], byte[]>> producers = new HashMap<>();

    LiveScene(String bootstrap, String suffix) throws Exception {
        this.bootstrap = bootstrap;
        this.suffix = suffix;
        admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
        try {
            topics();
            join("classic", "one", null);
            join("classic", "two", null);
            join("classic", "static", "instance");
            join("consumer", "uno", null);
            join("consumer", "due", "istanza");
            for (String protocol : List.of("classic", "consumer")) {
                join(protocol, protocol + "-leaver", null, "left" + protocol);
                Member leaver = members.remove(members.size() - 1);
                leaver.stop();
            }
            offsets();
            begin("open", "live-open");
            begin("stays", "live-open");
            begin("done", "live-done");
            producers.get("done").commitTransaction();
            begin("gone", "live-done");
            producers.get("gone").abortTransaction();
        } catch (Throwable failure) {
            close();
            throw failure;
        }
    }

    private String name(String name) {
        return name + suffix;
    }

    private void topics() throws Exception {
        Map<String, Integer> partitions = Map.of("live-a", 3, "live-b", 2, "live-open", 2, "live-done", 1);
        List<NewTopic> topics = partitions.entrySet().stream().map(one -> new NewTopic(name(one.getKey()), one.getValue(), (short) 1)
            .configs(Map.of("retention.ms", "-1"))).toList();
        admin.createTopics(topics).all().get();
        for (var one : partitions.entrySet()) Judge.until(one.getKey() + " led", () -> isServed(name(one.getKey()), one.getValue()));
        try (var producer = producer(Map.of())) {
            for (String topic : List.of("live-a", "live-b")) {
                for (int at = 0; at < RECORDS; at++) {
                    producer.send(new ProducerRecord<>(name(topic), at % partitions.get(topic), START_MS + at * 60_000L, null, ("" + at).getBytes()));
                }
            }
        }
    }

    /** Where the records of a partition end that members read. */
    private static long end(TopicPartition one) {
        int partitions = one.topic().startsWith("live-a") ? 3 : 2;
        return (RECORDS + partitions - 1 - one.partition()) / partitions;
    }

    private boolean isServed(String topic, int partitions) {
        Map<TopicPartition, OffsetSpec> ends = new HashMap<>();
        for (int at = 0; at < partitions; at++) ends.put(new TopicPartition(topic, at), OffsetSpec.latest());
        try {
            admin.listOffsets(ends).all().get();
            return true;
        } catch (Exception notYet) {
            return false;
        }
    }

    private void join(String protocol, String name, String instance) throws Exception {
        join(protocol, name, instance, protocol);
    }

    /** A member joins, and everybody has what is theirs before the next thing happens. */
    private void join(String protocol, String name, String instance, String group) throws Exception {
        Member member = new Member(protocol, name, instance, name("live-" + group));
        members.add(member);
        List<Member> all = members.stream().filter(one -> one.group.equals(member.group)).toList();
        Judge.until(name + " settled in " + group, () -> {
            int owned = 0;
            for (Member one : all) {
                if (one.owned.isEmpty() || one.committed < one.owned.size()) return false;
                owned += one.owned.size();
            }
            return owned == 5 && admin.describeConsumerGroups(List.of(member.group)).all().get().get(member.group).groupState().toString().equals("Stable");
        });
    }

    /** Offsets of groups without members. */
    private void offsets() throws Exception {
        for (String group : List.of("idle", "leftclassic", "leftconsumer")) {
            Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
            for (int at = 0; at < 3; at++) offsets.put(new TopicPartition(name("live-a"), at), new OffsetAndMetadata(at + 2, "note"));
            offsets.put(new TopicPartition(name("live-b"), 0), new OffsetAndMetadata(100));
            Judge.until("offsets of " + group, () -> {
                try {
                    admin.alterConsumerGroupOffsets(name("live-" + group), offsets).all().get();
                    return true;
                } catch (java.util.concurrent.ExecutionException notEmptyYet) {
                    return false;
                }
            });
        }
    }

    private KafkaProducer<byte[], byte[]> producer(Map<String, Object> more) {
        Map<String, Object> settings = new HashMap<>(Map.of("bootstrap.servers", bootstrap));
        settings.putAll(more);
        return new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
    }

    private void begin(String id, String topic) throws Exception {
        var producer = producer(Map.of("transactional.id", name("live-" + id), "transaction.timeout.ms", 600_000));
        producers.put(id, producer);
        producer.initTransactions();
        producer.beginTransaction();
        for (int at = 0; at < 2; at++) {
            int partition = topic.equals("live-open") ? at : 0;
            producer.send(new ProducerRecord<>(name(topic), partition, null, id.getBytes())).get();
        }
        Map<TopicPartition, OffsetAndMetadata> read = Map.of(new TopicPartition(name("live-b"), 1), new OffsetAndMetadata(3));
        if (id.equals("open")) producer.sendOffsetsToTransaction(read, new ConsumerGroupMetadata(name("live-idle")));
    }

    /** What has to have happened between two commands. */
    void happens(String what) throws Exception {
        String id = what.split(" ")[0];
        if (what.endsWith(" is ended")) {
            Judge.until(what, () -> admin.describeTransactions(List.of(name("live-" + id))).description(name("live-" + id)).get().state().toString().matches("Empty|Complete.*"));
        } else if (what.endsWith(" goes on")) {
            String refused = "nothing was refused";
            try {
                producers.get(id).send(new ProducerRecord<>(name("live-open"), 0, null, id.getBytes())).get();
                producers.get(id).commitTransaction();
            } catch (KafkaException | java.util.concurrent.ExecutionException failure) {
                refused = (failure.getCause() == null ? failure : failure.getCause()).getClass().getSimpleName();
            }
            System.out.println("  " + refused);
        } else if (what.equals("members leave")) {
            close(members);
        } else {
            throw new IllegalArgumentException(what);
        }
    }

    /** Member ids, and what they are called. */
    Map<String, String> members() {
        Map<String, String> ids = new LinkedHashMap<>();
        members.forEach(member -> ids.put(member.id, member.name));
        return ids;
    }

    private static void close(List<Member> members) throws Exception {
        for (Member member : members) member.stop();
        members.clear();
    }

    @Override
    public void close() throws Exception {
        close(members);
        producers.values().forEach(producer -> producer.close(Duration.ZERO));
        admin.close(Duration.ZERO);
    }

    /** A consumer polled by its own thread, which commits what it has consumed. */
    private final class Member implements ConsumerRebalanceListener {
        private final String name;
        private final String group;
        private final Set<TopicPartition> owned = ConcurrentHashMap.newKeySet();
        private final AtomicBoolean stop = new AtomicBoolean();
        private final Thread thread;
        private volatile int committed;
        private volatile String id;

        private Member(String protocol, String name, String instance, String group) {
            this.name = name;
            this.group = group;
            Map<String, Object> settings = new HashMap<>(Map.of("bootstrap.servers", bootstrap, "group.id", group, "group.protocol", protocol,
                "auto.offset.reset", "earliest", "enable.auto.commit", "false", "client.id", name));
            if (protocol.equals("classic")) settings.put("heartbeat.interval.ms", "300");
            if (instance != null) settings.put("group.instance.id", instance);
            var consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
            consumer.subscribe(List.of(name("live-a"), name("live-b")), this);
            thread = new Thread(() -> poll(consumer));
            thread.setDaemon(true);
            thread.start();
        }

        private void poll(KafkaConsumer<byte[], byte[]> consumer) {
            while (!stop.get()) {
                consumer.poll(Duration.ofMillis(100));
                id = consumer.groupMetadata().memberId();
                Map<TopicPartition, OffsetAndMetadata> next = new HashMap<>();
                // Partition 0 is read and not committed.
                for (TopicPartition one : consumer.assignment()) {
                    if (one.partition() != 0) next.put(one, new OffsetAndMetadata(consumer.position(one)));
                }
                try {
                    consumer.commitSync(next);
                    committed = next.entrySet().stream().allMatch(one -> one.getValue().offset() == end(one.getKey())) ? consumer.assignment().size() : 0;
                } catch (KafkaException rebalancing) {
                    committed = 0;
                }
            }
            // Instances leave too, so that their group is empty at once.
            consumer.close(CloseOptions.groupMembershipOperation(CloseOptions.GroupMembershipOperation.LEAVE_GROUP));
        }

        private void stop() throws InterruptedException {
            stop.set(true);
            thread.join(20_000);
        }

        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
            owned.addAll(partitions);
        }

        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
            owned.removeAll(partitions);
        }
    }
}
