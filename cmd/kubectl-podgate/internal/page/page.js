'use strict';
(() => {
  const tip = document.getElementById('tip');
  const two = (n) => String(n).padStart(2, '0');
  const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
  const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
  const when = (ms) => {
    const t = new Date(ms);
    return days[t.getUTCDay()] + ' ' + months[t.getUTCMonth()] + ' ' + t.getUTCDate() + ' ' +
      two(t.getUTCHours()) + ':' + two(t.getUTCMinutes()) + ':' + two(t.getUTCSeconds()) + ' UTC';
  };
  const element = (name, className, text) => {
    const e = document.createElement(name);
    e.className = className || '';
    e.textContent = text || '';
    return e;
  };

  // What a plot tells at a point of time.
  const fill = (data, i) => {
    tip.replaceChildren(element('b', '', when(data.from + i * data.step * 1000)));
    const table = tip.appendChild(element('table'));
    for (const line of data.lines) {
      if (!line.values[i]) continue;
      const row = table.insertRow();
      const name = row.insertCell();
      name.append(element('i', 'dot ' + line.class), line.name);
      row.insertCell().textContent = line.values[i];
    }
  };
  const place = (event) => {
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    const right = event.clientX + 18 + box.width < innerWidth;
    tip.style.left = (right ? event.clientX + 18 : Math.max(4, event.clientX - 18 - box.width)) + 'px';
    tip.style.top = Math.max(4, Math.min(innerHeight - box.height - 4, event.clientY - box.height / 2)) + 'px';
  };

  for (const figure of document.querySelectorAll('figure.plot')) {
    const svg = figure.querySelector('svg');
    const data = JSON.parse(figure.querySelector('script').textContent);
    const view = svg.viewBox.baseVal;
    const cursor = document.createElementNS(svg.namespaceURI, 'line');
    cursor.setAttribute('class', 'cursor');
    cursor.setAttribute('y1', 0);
    cursor.setAttribute('y2', view.height - 26);
    const leave = () => { tip.hidden = true; cursor.remove(); };
    svg.addEventListener('pointerleave', leave);
    svg.addEventListener('pointermove', (event) => {
      const box = svg.getBoundingClientRect();
      const x = (event.clientX - box.left) / box.width * view.width;
      const n = data.lines[0].values.length;
      const i = Math.floor((x - data.left) / (data.right - data.left) * n);
      if (i < 0 || i >= n) return leave();
      cursor.setAttribute('x1', x);
      cursor.setAttribute('x2', x);
      svg.append(cursor);
      fill(data, i);
      place(event);
    });
  }

  // A pod of a legend stands out while it is pointed at, or once it is picked.
  for (const chip of document.querySelectorAll('.chip')) {
    const figure = chip.closest('section').querySelector('figure.plot');
    const show = () => {
      const picked = [...chip.parentNode.querySelectorAll('.chip.on, .chip:hover, .chip:focus-visible')].map((c) => c.dataset.pod);
      figure.classList.toggle('picked', picked.length > 0);
      for (const line of figure.querySelectorAll('.pod')) line.classList.toggle('on', picked.includes(line.dataset.pod));
    };
    for (const name of ['pointerenter', 'pointerleave', 'focus', 'blur']) chip.addEventListener(name, () => setTimeout(show));
    chip.addEventListener('click', () => { chip.classList.toggle('on'); show(); });
  }

  for (const filter of document.querySelectorAll('.filter')) {
    const rows = [...filter.parentNode.querySelectorAll('.decisions tbody tr')];
    const [input, note] = [filter.querySelector('input'), filter.querySelector('.note')];
    filter.hidden = false;
    input.addEventListener('input', () => {
      const words = input.value.toLowerCase().split(/\s+/);
      let shown = 0;
      for (const row of rows) {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
        shown += row.hidden ? 0 : 1;
      }
      note.textContent = input.value ? shown + ' of ' + rows.length : '';
    });
  }

  const theme = document.getElementById('theme');
  theme.hidden = false;
  theme.addEventListener('click', () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
    root.dataset.theme = dark ? 'light' : 'dark';
  });
})();
