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
  readonly postgresPort: number;
  readonly frontendPort: number;
  /** Folder that the image has as /etc/temporal/schema. */
  readonly schema: string;
}

/** A service of docker-compose.yml as it would run on this machine instead of in a container. */
export function composeService(name: string, { postgresPort, frontendPort, schema }: Here): ComposeService {
  const text = readFileSync(new URL('../docker-compose.yml', import.meta.url), 'utf8');
  const service = Compose.parse(parse(text, { merge: true })).services[name];
  if (service === undefined) throw new Error(`docker-compose.yml has no service ${name}.`);
  const local = (value: string) =>
    value
      .replaceAll('$$', '$')
      .replaceAll(/\$\{POSTGRES_PASSWORD:.*?\}/g, 'secret')
      .replaceAll('--endpoint postgresql --port 5432', `--endpoint 127.0.0.1 --port ${postgresPort}`)
      .replaceAll('/etc/temporal/schema', schema)
      .replaceAll('temporal:7233', `127.0.0.1:${frontendPort}`)
      .replace(/^postgresql$/, '127.0.0.1')
      .replace(/^5432$/, String(postgresPort));
  return {
    command: service.command.map(local),
    environment: Object.fromEntries(Object.entries(service.environment).map(([key, value]) => [key, local(value)])),
  };
}
