import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.AbortTransactionSpec;
import org.apache.kafka.clients.admin.ListTransactionsOptions;
import org.apache.kafka.clients.admin.TransactionListing;
import org.apache.kafka.clients.admin.TransactionState;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidTxnTimeoutException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.errors.TransactionalIdNotFoundException;

/** Transactional producers, and what an administrator sees of them. */
final class Transactions {
    private Transactions() {}

    private static KafkaProducer<byte[], byte[]> producer(String id, Object... configs) {
        Object[] all = new Object[configs.length + 4];
        System.arraycopy(configs, 0, all, 0, configs.length);
        all[configs.length] = "transactional.id";
        all[configs.length + 1] = id;
        all[configs.length + 2] = "transaction.timeout.ms";
        all[configs.length + 3] = 30_000;
        KafkaProducer<byte[], byte[]> producer = Cluster.producer(all);
        producer.initTransactions();
        return producer;
    }

    private static ProducerRecord<byte[], byte[]> record(String topic, int partition, String value) {
        return new ProducerRecord<>(topic, partition, null, Cluster.bytes(value));
    }

    private static List<String> committed(String topic, int count) throws Exception {
        return Cluster.texts(Cluster.readAll(topic, count, "isolation.level", "read_committed"));
    }

    static void tests(Judge judge, Cluster cluster) {
        judge.test("transactions are all or nothing", () -> {
            String topic = cluster.create("transactional", 1);
            try (var producer = producer(Cluster.unique("id"))) {
                for (int round = 0; round < 6; round++) {
                    producer.beginTransaction();
                    for (int n = 0; n < 3; n++) producer.send(record(topic, 0, round + "-" + n));
                    producer.flush();
                    if (round % 2 == 0) producer.commitTransaction();
                    else producer.abortTransaction();
                }
            }
            Judge.equal(List.of("0-0", "0-1", "0-2", "2-0", "2-1", "2-2", "4-0", "4-1", "4-2"), committed(topic, 9), "committed");
            Judge.equal(18, Cluster.readAll(topic, 18).size(), "uncommitted");
        });
        judge.test("a transaction spans partitions and offsets", () -> {
            String topic = cluster.create("spanning", 3);
            String group = Cluster.unique("group");
            try (var producer = producer(Cluster.unique("id")); var consumer = Cluster.consumer("group.id", group)) {
                var offsets = Map.of(new TopicPartition(topic, 0), new OffsetAndMetadata(7));
                for (boolean isCommitted : new boolean[] {false, true}) {
                    producer.beginTransaction();
                    for (int partition = 0; partition < 3; partition++) producer.send(record(topic, partition, "value"));
                    producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
                    if (isCommitted) producer.commitTransaction();
                    else producer.abortTransaction();
                    var found = consumer.committed(Set.of(new TopicPartition(topic, 0)), Duration.ofSeconds(30));
                    Judge.equal(isCommitted ? offsets.get(new TopicPartition(topic, 0)) : null, found.get(new TopicPartition(topic, 0)), "offset");
                }
            }
            Judge.equal(List.of("value"), committed(topic, 1), "committed");
        });
        judge.test("a second producer fences the first", () -> {
            String topic = cluster.create("fenced", 1);
            String id = Cluster.unique("id");
            try (var first = producer(id)) {
                first.beginTransaction();
                first.send(record(topic, 0, "first")).get();
                try (var second = producer(id)) {
                    Judge.refused(ProducerFencedException.class, () -> {
                        first.commitTransaction();
                        return null;
                    });
                    second.beginTransaction();
                    second.send(record(topic, 0, "second")).get();
                    second.commitTransaction();
                }
            }
            Judge.equal(List.of("second"), committed(topic, 1), "committed");
        });
        judge.test("a transaction that takes too long is not asked for", () ->
            Judge.refused(KafkaException.class, () -> {
                try (var producer = Cluster.producer("transactional.id", Cluster.unique("id"), "transaction.timeout.ms", 900_001)) {
                    producer.initTransactions();
                } catch (InvalidTxnTimeoutException refused) {
                    throw new KafkaException(refused);
                }
                return null;
            }));
        judge.test("transactions are listed and described", () -> {
            String topic = cluster.create("listed", 1);
            String id = Cluster.unique("id");
            try (var producer = producer(id)) {
                producer.beginTransaction();
                producer.send(record(topic, 0, "value")).get();
                var options = new ListTransactionsOptions().filterStates(Set.of(TransactionState.ONGOING));
                var listed = cluster.admin.listTransactions(options).all().get().stream().map(TransactionListing::transactionalId);
                Judge.expect(listed.anyMatch(id::equals), "the id among the ongoing ones");
                var described = cluster.admin.describeTransactions(List.of(id)).all().get().get(id);
                Judge.equal(TransactionState.ONGOING, described.state(), "state");
                Judge.equal(Set.of(new TopicPartition(topic, 0)), described.topicPartitions(), "partitions");
                Judge.equal(30_000L, described.transactionTimeoutMs(), "time-out");
                producer.commitTransaction();
            }
            Judge.refused(TransactionalIdNotFoundException.class,
                () -> cluster.admin.describeTransactions(List.of("nobody")).all().get());
        });
        judge.test("producers are fenced by an administrator", () -> {
            String topic = cluster.create("fencing", 1);
            String id = Cluster.unique("id");
            try (var producer = producer(id)) {
                producer.beginTransaction();
                producer.send(record(topic, 0, "value")).get();
                cluster.admin.fenceProducers(List.of(id)).all().get(30, TimeUnit.SECONDS);
                Judge.refused(ProducerFencedException.class, () -> {
                    producer.commitTransaction();
                    return null;
                });
            }
        });
        judge.test("a hanging transaction is aborted by hand", () -> {
            String topic = cluster.create("hanging", 1);
            var partition = new TopicPartition(topic, 0);
            try (var producer = producer(Cluster.unique("id"))) {
                producer.beginTransaction();
                producer.send(record(topic, 0, "value")).get();
                var state = cluster.admin.describeProducers(List.of(partition)).all().get().get(partition).activeProducers().get(0);
                Judge.equal(0L, state.currentTransactionStartOffset().getAsLong(), "first offset");
                var abort = new AbortTransactionSpec(partition, state.producerId(), (short) state.producerEpoch(), state.coordinatorEpoch().orElse(0));
                cluster.admin.abortTransaction(abort).all().get();
                state = cluster.admin.describeProducers(List.of(partition)).all().get().get(partition).activeProducers().get(0);
                Judge.expect(state.currentTransactionStartOffset().isEmpty(), "no open transaction");
            }
        });
    }
}
