// The state timeline. Its drawing is in Grafana's core only; here its boxes are
// drawn into Grafana's plot, with its axes.
import { type DataFrame, type Field, FieldType, formattedValueToString, getActiveThreshold, getFieldDisplayName, getValueFormat, type GrafanaTheme2 } from '@grafana/data';
import { AxisPlacement, ScaleDirection, ScaleOrientation } from '@grafana/schema';
import { UPlotChart, UPlotConfigBuilder, useTheme2 } from '@grafana/ui';
import { useMemo } from 'react';
import { Marks } from './marks';
import type { Span } from './model';
import type { Mark } from './prometheus';

interface Props { frames: DataFrame[]; options: any; byThreshold: boolean; marks: Mark[]; span: Span; width: number; height: number }

interface Box { from: number; to: number; text: string; colour: string }

/** boxes are the spans of time in which a field has one value; mapped equal and one after the other they are one. */
function boxes(frame: DataFrame, field: Field, show: (v: number) => { text: string; colour: string }, span: Span, merge: boolean): Box[] {
  const at: number[] = frame.fields.find((f) => f.type === FieldType.time)!.values;
  const step = frame.fields[0].config.interval ?? 0;
  const out: Box[] = [];
  at.forEach((from, i) => {
    if (field.values[i] == null) {
      return;
    }
    const to = Math.min(at[i + 1] !== undefined && at[i + 1] - from <= 1.5 * step ? at[i + 1] : from + step, span.to);
    const { text, colour } = show(field.values[i]);
    const last = out.at(-1);
    if (merge && last?.text === text && last.to >= from) {
      last.to = to;
    } else {
      out.push({ from: Math.max(from, span.from), to, text, colour });
    }
  });
  return out;
}

function shower(field: Field, byThreshold: boolean, theme: GrafanaTheme2) {
  return (v: number) => {
    if (byThreshold) {
      const { steps } = field.config.thresholds!;
      const step = getActiveThreshold(v, steps);
      const i = steps.indexOf(step);
      const format = (n: number) => formattedValueToString(getValueFormat(field.config.unit)(n));
      return { text: i === 0 && steps.length > 1 ? `< ${format(steps[1].value)}` : `${format(step.value)}+`, colour: theme.visualization.getColorByName(step.color) };
    }
    const shown = field.display!(v);
    return { text: formattedValueToString(shown), colour: shown.color ?? theme.colors.text.primary };
  };
}

export function Timeline({ frames, options, byThreshold, marks, span, width, height }: Props) {
  const theme = useTheme2();
  const { config, data, words } = useMemo(() => {
    const names = frames.map((f) => getFieldDisplayName(f.fields[1], f, frames));
    const config = new UPlotConfigBuilder('utc');
    config.addScale({ scaleKey: 'x', isTime: true, orientation: ScaleOrientation.Horizontal, direction: ScaleDirection.Right, range: () => [span.from, span.to] });
    config.addScale({ scaleKey: 'y', isTime: false, orientation: ScaleOrientation.Vertical, direction: ScaleDirection.Up, range: () => [0, names.length] });
    config.addAxis({ scaleKey: 'x', isTime: true, placement: AxisPlacement.Bottom, timeZone: 'utc', theme });
    config.addAxis({ scaleKey: 'y', placement: AxisPlacement.Left, theme, grid: { show: false }, ticks: { show: false }, gap: 16,
      splits: names.map((_, i) => names.length - i - 0.5), values: names as any });
    config.addSeries({ scaleKey: 'y', theme, pathBuilder: () => null, pointsBuilder: () => null, lineWidth: 0 } as any);
    config.addHook('drawClear', (plot: any) => frames.forEach((frame, row) => {
      const tall = plot.bbox.height / names.length;
      const field = frame.fields[1];
      const fill = field.config.custom?.fillOpacity ?? 80;
      for (const box of boxes(frame, field, shower(field, byThreshold, theme), span, options.mergeValues)) {
        drawBox(plot, box, plot.bbox.top + tall * row + (tall * (1 - options.rowHeight)) / 2, tall * options.rowHeight, fill, options, theme);
      }
    }));
    const words = frames.map((frame, row) => [names[row], ...boxes(frame, frame.fields[1], shower(frame.fields[1], byThreshold, theme), span, options.mergeValues).map((b) => b.text)].join(': '));
    return { config, data: [[span.from, span.to], [0, 0]] as any, words };
  }, [frames, options, byThreshold, span, theme]);
  return <div role="img" aria-label={words.join('\n')}>
    <UPlotChart config={config} data={data} width={width} height={height}><Marks config={config} marks={marks} theme={theme} /></UPlotChart>
  </div>;
}

function drawBox(plot: any, box: Box, top: number, tall: number, opacity: number, options: any, theme: GrafanaTheme2) {
  const { ctx } = plot;
  const left = Math.round(plot.valToPos(box.from, 'x', true));
  const wide = Math.max(1, Math.round(plot.valToPos(box.to, 'x', true)) - left);
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, top, wide, tall);
  ctx.globalAlpha = opacity / 100;
  ctx.fillStyle = box.colour;
  ctx.fill();
  ctx.globalAlpha = 1;
  ctx.font = `${Math.round(12 * devicePixelRatio)}px ${theme.typography.fontFamily}`;
  ctx.textBaseline = 'middle';
  ctx.fillStyle = theme.colors.getContrastText(box.colour, 3);
  const room = wide - ctx.measureText(box.text).width;
  if (options.showValue !== 'never' && (room > 8 || options.showValue === 'always')) {
    ctx.clip();
    ctx.fillText(box.text, left + (options.alignValue === 'center' ? room / 2 : options.alignValue === 'right' ? room - 4 : 4), top + tall / 2);
  }
  ctx.restore();
}
