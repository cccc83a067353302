// The page around the network: words in two languages, filters, the panel with evidence, timeline and table.
"use strict";
const DATA = JSON.parse(document.getElementById("data").textContent);
const $ = id => document.getElementById(id);
const ROWS = 100, LISTED = 15, MIDDLE = NARROW ? 14 : 40, MOST = Math.min(DATA.entities.length, 150);
const KNOWN = { favor: "favor", against: "against" };
const state = { lang: location.hash === "#en" ? "en" : "ar", entity: null, edge: null, sort: ["count", -1], rows: ROWS };
const WORDS = {
  ar: { heading: "من يقف مع مَن وضد مَن", search: "بحث", go: "اذهب إلى الكيان", stance: "الموقف", type: "نوع الكيان", least: "أقل عدد", nodes: "كيانات الشبكة", network: "شبكة المواقف",
    timeline: "المواقف عبر الزمن", edges: "قائمة المواقف", more: "المزيد", all: "الكل", lang: "English", favor: "مع", against: "ضد", mixed: "مع وضد",
    holder: "صاحب الموقف", target: "المستهدف", articles: "مقالات", first: "أولها", last: "آخرها", score: "متوسط الثقة", count: "مواقف", author: "كتّاب المقالات",
    holds: "مواقف هذا الكيان", toward: "المواقف منه", evidence: "الدليل", names: "أسماء أخرى", voices: "الصيغ", sources: "المصادر", undated: "بلا تاريخ", frequent: "أكثر الكيانات ذكرا في المواقف",
    hint: "اختر كيانا أو سهما في الشبكة، أو سطرا في القائمة، لترى المواقف وأدلتها من النص.", share: "نسبة التأييد", none: "لا مواقف بهذه الشروط.",
    noevidence: "بلا دليل في النص", aria: "شبكة المواقف: انتقل بين الكيانات بـ Tab، واختر بـ Enter، وحرّك بالأسهم، وكبّر بـ + و−، وأعد الضبط بـ 0",
    zoomIn: "تكبير", zoomOut: "تصغير", zoomFit: "إظهار الكل", footer: "صفحة من mawaqif. قد تخطئ النماذج وقد يخطئ دمج الأسماء، والدليل في النص هو الحَكَم.",
    facts: d => `${many(d.articles, "مقال")}، ${many(d.stances, "موقف")} بين ${many(d.entities.length, "كيان")}` + (d.partial ? ` (أقواها؛ في المدونة كلها ${many(d.all_stances, "موقف")})` : ""),
    shown: (n, all, e) => `في الرسم ${num(n)} من ${many(all, "كيان")}، و${many(e, "سهم")}، أقواها أولا.`,
    counted: (n, all) => `${num(n)} من ${many(all, "علاقة")}`, evidenceOf: (n, all) => `الدليل: ${num(n)} من ${num(all)}`,
    nodates: n => `لا تاريخ لأي من هذه المواقف (${num(n)})، فلا يمكن وضعها على خط الزمن. لم يُخمَّن أي تاريخ.`,
    dates: (n, all) => n ? `${num(n)} من ${many(all, "موقف")} بلا تاريخ، وليست في الرسم.` : "لكل هذه المواقف تاريخ.",
    of: name => `المواقف: ${name}` },
  en: { heading: "Who stands with whom, and against whom", search: "Search", go: "Go to entity", stance: "Stance", type: "Entity type", least: "At least", nodes: "Entities drawn", network: "Network of stances",
    timeline: "Stances over time", edges: "All relations", more: "More", all: "all", lang: "العربية", favor: "in favor of", against: "against", mixed: "for and against",
    holder: "Holder", target: "Target", articles: "Articles", first: "First", last: "Last", score: "Mean score", count: "Stances", author: "The articles' authors",
    holds: "Stances held", toward: "Stances toward", evidence: "Evidence", names: "Other names", voices: "Voices", sources: "Sources", undated: "without a date", frequent: "Entities with most stances",
    hint: "Choose an entity or an arrow in the network, or a row of the list, to see the stances and the words that show them.", share: "Share in favor", none: "No stances under these conditions.",
    noevidence: "no evidence in the text", aria: "Network of stances: Tab moves between entities, Enter chooses, arrows pan, + and − zoom, 0 shows all",
    zoomIn: "Zoom in", zoomOut: "Zoom out", zoomFit: "Show all", footer: "A page by mawaqif. Models err, and so does the merging of names: read the evidence.",
    facts: d => `${many(d.articles, "article")}, ${many(d.stances, "stance")} between ${many(d.entities.length, "entity")}` + (d.partial ? ` (the strongest; the whole corpus has ${many(d.all_stances, "stance")})` : ""),
    shown: (n, all, e) => `Drawn: ${num(n)} of ${many(all, "entity")} and ${many(e, "arrow")}, the strongest first.`,
    counted: (n, all) => `${num(n)} of ${many(all, "relation")}`, evidenceOf: (n, all) => `Evidence: ${num(n)} of ${num(all)}`,
    nodates: n => `No date is known of ${many(n, "stance")}, so there is no time line. No date was guessed.`,
    dates: (n, all) => n ? `Not in the chart, without a date: ${num(n)} of ${many(all, "stance")}.` : "All of these stances have a date.",
    of: name => `Stances: ${name}` },
};
const t = key => WORDS[state.lang][key];
const num = n => n.toLocaleString("en");

