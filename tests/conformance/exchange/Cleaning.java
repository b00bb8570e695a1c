import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.FileRecords;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.record.internal.SimpleRecord;

/** Random histories for the cleaners of both: what they leave is the same, batch by batch, and the last value of every key. */
final class Cleaning {
    private static final int KEYS = 12;

    /** A topic's history: every kind of batch in turn, from a seed. */
    private static final class History {
        final String topic;
        final Compression compression;
        final Random random;
        /** The last value of each key by a committed or plain write. */
        final Map<String, String> latest = new TreeMap<>();
        /** By node: producer ids, and how far their sequences are. */
        final Map<Node, long[]> producers = new HashMap<>();
        int[] sequences = new int[3];
        /** Ahead of the clock that markers have, so that whatever follows a marker begins a segment. */
        long now = System.currentTimeMillis() / 1000 * 1000 + 86_400_000L;

        History(String topic, String codec, long seed) {
            this.topic = topic;
            compression = Compression.of(CompressionType.forName(codec)).build();
            random = new Random(seed);
        }
    }

    /** One batch as it is sent to both; a marker where there are no records. */
    private record Step(SimpleRecord[] records, int producer, int sequence, boolean isTransactional, Boolean commit) {}

    private static Pair pair;
    private static boolean hasFailed;
    private static final List<History> HISTORIES = new ArrayList<>();

    static void tests(Judge judge) {
        long seed = Long.getLong("seed", System.nanoTime());
        judge.test("cleaning: both start", () -> pair = new Pair("cleaning", "transaction.partition.verification.enable=false",
            "log.initial.task.delay.ms=200", "log.cleaner.backoff.ms=100", "log.flush.offset.checkpoint.interval.ms=100", "log.cleaner.dedupe.buffer.size=8388608", "log.segment.delete.delay.ms=0"));
        for (String deleteRetention : List.of("0", "86400000")) {
            for (String codec : Workload.CODECS) {
                HISTORIES.add(new History("cleaned-" + codec + "-" + deleteRetention, codec, seed + HISTORIES.size()));
            }
        }
        for (int pass = 0; pass < 3; pass++) {
            int number = pass;
            judge.test("cleaning: the same is left after pass " + pass + " (seed " + seed + ")", () -> pass(number));
        }
        judge.test("cleaning: the end", () -> {
            pair.keep = hasFailed;
            pair.close();
        });
    }

    private static void pass(int pass) throws Exception {
        for (History history : HISTORIES) {
            List<Step> steps = steps(history);
            pair.both((node, admin, raw) -> {
                if (pass == 0) Pair.create(admin, history.topic, "segment.ms", "1000", "min.cleanable.dirty.ratio", "0.0", "cleanup.policy", "delete", "message.timestamp.after.max.ms", "9223372036854775807",
                    "delete.retention.ms", history.topic.replaceAll(".*-", ""));
                for (Step step : steps) carryOut(history, node, raw, step);
            });
        }
        // Ottla cleans what is on disk: all of it at once, as Kafka does, when nothing waits for that.
        for (History history : HISTORIES) {
            until(pair.kafka, history, "recovery-point-offset-checkpoint");
            until(pair.ottla, history, "recovery-point-offset-checkpoint");
        }
        pair.both((node, admin, raw) -> policy(admin, "compact"));
        List<String> found = new ArrayList<>();
        for (History history : HISTORIES) {
            until(pair.kafka, history, "cleaner-offset-checkpoint");
            until(pair.ottla, history, "cleaner-offset-checkpoint");
            Map<String, List<String>> theirs = left(pair.kafka, history);
            Map<String, List<String>> ours = left(pair.ottla, history);
            if (!theirs.equals(ours)) found.add(history.topic + ": " + difference(theirs, ours));
            check(history, theirs, found);
        }
        pair.both((node, admin, raw) -> policy(admin, "delete"));
        hasFailed |= !found.isEmpty();
        Judge.expect(found.isEmpty(), "the same to be left:\n" + String.join("\n", found));
    }

    private static List<Step> steps(History history) {
        Random random = history.random;
        List<Step> steps = new ArrayList<>();
        Map<Integer, Map<String, String>> open = new HashMap<>();
        for (int number = 0; number < 60; number++) {
            int kind = random.nextInt(4);
            int producer = kind == 0 ? -1 : kind == 1 ? 0 : kind - 1;
            boolean isTransactional = kind > 1;
            SimpleRecord[] records = records(history, 1 + random.nextInt(6), isTransactional ? open.computeIfAbsent(producer, none -> new TreeMap<>()) : history.latest);
            int sequence = producer < 0 ? -1 : history.sequences[producer];
            if (producer >= 0) history.sequences[producer] += records.length;
            steps.add(new Step(records, producer, sequence, isTransactional, null));
            if (isTransactional && random.nextInt(3) == 0) end(history, steps, open, producer);
        }
        for (int producer : List.copyOf(open.keySet())) end(history, steps, open, producer);
        // What comes last lies in the active segment, which is not cleaned.
        history.now += 5000;
        steps.add(new Step(records(history, 2, history.latest), -1, -1, false, null));
        return steps;
    }

    private static void end(History history, List<Step> steps, Map<Integer, Map<String, String>> open, int producer) {
        boolean commit = history.random.nextBoolean();
        Map<String, String> written = open.remove(producer);
        if (commit) history.latest.putAll(written);
        steps.add(new Step(null, producer, 0, true, commit));
    }

