import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/**
 * Returns the user's cache folder, shared by all state directories: `$XDG_CACHE_HOME/reignite`, else
 * `~/.cache/reignite`.
 */
export function userCacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const root = environment['XDG_CACHE_HOME'];
  // The XDG specification says to ignore relative paths.
  return join(root && isAbsolute(root) ? root : join(environment['HOME'] || homedir(), '.cache'), 'reignite');
}
