// The network: force layout (Fruchterman and Reingold 1991) with labels kept apart, drawn as SVG; zoom, pan, drag, hover.
// Everything of an article comes in as text nodes or numbers, never as markup.
const SVG = "http://www.w3.org/2000/svg", NARROW = innerWidth < 640;
const WIDTH = NARROW ? 420 : 1000, HEIGHT = NARROW ? 500 : 680; // of the drawing; the screen scales it

function svg(name, attributes, parent) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (parent) parent.append(node);
  return node;
}

// Places `nodes` ({x, y, w, h} of the label, centred) in the drawing; `links` are pairs of places in `nodes` and a weight.
// Without chance: the same graph has the same picture.
function layout(nodes, links) {
  const n = nodes.length, k = 0.75 * Math.sqrt(WIDTH * HEIGHT / Math.max(n, 1));
  nodes.forEach((node, i) => {
    if (node.x !== undefined) return;
    const angle = i * 2.399963, radius = 0.9 * k * Math.sqrt(i + 0.3); // sunflower: the strongest in the middle
    node.x = WIDTH / 2 + radius * Math.cos(angle); node.y = HEIGHT / 2 + 0.7 * radius * Math.sin(angle);
  });
  for (let step = 0, heat = WIDTH / 8; step < 260; step++, heat *= 0.982) {
    for (const node of nodes) { node.dx = (WIDTH / 2 - node.x) * 0.12; node.dy = (HEIGHT / 2 - node.y) * 0.2; }
    for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) {
      const a = nodes[i], b = nodes[j], x = a.x - b.x || 0.1 * (i - j), y = a.y - b.y || 0.1, push = k * k / (x * x + y * y);
      a.dx += x * push; a.dy += y * push; b.dx -= x * push; b.dy -= y * push;
    }
    for (const [i, j, weight] of links) {
      const a = nodes[i], b = nodes[j], x = a.x - b.x, y = a.y - b.y;
      const pull = Math.hypot(x, y) / k * Math.min(0.4 + 0.12 * weight, 1.2);
      a.dx -= x * pull; a.dy -= y * pull; b.dx += x * pull; b.dy += y * pull;
    }
    for (const node of nodes) {
      const length = Math.hypot(node.dx, node.dy) || 1, move = Math.min(length, heat);
      node.x += node.dx / length * move; node.y += node.dy / length * move;
    }
  }
  for (let step = 0; step < 120; step++) for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) {
    const a = nodes[i], b = nodes[j], x = a.x - b.x, y = a.y - b.y;
    const overX = (a.w + b.w) / 2 - Math.abs(x), overY = (a.h + b.h) / 2 - Math.abs(y);
    if (overX <= 0 || overY <= 0) continue;
    if (overX < overY * 2) { const move = overX / 2 * (x < 0 ? -1 : 1); a.x += move; b.x -= move; }
    else { const move = overY / 2 * (y < 0 ? -1 : 1); a.y += move; b.y -= move; }
  }
}

