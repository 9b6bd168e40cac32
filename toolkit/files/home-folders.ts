import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';

/** The folders of a state directory. */
export interface HomeFolders {
  readonly home: string;
  /** Converted networks, one folder per model digest. */
  readonly models: string;
  /** Results of steps, by the hash of their inputs. */
  readonly cache: string;
  /** ROIs in progress, one folder per cache key. */
  readonly work: string;
  /** Replacements for the folders of runs, on a worker that fetches from object storage. */
  readonly scratch: string;
  /** Plans and failures of runs, one folder per configuration digest. */
  readonly runs: string;
  /** What was downloaded and unpacked, with digests. */
  readonly receipts: string;
  /** Progress of downloads: the requests of the last minute, and when bytes last arrived. */
  readonly transfers: string;
  /** Metadata of records, by the requested number. */
  readonly records: string;
  /** Remembered digests of files. */
  readonly digests: string;
  readonly logs: string;
  /** What the workers may read, write and download: one file per set of places that commands named. */
  readonly allowed: string;
  /** Folder of the sample record. */
  readonly sample: string;
}

/**
 * Returns the folders of a state directory. Creates none.
 *
 * @param home - Absolute, or relative to the current folder.
 * @example
 * const { cache, models } = homeFolders('.reignite');
 */
export function homeFolders(home: string): HomeFolders {
  const root = resolve(home);
  return {
    home: root,
    models: join(root, 'models'),
    cache: join(root, 'cache'),
    work: join(root, 'work'),
    scratch: join(root, 'scratch'),
    runs: join(root, 'runs'),
    receipts: join(root, 'receipts'),
    transfers: join(root, 'transfers'),
    records: join(root, 'records'),
    digests: join(root, 'digests.txt'),
    logs: join(root, 'logs'),
    allowed: join(root, 'allowed'),
    sample: join(root, 'data', 'sample'),
  };
}

/** Returns the state directory that `REIGNITE_HOME` names, else `.reignite` in the current folder. */
export function homeFromEnvironment(environment: NodeJS.ProcessEnv = process.env): HomeFolders {
  return homeFolders(environment['REIGNITE_HOME'] || '.reignite');
}

/**
 * Returns the user's cache folder, shared by all state directories: `$XDG_CACHE_HOME/reignite`, else
 * `~/.cache/reignite`.
 */
export function userCacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const root = environment['XDG_CACHE_HOME'];
  // The XDG specification says to ignore relative paths.
  return join(root && isAbsolute(root) ? root : join(environment['HOME'] || homedir(), '.cache'), 'reignite');
}
