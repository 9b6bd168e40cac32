import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { inside } from '../../../toolkit/files/inside.ts';

describe('inside', () => {
  it.each(['a', 'a/b.png', './a', 'a/../b', '..a'])('accepts %s', (path) => {
    expect(inside('/data', path)).toBe(resolve('/data', path));
  });

  it.each(['..', '../a', 'a/../../b', '/etc/passwd'])('refuses %s', (path) => {
    expect(() => inside('/data', path)).toThrow(expect.objectContaining({ code: 'PATH_TRAVERSAL' }));
  });
});
