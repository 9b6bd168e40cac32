import { describe, expect, it } from 'vitest';
import { worstOf } from '../../../toolkit/verdict/verdict-file.ts';

describe('worstOf', () => {
  it('takes the worst, and `not comparable` only where there is nothing else', () => {
    expect(worstOf([])).toBe('not comparable');
    expect(worstOf(['not comparable', 'not comparable'])).toBe('not comparable');
    expect(worstOf(['not comparable', 'reproduced'])).toBe('reproduced');
    expect(worstOf(['within tolerance', 'reproduced'])).toBe('within tolerance');
    expect(worstOf(['within tolerance', 'differs', 'not comparable'])).toBe('differs');
  });
});
