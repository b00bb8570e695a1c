import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.SimpleRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Transactions whose marker never comes: kafka-transactions.sh finds them and ends them, Apache's and ours. */
final class Hanging {
    private static final String TOPIC = "hanging";
    private static final TopicPartition PARTITION = new TopicPartition(TOPIC, 0);
    /** Longer ago than the longest transaction that a broker allows. */
    private static final long LONG_AGO_MS = System.currentTimeMillis() - 7_200_000;

    /** Whose kafka-transactions.sh. */
    private enum Tool { APACHE, OTTLA }

    /** Leaves one transaction open at offset 2 of the topic that nobody will ever end. */
    private interface Loss {
        void happen(Node node) throws Exception;
    }

    private Hanging() {}

    static void tests(Judge judge) {
        for (Tool aborting : Tool.values()) {
            String by = " is found, and aborted by the tool of " + aborting.name().toLowerCase();
            judge.test("hanging: a transaction that no coordinator knows" + by, () -> drill(aborting, Hanging::neverAdded));
            judge.test("hanging: a transaction that its coordinator has lost" + by, () -> drill(aborting, Hanging::forgotten));
        }
    }

    private static void drill(Tool aborting, Loss loss) throws Exception {
        Node node = new Node("hanging", "transaction.partition.verification.enable=false");
        boolean keep = true;
        try {
            if (Exchange.OTHER == Node.Kind.KAFKA) node.format("--standalone");
            node.start(Exchange.OTHER);
            try (Admin admin = Admin.create(Map.of("bootstrap.servers", node.bootstrap))) {
                Pair.create(admin, TOPIC);
                send(node, "before");
                send(node, "before");
                loss.happen(node);
                send(node, "behind");
                Judge.equal(2L, end(admin, IsolationLevel.READ_COMMITTED), "last stable offset");
                Judge.equal(4L, end(admin, IsolationLevel.READ_UNCOMMITTED), "end");
                for (Tool tool : Tool.values()) found(tool, node);
                run(aborting, node, "abort", "--topic", TOPIC, "--partition", "0", "--start-offset", "2");
                Judge.equal(5L, end(admin, IsolationLevel.READ_COMMITTED), "last stable offset after the abort");
                for (Tool tool : Tool.values()) {
                    Judge.equal(1, run(tool, node, "find-hanging", "--broker-id", "1").size(), "lines of " + tool + " that finds nothing any more");
                }
            }
            Observation seen = Observation.of(node.bootstrap, false);
            Judge.equal(3, seen.facts.get("read_committed of hanging-0").split("\n").length, "records that are committed");
            keep = false;
        } finally {
            node.close(keep);
        }
    }

    /** A batch of a transaction from a producer that told no coordinator, as clients before KIP-890 could. */
    private static void neverAdded(Node node) throws Exception {
        try (Raw raw = new Raw(node.bootstrap)) {
            var batch = MemoryRecords.withTransactionalRecords(Compression.NONE, raw.producerId(), (short) 0, 0,
                new SimpleRecord(LONG_AGO_MS, Workload.bytes("hanging")));
            Judge.equal((short) 0, raw.produce(TOPIC, 0, batch, "somebody").errorCode(), "error of the batch");
        }
    }

    /** The node dies and the log of its coordinators with it. */
    private static void forgotten(Node node) throws Exception {
        var producer = producer(node, "transactional.id", "forgotten", "transaction.timeout.ms", "600000");
        producer.initTransactions();
        producer.beginTransaction();
        producer.send(new ProducerRecord<>(TOPIC, 0, LONG_AGO_MS, null, Workload.bytes("hanging"))).get();
        node.kill();
        producer.close(java.time.Duration.ZERO);
        try (var folders = Files.list(node.data)) {
            for (Path folder : folders.filter(path -> path.getFileName().toString().startsWith("__transaction_state-")).toList()) {
                for (File file : folder.toFile().listFiles((any, name) -> name.matches("\\d{20}\\..*"))) Files.delete(file.toPath());
            }
        }
        node.start(Exchange.OTHER);
    }

    private static KafkaProducer<byte[], byte[]> producer(Node node, String... configs) {
        Map<String, Object> all = new HashMap<>(Map.of("bootstrap.servers", node.bootstrap));
        for (int at = 0; at < configs.length; at += 2) all.put(configs[at], configs[at + 1]);
        return new KafkaProducer<>(all, new ByteArraySerializer(), new ByteArraySerializer());
    }

    private static void send(Node node, String value) throws Exception {
        try (var producer = producer(node)) {
            producer.send(new ProducerRecord<>(TOPIC, 0, null, null, Workload.bytes(value))).get();
        }
    }

    private static long end(Admin admin, IsolationLevel isolation) throws Exception {
        return admin.listOffsets(Map.of(PARTITION, OffsetSpec.latest()), new ListOffsetsOptions(isolation)).partitionResult(PARTITION).get().offset();
    }

    /** The one line of find-hanging tells topic, partition, producer and the first offset. */
    private static void found(Tool tool, Node node) throws Exception {
        List<String> lines = run(tool, node, "find-hanging", "--broker-id", "1");
        Judge.equal(2, lines.size(), "lines of " + tool + ": " + lines);
        String[] columns = lines.get(1).trim().split("\\s+");
        Judge.equal(List.of(TOPIC, "0"), List.of(columns[0], columns[1]), "what " + tool + " found");
        Judge.equal("2", columns[5], "first offset that " + tool + " found");
    }

    private static List<String> run(Tool tool, Node node, String... arguments) throws Exception {
        List<String> command = new ArrayList<>(tool == Tool.OTTLA
            ? List.of(System.getenv("OTTLA_BINARY"), "transactions")
            : List.of("java", "-Xmx64m", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp",
                System.getenv("OTTLA_KAFKA_CLASSPATH"), "org.apache.kafka.tools.TransactionsCommand"));
        command.addAll(List.of("--bootstrap-server", node.bootstrap));
        command.addAll(Arrays.asList(arguments));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        List<String> lines = new String(process.getInputStream().readAllBytes()).lines().filter(line -> !line.isBlank()).toList();
        Judge.expect(process.waitFor(30, TimeUnit.SECONDS) && process.exitValue() == 0, command + " to succeed: " + lines);
        return lines;
    }
}
