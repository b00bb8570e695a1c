import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.UUID;
import org.apache.kafka.common.utils.Exit;

/**
 * Apache Kafka's own tools on groups that live and transactions that are open, all in one process: prints each line
 * of a file again, `$`, with what the tool says now. `!` is what happens in between, `>` a file that a tool reads. What
 * differs by nature has a name instead; rows are sorted.
 */
public final class LiveTools {
    private static final Map<String, String> CLASSES = Map.of(
        "consumer-groups", "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
        "groups", "org.apache.kafka.tools.GroupsCommand",
        "transactions", "org.apache.kafka.tools.TransactionsCommand");
    /** Columns of which the numbers are never the same. */
    private static final List<String> CHOSEN = List.of("ProducerId", "StartTimestamp(ms)", "Duration(min)", "LastTimestamp",
        "CurrentTransactionStartTimeMs", "TransactionDurationMs", "LastTimestamp(ms)");

    /** Ends every name, so that a run meets nothing of the runs before. */
    private final String suffix = "-" + UUID.randomUUID().toString().substring(0, 8);
    private final String bootstrap;
    private final Map<String, String> symbols = new LinkedHashMap<>();
    private final Path folder = Files.createTempDirectory("live-tools");

    private LiveTools(String bootstrap) throws Exception {
        this.bootstrap = bootstrap;
        symbols.put(suffix, "");
        symbols.put(bootstrap, "BROKER");
        symbols.put(folder.toString(), "DIR");
    }

    /** A tool that wants to end the process. */
    private static final class Ended extends RuntimeException {
    }

    /** How the tool that runs has ended; one that catches what ends it ends once more. */
    private static Integer ended;

    public static void main(String[] arguments) throws Exception {
        LiveTools tools = new LiveTools(arguments[0]);
        Exit.setExitProcedure((code, message) -> {
            if (ended == null) ended = code;
            throw new Ended();
        });
        try (LiveScene scene = new LiveScene(tools.bootstrap, tools.suffix)) {
            scene.members().forEach((id, name) -> tools.symbols.put(id, "<" + name + ">"));
            for (String line : Files.readAllLines(Path.of(arguments[1]))) {
                if (line.matches("[#!>$] .*|")) System.out.println(line);
                if (line.startsWith("! ")) scene.happens(line.substring(2));
                if (line.startsWith("$ ")) tools.run(line.substring(2));
                if (line.startsWith("> ")) tools.write(line.substring(2));
            }
        } finally {
            try (var files = Files.list(tools.folder)) {
                for (Path file : files.toList()) Files.delete(file);
            }
            Files.delete(tools.folder);
        }
    }

    /** `FILE TEXT`: a file of which each `;` ends a line. */
    private void write(String line) throws Exception {
        String[] parts = line.split(" ", 2);
        Files.writeString(folder.resolve(parts[0]), named(parts[1].replace(";", "\n") + "\n"));
    }

    /** Names of the scene begin with `live-`. */
    private String named(String text) {
        return text.replaceAll("live-[a-z]+", "$0" + suffix).replace("DIR", folder.toString());
    }

    private void run(String line) throws Exception {
        List<String> words = new ArrayList<>(Arrays.asList(line.split(" ")));
        String tool = words.remove(0);
        List<String> arguments = new ArrayList<>(List.of("--bootstrap-server", bootstrap));
        words.forEach(word -> arguments.add(named(word)));
        var out = new ByteArrayOutputStream();
        PrintStream before = System.out;
        PrintStream beforeErrors = System.err;
        int code;
        try (var stream = new PrintStream(out, true)) {
            System.setOut(stream);
            System.setErr(stream);
            code = code(CLASSES.get(tool), arguments.toArray(new String[0]));
        } finally {
            System.setOut(before);
            System.setErr(beforeErrors);
        }
        boolean everybody = line.contains("--all-groups") || line.contains(" --list") || line.matches("transactions (list|find-hanging).*");
        told(out.toString(), everybody && code == 0).forEach(said -> System.out.println("  " + said));
        System.out.println("= " + code);
    }

    private static int code(String name, String[] arguments) throws Exception {
        ended = null;
        try {
            Class.forName(name).getMethod("main", String[].class).invoke(null, (Object) arguments);
        } catch (InvocationTargetException failure) {
            if (!(failure.getCause() instanceof Ended)) throw failure;
        }
        return ended == null ? 0 : ended;
    }

    /** What a tool has said: the rows below a head in order, of `everybody` those alone that are the scene's. */
    private List<String> told(String text, boolean everybody) {
        List<String> lines = new ArrayList<>();
        List<String> rows = new ArrayList<>();
        List<String> head = null;
        for (String line : text.split("\n")) {
            line = without(line);
            // The usage that follows a mistake is the tool's own.
            if (line.startsWith("Option ") || line.startsWith("usage:")) break;
            if (line.matches("( at |Caused by:| \\.\\.\\. |\\[kafka-|(java|org|com)\\.).*")) continue;
            boolean isHead = line.matches("(GROUP|TOPIC|TransactionalId|CoordinatorId|ProducerId|Topic)( .*|\t.*)?");
            if (isHead) {
                lines.addAll(rows.stream().sorted().toList());
                rows.clear();
            }
            if (isHead) {
                head = List.of(line.split(" "));
                lines.add(line);
            } else if (!line.isBlank() && !(everybody && !line.contains("live-") && !line.contains("Error"))) {
                rows.add(row(head, line));
            }
        }
        lines.addAll(rows.stream().sorted().toList());
        return lines;
    }

    private String without(String line) {
        for (var symbol : symbols.entrySet()) line = line.replace(symbol.getKey(), symbol.getValue());
        return line.replaceAll("__consumer_offsets-\\d+", "__consumer_offsets-N").replaceAll("[ \t]+", " ").stripTrailing();
    }

    private static String row(List<String> head, String line) {
        String[] cells = line.split(" ");
        for (int at = 0; head != null && at < Math.min(cells.length, head.size()); at++) {
            if (CHOSEN.contains(head.get(at)) && cells[at].matches("\\d+")) cells[at] = "N";
            // A list of partitions comes in any order.
            if (head.get(at).equals("TopicPartitions")) cells[at] = String.join(",", new TreeSet<>(List.of(cells[at].split(","))));
        }
        return String.join(" ", cells);
    }
}
