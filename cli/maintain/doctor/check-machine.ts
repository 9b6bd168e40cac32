import { rm, writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { freeBytes } from '../../../toolkit/files/free-space.ts';
import type { HomeFolders } from '../../../toolkit/files/home-folders.ts';
import { makeFolder } from '../../../toolkit/files/make-folder.ts';
import type { Finding } from '../doctor.ts';

const GIGABYTE = 1e9;
/** Inference of the paper's H&E network peaks at 1.3 GB; workers and server need about as much again. */
const MEMORY_BYTES = 3 * GIGABYTE;
/** The record and its archives while they are unpacked (17 GB), and results. */
const DISK_BYTES = 20 * GIGABYTE;

/** Checks Node, memory, disk, and whether the state directory is writable. */
export async function checkMachine({ home }: HomeFolders): Promise<Finding[]> {
  return [checkNode(), checkMemory(), await checkHome(home), await checkDisk(home)];
}

function checkNode(): Finding {
  const { node } = process.versions;
  const [major = 0, minor = 0] = node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return { name: 'Node', status: 'pass', detail: node };
  return { name: 'Node', status: 'fail', detail: node, remedy: 'Install Node 20.19 or later.' };
}

function checkMemory(): Finding {
  const total = totalmem();
  const detail = `${(total / GIGABYTE).toFixed(1)} GB, ${cpus().length} processor cores`;
  if (total >= MEMORY_BYTES) return { name: 'Memory', status: 'pass', detail };
  return {
    name: 'Memory',
    status: 'warn',
    detail,
    remedy: 'A run of the paper needs 3 GB; the sample runs with less.',
  };
}

async function checkHome(home: string): Promise<Finding> {
  const probe = join(home, `.doctor-${process.pid}`);
  try {
    await makeFolder(home);
    await writeFile(probe, '');
    return { name: 'State directory', status: 'pass', detail: `${home} is writable` };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return {
      name: 'State directory',
      status: 'fail',
      detail: reason,
      remedy: 'Set REIGNITE_HOME to a folder that you can write to.',
    };
  } finally {
    await rm(probe, { force: true });
  }
}

async function checkDisk(home: string): Promise<Finding> {
  const free = await freeBytes(home);
  if (free === undefined) return { name: 'Disk', status: 'warn', detail: `cannot determine the free space of ${home}` };
  const detail = `${(free / GIGABYTE).toFixed(0)} GB free`;
  if (free >= DISK_BYTES) return { name: 'Disk', status: 'pass', detail };
  return {
    name: 'Disk',
    status: 'warn',
    detail,
    remedy:
      'A run of the paper needs 20 GB, of which 17 GB while unpacking; `--data` and `--results` can point elsewhere.',
  };
}
