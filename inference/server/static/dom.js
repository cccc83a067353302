// The few helpers that make elements. Whatever is given as a child that is no node becomes text, never markup.

import { direction, oneLine } from "./text.js";

export const $ = (id) => document.getElementById(id);

/** An element with these properties and children. */
export function make(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

/** A name as an island of its own direction and language. */
export function nameOf(text, className = "") {
  const shown = oneLine(String(text));
  const node = make("bdi", { className }, shown);
  if (direction(shown) === "rtl") node.lang = "ar";
  return node;
}
