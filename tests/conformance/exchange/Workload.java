import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TransactionState;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.SimpleRecord;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** What clients do between two turns, of every kind that leaves something on disk. */
final class Workload implements AutoCloseable {
    static final List<String> CODECS = List.of("none", "gzip", "snappy", "lz4", "zstd");
    static final List<String> GROUPS = List.of("committed", "static", "in-transaction", "modern");
    /** Some hours ago: producers that were last heard of long ago would be forgotten. */
    static final long START_MS = System.currentTimeMillis() / 1000 * 1000 - 36_000_000L;

    private final String bootstrap;
    /** Lives through every turn. */
    private final KafkaProducer<byte[], byte[]> idempotent;
    private KafkaProducer<byte[], byte[]> open;
    private KafkaConsumer<byte[], byte[]> member;
    private long rawProducer = -1;
    private int rawSequence;
    private long rawOffset;
    private int turn;

    Workload(String bootstrap) {
        this.bootstrap = bootstrap;
        idempotent = producer("linger.ms", "5", "batch.size", "2000");
    }

    /** The topics, in the first turn. */
    void create(Admin admin) throws Exception {
        List<NewTopic> topics = new ArrayList<>();
        for (String codec : CODECS) topics.add(topic("codec-" + codec, 1, "compression.type", "producer"));
        topics.add(topic("recompressed", 1, "compression.type", "zstd", "compression.zstd.level", "5"));
        topics.add(topic("append-time", 2, "message.timestamp.type", "LogAppendTime"));
        topics.add(topic("compacted", 1, "cleanup.policy", "compact", "min.cleanable.dirty.ratio", "0.0", "segment.ms", "1000", "delete.retention.ms", "100000000"));
        topics.add(topic("segments", 1, "segment.ms", "1", "index.interval.bytes", "10"));
        topics.add(topic("transactional", 2, "segment.ms", "3600000"));
        topics.add(topic("forgotten", 1));
        topics.add(topic("trimmed", 1));
        topics.add(topic("continued", 1));
        topics.add(topic("raw", 1));
        topics.add(topic("deleted", 3));
        topics.add(topic("empty", 2));
        admin.createTopics(topics).all().get();
        for (NewTopic topic : topics) Pair.led(admin, topic.name());
    }

    private static NewTopic topic(String name, int partitions, String... configs) {
        Map<String, String> all = new HashMap<>(Map.of("retention.ms", "-1", "message.timestamp.before.max.ms", "9223372036854775807"));
        for (int at = 0; at < configs.length; at += 2) all.put(configs[at], configs[at + 1]);
        return new NewTopic(name, partitions, (short) 1).configs(all);
    }

    /** One turn's writes, the same whoever serves. */
    void write(Admin admin) throws Exception {
        turn++;
        records();
        configs(admin);
        groups(admin);
        transactions();
        forget();
        trim(admin);
        if (turn == 1) {
            // Closed before, for a producer that asks for its topic would have it created again.
            try (var producer = producer()) {
                send(producer, "deleted", 0, 20);
            }
            admin.deleteTopics(List.of("deleted")).all().get();
        }
        raw();
        for (int number = 0; number < 50; number++) idempotent.send(record("continued", 0, number)).get();
    }

    /** What an open transaction of the last turn becomes: committed in even turns. */
    void finish() {
        if (open == null) return;
        if (turn % 2 == 1) open.commitTransaction();
        else open.abortTransaction();
        open.close();
        open = null;
    }

    private void records() throws Exception {
        for (String codec : CODECS) {
            try (var producer = producer("compression.type", codec, "linger.ms", "20", "batch.size", "4000")) {
                send(producer, "codec-" + codec, 0, 150);
                odd(producer, "codec-" + codec);
            }
        }
        try (var producer = producer("compression.type", "gzip", "linger.ms", "20")) {
            send(producer, "recompressed", 0, 100);
            send(producer, "append-time", 0, 50);
            send(producer, "append-time", 1, 50);
        }
        try (var producer = producer("linger.ms", "0")) {
            for (int number = 0; number < 25; number++) {
                long when = START_MS + turn * 1_000_000L + number * 1000L;
                producer.send(new ProducerRecord<>("segments", 0, when, bytes("k" + number), bytes("v" + number))).get();
            }
            for (int number = 0; number < 60; number++) {
                long when = START_MS + turn * 1_000_000L + number * 100L;
                byte[] value = number % 7 == 3 ? null : bytes("turn " + turn + " value " + number);
                producer.send(new ProducerRecord<>("compacted", 0, when, bytes("key " + number % 10), value)).get();
            }
        }
    }

