import { readFileSync, statfsSync } from 'node:fs';
import { freemem } from 'node:os';

const DISK = '/dev/shm';
/** Bytes. All tests together keep less. */
const ENOUGH = 4 * 2 ** 30;

/**
 * Returns a folder in memory for temporary files, or undefined where there is none with enough room. Servers and caches
 * of the tests write small files durably: on a disk, that takes processor time and waits.
 */
export function memoryDisk(): string | undefined {
  if (process.env['TMPDIR'] || process.platform !== 'linux') return undefined;
  const mounted = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .find(([, place, kind]) => place === DISK && kind === 'tmpfs');
  // Tests run scripts that they write; in a container this disk is small and often forbids that.
  if (mounted === undefined || mounted[3]?.split(',').includes('noexec')) return undefined;
  const { bavail, bsize } = statfsSync(DISK);
  return bavail * bsize >= ENOUGH && freemem() >= 2 * ENOUGH ? DISK : undefined;
}
