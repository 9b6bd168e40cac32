// Loaded into a command by NODE_OPTIONS: kills the process with SIGKILL when one of its threads is about to rename its
// DIE_AT-th file. Renaming completes every file and every committed state. JavaScript, because it is loaded before any
// loader is registered.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

let left = Number(process.env.DIE_AT);

const dyingAt =
  (rename) =>
  (...paths) => {
    left -= 1;
    if (left === 0) process.kill(process.pid, 'SIGKILL');
    return rename(...paths);
  };

fs.renameSync = dyingAt(fs.renameSync);
fs.promises.rename = dyingAt(fs.promises.rename);
syncBuiltinESMExports();
