// What is loaded, edited and to be saved. Nothing here touches the page.

const WEAK = 0.5;
const state = { pictures: [], byId: new Map(), shownList: [], opened: new Map(), current: null, page: 1, selected: null, adding: false, result: false };
let newRegions = 0;

async function ask(path, body) {
  let reply;
  try {
    reply = await fetch(path, body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) });
  } catch {
    throw Object.assign(new Error('faceveil does not answer: is it still running in the terminal?'), { status: 0 });
  }
  const value = await reply.json().catch(() => ({}));
  if (!reply.ok) throw Object.assign(new Error(value.error || `faceveil answers ${reply.status}`), { status: reply.status });
  return value;
}

async function openPicture(id) {
  if (state.opened.has(id)) return state.opened.get(id);
  const { version, sidecar } = await ask(`picture/${id}`);
  const scores = new Map(sidecar.faces.map((f) => [f.id, f.score]));
  const opened = { id, version, sidecar, scores, base: structuredClone(sidecar.regions), history: [sidecar.regions], at: 0, tag: '', when: 0, touched: false, stale: false };
  // Memory is bounded: pictures without edits are loaded again when they are needed.
  for (const [old, o] of state.opened) {
    if (state.opened.size < 50) break;
    if (!o.touched && o.at === 0 && old !== state.current) state.opened.delete(old);
  }
  state.opened.set(id, opened);
  return opened;
}

const here = () => state.opened.get(state.current);
const regionsOf = (o) => o.history[o.at];
// Only files of several pages or frames say on which one a region is.
const pagesOf = (o) => o.sidecar.pages || [o.sidecar.size];
const pageOf = (region) => region.page || 1;
const onPage = (regions) => regions.filter((r) => pageOf(r) === state.page);
const chosen = () => here() && regionsOf(here()).find((r) => r.id === state.selected);

// A new state of the regions; steps with the same tag in quick succession are one.
function commit(o, regions, tag = '') {
  const now = Date.now();
  if (tag && tag === o.tag && now - o.when < 1000 && o.at === o.history.length - 1 && o.at > 0) {
    o.history[o.at] = regions;
  } else {
    o.history.splice(o.at + 1);
    o.history.push(regions);
    if (o.history.length > 500) o.history.shift();
    o.at = o.history.length - 1;
  }
  [o.tag, o.when, o.touched] = [tag, now, true];
}

function replaceRegion(o, region, tag) {
  commit(o, regionsOf(o).map((r) => r.id === region.id ? region : r), tag);
}

function addRegion(o, bounds) {
  const { shape, feather } = o.sidecar.settings;
  const id = `new-${++newRegions}`;
  const short = Math.min(bounds[2] - bounds[0], bounds[3] - bounds[1]);
  const page = o.sidecar.pages ? { page: state.page } : {};
  const region = { id, ...page, origin: 'added', hidden: true, feather: round(feather * short), shapes: [shapeIn(shape, bounds)] };
  commit(o, [...regionsOf(o), region]);
  return id;
}

// One that was never saved is gone; any other stays in the file as left visible.
function toggleRegion(o, id) {
  const region = regionsOf(o).find((r) => r.id === id);
  if (id.startsWith('new-')) commit(o, regionsOf(o).filter((r) => r.id !== id));
  else replaceRegion(o, { ...region, hidden: !region.hidden });
}

function step(o, by) {
  const at = o.at + by;
  if (at < 0 || at >= o.history.length) return false;
  [o.at, o.tag] = [at, ''];
  return true;
}

// Regions that differ from the disk. One that was undone after it was saved is left visible.
function changes(o) {
  const now = new Map(regionsOf(o).map((r) => [r.id, r])), old = new Map(o.base.map((r) => [r.id, r]));
  const changed = [...now.values()].filter((r) => !old.has(r.id) || essence(old.get(r.id)) !== essence(r));
  const undone = o.base.filter((r) => !now.has(r.id) && r.hidden).map((r) => ({ ...r, hidden: false }));
  return [...changed, ...undone];
}

const isUnsaved = (o) => o.touched && changes(o).length > 0;
const unsaved = () => [...state.opened.values()].filter(isUnsaved);
const stale = () => [...state.opened.values()].filter((o) => o.stale || isUnsaved(o));

async function savePicture(o) {
  const sent = structuredClone(regionsOf(o)), edits = changes(o);
  const { version, ids, summary } = await ask(`save/${o.id}`, { version: o.version, regions: edits });
  const rename = (r) => Object.hasOwn(ids, r.id) ? { ...r, id: ids[r.id] } : r;
  o.history = o.history.map((regions) => regions.map(rename));
  const saved = sent.map(rename), known = new Set(saved.map((r) => r.id));
  const kept = o.base.filter((r) => !known.has(r.id)).map((r) => ({ ...r, hidden: false }));
  Object.assign(o, { version, base: [...saved, ...kept], stale: true });
  if (state.current === o.id && Object.hasOwn(ids, state.selected)) state.selected = ids[state.selected];
  Object.assign(state.byId.get(o.id), summary);
}

async function renderPicture(o) {
  const { version, summary, regions } = await ask(`render/${o.id}`, { version: o.version });
  Object.assign(o, { version, stale: false });
  // Settings of today may have redrawn regions, or added zones: then that is what is edited from here.
  const stateOf = (all) => JSON.stringify(all.map((r) => [r.id, essence(r)]));
  if (stateOf(regions) !== stateOf(o.base)) {
    o.base = regions;
    commit(o, structuredClone(regions));
  }
  Object.assign(state.byId.get(o.id), summary);
}

function matches(p, filter) {
  const o = state.opened.get(p.id);
  switch (filter) {
    case 'weak': return p.score !== null && p.score < WEAK;
    case 'nothing': return !p.error && p.hidden === 0;
    case 'edited': return !!o && o.touched;
    case 'broken': return !!p.error;
    default: return true;
  }
}
