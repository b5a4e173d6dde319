/* global document */
// Tables that sort: each head becomes a button, aria-sort says what holds. Unknown figures stay last whichever way it goes.
'use strict';

for (const table of document.querySelectorAll('table.sortable')) {
  const heads = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  const inOrder = [...body.rows];

  const compare = (column, direction) => (a, b) => {
    const [left, right] = [a.cells[column].dataset.value, b.cells[column].dataset.value];
    if (left === '' || right === '') return (left === '' ? 1 : 0) - (right === '' ? 1 : 0);
    const [x, y] = [Number(left), Number(right)];
    const numeric = !Number.isNaN(x) && !Number.isNaN(y);
    const order = numeric ? x - y : left < right ? -1 : left > right ? 1 : 0;
    return direction === 'ascending' ? order : -order;
  };

  heads.forEach((head, column) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener('click', () => {
      const opposite = { ascending: 'descending', descending: 'ascending' };
      const direction = opposite[head.getAttribute('aria-sort')] ?? head.dataset.first;
      for (const other of heads) other.removeAttribute('aria-sort');
      head.setAttribute('aria-sort', direction);
      body.append(...[...inOrder].sort(compare(column, direction)));
    });
  });
}
