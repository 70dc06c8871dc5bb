
'use strict';
// Sorts and filters the tables; all that they say is there without it.
(() => {
  const cell = (row, column) => row.cells[column];
  const words = new Intl.Collator(undefined, { numeric: true });
  const compare = (a, b) => {
    const [x, y] = [a.dataset.v, b.dataset.v];
    return x !== undefined && y !== undefined ? x - y : words.compare(a.textContent, b.textContent);
  };
  const sort = (table, head) => {
    const column = head.cellIndex;
    const body = table.tBodies[0];
    const numbers = head.classList.contains('n');
    // The first press shows the greatest numbers, or the first words.
    const up = head.ariaSort ? head.ariaSort === 'descending' : !numbers;
    for (const other of table.tHead.rows[0].cells) other.removeAttribute('aria-sort');
    head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
    const rows = [...body.rows];
    rows.sort((a, b) => (up ? 1 : -1) * compare(cell(a, column), cell(b, column)));
    body.append(...rows);
  };
  for (const table of document.querySelectorAll('table.sorts')) {
    for (const head of table.querySelectorAll('thead th')) {
      const button = document.createElement('button');
      button.type = 'button';
      button.textContent = head.textContent;
      button.addEventListener('click', () => sort(table, head));
      head.replaceChildren(button);
    }
  }
  for (const filter of document.querySelectorAll('.filter')) {
    const rows = [...filter.nextElementSibling.querySelectorAll('tbody tr')];
    const texts = rows.map((row) => row.textContent.toLowerCase());
    const [input, output] = [filter.querySelector('input'), filter.querySelector('output')];
    filter.hidden = false;
    input.addEventListener('input', () => {
      const wanted = input.value.trim().toLowerCase();
      let shown = 0;
      rows.forEach((row, nth) => {
        row.hidden = !texts[nth].includes(wanted);
        shown += !row.hidden;
      });
      output.textContent = wanted ? `${shown} of ${rows.length}` : '';
    });
  }
})();
