import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../../toolkit/pytorch/containers/checkpoint.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

const text = (value: string) => `X${String.fromCharCode(value.length, 0, 0, 0)}${value}`;
const GETATTR = 'c__builtin__\ngetattr\n';
const DETECT = 'cmodels.yolo\nDetect\n';
/** `getattr(Detect, 'forward')` as protocol 2 writes it. */
const FORWARD = `${GETATTR}q\x01${DETECT}q\x02${text('forward')}q\x03\x86q\x04Rq\x05`;

async function verdictOf(pickle: string): Promise<string | undefined> {
  const path = join(await temporaryFolder(), 'x.pt');
  await writeFile(path, Buffer.from(`\x80\x02${pickle}.`, 'latin1'));
  const seen: string[] = [];
  const checkpoint = await openCheckpoint(path, {
    inspect: true,
    onGlobal: ({ name, verdict }) => name === 'getattr' && seen.push(verdict),
  }).catch(() => undefined);
  await checkpoint?.close();
  return seen.at(-1);
}

describe('getattr in a pickle', () => {
  it('is harmless if it names the method that the segmentation head of YOLOv5 stores', async () => {
    expect(await verdictOf(FORWARD)).toBe('inert');
    expect(await verdictOf(`${FORWARD}h\x05\x86`)).toBe('inert');
  });

  it.each([
    ['models.common', 'forward_fuse'],
    ['src.yolov5.models.common', 'forward_fuse'],
    ['models.common', 'fuseforward'],
    ['ultralytics.nn.modules.conv', 'forward_fuse'],
  ])('is harmless where it names what a fused module of %s calls: %s, also a second time', async (module, method) => {
    const object = `c${module}\nConv\n)\x81q\x07`;
    const fused = `${object}0${GETATTR}q\x01h\x07${text(method)}q\x03\x86q\x04R`;
    expect(await verdictOf(fused)).toBe('inert');
    expect(await verdictOf(`${fused}0h\x01h\x07h\x03\x86R`)).toBe('inert');
    expect(await verdictOf(`${fused}0h\x01h\x07${text('__init__')}\x86R`)).toBe('dangerous');
  });

  it.each([
    [
      'a method of a fused module that is none',
      `cmodels.common\nConv\n)\x81q\x070${GETATTR}h\x07${text('__reduce__')}\x86R`,
    ],
    ['an object of another package', `cos.models.common2\nConv\n)\x81q\x070${GETATTR}h\x07${text('forward')}\x86R`],
    ['another class', `${GETATTR}cos\nfoo\n${text('forward')}\x86R`],
    ['another method', `${GETATTR}${DETECT}${text('__globals__')}\x86R`],
    ['a class that is made', `${GETATTR}${DETECT})R${text('forward')}\x86R`],
    ['a third argument', `${GETATTR}${DETECT}${text('forward')}N\x87R`],
    ['a call that never comes', GETATTR],
    ['an argument of another function', `cfunctools\nmap\n${GETATTR}\x85R`],
    ['a call of the method', `${FORWARD}${text('http://a.b')}\x85R`],
    ['an object of the method', `${FORWARD})\x81`],
    ['a copy on the stack', `${GETATTR}2${DETECT}${text('forward')}\x86R\x86`],
    ['a second use from the memo', `${FORWARD}0h\x01${DETECT}${text('__init__')}\x86R`],
    ['a second use from the memo as a value', `${FORWARD}h\x01\x86`],
    ['a file that breaks off', `${GETATTR}q\x01cmodels`],
    ['another getattr within', `${GETATTR}${GETATTR}${DETECT}${text('forward')}\x86R${text('forward')}\x86R`],
  ])('is dangerous with %s', async (_, pickle) => {
    expect(await verdictOf(pickle)).toBe('dangerous');
  });
});
