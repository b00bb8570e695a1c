// Writes the golden files beside it: batches as Apache Kafka's client library writes them, what they hold, and what
// Apache Kafka says to batches that are wrong. See README.md for the command. The output depends on nothing but the
// library's version: clocks and random numbers are fixed.
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.errors.CorruptRecordException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.InvalidRecordException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.message.KRaftVersionRecord;
import org.apache.kafka.common.message.LeaderChangeMessage;
import org.apache.kafka.common.message.SnapshotFooterRecord;
import org.apache.kafka.common.message.SnapshotHeaderRecord;
import org.apache.kafka.common.message.VotersRecord;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.DefaultRecordBatch;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.MutableRecordBatch;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.requests.ProduceRequest;
import org.apache.kafka.common.requests.ProduceResponse;
import org.apache.kafka.common.utils.BufferSupplier;
import org.apache.kafka.common.utils.Crc32C;
import org.apache.kafka.common.utils.PrimitiveRef;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.storage.internals.log.AppendOrigin;
import org.apache.kafka.storage.internals.log.LogValidator;
import org.apache.kafka.storage.internals.log.RecordValidationException;

public class Generate {
    static final long NOW = 1_700_000_000_000L;
    static final TopicPartition PARTITION = new TopicPartition("golden", 0);

    static Path directory;
    static PrintWriter described;

    public static void main(String[] arguments) throws Exception {
        directory = Path.of(arguments[0]);
        if (arguments.length > 1) {
            // The other direction: describe batches that somebody else wrote.
            described = new PrintWriter(System.out, false, StandardCharsets.UTF_8);
            for (String file : Arrays.copyOfRange(arguments, 1, arguments.length)) {
                describe(file, ByteBuffer.wrap(Files.readAllBytes(directory.resolve(file))));
            }
            described.flush();
            return;
        }
        described = new PrintWriter(directory.resolve("batches.txt").toFile(), StandardCharsets.UTF_8);
        batches();
        described.close();
        murmur2();
        new Verdicts().write();
    }

    // ---- batches

