import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findTemporalBinary } from '../../runtime/server/binary/find-binary.ts';
import { type EmbeddedServer, startEmbeddedServer } from '../../runtime/server/embedded-server.ts';
import type { SearchAttributes } from '../../runtime/server/namespace-setup.ts';

export interface TestServer extends EmbeddedServer {
  /** The server's temporary state directory; removed by `stop`. */
  readonly home: string;
}

/** Ports that do not conflict with other tests or a developer's server. */
export const ANY_PORTS = { grpc: 0, ui: 0 } as const;

/**
 * Starts an embedded server in a temporary state directory. One per test file is enough: workflow IDs and queues keep
 * tests apart.
 */
export async function startTestServer(searchAttributes: SearchAttributes = {}): Promise<TestServer> {
  const binary = await temporalBinary();
  const home = await mkdtemp(join(tmpdir(), 'reignite-home-'));
  const server = await startEmbeddedServer({ home, binary, ports: ANY_PORTS, searchAttributes });
  return {
    ...server,
    home,
    stop: async () => {
      await server.stop();
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** Finds the Temporal CLI like a user's command does. */
export async function temporalBinary(): Promise<string> {
  return (await findTemporalBinary()).path;
}
