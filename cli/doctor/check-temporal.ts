import { connectTo, externalServer } from '../../runtime/server/connection.ts';
import { findTemporalBinary } from '../../runtime/server/find-binary.ts';
import type { Finding } from './finding.ts';

const name = 'Temporal';

/** The server that would be used: does it answer, or is its binary there. Nothing is fetched. */
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
    return { name, status: 'warn', detail: 'not on this machine yet', remedy: 'The first run fetches it (45 MB).' };
  }
}
