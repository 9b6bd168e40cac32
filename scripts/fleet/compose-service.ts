import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';

const Service = z.object({
  command: z.array(z.string()).default([]),
  environment: z.record(z.string(), z.string()).default({}),
});
const Compose = z.object({ services: z.record(z.string(), Service.loose()) });
export type ComposeService = z.infer<typeof Service>;

export interface Here {
  /** Host and port of PostgreSQL. */
  readonly postgres: { readonly host: string; readonly port: number };
  readonly password: string;
  /** Host and port of the Temporal server. */
  readonly frontend: string;
  /** Folder that is /etc/temporal/schema in the image. */
  readonly schema: string;
  /** Folder that is /certificates in the services. */
  readonly certificates: string;
}

/** Reads a service of docker-compose.yml and adapts it to run on this machine instead of in a container. */
export function composeService(name: string, here: Here): ComposeService {
  const text = readFileSync(new URL('../../docker-compose.yml', import.meta.url), 'utf8');
  const service = Compose.parse(parse(text, { merge: true })).services[name];
  if (service === undefined) throw new Error(`docker-compose.yml has no service ${name}.`);
  const { host, port } = here.postgres;
  const local = (value: string) =>
    value
      .replaceAll('$$', '$')
      .replaceAll(/\$\{POSTGRES_PASSWORD:.*?\}/g, here.password)
      .replaceAll('--endpoint postgresql --port 5432', `--endpoint ${host} --port ${port}`)
      .replaceAll('DNS:postgresql', `DNS:postgresql,IP:${host}`)
      .replaceAll('/etc/temporal/schema', here.schema)
      .replaceAll('/certificates', here.certificates)
      .replaceAll('temporal:7233', here.frontend);
  const environment = Object.fromEntries(
    Object.entries(service.environment).map(([key, value]) => [key, local(value)]),
  );
  if ('POSTGRES_SEEDS' in environment) Object.assign(environment, { POSTGRES_SEEDS: host, DB_PORT: String(port) });
  return { command: service.command.map(local), environment };
}
