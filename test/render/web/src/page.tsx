// The page: the bar above, and the panels on Grafana's grid.
import { type DataFrame, dateTimeFormat } from '@grafana/data';
import { PanelChrome, useTheme2 } from '@grafana/ui';
import { Component, type ReactNode, useEffect, useState } from 'react';
import { configured, replacer } from './fields';
import type { Drawn, Panel, Request } from './model';
import { panels } from './panels';
import { framesOf, type Mark } from './prometheus';
import type { Values } from './variables';

const [rowHeight, gap] = [30, 8];

/** placed repeats panels, and moves down what is below those that need more room. */
export function placed(all: Panel[], values: Values, options: Record<string, string[]>): Panel[] {
  const out: Panel[] = [];
  let down = 0;
  for (const panel of all) {
    const at = { ...panel.gridPos, y: panel.gridPos.y + down };
    if (!panel.repeat) {
      out.push({ ...panel, gridPos: at });
      continue;
    }
    const chosen = values[panel.repeat].shown === 'All' ? options[panel.repeat] : [values[panel.repeat].shown];
    const across = Math.min(chosen.length, panel.maxPerRow ?? 4) || 1;
    chosen.forEach((value, i) => out.push({ ...panel, scoped: { [panel.repeat!]: value },
      gridPos: { h: at.h, w: 24 / across, x: (24 / across) * (i % across), y: at.y + at.h * Math.floor(i / across) } }));
    down += at.h * Math.max(0, Math.ceil(chosen.length / across) - 1);
  }
  return out;
}

interface Props { request: Request; values: Values; placed: Panel[]; marks: Mark[]; width: number; drawn: (d: Drawn) => void }

export function Page({ request, values, placed, marks, width, drawn }: Props) {
  const theme = useTheme2();
  const column = (width - 2 * 16 + gap) / 24;
  const bottom = Math.max(...placed.map((p) => p.gridPos.y + p.gridPos.h));
  return <div style={{ background: theme.colors.background.canvas, minHeight: '100vh' }}>
    <Bar request={request} values={values} />
    <div style={{ position: 'relative', margin: 16, height: bottom * (rowHeight + gap) }}>
      {placed.map((panel, i) => {
        const { x, y, w, h } = panel.gridPos;
        const place = { position: 'absolute' as const, left: x * column, top: y * (rowHeight + gap), width: w * column - gap, height: h * (rowHeight + gap) - gap };
        return <div key={i} data-panel={i} style={place}>
          {panel.type === 'row' ? <Row panel={panel} drawn={drawn} />
            : <Whole panel={panel} request={request} values={values} marks={marks} width={place.width} height={place.height} drawn={drawn} />}
        </div>;
      })}
    </div>
  </div>;
}

function Bar({ request, values }: { request: Request; values: Values }) {
  const at = (ms: number) => dateTimeFormat(ms, { timeZone: 'utc', format: 'YYYY-MM-DD HH:mm:ss' });
  return <header>
    <div className="crumbs"><span>Home</span><i>›</i><span>Dashboards</span><i>›</i><b>{request.dashboard.title}</b></div>
    <div className="variables">
      {Object.entries(values).map(([name, v]) => <div key={name} className="variable"><label>{v.label}</label><span>{v.shown} <i>⌄</i></span></div>)}
      <div className="links">{request.dashboard.links.map((l) => <a key={l.title}>{l.title}</a>)}</div>
      <div className="time">{at(request.from)} to {at(request.to)} UTC</div>
    </div>
  </header>;
}

function Row({ panel, drawn }: { panel: Panel; drawn: (d: Drawn) => void }) {
  useEffect(() => drawn({ id: panel.id, title: panel.title, type: 'row', series: [], rows: 0, text: panel.title, ink: 0, error: '' }), []);
  return <div className="section"><i>⌄</i>{panel.title}</div>;
}

interface WholeProps { panel: Panel; request: Request; values: Values; marks: Mark[]; width: number; height: number; drawn: (d: Drawn) => void }

/** Whole is one panel: it asks, draws, and says what it drew. */
function Whole({ panel, request, values, marks, width, height, drawn }: WholeProps) {
  const theme = useTheme2();
  const [frames, setFrames] = useState<DataFrame[]>();
  const [error, setError] = useState('');
  const replace = replacer(values, panel.scoped);
  const title = replace(panel.title);
  const Type = panels[panel.type];
  const told = (of: Partial<Drawn>) => drawn({ id: panel.id, title, type: panel.type, series: [], rows: 0, text: '', ink: 0, error: '', ...of });
  const failed = (problem: string) => {
    setError(problem);
    told({ error: problem });
  };
  useEffect(() => {
    if (!Type) {
      failed(`no panel of the type ${panel.type} is known`);
      return;
    }
    framesOf(panel, request, values, width).then((raw) => configured(panel, raw, values, theme)).then((frames) => {
      setFrames(frames);
      told({ series: frames.flatMap((f) => f.fields.filter((x) => panel.type === 'table' || x.name !== 'Time').map((x) => x.config.displayName ?? x.config.displayNameFromDS ?? x.name)),
        rows: frames.reduce((n, f) => n + f.fields[f.fields.length - 1].values.filter((v) => v != null).length, 0) });
    }).catch((e) => failed(String(e)));
  }, []);
  const flush = panel.type === 'stat' || panel.type === 'table' ? 'none' : 'md';
  return <PanelChrome title={title} description={panel.description} width={width} height={height} padding={flush as any} statusMessage={error || undefined}>
    {(w, h) => (error ? <div className="empty error">{error}</div>
      : frames && <Guard failed={failed}><Type panel={panel} frames={frames} marks={marks} span={request} width={w} height={h} replace={replace} /></Guard>) as any}
  </PanelChrome>;
}

/** Guard keeps a panel that cannot be drawn from taking the page along. */
class Guard extends Component<{ failed: (problem: string) => void; children: ReactNode }, { broken: boolean }> {
  state = { broken: false };
  static getDerivedStateFromError = () => ({ broken: true });
  componentDidCatch(e: unknown) { this.props.failed(String(e)); }
  render() { return this.state.broken ? null : this.props.children; }
}
