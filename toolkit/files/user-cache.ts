import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** The user's cache of reignite, shared by all state directories: `$XDG_CACHE_HOME/reignite`, else `~/.cache/reignite`. */
export function userCacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const root = environment['XDG_CACHE_HOME'];
  // The XDG specification: a relative path is to be ignored.
  return join(root && isAbsolute(root) ? root : join(environment['HOME'] || homedir(), '.cache'), 'reignite');
}