// A number and what it counts: Arabic has the plural from 3 to 10, the accusative from 11 to 99, else the singular.
const FORMS = { "مقال": ["مقالات", "مقالا"], "موقف": ["مواقف", "موقفا"], "كيان": ["كيانات", "كيانا"], "سهم": ["أسهم", "سهما"], "علاقة": ["علاقات", "علاقة"], entity: ["entities"] };
const RULES = { ar: new Intl.PluralRules("ar"), en: new Intl.PluralRules("en") };
function many(n, word) {
  const rule = RULES[state.lang].select(n), forms = FORMS[word] || [word + "s"];
  return `${num(n)} ${state.lang === "en" ? (rule === "one" ? word : forms[0]) : rule === "few" ? forms[0] : rule === "many" ? forms[1] : word}`;
}

// The only way in which elements are made: text goes in as text.
function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key === "click") node.addEventListener("click", value);
    else if (value !== null && value !== false) node.setAttribute(key, value);
  }
  node.append(...children.filter(child => child !== null && child !== undefined));
  return node;
}

const FOLDS = [[/[\u064b-\u065f\u0670\u0640]/g, ""], [/[أإآٱ]/g, "ا"], [/ى|ئ/g, "ي"], [/ؤ/g, "و"], [/ة/g, "ه"], [/\s+/g, " "]];
const fold = text => FOLDS.reduce((found, [from, to]) => found.replace(from, to), text.toLowerCase());
const isAuthor = entity => entity.type === DATA.author;
const nameOf = n => isAuthor(DATA.entities[n]) ? t("author") : DATA.entities[n].name;
const labelOf = (labels, name) => { const found = labels.find(label => label.name === name); return found ? found[state.lang] : name; };
const typeClass = name => "t" + DATA.types.findIndex(type => type.name === name);
const cut = (text, most) => text.length > most ? text.slice(0, most - 1) + "…" : text;
const badge = kind => el("span", { class: "badge " + (KNOWN[kind] || (kind === "mixed" ? "mixed" : "")) }, WORDS[state.lang][kind] || labelOf(DATA.stances_labels, kind));

for (const edge of DATA.edges) {
  edge.count = Object.values(edge.stances).reduce((a, b) => a + b, 0);
  const kinds = DATA.labels.filter(label => edge.stances[label]);
  edge.kind = kinds.length > 1 ? "mixed" : kinds[0];
  edge.words = fold([edge.holder, edge.target].flatMap(n => [DATA.entities[n].name, ...DATA.entities[n].other_names]).join("\n"));
}
DATA.edges.forEach((edge, n) => { edge.number = n; });
const degree = DATA.entities.map(() => 0);
for (const edge of DATA.edges) for (const end of new Set([edge.holder, edge.target])) degree[end] += edge.count;
const byStrength = [...DATA.edges].sort((a, b) => b.count - a.count || degree[b.holder] + degree[b.target] - degree[a.holder] - degree[a.target] || a.number - b.number);
const sentence = edge => `${nameOf(edge.holder)} ${t(edge.kind) || labelOf(DATA.stances_labels, edge.kind)} ${nameOf(edge.target)} (${num(edge.count)})`;

