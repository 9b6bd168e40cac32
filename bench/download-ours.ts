// Downloads one file in a separate process, like the download worker. Usage: download-ours.ts URL FILE SIZE MD5. Prints
// JSON: wall and CPU time in ms, initial and peak memory (the kernel's VmHWM) in bytes.
import { readFileSync } from 'node:fs';
import { downloadFile } from '../toolkit/zenodo/download/download-file.ts';

const [url = '', path = '', size = '', md5 = ''] = process.argv.slice(2);
const before = process.memoryUsage().rss;
const cpuBefore = process.cpuUsage();
const start = performance.now();
await downloadFile({ url, path, size: Number(size), md5 });
const ms = performance.now() - start;
const { user, system } = process.cpuUsage(cpuBefore);
const most = Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1_024;
console.log(JSON.stringify({ ms, cpuMs: (user + system) / 1_000, before, most }));
process.exit(0);
