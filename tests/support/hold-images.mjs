// Loaded into a command by NODE_OPTIONS: the thread of its inference worker waits in the middle of the n-th image that
// it opens, after its first step, until the file `${HELD}-n` is removed. So an image stays in its middle as long as a
// test needs. JavaScript, because it is loaded before any loader is registered.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { dirname } from 'node:path';

const { HELD } = process.env;
const rename = fs.renameSync;
const pause = new Int32Array(new SharedArrayBuffer(4));
const opened = [];

fs.renameSync = (from, to) => {
  rename(from, to);
  if (!to.endsWith('state.json')) return;
  const folder = dirname(to);
  if (!opened.includes(folder)) opened.push(folder);
  const { row, fold } = JSON.parse(fs.readFileSync(to, 'utf8')).next;
  if (row === 0 && fold === 0) return;
  while (fs.existsSync(`${HELD}-${1 + opened.indexOf(folder)}`)) Atomics.wait(pause, 0, 0, 50);
};
syncBuiltinESMExports();
