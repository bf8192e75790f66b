// What is used of packages whose own declarations are missing or do not load.

declare module "@mixmark-io/domino" {
  const domino: {
    /** An empty document, or one of that markup. */
    createDocument(html?: string): object;
  };
  export = domino;
}

declare module "svg-to-pdfkit" {
  /** Draws an SVG into the document at a place. */
  function svgToPdf(
    document: object,
    svg: string,
    x: number,
    y: number,
    options?: { readonly width?: number; readonly height?: number; readonly assumePt?: boolean },
  ): void;
  export = svgToPdf;
}
