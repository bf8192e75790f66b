/** Characters of a text from a file that are kept. */
const SHOWN_LENGTH = 300;

/** A text from a file as the page carries it: whole, or its beginning and its length. */
export function shownText(text: string, limit = SHOWN_LENGTH): string {
  if (text.length <= limit) return text;
  return `${text.slice(0, limit)}… (${text.length} characters)`;
}

/** A value's JSON with every long text in it clipped. */
export function shownJson(value: unknown, limit = 20_000): string {
  const json = JSON.stringify(value, (_, part: unknown) =>
    typeof part === "string" ? shownText(part) : part,
  );
  return shownText(json ?? "null", limit);
}
