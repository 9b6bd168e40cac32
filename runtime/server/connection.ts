import { once } from 'node:events';
import { createServer } from 'node:net';
import { InterceptingCall, Metadata, status } from '@grpc/grpc-js';
import {
  Client,
  Connection,
  type ConnectionOptions,
  defaultGrpcRetryOptions,
  makeGrpcRetryInterceptor,
  type WorkflowClientInterceptor,
  type WorkflowService,
} from '@temporalio/client';
import { type ClientConnectConfig, loadClientConnectConfig } from '@temporalio/envconfig';
import { z } from 'zod';
import { ReigniteError } from '../../toolkit/errors.ts';
import { allowPlaces, placesNamedIn } from '../../toolkit/files/allowed-places.ts';
import { type HomeFolders, homeFromEnvironment } from '../../toolkit/files/folders.ts';

/** gRPC's own proxy support would route even 127.0.0.1 through HTTPS_PROXY. */
const NO_PROXY_ARGUMENTS = { 'grpc.enable_http_proxy': 0 } as const;

export interface ConnectOptions {
  /** Time limit of the whole call in ms. @default 10000 */
  readonly timeoutMs?: number;
  /** Temporal's environment configuration; used for an external server. */
  readonly environment?: NodeJS.ProcessEnv;
  /**
   * The state directory whose workers may use the places that are named over this connection. @default that of the
   * environment
   */
  readonly home?: HomeFolders;
}

/**
 * Returns the server that Temporal's environment configuration names (`TEMPORAL_ADDRESS`, or the profile of
 * `TEMPORAL_PROFILE` or `TEMPORAL_CONFIG_FILE`), or undefined for the embedded one.
 *
 * A configuration file at its default path is ignored unless a variable names a server, so that a trial run cannot
 * reach a production cluster by accident.
 *
 * @throws ReigniteError TEMPORAL_UNREACHABLE when the configuration cannot be read.
 */
export function externalServer(environment: NodeJS.ProcessEnv = process.env): ServerAddress | undefined {
  const isAsked = ['TEMPORAL_ADDRESS', 'TEMPORAL_PROFILE', 'TEMPORAL_CONFIG_FILE'].some((name) => environment[name]);
  if (!isAsked) return undefined;
  const config = environmentConfig(environment);
  const address = config.connectionOptions.address;
  if (!address) return undefined;
  return { address, namespace: config.namespace ?? 'default', external: true };
}

/**
 * Returns options for `Connection.connect` and, except for the proxy argument, for `NativeConnection.connect`. API key,
 * TLS and metadata of an external server come from the environment; an embedded server has none.
 */
export function connectionOptionsOf(
  server: ServerAddress,
  environment: NodeJS.ProcessEnv = process.env,
): Pick<ConnectionOptions, 'address' | 'tls' | 'metadata'> & { readonly apiKey?: string } {
  if (!server.external) return { address: server.address };
  const { apiKey, tls, metadata } = environmentConfig(environment).connectionOptions;
  return {
    address: server.address,
    ...(typeof apiKey === 'string' ? { apiKey } : {}),
    ...(tls === undefined ? {} : { tls }),
    ...(metadata === undefined ? {} : { metadata }),
  };
}

/** A client of one server, with the connection to close after use. */
export type ServerClient = Client & {
  readonly connection: Connection;
  /** Checks that this server still answers. See `ensureSameServer`. */
  readonly ensureServer: () => Promise<void>;
};

/**
 * Connects and checks that the namespace exists. Close `client.connection` after use.
 *
 * @throws ReigniteError TEMPORAL_UNREACHABLE within the time limit, also when another server answers.
 */
export async function connectTo(
  server: ServerAddress,
  { timeoutMs = 10_000, environment = process.env, home = homeFromEnvironment() }: ConnectOptions = {},
): Promise<ServerClient> {
  const deadline = Date.now() + timeoutMs;
  const connection = await openConnection(server, timeoutMs, environment);
  try {
    await connection.withDeadline(deadline, () =>
      connection.workflowService.describeNamespace({ namespace: server.namespace }),
    );
    await connection.withDeadline(deadline, () => ensureSameServer(connection.workflowService, server));
  } catch (error) {
    await connection.close();
    if (error instanceof ReigniteError) throw error;
    throw unreachable(server, `The namespace ${server.namespace} of the Temporal server at ${server.address}`, error);
  }
  const { namespace } = server;
  const client = new Client({
    connection,
    namespace,
    identity: `reignite ${process.pid}`,
    interceptors: { workflow: [allowWhatIsStarted(home)] },
  });
  return Object.assign(client, {
    connection,
    ensureServer: () => ensureSameServer(connection.workflowService, server),
  });
}

