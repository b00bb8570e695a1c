import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** The cluster that is judged, and the shortest way to each client of it. */
final class Cluster {
    static final String BOOTSTRAP = System.getenv("OTTLA_BOOTSTRAP");

    final Admin admin = Admin.create(Map.of("bootstrap.servers", BOOTSTRAP));

    static String unique(String prefix) {
        return prefix + "-" + UUID.randomUUID().toString().substring(0, 12);
    }

    String create(String prefix, int partitions, String... configs) throws Exception {
        String topic = unique(prefix);
        admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1).configs(pairs((Object[]) configs)))).all().get();
        Judge.until(topic + " in the metadata", () -> admin.listTopics().names().get().contains(topic));
        return topic;
    }

    static Map<String, String> pairs(Object... configs) {
        Map<String, String> map = new HashMap<>();
        for (int at = 0; at < configs.length; at += 2) map.put(configs[at].toString(), configs[at + 1].toString());
        return map;
    }

    static KafkaProducer<byte[], byte[]> producer(Object... configs) {
        Map<String, Object> settings = new HashMap<>(Map.of("bootstrap.servers", BOOTSTRAP, "max.block.ms", 20000));
        settings.putAll(pairs(configs));
        return new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
    }

    static KafkaConsumer<byte[], byte[]> consumer(Object... configs) {
        Map<String, Object> settings = new HashMap<>(Map.of("bootstrap.servers", BOOTSTRAP));
        settings.put("auto.offset.reset", "earliest");
        settings.put("enable.auto.commit", "false");
        settings.put("heartbeat.interval.ms", "300");
        settings.putAll(pairs(configs));
        return new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    static byte[] bytes(String text) {
        return text == null ? null : text.getBytes();
    }

    static List<String> values(int count) {
        return IntStream.range(0, count).mapToObj(n -> String.format("%08d ", n) + "abcdefgh".repeat(10)).toList();
    }

    /** Sends values to partition 0 and waits for every answer. */
    static List<RecordMetadata> send(String topic, List<String> values, Object... configs) throws Exception {
        try (var producer = producer(configs)) {
            List<Future<RecordMetadata>> futures = new ArrayList<>();
            for (String value : values) futures.add(producer.send(new ProducerRecord<>(topic, 0, null, bytes(value))));
            producer.flush();
            List<RecordMetadata> answers = new ArrayList<>();
            for (var future : futures) answers.add(future.get());
            return answers;
        }
    }

    static List<ConsumerRecord<byte[], byte[]>> read(KafkaConsumer<byte[], byte[]> consumer, int count) throws Exception {
        List<ConsumerRecord<byte[], byte[]>> found = new ArrayList<>();
        Judge.until(count + " records", () -> {
            consumer.poll(Duration.ofMillis(100)).forEach(found::add);
            return found.size() >= count;
        });
        Judge.equal(count, found.size(), "records read");
        return found;
    }

    /** Reads partition 0 from its start. */
    static List<ConsumerRecord<byte[], byte[]>> readAll(String topic, int count, Object... configs) throws Exception {
        try (var consumer = consumer(configs)) {
            consumer.assign(List.of(new TopicPartition(topic, 0)));
            consumer.seekToBeginning(consumer.assignment());
            return read(consumer, count);
        }
    }

    static List<String> texts(List<ConsumerRecord<byte[], byte[]>> records) {
        return records.stream().map(record -> record.value() == null ? null : new String(record.value())).toList();
    }

    static String text(byte[] bytes) {
        return bytes == null ? null : Arrays.toString(bytes);
    }
}
