import { stringify } from 'yaml';
import { z } from 'zod';
import { RunConfig } from '../../config/schema.ts';
import { loadConfig } from '../../runtime/load-config.ts';
import { EXIT, printDocument } from '../output.ts';

export interface ConfigOptions {
  readonly profile: string;
  readonly set: readonly string[];
  readonly schema?: boolean;
  readonly json?: boolean;
}

/** `reignite config`: the effective configuration, or the JSON Schema of every field. */
export async function configCommand(options: ConfigOptions): Promise<number> {
  if (options.schema) {
    printDocument(JSON.stringify(z.toJSONSchema(RunConfig, { io: 'input' }), null, 1));
    return EXIT.done;
  }
  const config = await loadConfig(options);
  printDocument(options.json ? JSON.stringify(config, null, 1) : stringify(config).trimEnd());
  return EXIT.done;
}
