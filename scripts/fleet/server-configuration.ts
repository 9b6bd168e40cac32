import { stringify } from 'yaml';

/** A Temporal server of one process on 127.0.0.1, on PostgreSQL without a password. */
export function serverConfiguration({
  postgresPort,
  ports,
  dynamic,
}: {
  readonly postgresPort: number;
  /** Ten that are free; the first one is the frontend's. */
  readonly ports: readonly number[];
  /** Path of the file of dynamic settings. */
  readonly dynamic: string;
}): string {
  const [frontend = 0, ...rest] = ports;
  const http = rest.pop();
  const store = (databaseName: string) => ({
    sql: {
      pluginName: 'postgres12',
      databaseName,
      connectAddr: `127.0.0.1:${postgresPort}`,
      connectProtocol: 'tcp',
      user: 'temporal',
      password: '',
      maxConns: 20,
      maxIdleConns: 20,
      maxConnLifetime: '1h',
    },
  });
  const service = (grpcPort = 0, membershipPort = 0) => ({ rpc: { grpcPort, membershipPort, bindOnLocalHost: true } });
  return stringify({
    log: { stdout: true, level: 'warn' },
    persistence: {
      defaultStore: 'default',
      visibilityStore: 'visibility',
      numHistoryShards: 4,
      datastores: { default: store('temporal'), visibility: store('temporal_visibility') },
    },
    global: { membership: { maxJoinDuration: '30s', broadcastAddress: '127.0.0.1' } },
    services: {
      frontend: { rpc: { ...service(frontend, rest[0]).rpc, httpPort: http } },
      matching: service(rest[1], rest[2]),
      history: service(rest[3], rest[4]),
      worker: service(rest[5], rest[6]),
    },
    clusterMetadata: {
      enableGlobalNamespace: false,
      failoverVersionIncrement: 10,
      masterClusterName: 'active',
      currentClusterName: 'active',
      clusterInformation: {
        active: { enabled: true, initialFailoverVersion: 1, rpcName: 'frontend', rpcAddress: `localhost:${frontend}` },
      },
    },
    dcRedirectionPolicy: { policy: 'noop' },
    dynamicConfigClient: { filepath: dynamic, pollInterval: '60s' },
  });
}
