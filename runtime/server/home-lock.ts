import { join } from 'node:path';
import { pause } from '../../toolkit/concurrency.ts';
import { asDiskError } from '../../toolkit/files/file-access.ts';
import {
  acquireLease,
  findLease,
  type HeldLease,
  type LeaseHolder,
  type LeaseOptions,
  type OwnLease,
} from '../../toolkit/files/lease.ts';

export interface OwnedHome extends Omit<OwnLease, 'acquired'> {
  readonly owner: true;
}

export type HomeLock = OwnedHome | { readonly owner: false; readonly holder?: LeaseHolder };

/**
 * Makes this process the owner of a state directory, unless a living process owns it. Two servers on one database start
 * without an error, but then runs hang.
 *
 * @throws ReigniteError FILESYSTEM_UNSUITABLE, NOT_WRITABLE or NO_SPACE; the signal's reason.
 */
export async function acquireHomeLock(home: string, options: LeaseOptions = {}): Promise<HomeLock> {
  const path = leasePath(home);
  try {
    const { acquired, ...lease } = await acquireLease(path, options);
    return 'release' in lease ? { owner: true, ...lease } : { owner: false, ...lease };
  } catch (error) {
    throw asDiskError(error, path);
  }
}

/**
 * Waits until this process owns the state directory.
 *
 * @param pollMs - Interval at which to check whether the owner has ended.
 * @throws The signal's reason; what `acquireHomeLock` throws.
 */
export async function waitForHomeLock(
  home: string,
  { pollMs = 500, ...options }: LeaseOptions & { readonly pollMs?: number } = {},
): Promise<OwnedHome> {
  const { signal } = options;
  for (;;) {
    signal?.throwIfAborted();
    const lock = await acquireHomeLock(home, options);
    if (lock.owner) return lock;
    await pause(pollMs, signal);
  }
}

/** Returns the current owner of the state directory; undefined if no living process owns it. */
export async function homeHolder(home: string): Promise<HeldLease | undefined> {
  return findLease(leasePath(home));
}

function leasePath(home: string): string {
  return join(home, 'owner');
}
