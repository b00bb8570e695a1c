import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.SimpleRecord;

/** The same requests to both, and then their directories file by file: names, sizes, bytes. */
final class FileByFile {
    private static final long START_MS = Workload.START_MS;
    private static final List<String> TOPICS = List.of("none", "gzip", "snappy", "lz4", "zstd", "rolled-by-time", "rolled-by-size",
        "rolled-by-index", "idempotent", "markers", "shortened", "untouched");
    private static final List<String> CHECKPOINTS = List.of("recovery-point-offset-checkpoint", "log-start-offset-checkpoint",
        "replication-offset-checkpoint", "cleaner-offset-checkpoint");

    private static Pair pair;

    static void tests(Judge judge) {
        judge.test("file by file: both start", () -> pair = new Pair("files", "transaction.partition.verification.enable=false",
            "log.initial.task.delay.ms=200", "log.retention.check.interval.ms=300", "log.segment.delete.delay.ms=3600000",
            "log.cleaner.dedupe.buffer.size=8388608"));
        judge.test("file by file: after a first run", () -> {
            pair.both(FileByFile::create);
            pair.both((node, admin, raw) -> write(node, admin, raw, 0));
            Judge.equal(Pair.names(pair.kafka.data.resolve("shortened-0")), Pair.names(pair.ottla.data.resolve("shortened-0")), "names of what is deleted");
            pair.stop();
            compare();
        });
        judge.test("file by file: after a restart and a second run", () -> {
            pair.start();
            pair.both((node, admin, raw) -> write(node, admin, raw, 1));
            pair.stop();
            compare();
            pair.keep = false;
        });
        judge.test("file by file: the end", () -> pair.close());
    }

    private static void create(Node node, Admin admin, Raw raw) throws Exception {
        for (String codec : Workload.CODECS) Pair.create(admin, codec, "index.interval.bytes", "200");
        Pair.create(admin, "rolled-by-time", "segment.ms", "1000", "index.interval.bytes", "1");
        Pair.create(admin, "rolled-by-size", "segment.bytes", "1048576");
        Pair.create(admin, "rolled-by-index", "segment.index.bytes", "120", "index.interval.bytes", "1");
        Pair.create(admin, "idempotent", "segment.ms", "1000", "index.interval.bytes", "100");
        Pair.create(admin, "markers", "index.interval.bytes", "100");
        Pair.create(admin, "shortened", "segment.ms", "1000", "retention.bytes", "-1");
        Pair.create(admin, "untouched");
        Pair.create(admin, "deleted");
    }

    private static void write(Node node, Admin admin, Raw raw, int run) throws Exception {
        long base = START_MS + run * 1_000_000L;
        for (String topic : TOPICS) Pair.led(admin, topic);
        for (String codec : Workload.CODECS) {
            Compression compression = Compression.of(CompressionType.forName(codec)).build();
            for (int number = 0; number < 20; number++) {
                append(raw, codec, MemoryRecords.withRecords(compression, records(base + number * 10L, 1 + number % 7)));
            }
        }
        for (int number = 0; number < 12; number++) {
            append(raw, "rolled-by-time", MemoryRecords.withRecords(Compression.NONE, records(base + number * 400L, 3)));
            append(raw, "shortened", MemoryRecords.withRecords(Compression.NONE, records(base + number * 400L, 3)));
        }
        byte[] large = new byte[200_000];
        for (int number = 0; number < 12; number++) {
            append(raw, "rolled-by-size", MemoryRecords.withRecords(Compression.NONE, new SimpleRecord(base + number, Workload.bytes("large"), large)));
        }
        for (int number = 0; number < 40; number++) {
            append(raw, "rolled-by-index", MemoryRecords.withRecords(Compression.NONE, records(base + number, 1)));
        }
        long first = raw.producerId();
        long second = raw.producerId();
        for (int number = 0; number < 10; number++) {
            append(raw, "idempotent", MemoryRecords.withIdempotentRecords(Compression.NONE, number % 3 == 0 ? second : first, (short) 0,
                number % 3 == 0 ? number / 3 * 2 : (number - number / 3 - 1) * 2, records(base + number * 300L, 2)));
        }
        for (int number = 0; number < 6; number++) {
            var batch = MemoryRecords.withTransactionalRecords(Compression.NONE, first, (short) 0, number * 2, records(base + number, 2));
            Judge.equal((short) 0, raw.produce("markers", 0, batch, "by-hand").errorCode(), "error of a transactional batch");
            raw.marker("markers", first, number % 2 == 0);
        }
        admin.deleteRecords(Map.of(new TopicPartition("shortened", 0), RecordsToDelete.beforeOffset(run * 36 + 20L))).all().get();
        Path shortened = node.data.resolve("shortened-0");
        Judge.until("segments before the new start to be renamed", () -> Pair.names(shortened).stream()
            .filter(name -> name.endsWith(".log.deleted")).count() >= (run == 0 ? 2 : 3));
        if (run == 0) {
            append(raw, "deleted", MemoryRecords.withRecords(Compression.NONE, records(base, 3)));
            admin.deleteTopics(List.of("deleted")).all().get();
            Judge.until("the deleted topic's folder to be renamed", () -> !Files.exists(node.data.resolve("deleted-0")));
        }
    }

