import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { promisify } from 'node:util';
import { hasCode, readTextIfThere } from './file-access.ts';
import { sha256Of } from './hash-file.ts';

const execute = promisify(execFile);

/** Identifies a process beyond its PID, which the system may reuse. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Opaque; equal for the same process only. */
  readonly startTime: string;
}

/**
 * What is known about a PID. `hidden`: the process exists, but this user may not see its details (`/proc` mounted with
 * `hidepid`, as on the login nodes of many clusters).
 */
type Sight =
  | { readonly state: 'gone' }
  | { readonly state: 'hidden' }
  | { readonly state: 'running'; readonly startTime: string };

/** Distinguishes this process from all others, also in containers that share host name and PIDs. */
export const processNonce = randomBytes(3).toString('hex');

/** Returns the identity of this process. */
export async function ownIdentity(): Promise<ProcessIdentity> {
  return { pid: process.pid, startTime: (await startTimeOf(process.pid)) ?? 'unknown' };
}

/**
 * Returns whether this very process still runs. One that exists but cannot be inspected counts as running: taking what
 * a living process holds does harm, while waiting for a dead one only costs time.
 */
export async function isRunning({ pid, startTime }: ProcessIdentity): Promise<boolean> {
  const sight = await lookAt(pid);
  if (sight.state === 'hidden') return isOfThisBoot(startTime);
  return sight.state === 'running' && sight.startTime === startTime;
}

/** Returns whether any process of any user has this PID. Zombies do not count. */
export async function isTaken(pid: number): Promise<boolean> {
  return (await lookAt(pid)).state !== 'gone';
}

/**
 * Returns when a process started; undefined if it does not run or cannot be inspected. A zombie counts as ended: in a
 * container without an init process zombies are never removed.
 */
export async function startTimeOf(pid: number): Promise<string | undefined> {
  const sight = await lookAt(pid);
  return sight.state === 'running' ? sight.startTime : undefined;
}

let table: string | undefined;

/**
 * Identifies the process table that this process sees. A PID is meaningless in another one: on another machine with the
 * same disk, in a container, or after a reboot. If the system does not identify the table, the result is unique to this
 * process.
 */
export function processTableId(): string {
  table ??= process.platform === 'linux' ? tableOnLinux() : `${hostname()} ${process.platform}`;
  return table;
}

/** Returns six hexadecimal digits that identify the process table, for short names. */
export function processTableTag(): string {
  return sha256Of(processTableId()).slice(0, 6);
}

function tableOnLinux(): string {
  try {
    const boot = readFileSync(BOOT_ID, 'utf8').trim();
    // Start times are relative to the time namespace.
    return [boot, readlinkSync('/proc/self/ns/pid'), timeNamespace()].join(' ');
  } catch {
    return `${hostname()} ${randomBytes(8).toString('hex')}`;
  }
}

/** Kernels before 5.6 have none. */
function timeNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/time');
  } catch {
    return 'time';
  }
}

async function lookAt(pid: number): Promise<Sight> {
  if (!exists(pid)) return { state: 'gone' };
  return process.platform === 'linux' ? await lookOnLinux(pid) : await lookByPs(pid);
}

/** Signal 0 checks whether a process exists; "not allowed" means that it does. */
function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return hasCode(error, 'EPERM');
  }
}

const BOOT_ID = '/proc/sys/kernel/random/boot_id';

/**
 * Reads the start time in ticks since boot (field 22 of proc(5)'s stat), prefixed with the boot ID to make it unique.
 */
async function lookOnLinux(pid: number): Promise<Sight> {
  const stat = await readTextIfThere(`/proc/${pid}/stat`);
  if (stat === undefined) return { state: exists(pid) ? 'hidden' : 'gone' };
  // The second field is the command in brackets and may itself hold blanks and brackets.
  const [state, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // While a killed process is ending, its first thread may be done while others still hold files.
  const threads = Number(rest[16]);
  if (state === 'X' || (state === 'Z' && threads <= 1)) return { state: 'gone' };
  return { state: 'running', startTime: `${await bootId()}/${rest[18]}` };
}

async function lookByPs(pid: number): Promise<Sight> {
  const line = await output('ps', ['-o', 'stat=,lstart=', '-p', String(pid)]);
  const match = /^(\S+)\s+(.+)$/.exec(line ?? '');
  if (match === null) return { state: exists(pid) ? 'hidden' : 'gone' };
  return match[1]?.startsWith('Z') ? { state: 'gone' } : { state: 'running', startTime: match[2] ?? '' };
}

/** A process of an earlier boot is not running, even if its PID is in use. */
async function isOfThisBoot(startTime: string): Promise<boolean> {
  return process.platform !== 'linux' || startTime === 'unknown' || startTime.startsWith(`${await bootId()}/`);
}

async function bootId(): Promise<string> {
  return (await readFile(BOOT_ID, 'utf8').catch(() => hostname())).trim();
}

async function output(command: string, args: readonly string[]): Promise<string | undefined> {
  try {
    const { stdout } = await execute(command, args, { env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' } });
    return stdout.trim() || undefined;
  } catch {
    return undefined;
  }
}
