import { Worker } from 'node:worker_threads';
import { afterEach, expect, it } from 'vitest';
import { InferenceThread } from '../../../toolkit/threads/inference-thread.ts';

const before = process.env['NVIDIA_TF32_OVERRIDE'];
afterEach(() => {
  if (before === undefined) delete process.env['NVIDIA_TF32_OVERRIDE'];
  else process.env['NVIDIA_TF32_OVERRIDE'] = before;
});

/** Answers the first request with what its environment says. */
const ANSWERS = `
  const { parentPort } = require('node:worker_threads');
  parentPort.on('message', ({ kind, id }) => {
    if (kind === 'close') process.exit();
    parentPort.postMessage({ kind: 'answer', id, answer: process.env.NVIDIA_TF32_OVERRIDE ?? 'not set' });
  });`;

it.each([undefined, '1'])('runs networks in full float32, whatever the user has set (%s)', async (set) => {
  if (set === undefined) delete process.env['NVIDIA_TF32_OVERRIDE'];
  else process.env['NVIDIA_TF32_OVERRIDE'] = set;
  const thread = new InferenceThread<string, string, never>(
    () => new Worker(ANSWERS, { eval: true }),
    () => 'it answered',
  );
  expect(await thread.ask('the environment')).toBe('0');
  await thread.close();
});
