/** Height, width and channels of one image. */
export type Shape = readonly [height: number, width: number, channels: number];

/** How values become grey or colour. */
export type Contrast = "raw" | "auto";

/** Images on a canvas, and where each of them is. */
export interface Grid {
  readonly columns: number;
  readonly rows: number;
  /** Position in the images of each place, row by row; −1 where there is none. */
  readonly places: readonly number[];
}

/** One row a class; classes without an image are left out. */
export function gridOf(labels: readonly number[], classes: number): Grid {
  const members = Array.from({ length: classes }, () => [] as number[]);
  labels.forEach((label, i) => members[label]?.push(i));
  const rows = members.filter((own) => own.length > 0);
  const columns = rows.reduce((most, own) => Math.max(most, own.length), 1);
  return {
    columns,
    rows: rows.length,
    places: rows.flatMap((own) => Array.from({ length: columns }, (_, i) => own[i] ?? -1)),
  };
}

/**
 * The value that is black and the value that is white: 0 and 1, or 2.5 standard deviations around the mean of everything shown, so
 * that what lies outside of 0…1 is seen too.
 */
function rangeOf(values: Float32Array, contrast: Contrast): readonly [low: number, high: number] {
  if (contrast === "raw") return [0, 1];
  let sum = 0;
  for (const value of values) sum += value;
  const mean = sum / values.length;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  const reach = 2.5 * Math.sqrt(squares / values.length) || 0.5;
  return [mean - reach, mean + reach];
}

/** One image as canvas pixels. More than three channels show as the mean of them. */
function imageData(
  values: Float32Array,
  position: number,
  [height, width, channels]: Shape,
  [low, high]: readonly [number, number],
): ImageData {
  const out = new ImageData(width, height);
  const size = height * width;
  const start = position * size * channels;
  const scale = 255 / (high - low);
  for (let i = 0; i < size; i++) {
    const at = start + i * channels;
    for (let c = 0; c < 3; c++) {
      let value = 0;
      if (channels === 3) value = values[at + c]!;
      else for (let k = 0; k < channels; k++) value += values[at + k]! / channels;
      out.data[i * 4 + c] = (value - low) * scale;
    }
    out.data[i * 4 + 3] = 255;
  }
  return out;
}

/** Draws a grid, a line of one pixel between images. */
export function drawGrid(
  canvas: HTMLCanvasElement,
  grid: Grid,
  values: Float32Array,
  shape: Shape,
  contrast: Contrast,
): void {
  const [height, width] = shape;
  canvas.width = grid.columns * (width + 1) + 1;
  canvas.height = grid.rows * (height + 1) + 1;
  const context = canvas.getContext("2d")!;
  context.fillStyle = "#808080";
  context.fillRect(0, 0, canvas.width, canvas.height);
  const range = rangeOf(values, contrast);
  grid.places.forEach((position, place) => {
    if (position < 0) return;
    const x = (place % grid.columns) * (width + 1) + 1;
    const y = Math.floor(place / grid.columns) * (height + 1) + 1;
    context.putImageData(imageData(values, position, shape, range), x, y);
  });
}

/** One image on a canvas of its own. */
export function drawImage(
  canvas: HTMLCanvasElement,
  values: Float32Array,
  position: number,
  shape: Shape,
  contrast: Contrast = "raw",
): void {
  canvas.width = shape[1];
  canvas.height = shape[0];
  const range = contrast === "raw" ? rangeOf(values, "raw") : rangeOf(values, "auto");
  canvas.getContext("2d")!.putImageData(imageData(values, position, shape, range), 0, 0);
}
