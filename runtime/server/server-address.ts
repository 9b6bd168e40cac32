import { once } from 'node:events';
import { createServer } from 'node:net';
import { z } from 'zod';

const serverAddressSchema = z.object({
  /** `host:port` of the gRPC service. */
  address: z.string().min(1),
  namespace: z.string().min(1),
  /** Whether the server is managed elsewhere. Its credentials stay in Temporal's own environment configuration. */
  external: z.boolean(),
  /** Temporal's ID of the embedded server's database, which distinguishes it from other servers on the same port. */
  clusterId: z.string().min(1).exactOptional(),
  /** Base URL of the web UI, without a trailing slash. */
  uiUrl: z.url().exactOptional(),
});

/** Address of a Temporal server, without credentials. */
export type ServerAddress = Readonly<z.infer<typeof serverAddressSchema>>;

/**
 * Reads the address from a message of the parent process. Other fields are ignored.
 *
 * @throws ZodError when the message contains no address.
 */
export function parseServerAddress(message: unknown): ServerAddress {
  return serverAddressSchema.parse(message);
}

/**
 * Finds a TCP port on 127.0.0.1 that is currently free.
 *
 * @param preferred - Used if it is free; 0 for any.
 */
export async function freePort(preferred: number): Promise<number> {
  return (await tryPort(preferred)) ?? (await tryPort(0)) ?? preferred;
}

async function tryPort(port: number): Promise<number | undefined> {
  const server = createServer();
  try {
    server.listen({ port, host: '127.0.0.1', exclusive: true });
    await once(server, 'listening');
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : undefined;
  } catch {
    return undefined;
  } finally {
    if (server.listening) {
      server.close();
      await once(server, 'close');
    }
  }
}
