// kafkajs. It has no cooperative rebalancing and no static members, so those are not asked of it.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import {
  AssignerProtocol,
  BOOTSTRAP,
  CompressionTypes,
  ConfigResourceTypes,
  connected,
  kafka,
  readAll,
  refusal,
  unique,
  until,
} from "./cluster.mjs";

const admin = kafka.admin();
before(() => admin.connect());
after(() => admin.disconnect());

async function create(topic, numPartitions = 1, configs = {}) {
  const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value: String(value) }));
  await admin.createTopics({ topics: [{ topic, numPartitions, replicationFactor: 1, configEntries }], waitForLeaders: true });
  return topic;
}

const send = (topic, messages, { acks = -1, compression, ...config } = {}) =>
  connected(kafka.producer(config), (producer) => producer.send({ topic, messages, acks, compression }));

const values = (count) => Array.from({ length: count }, (_, n) => `${String(n).padStart(8, "0")} ${"abcdefgh".repeat(10)}`);

// --- admin ---

test("a topic is created with its configs", async () => {
  const topic = await create(unique("created"), 3, { "retention.ms": 12345 });
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  assert.deepEqual(topics[0].partitions.map((p) => p.partitionId).sort(), [0, 1, 2]);
  const { resources } = await admin.describeConfigs({
    includeSynonyms: true,
    resources: [{ type: ConfigResourceTypes.TOPIC, name: topic }],
  });
  const config = Object.fromEntries(resources[0].configEntries.map((entry) => [entry.configName, entry]));
  assert.equal(config["retention.ms"].configValue, "12345");
  assert.equal(config["retention.ms"].configSource, 1);
  assert.equal(config["retention.ms"].configSynonyms[0].configValue, "12345");
  assert.equal(config["segment.bytes"].configSource, 5);
});

for (const [what, topic, code] of [
  ["no partitions", { numPartitions: 0 }, "INVALID_PARTITIONS"],
  ["too many replicas", { replicationFactor: 9 }, "INVALID_REPLICATION_FACTOR"],
  ["a bad config", { configEntries: [{ name: "retention.ms", value: "x" }] }, "INVALID_CONFIG"],
  ["a bad name", { topic: "no spaces" }, "INVALID_TOPIC_EXCEPTION"],
]) {
  test(`a topic with ${what} is refused`, async () => {
    assert.equal(await refusal(admin.createTopics({ topics: [{ topic: unique("bad"), ...topic }] })), code);
  });
}

test("validate only creates nothing", async () => {
  const topic = unique("validated");
  await admin.createTopics({ topics: [{ topic }], validateOnly: true, waitForLeaders: false });
  assert.ok(!(await admin.listTopics()).includes(topic));
});

test("an existing topic is told", async () => {
  const topic = await create(unique("existing"));
  assert.equal(await admin.createTopics({ topics: [{ topic }] }), false);
});

test("configs are altered", async () => {
  const topic = await create(unique("altered"));
  const configEntries = [{ name: "max.message.bytes", value: "4242" }];
  await admin.alterConfigs({ validateOnly: false, resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }] });
  await until(async () => {
    const described = await admin.describeConfigs({
      resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configNames: ["max.message.bytes"] }],
    });
    return described.resources[0].configEntries[0].configValue === "4242";
  }, "max.message.bytes 4242");
});

test("partitions are added", async () => {
  const topic = await create(unique("grown"));
  await admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] });
  await until(async () => (await admin.fetchTopicMetadata({ topics: [topic] })).topics[0].partitions.length === 3, "3 partitions");
  assert.equal(await refusal(admin.createPartitions({ topicPartitions: [{ topic, count: 2 }] })), "INVALID_PARTITIONS");
});

test("a topic is deleted", async () => {
  const topic = await create(unique("deleted"));
  await admin.deleteTopics({ topics: [topic] });
  await until(async () => !(await admin.listTopics()).includes(topic), `${topic} gone from the list`);
});