function visible(edge) {
  const stance = $("stance").value, type = $("type").value;
  return edge.count >= (Number($("least").value) || 1) && (!stance || edge.stances[stance] > 0) &&
    (!type || DATA.entities[edge.holder].type === type || DATA.entities[edge.target].type === type);
}

function drawNetwork() {
  const most = Number($("nodes").value), chosen = new Set(), edges = byStrength.filter(edge => visible(edge) && edge.holder !== edge.target);
  if (state.entity !== null) chosen.add(state.entity);
  for (const edge of edges) {
    const fresh = [edge.holder, edge.target].filter(n => !chosen.has(n));
    if (chosen.size + fresh.length <= most) fresh.forEach(n => chosen.add(n));
  }
  if (state.entity !== null && !edges.some(edge => chosen.has(edge.holder) && chosen.has(edge.target) && [edge.holder, edge.target].includes(state.entity)))
    edges.filter(edge => [edge.holder, edge.target].includes(state.entity)).slice(0, 8).forEach(edge => chosen.add(edge.holder).add(edge.target));
  const drawn = edges.filter(edge => chosen.has(edge.holder) && chosen.has(edge.target));
  const nodes = [...chosen].sort((a, b) => degree[b] - degree[a] || a - b).map(n => ({ id: n, label: cut(nameOf(n), 26),
    title: `${nameOf(n)} (${labelOf(DATA.types, DATA.entities[n].type)} · ${num(degree[n])})`, type: typeClass(DATA.entities[n].type), radius: 6 + 1.7 * Math.sqrt(degree[n]) }));
  network.draw(nodes, drawn.map(edge => ({ id: edge.number, from: edge.holder, to: edge.target, kind: KNOWN[edge.kind] || (edge.kind === "mixed" ? "mixed" : "other"),
    weight: edge.count, title: sentence(edge) })));
  network.mark(state.entity, state.edge);
  $("nodes-out").value = most;
  $("shown").textContent = nodes.length ? t("shown")(nodes.length, DATA.entities.length, drawn.length) : t("none");
}

function matching() {
  const wanted = fold($("search").value.trim());
  return DATA.edges.filter(edge => visible(edge) && (!wanted || edge.words.includes(wanted)));
}

const COLUMNS = [["holder", edge => nameOf(edge.holder)], ["favor", edge => edge.stances.favor || 0], ["against", edge => edge.stances.against || 0],
  ["target", edge => nameOf(edge.target)], ["count", edge => edge.count], ["articles", edge => edge.articles], ["first", edge => edge.first || ""],
  ["last", edge => edge.last || ""], ["score", edge => edge.mean_score ?? -1]]
  .filter(([key]) => !["first", "last"].includes(key) || DATA.edges.some(edge => edge.first)).filter(([key]) => key !== "score" || DATA.edges.some(edge => edge.mean_score !== null));

function drawTable() {
  const [by, direction] = state.sort, value = COLUMNS.find(([key]) => key === by)[1], found = matching();
  const compare = (a, b) => typeof a === "string" ? a.localeCompare(b, "ar") : a - b;
  found.sort((a, b) => direction * compare(value(a), value(b)) || a.number - b.number);
  $("head").replaceChildren(...COLUMNS.map(([key]) => el("th", { scope: "col", "aria-sort": key === by ? (direction > 0 ? "ascending" : "descending") : "none" },
    el("button", { type: "button", "data-sort": key, click: () => { state.sort = [key, key === by ? -direction : ["holder", "target"].includes(key) ? 1 : -1]; drawTable(); $("head").querySelector(`[data-sort=${key}]`).focus(); } },
      t(key) + (key === by ? (direction > 0 ? " ▲" : " ▼") : "")))));
  $("rows").replaceChildren(...found.slice(0, state.rows).map(edge => el("tr", { class: edge.number === state.edge ? "on" : null },
    ...COLUMNS.map(([key, get]) => key === "holder" ? el("td", {}, el("button", { type: "button", class: "open", "data-edge": edge.number, click: () => choose("edge", edge.number, true) }, el("bdi", {}, get(edge)))) :
      key === "target" ? el("td", {}, el("bdi", {}, get(edge))) : el("td", { class: "n" }, key === "score" && get(edge) < 0 ? "–" : key === "score" ? get(edge).toFixed(2) : String(get(edge) || "–"))))));
  $("more").hidden = found.length <= state.rows;
  $("count").textContent = found.length ? t("counted")(found.length, DATA.edges.length) : t("none");
}

