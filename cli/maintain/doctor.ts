import { access, constants, rm, writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { ZenodoConfig } from '../../config/schema.ts';
import { loadConfig } from '../../runtime/load-config.ts';
import { pinRecord, resolveRun } from '../../runtime/run/resolve-run.ts';
import { buildFor } from '../../runtime/server/binary/binary-cache.ts';
import { findTemporalBinary } from '../../runtime/server/binary/find-binary.ts';
import { connectTo, externalServer, freePort } from '../../runtime/server/connection.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { registerFonts } from '../../toolkit/figures/style.ts';
import { type HomeFolders, homeFromEnvironment, makeFolder } from '../../toolkit/files/folders.ts';
import { freeBytes } from '../../toolkit/files/suitable-file-system.ts';
import { discard, httpGet } from '../../toolkit/zenodo/http/http.ts';
import { EXIT, printResult, printStep } from '../output.ts';
import { lookAtRecord, lookLines } from '../run/look-at-record.ts';
import type { PlanOptions } from '../run/plan.ts';
import { checkProviders, type Finding, lineOf } from './providers.ts';

/** Options of `doctor`; the configuration options determine the record. */
export interface DoctorOptions extends PlanOptions {
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

const GIGABYTE = 1e9;
/** Inference of the paper's H&E network peaks at 1.3 GB; workers and server need about as much again. */
const MEMORY_BYTES = 3 * GIGABYTE;
/** The record and its archives while they are unpacked (17 GB), and results. */
const DISK_BYTES = 20 * GIGABYTE;

/** Checks Node, memory, disk, and whether the state directory is writable. */
async function checkMachine({ home }: HomeFolders): Promise<Finding[]> {
  return [checkNode(), checkMemory(), await checkHome(home), await checkDisk(home)];
}

function checkNode(): Finding {
  const { node } = process.versions;
  const [major = 0, minor = 0] = node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return { name: 'Node', status: 'pass', detail: node };
  return { name: 'Node', status: 'fail', detail: node, remedy: 'Install Node 20.19 or later.' };
}

function checkMemory(): Finding {
  const total = totalmem();
  const detail = `${(total / GIGABYTE).toFixed(1)} GB, ${cpus().length} processor cores`;
  if (total >= MEMORY_BYTES) return { name: 'Memory', status: 'pass', detail };
  return {
    name: 'Memory',
    status: 'warn',
    detail,
    remedy: 'A run of the paper needs 3 GB; the sample runs with less.',
  };
}

async function checkHome(home: string): Promise<Finding> {
  const probe = join(home, `.doctor-${process.pid}`);
  try {
    await makeFolder(home);
    await writeFile(probe, '');
    return { name: 'State directory', status: 'pass', detail: `${home} is writable` };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return {
      name: 'State directory',
      status: 'fail',
      detail: reason,
      remedy: 'Set REIGNITE_HOME to a folder that you can write to.',
    };
  } finally {
    await rm(probe, { force: true });
  }
}

async function checkDisk(home: string): Promise<Finding> {
  const free = await freeBytes(home);
  if (free === undefined) return { name: 'Disk', status: 'warn', detail: `cannot determine the free space of ${home}` };
  const detail = `${(free / GIGABYTE).toFixed(0)} GB free`;
  if (free >= DISK_BYTES) return { name: 'Disk', status: 'pass', detail };
  return {
    name: 'Disk',
    status: 'warn',
    detail,
    remedy:
      'A run of the paper needs 20 GB, of which 17 GB while unpacking; `--data` and `--results` can point elsewhere.',
  };
}

const GRPC_PORT = 7233;
const UI_PORT = 8233;
const TIMEOUT_MS = 6_000;
const PROXY_VARIABLES = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy'];

/**
 * Checks the environment: current folder, ports, fonts, network. Downloads nothing but the headers of one response.
 */
async function checkEnvironment(): Promise<Finding[]> {
  return [await checkFolder(), await checkPorts(), checkFonts(), checkProxy(), await checkZenodo()];
}

async function checkFolder(): Promise<Finding> {
  const name = 'Current folder';
  const folder = process.cwd();
  try {
    await access(folder, constants.W_OK);
    return { name, status: 'pass', detail: `${folder} is writable` };
  } catch {
    const remedy =
      'Change to a folder that you can write to, or set `--data`, `--results` and REIGNITE_HOME to such folders.';
    return { name, status: 'warn', detail: `${folder} is not writable`, remedy };
  }
}

async function checkPorts(): Promise<Finding> {
  const taken: number[] = [];
  for (const port of [GRPC_PORT, UI_PORT]) if ((await freePort(port)) !== port) taken.push(port);
  if (taken.length === 0) return { name: 'Ports', status: 'pass', detail: `${GRPC_PORT} and ${UI_PORT} are free` };
  return {
    name: 'Ports',
    status: 'pass',
    detail: `${taken.join(' and ')} in use (perhaps by another Temporal server); a run uses other ports and prints them`,
  };
}

function checkFonts(): Finding {
  try {
    registerFonts();
    return { name: 'Fonts', status: 'pass', detail: 'DejaVu Sans, included in the package' };
  } catch (error) {
    return { name: 'Fonts', status: 'fail', detail: messageOf(error), remedy: 'Install the package again: `npm ci`.' };
  }
}

function checkProxy(): Finding {
  const name = PROXY_VARIABLES.find((variable) => process.env[variable]);
  if (name === undefined) return { name: 'Proxy', status: 'pass', detail: 'not set' };
  return { name: 'Proxy', status: 'pass', detail: `${name} is ${withoutSecrets(process.env[name] ?? '')}` };
}

/** Proxy URLs may contain credentials: show only the host. */
function withoutSecrets(address: string): string {
  try {
    return new URL(address).host;
  } catch {
    return 'not an address';
  }
}

async function checkZenodo(): Promise<Finding> {
  const name = 'Zenodo';
  const { api } = ZenodoConfig.parse({});
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const reply = await httpGet({ url: `${api}/records/15674785`, signal, stallMs: TIMEOUT_MS });
    discard(reply);
    if (reply.status < 400) return { name, status: 'pass', detail: `${api} answers` };
    return unreached(name, `${api} answered with HTTP status ${reply.status}`);
  } catch (error) {
    return unreached(name, signal.aborted ? `${api} did not answer within ${TIMEOUT_MS / 1000} s` : messageOf(error));
  }
}

function unreached(name: string, detail: string): Finding {
  return {
    name,
    status: 'warn',
    detail,
    remedy:
      'The sample does not need Zenodo. For the paper set HTTPS_PROXY, or use a copied data folder: ' +
      '`--data DIR --set zenodo.offline=true`.',
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const name = 'Temporal';

/** Checks whether the server answers or, for the embedded one, whether its binary is present. Downloads nothing. */
async function checkTemporal(): Promise<Finding> {
  try {
    const server = externalServer();
    if (server === undefined) return await checkBinary();
    const client = await connectTo(server);
    await client.connection.close();
    return { name, status: 'pass', detail: `${server.address} answers` };
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return { name, status: 'fail', detail, remedy: 'Check TEMPORAL_ADDRESS and the other TEMPORAL_ variables.' };
  }
}

async function checkBinary(): Promise<Finding> {
  try {
    const { version, origin, path } = await findTemporalBinary({ ways: [] });
    return { name, status: 'pass', detail: `${version} (${origin}): ${path}` };
  } catch (error) {
    const isNamed = Boolean(process.env['TEMPORAL_CLI_PATH']);
    if (error instanceof ReigniteError && (isNamed || buildFor() === undefined))
      return { name, status: 'fail', detail: error.message, remedy: error.remedy };
    return { name, status: 'warn', detail: 'not installed yet', remedy: 'The first run downloads it (45 MB).' };
  }
}
