// Questions to Prometheus, and its answers as Grafana's data frames.
import { type DataFrame, type Field, FieldType, rangeUtil } from '@grafana/data';
import type { Annotation, Panel, Request, Span, Target } from './model';
import { fill, type Values } from './variables';

/** ask asks Prometheus' HTTP API. */
export async function ask(path: string, of: Record<string, string>): Promise<any> {
  const response = await fetch(`/api/v1/${path}?${new URLSearchParams(of)}`);
  const answer = await response.json();
  if (answer.status !== 'success') {
    throw new Error(answer.error ?? `${response.status}`);
  }
  return answer.data;
}

interface Series { metric: Record<string, string>; values?: [number, string][]; value?: [number, string] }

/** stepOf is the step of a graph of some width, as Grafana's data source chooses it. */
function stepOf(span: Span, width: number, scrape: number): number {
  return Math.max(rangeUtil.calculateInterval(timeRange(span), width).intervalMs, scrape);
}

export function timeRange(span: Span): any {
  const at = (ms: number) => ({ valueOf: () => ms, toISOString: () => new Date(ms).toISOString() });
  return { from: at(span.from), to: at(span.to), raw: { from: 'now-1h', to: 'now' } };
}

/** times are the variables that are about time. */
export function times(span: Span, width: number, scrapeInterval: string): { step: number; values: Record<string, string> } {
  const scrape = rangeUtil.intervalToMs(scrapeInterval);
  const step = stepOf(span, width, scrape);
  const seconds = (ms: number) => `${Math.ceil(ms / 1000)}s`;
  return { step, values: {
    __interval: seconds(step), __range: seconds(span.to - span.from), __from: String(span.from), __to: String(span.to),
    __rate_interval: seconds(Math.max(step + scrape, 4 * scrape)),
  } };
}

/** framesOf asks the queries of a panel. */
export async function framesOf(panel: Panel, request: Request, values: Values, width: number): Promise<DataFrame[]> {
  const time = times(request, Math.max(width, 100), request.scrapeInterval);
  const answers = await Promise.all((panel.targets ?? []).map(async (target) => {
    const expr = fill(target.expr, values, { ...time.values, ...panel.scoped });
    return target.range ? graphFrames(target, await range(expr, request, time.step), time.step)
      : frames(target, await instant(expr, request), panel.targets!.length);
  }));
  return answers.flat();
}

const range = async (expr: string, span: Span, step: number): Promise<Series[]> => {
  const aligned = (ms: number) => String((Math.floor(ms / step) * step) / 1000);
  return (await ask('query_range', { query: expr, start: aligned(span.from), end: aligned(span.to), step: String(step / 1000) })).result;
};

const instant = async (expr: string, span: Span): Promise<Series[]> => (await ask('query', { query: expr, time: String(span.to / 1000) })).result;

const named = (target: Target, labels: Record<string, string>) => (target.legendFormat || 'Value').replace(/\{\{\s*(\w+)\s*\}\}/g, (_, name) => labels[name] ?? '');

const timeField = (values: number[], step?: number): Field => ({ name: 'Time', type: FieldType.time, config: step ? { interval: step } : {}, values });

function graphFrames(target: Target, answer: Series[], step?: number): DataFrame[] {
  return answer.map(({ metric, values, value }) => {
    const points = values ?? [value!];
    return { refId: target.refId, length: points.length, fields: [
      timeField(points.map(([at]) => at * 1000), step),
      { name: 'Value', type: FieldType.number, labels: metric, config: { displayNameFromDS: named(target, metric) },
        values: points.map(([, v]) => (values && !Number.isFinite(Number(v)) ? null : Number(v))) }, // NaN would leave a graph without a scale: Grafana's panel does the same
    ] };
  });
}

/** frames of an answer about one time: a row each in a table, else a frame each. */
function frames(target: Target, answer: Series[], targets: number): DataFrame[] {
  if (target.format !== 'table') {
    return graphFrames(target, answer);
  }
  if (answer.length === 0) {
    return [];
  }
  const labels = [...new Set(answer.flatMap((s) => Object.keys(s.metric)))].sort();
  return [{ refId: target.refId, length: answer.length, fields: [
    timeField(answer.map((s) => s.value![0] * 1000)),
    ...labels.map((name): Field => ({ name, type: FieldType.string, config: { filterable: true }, values: answer.map((s) => s.metric[name] ?? '') })),
    { name: targets > 1 ? `Value #${target.refId}` : 'Value', type: FieldType.number, config: {}, values: answer.map((s) => Number(s.value![1])) },
  ] }];
}

/** Mark is an annotation at one time. */
export interface Mark { at: number; colour: string; title: string }

/** marksOf asks for an annotation's marks in a span of time. */
export async function marksOf(a: Annotation, request: Request, values: Values): Promise<Mark[]> {
  if (!a.enable) {
    return [];
  }
  const step = Math.max(rangeUtil.intervalToMs(a.target.interval || '15s'), stepOf(request, 100, rangeUtil.intervalToMs(request.scrapeInterval)));
  const marks = new Map<string, Mark>();
  for (const { metric, values: points } of await range(fill(a.target.expr, values), request, step)) {
    for (const [time, value] of points ?? []) {
      const at = a.useValueForTime ? Math.floor(Number(value)) : time * 1000;
      const title = a.titleFormat.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, name) => metric[name] ?? '');
      if (at >= request.from && at <= request.to) {
        marks.set(`${title} ${at}`, { at, colour: a.iconColor, title });
      }
    }
  }
  return [...marks.values()];
}
