import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLongArray;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.LongDeserializer;
import org.apache.kafka.common.serialization.LongSerializer;

/**
 * H2: members of one group come and go while every partition is written to ten times a second.
 *
 * For each change: how long until every partition is consumed by whoever owns it in the end, and the
 * longest time that a partition was consumed by nobody. Ends with a line of JSON.
 */
public final class Members {
    private static final int PARTITIONS = 200;
    private static final int MEMBERS = 20;
    private static final int GO_AWAY = 5;
    private static final long PATIENCE_NS = 180_000_000_000L;
    /** Longer than members of either protocol wait between two beats, so that a change finds a group at rest. */
    private static final long SETTLE_MS = 6000;

    /** When the newest record that was consumed of a partition was sent, and by whom it was consumed. */
    private static final AtomicLongArray newest = new AtomicLongArray(PARTITIONS);
    private static final Map<Integer, Member> reader = new ConcurrentHashMap<>();
    private static final AtomicLongArray readAt = new AtomicLongArray(PARTITIONS);
    private static final AtomicLongArray stall = new AtomicLongArray(PARTITIONS);
    private static final List<Member> members = new ArrayList<>();
    private static final StringBuilder report = new StringBuilder();

    /** A consumer polled by its own thread. */
    private static final class Member extends Thread implements ConsumerRebalanceListener {
        final KafkaConsumer<Long, Long> consumer;
        final Set<Integer> owned = ConcurrentHashMap.newKeySet();
        volatile CloseOptions ending;

        Member(Map<String, Object> settings, String topic) {
            setDaemon(true);
            consumer = new KafkaConsumer<>(settings, new LongDeserializer(), Members::sentAt);
            consumer.subscribe(List.of(topic), this);
        }

        @Override
        public void run() {
            while (ending == null) {
                consumer.poll(Duration.ofMillis(50)).forEach(record -> consumed(record.partition(), record.value(), this));
            }
            owned.clear();
            consumer.close(ending);
        }

        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
            partitions.forEach(one -> owned.add(one.partition()));
        }

        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
            partitions.forEach(one -> owned.remove(one.partition()));
        }
    }

    /** Each partition begins with a record of other size, which tells that it is led: it was sent long ago. */
    private static long sentAt(String topic, byte[] value) {
        return value.length == Long.BYTES ? ByteBuffer.wrap(value).getLong() : Long.MIN_VALUE;
    }

    private static void consumed(int partition, long sentAt, Member by) {
        long now = System.nanoTime();
        long before = readAt.getAndSet(partition, now);
        if (before != 0) stall.accumulateAndGet(partition, now - before, Math::max);
        newest.accumulateAndGet(partition, sentAt, Math::max);
        reader.put(partition, by);
    }

    public static void main(String[] arguments) throws Exception {
        String bootstrap = arguments[0];
        String topic = arguments[1];
        Map<String, Object> settings = new HashMap<>(Map.of("bootstrap.servers", bootstrap, "group.id", topic, "auto.offset.reset", "earliest"));
        for (int at = 2; at < arguments.length; at++) {
            String[] pair = arguments[at].split("=", 2);
            settings.put(pair[0], pair[1]);
        }
        Thread load = new Thread(() -> produce(bootstrap, topic));
        load.setDaemon(true);
        load.start();

        phase("start", () -> join(settings, topic, MEMBERS));
        phase("join", () -> join(settings, topic, 1));
        phase("leave", () -> end(CloseOptions.GroupMembershipOperation.LEAVE_GROUP));
        // A dynamic member of the consumer protocol leaves whatever it is told, so only classic ones vanish.
        if (!"consumer".equals(settings.get("group.protocol"))) {
            phase("kill", () -> end(CloseOptions.GroupMembershipOperation.REMAIN_IN_GROUP));
        }
        System.out.println("{" + report + "}");
        System.exit(0);
    }

    private static void produce(String bootstrap, String topic) {
        var settings = Map.<String, Object>of("bootstrap.servers", bootstrap, "linger.ms", "0");
        try (var producer = new KafkaProducer<>(settings, new LongSerializer(), new LongSerializer())) {
            while (true) {
                long begun = System.nanoTime();
                for (int partition = 0; partition < PARTITIONS; partition++) {
                    producer.send(new ProducerRecord<>(topic, partition, null, System.nanoTime()));
                }
                Thread.sleep(Math.max(1, 100 - (System.nanoTime() - begun) / 1_000_000));
            }
        } catch (InterruptedException over) {
            Thread.currentThread().interrupt();
        }
    }

    private static void join(Map<String, Object> settings, String topic, int count) {
        for (int number = 0; number < count; number++) members.add(new Member(settings, topic));
        members.stream().filter(member -> member.getState() == Thread.State.NEW).forEach(Thread::start);
    }

    private static void end(CloseOptions.GroupMembershipOperation operation) {
        for (int number = 0; number < GO_AWAY; number++) {
            members.remove(0).ending = CloseOptions.timeout(Duration.ofSeconds(5)).withGroupMembershipOperation(operation);
        }
    }

    /** Makes the change and waits until everything is consumed again; then lets the group come to rest. */
    private static void phase(String name, Runnable change) throws Exception {
        for (int partition = 0; partition < PARTITIONS; partition++) stall.set(partition, 0);
        long begun = System.nanoTime();
        change.run();
        while (!isConsumed(begun)) {
            if (System.nanoTime() - begun > PATIENCE_NS) throw new IllegalStateException(name + ": not consumed: " + unconsumed(begun));
            Thread.sleep(2);
        }
        long ended = System.nanoTime();
        long longest = 0;
        for (int partition = 0; partition < PARTITIONS; partition++) longest = Math.max(longest, stall.get(partition));
        if (report.length() > 0) report.append(", ");
        report.append(String.format("\"%s_ms\": %.1f, \"%s_stall_ms\": %.1f", name, (ended - begun) / 1e6, name, longest / 1e6));
        Thread.sleep(SETTLE_MS);
    }

    /** Whether every member owns its share, and every partition was read by its owner since then. */
    private static boolean isConsumed(long since) {
        int owned = 0;
        for (Member member : members) {
            int share = member.owned.size();
            if (share < PARTITIONS / members.size() || share > PARTITIONS / members.size() + 1) return false;
            owned += share;
        }
        return owned == PARTITIONS && unconsumed(since).isEmpty();
    }

    private static List<Integer> unconsumed(long since) {
        List<Integer> found = new ArrayList<>();
        for (int partition = 0; partition < PARTITIONS; partition++) {
            Member by = reader.get(partition);
            if (by == null || !by.owned.contains(partition) || newest.get(partition) < since) found.add(partition);
        }
        return found;
    }
}
