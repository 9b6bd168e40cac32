import { readFile, writeFile } from 'node:fs/promises';
/** Linux only: what is written there begins the peak anew (proc(5), `clear_refs`). */
const BEGIN_ANEW = { path: '/proc/self/clear_refs', what: '5' };
/** Begins the peak of this process anew, where the system can. */
export async function resetPeakMemory() {
    await writeFile(BEGIN_ANEW.path, BEGIN_ANEW.what).catch(() => undefined);
}
/** The largest resident memory of this process since the peak was begun anew, or since its start, in bytes. */
export async function peakMemoryBytes() {
    const status = await readFile('/proc/self/status', 'utf8').catch(() => '');
    const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(status) ?? [];
    return Number(kilobytes ?? process.resourceUsage().maxRSS) * 1_024;
}
