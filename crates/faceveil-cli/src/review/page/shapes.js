'use strict';
// Geometry of a sidecar's shapes, in pixels of the upright picture.

const round = (v) => Math.round(v * 10) / 10;

function boundsOfShape(shape) {
  if (shape.outline === 'box') return [...shape.corners];
  const [x, y] = shape.centre, [a, b] = shape.half_axes, t = shape.angle * Math.PI / 180;
  const dx = Math.hypot(a * Math.cos(t), b * Math.sin(t)), dy = Math.hypot(a * Math.sin(t), b * Math.cos(t));
  return [x - dx, y - dy, x + dx, y + dy];
}

function boundsOf(region) {
  return region.shapes.map(boundsOfShape).reduce(([l, t, r, b], [l2, t2, r2, b2]) =>
    [Math.min(l, l2), Math.min(t, t2), Math.max(r, r2), Math.max(b, b2)]);
}

// The region with its bounds moved and stretched to `to`. A turned ellipse stays one: each half axis grows as
// the stretch along it.
function fitted(region, to) {
  const [l, t, r, b] = boundsOf(region);
  const sx = (to[2] - to[0]) / (r - l), sy = (to[3] - to[1]) / (b - t);
  const x = (v) => round(to[0] + (v - l) * sx), y = (v) => round(to[1] + (v - t) * sy);
  const shapes = region.shapes.map((s) => {
    if (s.outline === 'box') return { outline: 'box', corners: [x(s.corners[0]), y(s.corners[1]), x(s.corners[2]), y(s.corners[3])] };
    const turn = s.angle * Math.PI / 180, c = Math.abs(Math.cos(turn)), n = Math.abs(Math.sin(turn));
    const along = [Math.hypot(c * sx, n * sy), Math.hypot(n * sx, c * sy)];
    return { outline: 'ellipse', centre: [x(s.centre[0]), y(s.centre[1])],
      half_axes: s.half_axes.map((v, i) => Math.max(0.5, round(v * along[i]))), angle: s.angle };
  });
  return { ...region, shapes };
}

// Moved as a whole, its middle kept inside the picture, its sizes to the last digit as they were.
function moved(region, dx, dy, [width, height]) {
  const [l, t, r, b] = boundsOf(region);
  const clamp = (v, most) => Math.min(Math.max(v, 0), most);
  const mx = clamp((l + r) / 2 + dx, width) - (l + r) / 2, my = clamp((t + b) / 2 + dy, height) - (t + b) / 2;
  const shapes = region.shapes.map((s) => s.outline === 'box'
    ? { outline: 'box', corners: [s.corners[0] + mx, s.corners[1] + my, s.corners[2] + mx, s.corners[3] + my].map(round) }
    : { ...s, centre: [round(s.centre[0] + mx), round(s.centre[1] + my)] });
  return { ...region, shapes };
}

// Two corners in any order, at least 4 pixels apart, the middle inside the picture.
function boxed([x1, y1], [x2, y2], [width, height]) {
  const ends = (a, b, most) => {
    let low = Math.min(a, b), high = Math.max(a, b);
    if (high - low < 4) { const m = (low + high) / 2; low = m - 2; high = m + 2; }
    const shift = Math.min(Math.max((low + high) / 2, 0), most) - (low + high) / 2;
    return [low + shift, high + shift];
  };
  const [l, r] = ends(x1, x2, width), [t, b] = ends(y1, y2, height);
  return [l, t, r, b];
}

function shapeIn(outline, [l, t, r, b]) {
  if (outline === 'box') return { outline, corners: [l, t, r, b].map(round) };
  return { outline: 'ellipse', centre: [round((l + r) / 2), round((t + b) / 2)], half_axes: [round((r - l) / 2), round((b - t) / 2)], angle: 0 };
}

// What of a region is an edit, to compare two of them.
function essence(r) {
  const shapes = r.shapes.map((s) => s.outline === 'box' ? [s.corners] : [s.centre, s.half_axes, s.angle]);
  return JSON.stringify([r.hidden, r.note || '', r.feather, shapes]);
}
