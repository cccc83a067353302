// The text of an article with its mentions and evidence marked: one element for each stretch in which nothing begins or
// ends. Mentions are reached with the arrow keys, so that the text is one stop of the Tab key, however many it has.

import { make } from "./dom.js";
import { cut, printable } from "./text.js";

export class Marks {
  /** mentions: `{start, end, type, entity, label}`; stances: `{evidence, number, css}` with evidence or null. */
  constructor(box, text, mentions, stances, label) {
    this.box = box;
    const shown = stances.filter((stance) => stance.evidence);
    const lines = cut(text, [...mentions.map((mention) => [mention.start, mention.end]), ...shown.map((stance) => stance.evidence)]);
    const runs = lines.flatMap((line) => line.runs);
    const first = new Map();
    const last = new Map();
    for (const run of runs)
      for (const number of run.spans) {
        if (!first.has(number)) first.set(number, run);
        last.set(number, run);
      }
    this.pieces = [];
    this.stops = []; // the first piece of each mention
    const piece = (run) => {
      const inside = run.spans.filter((number) => number < mentions.length);
      const evidence = run.spans.filter((number) => number >= mentions.length).map((number) => shown[number - mentions.length]);
      const words = printable(text.slice(run.start, run.end));
      if (!run.spans.length) return words;
      // Overlapping mentions break no rule of the format; the shortest gives the colour.
      const length = (number) => mentions[number].end - mentions[number].start;
      const inner = inside.reduce((best, number) => (best === null || length(number) < length(best) ? number : best), null);
      const mention = inner === null ? null : mentions[inner];
      const node = make("span", {}, words);
      node.dataset.piece = this.pieces.length;
      const found = { node, mention, entities: inside.map((number) => mentions[number].entity), evidence };
      this.pieces.push(found);
      if (mention) {
        if (last.get(inner) === run) node.dataset.tag = mention.label.short;
        node.title = label(mention);
      }
      if (mention?.entity && first.get(inner) === run) {
        node.setAttribute("role", "button");
        node.ariaLabel = `${printable(text.slice(mention.start, mention.end))}، ${mention.label.short}`;
        node.tabIndex = this.stops.length ? -1 : 0;
        this.stops.push(node);
      }
      return node;
    };
    box.replaceChildren(
      ...lines.map((line) => make("p", { dir: line.direction, lang: line.direction === "rtl" ? "ar" : "" }, ...line.runs.map(piece))),
    );
  }

  /** hidden: types without shade; visible: numbers of stances whose evidence is underlined; choice: what is chosen. */
  paint(hidden, visible, choice) {
    for (const { node, mention, entities, evidence } of this.pieces) {
      const css = [];
      if (mention) css.push(hidden.has(mention.type) ? "plain" : "m", mention.label.css);
      const here = evidence.filter((stance) => visible.has(stance.number));
      if (here.length) css.push("ev", here[0].css);
      if (evidence.some((stance) => choice.evidence.has(stance.number))) css.push("is-evidence");
      for (const state of ["same", "holder", "target"])
        if (choice[state] && entities.includes(choice[state])) css.push(`is-${state}`);
      const name = css.filter(Boolean).join(" ");
      if (node.className !== name) node.className = name;
    }
  }

  /** The first piece of a stance's evidence, or of an entity's mentions. */
  find({ stance = null, entity = null }) {
    return this.pieces.find((piece) =>
      stance === null ? piece.entities.includes(entity) : piece.evidence.some((shown) => shown.number === stance),
    )?.node;
  }

  /** Moves the focus from mention to mention. Returns whether the key does that. */
  move(key, from) {
    const rtl = getComputedStyle(from.closest("p")).direction === "rtl";
    const step = { ArrowDown: 1, ArrowUp: -1, ArrowLeft: rtl ? 1 : -1, ArrowRight: rtl ? -1 : 1, Home: -Infinity, End: Infinity }[key];
    const at = this.stops.indexOf(from);
    if (step === undefined || at < 0) return false;
    const to = this.stops[Math.max(0, Math.min(this.stops.length - 1, at + step))];
    from.tabIndex = -1;
    to.tabIndex = 0;
    to.focus();
    return true;
  }
}
