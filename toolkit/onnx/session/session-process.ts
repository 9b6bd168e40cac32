// Runs one ONNX Runtime session for the parent. Dawn crashes if two threads of a process use WebGPU, so each session
// has its own process; a crash in a driver ends only this process.
// Arguments: the model, the provider, the number of the GPU, the number of threads or nothing.
import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { z } from 'zod';
import { PROVIDERS } from './engine-choice.ts';
import type { SentTensor, SessionAnswer, SessionRequest } from './remote-session.ts';
import { createSession } from './session.ts';

const [model = '', provider, device, threads] = process.argv.slice(2);
process.once('disconnect', () => process.exit(0));

const session = await open();
let turn = Promise.resolve();
process.on('message', (request: SessionRequest) => {
  turn = turn.then(() => serve(request));
});

async function open(): Promise<InferenceSession | undefined> {
  try {
    const count = threads === undefined ? undefined : Number(threads);
    const opened = await createSession(model, z.enum(PROVIDERS).parse(provider), count, Number(device));
    await tell({ kind: 'opened', inputs: opened.inputMetadata, outputs: opened.outputMetadata });
    return opened;
  } catch (error) {
    await tell(failure(error));
    return undefined;
  }
}

async function serve(request: SessionRequest): Promise<void> {
  try {
    await tell(await answer(request));
  } catch (error) {
    await tell(failure(error));
  }
}

async function answer(request: SessionRequest): Promise<SessionAnswer> {
  if (session === undefined) throw new Error('The session is not open.');
  if (request.kind === 'release') {
    await session.release();
    return { kind: 'released' };
  }
  const feeds = Object.entries(request.feeds).map(([name, { type, data, dims }]) => [
    name,
    new Tensor(type, data, [...dims]),
  ]);
  const results = await session.run(Object.fromEntries(feeds), [...request.fetches]);
  const outputs: Record<string, SentTensor> = {};
  for (const [name, { type, data, dims }] of Object.entries(results)) outputs[name] = { type, data, dims };
  return { kind: 'ran', outputs };
}

function failure(error: unknown): SessionAnswer {
  return { kind: 'failed', message: error instanceof Error ? error.message : String(error) };
}

function tell(message: SessionAnswer): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined) resolve();
    else process.send(message, undefined, undefined, () => resolve());
  });
}
