// Texts and their offsets. Everything here is pure: strings and numbers in, strings and numbers out.

const LINE = /[^\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+/g; // between the breaks of Python's str.splitlines
// eslint-disable-next-line no-control-regex
const CONTROL = /[\x00-\x08\x0b-\x1f\x7f-\x9f]|\p{Surrogate}/gu;
const BIDI_CONTROL = /[\u202a-\u202e\u2066-\u2069]/g;

/** How many code points a text has. */
export function codePoints(text) {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/** A function from an offset in code points, as articles have them, to one in UTF-16 units, as strings here have them. */
export function unitOffsets(text) {
  if (!/[\ud800-\udbff]/.test(text)) return (offset) => offset;
  const units = [];
  let unit = 0;
  for (const character of text) {
    units.push(unit);
    unit += character.length;
  }
  units.push(unit);
  return (offset) => units[Math.min(offset, units.length - 1)];
}

/** A text fit to be shown: control characters become U+FFFD. */
export function printable(text) {
  return text.replace(CONTROL, "\ufffd");
}

/** A name, title or quotation fit to stand inside a line of other words: one line, without direction overrides. */
export function oneLine(text) {
  return printable(text.replace(BIDI_CONTROL, "").replace(/\s+/g, " ").trim());
}

/** `ltr` where Latin letters outnumber Arabic ones. The first letter (dir=auto) would turn «BBC: قال …» around. */
export function direction(text) {
  const letters = text.match(/\p{L}/gu) ?? [];
  const fromRight = letters.filter((letter) => /\p{Script=Arabic}|\p{Script=Hebrew}|\p{Script=Syriac}/u.test(letter));
  return letters.length > 2 * fromRight.length ? "ltr" : "rtl";
}

/**
 * The lines of a text that are not blank, each cut into runs at all edges of `spans`, which may overlap in any way.
 * Spans and runs are in UTF-16 units; a run has the numbers of the spans that cover it.
 */
export function cut(text, spans) {
  const edges = new Map();
  const at = (offset) => edges.get(offset) ?? edges.set(offset, { opened: [], closed: [] }).get(offset);
  spans.forEach(([start, end], number) => {
    at(start).opened.push(number);
    at(end).closed.push(number);
  });
  const order = [...edges.keys()].sort((a, b) => a - b);
  const covering = new Set();
  const lines = [];
  let next = 0;
  for (const { 0: line, index } of text.matchAll(LINE)) {
    const end = index + line.length;
    const runs = [];
    let start = index;
    for (; next < order.length && order[next] < end; next++) {
      const edge = order[next];
      if (edge > start) {
        runs.push({ start, end: edge, spans: [...covering].sort((a, b) => a - b) });
        start = edge;
      }
      for (const number of edges.get(edge).closed) covering.delete(number);
      for (const number of edges.get(edge).opened) covering.add(number);
    }
    runs.push({ start, end, spans: [...covering].sort((a, b) => a - b) });
    if (line.trim()) lines.push({ direction: direction(line), runs });
  }
  return lines;
}

/** Bytes of a file as text, and whether the encoding had to be guessed. Null where they are no text. */
export function decode(bytes) {
  const begins = (...given) => given.every((byte, i) => bytes[i] === byte);
  const bom = begins(0xff, 0xfe) ? "utf-16le" : begins(0xfe, 0xff) ? "utf-16be" : null;
  if (bom) return { text: new TextDecoder(bom).decode(bytes), guessed: false };
  if (bytes.includes(0)) return null;
  try {
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(bytes), guessed: false };
  } catch {
    return { text: new TextDecoder("windows-1256").decode(bytes), guessed: true };
  }
}

/**
 * What was given as an article to send: the object of a JSON article, or a plain text as `{text}`. Throws the key of an
 * error where it is JSON and no article (`json`: a file said to be JSON).
 */
export function toArticle(source, json = false) {
  const trimmed = source.replace(/^\ufeff/, "").trim();
  if (!json && !/^[[{]/.test(trimmed)) return { text: source };
  const parse = (text) => {
    try {
      return JSON.parse(text);
    } catch {
      return undefined;
    }
  };
  let data = parse(trimmed);
  if (data === undefined) {
    const lines = trimmed.split("\n");
    if (lines.length > 1 && typeof parse(lines[0])?.text === "string") throw "error_many";
    if (json) throw "error_json";
    return { text: source }; // a text that happens to begin with a bracket
  }
  if (Array.isArray(data) && data.length > 1) throw "error_many";
  if (Array.isArray(data)) [data] = data;
  if (typeof data?.text !== "string") throw "error_json";
  const { mentions, entities, stances, ...article } = data; // these are asked for
  return article;
}
