import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createProgram } from '../../cli/main.ts';
import { RunConfig } from '../../config/schema.ts';
import { ERRORS } from '../../toolkit/errors.ts';
import { markdownFiles, readMarkdown } from './markdown.ts';

const program = createProgram({ signal: new AbortController().signal, exitWith: () => undefined });

/** What is wrong with a command as a page shows it: an unknown command, or an option that it does not take. */
function faultOf(shown: string): string | undefined {
  const words = shown.split(/\s+/).slice(2);
  let command: Command = program;
  for (const word of words) {
    const child = command.commands.find((each) => each.name() === word);
    if (child === undefined) break;
    command = child;
  }
  if (command === program) return words.length === 0 || /^(?:-|[A-Z]+$)/.test(words[0] ?? '') ? undefined : shown;
  const known = [...command.options.flatMap(({ long, short }) => [long, short]), '--help'];
  return words.some((word) => word.startsWith('--') && !known.includes(word.split('=')[0])) ? shown : undefined;
}

function shownCommands(text: string): readonly string[] {
  return [...text.matchAll(/npx reignite(?: [^`|'"\\\n]*)?/g)].map(([found]) =>
    found.replace(/\s*(?:#|\$).*$/, '').trim(),
  );
}

function fieldsOf(schema: unknown, path = ''): readonly string[] {
  const { properties } = z.object({ properties: z.record(z.string(), z.unknown()).optional() }).parse(schema);
  if (properties === undefined) return [path];
  return [
    path,
    ...Object.entries(properties).flatMap(([name, child]) => fieldsOf(child, path === '' ? name : `${path}.${name}`)),
  ];
}

const SECTIONS = Object.keys(RunConfig.shape);
const FIELDS = fieldsOf(z.toJSONSchema(RunConfig, { io: 'input' }));

describe.each(markdownFiles())('%s', (page) => {
  const text = readMarkdown(page);

  it('shows commands and options that exist', () => {
    expect(shownCommands(text).flatMap((shown) => faultOf(shown) ?? [])).toEqual([]);
  });

  it('names configuration fields that exist', () => {
    const set = [...text.matchAll(/--set ([a-z][A-Za-z0-9.]+)=/g)].map(([, field = '']) => field);
    const spans = [...text.matchAll(/`([a-z0-9]+\.[A-Za-z0-9.]+)(?:=[^`]*)?`/g)].map(([, field = '']) => field);
    const named = spans.filter(
      (field) => SECTIONS.includes(field.split('.')[0] ?? '') && !/\.(ts|js|json)$/.test(field),
    );
    expect([...set, ...named].filter((field) => field !== 'a.b' && !FIELDS.includes(field))).toEqual([]);
  });

  it('names error codes that exist', () => {
    const codes = [...text.matchAll(/`([A-Z][A-Z]+(?:_[A-Z]+)+)`/g)].map(([, code = '']) => code);
    const settings =
      /^(TEMPORAL|REIGNITE|APPTAINER|HTTPS?|NO|NVIDIA|PEER|TRY)_(ADDRESS|HOME|OPENSLIDE|PROXY|CLI|TLS|TF|PYTHON|CANCEL|IMAGE|BIND)/;
    expect(codes.filter((code) => !settings.test(code) && !(code in ERRORS))).toEqual([]);
  });
});
