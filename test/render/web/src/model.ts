// The part of Grafana's dashboard model that is read here, and what the Go side
// asks for and gets.
import type { FieldConfigSource } from '@grafana/data';

export interface Target { refId: string; expr: string; legendFormat?: string; format?: string; instant: boolean; range: boolean }
export interface Panel {
  id: number; type: string; title: string; description?: string; gridPos: { h: number; w: number; x: number; y: number };
  targets?: Target[]; fieldConfig?: FieldConfigSource; options?: any; transformations?: any[];
  repeat?: string; maxPerRow?: number; scoped?: Record<string, string>;
}
export interface Annotation {
  name: string; enable: boolean; iconColor: string; titleFormat: string; useValueForTime: boolean; target: { expr: string; interval: string };
}
export interface Variable { name: string; label: string; type: string; query: any; multi: boolean; includeAll: boolean; allValue?: string }
export interface Dashboard {
  title: string; panels: Panel[]; templating: { list: Variable[] }; annotations: { list: Annotation[] };
  links: { title: string }[];
}

/** Request is what the Go side asks for: times in milliseconds. */
export interface Request { dashboard: Dashboard; from: number; to: number; scrapeInterval: string; variables: Record<string, string> }

/** Drawn is what came of one panel. */
export interface Drawn {
  id: number; title: string; type: string;
  /** names of the series, or of the columns of a table */
  series: string[];
  /** values or rows, over all series */
  rows: number;
  /** what can be read, and of a timeline the states */
  text: string;
  /** pixels of its canvases that are not empty */
  ink: number;
  error: string;
}

export interface Span { from: number; to: number }
