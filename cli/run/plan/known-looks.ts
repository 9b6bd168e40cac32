import { join } from 'node:path';
import { z } from 'zod';
import { packageVersion } from '../../../config/package-files.ts';
import { TASKS } from '../../../config/tasks.ts';
import { KINDS } from '../../../toolkit/dataset/layout.ts';
import { sha256Of } from '../../../toolkit/files/hash-file.ts';
import type { HomeFolders } from '../../../toolkit/files/home-folders.ts';
import { readJsonIfValid, writeJsonFile } from '../../../toolkit/files/json-file.ts';
import type { CheckOptions } from '../../../toolkit/preflight/check-record.ts';
import type { RecordFile } from '../../../toolkit/zenodo/record/record.ts';

/** Raised when the same files would be described differently. */
const SCHEMA = 3;

const Size = z.object({ width: z.int(), height: z.int() });

const Look = z.object({
  source: z.literal('server'),
  archives: z.array(z.object({ key: z.string(), kind: z.enum(KINDS).optional(), members: z.int() })).readonly(),
  bytes: z.int(),
  checks: z
    .array(
      z.object({
        subject: z.string(),
        status: z.enum(['pass', 'warn', 'fail', 'unknown']),
        detail: z.string(),
        remedy: z.string().exactOptional(),
        chosen: z.string().exactOptional(),
      }),
    )
    .readonly(),
  tasks: z
    .array(
      z.object({
        task: z.enum(TASKS),
        rois: z.int().optional(),
        predicted: z.int(),
        images: z.array(Size).readonly(),
      }),
    )
    .readonly(),
});

/**
 * Findings about a record on a server, kept in the state directory: files with the same digests are the same, and
 * checking again would use up the server's request limit.
 */
export class KnownLook {
  readonly #path: string;

  constructor({ records }: Pick<HomeFolders, 'records'>, files: readonly RecordFile[], options: CheckOptions) {
    const listed = files.map(({ key, size, md5 }) => ({ key, size, md5 }));
    const parts = JSON.stringify([SCHEMA, packageVersion(), listed, options]);
    this.#path = join(records, 'checked', `${sha256Of(parts).slice(0, 16)}.json`);
  }

  /** Reads earlier findings; undefined if these files were not checked before. */
  async recall() {
    const known = await readJsonIfValid(this.#path, Look);
    if (known === undefined) return undefined;
    const archives = known.archives.map(({ key, kind, members }) => ({ key, kind, members }));
    return { ...known, archives, tasks: known.tasks.map((task) => ({ ...task, rois: task.rois })), bytes: 0 };
  }

  async remember(look: z.input<typeof Look>): Promise<void> {
    await writeJsonFile(this.#path, look);
  }
}
