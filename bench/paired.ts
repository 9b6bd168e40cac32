import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** Something to measure; `run` returns the time of one run in ms. */
export interface Contender {
  readonly name: string;
  readonly run: () => Promise<number>;
}

export interface PairedResult {
  /** Median time of each contender in ms. */
  readonly medians: Readonly<Record<string, number>>;
  /** Median of each peer divided by our median: how many times faster we are. */
  readonly ratios: Readonly<Record<string, number>>;
}

/**
 * Measures ours and its peers in turns (A B C A B C ...), so that other load on the machine affects all alike. On a
 * shared machine, only ratios from one such measurement are meaningful.
 *
 * @param rounds - Measured rounds, after one to warm up.
 */
export async function paired(ours: Contender, peers: readonly Contender[], rounds: number): Promise<PairedResult> {
  const times = new Map<string, number[]>();
  for (let round = 0; round <= rounds; round++) {
    for (const { name, run } of [ours, ...peers]) {
      const ms = await run();
      if (round > 0) times.set(name, [...(times.get(name) ?? []), ms]);
    }
  }
  const medians = Object.fromEntries([...times].map(([name, all]) => [name, median(all)]));
  const own = medians[ours.name] ?? Number.NaN;
  const ratios = Object.fromEntries(peers.map(({ name }) => [name, (medians[name] ?? Number.NaN) / own]));
  return { medians, ratios };
}

/** Measures a function in this process. */
export function inNode(name: string, work: () => unknown): Contender {
  const run = async () => {
    const start = performance.now();
    await work();
    return performance.now() - start;
  };
  return { name, run };
}

/**
 * A Python script that stays open. Each line that it reads names what to run; each line that it writes is the time in
 * ms. Interpreter start and imports are not measured. The interpreter is `PEER_PYTHON`, or `python3`.
 */
export class PythonPeer {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;

  constructor(script: string, args: readonly string[]) {
    this.#process = spawn(process.env['PEER_PYTHON'] ?? 'python3', [script, ...args]);
    this.#process.stderr.pipe(process.stderr);
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  contender(name: string): Contender {
    return { name, run: async () => Number(await this.ask(name)) };
  }

  async ask(name: string): Promise<string> {
    this.#process.stdin.write(`${name}\n`);
    const line = await this.#lines.next();
    if (line.done === true) throw new Error(`The Python peer ended before it answered "${name}"`);
    return line.value;
  }

  close(): void {
    this.#process.stdin.end();
  }
}

/** Prints a result as a table and as one line of JSON. */
export function report(title: string, { medians, ratios }: PairedResult): void {
  console.log(title);
  for (const [name, ms] of Object.entries(medians)) {
    const ratio = ratios[name];
    console.log(
      `  ${name.padEnd(24)}${ms.toFixed(1).padStart(10)} ms${ratio === undefined ? '' : `  ${ratio.toFixed(2)} x ours`}`,
    );
  }
  console.log(JSON.stringify({ title, medians, ratios }));
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}