function drawPanel() {
  const panel = $("panel");
  if (state.edge !== null) return edgePanel(panel, DATA.edges[state.edge]);
  if (state.entity !== null) return entityPanel(panel, state.entity);
  const wanted = fold($("search").value.trim()), counts = new Map();
  for (const edge of DATA.edges.filter(visible)) for (const end of new Set([edge.holder, edge.target])) counts.set(end, (counts.get(end) || 0) + edge.count);
  const found = [...counts].filter(([n]) => called(n, wanted)).sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, LISTED);
  panel.replaceChildren(el("p", { class: "note" }, t("hint")), el("h3", {}, t("frequent")), el("ul", {}, ...found.map(([n, count]) => el("li", {},
    el("button", { type: "button", "data-entity": n, click: () => choose("entity", n, true) }, el("bdi", {}, nameOf(n)), num(count))))));
}

const called = (n, wanted) => [nameOf(n), ...DATA.entities[n].other_names].some(name => fold(name).includes(wanted));

function entityPanel(panel, n) {
  const entity = DATA.entities[n], list = (heading, edges, other) => edges.length ? [el("h3", {}, `${heading} (${num(edges.reduce((sum, edge) => sum + edge.count, 0))})`),
    el("ul", {}, ...edges.map(edge => el("li", {}, el("button", { type: "button", "data-edge": edge.number, click: () => choose("edge", edge.number, true) }, badge(edge.kind), el("bdi", {}, nameOf(edge[other])), String(edge.count)))))] : [];
  const shown = byStrength.filter(visible);
  panel.replaceChildren(el("p", { class: "title" }, el("bdi", {}, nameOf(n)), " ", el("span", { class: "chip " + typeClass(entity.type) }, labelOf(DATA.types, entity.type))),
    entity.other_names.length ? el("p", { class: "note" }, t("names") + ": ", ...entity.other_names.flatMap((name, i) => [i ? "، " : "", el("bdi", {}, name)])) : "",
    ...list(t("holds"), shown.filter(edge => edge.holder === n), "target"), ...list(t("toward"), shown.filter(edge => edge.target === n), "holder"));
}

function edgePanel(panel, edge) {
  const who = n => el("button", { type: "button", class: "who", "data-entity": n, click: () => choose("entity", n, true) }, el("bdi", {}, nameOf(n)));
  const counts = (values, labels) => Object.entries(values).map(([name, count]) => `${labels ? labelOf(labels, name) : name} ${num(count)}`).join("، ");
  const facts = [[t("count"), counts(Object.fromEntries(Object.entries(edge.stances).filter(([, count]) => count)), DATA.stances_labels)],
    edge.shares.favor === undefined ? null : [t("share"), Math.round(100 * edge.shares.favor) + "%"], [t("articles"), num(edge.articles)],
    edge.first ? [t("first"), edge.first] : null, edge.last ? [t("last"), edge.last] : null, edge.undated ? [t("undated"), num(edge.undated)] : null,
    edge.mean_score === null ? null : [t("score"), edge.mean_score.toFixed(2)], [t("voices"), counts(edge.voices, DATA.voices)], [t("sources"), counts(edge.sources)]];
  panel.replaceChildren(el("p", { class: "title" }, who(edge.holder), " ", badge(edge.kind), " ", who(edge.target)),
    el("dl", {}, ...facts.filter(fact => fact && fact[1]).flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, el("bdi", {}, value))])),
    el("h3", {}, t("evidenceOf")(edge.evidence.length, edge.count)), ...edge.evidence.map(found => quote(edge, found)));
}