test("the cluster is described", async () => {
  const cluster = await admin.describeCluster();
  assert.deepEqual(cluster.brokers.map(({ host, port }) => `${host}:${port}`), [BOOTSTRAP]);
  assert.ok(cluster.brokers.some(({ nodeId }) => nodeId === cluster.controller));
  assert.equal(cluster.clusterId.length, 22);
});

test("records are deleted", async () => {
  const topic = await create(unique("trimmed"));
  await send(topic, values(10).map((value) => ({ value })));
  // This client deletes only in topics whose leaders it has met, as it has after asking for offsets.
  assert.equal((await admin.fetchTopicOffsets(topic))[0].high, "10");
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: "4" }] });
  assert.equal((await admin.fetchTopicOffsets(topic))[0].low, "4");
  assert.equal((await readAll(topic, 6))[0].offset, "4");
});

// --- produce and consume ---

for (const codec of ["None", "GZIP", "Snappy", "LZ4", "ZSTD"]) {
  for (const acks of [0, 1, -1]) {
    test(`${codec} with acks ${acks}`, async () => {
      const topic = await create(unique("codec"));
      const sent = values(200);
      await send(topic, sent.map((value) => ({ value })), { acks, compression: CompressionTypes[codec] });
      assert.deepEqual((await readAll(topic, 200)).map(({ value }) => value.toString()), sent);
    });
  }
}

test("keys, headers and nulls are kept", async () => {
  const topic = await create(unique("nulls"));
  const messages = [
    { key: "key", value: "value", headers: { one: "1", twice: ["a", "b"] } },
    { key: null, value: "no key" },
    { key: "no value", value: null },
    { key: "", value: "" },
    { key: Buffer.from([0, 255]), value: "žvýkačka 语" },
  ];
  await send(topic, messages);
  const text = (bytes) => (bytes === null ? null : bytes.toString());
  const found = await readAll(topic, messages.length);
  assert.deepEqual(found.map(({ key, value }) => [text(key), text(value)]), [
    ["key", "value"],
    [null, "no key"],
    ["no value", null],
    ["", ""],
    [Buffer.from([0, 255]).toString(), "žvýkačka 语"],
  ]);
  assert.deepEqual(Object.entries(found[0].headers).map(([name, value]) => [name, String(value)]), [["one", "1"], ["twice", "a,b"]]);
});

test("an idempotent producer keeps order", async () => {
  const topic = await create(unique("idempotent"));
  const sent = values(500);
  await connected(kafka.producer({ idempotent: true, maxInFlightRequests: 1 }), async (producer) => {
    for (let at = 0; at < 500; at += 25) {
      await producer.send({ topic, messages: sent.slice(at, at + 25).map((value) => ({ value })) });
    }
  });
  assert.deepEqual((await readAll(topic, 500)).map(({ value }) => value.toString()), sent);
});

test("the create time is kept", async () => {
  const topic = await create(unique("create-time"));
  await send(topic, [{ value: "old", timestamp: "1234567890123" }]);
  assert.equal((await readAll(topic, 1))[0].timestamp, "1234567890123");
});

test("the log append time is the broker's", async () => {
  const topic = await create(unique("append-time"), 1, { "message.timestamp.type": "LogAppendTime" });
  const before = Date.now();
  const [answer] = await send(topic, [{ value: "old", timestamp: "1234567890123" }]);
  const when = Number((await readAll(topic, 1))[0].batchContext.maxTimestamp);
  assert.ok(before <= when && when <= Date.now(), `expected the broker's clock, got ${when}`);
  assert.equal(answer.logAppendTime, String(when));
});

test("seek goes where it is told", async () => {
  const topic = await create(unique("seek"));
  await send(topic, values(10).map((value) => ({ value })));
  for (const [seek, first] of [["7", "7"], ["-2", "0"], ["0", "0"]]) {
    const found = await readAll(topic, 1, { seek });
    assert.ok(found.some(({ offset }) => offset === first), `expected offset ${first} after a seek to ${seek}`);
  }
});

