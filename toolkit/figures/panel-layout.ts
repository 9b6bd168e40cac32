import type { SKRSContext2D } from 'canvas';
import { FIGURE_FONT } from './fonts.ts';

/** Where the parts go that every figure of three panels has, in px. */
export interface PanelLayout {
  readonly width: number;
  readonly height: number;
  readonly title: { readonly x: number; readonly y: number; readonly font: string };
  readonly panelTitleFont: string;
  /** Middle of the line of panel titles. */
  readonly panelTitleY: number;
  readonly panels: readonly { readonly x: number; readonly y: number }[];
  /** Size of the smallest text; lines and ticks follow it. */
  readonly textSize: number;
}

/** Text of a figure of panels; scales are relative to its smallest. */
export interface PanelText {
  /** Of the smallest text, in px. */
  readonly size: number;
  readonly font: (scale: number) => string;
  /** Width of a line, in px. */
  readonly widthOf: (text: string, scale: number) => number;
}

/**
 * Text that grows with the panels, within limits.
 *
 * @param panel - Size of a panel in px.
 * @param context - Measures text.
 */
export function panelText(
  panel: { readonly width: number; readonly height: number },
  context: SKRSContext2D,
): PanelText {
  const size = Math.round(Math.min(34, Math.max(20, Math.max(panel.width, panel.height) / 28)));
  const font = (scale: number) => `${Math.round(size * scale)}px ${FIGURE_FONT}`;
  const widthOf = (text: string, scale: number) => {
    context.font = font(scale);
    return Math.ceil(context.measureText(text).width);
  };
  return { size, font, widthOf };
}

/** The title of a figure, in the middle of its width and no wider than it. */
export function placeTitle(title: string, width: number, { size, font, widthOf }: PanelText): PanelLayout['title'] {
  const scale = Math.min(1.7, (1.7 * (width - 2 * size)) / widthOf(title, 1.7));
  return { x: Math.round(width / 2), y: Math.round(1.8 * size), font: font(scale) };
}