function quote(edge, found) {
  const as = [[found.holder_as, edge.holder], [found.target_as, edge.target]].filter(([name, n]) => name !== DATA.entities[n].name).map(([name]) => name);
  const facts = [found.article, found.date || t("undated"), found.source, found.voice && labelOf(DATA.voices, found.voice), found.score === null ? null : found.score.toFixed(2),
    as.length ? as.join(" … ") : null].filter(Boolean);
  return el("blockquote", { class: KNOWN[found.stance] || null }, el("p", { dir: "auto" }, found.text === null ? t("noevidence") : found.text),
    el("footer", {}, badge(found.stance), ...facts.flatMap(fact => [" · ", el("bdi", {}, fact)])));
}

function selection() {
  if (state.edge !== null) return [sentence(DATA.edges[state.edge]), [DATA.edges[state.edge]]];
  if (state.entity !== null) return [nameOf(state.entity), DATA.edges.filter(edge => visible(edge) && (edge.holder === state.entity || edge.target === state.entity))];
  return [t("all"), matching()];
}

function drawTime() {
  const [name, edges] = selection(), months = new Map();
  for (const edge of edges) for (const [month, counts] of Object.entries(edge.months)) {
    const sum = months.get(month) || {};
    for (const [label, count] of Object.entries(counts)) sum[label] = (sum[label] || 0) + count;
    months.set(month, sum);
  }
  const undated = edges.reduce((sum, edge) => sum + edge.undated, 0), all = edges.reduce((sum, edge) => sum + edge.count, 0);
  $("time-h").textContent = `${t("timeline")}: ${name}`;
  $("bars").replaceChildren();
  $("time-note").textContent = !all ? t("none") : !months.size ? t("nodates")(all) : t("dates")(undated, all);
  if (months.size) bars(months);
}

function bars(months) {
  const keys = [...months.keys()].sort(), at = key => Number(key.slice(0, 4)) * 12 + Number(key.slice(5)) - 1, first = at(keys[0]), last = at(keys[keys.length - 1]);
  // Ten years of months fit; a longer time is shown by years.
  const span = last - first + 1, by = span > 120 ? 12 : 1, slot = key => Math.floor(at(key) / by) - Math.floor(first / by), slots = Math.floor(last / by) - Math.floor(first / by) + 1;
  const sums = Array.from({ length: slots }, () => ({}));
  for (const [key, counts] of months) for (const [label, count] of Object.entries(counts)) sums[slot(key)][label] = (sums[slot(key)][label] || 0) + count;
  const peak = Math.max(1, ...sums.map(sum => Math.max(sum.favor || 0, sum.against || 0))), width = 1000, step = width / slots, half = 75, label = i => {
    const month = (Math.floor(first / by) + i) * by;
    return by === 12 ? String(month / 12) : `${Math.floor(month / 12)}-${String(month % 12 + 1).padStart(2, "0")}`;
  };
  const root = svg("svg", { viewBox: `0 0 ${width + 20} 190`, role: "img" });
  svg("title", {}, root).textContent = `${$("time-h").textContent}, ${label(0)} – ${label(slots - 1)}`;
  svg("line", { x1: 0, x2: width, y1: 88, y2: 88 }, root);
  const every = Math.ceil(slots / 14), wide = Math.min(step * 0.8, 46);
  sums.forEach((sum, i) => {
    for (const [kind, up] of [["favor", true], ["against", false]]) {
      if (!sum[kind]) continue;
      const height = half * sum[kind] / peak;
      const bar = svg("rect", { class: kind, x: i * step + (step - wide) / 2, width: wide, y: up ? 87 - height : 89, height }, root);
      svg("title", {}, bar).textContent = `${label(i)}: ${t(kind)} ${num(sum[kind])}`;
    }
    if (i % every === 0) svg("text", { x: i * step + step / 2, y: 184, "text-anchor": "middle" }, root).textContent = label(i);
  });
  svg("text", { x: width + 4, y: 92 - half }, root).textContent = num(peak);
  svg("line", { x1: width - 4, x2: width + 3, y1: 88 - half, y2: 88 - half }, root);
  $("bars").append(root);
}

