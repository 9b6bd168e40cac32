import { Context } from '@temporalio/activity';
import { type TraceLine, writeTraceFile } from '../../toolkit/report/trace.ts';
import { withHeartbeat } from '../heartbeat.ts';
import { FoldersInput } from '../inputs.ts';
import { traceLines } from './trace-lines.ts';

/** Writes trace.jsonl: when each step of the run waited and worked, how often it was tried, and where. */
export function createWriteTrace() {
  return async function writeTrace(input: FoldersInput): Promise<{ readonly steps: number }> {
    const { folders } = FoldersInput.parse(input);
    const { client, info } = Context.current();
    const run = info.workflowExecution;
    return withHeartbeat({ phase: 'trace', steps: 0 }, async (report) => {
      const lines: TraceLine[] = [];
      const query = `RootWorkflowId = ${JSON.stringify(run?.workflowId ?? '')}`;
      for await (const { workflowId, runId, rootExecution } of client.workflow.list({ query })) {
        if (rootExecution?.runId !== run?.runId) continue;
        const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
        lines.push(...traceLines(workflowId, events ?? []));
        report({ phase: 'trace', steps: lines.length });
      }
      await writeTraceFile(folders.results, lines);
      return { steps: lines.length };
    });
  };
}
