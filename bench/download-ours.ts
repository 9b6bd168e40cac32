// One download in a process of its own, as the download worker does it. Usage: download-ours.ts URL FILE SIZE MD5; prints
// JSON: time and processor time in ms, memory before and at its most in bytes.
import { downloadFile } from '../toolkit/zenodo/download-file.ts';

const [url = '', path = '', size = '', md5 = ''] = process.argv.slice(2);
const before = process.memoryUsage().rss;
let most = before;
const timer = setInterval(() => {
  most = Math.max(most, process.memoryUsage().rss);
}, 20);
const cpuBefore = process.cpuUsage();
const start = performance.now();
await downloadFile({ url, path, size: Number(size), md5 });
const ms = performance.now() - start;
const { user, system } = process.cpuUsage(cpuBefore);
clearInterval(timer);
console.log(JSON.stringify({ ms, cpuMs: (user + system) / 1_000, before, most }));
process.exit(0);
