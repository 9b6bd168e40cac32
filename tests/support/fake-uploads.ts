import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';

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
export class FakeUploads {
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
