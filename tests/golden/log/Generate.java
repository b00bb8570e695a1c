// Writes the records of the log goldens to a running Apache Kafka 4.3.1 at the address given.
// The broker's folder golden-0 was copied here after a clean shutdown; see README.md.
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;

public class Generate {
    public static void main(String[] arguments) throws Exception {
        String servers = arguments[0];
        NewTopic topic = new NewTopic("golden", 1, (short) 1)
            .configs(Map.of("index.interval.bytes", "100", "segment.index.bytes", "240", "retention.ms", "-1"));
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", (Object) servers))) {
            admin.createTopics(List.of(topic)).all().get();
        }
        Properties plain = new Properties();
        plain.put("bootstrap.servers", servers);
        plain.put("key.serializer", "org.apache.kafka.common.serialization.StringSerializer");
        plain.put("value.serializer", "org.apache.kafka.common.serialization.StringSerializer");
        long start = System.currentTimeMillis();
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(plain)) {
            for (int number = 0; number < 40; number++) {
                producer.send(new ProducerRecord<>("golden", 0, start + number % 7 * 10, "k" + number, "value")).get();
            }
        }
        plain.put("transactional.id", "golden");
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(plain)) {
            producer.initTransactions();
            for (int transaction = 0; transaction < 4; transaction++) {
                producer.beginTransaction();
                for (int number = 0; number < 3; number++) {
                    producer.send(new ProducerRecord<>("golden", 0, "k" + number, "transaction " + transaction));
                }
                producer.flush();
                if (transaction % 2 == 0) {
                    producer.commitTransaction();
                } else {
                    producer.abortTransaction();
                }
            }
        }
    }
}
