import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { compiledFile } from '../../../config/package-files.ts';
import { InferenceThread } from '../../../toolkit/threads/inference-thread.ts';

/** What the thread waits for before it answers. */
interface Request {
  readonly name: string;
  readonly gate?: Int32Array;
}

/** Answers with the name and what was prepared, once the gate is open. */
const PROGRAM = `
import(${JSON.stringify(pathToFileURL(compiledFile('toolkit/threads/serve-requests.ts')).href)}).then(({ serveRequests }) =>
  serveRequests({
    prepare: async ({ name }) => 'prepared ' + name,
    release: async () => undefined,
    async answer({ name, gate }, { onProgress }, prepared) {
      onProgress(name);
      if (gate !== undefined) await Atomics.waitAsync(gate, 0, 0).value;
      return name + ', ' + ((await prepared) ?? 'nothing prepared');
    },
  }),
);`;

const threads: InferenceThread<Request, string, string>[] = [];
afterEach(async () => {
  for (const thread of threads.splice(0)) await thread.close();
});

function startedThread(prepares = true): InferenceThread<Request, string, string> {
  const start = () => new Worker(PROGRAM, { eval: true });
  const thread = new InferenceThread<Request, string, string>(start, ({ name }) => `it did ${name}`, { prepares });
  threads.push(thread);
  return thread;
}

/** A request that is in progress until it is let go. */
async function held(thread: InferenceThread<Request, string, string>) {
  const gate = new Int32Array(new SharedArrayBuffer(4));
  let answer: Promise<string> = Promise.resolve('');
  await new Promise<void>((resolve) => {
    answer = thread.ask({ name: 'first', gate }, { onProgress: () => resolve() });
  });
  const letGo = () => {
    Atomics.store(gate, 0, 1);
    Atomics.notify(gate, 0);
  };
  return { answer, letGo };
}

describe('a request that waits for another', () => {
  it('is prepared meanwhile, one at most', async () => {
    const thread = startedThread();
    const first = await held(thread);
    const others = [thread.ask({ name: 'second' }), thread.ask({ name: 'third' })];
    first.letGo();
    expect(await first.answer).toBe('first, nothing prepared');
    expect(await Promise.all(others)).toEqual(['second, prepared second', 'third, nothing prepared']);
    expect(await thread.ask({ name: 'alone' })).toBe('alone, nothing prepared');
  });

  it('is not prepared in a thread that does not do so', async () => {
    const thread = startedThread(false);
    const first = await held(thread);
    const second = thread.ask({ name: 'second' });
    first.letGo();
    expect(await second).toBe('second, nothing prepared');
  });

  it('ends at once when it is stopped, and what was prepared for it is forgotten', async () => {
    const thread = startedThread();
    const first = await held(thread);
    const stop = new AbortController();
    let turns = 0;
    const onTurn = async () => void turns++;
    const second = thread.ask({ name: 'second' }, { signal: stop.signal, onTurn });
    stop.abort(new Error('enough'));
    await expect(second).rejects.toThrow('enough');
    const third = thread.ask({ name: 'third' });
    first.letGo();
    expect(await third).toBe('third, prepared third');
    expect(turns).toBe(0);
  });

  it('can decline its turn', async () => {
    const thread = startedThread();
    const first = await held(thread);
    const seen: string[] = [];
    const turn = async () => void seen.push('turn of the second');
    const second = thread.ask({ name: 'second' }, { onTurn: turn });
    const third = thread.ask({ name: 'third' }, { onTurn: () => Promise.reject(new Error('set aside')) });
    const answered = first.answer.then(() => seen.push('answer of the first'));
    first.letGo();
    await answered;
    await second;
    expect(seen).toEqual(['answer of the first', 'turn of the second']);
    await expect(third).rejects.toThrow('set aside');
    expect(await thread.ask({ name: 'fourth' })).toContain('fourth');
  });
});
