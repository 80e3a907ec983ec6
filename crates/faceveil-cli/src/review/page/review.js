// The page around the picture: the list, the regions, the buttons and the keys.

const ROW = 58;
let busy = false, sayTimer = 0;

function say(words, kind = '', reload = false) {
  $('message').hidden = !words;
  $('message').className = kind;
  $('words').textContent = words;
  $('reload').hidden = !reload;
  // Good news goes by itself, bad news waits to be read.
  clearTimeout(sayTimer);
  if (kind === 'good') sayTimer = setTimeout(() => say(''), 5000);
}

function make(name, properties, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

function filterList() {
  state.shownList = state.pictures.filter((p) => matches(p, $('filter').value));
  const total = state.pictures.length, n = state.shownList.length;
  const many = (k) => `${k.toLocaleString('en')} picture${k === 1 ? '' : 's'}`;
  $('progress').textContent = n === total ? `${many(total)}, weakest first` : `${n.toLocaleString('en')} of ${many(total)}, weakest first`;
  $('rows').style.height = `${n * ROW}px`;
  drawRows();
}

// Only the rows that are seen exist.
function drawRows() {
  const first = Math.max(0, Math.floor($('list').scrollTop / ROW) - 3);
  const last = Math.min(state.shownList.length, first + Math.ceil($('list').clientHeight / ROW) + 7);
  const rows = state.shownList.slice(first, last).map((p, i) => row(p, first + i));
  const focused = document.activeElement?.dataset?.picture;
  $('rows').replaceChildren(...rows);
  if (focused) $('rows').querySelector(`[data-picture="${focused}"]`)?.focus({ preventScroll: true });
}

function row(p, at) {
  const facts = make('small', {});
  const o = state.opened.get(p.id);
  if (p.error) facts.append(make('span', { className: 'wrong', textContent: 'cannot be read' }));
  else {
    if (o && isUnsaved(o)) facts.append(make('span', { className: 'weak', textContent: 'not saved · ' }));
    else if (o?.stale) facts.append(make('span', { className: 'weak', textContent: 'to be written · ' }));
    else if (o?.touched) facts.append('done · ');
    if (p.score === null) facts.append('no face');
    else facts.append(make('span', { className: p.score < WEAK ? 'weak' : '', textContent: `weakest ${p.score.toFixed(2)}` }));
    facts.append(` · ${p.hidden} hidden`, p.shown ? ` · ${p.shown} visible` : '');
  }
  const button = make('button', { className: 'row', title: p.name }, make('b', { textContent: p.name }), facts);
  button.style.top = `${at * ROW}px`;
  button.dataset.picture = p.id;
  button.setAttribute('aria-current', String(p.id === state.current));
  button.addEventListener('click', () => go(p.id));
  return make('div', { role: 'listitem' }, button);
}

async function go(id) {
  const p = state.byId.get(id);
  if (!p) return;
  stopDrag();
  Object.assign(state, { current: id, page: 1, selected: null });
  setAdding(false);
  scrollToRow(id);
  $('name').textContent = p.name;
  for (const image of ['photo', 'detail']) $(image).removeAttribute('href');
  refresh();
  try {
    if (p.error) throw new Error(p.error);
    await openPicture(id);
    if (state.current !== id) return;
    // The page with the weakest face first: that is why the picture is where it is in the list.
    state.page = pageOf(ordered(regionsOf(here()))[0] || {});
    showPicture();
    fitAll();
    document.body.dataset.open = id;
  } catch (e) {
    if (state.current !== id) return;
    $('trouble').textContent = e.message;
    $('trouble').hidden = false;
  }
  refresh();
}

function scrollToRow(id) {
  const at = state.shownList.findIndex((p) => p.id === id), list = $('list');
  if (at < 0) return;
  const top = at * ROW;
  if (top < list.scrollTop || top + ROW > list.scrollTop + list.clientHeight) list.scrollTop = top - list.clientHeight / 3;
}

function goBy(by) {
  const at = state.shownList.findIndex((p) => p.id === state.current);
  const next = state.shownList[at < 0 ? 0 : at + by];
  if (next) go(next.id);
}

function select(id) {
  state.selected = id;
  const region = chosen();
  if (region && pageOf(region) !== state.page) return goToPage(pageOf(region));
  refresh();
}

// Another page or frame of the file.
function goToPage(page) {
  if (!here() || !Number.isInteger(page) || page < 1 || page > pagesOf(here()).length) return refresh();
  stopDrag();
  const before = String(sizeHere());
  state.page = page;
  if (chosen() && pageOf(chosen()) !== page) state.selected = null;
  for (const image of ['photo', 'detail']) $(image).removeAttribute('href');
  showPicture();
  // The frames of an animation are looked at one over the other.
  if (String(sizeHere()) === before) setLook(look.x, look.y, look.w, look.h);
  else fitAll();
  refresh();
}

function selectBy(by) {
  const all = here() ? ordered(regionsOf(here())) : [];
  if (!all.length) return;
  const at = all.findIndex((r) => r.id === state.selected);
  select(all[at < 0 ? (by > 0 ? 0 : all.length - 1) : (at + by + all.length) % all.length].id);
}

function setAdding(on) {
  state.adding = on && !!here() && !here().sidecar.video;
  if (state.adding && state.result) setResult(false);
  $('add').setAttribute('aria-pressed', String(state.adding));
  $('hint').hidden = !state.adding;
  stage.classList.toggle('adding', state.adding);
}

function setResult(on) {
  if (!here()) return;
  state.result = on;
  $('result').setAttribute('aria-pressed', String(on));
  showPicture();
  setLook(look.x, look.y, look.w, look.h);
}

function refresh() {
  const o = here(), waiting = unsaved().length, old = stale().length;
  drawRegions();
  drawPanel(o);
  drawRows();
  $('undo').disabled = !o || o.at === 0;
  $('redo').disabled = !o || o.at === o.history.length - 1;
  // A track is hidden or shown, and none is added.
  $('add').disabled = !o || !!o.sidecar.video;
  $('result').disabled = !o;
  $('save').disabled = busy || waiting === 0;
  $('render').disabled = busy || !o && old === 0;
  const pages = o ? pagesOf(o).length : 1;
  $('pages').hidden = pages === 1;
  [$('page').value, $('page').max, $('page-count').textContent] = [state.page, pages, `of ${pages.toLocaleString('en')}`];
  $('page-back').disabled = state.page <= 1;
  $('page-on').disabled = state.page >= pages;
  $('unsaved').textContent = busy ? '' : waiting ? `${waiting} not saved` : old ? `${old} to be written` : '';
}

function drawPanel(o) {
  const regions = o ? onPage(regionsOf(o)) : [];
  const hidden = regions.filter((r) => r.hidden).length;
  const video = o?.sidecar.video;
  const what = o && (video ? `${video.size.join(' × ')} pixels, ${video.frames} frames` : `${sizeHere().join(' × ')} pixels`);
  $('facts').textContent = o ? `${what} · ${hidden} hidden${regions.length > hidden ? ` · ${regions.length - hidden} left visible` : ''}` : '';
  const focused = document.activeElement?.dataset?.key;
  $('regions').replaceChildren(...(o ? ordered(regions) : []).map(regionRow));
  if (focused) $('regions').querySelector(`[data-key="${focused}"]`)?.focus({ preventScroll: true });
  const region = chosen();
  $('chosen').hidden = !region;
  if (region && document.activeElement !== $('note')) $('note').value = region.note || '';
  $('chosen-id').textContent = region ? region.id : '';
}

function regionRow(region) {
  const score = scoreOf(region);
  const what = { added: 'added by hand', zone: 'zone' }[region.origin] || 'face';
  const fact = make('span', { className: score < WEAK ? 'fact weak' : 'fact', textContent: score === undefined ? what : `face, score ${score.toFixed(3)}` });
  const pick = make('button', { className: 'pick' }, make('b', { textContent: region.id.startsWith('new-') ? 'new' : region.id }), fact);
  pick.dataset.key = `pick ${region.id}`;
  pick.setAttribute('aria-pressed', String(region.id === state.selected));
  pick.addEventListener('click', () => { select(region.id); stage.focus({ preventScroll: true }); });
  const toggle = make('button', { className: region.hidden ? 'toggle' : 'toggle off', textContent: region.hidden ? 'hidden' : 'visible' });
  toggle.dataset.key = `toggle ${region.id}`;
  toggle.setAttribute('aria-label', `${region.id}: ${region.hidden ? 'hidden; remove' : 'left visible; hide again'}`);
  toggle.addEventListener('click', () => { toggleRegion(here(), region.id); refresh(); });
  return make('li', {}, pick, toggle);
}

// Works on one picture after the other, and tells of those that fail without stopping at them.
async function each(pictures, doing, done, work) {
  if (busy || !pictures.length) return;
  busy = true;
  const wrong = [];
  let changed = false;
  for (const [n, o] of pictures.entries()) {
    say(`${doing} ${n + 1} of ${pictures.length}…`);
    refresh();
    try {
      await work(o);
    } catch (e) {
      changed ||= e.status === 409 && o.id === state.current;
      wrong.push(`${state.byId.get(o.id).name}: ${e.message}`);
    }
  }
  busy = false;
  const good = pictures.length - wrong.length;
  if (wrong.length) say(`${good} ${done}, ${wrong.length} not:\n${wrong.join('\n')}`, 'bad', changed);
  else say(`${good} ${done}.`, 'good');
  refresh();
}

const saveAll = () => each(unsaved(), 'Saving', 'saved', savePicture);

async function renderAll() {
  const pictures = stale().length ? stale() : here() ? [here()] : [];
  await each(pictures, 'Writing', 'written', async (o) => {
    if (isUnsaved(o)) await savePicture(o);
    await renderPicture(o);
  });
  viewStamp += 1;
  if (state.result) showPicture();
}

function undo(by) {
  if (!here()) return;
  const before = new Set(regionsOf(here()));
  if (!step(here(), by)) return;
  if (!chosen()) state.selected = null;
  // What has changed is shown.
  const now = new Set(regionsOf(here()));
  const changed = [...now].find((r) => !before.has(r)) || [...before].find((r) => !now.has(r));
  if (changed && pageOf(changed) !== state.page) goToPage(pageOf(changed));
  else refresh();
}

function arrow(event, [dx, dy]) {
  const region = chosen(), px = 1 / scale();
  if (!region) return panBy(dx * look.w * 0.1, dy * look.h * 0.1);
  const by = event.ctrlKey || event.metaKey ? 1 : Math.max(1, 4 * px);
  if (!event.shiftKey) return replaceRegion(here(), moved(region, dx * by, dy * by, sizeHere()), `move ${region.id}`);
  const [l, t, r, b] = boundsOf(region);
  const half = (size, d) => Math.max(2, size / 2 + d * by);
  const [x, y, w, h] = [(l + r) / 2, (t + b) / 2, half(r - l, dx), half(b - t, dy)];
  replaceRegion(here(), fitted(region, [x - w, y - h, x + w, y + h]), `size ${region.id}`);
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const KEYS = {
  n: () => goBy(1), PageDown: () => goBy(1), p: () => goBy(-1), PageUp: () => goBy(-1),
  '[': () => goToPage(state.page - 1), ']': () => goToPage(state.page + 1), ',': () => selectBy(-1), '.': () => selectBy(1), a: () => setAdding(!state.adding),
  '+': () => zoomBy(1.4), '=': () => zoomBy(1.4), '-': () => zoomBy(1 / 1.4), 0: () => here() && fitAll(),
  o: () => setResult(!state.result), s: saveAll, r: renderAll, '?': () => $('help').showModal(),
  Escape: () => { stopDrag(); state.adding ? setAdding(false) : select(null); },
};
for (const key of ['Delete', 'Backspace', 'x']) KEYS[key] = () => { if (chosen()) { toggleRegion(here(), state.selected); if (!chosen()) state.selected = null; refresh(); } };

function addInMiddle() {
  const side = Math.min(look.w, look.h, ...sizeHere()) / 5;
  const [x, y] = [look.x + look.w / 2, look.y + look.h / 2];
  const id = addRegion(here(), boxed([x - side / 2, y - side / 2], [x + side / 2, y + side / 2], sizeHere()));
  setAdding(false);
  select(id);
}

document.addEventListener('keydown', (event) => {
  const typing = event.target.matches?.('input, select, textarea') || $('help').open;
  if (typing || event.altKey) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const ctrl = event.ctrlKey || event.metaKey;
  let act = null;
  if (Object.hasOwn(ARROWS, key) && here() && !state.result) act = () => { arrow(event, ARROWS[key]); refresh(); };
  else if (ctrl) act = { z: () => undo(event.shiftKey ? 1 : -1), y: () => undo(1), s: saveAll }[key];
  else if (key === 'Enter' && state.adding && !event.target.matches?.('button:not(#add)')) act = addInMiddle;
  else if (Object.hasOwn(KEYS, key)) act = KEYS[key];
  if (!act) return;
  event.preventDefault();
  act();
});

const CLICKS = {
  previous: () => goBy(-1), next: () => goBy(1), 'page-back': () => goToPage(state.page - 1), 'page-on': () => goToPage(state.page + 1), add: () => setAdding(!state.adding), undo: () => undo(-1), redo: () => undo(1),
  result: () => setResult(!state.result), save: saveAll, render: renderAll, 'help-button': () => $('help').showModal(),
  'zoom-in': () => zoomBy(1.4), 'zoom-out': () => zoomBy(1 / 1.4), 'zoom-fit': () => here() && fitAll(), dismiss: () => say(''),
  reload: () => { state.opened.delete(state.current); say(''); go(state.current); },
};
for (const [id, act] of Object.entries(CLICKS)) $(id).addEventListener('click', act);
$('filter').addEventListener('change', () => { $('list').scrollTop = 0; filterList(); if (!state.shownList.some((p) => p.id === state.current)) goBy(1); });
$('page').addEventListener('change', () => goToPage(Number($('page').value)));
$('list').addEventListener('scroll', drawRows);
$('note').addEventListener('change', () => {
  const region = chosen();
  if (!region) return;
  const { note: _, ...rest } = region, words = $('note').value.trim();
  replaceRegion(here(), words ? { ...rest, note: words } : rest);
  refresh();
});
window.addEventListener('beforeunload', (event) => { if (unsaved().length) event.preventDefault(); });
window.addEventListener('resize', drawRows);

async function start() {
  try {
    for (;;) {
      const { read, total, pictures } = await ask('batch');
      if (pictures) { state.pictures = pictures; break; }
      $('progress').textContent = `Reading the sidecars: ${read.toLocaleString('en')} of ${total.toLocaleString('en')}…`;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  } catch (e) {
    say(e.message, 'bad');
    return;
  }
  state.byId = new Map(state.pictures.map((p) => [p.id, p]));
  filterList();
  await go(state.shownList[0].id);
}
refresh();
start();
