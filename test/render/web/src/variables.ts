// Variables: their values, and their places in queries, titles and links.
import type { Request, Variable } from './model';
import { ask } from './prometheus';

export interface Value { label: string; shown: string; query: string }
export type Values = Record<string, Value>;

const escape = (v: string) => v.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** valuesOf finds the values of a dashboard's variables: those asked for, else the first, or all. */
export async function valuesOf(request: Request): Promise<{ values: Values; all: Record<string, string[]> }> {
  const values: Values = {};
  const all: Record<string, string[]> = {};
  for (const v of request.dashboard.templating.list) {
    const found = (all[v.name] = await options(v, values, request));
    const wanted = request.variables[v.name];
    if (v.type === 'datasource') {
      values[v.name] = { label: v.label, shown: 'Prometheus', query: 'prometheus' };
    } else if (wanted === undefined && v.includeAll) {
      values[v.name] = { label: v.label, shown: 'All', query: v.allValue || `(${found.map(escape).join('|')})` };
    } else {
      const one = wanted ?? found[0] ?? '';
      values[v.name] = { label: v.label, shown: one, query: v.multi ? escape(one) : one };
    }
  }
  return { values, all };
}

async function options(v: Variable, values: Values, request: Request): Promise<string[]> {
  const asked = /^label_values\((.*), *(\w+)\)$/.exec(v.query?.query ?? '');
  if (!asked) {
    return [];
  }
  const of = { 'match[]': fill(asked[1], values), start: String(request.from / 1000), end: String(request.to / 1000) };
  return ((await ask(`label/${asked[2]}/values`, of)) as string[]).sort();
}

/** fill puts the variables' values into a text; what it does not know stays. */
export function fill(text: string, values: Values, more: Record<string, string> = {}): string {
  return text.replace(/\$(\w+)|\$\{([\w.]+)(?::\w+)?\}/g, (whole, plain, braced) => {
    const name = plain ?? braced;
    return more[name] ?? values[name]?.query ?? whole;
  });
}
