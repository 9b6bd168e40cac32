import { setTimeout as sleep } from 'node:timers/promises';
import { ReigniteError } from '../errors.ts';

/** How long a store that does not answer is asked again. */
export interface StorageRetries {
  /** Requests at most. */
  readonly attempts: number;
  /** Wait after the first, ms; doubles each time. */
  readonly firstMs: number;
  readonly longestMs: number;
}

/** Half a minute; afterwards Temporal tries the whole activity again. */
export const USUAL_RETRIES: StorageRetries = { attempts: 9, firstMs: 200, longestMs: 8_000 };

/** Status codes after which the same request may succeed. */
const PASSING: ReadonlySet<number> = new Set([408, 409, 425, 429, 500, 502, 503, 504]);

/**
 * Asks a store, again where the failure may pass: no connection, a connection cut, an answer of 5xx or 429.
 *
 * @param what - What is asked, for the message.
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
    // Many workers that failed together do not come back together.
    await sleep(wait * (0.5 + Math.random() / 2), undefined, signal === undefined ? {} : { signal });
  }
}

/** HTTP status of an error of the client; undefined for one of the connection. */
export function statusOf(error: unknown): number | undefined {
  const status: unknown = Object(Object(error).$metadata).httpStatusCode;
  return typeof status === 'number' ? status : undefined;
}

function mayPass(error: unknown): boolean {
  if (isLackingSettings(error)) return false;
  const status = statusOf(error);
  // An answer that was cut or garbled has a status of success.
  return status === undefined || status < 300 || PASSING.has(status);
}

/** No region, no credentials: nothing was sent. */
function isLackingSettings(error: unknown): boolean {
  const { name, message } = Object(error);
  return name === 'CredentialsProviderError' || /region is missing|could not load credentials/i.test(String(message));
}

function refused(what: string, error: unknown): ReigniteError {
  return new ReigniteError('STORAGE_REFUSED', `${what}: ${reasonOf(error)}.`, { cause: error });
}

/** Name, status and message of the client's error. They name no credentials. */
function reasonOf(error: unknown): string {
  const status = statusOf(error);
  const { name = 'Error', message = '', code } = Object(error);
  const parts = [String(name), ...(status === undefined ? [] : [`HTTP ${status}`]), ...(code ? [String(code)] : [])];
  const said = String(message).split('\n')[0]?.replace(/\.$/, '') ?? '';
  return said === '' || said === name ? parts.join(' ') : `${parts.join(' ')}: ${said}`;
}
