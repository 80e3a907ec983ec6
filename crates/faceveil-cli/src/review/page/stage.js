// The picture with its regions: drawing, zoom, and the mouse.

const $ = (id) => document.getElementById(id);
const SVG = 'http://www.w3.org/2000/svg';
const stage = $('stage');
const look = { x: 0, y: 0, w: 1, h: 1 };
let drag = null, detailTimer = 0, viewStamp = 0;

function svg(name, attributes, parent) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return parent ? parent.appendChild(element) : element;
}

const sizeHere = () => pagesOf(here())[state.page - 1];
// Screen pixels a pixel of the picture.
const scale = () => { const m = stage.getScreenCTM(); return m && m.a > 0 ? m.a : 1; };
function toPicture(event) {
  const m = stage.getScreenCTM();
  const p = new DOMPoint(event.clientX, event.clientY).matrixTransform(m.inverse());
  return [p.x, p.y];
}

function setLook(x, y, w, h) {
  Object.assign(look, { x, y, w, h });
  stage.setAttribute('viewBox', `${x} ${y} ${w} ${h}`);
  drawRegions();
  clearTimeout(detailTimer);
  detailTimer = setTimeout(loadDetail, 250);
}

function fitAll() {
  const [w, h] = sizeHere(), m = Math.max(w, h) * 0.02;
  setLook(-m, -m, w + 2 * m, h + 2 * m);
}

function zoomBy(factor, centre) {
  if (!here()) return;
  const [cx, cy] = centre || [look.x + look.w / 2, look.y + look.h / 2];
  const [w, h] = sizeHere(), long = Math.max(w, h);
  const f = Math.min(Math.max(factor, look.w / (long * 1.5)), look.w / 24);
  setLook(cx - (cx - look.x) / f, cy - (cy - look.y) / f, look.w / f, look.h / f);
}

function panBy(dx, dy) {
  const [w, h] = sizeHere();
  const x = Math.min(Math.max(look.x + dx, -look.w / 2), w - look.w / 2);
  const y = Math.min(Math.max(look.y + dy, -look.h / 2), h - look.h / 2);
  setLook(x, y, look.w, look.h);
}

// A new output has the old one's path; the number that follows keeps the browser from showing the old one.
const pagePart = () => here()?.sidecar.pages ? `/page/${state.page}` : '';
const viewOf = (part = '') => `view/${state.result ? 'result' : 'original'}/${state.current}${pagePart()}${part}?${viewStamp}`;

function showPicture() {
  const [w, h] = sizeHere();
  for (const [k, v] of Object.entries({ x: 0, y: 0, width: w, height: h })) $('photo').setAttribute(k, v);
  $('detail').removeAttribute('href');
  $('trouble').hidden = true;
  $('photo').setAttribute('href', viewOf());
  $('badge').hidden = !state.result;
}

// Why a picture is not there is in the body that an image does not tell.
$('photo').addEventListener('error', async () => {
  const url = $('photo').getAttribute('href');
  const reply = await fetch(url).catch(() => null);
  const value = reply && !reply.ok ? await reply.json().catch(() => ({})) : {};
  if (url !== $('photo').getAttribute('href')) return;
  $('trouble').textContent = value.error || 'The picture cannot be shown.';
  $('trouble').hidden = false;
});

// The sharp pixels of what is seen, where the whole picture is scaled down.
function loadDetail() {
  if (!here()) return;
  const [w, h] = sizeHere(), ratio = Math.min(1, 1600 / Math.max(w, h));
  if (ratio === 1 || scale() * devicePixelRatio <= ratio * 1.2) return;
  const l = Math.max(0, Math.floor(look.x)), t = Math.max(0, Math.floor(look.y));
  const r = Math.min(w, Math.ceil(look.x + look.w)), b = Math.min(h, Math.ceil(look.y + look.h));
  if (r <= l || b <= t) return;
  const whole = viewOf(), url = viewOf(`/${l}/${t}/${r - l}/${b - t}`);
  const loader = new Image();
  loader.onload = () => {
    if (whole !== $('photo').getAttribute('href')) return;
    for (const [k, v] of Object.entries({ x: l, y: t, width: r - l, height: b - t, href: url })) $('detail').setAttribute(k, v);
  };
  loader.src = url;
}

function outline(shape, attributes, parent) {
  if (shape.outline === 'box') {
    const [l, t, r, b] = shape.corners;
    return svg('rect', { x: l, y: t, width: r - l, height: b - t, ...attributes }, parent);
  }
  const [x, y] = shape.centre, [rx, ry] = shape.half_axes;
  return svg('ellipse', { cx: x, cy: y, rx, ry, transform: `rotate(${shape.angle} ${x} ${y})`, ...attributes }, parent);
}

// Weakest first, as the pictures; then those of no face.
const ordered = (regions) => [...regions].sort((a, b) => (scoreOf(a) ?? 2) - (scoreOf(b) ?? 2));
const scoreOf = (region) => here().scores.get(region.face);

