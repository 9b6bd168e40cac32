import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { packageFile } from '../../config/package-files.ts';
import type { ZenodoConfig } from '../../config/schema.ts';
import { listArchive } from '../../toolkit/archive/read-archive.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { type HomeFolders, inside, makeFolder } from '../../toolkit/files/folders.ts';
import { RemoteArchive } from '../../toolkit/zenodo/download/fetch-members.ts';
import { RangeIgnored } from '../../toolkit/zenodo/download/fetch-pieces.ts';
import { HostRateLimiter, type HttpGet } from '../../toolkit/zenodo/http/http.ts';
import { tokenFor } from '../../toolkit/zenodo/http/http-headers.ts';
import { KnownRecords, recordOfMirror } from '../../toolkit/zenodo/record/local-record.ts';
import {
  encodedKey,
  fetchRecord,
  parseRecordId,
  type RecordFile,
  type ZenodoRecord,
} from '../../toolkit/zenodo/record/record.ts';
import { identifyArchives } from '../../toolkit/zenodo/record/record-files.ts';
import { serveRecord } from '../../toolkit/zenodo/serve-record.ts';

/** Gives access to a record: from the configured API, or from a loopback server for a local folder. */
export class RecordServers {
  readonly #home: Pick<HomeFolders, 'transfers' | 'records'>;
  readonly #running = new Map<string, Promise<{ api: string; close(): Promise<void> }>>();
  readonly #limiters = new Map<string, HostRateLimiter>();

  readonly #windowMs: number;

  /**
   * @param options - `windowMs`: period for the configured limit of requests, in ms. Default: one minute.
   */
  constructor(home: Pick<HomeFolders, 'transfers' | 'records'>, { windowMs = 60_000 } = {}) {
    this.#home = home;
    this.#windowMs = windowMs;
  }

  /** Requests the record and its files; without a network, uses the mirror's or an earlier answer. */
  async record(zenodo: ZenodoConfig, record: string, signal: AbortSignal): Promise<ZenodoRecord> {
    const api = await this.#apiOf(zenodo, record);
    if (zenodo.serveFrom !== undefined) {
      return this.#identified(zenodo, record, await fetchRecord({ api, record, signal }), signal);
    }
    const known = new KnownRecords(this.#home.records, zenodo.api);
    try {
      const asked = await fetchRecord({ ...this.#manners(zenodo, api), api, record, signal });
      const found = await this.#identified(zenodo, record, asked, signal);
      await known.remember(record, found);
      return found;
    } catch (error) {
      if (!(error instanceof ReigniteError) || !error.retryable) throw error;
      // A version never changes, so an earlier answer is still valid.
      const { mirror } = zenodo;
      const given = mirror === undefined ? undefined : await recordOfMirror(mirror, zenodo.api, record);
      const offline = given ?? (await known.recall(record));
      if (offline === undefined) throw error;
      return offline;
    }
  }

  /**
   * Returns an earlier answer of the API about the record; undefined if there is none, or if the record is served from
   * a local folder.
   */
  async known(zenodo: ZenodoConfig, record: string): Promise<ZenodoRecord | undefined> {
    if (zenodo.serveFrom !== undefined) return undefined;
    return new KnownRecords(this.#home.records, zenodo.api).recall(record);
  }

  /**
   * Returns the HTTP request for a file. A loopback server has a different port in every process, so its URLs are
   * rebuilt, and those in the history are not used.
   */
  async request(
    zenodo: ZenodoConfig,
    record: string,
    file: { readonly key: string; readonly url: string },
  ): Promise<HttpGet> {
    if (zenodo.serveFrom === undefined) return { ...this.#manners(zenodo, file.url), url: file.url };
    const api = await this.#apiOf(zenodo, record);
    const url = `${api}/records/${parseRecordId(record)}/files/${encodedKey(file.key)}/content`;
    return { ...this.#manners(zenodo, url), url };
  }

  /** Identifies archives with unknown names by their contents. */
  async #identified(
    zenodo: ZenodoConfig,
    asked: string,
    record: ZenodoRecord,
    signal: AbortSignal,
  ): Promise<ZenodoRecord> {
    const files = await identifyArchives(record.files, (file) => this.#pathsIn(zenodo, asked, file, signal));
    return { ...record, files };
  }

  async #pathsIn(zenodo: ZenodoConfig, record: string, file: RecordFile, signal: AbortSignal): Promise<string[]> {
    const mirrored = zenodo.mirror === undefined ? undefined : inside(zenodo.mirror, file.key);
    if (mirrored !== undefined && existsSync(mirrored)) {
      return (await listArchive(mirrored, { signal })).members.map(({ path }) => path);
    }
    const pieces = join(this.#home.transfers, `directory-of-${file.md5}`);
    await makeFolder(this.#home.transfers);
    try {
      const archive = await RemoteArchive.open({
        ...(await this.request(zenodo, record, file)),
        ...file,
        signal,
        pieces,
      });
      await archive.close();
      return archive.members.map(({ path }) => path);
    } catch (error) {
      // The server sends only whole files: the archive is unpacked by the paths in it.
      if (error instanceof RangeIgnored) return [];
      throw error;
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#running.values()].map(async (server) => (await server).close()));
    this.#running.clear();
  }

  async #apiOf(zenodo: ZenodoConfig, record: string): Promise<string> {
    if (zenodo.serveFrom === undefined) return zenodo.api;
    const inPackage = packageFile(zenodo.serveFrom);
    const folder = existsSync(inPackage) ? inPackage : resolve(zenodo.serveFrom);
    const started = this.#running.get(folder) ?? serveRecord({ folder, record });
    this.#running.set(folder, started);
    return (await started).api;
  }

  /** Requests to our own loopback server are not rate limited. */
  #manners(zenodo: ZenodoConfig, url: string): Omit<HttpGet, 'url'> {
    const stallMs = zenodo.stallTimeoutSeconds * 1_000;
    if (zenodo.serveFrom !== undefined) return { stallMs };
    return { stallMs, rateLimiter: this.#limiterFor(zenodo), token: tokenFor(url, zenodo.api) };
  }

  #limiterFor({ connections, requestsPerMinute }: ZenodoConfig): HostRateLimiter {
    const key = `${connections} ${requestsPerMinute}`;
    const known = this.#limiters.get(key);
    if (known !== undefined) return known;
    const limits = { connections, requests: requestsPerMinute, windowMs: this.#windowMs };
    const made = new HostRateLimiter({ folder: this.#home.transfers, ...limits });
    this.#limiters.set(key, made);
    return made;
  }
}
