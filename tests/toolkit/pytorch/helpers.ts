import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { type ErrorCode, ReigniteError } from '../../../toolkit/errors.ts';
import { ByteReader, bytesSource } from '../../../toolkit/pytorch/pickle/pickle-bytes.ts';
import { PickleContext } from '../../../toolkit/pytorch/pickle/pickle-context.ts';
import { unpickle } from '../../../toolkit/pytorch/pickle/unpickle.ts';
import type { PickleValue } from '../../../toolkit/pytorch/pickle/value.ts';
import { StorageTable } from '../../../toolkit/pytorch/tensors/rebuild-tensor.ts';

/** The path of a fixture. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(`../../fixtures/pytorch/${name}`, import.meta.url));
}

/** Bytes from texts (a character is a byte) and bytes, in a row. */
export function bytes(...parts: readonly (string | Uint8Array)[]): Uint8Array<ArrayBuffer> {
  const whole = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)));
  return new Uint8Array(whole);
}

/** `value` as `size` bytes, lowest first. */
export function little(value: number | bigint, size: 1 | 2 | 4 | 8): Uint8Array {
  const buffer = Buffer.alloc(8);
  buffer.writeBigInt64LE(BigInt.asIntN(64, BigInt(value)));
  return buffer.subarray(0, size);
}

/** A text as SHORT_BINUNICODE. */
export function text(value: string): Uint8Array {
  const content = Buffer.from(value, 'utf8');
  return bytes('\x8c', little(content.byteLength, 1), content);
}

export interface ReadOptions {
  readonly inspect?: boolean;
  /** Whether persistent ids are PyTorch's storages. */
  readonly torch?: boolean;
}

/** Reads a pickle from its parts. */
export function read(parts: readonly (string | Uint8Array)[], options: ReadOptions = {}): PickleValue {
  return readWithContext(parts, options).value;
}

export function readWithContext(parts: readonly (string | Uint8Array)[], options: ReadOptions = {}) {
  const context = new PickleContext('test.pkl', options.inspect ?? false);
  const reader = new ByteReader(bytesSource(bytes(...parts)), context);
  const table = new StorageTable(context);
  const value = options.torch ? unpickle(reader, context, (id) => table.load(id)) : unpickle(reader, context);
  return { value, context, reader, table };
}

/** Expects a ReigniteError of this code, with this in its message. */
export function expectRefusal(action: () => unknown, code: ErrorCode, message: string | RegExp): void {
  let caught: unknown;
  try {
    action();
  } catch (error) {
    caught = error;
  }
  expectError(caught, code, message);
}

export async function expectRejection(
  promise: Promise<unknown>,
  code: ErrorCode,
  message: string | RegExp,
): Promise<void> {
  const caught: unknown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  expectError(caught, code, message);
}

function expectError(caught: unknown, code: ErrorCode, message: string | RegExp): void {
  expect(caught).toBeInstanceOf(ReigniteError);
  if (!(caught instanceof ReigniteError)) return;
  expect(caught.message).toMatch(message);
  expect(caught.code).toBe(code);
}
