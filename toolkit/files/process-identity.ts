import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { promisify } from 'node:util';
import { hasCode } from './disk-error.ts';
import { sha256Of } from './hash-file.ts';
import { readTextIfThere } from './if-there.ts';

const execute = promisify(execFile);

/** A process as no later process can be: numbers of processes are used again, starts are not. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Opaque; equal for the same process only. */
  readonly startTime: string;
}

/**
 * What can be seen of a process number. `hidden`: there is a process, and this user may not see more of it
 * (`/proc` mounted with `hidepid`, usual on the login nodes of clusters).
 */
type Sight =
  | { readonly state: 'gone' }
  | { readonly state: 'hidden' }
  | { readonly state: 'running'; readonly startTime: string };

/** Distinguishes this process from every other one, also in a container that shares host name and process numbers. */
export const processNonce = randomBytes(3).toString('hex');

/** This process. */
export async function ownIdentity(): Promise<ProcessIdentity> {
  return { pid: process.pid, startTime: (await startTimeOf(process.pid)) ?? 'unknown' };
}

/**
 * Whether that very process still runs. One that exists and cannot be looked at counts as running: taking what a
 * living process holds does harm, waiting for a dead one only costs time.
 */
export async function isRunning({ pid, startTime }: ProcessIdentity): Promise<boolean> {
  const sight = await lookAt(pid);
  if (sight.state === 'hidden') return isOfThisBoot(startTime);
  return sight.state === 'running' && sight.startTime === startTime;
}

/** Whether any process has that number, this user's or not. One that ended and waits for its parent does not count. */
export async function isTaken(pid: number): Promise<boolean> {
  return (await lookAt(pid)).state !== 'gone';
}

/**
 * When the process started, or undefined when none of that number runs or it cannot be seen. One that has ended and
 * that its parent has not fetched yet counts as ended: a container without an init process never removes such ones.
 */
export async function startTimeOf(pid: number): Promise<string | undefined> {
  const sight = await lookAt(pid);
  return sight.state === 'running' ? sight.startTime : undefined;
}

let table: string | undefined;

/**
 * Names the process table that this process sees: numbers of processes mean nothing in another one, be it that of
 * another machine on a shared disk, of a container, or of this machine before its last start. Where the system does
 * not say which table it is, no other process gives the same name.
 */
export function processTableId(): string {
  table ??= process.platform === 'linux' ? tableOnLinux() : `${hostname()} ${process.platform}`;
  return table;
}

/** Six hexadecimal digits that identify the process table where a name has to be short. */
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

/** Signal 0 asks whether a process is there; "not allowed" means that it is. */
function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return hasCode(error, 'EPERM');
  }
}

const BOOT_ID = '/proc/sys/kernel/random/boot_id';

/** Ticks since the machine's start (field 22 of proc(5)'s stat), made unique across starts by the boot's id. */
async function lookOnLinux(pid: number): Promise<Sight> {
  const stat = await readTextIfThere(`/proc/${pid}/stat`);
  if (stat === undefined) return { state: exists(pid) ? 'hidden' : 'gone' };
  // The second field is the command in brackets and may itself hold blanks and brackets.
  const [state, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // While a killed process is still ending, its first thread may be done and others still hold files.
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

/** A process of an earlier boot does not run, whatever has its number now. */
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
