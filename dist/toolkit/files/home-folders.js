import { join, resolve } from 'node:path';
/** @param home - Absolute, or relative to the current folder. */
export function homeFolders(home) {
    const root = resolve(home);
    return {
        home: root,
        models: join(root, 'models'),
        cache: join(root, 'cache'),
        work: join(root, 'work'),
        runs: join(root, 'runs'),
        receipts: join(root, 'receipts'),
        transfers: join(root, 'transfers'),
        records: join(root, 'records'),
        digests: join(root, 'digests.txt'),
        logs: join(root, 'logs'),
        sample: join(root, 'data', 'sample'),
    };
}
/** The home that the environment names (`REIGNITE_HOME`), else `.reignite` in the current folder. */
export function homeFromEnvironment(environment = process.env) {
    return homeFolders(environment['REIGNITE_HOME'] || '.reignite');
}
