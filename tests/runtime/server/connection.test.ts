import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  connectionOptionsOf,
  connectTo,
  externalServer,
  freePort,
  parseServerAddress,
} from '../../../runtime/server/connection.ts';
import { startTestServer, type TestServer } from '../../support/temporal.ts';

let folder: string;
let server: TestServer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reignite-connection-'));
  server = await startTestServer();
});

afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

describe('externalServer', () => {
  it('is undefined if no variable names a server', () => {
    expect(externalServer({})).toBeUndefined();
    expect(externalServer({ TEMPORAL_ADDRESS: '', TEMPORAL_NAMESPACE: 'lab' })).toBeUndefined();
  });

  it('reads address and namespace from the environment', () => {
    const environment = { TEMPORAL_ADDRESS: 'temporal.lab:7233', TEMPORAL_NAMESPACE: 'ignite' };
    expect(externalServer(environment)).toEqual({ address: 'temporal.lab:7233', namespace: 'ignite', external: true });
    expect(externalServer({ TEMPORAL_ADDRESS: 'temporal.lab:7233' })?.namespace).toBe('default');
  });

  it('ignores a configuration file that is not named, and reads one that is', async () => {
    const file = join(folder, 'temporalio/temporal.toml');
    const named = join(folder, 'temporal.toml');
    await writeFile(named, '[profile.default]\naddress = "prod:7233"\nnamespace = "prod"\napi_key = "secret"\n');
    expect(externalServer({ HOME: folder, XDG_CONFIG_HOME: folder, UNUSED: file })).toBeUndefined();
    const environment = { TEMPORAL_CONFIG_FILE: named };
    const external = externalServer(environment);
    expect(external).toEqual({ address: 'prod:7233', namespace: 'prod', external: true });
    if (external === undefined) return;
    // The secret is in the options of the connection, never in the address that children are given.
    expect(connectionOptionsOf(external, environment)).toMatchObject({ apiKey: 'secret', tls: true });
    expect(JSON.stringify(parseServerAddress(external))).not.toContain('secret');
  });

  it('takes API key, TLS and metadata from the variables of all Temporal tools', async () => {
    const [certificate, key, authority] = ['client.pem', 'client.key', 'ca.pem'].map((name) => join(folder, name));
    for (const file of [certificate, key, authority]) await writeFile(file ?? '', `of ${file}`);
    const environment = {
      TEMPORAL_ADDRESS: 'cloud:7233',
      TEMPORAL_API_KEY: 'secret',
      TEMPORAL_TLS_SERVER_NAME: 'temporal.lab',
      TEMPORAL_TLS_CLIENT_CERT_PATH: certificate ?? '',
      TEMPORAL_TLS_CLIENT_KEY_PATH: key ?? '',
      TEMPORAL_TLS_SERVER_CA_CERT_PATH: authority ?? '',
      TEMPORAL_GRPC_META_LAB: 'tissue',
    };
    const external = externalServer(environment);
    expect(external).toMatchObject({ address: 'cloud:7233', external: true });
    if (external === undefined) return;
    const { tls, apiKey, metadata } = connectionOptionsOf(external, environment);
    expect({ apiKey, metadata }).toEqual({ apiKey: 'secret', metadata: { lab: 'tissue' } });
    if (typeof tls !== 'object' || tls === null) throw new Error('Expected settings of TLS.');
    const text = (bytes: Uint8Array = new Uint8Array()) => Buffer.from(bytes).toString();
    expect(tls.serverNameOverride).toBe('temporal.lab');
    expect(text(tls.serverRootCACertificate)).toBe(`of ${authority}`);
    expect(text(tls.clientCertPair?.crt)).toBe(`of ${certificate}`);
    expect(text(tls.clientCertPair?.key)).toBe(`of ${key}`);
  });

  it('rejects a configuration that cannot be read', async () => {
    const file = join(folder, 'broken.toml');
    await writeFile(file, '[profile.default\n');
    expect(() => externalServer({ TEMPORAL_CONFIG_FILE: file })).toThrow(
      expect.objectContaining({ code: 'TEMPORAL_UNREACHABLE' }),
    );
  });
});

describe('parseServerAddress', () => {
  it('keeps the address and removes what a worker must not know', () => {
    const address = { address: '127.0.0.1:7233', namespace: 'default', external: false, clusterId: '5f1c' };
    expect(parseServerAddress({ ...address, pid: 12, apiKey: 'secret' })).toEqual(address);
  });

  it('rejects anything else', () => {
    expect(() => parseServerAddress({ address: '' })).toThrow();
    expect(() => parseServerAddress(undefined)).toThrow();
  });
});

describe('connectTo', () => {
  it('reaches the embedded server even if the environment sets a proxy for everything', async () => {
    const dead = `http://127.0.0.1:${await freePort(0)}`;
    for (const name of ['grpc_proxy', 'https_proxy', 'http_proxy', 'HTTPS_PROXY']) vi.stubEnv(name, dead);
    try {
      const client = await connectTo(server);
      expect(client.options.namespace).toBe('default');
      await client.connection.close();
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('fails with TEMPORAL_UNREACHABLE and the address if nothing listens there', async () => {
    const address = `127.0.0.1:${await freePort(0)}`;
    const connecting = connectTo({ address, namespace: 'default', external: false }, { timeoutMs: 1_000 });
    await expect(connecting).rejects.toMatchObject({ code: 'TEMPORAL_UNREACHABLE' });
    await expect(connecting).rejects.toThrow(address);
  });

  it('keeps its time limit if a server accepts but does not answer', async () => {
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const bound = silent.address();
    const port = typeof bound === 'object' ? bound?.port : 0;
    const connecting = connectTo(
      { address: `127.0.0.1:${port}`, namespace: 'default', external: false },
      { timeoutMs: 1_000 },
    );
    await expect(connecting).rejects.toMatchObject({ code: 'TEMPORAL_UNREACHABLE' });
    silent.close();
  });

  it('names a namespace that the server does not have', async () => {
    const connecting = connectTo({ ...server, namespace: 'nowhere' });
    await expect(connecting).rejects.toMatchObject({ code: 'TEMPORAL_UNREACHABLE' });
    await expect(connecting).rejects.toThrow('nowhere');
  });

  it('rejects a call that is waiting to be repeated when its connection is closed', async () => {
    const { address, close } = await startRelay(server.address);
    const client = await connectTo({ ...server, address });
    const service = client.connection.workflowService;
    await close();
    const call = expect(service.getClusterInfo({})).rejects.toMatchObject({ code: CANCELLED });
    await expect(client.connection.withDeadline(Date.now() + 50, () => service.getClusterInfo({}))).rejects.toThrow();
    await client.connection.close();
    await call;
    await expect(service.getClusterInfo({})).rejects.toMatchObject({ code: CANCELLED });
  });
});

/** gRPC's status code of a call that its own side ended. */
const CANCELLED = 1;

/** Forwards connections to an address until it is closed, like a server that is lost. */
async function startRelay(address: string): Promise<{ readonly address: string; readonly close: () => Promise<void> }> {
  const sockets: Socket[] = [];
  const [host = '', port = ''] = address.split(':');
  const relay = createServer((from) => {
    const to = connect(Number(port), host);
    sockets.push(from, to);
    for (const socket of [from, to]) socket.on('error', () => socket.destroy());
    from.pipe(to).pipe(from);
  });
  const own = await freePort(0);
  await new Promise<void>((resolve) => relay.listen(own, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${own}`,
    async close() {
      const closed = new Promise((resolve) => relay.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
