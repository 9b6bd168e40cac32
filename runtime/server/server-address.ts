import { once } from 'node:events';
import { createServer } from 'node:net';
import { z } from 'zod';

const serverAddressSchema = z.object({
  /** `host:port` of the gRPC service. */
  address: z.string().min(1),
  namespace: z.string().min(1),
  /** Whether the server is managed elsewhere. Secrets to reach it stay in Temporal's own environment configuration. */
  external: z.boolean(),
  /** Temporal's ID of the embedded server's database. Any other server on the same port has another one. */
  clusterId: z.string().min(1).exactOptional(),
  /** Root of the web UI, without a slash at the end. */
  uiUrl: z.url().exactOptional(),
});

/** Where a Temporal server is. Holds no secrets. */
export type ServerAddress = Readonly<z.infer<typeof serverAddressSchema>>;

/**
 * Reads the address in a message from the parent process. What else the message holds is left out.
 *
 * @throws ZodError when the message holds no address.
 */
export function parseServerAddress(message: unknown): ServerAddress {
  return serverAddressSchema.parse(message);
}

/**
 * A TCP port on 127.0.0.1 that is free at the moment.
 *
 * @param preferred - Taken when it is free; 0 for any.
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
