import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * What a broker of Apache Kafka 4.3.1 was asked before its `__transaction_state` was copied to `kafka-4.3.1.log`:
 * the log of the one partition that holds the transactional id. The first argument is the broker's host:port.
 */
public final class Capture {
    private static KafkaProducer<String, String> producer(String bootstrap) {
        Map<String, Object> configs =
            Map.of("bootstrap.servers", bootstrap, "transactional.id", "scene", "transaction.timeout.ms", "30000");
        var producer = new KafkaProducer<>(configs, new StringSerializer(), new StringSerializer());
        producer.initTransactions();
        producer.beginTransaction();
        return producer;
    }

    private static void send(KafkaProducer<String, String> producer, int partition) throws Exception {
        producer.send(new ProducerRecord<>("t", partition, "k", "v")).get();
    }

    public static void main(String[] arguments) throws Exception {
        String bootstrap = arguments[0];
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            admin.createTopics(List.of(new NewTopic("t", 2, (short) 1))).all().get();
        }
        var first = producer(bootstrap);
        send(first, 0);
        send(first, 1);
        first.commitTransaction();
        first.beginTransaction();
        send(first, 0);
        first.abortTransaction();
        first.beginTransaction();
        send(first, 0);
        var offsets = Map.of(new TopicPartition("t", 0), new OffsetAndMetadata(3));
        first.sendOffsetsToTransaction(offsets, new ConsumerGroupMetadata("g"));
        first.commitTransaction();
        first.beginTransaction();
        send(first, 1);
        var second = producer(bootstrap);
        send(second, 1);
        second.commitTransaction();
        second.close();
        // The markers of the last transaction are written after its producer has been answered.
        Thread.sleep(1_000);
        System.exit(0);
    }
}
