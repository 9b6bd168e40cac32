import { isCancellation, setCurrentDetails, setHandler } from '@temporalio/workflow';
import type { FileOutcome, ResolvedRecord } from '../activities/acquire/download.ts';
import type { AcquireInput, RecordFile } from '../activities/inputs.ts';
import { allOrCancel } from './concurrency.ts';
import { asFailure, toFailureInfo } from './failures.ts';
import {
  type FileProgress,
  fileProgress,
  fileTable,
  ProgressThrottle,
  progress,
  type StageProgress,
  signalParent,
  sizeText,
} from './progress.ts';
import { downloads, renderActivities } from './steps.ts';

/** How often an archive is downloaded again if it was gone when it should have been unpacked. */
const MAX_REFETCHES = 3;

/** Outcome of one file of the record. */
export interface AcquiredFile extends FileOutcome {
  /** Files in the data folder that were unpacked from it. */
  readonly files: number;
  /** Total size of these files. */
  readonly bytes: number;
}

export interface AcquireOutcome extends Omit<ResolvedRecord, 'files'> {
  readonly files: readonly AcquiredFile[];
}

/** Downloads the record's files and unpacks its archives into the data folder; independently, or for a run. */
export async function acquire(input: AcquireInput): Promise<AcquireOutcome> {
  try {
    return await acquireFiles(input);
  } catch (error) {
    throw isCancellation(error) ? error : asFailure(error);
  }
}

async function acquireFiles({ config, data, run, whole, only }: AcquireInput): Promise<AcquireOutcome> {
  const { record, tasks, zenodo, temporal } = config;
  const { retrySeconds } = temporal;
  const globs = only === undefined ? {} : { only };
  const { fetchRecord } = downloads(temporal);
  const { files, ...found } = await fetchRecord.executeWithOptions({ summary: `record ${record}` }, [
    {
      record,
      zenodo,
      tasks,
      data,
      whole,
      ownModels: tasks.filter((task) => config[task].model),
      retrySeconds,
      ...globs,
    },
  ]);
  const states = new Map(files.map(({ key, size }): [string, FileProgress] => [key, { key, size, state: 'waiting' }]));
  setHandler(fileProgress, () => [...states.values()]);
  setHandler(progress, () => [stageOf([...states.values()])]);
  const throttle = new ProgressThrottle(0, files.length, Date.now());
  const show = async (file: RecordFile, state: FileProgress['state']) => {
    states.set(file.key, { key: file.key, size: file.size, state });
    setCurrentDetails(fileTable(titleOf(found), [...states.values()]));
    const stage = stageOf([...states.values()]);
    if (run !== undefined && (stage.state === 'done' || throttle.isDue(stage.done, Date.now()))) {
      await signalParent(run, stage);
    }
  };
  if (run !== undefined) await signalParent(run, stageOf([...states.values()]));

  const take = async (file: RecordFile, again = MAX_REFETCHES): Promise<AcquiredFile> => {
    const step = { data, record: found.id, file, zenodo, retrySeconds, ...globs };
    const summary = `${file.key}, ${sizeText(file.size)}`;
    await show(file, 'fetching');
    const fetched = await downloads(temporal).downloadFile.executeWithOptions({ summary }, [step]);
    const { sha256, state, files: count = 0, bytes = 0 } = fetched;
    let contents = { files: count, bytes };
    if (sha256 !== undefined && isToUnpack(fetched)) {
      await show(file, 'unpacking');
      const archive = { ...step, sha256, mirrored: state === 'mirrored' };
      try {
        contents = await renderActivities(temporal).unpackArchive.executeWithOptions({ summary }, [archive]);
      } catch (error) {
        // Another state directory has unpacked it into the same folder and removed it: check what it left.
        if (again > 0 && toFailureInfo(error).code === 'FILE_MISSING') return take(file, again - 1);
        throw error;
      }
    }
    await show(file, 'done');
    return { ...fetched, files: contents.files, bytes: contents.bytes };
  };
  return { ...found, files: await allOrCancel(files, (file) => take(file)) };
}

/**
 * Returns whether an archive is complete and must be unpacked; of others, the wanted members are already in the data
 * folder.
 */
function isToUnpack({ key, state }: FileOutcome): boolean {
  return key.toLowerCase().endsWith('.zip') && state !== 'unpacked' && state !== 'skipped';
}

function titleOf({ id, doi, title }: Omit<ResolvedRecord, 'files'>): string {
  return `Record ${id}${doi === undefined ? '' : ` (${doi})`}: ${title}`;
}

/** The stage of a run that has acquired its record. */
export function acquiredStage({ files }: AcquireOutcome): StageProgress {
  const count = files.length;
  return { stage: 'acquire', unit: 'files', done: count, of: count, cached: 0, failed: 0, state: 'done' };
}

function stageOf(files: readonly FileProgress[]): StageProgress {
  const done = files.filter(({ state }) => state === 'done').length;
  const state = done === files.length ? 'done' : 'running';
  return { stage: 'acquire', unit: 'files', done, of: files.length, cached: 0, failed: 0, state };
}
