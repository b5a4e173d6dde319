/* global document, window */
// The one tooltip of the page: text beside the pointer. What it says is also said elsewhere (a readout, a table, a label), so it is hidden from
// screen readers. Marks of the charts that have a label show it.
'use strict';

document.documentElement.classList.add('js');

globalThis.tip = (() => {
  const box = document.getElementById('tip');
  const margin = 14;

  /** Shows `text` near a point of the window, within the window. */
  function show(text, x, y) {
    box.textContent = text;
    box.hidden = false;
    const { width, height } = box.getBoundingClientRect();
    const right = x + margin + width > document.documentElement.clientWidth;
    const below = y + margin + height > document.documentElement.clientHeight;
    box.style.left = `${Math.max(4, right ? x - margin - width : x + margin)}px`;
    box.style.top = `${Math.max(4, below ? y - margin - height : y + margin)}px`;
  }

  function hide() {
    box.hidden = true;
  }

  for (const mark of document.querySelectorAll('.chart.wide .mark-symbol path[aria-label]')) {
    mark.addEventListener('pointermove', (event) =>
      show(mark.getAttribute('aria-label'), event.clientX, event.clientY),
    );
    mark.addEventListener('pointerleave', hide);
  }
  window.addEventListener('scroll', hide, { passive: true });
  return { show, hide };
})();
