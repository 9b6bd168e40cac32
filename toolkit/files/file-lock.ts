import { type ErrorCode, ReigniteError } from '../errors.ts';
import { asDiskError } from './disk-error.ts';
import { acquireLease, type LeaseHolder, type LeaseOptions, type OwnLease } from './lease.ts';

/** Interval at which a waiting process tries again. */
const LOOK_AGAIN_MS = 5_000;

export interface LockOptions extends LeaseOptions {
  /** What to say instead of FILE_LOCKED and its remedy, which are those of a download. */
  readonly held?: { readonly code?: ErrorCode; readonly remedy: string };
}

export type FileLock = Omit<OwnLease, 'acquired'>;

/**
 * Acquires a lock for writing what `subject` names: a lease (lease.ts) that fails at once if another process holds it.
 *
 * @param path - Path of the lease; its folder is made if missing.
 * @param subject - What the lock protects, for the message.
 * @throws ReigniteError FILE_LOCKED (retryable), or the code in `held`, that names the holder; FILESYSTEM_UNSUITABLE;
 *   NOT_WRITABLE or NO_SPACE.
 */
export async function lockFile(
  path: string,
  subject: string,
  { held, ...options }: LockOptions = {},
): Promise<FileLock> {
  try {
    const lease = await acquireLease(path, options);
    if (lease.acquired) return lease;
    throw lockedBy(lease.holder, subject, held);
  } catch (error) {
    throw asDiskError(error, path);
  }
}

function lockedBy(
  holder: LeaseHolder | undefined,
  subject: string,
  { code = 'FILE_LOCKED', remedy }: Partial<NonNullable<LockOptions['held']>> = {},
): ReigniteError {
  const who = holder === undefined ? '' : ` by process ${holder.pid} on ${holder.host}, since ${holder.since}`;
  return new ReigniteError(code, `${subject} is being written${who}.`, {
    ...(code === 'FILE_LOCKED' && { retryAfterMs: LOOK_AGAIN_MS }),
    ...(remedy !== undefined && { remedy }),
  });
}
