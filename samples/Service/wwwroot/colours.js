// Maps as colours. Stops are those of matplotlib's colour maps (CC0); linear between them.
const stops = {
  // Transparent where there is no text, so that the photograph stays visible.
  probability: [[22, 11, 57], [66, 10, 104], [106, 23, 110], [147, 38, 103], [188, 55, 84], [221, 81, 58], [243, 120, 25], [252, 165, 10], [252, 255, 164]],
  language: [[68, 1, 84], [71, 44, 122], [59, 81, 139], [44, 113, 142], [33, 144, 141], [39, 173, 129], [92, 200, 99], [170, 220, 50], [253, 231, 37]],
};

const table = (name) => {
  const colours = new Uint8Array(256 * 3);
  for (let v = 0; v < 256; v++) {
    const at = (v / 255) * (stops[name].length - 1), i = Math.min(Math.floor(at), stops[name].length - 2);
    for (let c = 0; c < 3; c++) {
      colours[3 * v + c] = Math.round(stops[name][i][c] + (stops[name][i + 1][c] - stops[name][i][c]) * (at - i));
    }
  }
  return colours;
};

export const tables = { probability: table("probability"), language: table("language") };

/** The grey values of a map's PNG. */
export async function greys(url, signal) {
  const answer = await fetch(url, { signal });
  if (!answer.ok) {
    throw new Error(`${url}: ${answer.status}`);
  }
  // Stored values, not ones that were adapted to the screen.
  const bitmap = await createImageBitmap(await answer.blob(), { colorSpaceConversion: "none" });
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height), context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  const pixels = context.getImageData(0, 0, bitmap.width, bitmap.height).data;
  const values = new Uint8Array(bitmap.width * bitmap.height);
  for (let i = 0; i < values.length; i++) {
    values[i] = pixels[4 * i];
  }
  return { values, width: bitmap.width, height: bitmap.height };
}

/**
 * Paints a map. What is above the threshold is opaque, which shows the pixels that post-processing works with.
 * @param threshold null paints all alike
 */
export function paint(canvas, map, name, threshold) {
  const colours = tables[name];
  canvas.width = map.width;
  canvas.height = map.height;
  const context = canvas.getContext("2d"), image = context.createImageData(map.width, map.height), pixels = image.data;
  for (let i = 0; i < map.values.length; i++) {
    const v = map.values[i];
    pixels[4 * i] = colours[3 * v];
    pixels[4 * i + 1] = colours[3 * v + 1];
    pixels[4 * i + 2] = colours[3 * v + 2];
    pixels[4 * i + 3] = threshold === null || v / 255 > threshold ? 255 : Math.min(1.3 * v, 150);
  }
  context.putImageData(image, 0, 0);
}

/** The colours from left to right. */
export function legend(canvas, name) {
  canvas.width = 256;
  canvas.height = 1;
  paint(canvas, { values: Uint8Array.from({ length: 256 }, (_, i) => i), width: 256, height: 1 }, name, null);
}
