import type { Client } from '@temporalio/client';

/** The largest of what the histories of a run hold. */
export interface HistorySizes {
  readonly workflows: number;
  readonly events: number;
  /** Of one history, as the server counts. */
  readonly bytes: number;
  /** Of one payload. */
  readonly payloadBytes: number;
}

/** Reads every history of a run: its own, its stages' and those of their batches, with those that continued as new. */
export async function historySizes(client: Client, id: string): Promise<HistorySizes> {
  let [workflows, events, bytes, payloadBytes] = [0, 0, 0, 0];
  for await (const { workflowId, runId } of client.workflow.list({ query: `RootWorkflowId = ${JSON.stringify(id)}` })) {
    const handle = client.workflow.getHandle(workflowId, runId);
    const { historySize = 0 } = await handle.describe();
    const history = await handle.fetchHistory();
    workflows += 1;
    events = Math.max(events, history.events?.length ?? 0);
    bytes = Math.max(bytes, historySize);
    payloadBytes = Math.max(payloadBytes, largestPayload(history.events));
  }
  return { workflows, events, bytes, payloadBytes };
}

/** A payload is what has both data and metadata, wherever in an event it is. */
function largestPayload(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  if (value instanceof Uint8Array) return 0;
  const data: unknown = Reflect.get(value, 'data');
  if (data instanceof Uint8Array && Reflect.get(value, 'metadata')) return data.byteLength;
  return Math.max(0, ...Object.values(value).map(largestPayload));
}
