import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import * as inputs from '../../activities/inputs.ts';
import * as predictionInputs from '../../activities/inputs.ts';
import { needAllowedPlaces } from '../../activities/interceptors.ts';
import { AllowedPlaces } from '../../toolkit/files/allowed-places.ts';
import { homeFolders } from '../../toolkit/files/folders.ts';
import { temporaryFolder } from '../support/in-temporary-folder.ts';

const TEXTS = ['cause', 'remedy', 'reason'];

/** Every place of a text in the JSON Schema of an input, as the names of the fields that lead there. */
function textsOf(schema: unknown, way: readonly string[] = []): (readonly string[])[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const { type, properties, items, anyOf, additionalProperties } = z
    .object({
      type: z.unknown().optional(),
      properties: z.record(z.string(), z.unknown()).default({}),
      items: z.unknown().optional(),
      anyOf: z.array(z.unknown()).default([]),
      additionalProperties: z.unknown().optional(),
    })
    .parse(schema);
  return [
    ...(type === 'string' ? [way] : []),
    ...Object.entries(properties).flatMap(([name, inner]) => textsOf(inner, [...way, name])),
    ...textsOf(items, [...way, '0']),
    ...textsOf(additionalProperties, [...way, 'he']),
    ...anyOf.flatMap((inner) => textsOf(inner, way)),
  ];
}

function inputWith(text: string, way: readonly string[]): unknown {
  return way.reduceRight<unknown>((inner, name) => (name === '0' ? [inner] : { [name]: inner }), text);
}

const schemas = Object.entries({ ...inputs, ...predictionInputs }).filter(([name]) => name.endsWith('Input'));

describe('an activity', () => {
  it.each(schemas)('accepts no place that was not allowed, in any field: %s', async (_name, schema) => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'outside'));
    const allowed = await AllowedPlaces.of(homeFolders(join(folder, 'home')));
    const answer = async (text: string, way: readonly string[]) => {
      const { execute } = needAllowedPlaces(allowed)();
      let ran = false;
      const next = async () => {
        ran = true;
      };
      const run = new MockActivityEnvironment().run(async () =>
        execute?.({ args: [inputWith(text, way)], headers: {} }, next),
      );
      const code = await run.then(
        () => 'none',
        (error: unknown) => z.object({ code: z.string() }).parse(error).code,
      );
      return ran ? 'ran' : code;
    };
    const ways = textsOf(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }));
    for (const way of ways.filter((names) => !TEXTS.includes(names.at(-1) ?? ''))) {
      const field = way.join('.');
      expect([field, await answer(join(folder, 'outside'), way)]).toEqual([field, 'PATH_NOT_ALLOWED']);
      expect([field, await answer('../../outside', way)]).toEqual([field, expect.stringMatching(/^PATH_/)]);
      expect([field, await answer('http://127.0.0.1:1/', way)]).toEqual([
        field,
        expect.stringMatching(/_NOT_ALLOWED$/),
      ]);
    }
    expect(await readdir(folder)).toEqual(['outside']);
  });
});
