import PDFDocument from "pdfkit";
import svgToPdf from "svg-to-pdfkit";

/** A PDF of one page, as large as the picture; lines and letters stay lines and letters. */
export function svgPdf(svg: string): Promise<Buffer> {
  const [, width, height] = /^<svg [^>]*?width="([\d.]+)" height="([\d.]+)"/.exec(svg) ?? [];
  const size: [number, number] = [Number(width ?? 480), Number(height ?? 320)];
  const document = new PDFDocument({ size, margin: 0 });
  const parts: Buffer[] = [];
  const whole = new Promise<Buffer>((resolve, reject) => {
    document.on("data", (part: Buffer) => parts.push(part));
    document.on("end", () => resolve(Buffer.concat(parts)));
    document.on("error", reject);
  });
  svgToPdf(document, svg, 0, 0, { width: size[0], height: size[1], assumePt: true });
  document.end();
  return whole;
}
