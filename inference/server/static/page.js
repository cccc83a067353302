// The page: what it holds, what is asked of the server, and what happens on an event. What is shown of an article is in
// view.js. Article text reaches the page as text nodes alone; the policy forbids any other way.

import { $, make } from "./dom.js";
import { EXAMPLES } from "./examples.js";
import { codePoints, decode, oneLine, toArticle } from "./text.js";
import { View } from "./view.js";

const SETTINGS = JSON.parse(document.body.dataset.settings);
const LARGEST_FILE = 8e6; // bytes
const STORED = "mawaqif-language";

let language = "ar";
let source = null; // the article as it was opened, while the text in the box is still its own
let running = null; // the request in progress
let failure = null; // what the alert shows
let key = null; // of the service, where it asks for one; kept nowhere else

const t = (word, values = {}) =>
  (SETTINGS.words[language][word] ?? word).replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
const view = new View(SETTINGS, t, () => language);

// ---------------------------------------------------------------------------------------------------- language

function storedLanguage() {
  try {
    return localStorage.getItem(STORED); // throws where storage is forbidden
  } catch {
    return null;
  }
}

function setLanguage(chosen) {
  language = chosen;
  document.documentElement.lang = language;
  document.documentElement.dir = language === "ar" ? "rtl" : "ltr";
  document.title = t("title");
  for (const node of document.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
  for (const node of document.querySelectorAll("[data-t-title]")) node.title = t(node.dataset.tTitle);
  for (const node of document.querySelectorAll("[data-t-label]")) node.ariaLabel = t(node.dataset.tLabel);
  $("input").placeholder = t("placeholder");
  $("switch").lang = language === "ar" ? "en" : "ar";
  $("switch").dir = language === "ar" ? "ltr" : "rtl";
  $("examples").replaceChildren(
    ...EXAMPLES.map((example) =>
      make("button", { type: "button", className: "example", onclick: () => openArticle(example.article, true) }, example.name[language]),
    ),
  );
  count();
  showFailure();
  view.draw();
}

$("switch").onclick = () => {
  setLanguage(language === "ar" ? "en" : "ar");
  try {
    localStorage.setItem(STORED, language);
  } catch {
    // Then the choice lasts as long as the page.
  }
};

// ------------------------------------------------------------------------------------------------------- input

function count() {
  $("count").textContent = t("characters", { n: codePoints($("input").value).toLocaleString("en") });
  $("input").dir = /^[\s\p{P}]*[A-Za-z{[]/u.test($("input").value) ? "ltr" : "rtl";
}

function openArticle(article, send) {
  source = article;
  $("input").value = article.text;
  count();
  fail(null);
  if (send) tag();
}

async function openFile(file) {
  $("notice").hidden = true;
  const name = oneLine(file.name);
  if (file.size > LARGEST_FILE) return fail({ word: "error_large", values: { name } });
  let read;
  try {
    read = decode(new Uint8Array(await file.arrayBuffer()));
  } catch {
    return fail({ word: "error_file", values: { name } });
  }
  if (!read) return fail({ word: "error_binary", values: { name } });
  try {
    openArticle(toArticle(read.text, /\.jsonl?$/i.test(file.name)), true);
  } catch (word) {
    return fail({ word });
  }
  if (read.guessed) {
    $("notice").textContent = t("notice_encoding", { name });
    $("notice").hidden = false;
  }
}

$("input").oninput = () => {
  source = null;
  count();
};
$("open").onclick = () => $("file").click();
$("file").onchange = () => {
  if ($("file").files.length) openFile($("file").files[0]);
  $("file").value = "";
};
$("form").onsubmit = (event) => {
  event.preventDefault();
  $("notice").hidden = true;
  tag();
};
$("input").onkeydown = (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) $("form").requestSubmit();
};

let entered = 0; // dragenter and dragleave come for every element below the pointer
const brings = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
addEventListener("dragenter", (event) => {
  if (brings(event)) $("drop").hidden = ++entered === 0;
});
addEventListener("dragleave", (event) => {
  if (brings(event)) $("drop").hidden = --entered <= 0;
});
addEventListener("dragover", (event) => {
  if (brings(event)) event.preventDefault();
});
addEventListener("drop", (event) => {
  if (!brings(event)) return;
  event.preventDefault();
  entered = 0;
  $("drop").hidden = true;
  if (event.dataTransfer.files.length) openFile(event.dataTransfer.files[0]);
});

// ------------------------------------------------------------------------------------------------------ server

/** An answer of the server that is no result, or none at all. */
class Failure extends Error {
  constructor(word, { values = {}, detail = "", retry = false, asksKey = false } = {}) {
    super(word);
    Object.assign(this, { word, values, detail, retry, asksKey });
  }
}

async function post(path, body, signal) {
  const headers = { "Content-Type": "application/json" };
  if (key) headers.Authorization = `Bearer ${key}`;
  let response;
  try {
    response = await fetch(path, { method: "POST", headers, body: JSON.stringify(body), signal, cache: "no-store" });
  } catch (error) {
    throw error.name === "AbortError" ? error : new Failure("error_network", { retry: true });
  }
  if (response.ok) return response;
  const given = (await response.json().catch(() => null))?.error;
  const detail = given?.message ? [given.field, given.message].filter(Boolean).map(String).join(": ") : "";
  const status = response.status;
  const seconds = Number(response.headers.get("Retry-After"));
  if (status === 503)
    throw new Failure(seconds > 0 ? "error_busy_seconds" : "error_busy", { values: { n: seconds }, retry: true });
  if (status === 401 || status === 403) throw new Failure("error_key", { detail: key ? detail : "", asksKey: true });
  if (status === 408 || status === 504) throw new Failure("error_slow", { retry: true });
  if (status === 413) throw new Failure("error_long", { detail });
  if (status < 500) throw new Failure("error_invalid", { detail });
  throw new Failure("error_server", { detail, retry: true });
}

async function tag() {
  const given = $("input").value;
  if (!given.trim()) {
    fail({ word: "error_empty" });
    return $("input").focus();
  }
  let article;
  try {
    article = source ?? toArticle(given);
  } catch (word) {
    return fail({ word });
  }
  running?.abort();
  const mine = (running = new AbortController());
  fail(null);
  busy(true);
  try {
    const response = await post("tag", article, mine.signal);
    const tagged = await response.json().catch((error) => {
      throw error.name === "AbortError" ? error : new Failure("error_answer", { retry: true });
    });
    if (running !== mine) return;
    if (typeof tagged?.text !== "string" || !Array.isArray(tagged.stances)) throw new Failure("error_answer");
    $("form").hidden = true;
    view.show(tagged, SETTINGS.start);
    $("result-title").focus();
  } catch (error) {
    if (running !== mine) return;
    if (error.name === "AbortError") $("status").textContent = t("cancelled");
    else fail(error instanceof Failure ? error : new Failure("error_answer", { detail: String(error) }));
  } finally {
    if (running === mine) {
      running = null;
      busy(false);
    }
  }
}

function busy(now) {
  $("progress").hidden = !now;
  $("tag").disabled = now;
  $("main").setAttribute("aria-busy", String(now));
  if (!now) return;
  $("status").textContent = t("reading");
  $("progress").scrollIntoView({ block: "nearest" }); // on a phone it would be below the screen
}

function fail(what) {
  failure = what;
  showFailure();
}

function showFailure() {
  const box = $("alert");
  box.hidden = !failure;
  if (!failure) return box.replaceChildren();
  const parts = [make("p", { className: "reason" }, t(failure.word, failure.values))];
  if (failure.detail) parts.push(make("p", { className: "detail", lang: "en", dir: "ltr" }, failure.detail));
  if (failure.retry) parts.push(make("button", { type: "button", id: "retry", onclick: failure.again ?? tag }, t("retry")));
  if (failure.asksKey) {
    const field = make("input", { id: "key", type: "password", autocomplete: "off", dir: "ltr", required: true });
    const form = make("form", {}, make("label", { htmlFor: "key" }, t("key")), field, make("button", { type: "submit" }, t("key_send")));
    form.onsubmit = (event) => {
      event.preventDefault();
      key = field.value.trim();
      (failure.again ?? tag)();
    };
    parts.push(form);
  }
  box.replaceChildren(...parts);
  box.scrollIntoView({ block: "nearest" });
}

$("cancel").onclick = () => {
  running?.abort();
  $("tag").focus();
};
$("edit").onclick = () => {
  view.hide();
  $("notice").hidden = true;
  $("form").hidden = false;
  $("input").focus();
  $("input").select();
};

// --------------------------------------------------------------------------------------------------- downloads

function save(content, kind, suffix) {
  const name = oneLine(String(view.article.id ?? "")).replace(/[^\p{L}\p{N}_-]+/gu, "-").replace(/^-+|-+$/g, "").slice(0, 60);
  const link = make("a", { href: URL.createObjectURL(new Blob([content], { type: kind })), download: `mawaqif-${name || "article"}.${suffix}` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

$("download-json").onclick = () => save(`${JSON.stringify(view.shownArticle(), null, 1)}\n`, "application/json", "json");
$("download-html").onclick = async function download() {
  fail(null);
  try {
    save(await (await post("page", view.shownArticle())).blob(), "text/html", "html");
  } catch (error) {
    fail(Object.assign(error instanceof Failure ? error : new Failure("error_answer"), { again: download }));
  }
};

setLanguage(storedLanguage() ?? (/^ar\b/i.test(navigator.language) ? "ar" : "en"));
