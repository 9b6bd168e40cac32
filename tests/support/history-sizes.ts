import type { Client } from '@temporalio/client';

/** Maximum sizes in the histories of a run. */
export interface HistorySizes {
  readonly workflows: number;
  readonly events: number;
  /** Size of one history, as counted by the server. */
  readonly bytes: number;
  /** Size of one payload. */
  readonly payloadBytes: number;
}

/** Reads every history of a run, its stages and their batches, including those that continued as new. */
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

/** Finds the largest payload in an event: any object with data and metadata. */
function largestPayload(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  if (value instanceof Uint8Array) return 0;
  const data: unknown = Reflect.get(value, 'data');
  if (data instanceof Uint8Array && Reflect.get(value, 'metadata')) return data.byteLength;
  return Math.max(0, ...Object.values(value).map(largestPayload));
}
