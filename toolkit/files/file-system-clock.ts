import { open, rm, stat } from 'node:fs/promises';
import { temporaryPathBeside } from './temporary-path.ts';

/**
 * Time since something beside `path` happened, by the clock of the file system that told `mtimeMs`: the clocks of
 * machines disagree, and a file server has one of its own.
 *
 * @param path - A file is made beside it for a moment.
 * @param mtimeMs - When it happened, as `stat` says.
 * @returns Milliseconds; negative when that clock was set back since.
 */
export async function silenceOf(path: string, mtimeMs: number): Promise<number> {
  const probe = temporaryPathBeside(path);
  try {
    await (await open(probe, 'wx')).close();
    return (await stat(probe)).mtimeMs - mtimeMs;
  } finally {
    await rm(probe, { force: true });
  }
}
