import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.tools.LogCompactionTester;

/** Apache's own LogCompactionTester against a node whose cleaner works while it writes. */
final class CompactionTester {
    private static final Pattern REDUCTION = Pattern.compile("\\((-?[\\d.]+)% reduction\\)");

    private static Node node;
    private static boolean hasFailed;

    static void tests(Judge judge) {
        judge.test("compaction tester: the node starts", () -> {
            node = new Node("tester", "log.roll.ms=200", "log.cleaner.backoff.ms=50", "log.cleaner.min.cleanable.ratio=0.0",
                "log.cleaner.dedupe.buffer.size=8388608", "log.initial.task.delay.ms=100");
            if (Exchange.OTHER == Node.Kind.KAFKA) node.format("--standalone");
            node.start(Exchange.OTHER);
        });
        Map<String, Integer> tombstones = new TreeMap<>(Map.of("none", 0, "lz4", 40, "zstd", 20));
        // All at once: each waits for 20 s until it believes that nothing more comes.
        Map<String, Process> running = new TreeMap<>();
        judge.test("compaction tester: begins", () -> {
            for (var one : tombstones.entrySet()) running.put(one.getKey(), start(one.getKey(), one.getValue()));
        });
        tombstones.forEach((codec, percent) ->
            judge.test("compaction tester: " + codec + ", " + percent + " % tombstones", () -> verify(running.get(codec))));
        judge.test("compaction tester: the end", () -> node.close(hasFailed));
    }

    private static Process start(String codec, int deletes) throws Exception {
        List<String> command = new ArrayList<>(List.of("java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Djava.io.tmpdir=" + node.folder,
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", System.getenv("OTTLA_KAFKA_CLASSPATH"), LogCompactionTester.class.getName(),
            "--bootstrap-server", node.bootstrap, "--messages", "150000", "--duplicates", "20", "--topics", "2", "--percent-deletes", "" + deletes,
            "--compression-type", codec, "--sleep", "2"));
        return new ProcessBuilder(command).directory(node.folder.toFile()).redirectErrorStream(true).start();
    }

    private static void verify(Process process) throws Exception {
        String said = new String(process.getInputStream().readAllBytes());
        boolean isVerified = process.waitFor() == 0 && said.contains("Data verification is completed") && said.contains(" 0 mismatches.");
        Matcher reduction = REDUCTION.matcher(said);
        boolean isReduced = reduction.find() && Double.parseDouble(reduction.group(1)) > 0;
        hasFailed |= !isVerified || !isReduced;
        Judge.expect(isVerified, "the data to be verified: " + said);
        Judge.expect(isReduced, "something to be compacted away: " + said);
    }
}