/**
 * Checks that the answering server has the database of the expected embedded server. After that one has ended, the
 * server of another state directory may listen on the same port, and the connection would reconnect to it.
 *
 * @throws ReigniteError TEMPORAL_UNREACHABLE when another server answers; the call's error when none does.
 */
export async function ensureSameServer(
  service: Pick<WorkflowService, 'getClusterInfo'>,
  { address, clusterId }: ServerAddress,
): Promise<void> {
  if (clusterId === undefined) return;
  const found = await service.getClusterInfo({});
  if (found.clusterId === clusterId) return;
  throw new ReigniteError(
    'TEMPORAL_UNREACHABLE',
    `The embedded Temporal server at ${address} has ended, and another Temporal server now uses its address.`,
    { remedy: 'Run the same command again.' },
  );
}

/** Lets the workers of the state directory use the places that the input of a run names. */
const allowWhatIsStarted = (home: HomeFolders): WorkflowClientInterceptor => ({
  async startWithDetails(input, next) {
    await allowPlaces(home, placesNamedIn(input.options.args));
    return next(input);
  },
});

/**
 * Ends a call on a connection that is already closed with CANCELLED. The channel itself would throw, and the client
 * repeats failed calls in a timer, where nothing catches what is thrown: the process would end.
 */
const cancelOnClosedConnection: NonNullable<ConnectionOptions['interceptors']>[number] = (options, nextCall) => {
  try {
    return new InterceptingCall(nextCall(options));
  } catch (error) {
    return new InterceptingCall(cancelledCall(reason(error)));
  }
};

function cancelledCall(details: string): ConstructorParameters<typeof InterceptingCall>[0] {
  const nothing = () => undefined;
  return {
    start(_metadata, listener) {
      queueMicrotask(() => {
        listener?.onReceiveMessage?.(null);
        listener?.onReceiveStatus?.({ code: status.CANCELLED, details, metadata: new Metadata() });
      });
    },
    cancelWithStatus: nothing,
    getPeer: () => '',
    sendMessageWithContext: nothing,
    sendMessage: nothing,
    startRead: nothing,
    halfClose: nothing,
    getAuthContext: () => null,
  };
}

async function openConnection(
  server: ServerAddress,
  timeoutMs: number,
  environment: NodeJS.ProcessEnv,
): Promise<Connection> {
  const options = connectionOptionsOf(server, environment);
  try {
    return await Connection.connect({
      ...options,
      connectTimeout: timeoutMs,
      interceptors: [makeGrpcRetryInterceptor(defaultGrpcRetryOptions()), cancelOnClosedConnection],
      ...(server.external ? {} : { channelArgs: NO_PROXY_ARGUMENTS }),
    });
  } catch (error) {
    throw unreachable(server, `The Temporal server at ${server.address}`, error);
  }
}

function environmentConfig(environment: NodeJS.ProcessEnv): ClientConnectConfig {
  const variables = Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
  try {
    return loadClientConnectConfig({ overrideEnvVars: variables });
  } catch (error) {
    throw new ReigniteError('TEMPORAL_UNREACHABLE', `Temporal's configuration is not readable: ${reason(error)}.`, {
      cause: error,
      remedy: 'Correct the TEMPORAL_* variables or the file that TEMPORAL_CONFIG_FILE names.',
    });
  }
}

function unreachable({ external }: Pick<ServerAddress, 'external'>, what: string, error: unknown): ReigniteError {
  return new ReigniteError('TEMPORAL_UNREACHABLE', `${what} does not answer: ${reason(error)}.`, {
    cause: error,
    ...(!external && { remedy: 'Run the same command again, or first end the command that started the server.' }),
  });
}

function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'details' in error && typeof error.details === 'string' && error.details ? error.details : error.message;
}

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
