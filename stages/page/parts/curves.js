/* global document, tip */
// Reading a training curve: a line at the epoch under the pointer, and its figures in the tooltip. The table under the chart has them all.
'use strict';

for (const chart of document.querySelectorAll('.curve')) {
  const { share, first, train, val } = JSON.parse(chart.dataset.points);
  const cursor = document.createElement('div');
  cursor.className = 'cursor';
  cursor.hidden = true;
  chart.append(cursor);

  const format = (value) => (value === null ? '–' : share ? `${(value * 100).toFixed(1)}%` : value.toFixed(3));

  chart.addEventListener('pointermove', (event) => {
    const plot = chart.querySelector('.root > g > .background').getBoundingClientRect();
    const frame = chart.getBoundingClientRect();
    const along = Math.min(1, Math.max(0, (event.clientX - plot.left) / plot.width));
    const index = Math.round(along * (val.length - 1));
    const position = val.length === 1 ? 0.5 : index / (val.length - 1);
    cursor.hidden = false;
    cursor.style.left = `${plot.left - frame.left + position * plot.width}px`;
    cursor.style.top = `${plot.top - frame.top}px`;
    cursor.style.height = `${plot.height}px`;
    const text = `Epoch ${first + index}\nvalidation ${format(val[index])}\ntraining ${format(train[index])}`;
    tip.show(text, event.clientX, event.clientY);
  });
  chart.addEventListener('pointerleave', () => {
    cursor.hidden = true;
    tip.hide();
  });
}
