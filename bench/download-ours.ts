// One download in a process of its own, as the download worker does it. Usage: download-ours.ts URL FILE SIZE MD5; prints
// JSON: time and processor time in ms, memory before and at its most (VmHWM, as the kernel saw it) in bytes.
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
