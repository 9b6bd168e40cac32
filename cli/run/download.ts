import { join, relative } from 'node:path';
import type { Client, Connection } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import type { temporal } from '@temporalio/proto';
import { z } from 'zod';
import type { TransferProgress } from '../../activities/acquire/transfer.ts';
import type { AcquireInput } from '../../activities/inputs.ts';
import { canonicalJson } from '../../config/digest.ts';
import { TASKS, taskQueue } from '../../config/tasks.ts';
import { loadConfig } from '../../runtime/load-config.ts';
import { pinRecord, resolveRun } from '../../runtime/run/resolve-run.ts';
import { type Look, untilClosed } from '../../runtime/run/run-progress.ts';
import { type OnceOpen, startOrAttach } from '../../runtime/run/start-run.ts';
import type { ServerAddress } from '../../runtime/server/connection.ts';
import { type ServerSession, watchOn, withServer } from '../../runtime/server/server-session.ts';
import { workerSettingsOf } from '../../runtime/workers/worker-settings.ts';
import { Receipts } from '../../toolkit/cache/receipts.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { type HomeFolders, homeFromEnvironment } from '../../toolkit/files/folders.ts';
import { sha256Of } from '../../toolkit/files/hash-file.ts';
import { bytesText, counted, timeText } from '../../toolkit/format.ts';
import { Selection } from '../../toolkit/zenodo/record/record-files.ts';
import type { AcquiredFile, AcquireOutcome, acquire } from '../../workflows/acquire.ts';
import { downloadId } from '../../workflows/ids.ts';
import type { FileProgress } from '../../workflows/progress.ts';
import { failureIn } from '../inspect/run-steps.ts';
import { RESUMABLE, STILL_RUNNING, whenInterrupted } from '../interruption.ts';
import { EXIT, printResult, printStep } from '../output.ts';
import { tellRunPage } from './follow-run.ts';
import type { PlanOptions } from './plan.ts';
import { type FileState, fileLines, ProgressLines } from './progress-lines.ts';

export interface ResolvedDownload {
  readonly id: string;
  readonly input: AcquireInput;
}

/** Derives an acquisition's ID from what is downloaded into which folder; the source does not matter. */
function resolveDownload(input: AcquireInput): ResolvedDownload {
  const { config, data, whole, only } = input;
  const { record } = config;
  const tasks = [...config.tasks].sort();
  const digest = sha256Of(canonicalJson({ record, data, tasks: whole ? 'all' : tasks, only })).slice(0, 16);
  return { id: downloadId(record, digest), input };
}

/** Starts an acquisition, or attaches to the open one with the same ID. */
function startDownload(
  client: Client,
  server: ServerAddress,
  { id, input }: ResolvedDownload,
  onStep: (line: string) => void,
): Promise<'started' | 'attached'> {
  const { config, data } = input;
  const flow: OnceOpen = {
    workflowId: id,
    taskQueue: taskQueue(config.temporal.taskQueuePrefix, 'orchestration'),
    staticSummary: `Download record ${config.record}`,
    staticDetails: [
      `- Data: \`${data}\``,
      '- Pending activities show file, bytes and rate.',
      '- To resume after a stop, run the same `npx reignite download` again.',
    ],
    memo: { record: config.record, data },
    restarting:
      'The open download was started by another version of reignite. Restarting it; files on disk are reused.',
    start: (options) => client.workflow.start<typeof acquire>('acquire', { ...options, args: [input] }),
  };
  return startOrAttach(client, server, flow, onStep);
}

export interface DownloadOptions extends PlanOptions {
  /** Globs of the wanted files. Default: everything that the tasks need. */
  readonly only?: readonly string[];
}

/**
 * `reignite download`: only the acquisition. Downloads, verifies and unpacks the record's files into the data folder:
 * all of them, with `--tasks` those that the tasks need, with `--only` those that match the globs.
 *
 * @returns The exit status.
 */
export async function downloadCommand(options: DownloadOptions, signal: AbortSignal): Promise<number> {
  const home = homeFromEnvironment();
  const only = options.only?.length ? [...options.only] : undefined;
  if (only !== undefined) new Selection(only);
  const config = await pinRecord(await loadConfig(options), home, printStep, signal);
  const { data } = resolveRun(config, home, options).input.folders;
  const whole = TASKS.every((task) => config.tasks.includes(task));
  const download = resolveDownload({ config, data, whole, ...(only === undefined ? {} : { only }) });
  const settings = workerSettingsOf(config);
  const outcome = await withServer({ home, settings, onStep: printStep, signal }, (session) =>
    follow(session, download, signal),
  );
  if (only !== undefined && outcome.files.every(({ files }) => files === 0)) {
    throw new ReigniteError('FILE_NOT_IN_RECORD', `Record ${outcome.id} has no file that matches ${only.join(', ')}.`, {
      remedy: 'Use a path in the data folder, such as --only "images/he/patient1_*".',
    });
  }
  if (options.json) printResult(JSON.stringify(await documentOf(outcome, home, data), null, 1));
  else printResult(summaryOf(outcome, data));
  return EXIT.done;
}