    private static void append(Raw raw, String topic, MemoryRecords records) throws Exception {
        Judge.equal((short) 0, raw.produce(topic, 0, records, null).errorCode(), "error of a batch for " + topic);
    }

    private static SimpleRecord[] records(long timestamp, int count) {
        Header[] headers = { new RecordHeader("header", Workload.bytes("value")), new RecordHeader("null", (byte[]) null) };
        return IntStream.range(0, count).mapToObj(number -> new SimpleRecord(timestamp + number, number % 3 == 2 ? null : Workload.bytes("key " + number),
            number % 4 == 3 ? null : Workload.bytes("value " + timestamp % 1000 + " abc".repeat(20)), number == 0 ? headers : new Header[0]))
            .toArray(SimpleRecord[]::new);
    }

    /** Lock files and the levels that only a tool writes apart. */
    private static List<String> folders(Node node) throws Exception {
        List<String> names = new ArrayList<>(Pair.names(node.data));
        names.removeAll(List.of(".lock", "bootstrap.checkpoint", "cleaner-offset-checkpoint"));
        return names;
    }

    /** Without what waits to be removed: Ottla does that when it stops, Kafka when it starts. */
    private static List<String> left(Path folder, boolean withoutEpochs) throws Exception {
        return Pair.names(folder).stream().filter(name -> !name.endsWith(".deleted") && !(withoutEpochs && name.equals("leader-epoch-checkpoint"))).toList();
    }

    private static void compare() throws Exception {
        List<String> found = new ArrayList<>();
        differ("the data directory", folders(pair.kafka), folders(pair.ottla), found);
        for (String topic : TOPICS) {
            Path theirs = pair.kafka.data.resolve(topic + "-0");
            Path ours = pair.ottla.data.resolve(topic + "-0");
            // Ottla writes an epoch with its first records.
            differ(topic, left(theirs, topic.equals("untouched")), left(ours, topic.equals("untouched")), found);
            for (String name : left(theirs, false)) {
                if (!Files.exists(ours.resolve(name))) continue;
                differ(topic + "/" + name, shown(topic, theirs.resolve(name)), shown(topic, ours.resolve(name)), found);
            }
        }
        for (String checkpoint : CHECKPOINTS) {
            differ(checkpoint, lines(pair.kafka.data.resolve(checkpoint)), lines(pair.ottla.data.resolve(checkpoint)), found);
        }
        differ("kinds of properties", keys(pair.kafka.data), keys(pair.ottla.data), found);
        differ("the clean-shutdown marker", Files.readString(pair.kafka.data.resolve(".kafka_cleanshutdown")).replaceAll("\\d+}", "N}"),
            Files.readString(pair.ottla.data.resolve(".kafka_cleanshutdown")).replaceAll("\\d+}", "N}"), found);
        Judge.expect(found.isEmpty(), "the same files:\n" + String.join("\n", found));
    }

    private static void differ(String what, Object theirs, Object ours, List<String> found) {
        if (!theirs.equals(ours)) found.add(what + "\n  Kafka: " + theirs + "\n  Ottla: " + ours);
    }

    /** A file's bytes; without what the time of day has put into it. */
    private static String shown(String topic, Path file) throws Exception {
        byte[] bytes = Files.readAllBytes(file);
        String name = file.getFileName().toString();
        if (name.equals("partition.metadata")) return Files.readString(file).replaceAll("topic_id: .*", "topic_id: *");
        if (topic.equals("markers") && name.endsWith(".log")) return masked(bytes);
        // Markers of one millisecond share an entry.
        if (topic.equals("markers") && name.endsWith(".timeindex")) return "";
        if (topic.equals("markers") && name.endsWith(".snapshot")) return bytes.length + " bytes";
        return bytes.length < 4000 ? HexFormat.of().formatHex(bytes) : bytes.length + " bytes, hash " + Arrays.hashCode(bytes);
    }

    /** The batches of a segment with the times of its markers, and the checksums over them, set to zero. */
    private static String masked(byte[] bytes) {
        ByteBuffer all = ByteBuffer.wrap(bytes);
        for (int at = 0; at < bytes.length; at += 12 + all.getInt(at + 8)) {
            boolean isControl = (all.getShort(at + 21) & 0x20) != 0;
            if (!isControl) continue;
            all.putInt(at + 17, 0).putLong(at + 27, 0).putLong(at + 35, 0);
        }
        return HexFormat.of().formatHex(bytes);
    }

    private static List<String> lines(Path file) throws Exception {
        if (!Files.exists(file)) return List.of("0", "0");
        List<String> lines = new ArrayList<>(Files.readAllLines(file));
        lines.removeIf(line -> line.startsWith("__"));
        lines.subList(Math.min(2, lines.size()), lines.size()).sort(null);
        return lines;
    }

    private static List<String> keys(Path data) throws Exception {
        return Files.readAllLines(data.resolve("meta.properties")).stream().filter(line -> !line.startsWith("#"))
            .map(line -> line.replaceAll("=.*", "")).sorted().toList();
    }
}
