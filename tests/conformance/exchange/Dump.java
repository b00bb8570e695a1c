import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import org.apache.kafka.tools.DumpLogSegments;

/** Every file of a directory through Apache's kafka-dump-log.sh and through Ottla's: no complaint, and the same lines. */
final class Dump {
    /** What Apache's tool says when something is wrong. */
    private static final Pattern COMPLAINT = Pattern.compile(
        "Mismatches in|Found timestamp mismatch|Found out of order|Found illegal|isvalid: false|not found in log|Could not find|is corrupt|Error|Exception");

    /** Which files are looked at, and with which options. */
    record Look(String options, Predicate<String> files) {
        static Look of(String options, String files) {
            return new Look(options, Pattern.compile(files).asMatchPredicate());
        }
    }

    private static final List<Look> LOOKS = List.of(
        Look.of("", ".*\\.(log|index|timeindex|txnindex|snapshot)"),
        Look.of("--deep-iteration --print-data-log", "[^_].*\\.log"),
        Look.of("--deep-iteration --print-data-log --skip-record-metadata --max-bytes 3000", "[^_].*\\.log"),
        Look.of("--index-sanity-check", ".*\\.(index|timeindex)"),
        Look.of("--verify-index-only", ".*\\.(index|timeindex)"),
        Look.of("--offsets-decoder", "__consumer_offsets.*\\.log"),
        Look.of("--transaction-log-decoder", "__transaction_state.*\\.log"),
        Look.of("--share-group-state-decoder", "__share_group_state.*\\.log"),
        Look.of("--cluster-metadata-decoder", "__cluster_metadata.*\\.(log|checkpoint)"),
        Look.of("--cluster-metadata-decoder --skip-record-metadata", "__cluster_metadata.*\\.(log|checkpoint)"));

    static void same(Path data) throws Exception {
        List<String> found = new ArrayList<>();
        for (Look look : LOOKS) {
            List<String> files = new ArrayList<>();
            try (var all = Files.walk(data)) {
                // A deleted topic's empty index is what Apache's tool does not get over.
                all.filter(file -> !file.toString().contains("-delete/")).filter(file -> look.files.test(data.relativize(file).toString())).sorted().forEach(file -> files.add(file.toString()));
            }
            if (files.isEmpty()) continue;
            List<String> arguments = new ArrayList<>(List.of("--files", String.join(",", files)));
            if (!look.options.isEmpty()) arguments.addAll(Arrays.asList(look.options.split(" ")));
            String[] theirs = apache(arguments).split("\n");
            String[] ours = ottla(arguments).split("\n");
            for (String line : theirs) {
                if (COMPLAINT.matcher(line).find()) found.add("Apache's tool complains with " + look.options + ": " + line);
            }
            difference(look.options, theirs, ours, found);
        }
        Judge.expect(found.isEmpty(), "the same from both tools, and no complaint:\n" + String.join("\n", found.subList(0, Math.min(20, found.size()))));
    }

    private static void difference(String options, String[] theirs, String[] ours, List<String> found) {
        String file = "";
        for (int at = 0; at < Math.max(theirs.length, ours.length); at++) {
            String one = at < theirs.length ? theirs[at] : "(nothing)";
            String other = at < ours.length ? ours[at] : "(nothing)";
            if (one.startsWith("Dumping ")) file = one;
            if (one.equals(other)) continue;
            found.add("with " + options + ", " + file + " line " + at + "\n  Apache: " + one + "\n  Ottla:  " + other);
            return;
        }
    }

    private static String apache(List<String> arguments) throws Exception {
        var said = new ByteArrayOutputStream();
        PrintStream output = System.out;
        PrintStream errors = System.err;
        System.setOut(new PrintStream(said, true));
        // What goes there comes in the order of a hash map.
        System.setErr(new PrintStream(OutputStream.nullOutputStream()));
        try {
            DumpLogSegments.main(arguments.toArray(String[]::new));
        } finally {
            System.setOut(output);
            System.setErr(errors);
        }
        return said.toString();
    }

    private static String ottla(List<String> arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of(System.getenv("OTTLA_BINARY"), "dump-log"));
        command.addAll(arguments);
        Process process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
        String said = new String(process.getInputStream().readAllBytes());
        process.waitFor();
        return said;
    }
}
