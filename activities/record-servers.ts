import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { z } from 'zod';
import type { ZenodoConfig } from '../config/schema.ts';
import { parseRecordId } from '../toolkit/zenodo/record-id.ts';
import { serveRecord } from '../toolkit/zenodo/serve-record.ts';

type Zenodo = z.infer<typeof ZenodoConfig>;

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));

/** Gives the API address of a record: the configured one, or a loopback server over a folder of files. */
export class RecordServers {
  readonly #running = new Map<string, Promise<{ api: string; close(): Promise<void> }>>();

  async apiOf(zenodo: Zenodo, record: string): Promise<string> {
    if (zenodo.serve === undefined) return zenodo.api;
    const inPackage = join(PACKAGE, zenodo.serve);
    const folder = existsSync(inPackage) ? inPackage : resolve(zenodo.serve);
    const started = this.#running.get(folder) ?? serveRecord({ folder, record });
    this.#running.set(folder, started);
    return (await started).api;
  }

  /**
   * Where a file is fetched from. A loopback server has another port in every process, so that its addresses are
   * made anew and the ones in the history are not used.
   */
  async urlOf(zenodo: Zenodo, record: string, file: { readonly key: string; readonly url: string }): Promise<string> {
    if (zenodo.serve === undefined) return file.url;
    const api = await this.apiOf(zenodo, record);
    return `${api}/records/${parseRecordId(record)}/files/${encodeURIComponent(file.key)}/content`;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#running.values()].map(async (server) => (await server).close()));
    this.#running.clear();
  }
}
