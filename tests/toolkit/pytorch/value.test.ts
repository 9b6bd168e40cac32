import { describe, expect, it } from 'vitest';
import {
  asBoolean,
  asEntries,
  asInteger,
  asItems,
  asList,
  asNumber,
  asNumberArray,
  asObject,
  asString,
  asTensor,
  asTuple,
  dictGet,
  dictHas,
  locate,
  type PickleValue,
} from '../../../toolkit/pytorch/pickle/value.ts';
import { expectRefusal } from './helpers.ts';

const list = (...items: PickleValue[]): PickleValue => ({ kind: 'list', items });
const dict = (...entries: [PickleValue, PickleValue][]): PickleValue => ({
  kind: 'dict',
  entries: new Map(entries),
  attributes: undefined,
});
const at = (value: PickleValue) => locate(value, 'plans.pkl', 'PLANS_INVALID');

describe('accessors', () => {
  const plans = at(
    dict(
      ['stages', dict([0, dict(['patch', list(512, 512n)])])],
      ['name', 'nnU-Net'],
      ['flag', true],
      ['none', null],
      ['array', { kind: 'array', code: 'i8', shape: [2], data: new BigInt64Array([1n, -1n]) }],
      ['pair', { kind: 'tuple', items: [1.5, 2] }],
    ),
  );

  it('follow keys and items to a value', () => {
    expect(asNumberArray(dictGet(dictGet(dictGet(plans, 'stages'), 0), 'patch'))).toEqual([512, 512]);
    expect(asString(dictGet(plans, 'name'))).toBe('nnU-Net');
    expect(asBoolean(dictGet(plans, 'flag'))).toBe(true);
    expect(asNumberArray(dictGet(plans, 'array'))).toEqual([1, -1]);
    expect(asTuple(dictGet(plans, 'pair')).map(asNumber)).toEqual([1.5, 2]);
    expect(asEntries(plans).map(([key]) => key)).toEqual(['stages', 'name', 'flag', 'none', 'array', 'pair']);
  });

  it('recognise an entry that is missing or None', () => {
    expect([dictHas(plans, 'name'), dictHas(plans, 'none'), dictHas(plans, 'other')]).toEqual([true, false, false]);
  });

  it('name the file, the position, and what was found and expected', () => {
    const patch = dictGet(dictGet(dictGet(plans, 'stages'), 0), 'patch');
    const message = 'plans.pkl has a list at stages[0].patch where text is expected.';
    expectRefusal(() => asString(patch), 'PLANS_INVALID', message);
    expectRefusal(() => asString(asList(patch)[1] ?? patch), 'PLANS_INVALID', 'the number 512 at stages[0].patch[1]');
    expectRefusal(() => asNumber(dictGet(plans, 'other')), 'PLANS_INVALID', 'has nothing at other where a number');
    expectRefusal(() => asTensor(plans), 'PLANS_INVALID', 'has a dict at its root where a tensor');
  });

  it.each<[string, () => unknown]>([
    ['a whole number', () => asInteger(at(1.5))],
    ['a whole number', () => asInteger(at(2n ** 60n))],
    ['a number', () => asNumber(at(2n ** 60n + 1n))],
    ['a number', () => asNumber(at(true))],
    ['True or False', () => asBoolean(at(1))],
    ['a tuple', () => asTuple(at(list()))],
    ['a list', () => asList(at(dict()))],
    ['a list, a tuple or a flat array', () => asItems(at('ab'))],
    ['an object', () => asObject(at(dict()))],
    ['a dict', () => dictGet(at(list()), 'x')],
    ['a dict with text keys', () => asEntries(at(dict([1, 2])))],
  ])('refuse what is not %s', (expected, action) => expectRefusal(action, 'PLANS_INVALID', expected));
});
