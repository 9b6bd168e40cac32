import { once } from 'node:events';
import { createServer } from 'node:net';
import { z } from 'zod';

/** Carries a server's address to a worker process. */
const VARIABLE = 'REIGNITE_TEMPORAL_SERVER';

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

/** Environment variables from which a child process reads the address again. */
export function addressToEnvironment(server: ServerAddress): Record<string, string> {
  return { [VARIABLE]: JSON.stringify(serverAddressSchema.parse(server)) };
}

/**
 * The address that the parent process gave; undefined when it gave none.
 *
 * @throws SyntaxError or ZodError when the variable holds something else.
 */
export function addressFromEnvironment(environment: NodeJS.ProcessEnv = process.env): ServerAddress | undefined {
  const text = environment[VARIABLE];
  return text ? serverAddressSchema.parse(JSON.parse(text)) : undefined;
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