    private void odd(KafkaProducer<byte[], byte[]> producer, String topic) throws Exception {
        long when = START_MS + turn;
        producer.send(new ProducerRecord<>(topic, 0, 0L, bytes("1970"), new byte[20_000])).get();
        producer.send(new ProducerRecord<>(topic, 0, when, (byte[]) null, (byte[]) null)).get();
        producer.send(new ProducerRecord<>(topic, 0, when, bytes(""), bytes(""))).get();
        var headers = Arrays.<org.apache.kafka.common.header.Header>asList(new RecordHeader("twice", bytes("a")), new RecordHeader("twice", bytes("b")),
            new RecordHeader("null", (byte[]) null), new RecordHeader("empty", bytes("")), new RecordHeader("ključ", bytes("语")));
        producer.send(new ProducerRecord<>(topic, 0, when - 500, bytes("with headers"), null, headers)).get();
    }

    private void configs(Admin admin) throws Exception {
        Map<ConfigResource, java.util.Collection<AlterConfigOp>> wanted = new HashMap<>();
        wanted.put(new ConfigResource(ConfigResource.Type.TOPIC, "empty"), List.of(set("max.message.bytes", "" + (100_000 + turn))));
        wanted.put(new ConfigResource(ConfigResource.Type.BROKER, "1"), List.of(set("max.connections.per.ip", "" + (1000 + turn))));
        wanted.put(new ConfigResource(ConfigResource.Type.BROKER, ""), List.of(set("message.max.bytes", "" + (1_048_588 + turn))));
        wanted.put(new ConfigResource(ConfigResource.Type.CLIENT_METRICS, "watched"),
            List.of(set("metrics", "org.apache.kafka.consumer."), set("interval.ms", "" + (60_000 + turn)), set("match", "client_id=app-" + turn)));
        wanted.put(new ConfigResource(ConfigResource.Type.GROUP, "modern"), List.of(set("consumer.session.timeout.ms", "" + (45_000 + turn))));
        admin.incrementalAlterConfigs(wanted).all().get();
    }

    private static AlterConfigOp set(String key, String value) {
        return new AlterConfigOp(new ConfigEntry(key, value), AlterConfigOp.OpType.SET);
    }

    private void groups(Admin admin) throws Exception {
        var partition = new TopicPartition("codec-none", 0);
        admin.alterConsumerGroupOffsets("committed", Map.of(partition, new OffsetAndMetadata(10L + turn, java.util.Optional.of(0), "turn " + turn),
            new TopicPartition("append-time", 1), new OffsetAndMetadata(turn))).all().get();
        admin.alterConsumerGroupOffsets("gone", Map.of(partition, new OffsetAndMetadata(1))).all().get();
        admin.deleteConsumerGroups(List.of("gone")).all().get();
        if (member == null) {
            member = consumer("group.id", "static", "group.instance.id", "member-1", "session.timeout.ms", "1200000", "max.poll.interval.ms", "1200000",
                "heartbeat.interval.ms", "200", "client.id", "static-client");
            member.subscribe(List.of("codec-gzip", "codec-lz4"));
        }
        Judge.until("the static member's partitions", () -> {
            member.poll(Duration.ofMillis(50));
            return member.assignment().size() == 2;
        });
        member.commitSync(Map.of(new TopicPartition("codec-gzip", 0), new OffsetAndMetadata(turn * 3L)), Duration.ofSeconds(20));
    }

    private void transactions() throws Exception {
        var offsets = Map.of(new TopicPartition("codec-zstd", 0), new OffsetAndMetadata(100L + turn));
        for (String ending : List.of("committed", "aborted")) {
            try (var producer = producer("transactional.id", ending)) {
                producer.initTransactions();
                for (int round = 0; round < 3; round++) {
                    producer.beginTransaction();
                    for (int number = 0; number < 5; number++) producer.send(record("transactional", number % 2, number));
                    if (ending.equals("committed")) {
                        producer.sendOffsetsToTransaction(offsets, new ConsumerGroupMetadata("in-transaction"));
                        producer.commitTransaction();
                    } else {
                        producer.flush();
                        producer.abortTransaction();
                    }
                }
            }
        }
        open = producer("transactional.id", "open-" + turn, "transaction.timeout.ms", "600000");
        open.initTransactions();
        open.beginTransaction();
        for (int number = 0; number < 4; number++) open.send(record("transactional", number % 2, 1000 + number)).get();
        open.sendOffsetsToTransaction(Map.of(new TopicPartition("codec-lz4", 0), new OffsetAndMetadata(7L + turn)), new ConsumerGroupMetadata("in-transaction"));
        var behind = producer();
        send(behind, "transactional", 0, 3);
        behind.close();
    }

