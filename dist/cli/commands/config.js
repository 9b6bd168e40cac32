import { stringify } from 'yaml';
import { z } from 'zod';
import { RunConfig } from '../../config/schema.js';
import { loadConfig } from '../config/load-config.js';
import { EXIT, printResult } from '../output.js';
/** `reignite config`: the effective configuration, or the JSON Schema of every field. */
export async function configCommand(options) {
    if (options.schema) {
        printResult(JSON.stringify(z.toJSONSchema(RunConfig, { io: 'input' }), null, 1));
        return EXIT.done;
    }
    const config = await loadConfig(options);
    printResult(options.json ? JSON.stringify(config, null, 1) : stringify(config).trimEnd());
    return EXIT.done;
}
