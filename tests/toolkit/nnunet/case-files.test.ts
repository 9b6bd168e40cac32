import { describe, expect, it } from 'vitest';
import { groupCases } from '../../../toolkit/nnunet/case-files.ts';

const grey = (...names: string[]) => names.map((name) => ({ path: `/in/${name}`, channels: 1 }));
const files = { channels: 2, isFolder: false };

describe('groupCases', () => {
  it('makes one case of the files of its channels, in their order, at the place of its first file', () => {
    const given = [
      ...grey('b_0001.png', 'a_0000.tif'),
      { path: '/in/whole.png', channels: undefined },
      ...grey('b_0000.png', 'a_0001.png'),
    ];
    expect(groupCases(given, files)).toEqual([
      { name: 'b', path: '/in/b_0000.png', channels: ['/in/b_0000.png', '/in/b_0001.png'] },
      { name: 'a', path: '/in/a_0000.tif', channels: ['/in/a_0000.tif', '/in/a_0001.png'] },
      { name: 'whole', path: '/in/whole.png' },
    ]);
  });

  it.each([
    [
      'a channel is missing',
      grey('a_0000.png'),
      { code: 'FILE_MISSING', message: expect.stringContaining('/in/a_0001.png is missing') },
    ],
    [
      'the first channel is missing',
      grey('a_0001.tif'),
      { message: expect.stringContaining('/in/a_0000.tif is missing') },
    ],
    [
      'there is one more',
      grey('a_0000.png', 'a_0001.png', 'a_0002.png'),
      { code: 'USAGE', message: expect.stringContaining('channel 2 of a') },
    ],
    [
      'one is there twice',
      grey('a_0000.png', 'a_0000.tif'),
      { code: 'USAGE', message: expect.stringContaining('the same channel of a') },
    ],
  ])('refuses a set of which %s', (_, given, error) => {
    expect(() => groupCases(given, files)).toThrow(expect.objectContaining(error));
  });

  it('takes a channel that is named twice once', () => {
    const given = grey('a_0000.png', 'a_0001.png', 'a_0000.png');
    expect(groupCases(given, files)).toEqual([
      { name: 'a', path: '/in/a_0000.png', channels: ['/in/a_0000.png', '/in/a_0001.png'] },
    ]);
  });

  it('says how numbered grey images in a folder are predicted by an RGB model', () => {
    const given = grey('img_0001.png', 'img_0002.png', 'img_0003.png');
    expect(() => groupCases(given, { channels: 3, isFolder: true })).toThrow(
      expect.objectContaining({ code: 'USAGE', remedy: expect.stringContaining('such as folder/*.png') }),
    );
  });

  it('keeps files of several channels, of other numbers, and of other models', () => {
    const whole = ['a_0000', 'a_0001'].map((name) => ({ path: `/in/${name}.png`, channels: 2 }));
    const years = grey('scan_2023.png', 'scan_2024.png');
    const single = { channels: 1, isFolder: false };
    const rgb = { channels: 3, isFolder: false };
    const names = (cases: ReturnType<typeof groupCases>) => cases.map(({ name, channels }) => [name, channels?.length]);
    expect(names(groupCases(whole, files))).toEqual([
      ['a_0000', undefined],
      ['a_0001', undefined],
    ]);
    expect(names(groupCases(years, files))).toEqual([
      ['scan_2023', undefined],
      ['scan_2024', undefined],
    ]);
    for (const of of [single, rgb]) {
      expect(names(groupCases(grey('a_0000.png', 'a_0001.png', 'a_0002.png'), of))).toEqual([
        ['a_0000', undefined],
        ['a_0001', undefined],
        ['a_0002', undefined],
      ]);
    }
  });

  it('names the cases of a folder as nnU-Net does', () => {
    const single = { channels: 1, isFolder: true };
    expect(groupCases(grey('a_0000.png', 'b_0000.png'), single).map(({ name }) => name)).toEqual(['a', 'b']);
    // Numbered images are not channels.
    expect(groupCases(grey('a_0000.png', 'a_0001.png'), single).map(({ name }) => name)).toEqual(['a_0000', 'a_0001']);
    const rgb = { channels: 3, isFolder: true };
    expect(groupCases([{ path: '/in/a_0000.png', channels: 3 }], rgb)).toEqual([{ name: 'a', path: '/in/a_0000.png' }]);
    expect(groupCases(grey('a_0000.png', 'a_0001.png', 'a_0002.png'), rgb)).toMatchObject([
      { name: 'a', channels: { length: 3 } },
    ]);
  });
});