test("offsets are found by time", async () => {
  const topic = await create(unique("times"));
  const base = Date.now() - 1000_000;
  for (let n = 0; n < 5; n++) await send(topic, [{ value: "x", timestamp: String(base + n * 1000) }]);
  for (const [at, offset] of [[base, "0"], [base + 1, "1"], [base + 4000, "4"], [base + 4001, "5"]]) {
    assert.equal((await admin.fetchTopicOffsetsByTimestamp(topic, at))[0].offset, offset);
  }
  const [offsets] = await admin.fetchTopicOffsets(topic);
  assert.deepEqual([offsets.low, offsets.high], ["0", "5"]);
});

test("a long poll is woken by a produce", async () => {
  const topic = await create(unique("woken"));
  await send(topic, [{ value: "first" }]);
  let seen = 0;
  const consumer = kafka.consumer({ groupId: unique("poller"), maxWaitTimeInMs: 15000 });
  await connected(consumer, async () => {
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({ eachMessage: async () => void seen++ });
    await until(() => seen === 1, "the first message");
    const sent = Date.now();
    await send(topic, [{ value: "wake up" }]);
    await until(() => seen === 2, "the fetch of 15 s to be woken", 5);
    assert.ok(Date.now() - sent < 5000);
  });
});

test("a long poll waits for min bytes", async () => {
  const topic = await create(unique("waits"));
  await send(topic, [{ value: "small" }]);
  let fetchStarted, waited;
  const consumer = kafka.consumer({ groupId: unique("waiter"), minBytes: 1000000, maxWaitTimeInMs: 2000 });
  consumer.on(consumer.events.FETCH_START, () => (fetchStarted ??= Date.now()));
  await connected(consumer, async () => {
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({ eachMessage: async () => void (waited ??= Date.now() - fetchStarted) });
    await until(() => waited !== undefined, "the small message");
  });
  assert.ok(waited >= 1900 && waited < 8000, `expected the fetch to wait its 2 s for minBytes, it took ${waited} ms`);
});

test("large messages are taken up to the limit", async () => {
  const topic = await create(unique("large"), 1, { "max.message.bytes": 500000 });
  await send(topic, [{ value: "x".repeat(490000) }]);
  assert.equal(await refusal(send(topic, [{ value: "x".repeat(510000) }])), "MESSAGE_TOO_LARGE");
  assert.equal((await readAll(topic, 1, { maxBytesPerPartition: 1000 }))[0].value.length, 490000);
});

test("an unknown topic is told", async () => {
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  const call = connected(producer, () => producer.send({ topic: unique("nowhere"), messages: [{ value: "x" }] }));
  assert.equal(await refusal(call), "UNKNOWN_TOPIC_OR_PARTITION");
});

// --- groups ---

/** A running member: what it owns and what it has read. */
async function member(groupId, topic, config = {}) {
  const consumer = kafka.consumer({ groupId, heartbeatInterval: 300, maxWaitTimeInMs: 200, ...config });
  const one = { consumer, owned: [], read: [] };
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => (one.owned = payload.memberAssignment[topic] ?? []));
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({ eachMessage: async ({ partition, message }) => void one.read.push([partition, message.offset]) });
  return one;
}

const spread = (members, count) =>
  until(() => {
    const owned = members.flatMap((one) => one.owned).sort();
    return owned.length === count && new Set(owned).size === count && members.every((one) => one.owned.length > 0);
  }, `${count} partitions spread over ${members.length} members`, 40);

test("members join and leave a group", async () => {
  const topic = await create(unique("group"), 4);
  const first = await member(topic, topic);
  await spread([first], 4);
  const second = await member(topic, topic);
  await spread([first, second], 4);
  const { groups } = await admin.describeGroups([topic]);
  assert.deepEqual([groups[0].state, groups[0].protocolType, groups[0].members.length], ["Stable", "consumer", 2]);
  const assigned = groups[0].members.flatMap((one) => AssignerProtocol.MemberAssignment.decode(one.memberAssignment).assignment[topic]);
  assert.deepEqual(assigned.sort(), [0, 1, 2, 3]);
  assert.ok((await admin.listGroups()).groups.some(({ groupId }) => groupId === topic));
  assert.equal(await groupRefusal(topic), "NON_EMPTY_GROUP");
  await second.consumer.disconnect();
  await spread([first], 4);
  await first.consumer.disconnect();
  await admin.deleteGroups([topic]);
  assert.equal(await groupRefusal(topic), "GROUP_ID_NOT_FOUND");
});

