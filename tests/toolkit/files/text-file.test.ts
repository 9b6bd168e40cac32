import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findJsonFault } from '../../../toolkit/files/text-file.ts';

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe('findJsonFault', () => {
  it.each([
    ['[1, NaN]', 1, 5, '"NaN", which JSON does not know, is not expected'],
    ['{"a": [\n1,\n  Infinity]}', 3, 3, '"Infinity", which JSON does not know'],
    ['{"a": -Infinity}', 1, 7, '"-Infinity"'],
    ['{"a": None}', 1, 7, '"None"'],
    ['{"a": 1,}', 1, 9, '"}" is not expected'],
    ['[1 2]', 1, 4, '"2" is not expected'],
    ["{'a': 1}", 1, 2, '"\'" is not expected'],
    ['{"a" 1}', 1, 6, '"1"'],
    ['[01]', 1, 3, '"1"'],
    ['[1]\n\n]', 3, 1, '"]"'],
    ['{"a": [1, 2', 1, 12, 'the text ends too early'],
    ['', 1, 1, 'the text ends too early'],
    ['{"a": "line\nbreak"}', 1, 7, 'is not expected'],
  ])('finds the place in %j', (text, line, column, found) => {
    expect(findJsonFault(text)).toEqual({ line, column, found: expect.stringContaining(found) });
  });

  it('finds a fault exactly where JSON.parse does', () => {
    const spoilt = fc
      .tuple(fc.json(), fc.nat(), fc.constantFrom('', ',', ']', '}', '"', 'NaN', '0', ':', ' ', '\\', '-', 'null'))
      .map(([text, at, put]) => {
        const place = at % (text.length + 1);
        return text.slice(0, place) + put + text.slice(place + (at % 2));
      });
    fc.assert(
      fc.property(fc.oneof(spoilt, fc.json(), fc.string()), (text) => {
        expect(findJsonFault(text) === undefined, text).toBe(isJson(text));
      }),
      { numRuns: 2_000 },
    );
  });
});
