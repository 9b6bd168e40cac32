// Loaded into a command by NODE_OPTIONS: its thread that has recorded that image IMAGE is past its first tile row writes
// the file HELD, and waits until that is removed. JavaScript, because it is loaded before any loader is registered.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const { IMAGE, HELD } = process.env;
const rename = fs.renameSync;
let isDone = false;

fs.renameSync = (from, to) => {
  rename(from, to);
  if (isDone || !to.endsWith('state.json')) return;
  const { identity, next } = JSON.parse(fs.readFileSync(to, 'utf8'));
  if (identity.image !== IMAGE || next.row === 0) return;
  isDone = true;
  fs.writeFileSync(HELD, '');
  const pause = new Int32Array(new SharedArrayBuffer(4));
  while (fs.existsSync(HELD)) Atomics.wait(pause, 0, 0, 20);
};
syncBuiltinESMExports();
