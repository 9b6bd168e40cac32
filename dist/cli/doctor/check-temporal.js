import { connectTo, externalServer } from '../temporal/connection.js';
import { findTemporalBinary } from '../temporal/find-binary.js';
const name = 'Temporal';
/** The server that would be used: does it answer, or is its binary there. Nothing is fetched. */
export async function checkTemporal() {
    try {
        const server = externalServer();
        if (server === undefined)
            return await checkBinary();
        const client = await connectTo(server);
        await client.connection.close();
        return { name, status: 'pass', detail: `${server.address} answers` };
    }
    catch (error) {
        const detail = error instanceof Error ? error.message : String(error);
        return { name, status: 'fail', detail, remedy: 'Check TEMPORAL_ADDRESS and the other TEMPORAL_ variables.' };
    }
}
async function checkBinary() {
    try {
        const { version, origin, path } = await findTemporalBinary({ ways: [] });
        return { name, status: 'pass', detail: `${version} (${origin}): ${path}` };
    }
    catch {
        return { name, status: 'warn', detail: 'not on this machine yet', remedy: 'The first run fetches it (45 MB).' };
    }
}
