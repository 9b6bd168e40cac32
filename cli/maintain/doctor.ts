import { loadConfig } from '../../runtime/config/load-config.ts';
import { pinRecord } from '../../runtime/config/pin-record.ts';
import { resolveRun } from '../../runtime/run/resolve-run.ts';
import { homeFromEnvironment } from '../../toolkit/files/home-folders.ts';
import { EXIT, printResult, printStep } from '../output.ts';
import { lookAtRecord, lookLines } from '../run/plan/look-at-record.ts';
import type { RunOptions } from '../run/run.ts';
import { checkMachine } from './doctor/check-machine.ts';
import { checkProviders, lineOf } from './doctor/check-providers.ts';
import { checkEnvironment, checkTemporal } from './doctor/check-surroundings.ts';

/** The result of one check. */
export interface Finding {
  readonly name: string;
  readonly status: 'pass' | 'warn' | 'fail';
  readonly detail: string;
  /** What to do about it; missing if there is nothing to do. */
  readonly remedy?: string;
}

/** Options of `doctor`; the configuration options determine the record. */
export interface DoctorOptions extends Omit<RunOptions, 'workers'> {
  readonly record?: boolean;
}

/**
 * `reignite doctor`: checks this machine, or with `--record` every assumption about a record, and suggests fixes.
 *
 * @returns The exit status: 1 when a check fails; a warning is not a failure.
 */
export async function doctorCommand(options: DoctorOptions, signal: AbortSignal): Promise<number> {
  return options.record ? checkTheRecord(options, signal) : checkThisMachine(options);
}

async function checkTheRecord(options: DoctorOptions, signal: AbortSignal): Promise<number> {
  const home = homeFromEnvironment();
  const run = resolveRun(await pinRecord(await loadConfig(options), home, printStep, signal), home, options);
  const look = await lookAtRecord(run.input, home, signal);
  printResult(options.json ? JSON.stringify(look, null, 1) : lookLines(look, { all: true }).join('\n'));
  const isSound = look.source !== 'none' && look.checks.every(({ status }) => status !== 'fail');
  return isSound ? EXIT.done : EXIT.error;
}

async function checkThisMachine({ json }: DoctorOptions): Promise<number> {
  const findings = [
    ...(await checkMachine(homeFromEnvironment())),
    ...(await checkEnvironment()),
    await checkTemporal(),
    ...(await checkProviders()),
  ];
  printResult(json ? JSON.stringify(findings, null, 1) : findings.map(lineOf).join('\n'));
  return findings.some(({ status }) => status === 'fail') ? EXIT.error : EXIT.done;
}
