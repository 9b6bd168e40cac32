import { execFileSync } from 'node:child_process';
import { cpus, totalmem } from 'node:os';
import { z } from 'zod';

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

/** What part of a run was done on. No user and no host is named: machines that are alike are one. */
export const Environment = z.object({
  role: z.enum(['orchestration', 'inference']),
  reignite: z.string().describe('Version of this package'),
  node: z.string(),
  platform: z.string(),
  processor: z.string(),
  cores: z.int().min(1),
  memory: z.number().describe('GiB, rounded'),
  onnxRuntime: z.string().optional(),
  provider: z.string().optional(),
  adapter: z.string().optional().describe('GPU that the provider ran on, where the machine says'),
  driver: z.string().optional().describe('Version of its driver'),
});
export type Environment = z.infer<typeof Environment>;

/** The machine that this process runs on. */
export function environment(
  role: Environment['role'],
  version: string,
  engine: { readonly ortVersion?: string; readonly provider?: string } = {},
): Environment {
  const [first] = cpus();
  return {
    role,
    reignite: version,
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    processor: first?.model.trim() || 'unknown',
    cores: Math.max(1, cpus().length),
    memory: Math.round(totalmem() / 2 ** 30),
    ...(engine.ortVersion === undefined ? {} : { onnxRuntime: engine.ortVersion }),
    ...(engine.provider === undefined ? {} : { provider: engine.provider }),
    ...(engine.provider === undefined || engine.provider === 'cpu' ? {} : graphicsAdapter()),
  };
}