class Network {
  // `chosen(kind, number)` is called when an entity or an edge is clicked or entered by key.
  constructor(root, chosen) {
    this.root = root; this.chosen = chosen; this.view = { x: 0, y: 0, scale: 1 }; this.nodes = []; this.places = new Map();
    const defs = svg("defs", {}, root);
    for (const kind of ["favor", "against", "mixed", "other"]) {
      const marker = svg("marker", { id: "tip-" + kind, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 9, markerHeight: 9,
        markerUnits: "userSpaceOnUse", orient: "auto" }, defs);
      svg("path", { d: "M0 0 8 4 0 8z", class: "tip " + kind }, marker);
    }
    root.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    this.layer = svg("g", {}, root);
    root.addEventListener("wheel", event => {
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY / 500), this.point(event));
    }, { passive: false });
    root.addEventListener("pointerdown", event => this.down(event));
    root.addEventListener("pointermove", event => this.move(event));
    for (const end of ["pointerup", "pointercancel"]) root.addEventListener(end, event => this.up(event));
    root.addEventListener("keydown", event => this.key(event));
  }

  // nodes: {id, label, title, type, radius}; links: {id, from, to (ids), kind, weight, title}.
  draw(nodes, links) {
    const index = new Map(nodes.map((node, i) => [node.id, i]));
    this.nodes = nodes;
    for (const node of nodes) {
      Object.assign(node, { w: Math.max(node.label.length * 8.4 + 8, 2 * node.radius + 8), h: 2 * node.radius + 26 });
      const known = this.places.get(node.id);
      if (known) Object.assign(node, known);
    }
    this.links = links.map(link => ({ ...link, a: nodes[index.get(link.from)], b: nodes[index.get(link.to)] }));
    layout(nodes, this.links.map(link => [index.get(link.from), index.get(link.to), link.weight]));
    for (const node of nodes) this.places.set(node.id, { x: node.x, y: node.y });
    this.layer.replaceChildren();
    for (const link of this.links) {
      link.path = svg("path", { class: "link " + link.kind, "stroke-width": 1 + 1.3 * Math.sqrt(link.weight),
        "marker-end": `url(#tip-${link.kind})` }, this.layer);
      link.hit = svg("path", { class: "hit", "data-edge": link.id }, this.layer);
      svg("title", {}, link.hit).textContent = link.title;
      link.hit.addEventListener("click", () => this.chosen("edge", link.id));
      this.hover(link.hit, new Set([link.a.id, link.b.id]), other => other === link);
    }
    for (const node of nodes) {
      node.g = svg("g", { class: "node", tabindex: 0, role: "button", "data-entity": node.id, "aria-label": node.title }, this.layer);
      svg("title", {}, node.g).textContent = node.title;
      svg("circle", { r: node.radius, class: node.type }, node.g);
      svg("text", { y: node.radius + 17 }, node.g).textContent = node.label;
      const near = new Set([node.id]);
      for (const link of this.links) if (link.a === node || link.b === node) near.add(link.a.id).add(link.b.id);
      this.hover(node.g, near, link => link.a === node || link.b === node);
    }
    this.place();
    this.fit();
  }

  place() {
    for (const node of this.nodes) node.g.setAttribute("transform", `translate(${node.x.toFixed(1)} ${node.y.toFixed(1)})`);
    for (const { a, b, path, hit, weight } of this.links) {
      const x = b.x - a.x, y = b.y - a.y, length = Math.hypot(x, y) || 1, bend = Math.min(26, length / 6);
      const cx = (a.x + b.x) / 2 - y / length * bend, cy = (a.y + b.y) / 2 + x / length * bend; // the way back bends apart
      const out = Math.hypot(cx - a.x, cy - a.y) || 1, into = Math.hypot(b.x - cx, b.y - cy) || 1, gap = b.radius + 3 + Math.sqrt(weight);
      const d = `M${(a.x + (cx - a.x) / out * a.radius).toFixed(1)} ${(a.y + (cy - a.y) / out * a.radius).toFixed(1)}Q${cx.toFixed(1)} ${cy.toFixed(1)} ` +
        `${(b.x - (b.x - cx) / into * gap).toFixed(1)} ${(b.y - (b.y - cy) / into * gap).toFixed(1)}`;
      path.setAttribute("d", d); hit.setAttribute("d", d);
    }
  }

  hover(element, near, joins) {
    const mark = on => {
      this.root.classList.toggle("dim", on);
      for (const node of this.nodes) node.g.classList.toggle("near", on && near.has(node.id));
      for (const link of this.links) link.path.classList.toggle("near", on && joins(link));
    };
    element.addEventListener("pointerenter", () => { if (!this.drag) mark(true); });
    element.addEventListener("pointerleave", () => { if (!this.drag) mark(false); });
    element.addEventListener("focus", () => mark(true));
    element.addEventListener("blur", () => mark(false));
  }

  mark(entity, edge) {
    for (const node of this.nodes) node.g.classList.toggle("on", node.id === entity);
    for (const link of this.links) link.path.classList.toggle("on", link.id === edge);
  }

  fit() {
    if (!this.nodes.length) return;
    const left = Math.min(...this.nodes.map(n => n.x - n.w / 2)), right = Math.max(...this.nodes.map(n => n.x + n.w / 2));
    const top = Math.min(...this.nodes.map(n => n.y - n.radius)), bottom = Math.max(...this.nodes.map(n => n.y + n.radius + 22));
    const scale = Math.min(WIDTH / (right - left + 30), HEIGHT / (bottom - top + 30), 1.6);
    this.view = { scale, x: WIDTH / 2 - scale * (left + right) / 2, y: HEIGHT / 2 - scale * (top + bottom) / 2 };
    this.show();
  }

  show() { this.layer.setAttribute("transform", `translate(${this.view.x} ${this.view.y}) scale(${this.view.scale})`); }

  zoom(factor, at = { x: WIDTH / 2, y: HEIGHT / 2 }) {
    const scale = Math.min(Math.max(this.view.scale * factor, 0.15), 8), ratio = scale / this.view.scale;
    this.view = { scale, x: at.x - (at.x - this.view.x) * ratio, y: at.y - (at.y - this.view.y) * ratio };
    this.show();
  }

  point(event) { return new DOMPoint(event.clientX, event.clientY).matrixTransform(this.root.getScreenCTM().inverse()); }

  down(event) {
    const g = event.target.closest(".node"), at = this.point(event);
    this.drag = { node: g && this.nodes.find(node => node.g === g), at, start: at, far: false, edge: event.target.closest(".hit") };
  }

  move(event) {
    const drag = this.drag;
    if (!drag) return;
    const at = this.point(event), x = at.x - drag.at.x, y = at.y - drag.at.y;
    if (!drag.far && Math.hypot(at.x - drag.start.x, at.y - drag.start.y) < 5) return;
    if (!drag.far) { this.root.setPointerCapture(event.pointerId); this.root.classList.add("moving"); }
    drag.far = true; drag.at = at;
    if (drag.node) {
      drag.node.x += x / this.view.scale; drag.node.y += y / this.view.scale;
      this.places.set(drag.node.id, { x: drag.node.x, y: drag.node.y });
      this.place();
    } else { this.view.x += x; this.view.y += y; this.show(); }
  }

  up(event) {
    const drag = this.drag;
    this.drag = null;
    this.root.classList.remove("moving");
    if (drag && !drag.far && event.type === "pointerup" && drag.node) this.chosen("entity", drag.node.id);
  }

  key(event) {
    const pan = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] }[event.key];
    const node = event.target.closest(".node");
    if (pan) { this.view.x += pan[0]; this.view.y += pan[1]; this.show(); }
    else if (event.key === "+" || event.key === "=") this.zoom(1.25);
    else if (event.key === "-") this.zoom(0.8);
    else if (event.key === "0") this.fit();
    else if (node && (event.key === "Enter" || event.key === " ")) this.chosen("entity", Number(node.dataset.entity));
    else return;
    event.preventDefault();
  }
}
