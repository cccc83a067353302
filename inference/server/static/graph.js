// The map of stances: holders on the side where reading starts, targets on the other, arrows between them. Names are
// rows of two columns, so they never cover each other, however long they are; only the arrows are drawn.

const SVG = "http://www.w3.org/2000/svg";
const DASHES = ["7 4", "none", "2 4", "12 3 2 3"]; // by stance: not by colour alone
const HEAD = 8;

const mean = (numbers) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;

/**
 * Which nodes stand in the first column and which in the second, each from top to bottom.
 * nodes: keys; edges: `{holder, target}` with those keys. Every node has an edge.
 */
export function layout(nodes, edges) {
  const balance = new Map(nodes.map((node) => [node, 0]));
  for (const { holder, target } of edges) {
    balance.set(holder, balance.get(holder) + 1);
    balance.set(target, balance.get(target) - 1);
  }
  const columns = [nodes.filter((node) => balance.get(node) > 0), nodes.filter((node) => balance.get(node) < 0)];
  for (const node of nodes.filter((node) => balance.get(node) === 0))
    columns[columns[0].length <= columns[1].length ? 0 : 1].push(node);
  // Each column in turn by the mean place of its neighbours in the other, which leaves few crossings.
  for (let sweep = 0; sweep < 6; sweep++) {
    const [here, there] = sweep % 2 ? [0, 1] : [1, 0];
    const place = new Map(columns[there].map((node, i) => [node, (i + 0.5) / columns[there].length]));
    const wish = new Map(
      columns[here].map((node, i) => {
        const others = edges.flatMap(({ holder, target }) => (holder === node ? target : target === node ? holder : []));
        const places = others.map((other) => place.get(other)).filter((found) => found !== undefined);
        return [node, places.length ? mean(places) : (i + 0.5) / columns[here].length];
      }),
    );
    columns[here].sort((a, b) => wish.get(a) - wish.get(b));
  }
  return columns;
}

function shape(name, attributes) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}

/**
 * Draws the map into `box` and returns a function that draws the arrows anew for another size.
 * columns: of `layout`; button(node): its element; edges: `{holder, target, css, rank, number, title}`.
 */
export function drawGraph(box, columns, button, edges) {
  const buttons = new Map();
  const lists = columns.map((column) => {
    const list = document.createElement("ul");
    for (const node of column) {
      const item = document.createElement("li");
      buttons.set(node, button(node));
      item.append(buttons.get(node));
      list.append(item);
    }
    return list;
  });
  const svg = shape("svg", { "aria-hidden": "true", focusable: "false" });
  box.replaceChildren(svg, ...lists);
  const columnOf = new Map(columns.flatMap((column, i) => column.map((node) => [node, i])));

  return function arrows() {
    const frame = box.getBoundingClientRect();
    if (!frame.width) return;
    svg.setAttribute("viewBox", `0 0 ${frame.width} ${frame.height}`);
    const middle = frame.width / 2;
    const rects = new Map([...buttons].map(([node, element]) => [node, element.getBoundingClientRect()]));
    // Each end has a port of its own on the inner side of its name, in the order of the other ends.
    const ends = new Map([...buttons.keys()].map((node) => [node, []]));
    for (const edge of edges) {
      ends.get(edge.holder).push({ edge, other: edge.target });
      ends.get(edge.target).push({ edge, other: edge.holder });
    }
    const ports = new Map(edges.map((edge) => [edge, {}]));
    for (const [node, list] of ends) {
      const { left, right, top, height } = rects.get(node);
      const x = (left + right) / 2 - frame.left < middle ? right - frame.left : left - frame.left;
      list.sort((a, b) => rects.get(a.other).top - rects.get(b.other).top || a.edge.number - b.edge.number);
      list.forEach(({ edge }, i) => {
        const y = top - frame.top + (height * (i + 1)) / (list.length + 1);
        ports.get(edge)[edge.holder === node ? "from" : "to"] = { x, y };
      });
    }
    svg.replaceChildren(
      ...edges.map((edge) => {
        const { from, to } = ports.get(edge);
        const away = (port) => (port.x < middle ? 1 : -1);
        const tip = { x: to.x + away(to) * 2, y: to.y };
        const neck = { x: tip.x + away(to) * HEAD, y: to.y };
        const gap = Math.abs(neck.x - from.x);
        const bow = columnOf.get(edge.holder) === columnOf.get(edge.target) ? Math.min(middle / 3, 20 + Math.abs(to.y - from.y) / 3) : gap / 2;
        const curve = `M${from.x} ${from.y}C${from.x + away(from) * bow} ${from.y} ${neck.x + away(to) * bow} ${neck.y} ${neck.x} ${neck.y}`;
        const head = `M${tip.x} ${tip.y}L${neck.x} ${neck.y - HEAD / 2}L${neck.x} ${neck.y + HEAD / 2}Z`;
        const group = shape("g", { class: `edge-line ${edge.css}`, "data-stance": edge.number });
        const title = shape("title", {});
        title.textContent = edge.title;
        group.append(
          title,
          shape("path", { class: "hit", d: curve }),
          shape("path", { class: "line", d: curve, "stroke-dasharray": DASHES[edge.rank % DASHES.length] }),
          shape("path", { class: "head", d: head }),
        );
        return group;
      }),
    );
  };
}
