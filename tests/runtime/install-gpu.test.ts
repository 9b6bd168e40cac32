import { createHash } from 'node:crypto';
import { lstat, mkdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { ZipFile } from 'yazl';
import { confirmDownload, gpuCommand } from '../../cli/maintain/providers.ts';
import { GPU_ORT_VERSION, GPU_WHEELS, type GpuWheel } from '../../runtime/gpu-libraries.ts';
import { installGpu, linkProvider, planGpuInstall, providerLinks } from '../../runtime/install-gpu.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { lockFile } from '../../toolkit/files/lease.ts';
import { ortVersion } from '../../toolkit/onnx/session/environment.ts';
import { faultServer } from '../support/fault-server.ts';
import { temporaryFolder } from '../support/in-temporary-folder.ts';

const LIBRARIES: Readonly<Record<string, string>> = {
  'onnxruntime/capi/libonnxruntime_providers_cuda.so': 'the provider'.repeat(50),
  'onnxruntime/capi/libonnxruntime_providers_shared.so': 'shared',
  'onnxruntime/capi/other.so': 'not wanted',
};

async function wheelOf(
  project: string,
  kind: GpuWheel['kind'],
  members: Readonly<Record<string, string>>,
  libraries: readonly string[],
): Promise<{ readonly wheel: GpuWheel; readonly content: Buffer }> {
  const zip = new ZipFile();
  for (const [name, text] of Object.entries(members)) zip.addBuffer(Buffer.from(text), name, { compress: false });
  zip.end();
  const content = await buffer(Readable.from(zip.outputStream));
  const digest = (algorithm: string) => createHash(algorithm).update(content).digest('hex');
  const wheel = {
    project,
    file: `${project}-1-py3-none-any.whl`,
    bytes: content.length,
    sha256: digest('sha256'),
    md5: digest('md5'),
    kind,
    libraries,
    unpackedBytes: 1000,
    licence: 'MIT',
  };
  return { wheel, content };
}

/** An index of two wheels; `cut` ends the first reply with a wheel after this number of bytes. */
async function setUp({ cut }: { readonly cut?: number } = {}) {
  const root = await temporaryFolder();
  const provider = await wheelOf('onnxruntime-gpu', 'provider', LIBRARIES, [
    'libonnxruntime_providers_cuda.so',
    'libonnxruntime_providers_shared.so',
  ]);
  const runtime = await wheelOf('nvidia-cuda-runtime', 'lib', { 'nvidia/cu13/lib/libcudart.so.13': 'cudart' }, [
    'libcudart.so.13',
  ]);
  const ranges: (string | undefined)[] = [];
  let isCut = cut !== undefined;
  const { url } = await faultServer((request, response) => {
    for (const { wheel, content } of [provider, runtime]) {
      if (request.url === `/simple/${wheel.project}/`) {
        response.end(JSON.stringify({ files: [{ filename: wheel.file, url: `../../files/${wheel.file}` }] }));
      } else if (request.url === `/files/${wheel.file}`) {
        ranges.push(request.headers.range);
        const isEnding = isCut;
        isCut = false;
        const part = join(root, 'cache', 'downloads', `${wheel.file}.part`);
        sendRange(response, content, request.headers.range, isEnding && cut !== undefined ? { cut, part } : undefined);
      }
    }
    if (!response.writableEnded && !response.headersSent) response.writeHead(404).end();
  });
  const binding = join(root, 'binding');
  await mkdir(binding);
  const options = {
    folder: join(root, 'cache'),
    binding,
    index: `${url}/simple`,
    wheels: [provider.wheel, runtime.wheel],
    packageFolders: [join(root, 'site-packages')],
  };
  return { root, options, ranges };
}

function sendRange(
  response: ServerResponse,
  content: Buffer,
  range: string | undefined,
  ending: { readonly cut: number; readonly part: string } | undefined,
): void {
  const from = Number(/bytes=(\d+)-/.exec(range ?? '')?.[1] ?? 0);
  const headers = { 'content-length': content.length - from, etag: '"1"', 'accept-ranges': 'bytes' };
  if (from > 0) {
    response.writeHead(206, { ...headers, 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` });
  } else response.writeHead(200, headers);
  if (ending === undefined) {
    response.end(content.subarray(from));
    return;
  }
  const { cut, part } = ending;
  response.write(content.subarray(0, cut));
  // A client may drop what it has not read when the connection ends, so it ends after the bytes are on disk.
  void vi
    .waitFor(async () => expect((await stat(part)).size).toBe(cut), { timeout: 300_000 })
    .finally(() => response.socket?.end());
}

describe('gpu install', () => {
  it('pins a provider built from the commit of the installed ONNX Runtime', () => {
    expect(GPU_ORT_VERSION).toBe(ortVersion());
    for (const { sha256, md5, bytes } of GPU_WHEELS) {
      expect(sha256).toMatch(/^[0-9a-f]{64}$/);
      expect(md5).toMatch(/^[0-9a-f]{32}$/);
      expect(bytes).toBeGreaterThan(0);
    }
  });

  it('extracts the libraries from verified wheels and links the provider to the binding', async () => {
    const { options } = await setUp();
    const plan = await planGpuInstall(options);
    expect(plan.wheels.map(({ how }) => how)).toEqual(['downloaded', 'downloaded']);
    expect(plan.downloadBytes).toBe(options.wheels.reduce((sum, { bytes }) => sum + bytes, 0));
    await installGpu(plan, options);
    expect(await readFile(join(options.folder, 'lib', 'libcudart.so.13'), 'utf8')).toBe('cudart');
    const provider = join(options.binding, 'libonnxruntime_providers_cuda.so');
    expect(await readFile(provider, 'utf8')).toBe(LIBRARIES['onnxruntime/capi/libonnxruntime_providers_cuda.so']);
    expect((await lstat(provider)).isSymbolicLink()).toBe(true);
    expect(await providerLinks(options.folder, options.binding)).toHaveLength(2);
    const again = await planGpuInstall(options);
    expect(again.wheels.map(({ how }) => how)).toEqual(['installed', 'installed']);
    expect(again.downloadBytes).toBe(0);
  });

  it('links the libraries of Python packages, and downloads the rest', async () => {
    const { root, options } = await setUp();
    const place = join(root, 'site-packages', 'nvidia', 'cu13', 'lib');
    await mkdir(place, { recursive: true });
    await writeFile(join(place, 'libcudart.so.13'), 'of PyTorch');
    const plan = await planGpuInstall(options);
    expect(plan.wheels.map(({ how }) => how)).toEqual(['downloaded', 'linked']);
    await installGpu(plan, options);
    expect(await readlink(join(options.folder, 'lib', 'libcudart.so.13'))).toBe(join(place, 'libcudart.so.13'));
    const record = JSON.parse(await readFile(join(options.folder, 'installed.json'), 'utf8'));
    expect(record['libcudart.so.13']).toEqual({ link: join(place, 'libcudart.so.13') });
    expect((await planGpuInstall(options)).wheels.map(({ how }) => how)).toEqual(['installed', 'installed']);
    await rm(place, { recursive: true });
    expect((await planGpuInstall(options)).wheels.map(({ how }) => how)).toEqual(['installed', 'downloaded']);
  });

  it('replaces a library of an earlier wheel by a link to a Python package', async () => {
    const { root, options } = await setUp();
    await installGpu(await planGpuInstall(options), options);
    const place = join(root, 'site-packages', 'nvidia', 'cu13', 'lib');
    await mkdir(place, { recursive: true });
    await writeFile(join(place, 'libcudart.so.13'), 'of PyTorch');
    const wheels = options.wheels.map((wheel) => (wheel.kind === 'lib' ? { ...wheel, sha256: '0'.repeat(64) } : wheel));
    const newer = { ...options, wheels };
    await installGpu(await planGpuInstall(newer), newer);
    expect(await readFile(join(options.folder, 'lib', 'libcudart.so.13'), 'utf8')).toBe('of PyTorch');
  });

  it('is refused while another process installs, and does not download what that one installed', async () => {
    const { options, ranges } = await setUp();
    const plan = await planGpuInstall(options);
    const lock = await lockFile(join(options.folder, 'install.lock'), 'The folder');
    await expect(installGpu(plan, options)).rejects.toMatchObject({ code: 'FILE_LOCKED' });
    expect(ranges).toEqual([]);
    await lock.release();
    await installGpu(plan, options);
    await installGpu(plan, options);
    expect(ranges).toHaveLength(2);
  });

  it('reports an index that is not a URL, and one that answers something else', async () => {
    const { options } = await setUp();
    await expect(planGpuInstall({ ...options, index: 'foo' })).rejects.toMatchObject({
      code: 'USAGE',
      remedy: expect.stringContaining('--index'),
    });
    const plan = await planGpuInstall(options);
    const { url } = await faultServer((_, response) => response.end('{"files": 1}'));
    await expect(installGpu(plan, { ...options, index: url })).rejects.toMatchObject({
      code: 'NETWORK',
      remedy: expect.stringContaining('--index'),
    });
  });

  it('keeps the links that a container image has from the start', async () => {
    const { options } = await setUp();
    await linkProvider(options.folder, options.binding, options.wheels);
    const links = await providerLinks(options.folder, options.binding);
    expect(links).toHaveLength(2);
    const before = await Promise.all(links.map(async (path) => (await lstat(path)).ino));
    await installGpu(await planGpuInstall(options), options);
    expect(await Promise.all(links.map(async (path) => (await lstat(path)).ino))).toEqual(before);
    for (const path of links) expect((await stat(path)).isFile()).toBe(true);
  });

  it('resumes an interrupted download', async () => {
    const { options, ranges } = await setUp({ cut: 300 });
    await expect(installGpu(await planGpuInstall(options), options)).rejects.toMatchObject({ code: 'NETWORK' });
    await installGpu(await planGpuInstall(options), options);
    expect(ranges).toEqual([undefined, 'bytes=300-', undefined]);
  });

  it('installs nothing from a wheel that is not the pinned one', async () => {
    const { options } = await setUp();
    const wheels = options.wheels.map((wheel) => ({ ...wheel, sha256: '0'.repeat(64) }));
    const plan = await planGpuInstall({ ...options, wheels });
    await expect(installGpu(plan, options)).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH' });
    expect(await providerLinks(options.folder, options.binding)).toEqual([]);
    expect((await planGpuInstall(options)).wheels.map(({ how }) => how)).toEqual(['downloaded', 'downloaded']);
  });

  it('asks at a terminal: only yes confirms, Ctrl-D means no, and Ctrl-C interrupts the command', async () => {
    const stop = new AbortController();
    const kill = vi.spyOn(process, 'kill').mockImplementation(() => {
      stop.abort(new ReigniteError('CANCELLED', 'The command received SIGINT.'));
      return true;
    });
    onTestFinished(() => kill.mockRestore());
    const typed = (keys: string) => {
      const input = Object.assign(new PassThrough(), { isTTY: true });
      const asked = confirmDownload(stop.signal, input, new PassThrough().resume());
      input.write(keys);
      return asked;
    };
    await typed('yes\r');
    await expect(typed('\r')).rejects.toMatchObject({ code: 'USAGE' });
    await expect(typed('\u0004')).rejects.toMatchObject({ code: 'USAGE' });
    expect(kill).not.toHaveBeenCalled();
    await expect(typed('\u0003')).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(kill).toHaveBeenCalledWith(process.pid, 'SIGINT');
  });

  it('downloads nothing before size and licence are accepted', async () => {
    const { options, ranges } = await setUp();
    const { signal } = new AbortController();
    expect(await gpuCommand({ dryRun: true }, signal, options)).toBe(0);
    await expect(gpuCommand({}, signal, options)).rejects.toMatchObject({ code: 'USAGE' });
    expect(ranges).toEqual([]);
  });
});
