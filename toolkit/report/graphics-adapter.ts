import { execFileSync } from 'node:child_process';

/** A machine that does not answer in this time has no usable driver. Unit: ms. */
const ASK_MS = 5_000;
const QUERY = ['--query-gpu=name,driver_version', '--format=csv,noheader'];

export interface GraphicsAdapter {
  readonly adapter?: string;
  readonly driver?: string;
}

let known: GraphicsAdapter | undefined;

/** Name and driver version of this machine's NVIDIA GPUs, asked once per process; nothing where there is no `nvidia-smi`. */
export function graphicsAdapter(): GraphicsAdapter {
  known ??= parseAdapters(ask());
  return known;
}

/** @param lines - What `nvidia-smi` prints: a GPU per line, `name, driver version`. */
export function parseAdapters(lines: string): GraphicsAdapter {
  const rows = lines.split('\n').flatMap((line) => {
    const [, name, version] = /^(.+), ([\w.]+)\s*$/.exec(line) ?? [];
    return name === undefined || version === undefined ? [] : [{ name, version }];
  });
  if (rows.length === 0) return {};
  const join = (values: readonly string[]) => [...new Set(values)].join(' and ');
  return { adapter: join(rows.map(({ name }) => name)), driver: join(rows.map(({ version }) => version)) };
}

function ask(): string {
  try {
    return execFileSync('nvidia-smi', QUERY, {
      encoding: 'utf8',
      timeout: ASK_MS,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    return '';
  }
}
