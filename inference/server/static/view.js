// What is shown of a tagged article: legend, map, sentences, text; and what is chosen of it. Its state is small: the
// article, the least confidence, the types hidden, what is pinned, what the pointer or the focus is on, and the filter.

import { $, make, nameOf } from "./dom.js";
import { drawGraph, layout } from "./graph.js";
import { Marks } from "./marks.js";
import { direction, oneLine, unitOffsets } from "./text.js";

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const MOST_NODES = 24; // of the map: more cannot be taken in
const percent = (score) => Math.round(100 * score); // as the other pages show it

export class View {
  article = null;
  #settings;
  #t;
  #language;
  #least = null; // percent
  #moved = false; // the slider, by hand: then it stays for the next article
  #hidden = new Set();
  #pinned = null; // {stance: number} | {entity: id} | {words: [numbers]}
  #pointed = null; // the same
  #filter = null; // {entity} | {words}
  #still = false; // the pointer, while the page moves below it
  #marks = null;
  #items = []; // of the list, by number
  #arrows = () => {};

  constructor(settings, t, language) {
    this.#settings = settings;
    this.#t = t;
    this.#language = language;
    const result = $("result");
    const point = (event) => this.#point(this.#itemOf(event.target));
    result.addEventListener("pointerover", (event) => event.pointerType === "mouse" && !this.#still && point(event));
    result.addEventListener("pointermove", (event) => {
      if (event.movementX || event.movementY) this.#still = false;
    });
    result.addEventListener("focusin", (event) => event.target.matches(":focus-visible") && point(event));
    for (const kind of ["pointerleave", "focusout"]) result.addEventListener(kind, () => this.#point(null));
    result.addEventListener("click", (event) => this.#click(event));
    $("text").addEventListener("keydown", (event) => this.#key(event));
    addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.article) this.#clear();
    });
    $("least").oninput = () => {
      this.#moved = true;
      this.#least = Number($("least").value);
      this.#drawShown();
      this.#announce();
    };
    $("filter-clear").onclick = () => {
      this.#clear();
      $("stances").querySelector("button")?.focus();
    };
    $("close").onclick = () => this.#clear();
    $("back").onclick = () => this.#back();
    new ResizeObserver(() => this.#arrows()).observe($("graph"));
  }

  // ------------------------------------------------------------------------------------------------ the article

  /** Shows a tagged article. start: the least confidence at first, unless the reader has chosen one before. */
  show(article, start) {
    this.article = article;
    this.#pinned = this.#pointed = this.#filter = null;
    const unit = unitOffsets(article.text);
    this.entities = new Map(article.entities.map((entity, i) => [entity.id, { ...entity, number: i + 1, name: oneLine(entity.name), mentions: 0 }]));
    this.entities.set(this.#settings.author, { id: this.#settings.author, number: 0, author: true });
    this.mentions = article.mentions.map((mention) => ({ ...mention, start: unit(mention.start), end: unit(mention.end) }));
    for (const { entity } of this.mentions) if (this.entities.has(entity)) this.entities.get(entity).mentions++;
    const place = (stance) => stance.evidence ?? [Infinity, 0];
    this.stances = article.stances
      .map((given) => ({ ...given, given }))
      .sort((a, b) => place(a)[0] - place(b)[0] || place(a)[1] - place(b)[1])
      .map((stance, i) => ({ ...stance, number: i + 1, evidence: stance.evidence?.map(unit) ?? null }));
    const scores = this.stances.map((stance) => stance.score).filter((score) => typeof score === "number").map(percent);
    const slider = $("least");
    // From the least to the greatest score there is: all of the slider's way does something, and one stance always stays.
    [slider.min, slider.max] = [Math.min(...scores, 100), Math.max(...scores, 0)];
    slider.value = this.#moved ? this.#least : Math.round(100 * start);
    this.#least = scores.length ? Number(slider.value) : 0;
    slider.closest(".slider").hidden = new Set(scores).size < 2;
    $("result").hidden = false;
    this.draw();
    this.#announce();
  }

  hide() {
    this.article = null;
    this.#marks = null;
    $("result").hidden = true;
  }

  /** The article with the stances that are shown. */
  shownArticle() {
    const shown = new Set(this.#visible().map((stance) => stance.given));
    return { ...this.article, stances: this.article.stances.filter((stance) => shown.has(stance)) };
  }

  #visible() {
    return this.stances.filter(({ score }) => typeof score !== "number" || percent(score) >= this.#least);
  }

  #listed() {
    const filter = this.#filter;
    return this.#visible().filter(
      (stance) => !filter || (filter.words ? filter.words.includes(stance.number) : [stance.holder, stance.target].includes(filter.entity)),
    );
  }

  // -------------------------------------------------------------------------------------------------- labels

  #label(group, name) {
    const known = Object.hasOwn(this.#settings[group], name) ? this.#settings[group][name] : null;
    const language = this.#language();
    const shown = oneLine(String(name));
    return known ? { css: known.css, long: known[language], short: known.short[language] } : { css: "", long: shown, short: shown };
  }

  #nameOf(id) {
    const entity = this.entities.get(id);
    return entity?.author ? this.#t("author") : (entity?.name ?? oneLine(String(id)));
  }

  #sentence(stance) {
    return `${this.#nameOf(stance.holder)} ${this.#label("stances", stance.stance).short} ${this.#nameOf(stance.target)}`;
  }

