// Runs the scenarios with Microsoft's client and writes a line of JSON for each:
// its name, and the reason if it failed. Each uses a queue with its name.
const assert = require("node:assert/strict");
const { ServiceBusClient } = require("@azure/service-bus");

const client = new ServiceBusClient(process.env.CONNECTION, { retryOptions: { maxRetries: 0, timeoutInMs: 60000 } });
const wait = { maxWaitTimeInMs: 60000 };

const send = async (queue, ...messages) => {
  const sender = client.createSender(queue);
  await sender.sendMessages(messages.length === 1 ? messages[0] : messages);
  await sender.close();
};

// one receives the next message of a queue.
const one = async (receiver) => {
  const [message] = await receiver.receiveMessages(1, wait);
  assert.ok(message, "no message arrived within a minute");
  return message;
};

// empty checks that a queue has neither ready nor locked messages.
const empty = async (queue, options) => {
  const receiver = client.createReceiver(queue, options);
  assert.deepEqual((await receiver.peekMessages(10)).map((m) => m.body), []);
  await receiver.close();
};

const dead = { subQueueType: "deadLetter" };

const scenarios = {
  async complete(queue) {
    await send(queue, { body: "hello", messageId: "m1", correlationId: "c1", contentType: "text/plain", applicationProperties: { n: 7 } });
    const receiver = client.createReceiver(queue);
    const message = await one(receiver);
    assert.equal(message.body, "hello");
    assert.equal(message.messageId, "m1");
    assert.equal(message.correlationId, "c1");
    assert.equal(message.contentType, "text/plain");
    assert.equal(message.applicationProperties.n, 7);
    assert.equal(message.deliveryCount, 0);
    assert.equal(message.state, "active");
    assert.ok(message.lockedUntilUtc > message.enqueuedTimeUtc);
    assert.ok((await receiver.renewMessageLock(message)) >= message.enqueuedTimeUtc);
    await receiver.completeMessage(message);
    await empty(queue);
  },

  async batch(queue) {
    const bodies = [...Array(50).keys()];
    await send(queue, ...bodies.map((body) => ({ body, messageId: `m${body}` })));
    const receiver = client.createReceiver(queue, { receiveMode: "receiveAndDelete" });
    const got = [];
    while (got.length < bodies.length) {
      got.push(await one(receiver).then((m) => m.body));
    }
    assert.deepEqual(got, bodies);
    await empty(queue);
  },

  async subscribe(queue) {
    const receiver = client.createReceiver(queue);
    const arrived = new Promise((resolve, reject) => {
      receiver.subscribe({ processMessage: async (m) => resolve(m.body), processError: async (e) => reject(e.error) });
    });
    arrived.catch(() => {}); // awaited below
    await send(queue, { body: "hello" });
    assert.equal(await arrived, "hello");
    await receiver.close();
  },

  async abandon(queue) {
    await send(queue, { body: "x", applicationProperties: { kept: "old", changed: "old" } });
    const receiver = client.createReceiver(queue);
    await receiver.abandonMessage(await one(receiver), { changed: "new", added: 1 });
    const again = await one(receiver);
    assert.equal(again.deliveryCount, 1);
    assert.deepEqual({ ...again.applicationProperties }, { kept: "old", changed: "new", added: 1 });
    await receiver.completeMessage(again);
    await empty(queue);
  },

  async defer(queue) {
    await send(queue, { body: "later", applicationProperties: { kept: 1 } }, { body: "next" });
    const receiver = client.createReceiver(queue);
    const first = await one(receiver);
    await receiver.deferMessage(first, { why: "busy" });
    const next = await one(receiver);
    assert.equal(next.body, "next", "a deferred message is not delivered");
    await receiver.completeMessage(next);

    const [seen] = await receiver.peekMessages(1);
    assert.equal(seen.state, "deferred");
    const [deferred] = await receiver.receiveDeferredMessages(first.sequenceNumber);
    assert.equal(deferred.body, "later");
    assert.equal(deferred.state, "deferred");
    assert.deepEqual({ ...deferred.applicationProperties }, { kept: 1, why: "busy" });

    // An abandoned message stays deferred.
    await receiver.abandonMessage(deferred);
    const [again] = await receiver.receiveDeferredMessages(first.sequenceNumber);
    await receiver.completeMessage(again);
    await empty(queue);
    await assert.rejects(receiver.receiveDeferredMessages(first.sequenceNumber), { code: "MessageNotFound" });
  },

  async dead_letter(queue) {
    await send(queue, { body: "bad" });
    const receiver = client.createReceiver(queue);
    await receiver.deadLetterMessage(await one(receiver), { deadLetterReason: "odd", deadLetterErrorDescription: "very odd", more: "yes" });
    await empty(queue);
    const letters = client.createReceiver(queue, dead);
    const letter = await one(letters);
    assert.equal(letter.body, "bad");
    assert.equal(letter.deadLetterReason, "odd");
    assert.equal(letter.deadLetterErrorDescription, "very odd");
    assert.equal(letter.applicationProperties.more, "yes");
    assert.equal(letter.deadLetterSource, queue);
    await letters.completeMessage(letter);
    await empty(queue, dead);
  },

  async expire(queue) {
    await send(queue, { body: "brief", timeToLive: 200 }, { body: "long", timeToLive: 3600000 });
    const letters = client.createReceiver(queue, dead);
    const letter = await one(letters);
    assert.equal(letter.body, "brief");
    assert.equal(letter.deadLetterReason, "TTLExpiredException");
    await letters.completeMessage(letter);

    const receiver = client.createReceiver(queue);
    const message = await one(receiver);
    assert.equal(message.body, "long");
    assert.equal(message.timeToLive, 3600000);
    assert.equal(message.expiresAtUtc - message.enqueuedTimeUtc, 3600000);
    await receiver.completeMessage(message);
    await empty(queue);
  },

  async schedule(queue) {
    const sender = client.createSender(queue);
    const far = await sender.scheduleMessages({ body: "never" }, new Date(Date.now() + 3600000));
    const receiver = client.createReceiver(queue);
    const [seen] = await receiver.peekMessages(1);
    assert.equal(seen.state, "scheduled");
    await sender.cancelScheduledMessages(far);
    await sender.scheduleMessages({ body: "soon" }, new Date(Date.now() + 200));
    const message = await one(receiver);
    assert.equal(message.body, "soon");
    assert.equal(message.state, "active");
    await receiver.completeMessage(message);
    await empty(queue);
  },

  async lost_lock(queue) {
    await send(queue, { body: "x" });
    const receiver = client.createReceiver(queue);
    const message = await one(receiver);
    await receiver.completeMessage(message);
    await assert.rejects(receiver.renewMessageLock(message), { code: "MessageLockLost" });
  },

  async missing(queue) {
    const notFound = { code: "MessagingEntityNotFound" };
    await assert.rejects(send(queue, { body: "x" }), notFound);
    await assert.rejects(client.createReceiver(queue).receiveMessages(1, wait), notFound);
  },

  async duplicates(queue) {
    await send(queue, { body: "first", messageId: "same" });
    await send(queue, { body: "second", messageId: "same" });
    const receiver = client.createReceiver(queue);
    const message = await one(receiver);
    assert.equal(message.body, "first");
    await receiver.completeMessage(message);
    await empty(queue);
  },
};

const main = async () => {
  for (const [name, run] of Object.entries(scenarios)) {
    const late = new Promise((_, fail) => setTimeout(fail, 25000, new Error("it did not end in 25 s")).unref());
    const problem = await Promise.race([run(name), late]).then(() => "", (e) => e.stack || String(e));
    console.log(JSON.stringify({ name, problem }));
  }
  await client.close();
};

main().then(() => process.exit(0));