    private static SimpleRecord[] records(History history, int count, Map<String, String> written) {
        SimpleRecord[] records = new SimpleRecord[count];
        for (int number = 0; number < count; number++) {
            history.now += history.random.nextInt(150);
            String key = "key " + history.random.nextInt(KEYS);
            String value = history.random.nextInt(4) == 0 ? null : "value " + history.random.nextInt(1000) + " abcdefgh".repeat(5);
            written.put(key, String.valueOf(value));
            records[number] = new SimpleRecord(history.now, Workload.bytes(key), value == null ? null : Workload.bytes(value));
        }
        return records;
    }

    private static void carryOut(History history, Node node, Raw raw, Step step) throws Exception {
        long[] producers = history.producers.get(node);
        if (producers == null) {
            producers = new long[] { raw.producerId(), raw.producerId(), raw.producerId() };
            history.producers.put(node, producers);
        }
        if (step.records == null) {
            raw.marker(history.topic, producers[step.producer], step.commit);
            return;
        }
        MemoryRecords records = step.producer < 0 ? MemoryRecords.withRecords(history.compression, step.records)
            : step.isTransactional ? MemoryRecords.withTransactionalRecords(history.compression, producers[step.producer], (short) 0, step.sequence, step.records)
            : MemoryRecords.withIdempotentRecords(history.compression, producers[step.producer], (short) 0, step.sequence, step.records);
        Judge.equal((short) 0, raw.produce(history.topic, 0, records, step.isTransactional ? "by-hand" : null).errorCode(), "error of a batch for " + history.topic);
    }

    private static void policy(Admin admin, String policy) throws Exception {
        Map<ConfigResource, java.util.Collection<AlterConfigOp>> wanted = new HashMap<>();
        for (History history : HISTORIES) {
            wanted.put(new ConfigResource(ConfigResource.Type.TOPIC, history.topic),
                List.of(new AlterConfigOp(new ConfigEntry("cleanup.policy", policy), AlterConfigOp.OpType.SET)));
        }
        admin.incrementalAlterConfigs(wanted).all().get();
    }

    /** Waits until a checkpoint says that the active segment is reached. */
    private static void until(Node node, History history, String file) throws Exception {
        Path folder = node.data.resolve(history.topic + "-0");
        String active = Pair.names(folder).stream().filter(name -> name.endsWith(".log")).reduce((first, second) -> second).orElseThrow();
        long wanted = Long.parseLong(active.replace(".log", ""));
        String start = history.topic + " 0 ";
        Path checkpoint = node.data.resolve(file);
        Judge.until(start + wanted + " in " + checkpoint, () -> Files.exists(checkpoint) && Files.readAllLines(checkpoint).stream()
            .anyMatch(line -> line.startsWith(start) && Long.parseLong(line.substring(start.length())) >= wanted));
    }

    /** What is left by segment, without what the two can't have in common. */
    private static Map<String, List<String>> left(Node node, History history) throws Exception {
        List<Long> producers = Arrays.stream(history.producers.get(node)).boxed().toList();
        Map<String, List<String>> found = new TreeMap<>();
        Path folder = node.data.resolve(history.topic + "-0");
        for (String name : Pair.names(folder)) {
            if (!name.endsWith(".log")) continue;
            List<String> batches = new ArrayList<>();
            try (FileRecords records = FileRecords.open(folder.resolve(name).toFile(), false)) {
                for (RecordBatch batch : records.batches()) batches.add(shown(batch, producers));
            }
            found.put(name, batches);
        }
        return found;
    }

    private static String shown(RecordBatch batch, List<Long> producers) {
        var text = new StringBuilder();
        text.append(batch.baseOffset()).append('-').append(batch.lastOffset()).append(' ').append(batch.countOrNull()).append(" producer ")
            .append(producers.indexOf(batch.producerId())).append(' ').append(batch.producerEpoch()).append(' ').append(batch.baseSequence())
            .append(batch.isTransactional() ? " transactional" : "").append(batch.isControlBatch() ? " control" : " " + batch.maxTimestamp())
            .append(' ').append(batch.compressionType()).append(' ').append(batch.timestampType()).append(' ').append(batch.partitionLeaderEpoch())
            .append(batch.deleteHorizonMs().isPresent() ? " horizon" : "");
        for (Record record : batch) {
            text.append(" [").append(record.offset()).append(' ').append(batch.isControlBatch() ? "" : record.timestamp()).append(' ')
                .append(hex(record.key())).append(' ').append(hex(record.value())).append(']');
        }
        return text.toString();
    }

    private static String hex(java.nio.ByteBuffer buffer) {
        if (buffer == null) return "null";
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        return HexFormat.of().formatHex(bytes, 0, Math.min(bytes.length, 12));
    }

    /** The last value of each key, tombstones apart, is what was written last and not aborted. */
    private static void check(History history, Map<String, List<String>> left, List<String> found) {
        String all = String.join("\n", left.values().stream().flatMap(List::stream).toList());
        history.latest.forEach((key, value) -> {
            boolean isThere = all.contains(" " + HexFormat.of().formatHex(Workload.bytes(key)) + " ");
            if (!value.equals("null") && !isThere) found.add(history.topic + ": " + key + " is gone");
        });
    }

    private static String difference(Map<String, List<String>> theirs, Map<String, List<String>> ours) {
        if (!theirs.keySet().equals(ours.keySet())) return "segments\n  Kafka: " + theirs.keySet() + "\n  Ottla: " + ours.keySet();
        for (String name : theirs.keySet()) {
            List<String> one = theirs.get(name);
            List<String> other = ours.get(name);
            for (int at = 0; at < Math.max(one.size(), other.size()); at++) {
                String left = at < one.size() ? one.get(at) : "(nothing)";
                String right = at < other.size() ? other.get(at) : "(nothing)";
                if (!left.equals(right)) return name + " batch " + at + "\n  Kafka: " + left + "\n  Ottla: " + right;
            }
        }
        return "?";
    }
}
