import java.io.DataInputStream;
import java.io.IOException;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.util.List;
import org.apache.kafka.common.message.InitProducerIdRequestData;
import org.apache.kafka.common.message.ProduceRequestData;
import org.apache.kafka.common.message.ProduceResponseData.PartitionProduceResponse;
import org.apache.kafka.common.message.WriteTxnMarkersRequestData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.requests.AbstractRequest;
import org.apache.kafka.common.requests.AbstractResponse;
import org.apache.kafka.common.requests.InitProducerIdRequest;
import org.apache.kafka.common.requests.InitProducerIdResponse;
import org.apache.kafka.common.requests.ProduceRequest;
import org.apache.kafka.common.requests.ProduceResponse;
import org.apache.kafka.common.requests.RequestHeader;
import org.apache.kafka.common.requests.WriteTxnMarkersRequest;
import org.apache.kafka.common.requests.WriteTxnMarkersResponse;

/** Requests by hand, over one connection: what no client would send twice. */
final class Raw implements AutoCloseable {
    private final Socket socket;
    private final DataInputStream input;
    private int correlation;

    Raw(String bootstrap) throws IOException {
        String[] address = bootstrap.split(":");
        socket = new Socket(address[0], Integer.parseInt(address[1]));
        socket.setSoTimeout(30_000);
        input = new DataInputStream(socket.getInputStream());
    }

    AbstractResponse ask(ApiKeys key, AbstractRequest request) throws IOException {
        RequestHeader header = new RequestHeader(key, request.version(), "raw", ++correlation);
        ByteBuffer sent = request.serializeWithHeader(header);
        ByteBuffer framed = ByteBuffer.allocate(4 + sent.remaining()).putInt(sent.remaining()).put(sent);
        socket.getOutputStream().write(framed.array());
        byte[] answer = new byte[input.readInt()];
        input.readFully(answer);
        return AbstractResponse.parseResponse(ByteBuffer.wrap(answer), header);
    }

    /** Sends one batch to a partition, as it is. */
    PartitionProduceResponse produce(String topic, int partition, MemoryRecords records, String transactionalId) throws IOException {
        var part = new ProduceRequestData.PartitionProduceData().setIndex(partition).setRecords(records);
        var data = new ProduceRequestData().setAcks((short) -1).setTimeoutMs(30_000).setTransactionalId(transactionalId);
        data.topicData().add(new ProduceRequestData.TopicProduceData().setName(topic).setPartitionData(List.of(part)));
        var response = (ProduceResponse) ask(ApiKeys.PRODUCE, new ProduceRequest(data, (short) 11));
        return response.data().responses().iterator().next().partitionResponses().get(0);
    }

    /** A producer id without a transactional id; a new cluster has none at first. */
    long producerId() throws Exception {
        long[] found = { -1 };
        Judge.until("a producer id", () -> {
            var data = new InitProducerIdRequestData().setTransactionalId(null).setTransactionTimeoutMs(60_000);
            var response = (InitProducerIdResponse) ask(ApiKeys.INIT_PRODUCER_ID, new InitProducerIdRequest.Builder(data).build((short) 4));
            found[0] = response.data().producerId();
            return response.data().errorCode() == 0;
        });
        return found[0];
    }

    /** Ends a producer's transaction in one partition, as a coordinator of epoch 0 does. */
    void marker(String topic, long producerId, boolean commit) throws IOException {
        var topics = new WriteTxnMarkersRequestData.WritableTxnMarkerTopic().setName(topic).setPartitionIndexes(List.of(0));
        var marker = new WriteTxnMarkersRequestData.WritableTxnMarker().setProducerId(producerId).setProducerEpoch((short) 0)
            .setCoordinatorEpoch(0).setTransactionResult(commit).setTopics(List.of(topics));
        var data = new WriteTxnMarkersRequestData().setMarkers(List.of(marker));
        var response = (WriteTxnMarkersResponse) ask(ApiKeys.WRITE_TXN_MARKERS, new WriteTxnMarkersRequest.Builder(data).build((short) 1));
        short code = response.data().markers().get(0).topics().get(0).partitions().get(0).errorCode();
        Judge.equal((short) 0, code, "error of the marker");
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
