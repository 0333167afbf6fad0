// Draws one dashboard, and says in window.drawn what it drew when it is done.
import './page.css';
import { createTheme, type GrafanaTheme2, ThemeContext } from '@grafana/data';
import { initPluginTranslations } from '@grafana/i18n';
import { GlobalStyles } from '@grafana/ui';
import { createRoot } from 'react-dom/client';
import type { Drawn, Request } from './model';
import { Page, placed } from './page';
import { marksOf } from './prometheus';
import { valuesOf } from './variables';

declare global { interface Window { drawn?: Drawn[]; failed?: string; __grafana_public_path__: string } }

/** quiet resolves when the page has not changed for a while, and for some frames: on a busy machine a frame may take longer. */
const quiet = (ms: number, frames: number) => new Promise<void>((done) => {
  let since = performance.now();
  let left = frames;
  const watch = new MutationObserver(() => { since = performance.now(); left = frames; });
  watch.observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
  const frame = () => {
    left--;
    if (left > 0 || performance.now() - since < ms) {
      requestAnimationFrame(frame);
      return;
    }
    watch.disconnect();
    done();
  };
  requestAnimationFrame(frame);
});

/** inkOf is how many pixels of a canvas are not empty. */
function inkOf(canvas: HTMLCanvasElement): number {
  if (!canvas.width || !canvas.height) {
    return 0;
  }
  const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
  let ink = 0;
  for (let i = 3; i < data.length; i += 4) {
    ink += data[i] > 0 ? 1 : 0;
  }
  return ink;
}

/** fonts resolves when Grafana's fonts are there: what is drawn into a canvas stays as it was drawn. */
async function fonts(theme: GrafanaTheme2) {
  const styles = document.body.appendChild(document.createElement('div'));
  await new Promise<void>((done) => createRoot(styles).render(
    <ThemeContext.Provider value={theme}><GlobalStyles /><span ref={() => done()} /></ThemeContext.Provider>));
  await Promise.all(['400 12px Inter', '500 14px Inter', '400 12px "Roboto Mono"'].map((font) => document.fonts.load(font)));
}

async function main() {
  const request: Request = await (await fetch('/request.json')).json();
  Date.now = () => request.to; // "4 seconds ago" is as seen at the end of the time that is shown
  await initPluginTranslations('grafana');
  const theme = createTheme({ colors: { mode: 'dark' } });
  await fonts(theme);
  const { values, all } = await valuesOf(request);
  const marks = (await Promise.all(request.dashboard.annotations.list.map((a) => marksOf(a, request, values)))).flat();
  const panels = placed(request.dashboard.panels, values, all);
  const told = new Map<string, Drawn>();
  await new Promise<void>((done) => createRoot(document.getElementById('root')!).render(
    <ThemeContext.Provider value={theme}>
      <Page request={request} values={values} placed={panels} marks={marks} width={innerWidth} drawn={(d) => {
        told.set(`${d.id} ${d.title}`, d);
        if (told.size === panels.length) {
          done();
        }
      }} />
    </ThemeContext.Provider>));
  await quiet(400, 10);
  document.querySelectorAll<HTMLElement>('[data-panel]').forEach((element, i) => {
    const of = [...told.values()].find((d) => d.id === panels[i].id && element.innerText.includes(d.title));
    if (of) {
      of.text = [element.innerText, ...[...element.querySelectorAll('[role=img]')].map((e) => e.ariaLabel ?? '')].join('\n');
      of.ink = [...element.querySelectorAll('canvas')].reduce((n, c) => n + inkOf(c), 0);
    }
  });
  window.drawn = [...told.values()];
}

window.__grafana_public_path__ = '/';
main().catch((e) => { window.failed = String(e?.stack ?? e); });
