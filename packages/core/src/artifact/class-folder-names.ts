/** Names that Windows gives to devices: a folder cannot have them. */
const RESERVED = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;
/** Room below the 255 bytes of most file systems for a number that tells duplicates apart. */
const MAX_BYTES = 120;

/**
 * One folder name per class, safe on every file system: no separators, control characters, leading or trailing dots or
 * spaces, reserved names, never empty, at most 120 bytes; names that would be equal (also but for case) get `-2`, `-3`, ….
 */
export function classFolderNames(classes: readonly string[]): string[] {
  const taken = new Set<string>();
  return classes.map((name, label) => {
    const base = safeName(name, label);
    let folder = base;
    for (let n = 2; taken.has(folder.toLowerCase()); n++) folder = `${base}-${n}`;
    taken.add(folder.toLowerCase());
    return folder;
  });
}

function safeName(name: string, label: number): string {
  const clean = name
    .normalize("NFC")
    .replace(/[/\\:*?"<>|\p{Cc}\p{Cf}\p{Cs}]+/gu, "_")
    .replace(/^[.\s]+|[.\s]+$/gu, "");
  let short = "";
  for (const character of clean) {
    if (Buffer.byteLength(short + character) > MAX_BYTES) break;
    short += character;
  }
  short = short.replace(/[.\s]+$/u, "");
  if (short === "") return `class-${label}`;
  return RESERVED.test(short) ? `_${short}` : short;
}
