import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parse as parseYaml } from 'yaml';
import { RunConfig } from '../../config/schema.js';
import { SHIPPED_PROFILES, shippedPath } from '../../config/shipped-profiles.js';
import { ReigniteError } from '../../toolkit/errors.js';
/**
 * Reads a profile, applies what the command line sets, and checks the whole.
 *
 * @throws ReigniteError CONFIG_INVALID that names each field, its value and what is allowed; USAGE for a `--set`
 *   without `=`.
 */
export async function loadConfig({ profile, set, tasks }) {
    const path = shippedPath(profile) ?? resolve(profile);
    const fields = await readProfile(path, profile);
    for (const assignment of set)
        assign(fields, assignment);
    if (tasks !== undefined)
        fields['tasks'] = [...tasks];
    const checked = RunConfig.safeParse(fields);
    if (checked.success)
        return checked.data;
    throw new ReigniteError('CONFIG_INVALID', describeIssues(checked.error.issues, fields));
}
async function readProfile(path, profile) {
    if (!existsSync(path)) {
        throw new ReigniteError('CONFIG_INVALID', `There is no profile ${profile}: it is none of ${SHIPPED_PROFILES.join(', ')}, and no file ${path}.`);
    }
    const parsed = await readFile(path, 'utf8')
        .then((text) => parseYaml(text))
        .catch((error) => {
        const reason = error instanceof Error ? error.message : String(error);
        throw new ReigniteError('CONFIG_INVALID', `The profile ${path} is no YAML: ${reason.split('\n')[0]}`, {
            cause: error,
        });
    });
    if (isFields(parsed))
        return parsed;
    throw new ReigniteError('CONFIG_INVALID', `The profile ${path} holds no fields.`);
}
function assign(fields, assignment) {
    const at = assignment.indexOf('=');
    if (at < 1)
        throw new ReigniteError('USAGE', `Expected --set a.b=value, got --set ${assignment}.`);
    const names = assignment.slice(0, at).split('.');
    const last = names.pop() ?? '';
    let place = fields;
    for (const name of names) {
        const inner = place[name] ?? {};
        if (!isFields(inner))
            throw new ReigniteError('CONFIG_INVALID', `--set ${assignment}: ${name} holds no fields.`);
        place[name] = inner;
        place = inner;
    }
    const text = assignment.slice(at + 1);
    // A record number stays text: as a number it could lose digits, and every other number is checked by its field.
    place[last] = assignment.startsWith('record=') ? text : parseYaml(text);
}
function describeIssues(issues, fields) {
    return issues
        .map((issue) => {
        const field = issue.path.join('.') || 'the profile';
        const value = valueAt(fields, issue.path);
        const got = value === undefined ? '' : ` (got ${JSON.stringify(value)})`;
        return `${field}${got}: ${issue.message}`;
    })
        .join('; ');
}
function valueAt(fields, path) {
    return path.reduce((place, name) => (typeof place === 'object' && place !== null ? Reflect.get(place, name) : undefined), fields);
}
function isFields(value) {
    return typeof value === 'object' && value !== null && !Array.isArray(value);
}
