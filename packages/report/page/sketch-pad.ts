import { bdi, h } from "./dom.ts";
import { drawImage, type Shape } from "./draw-images.ts";
import { bars } from "./set-card.ts";

const SIDE = 224;
const MOST_CLASSES = 5;

/** What the pad works on. */
interface PadSubject {
  readonly shape: Shape;
  readonly classes: readonly string[];
  readonly test: { readonly pixels: Uint8Array; readonly labels: readonly number[] };
  /** Asks the network about a test image. */
  readonly askTest: (position: number) => void;
  /** Asks about pixels `[H, W, C]`, 0…255; absent where the page cannot make network input of them. */
  readonly askPixels?: (pixels: Uint8Array) => void;
}

/** A place to draw, choose or upload an image for the trained network to name. */
export function sketchPad(): {
  readonly element: HTMLElement;
  open(subject: PadSubject): void;
  answer(probabilities: readonly number[], classes: readonly string[]): void;
} {
  let subject: PadSubject | undefined;
  let last: { x: number; y: number } | undefined;
  let next = 0;
  let asked = 0;
  const canvas = h("canvas", {
    width: SIDE,
    height: SIDE,
    role: "img",
    "aria-label": "What the network is asked about; draw here with pointer, finger or pen",
    onpointerdown: (event: PointerEvent) => {
      if (subject?.askPixels === undefined) return;
      canvas.setPointerCapture(event.pointerId);
      last = pointOf(event);
      stroke(last, last);
    },
    onpointermove: (event: PointerEvent) => {
      if (last === undefined) return;
      const point = pointOf(event);
      stroke(last, point);
      last = point;
    },
    onpointerup: () => (last = undefined),
    onpointercancel: () => (last = undefined),
  });
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  const seen = h("canvas", { role: "img", "aria-label": "The image as the network gets it" });
  const truth = h("p", { class: "quiet" });
  const answers = h("div", { role: "status" });
  const upload = h("input", { type: "file", accept: "image/*", onchange: () => void readFile() });

  function pointOf({ clientX, clientY }: PointerEvent): { x: number; y: number } {
    const { left, top, width, height } = canvas.getBoundingClientRect();
    return { x: ((clientX - left) / width) * SIDE, y: ((clientY - top) / height) * SIDE };
  }
  function stroke(from: { x: number; y: number }, to: { x: number; y: number }): void {
    context.strokeStyle = "#fff";
    context.lineWidth = 20;
    context.lineCap = "round";
    context.beginPath();
    context.moveTo(from.x, from.y);
    context.lineTo(to.x, to.y);
    context.stroke();
    truth.textContent = "your drawing";
    const now = performance.now();
    if (now - asked > 120) {
      asked = now;
      ask();
    }
  }
  function clear(): void {
    context.fillStyle = "#000";
    context.fillRect(0, 0, SIDE, SIDE);
    answers.replaceChildren();
    truth.textContent = "";
  }
  /** The picture on the pad, as small as the network wants it. */
  function ask(): void {
    if (subject?.askPixels === undefined) return;
    const [height, width, channels] = subject.shape;
    const small = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true })!;
    small.imageSmoothingQuality = "high";
    small.drawImage(canvas, 0, 0, width, height);
    const { data } = small.getImageData(0, 0, width, height);
    const pixels = new Uint8Array(width * height * channels);
    for (let i = 0; i < width * height; i++) {
      const [r, g, b] = [data[i * 4]!, data[i * 4 + 1]!, data[i * 4 + 2]!];
      for (let c = 0; c < channels; c++) {
        pixels[i * channels + c] = channels === 3 ? data[i * 4 + c]! : 0.299 * r + 0.587 * g + 0.114 * b;
      }
    }
    show(pixels);
    subject.askPixels(pixels);
  }
  function show(pixels: Uint8Array): void {
    drawImage(
      seen,
      Float32Array.from(pixels, (value) => value / 255),
      0,
      subject!.shape,
    );
  }
  function nextTest(): void {
    if (subject === undefined) return;
    const { shape, test, classes } = subject;
    const length = shape[0] * shape[1] * shape[2];
    // A step that walks through all classes.
    next = (next + 101) % test.labels.length;
    const pixels = test.pixels.slice(next * length, (next + 1) * length);
    show(pixels);
    context.imageSmoothingEnabled = false;
    context.drawImage(seen, 0, 0, SIDE, SIDE);
    truth.replaceChildren("a test image; truly: ", bdi(classes[test.labels[next]!] ?? ""));
    subject.askTest(next);
  }
  async function readFile(): Promise<void> {
    const file = upload.files?.[0];
    if (file === undefined) return;
    try {
      const picture = await createImageBitmap(file);
      const side = Math.min(picture.width, picture.height);
      clear();
      context.imageSmoothingEnabled = true;
      context.drawImage(
        picture,
        (picture.width - side) / 2,
        (picture.height - side) / 2,
        side,
        side,
        0,
        0,
        SIDE,
        SIDE,
      );
      truth.replaceChildren("your picture ", bdi(file.name));
      ask();
    } catch {
      truth.textContent = "This file is no picture that the browser can read.";
    }
  }

  const erase = h("button", { type: "button", onclick: clear }, "Clear");
  const drawing = h("label", { class: "field" }, h("span", {}, "A picture of yours"), upload);
  const whitened = h(
    "p",
    { class: "quiet" },
    "This set is whitened, by a matrix too large for a page: the network can be asked about test images, which came whitened, not about drawings.",
  );
  const element = h(
    "div",
    { class: "pad", hidden: true },
    h("h3", {}, "Ask the network"),
    h(
      "div",
      { class: "controls" },
      h("button", { type: "button", onclick: () => nextTest() }, "Next test image"),
      erase,
      drawing,
    ),
    whitened,
    h(
      "div",
      { class: "one-image" },
      canvas,
      h("figure", {}, seen, h("figcaption", {}, "as the network gets it")),
      h("div", {}, truth, answers),
    ),
  );
  return {
    element,
    open(now) {
      subject = now;
      const draws = now.askPixels !== undefined;
      drawing.hidden = erase.hidden = !draws;
      whitened.hidden = draws;
      canvas.setAttribute(
        "aria-label",
        `What the network is asked about${draws ? "; draw here with pointer, finger or pen" : ""}`,
      );
      clear();
      element.hidden = false;
      nextTest();
    },
    answer(probabilities, classes) {
      const largest = probabilities
        .map((share, label) => ({ share, name: classes[label] ?? "" }))
        .sort((a, b) => b.share - a.share)
        .slice(0, MOST_CLASSES);
      answers.replaceChildren(bars(largest));
    },
  };
}
