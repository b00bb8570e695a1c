import java.io.File;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** One log directory with its server.properties, on which Apache Kafka and Ottla take turns. */
final class Node {
    /** Who serves. */
    enum Kind { KAFKA, OTTLA }

    final Path folder;
    final Path data;
    final String bootstrap;
    private final Path properties;
    private Process process;
    private int turns;

    /** A folder with the settings that Apache's own server.properties has, and `more`. */
    Node(String name, String... more) throws IOException {
        folder = Files.createTempDirectory("exchange-" + name + "-");
        data = folder.resolve("data");
        properties = folder.resolve("server.properties");
        int port = freePort();
        int controller = freePort();
        bootstrap = "127.0.0.1:" + port;
        List<String> lines = new ArrayList<>(List.of(
            "process.roles=broker,controller", "node.id=1", "controller.quorum.bootstrap.servers=127.0.0.1:" + controller,
            "listeners=PLAINTEXT://127.0.0.1:" + port + ",CONTROLLER://127.0.0.1:" + controller,
            "inter.broker.listener.name=PLAINTEXT", "advertised.listeners=PLAINTEXT://127.0.0.1:" + port,
            "controller.listener.names=CONTROLLER",
            "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL",
            "num.network.threads=3", "num.io.threads=8", "socket.send.buffer.bytes=102400", "socket.receive.buffer.bytes=102400",
            "socket.request.max.bytes=104857600", "log.dirs=" + data, "num.partitions=1", "num.recovery.threads.per.data.dir=2",
            "offsets.topic.replication.factor=1", "offsets.topic.num.partitions=3", "transaction.state.log.replication.factor=1",
            "transaction.state.log.min.isr=1", "transaction.state.log.num.partitions=3", "share.coordinator.state.topic.replication.factor=1",
            "share.coordinator.state.topic.min.isr=1", "share.coordinator.state.topic.num.partitions=1", "log.retention.hours=168",
            "log.segment.bytes=1073741824", "log.retention.check.interval.ms=300000", "group.initial.rebalance.delay.ms=0"));
        lines.addAll(Arrays.asList(more));
        Files.write(properties, lines);
    }

    /** Formats with Kafka's own tool. */
    void format(String... more) {
        List<String> arguments = new ArrayList<>(List.of("format", "--cluster-id", "Zm9ydHktdHdvLWNsdXN0ZQ", "--config", properties.toString()));
        arguments.addAll(Arrays.asList(more));
        var said = new java.io.ByteArrayOutputStream();
        int status = kafka.tools.StorageTool.execute(arguments.toArray(String[]::new), new PrintStream(said));
        Judge.expect(status == 0, "to be formatted: " + said);
    }

    /** Starts one of the two, with overrides as `key=value`, and waits until it answers. */
    void start(Kind kind, String... overrides) throws Exception {
        List<String> command = new ArrayList<>();
        if (kind == Kind.KAFKA) {
            command.addAll(List.of("java", "-Xmx400m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                "-cp", System.getenv("OTTLA_KAFKA_CLASSPATH"), "kafka.Kafka"));
        } else {
            command.addAll(List.of(System.getenv("OTTLA_BINARY"), "start"));
        }
        command.add(properties.toString());
        for (String one : overrides) command.addAll(List.of("--override", one));
        File log = folder.resolve("server-" + turns++ + "-" + kind.name().toLowerCase() + ".log").toFile();
        process = new ProcessBuilder(command).directory(folder.toFile()).redirectErrorStream(true).redirectOutput(log).start();
        String[] address = bootstrap.split(":");
        Judge.until(kind + " to listen: " + log, () -> {
            Judge.expect(process.isAlive(), kind + " to start: " + tail(log.toPath()));
            try (Socket socket = new Socket()) {
                socket.connect(new InetSocketAddress(address[0], Integer.parseInt(address[1])), 500);
                return true;
            } catch (IOException refused) {
                return false;
            }
        });
    }

    /** SIGTERM, and what follows of itself. */
    void stop() throws Exception {
        process.destroy();
        Judge.expect(process.waitFor(60, TimeUnit.SECONDS), "to end within 60 s of SIGTERM");
    }

    /** SIGKILL. */
    void kill() throws Exception {
        process.destroyForcibly().waitFor();
    }

    /** Ends the process if it still runs and removes the folder unless it is wanted for a look. */
    void close(boolean keep) throws Exception {
        if (process != null) kill();
        if (keep) {
            System.out.println("# kept: " + folder);
            return;
        }
        try (var files = Files.walk(folder)) {
            files.sorted(java.util.Comparator.reverseOrder()).forEach(path -> path.toFile().delete());
        }
    }

    /** The lines that a server of this folder printed and that say that something is wrong. */
    List<String> complaints(String word) throws IOException {
        List<String> found = new ArrayList<>();
        try (var logs = Files.list(folder)) {
            for (Path log : logs.filter(path -> path.toString().endsWith(".log")).sorted().toList()) {
                Files.readAllLines(log).stream().filter(line -> line.contains(word)).map(line -> log.getFileName() + ": " + line).forEach(found::add);
            }
        }
        return found;
    }

    static String tail(Path log) throws IOException {
        List<String> lines = Files.readAllLines(log);
        return String.join("\n", lines.subList(Math.max(0, lines.size() - 30), lines.size()));
    }

    static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0)) {
            return socket.getLocalPort();
        }
    }
}
