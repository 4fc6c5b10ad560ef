// Plain AWS SDK for JavaScript v3: no keys, no endpoint, no region in it. Says one JSON object a line.
import { once } from "node:events";
import { Readable } from "node:stream";
import { randomBytes } from "node:crypto";
import {
  CopyObjectCommand, CreateBucketCommand, DeleteObjectsCommand, GetObjectCommand, HeadObjectCommand,
  ListObjectsV2Command, PutObjectCommand, S3Client, paginateListObjectsV2, waitUntilBucketExists,
} from "@aws-sdk/client-s3";
import {
  ConditionalCheckFailedException, CreateTableCommand, DynamoDBClient, GetItemCommand, PutItemCommand,
  QueryCommand, TransactWriteItemsCommand, waitUntilTableExists,
} from "@aws-sdk/client-dynamodb";
import {
  CreateQueueCommand, DeleteMessageCommand, GetQueueUrlCommand, ReceiveMessageCommand, SendMessageCommand, SQSClient,
} from "@aws-sdk/client-sqs";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { Upload } from "@aws-sdk/lib-storage";

const name = process.argv[2];
const say = (step, more = {}) => console.log(JSON.stringify({ step, ...more }));
const refused = async (call) => {
  try {
    await call;
    return "not refused";
  } catch (error) {
    return { name: error.name, status: error.$metadata?.httpStatusCode, message: error.message };
  }
};

const sts = new STSClient();
const credentials = await sts.config.credentials();
say("identity", {
  arn: (await sts.send(new GetCallerIdentityCommand({}))).Arn,
  keyId: credentials.accessKeyId,
});

const s3 = new S3Client();
const bucket = { Bucket: name };
await s3.send(new CreateBucketCommand(bucket));
await waitUntilBucketExists({ client: s3, minDelay: 1, maxWaitTime: 10 }, bucket);
const back = async (Key, more = {}) =>
  Buffer.from(await (await s3.send(new GetObjectCommand({ ...bucket, Key, ...more }))).Body.transformToByteArray());
const put = async (Key, Body, more = {}) => s3.send(new PutObjectCommand({ ...bucket, Key, Body, ...more }));

const bytes = randomBytes(300_000);
await put("string", "text ü");
say("string", { back: (await back("string")).toString() });
await put("odd +%ü/key'()", bytes);
say("buffer", { same: (await back("odd +%ü/key'()")).equals(bytes) });
const pieces = [bytes.subarray(0, 10_000), bytes.subarray(10_000, 150_000), bytes.subarray(150_000)];
await put("stream", Readable.from(pieces), { ContentLength: bytes.length });
const head = await s3.send(new HeadObjectCommand({ ...bucket, Key: "stream" }));
say("stream", { same: (await back("stream")).equals(bytes), encoding: head.ContentEncoding ?? null });
for (const ChecksumAlgorithm of ["CRC32", "CRC32C", "SHA1", "SHA256"]) {
  const stream = Readable.from(pieces);
  await put("summed", stream, { ContentLength: bytes.length, ChecksumAlgorithm });
  const same = (await back("summed", { ChecksumMode: "ENABLED" })).equals(bytes);
  say("summed", { ChecksumAlgorithm, same });
}
say("range", { back: (await back("string", { Range: "bytes=0-3" })).toString() });
await s3.send(new CopyObjectCommand({ ...bucket, Key: "copy", CopySource: `${name}/${encodeURIComponent("odd +%ü/key'()")}` }));
say("copy", { same: (await back("copy")).equals(bytes) });

const big = randomBytes(11 * 1024 * 1024);
await new Upload({ client: s3, params: { ...bucket, Key: "big", Body: Readable.from([big]) } }).done();
say("upload", { same: (await back("big")).equals(big) });

const keys = [];
for await (const page of paginateListObjectsV2({ client: s3, pageSize: 2 }, bucket)) keys.push(...page.Contents.map((item) => item.Key));
say("list", { keys });
const deleted = await s3.send(new DeleteObjectsCommand({ ...bucket, Delete: { Objects: keys.map((Key) => ({ Key })) } }));
say("delete", { deleted: deleted.Deleted.length, left: (await s3.send(new ListObjectsV2Command(bucket))).KeyCount });
say("absent", await refused(back("absent")));
say("denied", await refused(s3.send(new PutObjectCommand({ ...bucket, Key: "secret/x", Body: "x" }))));

const dynamodb = new DynamoDBClient();
const table = { TableName: name };
await dynamodb.send(new CreateTableCommand({
  ...table, BillingMode: "PAY_PER_REQUEST", KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
  AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
}));
await waitUntilTableExists({ client: dynamodb, minDelay: 1, maxWaitTime: 10 }, table);
const Item = { id: { S: "1" }, data: { B: bytes.subarray(0, 10) }, n: { N: "1.5" } };
await dynamodb.send(new PutItemCommand({ ...table, Item }));
const got = await dynamodb.send(new GetItemCommand({ ...table, Key: { id: { S: "1" } } }));
say("item", { n: got.Item.n, same: Buffer.from(got.Item.data.B).equals(bytes.subarray(0, 10)) });
const queried = await dynamodb.send(new QueryCommand({
  ...table, KeyConditionExpression: "id = :id", ExpressionAttributeValues: { ":id": { S: "1" } },
}));
say("query", { count: queried.Count });
const ConditionExpression = "attribute_not_exists(id)";
const condition = await refused(dynamodb.send(new PutItemCommand({ ...table, Item, ConditionExpression })));
say("condition", { ...condition, typed: condition.name === ConditionalCheckFailedException.name });
const transaction = new TransactWriteItemsCommand({ TransactItems: [{ Put: { ...table, Item, ConditionExpression } }] });
say("transaction", await refused(dynamodb.send(transaction)));

const sqs = new SQSClient();
await sqs.send(new CreateQueueCommand({ QueueName: name }));
const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: name }));
await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "hello ü" }));
const [message] = (await sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 1 }))).Messages;
await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: message.ReceiptHandle }));
say("message", { body: message.Body, url: QueueUrl });
say("absent queue", await refused(sqs.send(new GetQueueUrlCommand({ QueueName: "absent" }))));
if (process.stdout.writableLength) await once(process.stdout, "drain");
