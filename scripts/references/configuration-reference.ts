import { z } from 'zod';
import { RunConfig } from '../../config/schema.ts';
import { markdownTable } from './markdown-table.ts';

/** The part of a JSON Schema that the reference uses. */
const Field = z.object({
  type: z.string().optional(),
  description: z.string().default(''),
  default: z.unknown().optional(),
  enum: z.array(z.string()).optional(),
  anyOf: z.array(z.unknown()).optional(),
  get items() {
    return Field.optional();
  },
  get properties() {
    return z.record(z.string(), Field).optional();
  },
  minimum: z.number().optional(),
  exclusiveMinimum: z.number().optional(),
  maximum: z.number().optional(),
});
type Field = z.infer<typeof Field>;

/** Writes the reference of all configuration fields from the schema: allowed values, default and meaning. */
export function configurationReference(): string {
  const { properties = {} } = Field.parse(z.toJSONSchema(RunConfig, { io: 'input' }));
  const fields = Object.entries(properties);
  const isSection = ([, field]: [string, Field]) => field.properties !== undefined;
  return [
    '# Configuration',
    'A run is configured by a profile (`--profile sample`, `--profile paper` or a YAML file) and by `--set FIELD=VALUE`, which overrides the profile. `npx reignite config` prints the effective configuration, `npx reignite config --schema` the JSON Schema from which this page is made. An unknown field is an error that suggests the nearest name.',
    'A field without a default may be left out, except `name` and `record` in a profile. A results folder holds the configuration of its run as `configuration.yaml`, which `--profile` takes.',
    '## Profile',
    table(fields.filter((entry) => !isSection(entry))),
    ...fields
      .filter(isSection)
      .flatMap(([name, field]) => [`## ${name}`, field.description, table(flatten(name, field))]),
  ].join('\n\n');
}

function flatten(path: string, field: Field): [string, Field][] {
  if (field.properties === undefined) return [[path, field]];
  return Object.entries(field.properties).flatMap(([name, child]) => flatten(`${path}.${name}`, child));
}

function table(fields: readonly [string, Field][]): string {
  const rows = fields.map(([path, field]) => [`\`${path}\``, allowed(field), defaultText(field), meaning(field)]);
  return markdownTable(['Field', 'Allowed', 'Default', 'Meaning'], rows);
}

function allowed({ type, items, enum: names, minimum, exclusiveMinimum, maximum }: Field): string {
  if (names !== undefined) return names.map((name) => `\`${name}\``).join(', ');
  if (type === 'array') return items?.enum === undefined ? 'list' : `list of ${allowed(items)}`;
  if (type === 'boolean') return '`true`, `false`';
  if (type === 'number' || type === 'integer') {
    const kind = type === 'integer' ? 'whole number, ' : '';
    const least = exclusiveMinimum === undefined ? minimum : `more than ${exclusiveMinimum}`;
    return maximum === Number.MAX_SAFE_INTEGER ? `${kind}${least} or more` : `${kind}${least} to ${maximum}`;
  }
  return { string: 'text', object: 'names with values' }[type ?? ''] ?? 'text or list';
}

function defaultText({ default: value, description }: Field): string {
  if (value === undefined) return /Default: (.*)\.$/.exec(description)?.[1] ?? '';
  return Array.isArray(value) ? value.map((each) => `\`${each}\``).join(', ') : `\`${String(value)}\``;
}

/** Returns the description without the default, which has its own column. */
function meaning({ description }: Field): string {
  return description.replace(/ ?(?:Fraction, )?(?:\d[\d.]* to [\d.]+\. )?Default: .*$/, '').trim();
}
