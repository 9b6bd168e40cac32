import { readFile } from 'node:fs/promises';
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
});
const Compose = z.object({ services: z.record(z.string(), Service), volumes: z.record(z.string(), z.null()) });

describe('docker-compose.yml', async () => {
  const text = await readFile(new URL('../docker-compose.yml', import.meta.url), 'utf8');
  const { services, volumes } = Compose.parse(parse(text, { merge: true }));

  it('pins every image', () => {
    for (const { image } of Object.values(services)) expect(image).toMatch(/^[\w./-]+:\d+\.\d+(\.\d+)?$/);
  });

  it('opens ports on this machine alone', () => {
    const ports = Object.values(services).flatMap((service) => service.ports);
    expect(ports).toHaveLength(2);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  });

  it('gives no container more than it needs', () => {
    for (const [name, { build, ...service }] of Object.entries(services)) {
      expect(service.security_opt, name).toContain('no-new-privileges:true');
      // PostgreSQL starts as root and becomes another user.
      if (name !== 'postgresql') expect(service.cap_drop, name).toEqual(['ALL']);
      if (build !== undefined) expect(service.read_only, name).toBe(true);
    }
  });

  it('serves every task queue', () => {
    const served = Object.values(services).flatMap(({ command: [name, option, queues] }) =>
      name === 'worker' && option === '--queues' ? (queues?.split(',') ?? []) : [],
    );
    expect(new Set(served)).toEqual(new Set(QUEUES));
  });

  it('holds no secret, checks the health of what is waited for, and names its volumes', () => {
    expect(text).not.toMatch(/PASSWORD: (?!\$\{)/);
    expect(services['postgresql']?.healthcheck).toBeDefined();
    expect(services['temporal']?.healthcheck).toBeDefined();
    for (const { command, healthcheck } of Object.values(services))
      if (command[0] === 'worker') expect(healthcheck).toBeDefined();
    expect(Object.keys(volumes)).toEqual(['postgresql', 'home']);
  });
});
