// What the kafkajs tests share: the cluster, fresh names, the codecs, bounded waits.

import { randomBytes } from "node:crypto";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const kafkajs = require("kafkajs");
const lz4 = require("lz4-napi");
const zstd = require("@bokuweb/zstd-wasm");

export const { CompressionTypes, ConfigResourceTypes, KafkaJSProtocolError, logLevel, AssignerProtocol } = kafkajs;

await zstd.init();
kafkajs.CompressionCodecs[CompressionTypes.Snappy] = require("kafkajs-snappy");
kafkajs.CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: (encoder) => lz4.compressFrame(encoder.buffer),
  decompress: (buffer) => lz4.decompressFrame(buffer),
});
kafkajs.CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async (encoder) => Buffer.from(zstd.compress(encoder.buffer, 3)),
  decompress: async (buffer) => Buffer.from(zstd.decompress(buffer)),
});

const bootstrap = process.env.OTTLA_BOOTSTRAP;
if (!bootstrap) throw new Error("OTTLA_BOOTSTRAP must name the cluster to test, as host:port");
export const BOOTSTRAP = bootstrap;

export const kafka = new kafkajs.Kafka({
  clientId: "conformance",
  brokers: [BOOTSTRAP],
  logLevel: logLevel.NOTHING,
  retry: { retries: 5, initialRetryTime: 100, maxRetryTime: 1000 },
});

export const unique = (prefix) => `${prefix}-${randomBytes(6).toString("hex")}`;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The first truthy answer of `probe`; fails with what was expected. */
export async function until(probe, what, seconds = 30) {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const seen = await probe();
    if (seen) return seen;
    if (Date.now() > deadline) throw new Error(`expected within ${seconds} s: ${what}; last seen: ${seen}`);
    await pause(20);
  }
}

/** Runs `use` with a connected client and disconnects it whatever happens. */
export async function connected(client, use) {
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.disconnect();
  }
}

/** The error code that a refused call carries. */
export async function refusal(call) {
  try {
    await call;
  } catch (error) {
    const inner = error.errors?.[0] ?? error.cause ?? error;
    return inner.type ?? inner.name;
  }
  return "nothing was refused";
}

/** Reads `count` messages of a topic with a consumer of its own group. */
export async function readAll(topic, count, { groupId = unique("reader"), seek, ...config } = {}) {
  const found = [];
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 200, ...config });
  await connected(consumer, async () => {
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({ autoCommit: false, eachMessage: async ({ partition, message }) => found.push({ partition, ...message }) });
    if (seek !== undefined) consumer.seek({ topic, partition: 0, offset: seek });
    await until(() => found.length >= count, `${count} messages of ${topic}`);
  });
  return found;
}
