import { join } from 'node:path';
import type { z } from 'zod';
import { ReigniteError } from '../errors.ts';
import { readJsonFile, readJsonIfValid, writeJsonFile } from '../files/text-file.ts';
import { escapedForRegExp } from '../format.ts';

/** One string per `<name>` of a path: `verdict/<task>.json` takes a task. */
export type NamesOf<Path extends string> = Path extends `${string}<${string}>${infer Rest}`
  ? [string, ...NamesOf<Rest>]
  : [];

/** Patterns of names that are not any single part of a path: a task's folder may have two parts, such as pdl1/nuclei. */
const ALLOWED: Readonly<Record<string, string>> = { task: '[^/.]+', folder: '.+' };

/** Returns the source of a regular expression that matches a path with any names in place of its placeholders. */
export function patternOf(path: string): string {
  return escapedForRegExp(path).replaceAll(/<(\w+)>/g, (_, name: string) => ALLOWED[name] ?? '[^/]+');
}

/** Names no command, since a results folder is mostly read by another command than the one that wrote it. */
const REMEDY = 'Check that the folder is the right one. If it is, run the command that wrote it again.';

/** Description of a file in a results folder. */
export interface ResultsEntry {
  readonly path: string;
  readonly about: string;
  readonly writer: string;
  covers(path: string): boolean;
}

/** A file, or a group of files, of a results folder. */
export class ResultsFile<Path extends string> implements ResultsEntry {
  readonly path: Path;
  readonly about: string;
  readonly writer: string;

  /**
   * @param path - Relative to the results folder, with placeholders such as `<task>`.
   * @param about - Its contents, as described in docs/outputs.md and the RO-Crate.
   * @param writer - Source file that writes it.
   */
  constructor(path: Path, about: string, writer: string) {
    this.path = path;
    this.about = about;
    this.writer = writer;
  }

  /** Returns the path relative to the results folder, with names in place of the placeholders. */
  named(...names: NamesOf<Path>): string {
    const given: unknown[] = [...names];
    return this.path.replaceAll(/<\w+>/g, () => String(given.shift()));
  }

  /** Returns the path in a results folder. */
  in(results: string, ...names: NamesOf<Path>): string {
    return join(results, this.named(...names));
  }

  /** Whether a path, relative to a results folder, belongs to this entry. */
  covers(path: string): boolean {
    return new RegExp(`^${patternOf(this.path)}$`).test(path);
  }
}

/** A JSON file of a results folder, with its schema. */
export class JsonResultsFile<Path extends string, Schema extends z.ZodType> extends ResultsFile<Path> {
  readonly schema: Schema;

  /** @param schema - Schema of the content; `z.unknown()` if it depends on the kind of task. */
  constructor(path: Path, about: string, writer: string, schema: Schema) {
    super(path, about, writer);
    this.schema = schema;
  }

  /**
   * Reads the file.
   *
   * @returns Undefined if the file does not exist.
   * @throws ReigniteError FILE_DAMAGED when it does not match the schema.
   */
  async readIfThere(results: string, ...names: NamesOf<Path>): Promise<z.output<Schema> | undefined> {
    return readJsonFile(this.in(results, ...names), this.schema, { remedy: REMEDY });
  }

  /**
   * Reads a file that must exist.
   *
   * @throws ReigniteError FILE_MISSING if it does not exist, FILE_DAMAGED when it does not match the schema.
   */
  async read(results: string, ...names: NamesOf<Path>): Promise<z.output<Schema>> {
    const value = await this.readIfThere(results, ...names);
    if (value === undefined) {
      const cause = `There is no ${this.named(...names)} in the results folder ${results}.`;
      throw new ReigniteError('FILE_MISSING', cause, { remedy: REMEDY });
    }
    return value;
  }

  /**
   * Reads the file from a folder that may come from another program. Undefined if it is missing or does not match the
   * schema.
   */
  async readIfValid(results: string, ...names: NamesOf<Path>): Promise<z.output<Schema> | undefined> {
    return readJsonIfValid(this.in(results, ...names), this.schema);
  }

  /** Checks the value against the schema and writes it unchanged, in one step. */
  async write(results: string, value: z.input<Schema>, ...names: NamesOf<Path>): Promise<void> {
    this.schema.parse(value);
    await writeJsonFile(this.in(results, ...names), value);
  }
}
