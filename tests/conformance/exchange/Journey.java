import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;

/** One directory that changes hands several times, cleanly and by kill -9, with clients that live through it. */
final class Journey {
    /** How a turn ends. */
    enum End { STOPPED, KILLED }

    /** One turn: who serves, and how it ends. */
    record Turn(Node.Kind kind, End end) {
        @Override
        public String toString() {
            return kind.name().toLowerCase() + " " + end.name().toLowerCase();
        }
    }

    /** ACLs need an authorizer, which Ottla does not have: they are given and seen by Kafka alone. */
    private static final String[] AUTHORIZER = {
        "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer", "super.users=User:ANONYMOUS" };

    private final Node node;
    private final Workload work;
    private Observation last;
    private Observation lastOfKafka;
    private Map<String, List<String>> batches;
    private boolean failed;

    private Journey(Node node) {
        this.node = node;
        work = new Workload(node.bootstrap);
    }

    static void tests(Judge judge) throws Exception {
        Turn kafkaStops = new Turn(Node.Kind.KAFKA, End.STOPPED);
        Turn kafkaDies = new Turn(Node.Kind.KAFKA, End.KILLED);
        Turn ottlaStops = new Turn(Exchange.OTHER, End.STOPPED);
        Turn ottlaDies = new Turn(Exchange.OTHER, End.KILLED);
        tests(judge, "formatted by kafka", true, List.of(kafkaStops, ottlaDies, kafkaDies, ottlaStops));
        tests(judge, "formatted by ottla", false, List.of(ottlaStops, kafkaStops, ottlaStops));
    }

    private static void tests(Judge judge, String name, boolean byKafka, List<Turn> turns) throws Exception {
        Node node = new Node("journey", "metadata.log.max.record.bytes.between.snapshots=3000", "log.cleaner.backoff.ms=1000",
            "log.initial.task.delay.ms=200",
            "log.flush.start.offset.checkpoint.interval.ms=200", "log.cleaner.dedupe.buffer.size=8388608",
            "transaction.abort.timed.out.transaction.cleanup.interval.ms=500");
        Journey journey = new Journey(node);
        if (byKafka) {
            judge.test(name + ": format", () -> node.format("--standalone", "--add-scram", "SCRAM-SHA-256=[name=alice,password=secret]"));
        }
        for (int at = 0; at < turns.size(); at++) {
            Turn turn = turns.get(at);
            boolean isFirst = at == 0;
            judge.test(name + ": turn " + at + ", " + turn, () -> journey.guarded(turn, isFirst));
            if (turn.end() == End.STOPPED) {
                judge.test(name + ": what turn " + at + ", " + turn + ", left is dumped alike", () -> Dump.same(node.data));
            }
        }
        judge.test(name + ": nobody complained", () -> {
            journey.work.close();
            // A batch out of order was sent on purpose.
            List<String> said = node.complaints("ERROR");
            said.removeIf(line -> line.contains("Error processing append operation on partition"));
            node.close(journey.failed || !said.isEmpty());
            Judge.equal(List.of(), said, "errors in the servers' logs");
        });
    }

    private void guarded(Turn turn, boolean isFirst) throws Exception {
        Judge.expect(!failed, "the turns before to have gone well");
        failed = true;
        take(turn, isFirst);
        failed = false;
    }

    private void take(Turn turn, boolean isFirst) throws Exception {
        boolean isKafka = turn.kind() == Node.Kind.KAFKA;
        node.start(turn.kind(), isKafka ? AUTHORIZER : new String[0]);
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", node.bootstrap))) {
            if (isFirst) {
                work.create(admin);
            } else {
                compare(isKafka);
                work.duplicate();
                work.aborted(admin);
                work.finish();
            }
            work.write(admin);
            if (isKafka) OnlyKafka.write(admin, work);
            last = Observation.of(node.bootstrap, isKafka);
            if (isKafka) lastOfKafka = last;
        }
        Thread.sleep(1000);
        if (turn.end() == End.KILLED) node.kill();
        else node.stop();
        var now = Observation.batches(node.data);
        if (batches != null) kept(batches, now);
        batches = now;
    }

    /** Every batch that was there is there, in its file and place, byte for byte, unless it was to be cleaned away. */
    private static void kept(Map<String, List<String>> before, Map<String, List<String>> after) {
        before.forEach((file, batches) -> {
            if (file.matches("(compacted|trimmed)-0/.*")) return;
            List<String> found = after.getOrDefault(file, List.of());
            Judge.equal(batches, found.subList(0, Math.min(batches.size(), found.size())), "batches of " + file);
        });
    }

    /** What the one before left is what this one tells, whoever wrote it. */
    private void compare(boolean isKafka) throws Exception {
        Observation now = Observation.of(node.bootstrap, isKafka);
        Observation.same(last, now, Exchange.MAY_DIFFER);
        if (isKafka && lastOfKafka != null) {
            for (String fact : List.of("rules", "credentials", "quotas", "voters")) {
                Judge.equal(lastOfKafka.facts.get(fact), now.facts.get(fact), fact);
            }
        }
    }
}
