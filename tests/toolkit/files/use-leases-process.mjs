// The process that lease-process.ts starts: obeys the orders of its parent. JavaScript and compiled code, because a
// process with a loader takes several times as long to start.
import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { acquireLease } from '../../../dist/toolkit/files/lease.js';

let lease;

async function obey(order) {
  if (order.do === 'release') return void (await lease?.release());
  if (order.do === 'acquire') {
    const { path, rhythm } = order;
    const outcome = await acquireLease(path, rhythm === undefined ? {} : { rhythm });
    lease = outcome.acquired ? outcome : undefined;
    return outcome.acquired;
  }
  return order.do === 'churn' ? churn(order) : contend(order);
}

async function churn({ path }) {
  for (;;) {
    const outcome = await acquireLease(path, { rhythm: { renewMs: 1, silentMs: 30_000 } });
    if (outcome.acquired) {
      await sleep(Math.random() * 4);
      await outcome.release();
    }
  }
}

async function contend({ path, log, rounds }) {
  for (let round = 0; round < rounds; ) {
    const outcome = await acquireLease(path);
    if (outcome.acquired) {
      appendFileSync(log, `got ${process.pid}\n`);
      await new Promise(setImmediate);
      appendFileSync(log, `gave ${process.pid}\n`);
      await outcome.release();
      round += 1;
    }
    await sleep(Math.random());
  }
  return true;
}

process.on('message', async (order) => {
  process.send?.((await obey(order)) ?? 'done');
});
process.send?.('ready');
