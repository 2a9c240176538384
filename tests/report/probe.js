// Each text against the first background that is not transparent, by the formula of WCAG 2.
const light = (c) => {
  const [r, g, b] = c.match(/[0-9.]+/g).map((v) => v / 255).map((v) => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
  return .2126 * r + .7152 * g + .0722 * b;
};
const ground = (e) => {
  for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (!/, 0\)$/.test(c)) return c; }
  return "rgb(255, 255, 255)";
};
const poor = [];
for (const e of document.querySelectorAll("body *")) {
  const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
  if (!own || e.closest("svg, script, style")) continue;
  const [a, b] = [light(getComputedStyle(e).color), light(ground(e))].sort((x, y) => y - x);
  if ((a + .05) / (b + .05) < 4.5) poor.push(e.textContent.slice(0, 40));
}
const map = document.querySelector("#atlas svg"), told = document.getElementById("atlas-told");
const press = (key) => { map.dispatchEvent(new KeyboardEvent("keydown", {key, cancelable: true})); return told.textContent; };
const first = press("ArrowRight"), second = press("ArrowRight"), back = press("ArrowLeft");
press("Enter");
const outline = document.querySelector("#atlas svg.outline");
const facts = {
  wide: document.documentElement.scrollWidth, window: innerWidth, poor,
  silent: [...document.images].filter((i) => !i.alt).length, first, second, back,
  traces: outline.hasAttribute("hidden") ? 0 : outline.querySelectorAll("polyline").length,
  points: map.querySelectorAll("circle").length,
};
document.body.insertAdjacentHTML("beforeend", "<pre id='found'></pre>");
document.getElementById("found").textContent = JSON.stringify(facts);
