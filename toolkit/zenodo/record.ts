import { ReigniteError } from '../errors.ts';
import { asNetworkError, discard, type HttpReply, httpGet } from './http.ts';
import { refusalOf } from './http-status.ts';
import { parseRecordId } from './record-id.ts';
import { RecordJson } from './record-json.ts';

/** A file of a record, as published. */
export interface RecordFile {
  /** Its name in the record. */
  readonly key: string;
  /** In bytes. */
  readonly size: number;
  /** MD5 of its bytes, lower-case hex. */
  readonly md5: string;
  /** Where its bytes are. */
  readonly url: string;
}

export interface ZenodoRecord {
  readonly id: string;
  readonly doi?: string;
  readonly title?: string;
  readonly files: readonly RecordFile[];
}

export interface FetchRecordOptions {
  /** Root of the API, such as `https://zenodo.org/api`. */
  readonly api: string;
  /** Number, DOI or address of a record's version (not of all its versions). */
  readonly record: string | number;
  readonly userAgent?: string | undefined;
  readonly token?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly stallMs?: number | undefined;
}

/** A record with thousands of files is far below. */
const MAX_BYTES = 32 * 2 ** 20;

/**
 * Asks the API for a record and its files.
 *
 * @throws ReigniteError RECORD_NOT_FOUND, RECORD_INVALID (names the field), ACCESS_DENIED, RATE_LIMITED (with the
 *   wait the server asks for), NETWORK, or CONFIG_INVALID when `record` is no record.
 */
export async function fetchRecord(options: FetchRecordOptions): Promise<ZenodoRecord> {
  const id = parseRecordId(options.record);
  const url = `${options.api.replace(/\/+$/, '')}/records/${id}`;
  const reply = await httpGet({ ...options, url, headers: { accept: 'application/json' } });
  if (reply.status !== 200) {
    discard(reply);
    throw refusalOf(reply, 'RECORD_NOT_FOUND');
  }
  const record = parseRecord(parseJson(await readText(reply, options.signal), url), url);
  if (record.id !== id) {
    // The number of "all versions" leads to the newest one: a run would change its input by itself.
    const cause = `Record ${id} leads to record ${record.id}: ${id} stands for all versions.`;
    throw new ReigniteError('RECORD_INVALID', cause, { remedy: `Name one version, for example ${record.id}.` });
  }
  return record;
}

async function readText(reply: HttpReply, signal: AbortSignal | undefined): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of reply.body) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > MAX_BYTES)
        throw new ReigniteError('RECORD_INVALID', `${reply.url} is longer than ${MAX_BYTES} bytes.`);
    }
  } catch (error) {
    throw asNetworkError(error, reply.url, signal);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseJson(text: string, url: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ReigniteError('RECORD_INVALID', `${url} did not answer with JSON.`, { cause: error });
  }
}

function parseRecord(json: unknown, url: string): ZenodoRecord {
  const parsed = RecordJson.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const field = issue === undefined || issue.path.length === 0 ? 'the record' : issue.path.join('.');
    throw new ReigniteError('RECORD_INVALID', `${url}: ${field}: ${issue?.message ?? 'not understood'}.`, {
      cause: parsed.error,
    });
  }
  const { id, doi, title, files } = parsed.data;
  return {
    id,
    ...(doi === undefined ? {} : { doi }),
    ...(title === undefined ? {} : { title }),
    files: files.map(({ key, size, md5, link }) => ({
      key,
      size,
      md5,
      url: link === undefined ? `${url}/files/${encodeURIComponent(key)}/content` : new URL(link, url).href,
    })),
  };
}