function drawRegions() {
  const [shapes, handles] = [$('shapes'), $('handles')];
  shapes.replaceChildren();
  handles.replaceChildren();
  if (!here() || state.result) return;
  const px = 1 / scale();
  // The rows of a video's tracks leave no room between them.
  const rows = !!here().sidecar.video;
  const regions = onPage(drag?.draft || regionsOf(here()));
  for (const region of regions) {
    const on = region.id === state.selected;
    const weak = scoreOf(region) < WEAK ? ' doubtful' : '';
    const group = svg('g', { class: `${region.hidden ? 'hiding' : 'shown'}${weak}${on ? ' selected' : ''}` }, shapes);
    for (const shape of region.shapes) outline(shape, { class: 'halo' }, group);
    for (const shape of region.shapes) outline(shape, { class: 'shape', 'data-region': region.id }, group);
    const [l, t] = boundsOf(region), score = scoreOf(region);
    const label = score === undefined ? region.origin : score.toFixed(2);
    const tag = svg('text', { class: 'tag', x: rows ? l + 5 * px : l, y: rows ? t + 15 * px : t - 5 * px, 'font-size': 13 * px, 'stroke-width': 3 * px }, group);
    tag.textContent = region.hidden ? label : `${label} · left visible`;
    if (on && !rows) drawHandles(boundsOf(region), px);
  }
}

function drawHandles([l, t, r, b], px) {
  const [x, y] = [(l + r) / 2, (t + b) / 2];
  const places = { nw: [l, t], n: [x, t], ne: [r, t], e: [r, y], se: [r, b], s: [x, b], sw: [l, b], w: [l, y] };
  for (const [name, [hx, hy]] of Object.entries(places)) {
    const handle = svg('rect', { class: 'handle', x: hx - 5 * px, y: hy - 5 * px, width: 10 * px, height: 10 * px, 'data-handle': name }, $('handles'));
    handle.style.cursor = `${name}-resize`;
  }
}

function stretched([l, t, r, b], handle, [x, y]) {
  const least = 4;
  if (handle.includes('w')) l = Math.min(x, r - least);
  if (handle.includes('e')) r = Math.max(x, l + least);
  if (handle.includes('n')) t = Math.min(y, b - least);
  if (handle.includes('s')) b = Math.max(y, t + least);
  return [l, t, r, b];
}

stage.addEventListener('pointerdown', (event) => {
  if (event.button !== 0 || !here() || drag) return;
  const at = toPicture(event);
  const { handle, region } = event.target.dataset;
  const common = { at, pointer: event.pointerId, screen: [event.clientX, event.clientY], moved: false };
  if (state.adding && !state.result) drag = { kind: 'add', ...common };
  else if (handle) drag = { kind: 'resize', handle, region: chosen(), ...common };
  else if (region) {
    select(region);
    drag = { kind: 'move', region: chosen(), ...common };
  } else drag = { kind: 'pan', from: [look.x, look.y], ...common };
  stage.setPointerCapture(event.pointerId);
  stage.focus({ preventScroll: true });
});

stage.addEventListener('pointermove', (event) => {
  if (!drag || event.pointerId !== drag.pointer) return;
  const screen = [event.clientX - drag.screen[0], event.clientY - drag.screen[1]];
  if (!drag.moved && Math.hypot(...screen) < 3) return;
  drag.moved = true;
  if (drag.kind === 'pan') {
    const px = 1 / scale();
    setLook(drag.from[0] - screen[0] * px, drag.from[1] - screen[1] * px, look.w, look.h);
    return;
  }
  const to = toPicture(event), o = here();
  if (drag.kind === 'add') {
    drag.bounds = boxed(drag.at, to, sizeHere());
    drawRegions();
    outline(shapeIn(o.sidecar.settings.shape, drag.bounds), { class: 'draft' }, $('handles'));
    return;
  }
  const next = drag.kind === 'move'
    ? moved(drag.region, to[0] - drag.at[0], to[1] - drag.at[1], sizeHere())
    : fitted(drag.region, stretched(boundsOf(drag.region), drag.handle, to));
  drag.draft = regionsOf(o).map((r) => r.id === next.id ? next : r);
  drawRegions();
});

stage.addEventListener('pointerup', (event) => {
  if (!drag || event.pointerId !== drag.pointer) return;
  const done = drag;
  drag = null;
  if (done.kind === 'add' && done.bounds) {
    const id = addRegion(here(), done.bounds);
    setAdding(false);
    select(id);
  } else if (done.draft) commit(here(), done.draft);
  else if (done.kind === 'pan' && !done.moved) select(null);
  refresh();
});

function stopDrag() {
  drag = null;
  drawRegions();
}
stage.addEventListener('pointercancel', stopDrag);
stage.addEventListener('wheel', (event) => {
  event.preventDefault();
  zoomBy(Math.exp(-event.deltaY / 400), toPicture(event));
}, { passive: false });
new ResizeObserver(() => { if (here()) setLook(look.x, look.y, look.w, look.h); }).observe(stage);