  #sentenceNodes(stance) {
    const label = this.#label("stances", stance.stance);
    return [
      nameOf(this.#nameOf(stance.holder), "holder"),
      " ",
      make("strong", { className: `badge ${label.css}` }, label.short),
      " ",
      nameOf(this.#nameOf(stance.target), "target"),
    ];
  }

  // ------------------------------------------------------------------------------------------------- drawing

  /** Draws everything anew: for another article or language. */
  draw() {
    if (!this.article) return;
    const { title, date, source } = this.article;
    $("result-title").replaceChildren(title ? nameOf(title) : this.#t("result"));
    $("facts").replaceChildren(...[date, source].filter(Boolean).flatMap((fact, i) => [i ? " · " : "", nameOf(fact)]));
    this.#drawTypes();
    this.#drawEntities();
    const mentions = this.mentions.map((mention) => ({ ...mention, label: this.#label("types", mention.type) }));
    const stances = this.stances.map((stance) => ({ ...stance, css: this.#label("stances", stance.stance).css }));
    const tip = ({ entity, label }) => [entity && this.#nameOf(entity), label.long].filter(Boolean).join(" · ");
    this.#items = this.stances.map((stance) => this.#stanceItem(stance));
    this.#marks = new Marks($("text"), this.article.text, mentions, stances, tip);
    this.#drawShown();
  }

  #drawTypes() {
    const counts = new Map();
    for (const { type } of this.mentions) counts.set(type, (counts.get(type) ?? 0) + 1);
    const known = Object.keys(this.#settings.types);
    const rank = (type) => (known.includes(type) ? known.indexOf(type) : known.length);
    $("types-box").hidden = !counts.size;
    $("types").replaceChildren(
      ...[...counts].sort(([a], [b]) => rank(a) - rank(b)).map(([type, count]) => {
        const label = this.#label("types", type);
        const box = make("input", { type: "checkbox", checked: !this.#hidden.has(type) });
        box.onchange = () => {
          this.#hidden[box.checked ? "delete" : "add"](type);
          this.#paint();
        };
        return make("label", { className: `chip ${label.css}` }, box, ` ${label.long} `, make("b", {}, String(count)));
      }),
    );
  }

  #drawEntities() {
    const entities = [...this.entities.values()].filter((entity) => !entity.author);
    $("entities-count").textContent = entities.length;
    $("entities-box").hidden = !entities.length;
    $("entities").replaceChildren(
      ...entities.map((entity) => {
        const label = this.#label("types", entity.type);
        return make("li", {}, this.#entityButton(entity.id, `chip ${label.css}`, make("small", {}, label.short), " ", make("b", {}, String(entity.mentions))));
      }),
    );
  }

  #entityButton(id, className, ...more) {
    const button = make("button", { type: "button", className }, nameOf(this.#nameOf(id)), ...(more.length ? [" "] : []), ...more);
    button.dataset.entity = this.entities.get(id)?.number ?? "";
    return button;
  }

  /** Draws what depends on the slider and the filter. */
  #drawShown() {
    const [visible, listed] = [this.#visible(), this.#listed()];
    $("least-shown").textContent = `${this.#least}%`;
    $("least").setAttribute("aria-valuetext", `${this.#least}%`);
    $("stances-count").textContent = visible.length === this.stances.length ? visible.length : this.#t("shown", { shown: visible.length, all: this.stances.length });
    $("filter").hidden = !this.#filter;
    if (this.#filter) $("filter-text").replaceChildren(this.#filterText(listed.length));
    $("no-stances").hidden = listed.length > 0;
    $("no-stances").textContent = this.#t(this.#filter ? "filter_none" : this.entities.size > 1 ? "no_stances" : "no_entities");
    $("stances").replaceChildren(...listed.map((stance) => this.#items[stance.number - 1]));
    this.#drawGraph(visible);
    this.#paint();
  }

  #filterText(n) {
    if (this.#filter.words) return this.#t("filter_words", { n });
    const [before, after] = this.#t("filter_entity", { name: "\0", n }).split("\0");
    return make("span", {}, before, nameOf(this.#nameOf(this.#filter.entity)), after);
  }

  #stanceItem(stance) {
    const label = this.#label("stances", stance.stance);
    const item = make("li", { className: `stance ${label.css}` }, make("button", { type: "button", className: "edge" }, ...this.#sentenceNodes(stance)));
    item.dataset.stance = stance.number;
    const words = stance.evidence ? oneLine(this.article.text.slice(...stance.evidence)) : "";
    if (words) item.append(make("blockquote", { className: "quote", dir: direction(words), lang: direction(words) === "rtl" ? "ar" : "" }, words));
    const how = [];
    if (stance.voice) how.push(make("span", {}, `${this.#t("voice")} ${this.#label("voices", stance.voice).long}`));
    if (typeof stance.score === "number") how.push(make("span", {}, `${this.#t("score")} `, make("bdi", { dir: "ltr" }, `${percent(stance.score)}%`)));
    if (!words) how.push(make("span", {}, this.#t("no_evidence")));
    item.append(make("p", { className: "how" }, ...how));
    return item;
  }

  #drawGraph(visible) {
    const edges = this.#surest(visible.filter(({ holder, target }) => this.entities.has(holder) && this.entities.has(target)));
    $("graph-box").hidden = !edges.length;
    const ranks = Object.keys(this.#settings.stances);
    const nodes = [...new Set(edges.flatMap(({ holder, target }) => [holder, target]))];
    const drawn = edges.map((stance) => ({
      ...stance,
      css: this.#label("stances", stance.stance).css,
      rank: Math.max(0, ranks.indexOf(stance.stance)),
      title: this.#sentence(stance),
    }));
    const button = (id) => this.#entityButton(id, `node ${this.#label("types", this.entities.get(id).type ?? "").css}`);
    this.#arrows = drawGraph($("graph"), layout(nodes, edges), button, drawn);
    this.#arrows();
    const used = [...new Set(edges.map((stance) => stance.stance))];
    $("graph-key").replaceChildren(
      ...used.map((name) => make("span", { className: `sample ${this.#label("stances", name).css}` }, this.#label("stances", name).long)),
      make("span", {}, this.#t(edges.length < visible.length ? "graph_part" : "graph_help", { n: edges.length, all: visible.length })),
    );
  }

  /** The stances that the model is surest of, as many as their ends find room on the map, in the order given. */
  #surest(stances) {
    const nodes = new Set();
    const chosen = new Set();
    for (const stance of [...stances].sort((a, b) => (b.score ?? 1) - (a.score ?? 1))) {
      const fresh = [stance.holder, stance.target].filter((id) => !nodes.has(id));
      if (nodes.size + fresh.length > MOST_NODES) continue;
      for (const id of fresh) nodes.add(id);
      chosen.add(stance);
    }
    return stances.filter((stance) => chosen.has(stance));
  }

  /** Shows what is chosen, in text, list and map. */
  #paint() {
    const chosen = this.#pointed ?? this.#pinned;
    const stance = chosen?.stance ? this.stances[chosen.stance - 1] : null;
    const numbers = new Set(stance ? [stance.number] : (chosen?.words ?? []));
    const ends = { holder: stance?.holder ?? null, target: stance?.target ?? null, same: chosen?.entity ?? null };
    this.#marks.paint(this.#hidden, new Set(this.#visible().map(({ number }) => number)), { evidence: numbers, ...ends });
    const touched = new Set(numbers);
    if (ends.same) for (const { number, holder, target } of this.stances) if ([holder, target].includes(ends.same)) touched.add(number);
    for (const item of $("stances").children) {
      const number = Number(item.dataset.stance);
      item.classList.toggle("is-chosen", numbers.has(number));
      item.querySelector("button").ariaPressed = String(this.#pinned?.stance === number);
    }
    $("graph").classList.toggle("has-choice", touched.size > 0);
    for (const edge of $("graph").querySelectorAll("g")) edge.classList.toggle("is-chosen", touched.has(Number(edge.dataset.stance)));
    const number = (id) => String(this.entities.get(id)?.number ?? "-");
    for (const node of $("result").querySelectorAll("[data-entity]")) {
      for (const [end, id] of Object.entries(ends)) node.classList.toggle(`is-${end}`, Boolean(id) && node.dataset.entity === number(id));
      node.ariaPressed = String(Boolean(this.#filter?.entity) && node.dataset.entity === number(this.#filter.entity));
    }
    this.#paintBar();
  }

  #paintBar() {
    const pinned = this.#pinned;
    $("chosen").hidden = !pinned;
    if (!pinned) return;
    $("chosen-text").replaceChildren(...(pinned.stance ? this.#sentenceNodes(this.stances[pinned.stance - 1]) : [this.#filterText(this.#listed().length)]));
  }

  // -------------------------------------------------------------------------------------------------- events

  /** What an element is about. A mention goes before the evidence around it. */
  #itemOf(node) {
    const item = node.closest?.("[data-stance], [data-entity], [data-piece]");
    if (!item) return null;
    if (item.dataset.stance) return { stance: Number(item.dataset.stance) };
    if (item.dataset.entity) return { entity: [...this.entities.values()].find((entity) => String(entity.number) === item.dataset.entity)?.id };
    const piece = this.#marks.pieces[Number(item.dataset.piece)];
    if (piece.mention?.entity) return { entity: piece.mention.entity };
    const visible = new Set(this.#visible().map(({ number }) => number));
    const numbers = piece.evidence.map(({ number }) => number).filter((number) => visible.has(number));
    return numbers.length > 1 ? { words: numbers } : numbers.length ? { stance: numbers[0] } : null;
  }

  #point(item) {
    if (same(item, this.#pointed) || !this.article) return;
    this.#pointed = item;
    this.#paint();
  }

  #click(event) {
    const item = this.#itemOf(event.target);
    if (!item || !this.article || String(getSelection())) return; // whoever marks words wants to copy them
    if (same(item, this.#pinned)) return this.#clear();
    this.#pinned = item;
    this.#pointed = null;
    if (item.stance) {
      this.#paint();
      if (!event.target.closest("#text")) this.#scrollTo(this.stances[item.stance - 1]);
      return;
    }
    const keep = event.target.closest("[data-entity]")?.closest("#graph, #entities");
    this.#filter = item;
    this.#drawShown();
    if (keep) keep.querySelector(`[data-entity="${this.entities.get(item.entity).number}"]`)?.focus({ preventScroll: true });
    $("status").textContent = $("filter-text").textContent;
  }

  #scrollTo(stance) {
    const node = this.#marks.find({ stance: stance.number }) ?? this.#marks.find({ entity: stance.target });
    const place = node?.getBoundingClientRect();
    if (!place || (place.top > 60 && place.bottom < innerHeight - 120)) return;
    this.#still = true;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    node.scrollIntoView({ block: "center", behavior: calm ? "auto" : "smooth" });
  }

  #clear() {
    const filtered = this.#filter;
    this.#pinned = this.#pointed = this.#filter = null;
    if (filtered) this.#drawShown();
    else this.#paint();
  }

  #back() {
    const number = this.#pinned?.stance;
    const button = number && $("stances").querySelector(`[data-stance="${number}"] button`);
    (button || $("stances").querySelector("button"))?.focus({ preventScroll: true });
    (button || $("stances-title")).scrollIntoView({ block: "center" });
  }

  #key(event) {
    const node = event.target.closest("[role=button]");
    if (!node) return;
    if (event.key === "Enter" || event.key === " ") node.click();
    else if (!this.#marks.move(event.key, node)) return;
    event.preventDefault();
  }

  #announce() {
    const values = { shown: this.#visible().length, all: this.stances.length, entities: this.entities.size - 1 };
    $("status").textContent = this.#t("found", values);
  }
}
