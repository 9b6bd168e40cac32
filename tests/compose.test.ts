import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { QUEUES } from '../config/tasks.ts';

const Service = z.object({
  image: z.string(),
  ports: z.array(z.string()).default([]),
  command: z.array(z.string()).default([]),
  healthcheck: z.unknown().optional(),
  build: z.string().optional(),
  read_only: z.boolean().optional(),
  cap_drop: z.array(z.string()).default([]),
  security_opt: z.array(z.string()).default([]),
  user: z.string().optional(),
  cap_add: z.array(z.string()).default([]),
  privileged: z.boolean().optional(),
  network_mode: z.string().optional(),
  profiles: z.array(z.string()).default([]),
  environment: z.record(z.string(), z.string()).default({}),
  labels: z.record(z.string(), z.string()).default({}),
  volumes: z.array(z.string()).default([]),
});
const Compose = z.object({ services: z.record(z.string(), Service), volumes: z.record(z.string(), z.null()) });

describe('docker-compose.yml', async () => {
  const text = await readFile(new URL('../docker-compose.yml', import.meta.url), 'utf8');
  const { services, volumes } = Compose.parse(parse(text, { merge: true }));

  it('pins every image', () => {
    for (const { image } of Object.values(services)) expect(image).toMatch(/^[\w./-]+:\d+\.\d+(\.\d+)?$/);
  });

  it('opens ports on this machine only', () => {
    const ports = Object.values(services).flatMap((service) => service.ports);
    expect(ports).toHaveLength(2);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  });

  it('gives containers no unnecessary privileges', () => {
    for (const [name, service] of Object.entries(services)) {
      expect(service.security_opt, name).toEqual(['no-new-privileges:true']);
      expect(service.cap_drop, name).toEqual(['ALL']);
      expect(service.read_only, name).toBe(true);
      expect(service.privileged, name).toBeUndefined();
      // The service that makes the certificate hands its key to the user of the database; it has no network.
      if (name !== 'certificate') expect(service.user, name).not.toBe('root');
      expect(service.cap_add, name).toEqual(name === 'certificate' ? ['CHOWN'] : []);
    }
    expect(services['certificate']?.network_mode).toBe('none');
  });

  it('lets the server and its schema connect to the database only with TLS and password', () => {
    expect(services['postgresql']?.command.join(' ')).toContain('-c ssl=on');
    expect(services['postgresql']?.command.join(' ')).toContain('-c hba_file=/certificates/pg_hba.conf');
    const rules = services['certificate']?.command
      .join('')
      .match(/printf '(.*)' > pg_hba\.conf/)?.[1]
      ?.split('\\n');
    expect(rules).toEqual(['local all all scram-sha-256', 'hostssl all all all scram-sha-256', '']);
    expect(services['temporal']?.environment).toMatchObject({
      SQL_TLS_ENABLED: 'true',
      SQL_HOST_VERIFICATION: 'true',
      SQL_CA: '/certificates/server.crt',
    });
    expect(services['schema']?.environment).toMatchObject({
      SQL_TLS: 'true',
      SQL_TLS_CA_FILE: '/certificates/server.crt',
    });
  });

  it('runs inference on the CPU or on a GPU, as set in .env, not on both', async () => {
    expect(services['inference']?.profiles).toEqual(['cpu']);
    expect(services['inference-gpu']?.profiles).toEqual(['gpu']);
    const example = await readFile(new URL('../.env.example', import.meta.url), 'utf8');
    expect(example).toMatch(/^COMPOSE_PROFILES=cpu$/m);
    // Compose itself refuses an .env without the variable.
    expect(services['orchestration']?.labels['inference']).toMatch(/^\$\{COMPOSE_PROFILES:\?.*cpu.*gpu.*\}$/);
    expect(services['orchestration']?.profiles).toEqual([]);
  });

  it('mounts no file of the checkout, whose modes depend on the umask', () => {
    const mounted = Object.values(services).flatMap((service) => service.volumes.map((volume) => volume.split(':')[0]));
    expect(mounted.filter((source) => source?.startsWith('.'))).toEqual([]);
  });

  it('serves every task queue', () => {
    const served = Object.values(services).flatMap(({ command: [name, option, queues] }) =>
      name === 'worker' && option === '--queues' ? (queues?.split(',') ?? []) : [],
    );
    expect(new Set(served)).toEqual(new Set(QUEUES));
  });

  it('contains no secret, checks the health of all dependencies, and names its volumes', () => {
    expect(text).not.toMatch(/PASSWORD: (?!\$\{)/);
    expect(services['postgresql']?.healthcheck).toBeDefined();
    expect(services['temporal']?.healthcheck).toBeDefined();
    for (const { command, healthcheck } of Object.values(services))
      if (command[0] === 'worker') expect(healthcheck).toBeDefined();
    expect(Object.keys(volumes)).toEqual(['postgresql', 'certificates', 'home', 'gpu']);
  });

  // Ten minutes with a container engine, which the other tests do not need.
  it.runIf(process.env['PROVE_COMPOSE'] === '1')('starts, and survives kills (only with PROVE_COMPOSE=1)', async () => {
    const script = fileURLToPath(new URL('../scripts/prove-compose.ts', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script]);
    expect(stdout).toMatch(/files bit for bit those/);
  });
});