function choose(kind, n, look) {
  const before = state.entity;
  if (kind === "entity") { state.entity = n; state.edge = null; } else state.edge = n;
  drawPanel(); drawTime(); drawTable();
  if (kind === "entity" && n !== before && !network.nodes.some(node => node.id === n)) drawNetwork();
  network.mark(state.edge === null ? state.entity : null, state.edge);
  if (look) $("panel").focus();
}

function drawLegend() {
  const line = kind => { const root = svg("svg", { viewBox: "0 0 40 10", "aria-hidden": "true" }); svg("path", { d: "M0 5H40", class: "link on " + kind, "stroke-width": 3 }, root); return root; };
  const types = DATA.types.filter(type => DATA.entities.some(entity => entity.type === type.name));
  $("legend").replaceChildren(...["favor", "against", "mixed"].map(kind => el("span", {}, line(kind), t(kind))), ...types.map(type => el("span", { class: "chip " + typeClass(type.name) }, type[state.lang])));
}

function options(select, entries) {
  const kept = select.value;
  select.replaceChildren(el("option", { value: "" }, t("all")), ...entries.map(([value, text]) => el("option", { value }, text)));
  select.value = kept;
}

function speak() {
  document.documentElement.lang = state.lang;
  document.documentElement.dir = state.lang === "ar" ? "rtl" : "ltr";
  for (const node of document.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
  document.title = `${t("heading")} · mawaqif`;
  Object.assign($("lang"), { textContent: t("lang"), lang: state.lang === "ar" ? "en" : "ar" });
  $("facts").textContent = t("facts")(DATA);
  options($("stance"), DATA.labels.map(label => [label, labelOf(DATA.stances_labels, label)]));
  options($("type"), [...new Set(DATA.entities.map(entity => entity.type))].sort().map(type => [type, labelOf(DATA.types, type)]));
  $("svg").setAttribute("aria-label", t("aria"));
  for (const [id, key] of [["in", "zoomIn"], ["out", "zoomOut"], ["fit", "zoomFit"]]) { $(id).title = t(key); $(id).setAttribute("aria-label", t(key)); }
  drawLegend(); drawNetwork(); drawPanel(); drawTime(); drawTable();
}

const network = new Network($("svg"), (kind, n) => choose(kind, n, false));
$("nodes").max = Math.max(MOST, 5);
$("nodes").value = Math.min(MIDDLE, MOST);
$("lang").addEventListener("click", () => { state.lang = state.lang === "ar" ? "en" : "ar"; history.replaceState(null, "", state.lang === "en" ? "#en" : "#"); speak(); });
for (const id of ["stance", "type", "least"]) $(id).addEventListener("input", () => { state.rows = ROWS; drawNetwork(); drawPanel(); drawTime(); drawTable(); });
$("nodes").addEventListener("input", drawNetwork);
$("search").addEventListener("input", () => { state.rows = ROWS; state.entity = state.edge = null; drawPanel(); drawTime(); drawTable(); network.mark(null, null); });
$("tools").addEventListener("submit", event => {
  event.preventDefault();
  const wanted = fold($("search").value.trim());
  const best = DATA.entities.map((_, n) => n).filter(n => wanted && called(n, wanted)).sort((a, b) => degree[b] - degree[a])[0];
  if (best !== undefined) choose("entity", best, true);
});
$("more").addEventListener("click", () => { state.rows += ROWS; drawTable(); });
$("in").addEventListener("click", () => network.zoom(1.3));
$("out").addEventListener("click", () => network.zoom(1 / 1.3));
$("fit").addEventListener("click", () => network.fit());
document.addEventListener("keydown", event => {
  if (event.key !== "Escape" || (state.edge === null && state.entity === null)) return;
  if (state.edge !== null && state.entity !== null) choose("entity", state.entity, false);
  else { state.entity = state.edge = null; drawPanel(); drawTime(); drawTable(); network.mark(null, null); }
});
speak();
