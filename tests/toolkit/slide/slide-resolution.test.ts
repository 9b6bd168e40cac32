import { describe, expect, it } from 'vitest';
import { statedResolution } from '../../../toolkit/slide/read/slide-resolution.ts';
import { TAG, TiffPage } from '../../../toolkit/slide/read/tiff-pages.ts';

const ASCII = 2;
const SHORT = 3;

/** A page of 100 x 100 px with a description. */
function described(text: string): TiffPage {
  const data = Buffer.from(text);
  const side = { type: SHORT, count: 1, data: Buffer.from([100, 0]) };
  const entries = new Map([
    [TAG.width, side],
    [TAG.height, side],
    [TAG.description, { type: ASCII, count: data.length, data }],
  ]);
  return new TiffPage({ isLittle: true, isBig: false }, entries, []);
}

function mppOf(text: string): number | undefined {
  return statedResolution(described(text), []).resolution?.mpp;
}

const pixels = (size: string) => `<Pixels SizeX="100" SizeY="100" ${size}></Pixels>`;
const spacing = (name: string) =>
  `<Attribute Name="${name}" PMSVR="IDoubleArray">&quot;0.00025&quot; &quot;0.00025&quot;</Attribute>`;

// The texts are so long that a pattern of quadratic time takes longer than a test may.
describe('the stated resolution of a slide', () => {
  it('is found after many unclosed OME elements', () => {
    expect(mppOf(`${'<Pixels '.repeat(500_000)}${pixels('PhysicalSizeX="0.5"')}`)).toBe(0.5);
    expect(mppOf('<Pixels '.repeat(500_000))).toBeUndefined();
  });

  it('is found if the Philips attribute occurs many times', () => {
    expect(mppOf(spacing('DICOM_PIXEL_SPACING'))).toBe(0.25);
    expect(mppOf(spacing('DICOM_PIXEL_SPACING'.repeat(160_000)))).toBe(0.25);
    expect(mppOf('DICOM_PIXEL_SPACING'.repeat(160_000))).toBeUndefined();
  });

  it('is found in a description with many zeros', () => {
    expect(mppOf(`${'\0'.repeat(1_000_000)}${pixels('PhysicalSizeX="0.5"')}\0\0`)).toBe(0.5);
  });

  it('is unknown if its unit is a character beyond Unicode', () => {
    expect(mppOf(pixels('PhysicalSizeX="0.5" PhysicalSizeXUnit="&#x110000;m"'))).toBeUndefined();
    expect(mppOf(pixels('PhysicalSizeX="0.5" PhysicalSizeXUnit="&#9999999;m"'))).toBeUndefined();
    expect(mppOf(pixels('PhysicalSizeX="0.5" PhysicalSizeXUnit="&#xB5;m"'))).toBe(0.5);
  });

  it('is searched only in the first 16 MiB of a description', () => {
    const text = 'x'.repeat(2 ** 24);
    expect(described(`${text}y`).text(TAG.description)).toHaveLength(text.length);
    expect(described('ends\0\0').text(TAG.description)).toBe('ends');
    expect(described('\0\0').text(TAG.description)).toBe('');
  });
});