    static void batches() throws IOException {
        for (CompressionType type : CompressionType.values()) {
            write("small-" + type.name, small(Compression.of(type).build(), TimestampType.CREATE_TIME, NOW));
            write("large-" + type.name, large(Compression.of(type).build()));
        }
        write("level-gzip-9", large(Compression.gzip().level(9).build()));
        write("level-lz4-17", large(Compression.lz4().level(17).build()));
        write("level-zstd-19", large(Compression.zstd().level(19).build()));
        write("level-zstd-minus-5", large(Compression.zstd().level(-5).build()));
        write("append-time", small(Compression.NONE, TimestampType.LOG_APPEND_TIME, NOW + 77));
        write("append-time-zstd", small(Compression.zstd().build(), TimestampType.LOG_APPEND_TIME, NOW + 77));
        write("idempotent", producer(4711, (short) 3, 17, false));
        write("transactional", producer(4712, (short) 4, 0, true));
        write("sequence-wraps", producer(4713, (short) 0, Integer.MAX_VALUE - 1, false));
        write("gaps", gaps());
        write("commit", MemoryRecords.withEndTransactionMarker(40, NOW, 9, 4711, (short) 3,
            new EndTransactionMarker(ControlRecordType.COMMIT, 12)).buffer());
        write("abort", MemoryRecords.withEndTransactionMarker(41, NOW, 9, 4711, (short) 3,
            new EndTransactionMarker(ControlRecordType.ABORT, 13)).buffer());
        write("leader-change", MemoryRecords.withLeaderChangeMessage(5, NOW, 2, ByteBuffer.allocate(512),
            new LeaderChangeMessage().setLeaderId(3)
                .setVoters(List.of(new LeaderChangeMessage.Voter().setVoterId(1),
                    new LeaderChangeMessage.Voter().setVoterId(3)))
                .setGrantingVoters(List.of(new LeaderChangeMessage.Voter().setVoterId(3)))).buffer());
        write("snapshot-header", MemoryRecords.withSnapshotHeaderRecord(6, NOW, 2, ByteBuffer.allocate(512),
            new SnapshotHeaderRecord().setLastContainedLogTimestamp(NOW - 1)).buffer());
        write("snapshot-footer", MemoryRecords.withSnapshotFooterRecord(7, NOW, 2, ByteBuffer.allocate(512),
            new SnapshotFooterRecord()).buffer());
        write("kraft-version", MemoryRecords.withKRaftVersionRecord(8, NOW, 2, ByteBuffer.allocate(512),
            new KRaftVersionRecord().setKRaftVersion((short) 1)).buffer());
        write("kraft-voters", MemoryRecords.withVotersRecord(9, NOW, 2, ByteBuffer.allocate(512),
            new VotersRecord().setVoters(List.of(new VotersRecord.Voter().setVoterId(1)
                .setVoterDirectoryId(new Uuid(1, 2))))).buffer());
        ByteBuffer empty = ByteBuffer.allocate(61);
        DefaultRecordBatch.writeEmptyHeader(empty, (byte) 2, 4711, (short) 3, 17, 50, 53, 9, TimestampType.CREATE_TIME,
            NOW + 3, true, false);
        empty.flip();
        write("emptied", empty);
        write("retained-even", retained("small-none", offset -> offset % 2 == 0));
        write("retained-first", retained("small-zstd", offset -> offset < 1));
        write("retained-control", retained("commit", offset -> true));
        ByteArrayOutputStream several = new ByteArrayOutputStream();
        for (String name : List.of("small-none", "small-lz4", "commit", "small-zstd")) {
            several.write(Files.readAllBytes(directory.resolve(name + ".bin")));
        }
        several.write(Files.readAllBytes(directory.resolve("small-none.bin")), 0, 70);
        write("several-and-a-tail", ByteBuffer.wrap(several.toByteArray()));
    }

    static MemoryRecordsBuilder builder(Compression compression, TimestampType type, long base, long appendTime) {
        return MemoryRecords.builder(ByteBuffer.allocate(1 << 16), RecordBatch.CURRENT_MAGIC_VALUE, compression, type,
            base, appendTime, RecordBatch.NO_PARTITION_LEADER_EPOCH);
    }

    static byte[] text(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static ByteBuffer small(Compression compression, TimestampType type, long time) {
        MemoryRecordsBuilder builder = builder(compression, type, 0, time);
        builder.append(NOW, text("key"), text("value"));
        builder.append(NOW - 5, null, text("no key"));
        builder.append(NOW + 9_000_000_000L, text("a tombstone"), (byte[]) null);
        builder.append(NOW, new byte[0], new byte[0]);
        builder.append(NOW + 1, text("headers"), text("three"), new Header[] {
            new RecordHeader("plain", text("one")),
            new RecordHeader("null", (byte[]) null),
            new RecordHeader("", new byte[0]),
            new RecordHeader("\u00fcml\u00e4ut", text("\u20ac")),
            new RecordHeader("plain", text("again"))});
        return builder.build().buffer();
    }

    static ByteBuffer large(Compression compression) {
        // More than one block of every codec: words that repeat, then noise that does not compress.
        Random random = new Random(42);
        MemoryRecordsBuilder builder = builder(compression, TimestampType.CREATE_TIME, 0, NOW);
        for (int index = 0; index < 300; index++) {
            StringBuilder value = new StringBuilder();
            for (int word = 0; word < 60; word++) {
                value.append("word").append(random.nextInt(100)).append(' ');
            }
            builder.append(NOW + index, text("key-" + index), text(value.toString()));
        }
        byte[] noise = new byte[90_000];
        random.nextBytes(noise);
        builder.append(NOW, null, noise);
        return builder.build().buffer();
    }

    static ByteBuffer producer(long id, short epoch, int sequence, boolean transactional) {
        MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(512),
            RecordBatch.CURRENT_MAGIC_VALUE, Compression.NONE, TimestampType.CREATE_TIME, 0, NOW, id, epoch, sequence,
            transactional, RecordBatch.NO_PARTITION_LEADER_EPOCH);
        for (int index = 0; index < 4; index++) {
            builder.append(NOW + index, text("k" + index), text("v" + index));
        }
        return builder.build().buffer();
    }

