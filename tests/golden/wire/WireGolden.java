import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;
import java.util.jar.JarFile;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.protocol.Readable;

/**
 * Sends candidate messages through Kafka's own generated classes.
 *
 * Reads lines of `name version writtenVersion hex` and prints them with what Kafka writes after it
 * has read the bytes, or `refused`. A dash as hex stands for a message that nobody has set.
 * Usage: java -cp 'JARS/*' WireGolden.java JARS candidates.txt > messages.txt
 */
public class WireGolden {
    public static void main(String[] arguments) throws Exception {
        Map<String, Class<?>> classes = messageClasses(Path.of(arguments[0]));
        System.out.println("# name, version read, version written, bytes read, bytes written");
        for (String line : Files.readAllLines(Path.of(arguments[1]))) {
            String[] words = line.split(" ");
            Class<?> type = classes.get(words[0]);
            if (type == null) {
                throw new IllegalStateException("no class for " + words[0]);
            }
            short read = Short.parseShort(words[1]);
            short written = Short.parseShort(words[2]);
            System.out.println(line + " " + through(type, read, written, words[3]));
        }
    }

    private static String through(Class<?> type, short read, short written, String hex)
            throws Exception {
        Message message;
        if (hex.equals("-")) {
            message = (Message) type.getConstructor().newInstance();
        } else {
            ByteBuffer buffer = ByteBuffer.wrap(HexFormat.of().parseHex(hex));
            message = (Message) type.getConstructor(Readable.class, short.class)
                .newInstance(new ByteBufferAccessor(buffer), read);
            if (buffer.hasRemaining()) {
                throw new IllegalStateException(type + " left " + buffer.remaining());
            }
        }
        try {
            ByteBuffer buffer = MessageUtil.toByteBufferAccessor(message, written).buffer();
            byte[] bytes = new byte[buffer.remaining()];
            buffer.get(bytes);
            return bytes.length == 0 ? "empty" : HexFormat.of().formatHex(bytes);
        } catch (RuntimeException refusal) {
            return "refused";
        }
    }

    private static Map<String, Class<?>> messageClasses(Path jars) throws Exception {
        Map<String, Class<?>> classes = new TreeMap<>();
        try (var files = Files.newDirectoryStream(jars, "kafka-*.jar")) {
            for (Path file : files) {
                try (JarFile jar = new JarFile(file.toFile())) {
                    for (var entry : jar.stream().toList()) {
                        String name = entry.getName();
                        if (name.endsWith(".class") && !name.contains("$")
                                && (name.contains("/message/") || name.contains("/generated/")
                                    || name.contains("/metadata/"))) {
                            add(classes, name.replace('/', '.').replaceAll("\\.class$", ""));
                        }
                    }
                }
            }
        }
        return classes;
    }

    private static void add(Map<String, Class<?>> classes, String name) {
        try {
            Class<?> type = Class.forName(name, false, WireGolden.class.getClassLoader());
            if (Message.class.isAssignableFrom(type) && !type.isInterface()) {
                String simple = type.getSimpleName();
                classes.putIfAbsent(simple, type);
                if (simple.endsWith("Data")) {
                    classes.putIfAbsent(simple.substring(0, simple.length() - 4), type);
                }
            }
        } catch (ClassNotFoundException | NoClassDefFoundError missing) {
            // A class that needs more than these artifacts is no message.
        }
    }
}
