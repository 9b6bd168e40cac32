import { cpus, totalmem } from 'node:os';

/** What a run was computed on. No user and no host is named. */
export interface Environment {
  readonly reignite: string;
  readonly node: string;
  readonly platform: string;
  readonly processor: string;
  readonly cores: number;
  /** GiB, rounded. */
  readonly memory: number;
}

/** @param version - Version of this package. */
export function environment(version: string): Environment {
  const [first] = cpus();
  return {
    reignite: version,
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    processor: first?.model.trim() || 'unknown',
    cores: cpus().length,
    memory: Math.round(totalmem() / 2 ** 30),
  };
}
