import { describe, expect, it } from 'vitest';
import { mostSevere } from '../../../toolkit/verdict/verdict-file.ts';

describe('mostSevere', () => {
  it('returns the worst, and `not comparable` only if there is nothing else', () => {
    expect(mostSevere([])).toBe('not comparable');
    expect(mostSevere(['not comparable', 'not comparable'])).toBe('not comparable');
    expect(mostSevere(['not comparable', 'reproduced'])).toBe('reproduced');
    expect(mostSevere(['within tolerance', 'reproduced'])).toBe('within tolerance');
    expect(mostSevere(['within tolerance', 'differs', 'not comparable'])).toBe('differs');
  });
});