async function groupRefusal(groupId) {
  try {
    await admin.deleteGroups([groupId]);
  } catch (error) {
    return error.groups[0].error.type;
  }
  return "nothing was refused";
}

test("commits are fetched", async () => {
  const topic = await create(unique("commits"), 2);
  await send(topic, values(10).map((value) => ({ value, partition: 0 })));
  const one = await member(topic, topic);
  await until(() => one.read.length === 10, "10 messages");
  await one.consumer.commitOffsets([{ topic, partition: 0, offset: "6", metadata: "six" }]);
  await one.consumer.stop();
  await one.consumer.disconnect();
  await admin.setOffsets({ groupId: topic, topic, partitions: [{ partition: 0, offset: "6" }, { partition: 1, offset: "3" }] });
  const [{ partitions }] = await admin.fetchOffsets({ groupId: topic, topics: [topic] });
  assert.deepEqual(partitions.map(({ partition, offset }) => [partition, offset]).sort(), [[0, "6"], [1, "3"]]);
  const again = await member(topic, topic);
  await until(() => again.read.length > 0, "a message after the committed offset");
  assert.deepEqual(again.read[0], [0, "6"]);
  await again.consumer.disconnect();
});

// --- under load ---

test("a topic is deleted under load", async () => {
  const neighbour = await create(unique("stays"));
  const doomed = await create(unique("goes"));
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  let acked = 0;
  let stop = false;
  await connected(producer, async () => {
    const load = (async () => {
      while (!stop) {
        await producer.send({ topic: neighbour, messages: [{ value: String(acked) }] });
        acked++;
      }
    })();
    const disturb = (async () => {
      const other = kafka.producer({ allowAutoTopicCreation: false, retry: { retries: 0 } });
      await connected(other, async () => {
        while (!stop) await other.send({ topic: doomed, messages: [{ value: "x" }] }).catch(() => {});
      });
    })();
    await until(() => acked > 50, "50 acknowledged messages");
    await admin.deleteTopics({ topics: [doomed] });
    const mark = acked;
    await until(() => acked > mark + 50, "the neighbour to go on");
    stop = true;
    await Promise.all([load, disturb]);
  });
  assert.deepEqual((await readAll(neighbour, acked)).map(({ value }) => Number(value)), Array.from({ length: acked }, (_, n) => n));
});

test("transactions are all or nothing", async () => {
  const topic = await create(unique("transactional"));
  const client = kafka.producer({ idempotent: true, maxInFlightRequests: 1, transactionalId: unique("id") });
  await connected(client, async () => {
    for (const [value, isCommitted] of [["one", true], ["two", false], ["three", true]]) {
      const transaction = await client.transaction();
      await transaction.send({ topic, messages: [{ value, partition: 0 }] });
      await (isCommitted ? transaction.commit() : transaction.abort());
    }
  });
  const found = await readAll(topic, 2);
  assert.deepEqual(found.map(({ value }) => value.toString()), ["one", "three"]);
});

test("offsets move with their transaction", async () => {
  const topic = await create(unique("moved"));
  const groupId = unique("group");
  const client = kafka.producer({ idempotent: true, maxInFlightRequests: 1, transactionalId: unique("id") });
  await connected(client, async () => {
    for (const [isCommitted, expected] of [[false, "-1"], [true, "7"]]) {
      const transaction = await client.transaction();
      const topics = [{ topic, partitions: [{ partition: 0, offset: "7" }] }];
      await transaction.sendOffsets({ consumerGroupId: groupId, topics });
      await (isCommitted ? transaction.commit() : transaction.abort());
      const offset = async () =>
        (await admin.fetchOffsets({ groupId, topics: [topic] }))[0].partitions[0].offset;
      await until(async () => (await offset()) === expected, `an offset of ${expected}`);
    }
  });
});