async function follow(
  session: ServerSession,
  download: ResolvedDownload,
  signal: AbortSignal,
): Promise<AcquireOutcome> {
  const { client, server } = session;
  const { id } = download;
  whenInterrupted(session.owner ? RESUMABLE : STILL_RUNNING);
  const how = await startDownload(client, server, download, printStep);
  printStep(`${how === 'started' ? 'Started' : 'Attached to'} ${id}`);
  tellRunPage(server, id);
  const lines = new ProgressLines(printStep);
  let reported = '';
  await watchOn(session, signal, (until) =>
    watchDownload(
      client,
      id,
      (files, record) => {
        lines.show(fileLines(files));
        if (record !== undefined && record.cause !== reported) {
          reported = record.cause;
          printStep(`record  waits: ${record.cause} Next attempt in ${timeText(record.seconds)}.`);
        }
      },
      until,
    ),
  );
  return await client.workflow.getHandle<typeof acquire>(id).result();
}

/** Returns the document for `--json`: the record, and every wanted file with its checksums. */
async function documentOf(outcome: AcquireOutcome, home: HomeFolders, data: string): Promise<unknown> {
  const { id, concept, doi, title, files } = outcome;
  const manifest = await new Receipts(home.receipts).manifest(data);
  return {
    status: 'done',
    record: { id, concept: concept ?? null, doi: doi ?? null, title },
    data,
    files: files.map((file) => {
      const receipt = manifest.files.find(({ key }) => key === file.key);
      return { sha256: null, ...file, contents: receipt?.files ?? [] };
    }),
  };
}

function summaryOf({ id, doi, title, files }: AcquireOutcome, data: string): string {
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const count = files.reduce((sum, file) => sum + file.files, 0);
  const width = Math.max(0, ...files.map(({ key }) => key.length));
  return [
    `Record ${id}${doi === undefined ? '' : ` (doi:${doi})`}: ${title}`,
    ...files.map((file) => `  ${file.key.padEnd(width)}  ${outcomeText(file)}`),
    `${counted(count, 'file')}, ${bytesText(bytes)}, in ${relative(process.cwd(), join(data)) || '.'}`,
  ].join('\n');
}

function outcomeText({ size, state, verified, files, sha256 }: AcquiredFile): string {
  const whole = `${bytesText(size).padStart(7)}  ${state}`;
  if (state === 'skipped') return whole;
  const sums = sha256 === undefined ? `${verified}` : `${verified}, sha256 ${sha256.slice(0, 16)}`;
  return `${whole}, ${files} ${files === 1 ? 'file' : 'files'}, verified by ${sums}`;
}

/** The heartbeat fields of an acquisition's activities. */
const Beat: z.ZodType<TransferProgress> = z.object({
  file: z.string(),
  phase: z.enum(['fetching', 'unpacking']),
  bytes: z.number(),
  of: z.number(),
  bytesPerSecond: z.number().exactOptional(),
  secondsLeft: z.number().exactOptional(),
});

type Pending = temporal.api.workflow.v1.IPendingActivityInfo;

/**
 * Follows an acquisition until it has closed.
 *
 * @param onFiles - Receives the files, and the reason if the request for the record is delayed.
 */
async function watchDownload(
  client: Client & { readonly connection: Connection },
  id: string,
  onFiles: (files: readonly FileState[], record: FileState['waits'] | undefined) => void,
  signal: AbortSignal,
): Promise<void> {
  const handle = client.workflow.getHandle(id);
  const look: Look = async ({ raw }, ask) => {
    const files = await ask(() => handle.query<FileProgress[]>('files'));
    const pending = raw.pendingActivities ?? [];
    const record = pending.find(({ activityType }) => activityType?.name === 'fetchRecord');
    const steps = new Map(
      pending.flatMap((step) => {
        const beat = beatOf(step);
        return beat === undefined ? [] : [[beat.file, { beat, waits: waitOf(step) }] as const];
      }),
    );
    const merged = (files ?? []).map((file): FileState => {
      const { beat, waits } = steps.get(file.key) ?? {};
      return { ...file, ...(beat === undefined ? {} : { beat }), ...(waits === undefined ? {} : { waits }) };
    });
    onFiles(merged, record === undefined ? undefined : waitOf(record));
  };
  await untilClosed(client, id, look, signal);
}

function beatOf({ heartbeatDetails }: Pending): TransferProgress | undefined {
  const payload = heartbeatDetails?.payloads?.[0];
  if (payload === undefined) return undefined;
  const parsed = Beat.safeParse(defaultPayloadConverter.fromPayload(payload));
  return parsed.success ? parsed.data : undefined;
}

/** Returns why an activity waits: only if it is scheduled after a failure, not once it has started again. */
function waitOf({ lastFailure, scheduledTime, lastStartedTime, state }: Pending): FileState['waits'] {
  if (!lastFailure?.message || state !== 1) return undefined;
  const next = millis(scheduledTime ?? lastStartedTime);
  const { cause, remedy } = failureIn(lastFailure) ?? { cause: lastFailure.message, remedy: '' };
  return { cause: `${cause} ${remedy}`.trim(), seconds: Math.max(0, Math.ceil((next - Date.now()) / 1_000)) };
}

function millis(time: Pending['scheduledTime']): number {
  return Number(time?.seconds ?? 0) * 1_000 + Number(time?.nanos ?? 0) / 1e6;
}
