// Loaded into an inference worker by NODE_OPTIONS: kills the thread's process with SIGKILL, like a system short of
// memory, whenever it is about to record that image IMAGE is past tile row ROW, as long as the file CAUSE exists, to
// which each death adds a letter. JavaScript, because it is loaded before any loader is registered.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const { IMAGE, ROW, CAUSE } = process.env;
const rename = fs.renameSync;

fs.renameSync = (from, to) => {
  if (to.endsWith('state.json') && fs.existsSync(CAUSE)) {
    const { identity, next } = JSON.parse(fs.readFileSync(from, 'utf8'));
    if (identity.image === IMAGE && next.row > Number(ROW)) {
      fs.appendFileSync(CAUSE, 'x');
      process.kill(process.pid, 'SIGKILL');
    }
  }
  rename(from, to);
};
syncBuiltinESMExports();
