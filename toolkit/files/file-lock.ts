import { ReigniteError } from '../errors.ts';
import { asDiskError } from './disk-error.ts';
import { acquireLease, type LeaseHolder, type LeaseOptions, type OwnLease } from './lease.ts';

/** How soon a waiter may look again. */
const LOOK_AGAIN_MS = 5_000;

export type FileLock = Omit<OwnLease, 'acquired'>;

/**
 * Keeps other processes from writing what `subject` names: a lease (lease.ts) that fails at once when it is held.
 *
 * @param path - Of the lease; its folder is made if missing.
 * @param subject - What is written, for the message.
 * @throws ReigniteError FILE_LOCKED (retryable) that names the holder; FILESYSTEM_UNSUITABLE; NOT_WRITABLE or NO_SPACE.
 */
export async function lockFile(path: string, subject: string, options: LeaseOptions = {}): Promise<FileLock> {
  try {
    const lease = await acquireLease(path, options);
    if (lease.acquired) return lease;
    throw lockedBy(lease.holder, subject);
  } catch (error) {
    throw asDiskError(error, path);
  }
}

function lockedBy(holder: LeaseHolder | undefined, subject: string): ReigniteError {
  const who = holder === undefined ? '' : ` by process ${holder.pid} on ${holder.host}, since ${holder.since}`;
  return new ReigniteError('FILE_LOCKED', `${subject} is being written${who}.`, { retryAfterMs: LOOK_AGAIN_MS });
}