    /** A transaction whose producer goes away: whoever serves when its time is up aborts it. */
    private void forget() throws Exception {
        try (var producer = producer("transactional.id", "forgotten-" + turn, "transaction.timeout.ms", "4000")) {
            producer.initTransactions();
            producer.beginTransaction();
            producer.send(record("forgotten", 0, turn)).get();
            producer.close(Duration.ZERO);
        }
    }

    /** Waits until the transaction that the last turn forgot is aborted. */
    void aborted(Admin admin) throws Exception {
        String id = "forgotten-" + turn;
        Judge.until(id + " to be aborted", () ->
            admin.describeTransactions(List.of(id)).description(id).get().state() == TransactionState.COMPLETE_ABORT);
    }

    private void trim(Admin admin) throws Exception {
        try (var producer = producer()) {
            send(producer, "trimmed", 0, 40);
        }
        admin.deleteRecords(Map.of(new TopicPartition("trimmed", 0), RecordsToDelete.beforeOffset(turn * 30L))).all().get();
    }

    private void raw() throws Exception {
        try (Raw raw = new Raw(bootstrap)) {
            if (rawProducer < 0) rawProducer = raw.producerId();
            for (int number = 0; number < 3; number++) {
                var answer = raw.produce("raw", 0, batch(rawSequence), null);
                Judge.equal((short) 0, answer.errorCode(), "error of a raw batch");
                rawOffset = answer.baseOffset();
                rawSequence += 2;
            }
        }
    }

    /** The last raw batch again: it is answered with the offset that it has, and not appended. */
    void duplicate() throws Exception {
        if (rawProducer < 0) return;
        try (Raw raw = new Raw(bootstrap)) {
            var answer = raw.produce("raw", 0, batch(rawSequence - 2), null);
            Judge.equal((short) 0, answer.errorCode(), "error of a duplicate");
            Judge.equal(rawOffset, answer.baseOffset(), "offset of a duplicate");
            var gap = raw.produce("raw", 0, batch(rawSequence + 10), null);
            Judge.equal((short) 45, gap.errorCode(), "error of a batch after a gap (OUT_OF_ORDER_SEQUENCE_NUMBER)");
        }
    }

    private MemoryRecords batch(int sequence) {
        return MemoryRecords.withIdempotentRecords(Compression.NONE, rawProducer, (short) 0, sequence,
            new SimpleRecord(START_MS + sequence, bytes("raw " + sequence)), new SimpleRecord(START_MS + sequence + 1, bytes("raw " + (sequence + 1))));
    }

    private void send(KafkaProducer<byte[], byte[]> producer, String topic, int partition, int count) throws Exception {
        List<Future<?>> answers = new ArrayList<>();
        for (int number = 0; number < count; number++) answers.add(producer.send(record(topic, partition, number)));
        producer.flush();
        for (Future<?> answer : answers) answer.get();
    }

    private ProducerRecord<byte[], byte[]> record(String topic, int partition, int number) {
        long when = START_MS + turn * 1_000_000L + number;
        return new ProducerRecord<>(topic, partition, when, bytes("key " + number), bytes("turn " + turn + " number " + number + " abcdefgh".repeat(8)));
    }

    KafkaProducer<byte[], byte[]> producer(String... configs) {
        return new KafkaProducer<>(settings("acks", "all", configs), new ByteArraySerializer(), new ByteArraySerializer());
    }

    private KafkaConsumer<byte[], byte[]> consumer(String... configs) {
        return new KafkaConsumer<>(settings("enable.auto.commit", "false", configs), new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    private Map<String, Object> settings(String key, String value, String... more) {
        Map<String, Object> all = new HashMap<>(Map.of("bootstrap.servers", bootstrap, key, value, "auto.offset.reset", "earliest",
            "reconnect.backoff.max.ms", "200", "delivery.timeout.ms", "60000", "request.timeout.ms", "20000"));
        for (int at = 0; at < more.length; at += 2) all.put(more[at], more[at + 1]);
        return all;
    }

    /** A group of the protocol of KIP-848 that has committed and left. */
    void modernGroup() throws Exception {
        try (var consumer = consumer("group.id", "modern", "group.protocol", "consumer", "client.id", "modern-client")) {
            consumer.subscribe(Set.of("codec-none"));
            Judge.until("the modern member's partition", () -> {
                consumer.poll(Duration.ofMillis(50));
                return consumer.assignment().size() == 1;
            });
            consumer.commitSync(Map.of(new TopicPartition("codec-none", 0), new OffsetAndMetadata(5)), Duration.ofSeconds(20));
        }
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /** Closes what holds threads; the static member stays a member. */
    @Override
    public void close() {
        idempotent.close(Duration.ZERO);
        if (open != null) open.close(Duration.ZERO);
        if (member != null) member.close(org.apache.kafka.clients.consumer.CloseOptions.timeout(Duration.ZERO));
    }
}
