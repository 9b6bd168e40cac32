// Unpacks one archive in a separate process. Usage: unpack-ours.ts ARCHIVE TARGET; prints JSON like download-ours.ts.
import { unpackArchive } from '../toolkit/archive/unpack-archive.ts';

const [archive = '', target = ''] = process.argv.slice(2);
const before = process.memoryUsage().rss;
let most = before;
const timer = setInterval(() => {
  most = Math.max(most, process.memoryUsage().rss);
}, 20);
const cpuBefore = process.cpuUsage();
const start = performance.now();
await unpackArchive({ archive, target, root: 'images' });
const ms = performance.now() - start;
const { user, system } = process.cpuUsage(cpuBefore);
clearInterval(timer);
console.log(JSON.stringify({ ms, cpuMs: (user + system) / 1_000, before, most }));