    static ByteBuffer gaps() {
        MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(512),
            RecordBatch.CURRENT_MAGIC_VALUE, Compression.NONE, TimestampType.CREATE_TIME, 1000, NOW, 4714, (short) 1, 5,
            false, 8);
        builder.appendWithOffset(1003, NOW, text("a"), text("1"));
        builder.appendWithOffset(1300, NOW + 3, text("b"), text("2"));
        builder.overrideLastOffset(70_000);
        return builder.build().buffer();
    }

    /** What a log cleaner leaves of a batch. */
    static ByteBuffer retained(String name, java.util.function.LongPredicate isKept) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(directory.resolve(name + ".bin")));
        MemoryRecords.RecordFilter filter = new MemoryRecords.RecordFilter(NOW, 86_400_000) {
            @Override
            protected BatchRetentionResult checkBatchRetention(RecordBatch batch) {
                return new BatchRetentionResult(BatchRetention.DELETE_EMPTY, batch.isControlBatch());
            }

            @Override
            protected boolean shouldRetainRecord(RecordBatch batch, Record record) {
                return isKept.test(record.offset());
            }
        };
        ByteBuffer out = ByteBuffer.allocate(1 << 16);
        MemoryRecords.FilterResult result =
            MemoryRecords.readableRecords(bytes).filterTo(filter, out, BufferSupplier.NO_CACHING);
        ByteBuffer kept = result.outputBuffer();
        kept.flip();
        return kept;
    }

    static void write(String name, ByteBuffer buffer) throws IOException {
        byte[] bytes = Utils.toArray(buffer);
        Files.write(directory.resolve(name + ".bin"), bytes);
        describe(name + ".bin", ByteBuffer.wrap(bytes));
    }

    static void describe(String file, ByteBuffer bytes) {
        described.printf("file %s%n", file);
        for (MutableRecordBatch batch : MemoryRecords.readableRecords(bytes).batches()) {
            described.printf("batch offsets=%d..%d epoch=%d crc=%s type=%s codec=%s transactional=%s control=%s "
                    + "timestamp=%d max=%d horizon=%s producer=%d/%d/%d..%d count=%d%n",
                batch.baseOffset(), batch.lastOffset(), batch.partitionLeaderEpoch(), batch.isValid() ? "ok" : "bad",
                batch.timestampType().name, batch.compressionType().name, batch.isTransactional(),
                batch.isControlBatch(), batch.deleteHorizonMs().isPresent() ? -2 : firstTimestamp(batch),
                batch.maxTimestamp(), batch.deleteHorizonMs().isPresent() ? batch.deleteHorizonMs().getAsLong() : "none",
                batch.producerId(), batch.producerEpoch(), batch.baseSequence(), batch.lastSequence(),
                batch.countOrNull());
            for (Record record : batch) {
                StringBuilder headers = new StringBuilder();
                for (Header header : record.headers()) {
                    headers.append(' ').append(bytes(text(header.key()))).append('=').append(bytes(header.value()));
                }
                described.printf("record offset=%d timestamp=%d sequence=%d key=%s value=%s headers=[%s]%n",
                    record.offset(), record.timestamp(), record.sequence(), bytes(record.key()), bytes(record.value()),
                    headers.toString().trim());
            }
        }
    }

    static long firstTimestamp(MutableRecordBatch batch) {
        return ((DefaultRecordBatch) batch).baseTimestamp();
    }

    static String bytes(ByteBuffer buffer) {
        return bytes(buffer == null ? null : Utils.toArray(buffer));
    }

    static String bytes(byte[] bytes) {
        if (bytes == null) {
            return "null";
        }
        if (bytes.length > 40) {
            return bytes.length + "#" + Long.toHexString(Crc32C.compute(bytes, 0, bytes.length));
        }
        StringBuilder hex = new StringBuilder("x");
        for (byte b : bytes) {
            hex.append(String.format("%02x", b));
        }
        return hex.toString();
    }

    static void murmur2() throws IOException {
        Random random = new Random(7);
        try (PrintWriter out = new PrintWriter(directory.resolve("murmur2.txt").toFile(), StandardCharsets.UTF_8)) {
            for (int length = 0; length <= 40; length++) {
                byte[] key = new byte[length];
                random.nextBytes(key);
                int hash = Utils.murmur2(key);
                out.printf("%s %d %d %d%n", bytes(key), hash, Utils.toPositive(hash) % 1, Utils.toPositive(hash) % 97);
            }
        }
    }

    // ---- verdicts

    /** Batches that are wrong in one way each, and the error code of a produce request that carries them. */
    static class Verdicts {
        final ByteArrayOutputStream cases = new ByteArrayOutputStream();
        final DataOutputStream out = new DataOutputStream(cases);
        final StringBuilder verdicts = new StringBuilder();
        final Random random = new Random(99);

        void write() throws Exception {
            fields();
            structures();
            rules();
            noise();
            Files.write(directory.resolve("verdicts.bin"), cases.toByteArray());
            Files.writeString(directory.resolve("verdicts.txt"), verdicts.toString());
        }

        /** Each header field with values that are no good. */
        void fields() throws IOException {
            for (CompressionType type : CompressionType.values()) {
                byte[] good = Utils.toArray(small(Compression.of(type).build(), TimestampType.CREATE_TIME, NOW));
                add("good " + type.name, good);
                for (int value : new int[] {0, 1, 2, 3, 127, -1}) {
                    add("magic " + value, patched(good, 16, 1, value, true));
                }
                for (long value : new long[] {1, -1, Long.MAX_VALUE, Long.MIN_VALUE}) {
                    add("base offset " + value, patched(good, 0, 8, value, true));
                }
                for (long value : new long[] {0, -1, 13, 14, 48, 49, 50, good.length - 13, good.length - 11,
                    Integer.MAX_VALUE, Integer.MIN_VALUE}) {
                    add("length " + value, patched(good, 8, 4, value, true));
                }
                add("crc", patched(good, 17, 4, 1, false));
                for (int bits = 0; bits < 8; bits++) {
                    add("codec " + bits, patched(good, 21, 2, bits, true));
                }
                for (int bits : new int[] {0x08, 0x10, 0x20, 0x30, 0x40, 0x80, 0x7f80}) {
                    add("attributes " + bits, patched(good, 21, 2, bits | type.id, true));
                }
                for (long value : new long[] {-2, -1, 0, 3, 5, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
                    add("last offset delta " + value, patched(good, 23, 4, value, true));
                    add("count " + value, patched(good, 57, 4, value, true));
                    byte[] both = patched(good, 23, 4, value, true);
                    add("both " + value, patched(both, 57, 4, value + 1, true));
                }
                for (long value : new long[] {0, -1, Long.MAX_VALUE, Long.MIN_VALUE}) {
                    add("base timestamp " + value, patched(good, 27, 8, value, true));
                    add("max timestamp " + value, patched(good, 35, 8, value, true));
                    add("producer id " + value, patched(good, 43, 8, value, true));
                    byte[] sequenced = patched(good, 53, 4, 3, true);
                    add("producer id and sequence " + value, patched(sequenced, 43, 8, value, true));
                }
                add("nothing", new byte[0]);
                add("twice", joined(good, good));
                add("a tail", joined(good, Arrays.copyOf(good, 30)));
                add("a tail with a bad length", joined(good, new byte[20]));
                for (int length : new int[] {1, 8, 12, 16, 17, 60, 61, 62, good.length - 1}) {
                    add("cut to " + length, Arrays.copyOf(good, length));
                }
            }
        }

        /** Records whose lengths and counts lie. Each is the second of three. */
        void structures() throws IOException {
            byte[] fine = record(0, 0, 0, new byte[] {'k'}, new byte[] {'v'});
            byte[][] bodies = {
                record(0, 0, 1, null, null),
                record(0, 0, 5, new byte[] {'k'}, null),
                record(0, 0, -1, new byte[] {'k'}, null),
                raw(varint(0)),
                raw(varint(-1)),
                raw(varint(1), new byte[] {0}),
                raw(varint(100)),
                raw(varint(Integer.MAX_VALUE)),
                raw(varint(Integer.MIN_VALUE)),
                raw(new byte[] {-1, -1, -1, -1, -1, -1}),
                raw(varint(6), new byte[] {0, 0, 2}, varint(-1), varint(-1), varint(0)),
                raw(varint(7), new byte[] {0, 0, 2}, varint(-1), varint(-1), varint(0), new byte[] {0}),
                raw(varint(5), new byte[] {0, 0, 2}, varint(-1), varint(-1), varint(0)),
                raw(varint(6), new byte[] {0, 0, 2}, varint(-5), varint(-7), varint(0)),
                raw(varint(6), new byte[] {0, 0, 2}, varint(-1), varint(-1), varint(-1)),
                raw(varint(6), new byte[] {0, 0, 2}, varint(-1), varint(-1), varint(1)),
                raw(varint(8), new byte[] {0, 0, 2}, varint(-1), varint(-1), varint(1), varint(-1), varint(-1)),
                raw(varint(8), new byte[] {0, 0, 2}, varint(-1), varint(-1), varint(1), varint(0), varint(-1)),
                raw(varint(8), new byte[] {0, 0, 2}, varint(-1), varint(-1), varint(1), varint(0), varint(-9)),
                raw(varint(8), new byte[] {0, 0, 2}, varint(-1), varint(-1), varint(1), varint(1), varint(-1)),
                raw(varint(8), new byte[] {0, 0, 2}, varint(-1), varint(-1), varint(3), varint(0), varint(0)),
                raw(varint(7), new byte[] {0, 0, 2}, varint(60), varint(-1), varint(0), new byte[] {0}),
                raw(varint(7), new byte[] {0, 0, 2}, varint(-1), varint(60), varint(0), new byte[] {0}),
                raw(varint(12), new byte[] {0, 0, 2}, new byte[] {-1, -1, -1, -1, -1, -1, -1}, varint(-1), varint(0)),
                raw(varint(17), new byte[] {0, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 2}, varint(-1), varint(-1),
                    varint(0)),
                raw(varint(10), new byte[] {0, 0, 2}, new byte[] {-1, -1, -1, -1, 0x7f}, varint(-1), varint(0)),
                raw(varint(6), new byte[] {99, 0, 2}, varint(-1), varint(-1), varint(0)),
            };
            for (CompressionType type : CompressionType.values()) {
                for (int index = 0; index < bodies.length; index++) {
                    byte[] records = raw(fine, bodies[index], record(0, 0, 2, null, null));
                    add("structure " + index + " " + type.name, wrapped(type, records, 3));
                    add("structure last " + index + " " + type.name, wrapped(type, raw(fine, bodies[index]), 2));
                }
                add("fewer records " + type.name, wrapped(type, raw(fine), 2));
                add("more records " + type.name, wrapped(type, raw(fine, fine, fine), 2));
                add("bytes after records " + type.name, wrapped(type, raw(fine, fine, new byte[] {0}), 2));
                add("no records " + type.name, wrapped(type, new byte[0], 1));
                add("same offsets " + type.name, wrapped(type, raw(fine, fine, fine), 3));
                add("overflowing timestamp " + type.name,
                    wrapped(type, record(0, Long.MAX_VALUE, 0, null, null), 1));
            }
        }

        /** What topics demand of records. */
        void rules() throws IOException {
            for (CompressionType type : CompressionType.values()) {
                Compression compression = Compression.of(type).build();
                for (int rule = 0; rule < 4; rule++) {
                    byte[] good = Utils.toArray(small(compression, TimestampType.CREATE_TIME, NOW));
                    byte[] time = Utils.toArray(small(compression, TimestampType.LOG_APPEND_TIME, NOW));
                    add("rules " + type.name, good, rule, 9, 1 << 20);
                    add("rules, broker's clock " + type.name, time, rule, 9, 1 << 20);
                    add("no timestamps " + type.name, wrapped(type, record(0, -1 - NOW, 0, null, null), 1), rule, 9,
                        1 << 20);
                    add("no timestamps, broker's clock " + type.name,
                        patched(patched(time, 35, 8, -1, true), 27, 8, -1, true), rule, 9, 1 << 20);
                    add("too large " + type.name, good, rule, 9, good.length - 1);
                    add("just large enough " + type.name, good, rule, 9, good.length);
                    add("old version " + type.name, good, rule, 6, 1 << 20);
                }
            }
        }

        /** Random damage, with the checksum made right again. */
        void noise() throws IOException {
            for (CompressionType type : CompressionType.values()) {
                byte[] good = Utils.toArray(small(Compression.of(type).build(), TimestampType.CREATE_TIME, NOW));
                for (int round = 0; round < 60; round++) {
                    byte[] bad = good.clone();
                    for (int hit = 0; hit <= random.nextInt(2); hit++) {
                        bad[61 + random.nextInt(bad.length - 61)] = (byte) random.nextInt(256);
                    }
                    add("noise " + type.name, fixed(bad));
                }
            }
        }

        void add(String name, byte[] batch) throws IOException {
            add(name, batch, 0, 9, 1 << 20);
        }

        void add(String name, byte[] batch, int rule, int version, int bytesMax) throws IOException {
            out.writeInt(batch.length);
            out.write(batch);
            verdicts.append(String.format("%d %d %d %s | %s%n", rule, version, bytesMax, name,
                verdict(batch.clone(), rule, (short) version, bytesMax)));
        }

        String verdict(byte[] bytes, int rule, short version, int bytesMax) {
            try {
                MemoryRecords records = MemoryRecords.readableRecords(ByteBuffer.wrap(bytes));
                ProduceRequest.validateRecords(version, records);
                CompressionType source = CompressionType.NONE;
                int valid = 0;
                for (MutableRecordBatch batch : records.batches()) {
                    // What UnifiedLog looks at before it calls the validator.
                    if (batch.baseOffset() != 0) {
                        throw new InvalidRecordException("base offset");
                    }
                    if (batch.sizeInBytes() > bytesMax) {
                        throw new RecordTooLargeException("size");
                    }
                    if (!batch.isValid()) {
                        throw new CorruptRecordException("crc");
                    }
                    valid += batch.sizeInBytes();
                    source = batch.compressionType();
                }
                records = MemoryRecords.readableRecords(ByteBuffer.wrap(Arrays.copyOf(bytes, valid)));
                boolean appendTime = rule == 1;
                LogValidator validator = new LogValidator(records, PARTITION, new FixedTime(), source,
                    source == CompressionType.NONE ? Compression.NONE : Compression.of(source).build(), rule == 3,
                    RecordBatch.CURRENT_MAGIC_VALUE,
                    appendTime ? TimestampType.LOG_APPEND_TIME : TimestampType.CREATE_TIME,
                    rule == 2 ? 3 : Long.MAX_VALUE, rule == 2 ? 1000 : Long.MAX_VALUE, 5, AppendOrigin.CLIENT);
                LogValidator.ValidationResult result = validator.validateMessagesAndAssignOffsets(
                    PrimitiveRef.ofLong(100), new NoMetrics(), BufferSupplier.NO_CACHING);
                MutableRecordBatch batch = result.validatedRecords().batches().iterator().next();
                return String.format("0 max=%d rebuilt=%s", batch.maxTimestamp(), result.messageSizeMaybeChanged());
            } catch (RecordValidationException e) {
                StringBuilder errors = new StringBuilder();
                for (ProduceResponse.RecordError error : e.recordErrors()) {
                    errors.append(" / ").append(error.batchIndex).append(": ").append(error.message);
                }
                return Errors.forException(e.invalidException()).code() + " " + e.invalidException().getMessage() + errors;
            } catch (Throwable e) {
                return String.valueOf(Errors.forException(e).code());
            }
        }
    }

    static byte[] patched(byte[] batch, int at, int width, long value, boolean fix) {
        byte[] copy = batch.clone();
        for (int index = 0; index < width; index++) {
            copy[at + index] = (byte) (value >> (8 * (width - 1 - index)));
        }
        return fix ? fixed(copy) : copy;
    }

    /** Makes the checksum right, over the bytes the length field names as far as they are there. */
    static byte[] fixed(byte[] batch) {
        long length = 12L + ByteBuffer.wrap(batch).getInt(8);
        int end = (int) Math.max(21, Math.min(batch.length, length));
        ByteBuffer.wrap(batch).putInt(17, (int) Crc32C.compute(batch, 21, end - 21));
        return batch;
    }

    static byte[] joined(byte[] first, byte[] second) {
        return raw(first, second);
    }

    static byte[] raw(byte[]... parts) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            out.writeBytes(part);
        }
        return out.toByteArray();
    }

    static byte[] varint(int value) {
        return varlong(value);
    }

    static byte[] varlong(long value) {
        ByteBuffer buffer = ByteBuffer.allocate(10);
        org.apache.kafka.common.utils.ByteUtils.writeVarlong(value, buffer);
        return Arrays.copyOf(buffer.array(), buffer.position());
    }

    static byte[] record(int attributes, long timestamp, int offset, byte[] key, byte[] value) {
        byte[] body = raw(new byte[] {(byte) attributes}, varlong(timestamp), varint(offset),
            key == null ? varint(-1) : raw(varint(key.length), key),
            value == null ? varint(-1) : raw(varint(value.length), value), varint(0));
        return raw(varint(body.length), body);
    }

    /** A batch around these bytes. */
    static byte[] wrapped(CompressionType type, byte[] records, int count) throws IOException {
        org.apache.kafka.common.utils.ByteBufferOutputStream buffer =
            new org.apache.kafka.common.utils.ByteBufferOutputStream(1024);
        try (java.io.OutputStream out = Compression.of(type).build().wrapForOutput(buffer, (byte) 2)) {
            out.write(records);
        }
        ByteBuffer body = buffer.buffer();
        body.flip();
        byte[] compressed = Utils.toArray(body);
        ByteBuffer batch = ByteBuffer.allocate(61 + compressed.length);
        batch.putLong(0).putInt(49 + compressed.length).putInt(-1).put((byte) 2).putInt(0).putShort(type.id)
            .putInt(count - 1).putLong(NOW).putLong(NOW).putLong(-1).putShort((short) -1).putInt(-1).putInt(count)
            .put(compressed);
        return fixed(batch.array());
    }

    static class NoMetrics implements LogValidator.MetricsRecorder {
        public void recordInvalidMagic() { }
        public void recordInvalidOffset() { }
        public void recordInvalidSequence() { }
        public void recordInvalidChecksums() { }
        public void recordNoKeyCompactedTopic() { }
    }

    static class FixedTime implements Time {
        public long milliseconds() {
            return NOW;
        }
        public long nanoseconds() {
            return NOW * 1_000_000;
        }
        public void sleep(long milliseconds) {
            throw new UnsupportedOperationException();
        }
        public void waitObject(Object object, java.util.function.Supplier<Boolean> condition, long deadline) {
            throw new UnsupportedOperationException();
        }
    }
}
