import { execFile } from 'node:child_process';
import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { promisify } from 'node:util';
const execute = promisify(execFile);
/** This process. */
export async function ownIdentity() {
    return { pid: process.pid, startTime: (await startTimeOf(process.pid)) ?? 'unknown' };
}
/** Whether that very process still runs. */
export async function isRunning(identity) {
    return (await startTimeOf(identity.pid)) === identity.startTime;
}
/**
 * When the process started, or undefined when none of that number runs. One that has ended and that its parent
 * has not fetched yet counts as ended: a container without an init process keeps such ones for ever.
 */
export async function startTimeOf(pid) {
    if (!isSignallable(pid))
        return undefined;
    return process.platform === 'linux' ? await startTimeOnLinux(pid) : await startTimeByPs(pid);
}
/**
 * Names the process table that this process sees: numbers of processes mean nothing in another one, be it that of
 * another machine on a shared disk, of a container, or of this machine before its last start.
 */
export async function processTableId() {
    if (process.platform !== 'linux')
        return (await output('sysctl', ['-n', 'kern.bootsessionuuid'])) ?? hostname();
    const namespace = await readlink('/proc/self/ns/pid').catch(() => 'pid');
    return `${await bootId()} ${namespace}`;
}
/** Whether there is a process of that number, ours or not. */
export function isSignallable(pid) {
    try {
        process.kill(pid, 0);
        return true;
    }
    catch (error) {
        return error instanceof Error && 'code' in error && error.code === 'EPERM';
    }
}
/** Ticks since the machine's start (field 22 of proc(5)'s stat), made unique across starts by the boot's id. */
async function startTimeOnLinux(pid) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
    if (stat === undefined)
        return undefined;
    // The second field is the command in brackets and may itself hold blanks and brackets.
    const [state, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // While a killed process is still ending, its first thread may be done and others still hold files.
    const threads = Number(rest[16]);
    if (state === 'X' || (state === 'Z' && threads <= 1))
        return undefined;
    return `${await bootId()}/${rest[18]}`;
}
async function startTimeByPs(pid) {
    const line = await output('ps', ['-o', 'stat=,lstart=', '-p', String(pid)]);
    const match = /^(\S+)\s+(.+)$/.exec(line ?? '');
    return match === null || match[1]?.startsWith('Z') ? undefined : match[2];
}
async function bootId() {
    return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => hostname())).trim();
}
async function output(command, args) {
    try {
        const { stdout } = await execute(command, args, { env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' } });
        return stdout.trim() || undefined;
    }
    catch {
        return undefined;
    }
}
