/* global document, matchMedia, getComputedStyle, devicePixelRatio, atob, ResizeObserver, tip */
// The confusion matrix: drawn when its model is first shown, redrawn when the split, the size or the colour scheme changes; read with the pointer or
// the arrow keys. Rows are true classes, columns predicted ones.
'use strict';

{
  const classLists = JSON.parse(document.getElementById('class-lists').textContent);
  const darkScheme = matchMedia('(prefers-color-scheme: dark)');

  /** The other half of `packMatrix` in stages/page/confusion.ts. */
  const unpackMatrix = (packed, cells) => {
    const counts = new Uint32Array(cells);
    const bytes = atob(packed);
    let at = 0;
    const next = () => {
      let value = 0;
      for (let scale = 1; ; scale *= 0x80) {
        const byte = bytes.charCodeAt(at++);
        value += (byte & 0x7f) * scale;
        if (byte < 0x80) return value;
      }
    };
    for (let cell = 0; at < bytes.length; cell++) {
      cell += next();
      counts[cell] = next();
    }
    return counts;
  };

  const readColour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).split(' ').map(Number);

  const attach = (canvas) => {
    const classes = classLists[Number(canvas.dataset.classes)];
    const size = classes.length;
    const card = canvas.closest('.confusion');
    const readout = card.querySelector('.readout');
    const unpacked = new Map();
    let cursor = null;

    const split = () => card.querySelector('input:checked').value;

    const load = () => {
      const key = split();
      if (!unpacked.has(key)) {
        const counts = unpackMatrix(canvas.dataset[key], size * size);
        const totals = classes.map((_, row) =>
          counts.subarray(row * size, (row + 1) * size).reduce((a, b) => a + b, 0),
        );
        unpacked.set(key, { counts, totals });
      }
      return unpacked.get(key);
    };

    const draw = () => {
      const side = Math.round(canvas.getBoundingClientRect().width * devicePixelRatio);
      if (side === 0) return;
      canvas.width = canvas.height = side;
      const { counts, totals } = load();
      const [sheet, hit, miss] = ['--sheet', '--hit', '--miss'].map(readColour);
      const context = canvas.getContext('2d');
      const edge = (index) => Math.round((index * side) / size);
      context.fillStyle = `rgb(${sheet.join(' ')})`;
      context.fillRect(0, 0, side, side);
      for (let cell = 0; cell < counts.length; cell++) {
        if (counts[cell] === 0) continue;
        const [row, column] = [Math.floor(cell / size), cell % size];
        // Mistakes are spread over many cells: their scale ends at a quarter of the row, and the square root lifts what is rare.
        const share = counts[cell] / totals[row];
        const strength = row === column ? share ** 0.6 : Math.min(1, Math.sqrt(share * 4));
        const colour = (row === column ? hit : miss).map((part, i) =>
          Math.round(sheet[i] + (part - sheet[i]) * strength),
        );
        context.fillStyle = `rgb(${colour.join(' ')})`;
        context.fillRect(edge(column), edge(row), edge(column + 1) - edge(column), edge(row + 1) - edge(row));
      }
      if (cursor !== null) drawCursor(context, edge);
    };

    const drawCursor = (context, edge) => {
      const [row, column] = cursor;
      context.strokeStyle = getComputedStyle(document.documentElement).getPropertyValue('--ink');
      context.lineWidth = devicePixelRatio;
      context.globalAlpha = 0.35;
      context.strokeRect(-2, edge(row), canvas.width + 4, edge(row + 1) - edge(row));
      context.strokeRect(edge(column), -2, edge(column + 1) - edge(column), canvas.height + 4);
      context.globalAlpha = 1;
      context.lineWidth = 2 * devicePixelRatio;
      context.strokeRect(edge(column), edge(row), edge(column + 1) - edge(column), edge(row + 1) - edge(row));
    };

    const describe = () => {
      const [row, column] = cursor;
      const { counts, totals } = load();
      const count = counts[row * size + column];
      const share = totals[row] === 0 ? 0 : (100 * count) / totals[row];
      const what = row === column ? `${classes[row]}: recognised` : `${classes[row]} taken for ${classes[column]}:`;
      return `${what} ${count} of ${totals[row]} (${share.toFixed(1)}%)`;
    };

    const moveTo = (row, column) => {
      const bounded = (index) => Math.min(size - 1, Math.max(0, index));
      cursor = [bounded(row), bounded(column)];
      draw();
      readout.textContent = describe();
    };

    const point = (event) => {
      const box = canvas.getBoundingClientRect();
      const index = (offset, length) => Math.floor((offset / length) * size);
      moveTo(index(event.clientY - box.top, box.height), index(event.clientX - box.left, box.width));
      tip.show(describe(), event.clientX, event.clientY);
    };

    canvas.addEventListener('pointermove', point);
    canvas.addEventListener('pointerdown', point);
    canvas.addEventListener('pointerleave', tip.hide);
    canvas.addEventListener('keydown', (event) => {
      const step = event.shiftKey ? 10 : 1;
      const moves = { ArrowUp: [-step, 0], ArrowDown: [step, 0], ArrowLeft: [0, -step], ArrowRight: [0, step] };
      const move = moves[event.key];
      if (move === undefined) return;
      event.preventDefault();
      const [row, column] = cursor ?? [0, 0];
      if (cursor === null) moveTo(0, 0);
      else moveTo(row + move[0], column + move[1]);
    });
    card.addEventListener('change', () => {
      draw();
      if (cursor !== null) readout.textContent = describe();
    });
    // Fires when its model is shown as well: a hidden canvas has no width.
    new ResizeObserver(draw).observe(canvas);
    darkScheme.addEventListener('change', draw);
  };

  for (const canvas of document.querySelectorAll('.matrix canvas')) attach(canvas);
}
