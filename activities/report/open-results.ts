import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Context } from '@temporalio/activity';
import { packageVersion } from '../../config/package-files.ts';
import { asDiskError } from '../../toolkit/files/file-access.ts';
import { makeFolder } from '../../toolkit/files/folders.ts';
import { writeConfiguration } from '../../toolkit/report/configuration.ts';
import { environment } from '../../toolkit/report/environment.ts';
import { RESULTS, recordEnvironment } from '../../toolkit/results/results-folder.ts';
import { RunInput } from '../inputs.ts';

/**
 * Claims a results folder for a run and writes the run's configuration to it. A folder of another configuration is
 * moved aside, never overwritten.
 *
 * @returns The new path of the earlier folder, if there was one.
 */
export async function openResults(input: RunInput): Promise<{ readonly movedTo?: string }> {
  const { config, digest, folders } = RunInput.parse(input);
  const { results } = folders;
  const earlier = await RESULTS.summary.readIfValid(results);
  const movedTo = earlier === undefined || earlier.digest === digest ? undefined : freeName(results, earlier.digest);
  try {
    if (movedTo !== undefined) await rename(results, movedTo);
    await makeFolder(dirname(results));
    // It describes the files of the earlier execution; the report writes a new one.
    await rm(RESULTS.manifest.in(results), { force: true });
  } catch (error) {
    throw asDiskError(error, results);
  }
  const run = Context.current().info.workflowExecution?.workflowId ?? '';
  const { record, name: profile } = config;
  const generation = folders.generation === undefined ? {} : { generation: folders.generation };
  await RESULTS.summary.write(results, { run, record, profile, digest, status: 'running', tasks: {}, ...generation });
  await writeConfiguration(results, config);
  await recordEnvironment(results, environment('orchestration', packageVersion()));
  return movedTo === undefined ? {} : { movedTo };
}

function freeName(results: string, digest: string): string {
  const base = `${results}.${digest}`;
  for (let n = 1; ; n++) {
    const name = n === 1 ? base : `${base}.${n}`;
    if (!existsSync(name)) return name;
  }
}
