import { join, resolve } from 'node:path';

/** The folders of a state directory: everything reignite keeps for itself. */
export interface HomeFolders {
  readonly home: string;
  /** Converted networks, a folder per model digest. */
  readonly models: string;
  /** Results of steps, by what they were made from. */
  readonly cache: string;
  /** ROIs in progress, one folder per cache key. */
  readonly work: string;
  /** Stand-ins for the folders of runs, on a worker that fetches from object storage. */
  readonly scratch: string;
  /** Plans and failures of runs, one folder per configuration digest. */
  readonly runs: string;
  /** What was fetched and unpacked, with digests. */
  readonly receipts: string;
  /** How transfers are getting on: requests of the last minute, and when bytes came last. */
  readonly transfers: string;
  /** Records as their numbers were resolved. */
  readonly records: string;
  /** Remembered digests of files. */
  readonly digests: string;
  readonly logs: string;
  /** What the workers may read, write and fetch: a file for each set of places that commands named. */
  readonly allowed: string;
  /** Where the sample record lands. */
  readonly sample: string;
}

/**
 * Names the folders of a state directory. Creates none.
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

/** The state directory that the environment names (`REIGNITE_HOME`), else `.reignite` in the current folder. */
export function homeFromEnvironment(environment: NodeJS.ProcessEnv = process.env): HomeFolders {
  return homeFolders(environment['REIGNITE_HOME'] || '.reignite');
}
