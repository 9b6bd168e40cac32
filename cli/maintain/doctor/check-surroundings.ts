import { access, constants } from 'node:fs/promises';
import { ZenodoConfig } from '../../../config/zenodo-config.ts';
import { findTemporalBinary } from '../../../runtime/server/binary/find-binary.ts';
import { connectTo, externalServer } from '../../../runtime/server/connection.ts';
import { freePort } from '../../../runtime/server/server-address.ts';
import { registerFonts } from '../../../toolkit/figures/fonts.ts';
import { discard, httpGet } from '../../../toolkit/zenodo/http/http.ts';
import type { Finding } from '../doctor.ts';

const GRPC_PORT = 7233;
const UI_PORT = 8233;
const TIMEOUT_MS = 6_000;
const PROXY_VARIABLES = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy'];

/**
 * Checks the environment: current folder, ports, fonts, network. Downloads nothing but the headers of one response.
 */
export async function checkEnvironment(): Promise<Finding[]> {
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
    return 'no address';
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
      'The sample needs no network. For the paper set HTTPS_PROXY, or use a copied data folder: ' +
      '`--data DIR --set zenodo.offline=true`.',
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const name = 'Temporal';

/** Checks whether the server answers or, for the embedded one, whether its binary is present. Downloads nothing. */
export async function checkTemporal(): Promise<Finding> {
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
  } catch {
    return { name, status: 'warn', detail: 'not installed yet', remedy: 'The first run downloads it (45 MB).' };
  }
}
