import type { RecordFile, RunInput } from '../activities/inputs.ts';
import { tellRun } from './progress.ts';
import { downloads, inquiries, rendering } from './steps.ts';

export interface AcquireInput {
  readonly run: string;
  readonly input: RunInput;
}

export interface AcquireOutcome {
  readonly record: string;
  readonly files: number;
  readonly bytes: number;
}

/** Fetches the record's files and unpacks its archives into the data folder. */
export async function acquire({ run, input }: AcquireInput): Promise<AcquireOutcome> {
  const { config, folders } = input;
  const { record, zenodo, temporal } = config;
  const found = await inquiries(temporal).fetchRecord.executeWithOptions({ summary: `record ${record}` }, [
    { record, zenodo, tasks: config.tasks },
  ]);
  let done = 0;
  const tell = (state: 'running' | 'done') =>
    tellRun(run, { stage: 'acquire', unit: 'files', done, of: found.files.length, cached: 0, failed: 0, state });
  await tell('running');
  const take = async (file: RecordFile) => {
    const step = { data: folders.data, record, file, zenodo };
    const summary = `${file.key}, ${megabytes(file.size)}`;
    const fetched = await downloads(temporal).downloadFile.executeWithOptions({ summary }, [step]);
    if (fetched.state !== 'unpacked' && file.key.endsWith('.zip')) {
      await rendering(temporal).unpackArchive.executeWithOptions({ summary }, [step]);
    }
    done += 1;
    await tell('running');
  };
  await Promise.all(found.files.map(take));
  await tell('done');
  return { record: found.id, files: done, bytes: found.files.reduce((sum, { size }) => sum + size, 0) };
}

function megabytes(bytes: number): string {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${Math.round(bytes / 1e6)} MB`;
}
