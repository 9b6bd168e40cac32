import type { Connection } from '@temporalio/client';

const OPEN = new WeakMap<Connection, Set<Promise<unknown>>>();

/** Notes a call that may still be open when its connection is to be closed. */
export function noteCall(connection: Connection, call: Promise<unknown>): void {
  const calls = OPEN.get(connection) ?? new Set();
  OPEN.set(connection, calls);
  calls.add(call);
  const forget = () => calls.delete(call);
  call.then(forget, forget);
}

/**
 * Closes a connection, after its open calls where there are any: the client repeats a call whose server is gone, and
 * repeating it on a closed connection would end the process. Nothing waits for such calls.
 */
export async function closeConnection(connection: Connection): Promise<void> {
  const calls = [...(OPEN.get(connection) ?? [])];
  if (calls.length === 0) await connection.close();
  else void Promise.allSettled(calls).then(() => connection.close().catch(() => undefined));
}
