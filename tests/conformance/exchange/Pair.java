import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RetriableException;

/** Apache Kafka and Ottla side by side on new directories with the same settings: both get the same requests. */
final class Pair implements AutoCloseable {
    /** What is done to one of the two. */
    interface Deed {
        void on(Node node, Admin admin, Raw raw) throws Exception;
    }

    final Node kafka;
    final Node ottla;
    boolean keep = true;

    Pair(String name, String... settings) throws Exception {
        kafka = new Node(name + "-kafka", settings);
        ottla = new Node(name + "-ottla", settings);
        kafka.format("--standalone");
        start();
    }

    void start() throws Exception {
        if (Exchange.OTHER == Node.Kind.KAFKA && !Files.exists(ottla.data)) ottla.format("--standalone");
        var starting = CompletableFuture.runAsync(() -> started(kafka, Node.Kind.KAFKA));
        started(ottla, Exchange.OTHER);
        starting.get();
    }

    private static void started(Node node, Node.Kind kind) {
        try {
            node.start(kind);
        } catch (Exception failure) {
            throw new AssertionError(failure);
        }
    }

    /** Does the same to both, one after the other. */
    void both(Deed deed) throws Exception {
        for (Node node : List.of(kafka, ottla)) {
            try (Admin admin = Admin.create(Map.of("bootstrap.servers", node.bootstrap)); Raw raw = new Raw(node.bootstrap)) {
                deed.on(node, admin, raw);
            }
        }
    }

    void stop() throws Exception {
        kafka.stop();
        ottla.stop();
    }

    static void create(Admin admin, String topic, String... configs) throws Exception {
        Map<String, String> all = new HashMap<>(Map.of("retention.ms", "-1", "message.timestamp.before.max.ms", "9223372036854775807"));
        for (int at = 0; at < configs.length; at += 2) all.put(configs[at], configs[at + 1]);
        admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1).configs(all))).all().get();
        led(admin, topic);
    }

    /**
     * Waits until a topic can be written. Kafka's metadata tells of a partition before its broker serves it, and a
     * producer of which the second batch is taken and the first is not never gets over that.
     */
    static void led(Admin admin, String topic) throws Exception {
        Judge.until(topic + " led", () -> isServed(admin, topic));
    }

    private static boolean isServed(Admin admin, String topic) throws Exception {
        try {
            Map<TopicPartition, OffsetSpec> ends = new HashMap<>();
            for (var partition : admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions()) {
                ends.put(new TopicPartition(topic, partition.partition()), OffsetSpec.latest());
            }
            admin.listOffsets(ends).all().get();
            return true;
        } catch (ExecutionException failure) {
            if (failure.getCause() instanceof RetriableException) return false;
            throw failure;
        }
    }

    /** The names in a folder, those of deleted topics without what is drawn by lot. */
    static List<String> names(Path folder) throws Exception {
        List<String> found = new ArrayList<>();
        try (var files = Files.list(folder)) {
            files.map(file -> file.getFileName().toString().replaceAll("\\.[0-9a-f]{32}-", ".*-")).sorted().forEach(found::add);
        }
        return found;
    }

    @Override
    public void close() throws Exception {
        kafka.close(keep);
        ottla.close(keep);
    }
}
