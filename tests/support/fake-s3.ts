import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { onTestFinished } from 'vitest';
import type { S3StoreOptions } from '../../toolkit/storage/s3-store.ts';
/** A fault that replaces the correct answer to a request. */
export type BucketFault =
  /** The account is not allowed to do this. */
  | 403
  /** The server does not support this request. */
  | 405
  | 501
  | 500
  | 503
  /** The connection ends before the answer; the object is not written. */
  | 'cut'
  /** The connection ends in the middle of the object. */
  | 'half'
  /** The object is written, but the answer is lost. */
  | 'lost reply'
  /** An existing object is not visible yet. */
  | 'stale';

export interface FakeRequest {
  readonly method: string;
  /** Without the bucket. */
  readonly key: string;
  /** Query parameters, such as `partNumber=2&uploadId=1`. */
  readonly query: URLSearchParams;
}

export interface FakeS3 {
  /** Options for `openS3Store` to reach it. */
  readonly options: S3StoreOptions;
  /** By key, without the bucket. */
  readonly objects: Map<string, Buffer>;
  /** Multipart uploads that are not completed. */
  readonly uploads: FakeUploads;
  readonly requests: FakeRequest[];
  /** Bytes of objects that were read, by key. */
  readonly sent: Map<string, number>;
  /** Called for every request; undefined means the correct answer. */
  fault: (request: FakeRequest) => BucketFault | undefined;
}

