import { Canvas, type SKRSContext2D } from 'canvas';

/** Vertices of a marker relative to its centre, in units of its size; a number is the radius of a circle. */
type Outline = number | readonly (readonly [x: number, y: number])[];

/** Shapes by reader: the four of the authors, then additional ones. */
const READER_SHAPES: readonly Outline[] = [
  polygon(4, 0.62, Math.PI / 4),
  0.5,
  [
    [0, -0.68],
    [0.41, 0],
    [0, 0.68],
    [-0.41, 0],
  ],
  polygon(6, 0.54, 0),
  polygon(5, 0.58, 0),
  star(),
  polygon(3, 0.64, Math.PI),
  polygon(4, 0.62, 0),
];
const AI_SHAPE: Outline = polygon(3, 0.64, 0);

/** A drawn marker that can be stamped at any position. */
export interface Marker {
  readonly image: Canvas;
  /** Distance from its upper left corner to its centre, in px along each axis. */
  readonly middle: number;
}

/** Source of a point: the AI, or a reader by index among the readers of the image. */
export type MarkedBy = number | 'AI';

/**
 * Draws a marker with a black edge once, so that thousands can be stamped.
 *
 * @param by - Shapes repeat from the ninth reader on.
 * @param size - Width of a circle in px.
 */
export function makeMarker(by: MarkedBy, fill: string, size: number): Marker {
  const outline = by === 'AI' ? AI_SHAPE : (READER_SHAPES[by % READER_SHAPES.length] ?? AI_SHAPE);
  const edge = Math.max(1, size / 9);
  const middle = Math.ceil(0.7 * size + edge) + 0.5;
  const image = new Canvas(2 * middle, 2 * middle);
  const context = image.getContext('2d');
  context.beginPath();
  if (typeof outline === 'number') context.arc(middle, middle, outline * size, 0, 2 * Math.PI);
  else for (const [x, y] of outline) context.lineTo(middle + x * size, middle + y * size);
  context.closePath();
  context.fillStyle = fill;
  context.fill();
  context.lineWidth = edge;
  context.lineJoin = 'miter';
  context.strokeStyle = 'black';
  context.stroke();
  return { image, middle };
}

/** Draws a marker centred at (x, y), rounded to whole px. */
export function stampMarker(context: SKRSContext2D, { image, middle }: Marker, x: number, y: number): void {
  context.drawImage(image, Math.round(x - middle), Math.round(y - middle));
}

/** @param turn - Rotation in radians, clockwise; at 0, a vertex is at the top. */
function polygon(corners: number, radius: number, turn: number): Outline {
  return Array.from({ length: corners }, (_, k) => at(radius, turn + (2 * Math.PI * k) / corners));
}

function star(): Outline {
  return Array.from({ length: 10 }, (_, k) => at(k % 2 === 0 ? 0.7 : 0.3, (Math.PI * k) / 5));
}

function at(radius: number, angle: number): [number, number] {
  return [radius * Math.sin(angle), -radius * Math.cos(angle)];
}
