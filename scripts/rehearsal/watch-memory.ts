import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';

const EVERY_MS = 500;

/** Tracks the peak memory per kind of process in bytes, from VmHWM in /proc. Linux only. */
export class MemoryWatch {
  readonly #home: string;
  readonly #peaks = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;

  /** @param home - State directory, by which its processes are found in their environment. */
  constructor(home: string) {
    this.#home = home;
    this.#timer = setInterval(() => this.#look(), EVERY_MS);
  }

  /** Stops, and returns the peak per kind of process, largest first. */
  stop(): ReadonlyMap<string, number> {
    clearInterval(this.#timer);
    return new Map([...this.#peaks].sort(([, a], [, b]) => b - a));
  }

  #look(): void {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      try {
        const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
        if (!environment.includes(`REIGNITE_HOME=${this.#home}`)) continue;
        const kind = kindOf(readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0'), environment);
        const [, kilobytes = '0'] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
        this.#peaks.set(kind, Math.max(this.#peaks.get(kind) ?? 0, 1_024 * Number(kilobytes)));
      } catch {
        // It has ended since it was listed.
      }
    }
  }
}

function kindOf(words: readonly string[], environment: readonly string[]): string {
  const settings = environment.find((each) => each.startsWith('REIGNITE_WORKER='));
  const queue = settings === undefined ? undefined : /"queues":\["([^"]*)"/.exec(settings)?.[1];
  const script = words.find((word) => word.endsWith('.js'));
  const isWorker = script !== undefined && basename(script).startsWith('worker-process');
  if (isWorker && queue !== undefined) return `worker of ${queue.replace(/.*reignite-?/, '')}`;
  if (words[0]?.includes('temporal')) return 'Temporal server';
  return script === undefined ? basename(words[0] ?? '') : basename(script);
}