/** Starts a server in this process for the few S3 requests that reignite makes. It ends with the test. */
export async function startFakeS3(): Promise<FakeS3> {
  const state: FakeS3 = {
    options: {},
    objects: new Map(),
    uploads: new FakeUploads(),
    requests: [],
    sent: new Map(),
    fault: () => undefined,
  };
  const server = createServer((request, response) => {
    // An aborted client closes its connection.
    answer(state, request, response).catch(() => request.socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return Object.assign(state, {
    options: {
      retries: { attempts: 4, firstMs: 1, longestMs: 2 },
      client: {
        endpoint: `http://127.0.0.1:${port}`,
        region: 'us-east-1',
        credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      },
    },
  });
}

async function answer(state: FakeS3, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = decodeURIComponent((request.url ?? '').split('?')[0] ?? '');
  const query = new URLSearchParams((request.url ?? '').split('?')[1]);
  const asked: FakeRequest = { method: request.method ?? '', key: path.split('/').slice(2).join('/'), query };
  const body = await bodyOf(request);
  state.requests.push(asked);
  const fault = state.fault(asked);
  if (fault === 'cut') return void request.socket.destroy();
  if (fault === 403) return fail(response, fault, 'AccessDenied');
  if (fault === 405 || fault === 501)
    return fail(response, fault, fault === 405 ? 'MethodNotAllowed' : 'NotImplemented');
  if (fault === 500 || fault === 503) return fail(response, fault, fault === 503 ? 'SlowDown' : 'InternalError');
  if (fault === 'lost reply') {
    if (state.uploads.answer(asked, body, state.objects) === undefined) carryOut(state, asked, request, body);
    return void request.socket.destroy();
  }
  const multipart = state.uploads.answer(asked, body, state.objects);
  if (multipart !== undefined) return multipart.send(response);
  const isStale = fault === 'stale' && (asked.method === 'GET' || asked.method === 'HEAD');
  const { status, object } = isStale ? { status: 404, object: undefined } : carryOut(state, asked, request, body);
  if (status >= 400) return fail(response, status, status === 404 ? 'NoSuchKey' : 'PreconditionFailed');
  if (object === undefined) return void response.writeHead(status, { ETag: '"etag"' }).end();
  response.writeHead(status, { 'Content-Length': object.length, ETag: '"etag"' });
  if (asked.method === 'HEAD') return void response.end();
  if (fault === 'half') {
    response.write(object.subarray(0, Math.floor(object.length / 2)), () => request.socket.destroy());
    return;
  }
  state.sent.set(asked.key, (state.sent.get(asked.key) ?? 0) + object.length);
  response.end(object);
}

function carryOut(
  { objects }: FakeS3,
  { method, key }: FakeRequest,
  { headers }: IncomingMessage,
  body: Buffer,
): { readonly status: number; readonly object?: Buffer } {
  const found = objects.get(key);
  if (method === 'PUT') {
    if (headers['if-none-match'] === '*' && found !== undefined) return { status: 412 };
    const sum = headers['x-amz-checksum-sha256'];
    if (sum !== undefined && sum !== createHash('sha256').update(body).digest('base64')) return { status: 400 };
    objects.set(key, body);
    return { status: 200 };
  }
  if (method === 'DELETE') {
    objects.delete(key);
    return { status: 204 };
  }
  return found === undefined ? { status: 404 } : { status: 200, object: found };
}

function fail(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'Content-Type': 'application/xml' });
  response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`);
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

interface Part {
  readonly body: Buffer;
  readonly etag: string;
}

interface Upload {
  readonly key: string;
  readonly parts: Map<number, Part>;
}

interface Asked {
  readonly method: string;
  readonly key: string;
  readonly query: URLSearchParams;
}

interface Answer {
  send(response: ServerResponse): void;
}

/** Answers the requests of multipart uploads like an S3 server. */
class FakeUploads {
  /** Whether the ETag of a part is the MD5 of its content, as on servers that do not encrypt with custom keys. */
  hasMd5 = true;
  readonly #open = new Map<string, Upload>();
  #count = 0;

  /** Keys of the uploads that are neither completed nor aborted. */
  get keys(): readonly string[] {
    return [...this.#open.values()].map(({ key }) => key);
  }

  /** @returns Undefined for a request that is not about an upload. */
  answer({ method, key, query }: Asked, body: Buffer, objects: Map<string, Buffer>): Answer | undefined {
    if (query.has('uploads')) return method === 'POST' ? this.#create(key) : this.#list(query.get('prefix') ?? '');
    const id = query.get('uploadId');
    if (id === null) return undefined;
    const upload = this.#open.get(id);
    if (upload === undefined) return xml(404, '<Error><Code>NoSuchUpload</Code><Message>gone</Message></Error>');
    if (method === 'PUT') {
      const etag = this.hasMd5 ? md5Of(body) : `"${++this.#count}"`;
      upload.parts.set(Number(query.get('partNumber')), { body, etag });
      return { send: (response) => void response.writeHead(200, { ETag: etag }).end() };
    }
    if (method === 'GET') return this.#parts(upload);
    if (method === 'POST' && objects.has(key)) {
      return xml(412, '<Error><Code>PreconditionFailed</Code><Message>there</Message></Error>');
    }
    if (method === 'DELETE') {
      this.#open.delete(id);
      return xml(204, '');
    }
    const named = partsNamed(body.toString());
    const parts = named.flatMap(({ number, etag }) => upload.parts.get(number) ?? [{ body, etag: `not ${etag}` }]);
    if (parts.some(({ etag }, index) => etag !== named[index]?.etag)) {
      return xml(400, '<Error><Code>InvalidPart</Code><Message>not found</Message></Error>');
    }
    this.#open.delete(id);
    objects.set(key, Buffer.concat(parts.map((part) => part.body)));
    return xml(200, `<CompleteMultipartUploadResult><Key>${key}</Key></CompleteMultipartUploadResult>`);
  }

  #create(key: string): Answer {
    const id = `upload-${++this.#count}`;
    this.#open.set(id, { key, parts: new Map() });
    const result = `<Key>${key}</Key><UploadId>${id}</UploadId>`;
    return xml(200, `<InitiateMultipartUploadResult>${result}</InitiateMultipartUploadResult>`);
  }

  #list(prefix: string): Answer {
    const open = [...this.#open].filter(([, { key }]) => key.startsWith(prefix));
    const uploads = open.map(([id, { key }]) => `<Upload><Key>${key}</Key><UploadId>${id}</UploadId></Upload>`);
    return xml(200, `<ListMultipartUploadsResult>${uploads.join('')}</ListMultipartUploadsResult>`);
  }

  #parts({ parts }: Upload): Answer {
    const listed = [...parts].map(
      ([number, { body, etag }]) =>
        `<Part><PartNumber>${number}</PartNumber><ETag>${etag}</ETag><Size>${body.length}</Size></Part>`,
    );
    return xml(200, `<ListPartsResult>${listed.join('')}<IsTruncated>false</IsTruncated></ListPartsResult>`);
  }
}

function xml(status: number, text: string): Answer {
  const send = (response: ServerResponse) =>
    void response
      .writeHead(status, { 'Content-Type': 'application/xml' })
      .end(text === '' ? text : `<?xml version="1.0"?>${text}`);
  return { send };
}

/** Returns the parts in a request that completes an upload. */
function partsNamed(request: string): { readonly number: number; readonly etag: string }[] {
  return [...request.matchAll(/<Part>.*?<\/Part>/gs)].map(([part]) => ({
    number: Number(/<PartNumber>(\d+)</.exec(part)?.[1]),
    etag: (/<ETag>(.*?)</.exec(part)?.[1] ?? '').replaceAll('&quot;', '"'),
  }));
}

function md5Of(body: Buffer): string {
  return `"${createHash('md5').update(body).digest('hex')}"`;
}
