import { setTimeout as sleep } from 'node:timers/promises';
import { ReigniteError } from '../errors.ts';

/** How often, and after which waits, a failed request is repeated. */
export interface StorageRetries {
  /** Maximum number of requests. */
  readonly attempts: number;
  /** Wait after the first failure, ms; doubles each time. */
  readonly firstMs: number;
  readonly longestMs: number;
}

/** Half a minute in total; then Temporal retries the activity. */
export const USUAL_RETRIES: StorageRetries = { attempts: 9, firstMs: 200, longestMs: 8_000 };

/** Status codes after which the same request may succeed. */
const PASSING: ReadonlySet<number> = new Set([408, 409, 425, 429, 500, 502, 503, 504]);

/**
 * Sends a request, and repeats it after transient failures: no connection, a lost connection, HTTP 5xx or 429.
 *
 * @param what - Description of the request, for the message.
 * @throws ReigniteError STORAGE_UNAVAILABLE, STORAGE_REFUSED; the signal's reason.
 */
export async function withRetries<Result>(
  what: string,
  { attempts, firstMs, longestMs }: StorageRetries,
  signal: AbortSignal | undefined,
  ask: () => Promise<Result>,
): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    try {
      return await ask();
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof ReigniteError) throw error;
      if (!mayPass(error)) throw refused(what, error);
      if (attempt >= attempts) {
        const message = `${what}: no answer in ${attempts} attempts (${reasonOf(error)}).`;
        throw new ReigniteError('STORAGE_UNAVAILABLE', message, { cause: error });
      }
    }
    const wait = Math.min(firstMs * 2 ** (attempt - 1), longestMs);
    // Spreads the retries of many workers that failed at the same time.
    await sleep(wait * (0.5 + Math.random() / 2), undefined, signal === undefined ? {} : { signal });
  }
}

/** Returns the HTTP status of a client error; undefined for a connection error. */
export function statusOf(error: unknown): number | undefined {
  const status: unknown = Object(Object(error).$metadata).httpStatusCode;
  return typeof status === 'number' ? status : undefined;
}

function mayPass(error: unknown): boolean {
  if (isLackingSettings(error)) return false;
  const status = statusOf(error);
  // A truncated or garbled answer has a success status.
  return status === undefined || status < 300 || PASSING.has(status);
}

/** Returns whether region or credentials are missing, so that nothing was sent. */
function isLackingSettings(error: unknown): boolean {
  const { name, message } = Object(error);
  return name === 'CredentialsProviderError' || /region is missing|could not load credentials/i.test(String(message));
}

function refused(what: string, error: unknown): ReigniteError {
  return new ReigniteError('STORAGE_REFUSED', `${what}: ${reasonOf(error)}.`, { cause: error });
}

/** Returns name, status and message of a client error. They contain no credentials. */
function reasonOf(error: unknown): string {
  const status = statusOf(error);
  const { name = 'Error', message = '', code } = Object(error);
  const parts = [String(name), ...(status === undefined ? [] : [`HTTP ${status}`]), ...(code ? [String(code)] : [])];
  const said = String(message).split('\n')[0]?.replace(/\.$/, '') ?? '';
  return said === '' || said === name ? parts.join(' ') : `${parts.join(' ')}: ${said}`;
}
