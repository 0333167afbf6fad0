// Field configuration: defaults, overrides and transformations, by Grafana's own
// code. Which options there are is known to Grafana's core, not to its packages;
// here they are those that a panel uses.
import {
  applyFieldOverrides, type DataFrame, dataLinksOverrideProcessor, displayNameOverrideProcessor, FieldConfigOptionsRegistry, type FieldConfigPropertyItem,
  type GrafanaTheme2, identityOverrideProcessor, standardTransformers, standardTransformersRegistry, transformDataFrame,
} from '@grafana/data';
import { firstValueFrom } from 'rxjs';
import type { Panel } from './model';
import { fill, type Values } from './variables';

const standard: Record<string, any> = {
  unit: identityOverrideProcessor, min: identityOverrideProcessor, max: identityOverrideProcessor, decimals: identityOverrideProcessor,
  displayName: displayNameOverrideProcessor, noValue: identityOverrideProcessor, thresholds: identityOverrideProcessor,
  mappings: identityOverrideProcessor, links: dataLinksOverrideProcessor, color: identityOverrideProcessor,
};

standardTransformersRegistry.setInit(() => [standardTransformers.organizeFieldsTransformer].map((t) => (
  { id: t.id, name: t.name, transformation: async () => t } as any)));

function registryOf(panel: Panel): FieldConfigOptionsRegistry {
  const config = panel.fieldConfig!;
  const custom = new Set([...Object.keys(config.defaults.custom ?? {}).map((key) => `custom.${key}`),
    ...config.overrides.flatMap((o) => o.properties.map((p) => p.id)).filter((id) => id.startsWith('custom.'))]);
  const item = (id: string, path: string, process: any, isCustom: boolean) => (
    { id, path, name: id, process, isCustom, shouldApply: () => true, settings: {} } as unknown as FieldConfigPropertyItem);
  return new FieldConfigOptionsRegistry(() => [
    ...Object.entries(standard).map(([id, process]) => item(id, id, process, false)),
    ...[...custom].map((id) => item(id, id.slice('custom.'.length), identityOverrideProcessor, true)),
  ]);
}

/** replacer fills in variables, and in links what the row says. */
export function replacer(values: Values, scoped: Record<string, string> = {}) {
  return (text: string, scopedVars?: any): string => {
    const more = { ...scoped };
    const of = scopedVars?.__dataContext?.value;
    if (of?.rowIndex !== undefined) {
      more['__value.raw'] = String(of.field.values[of.rowIndex]);
      for (const f of of.frame.fields) {
        more[`__data.fields.${f.name}`] = String(f.values[of.rowIndex]);
      }
    }
    return fill(text, values, more);
  };
}

/** configured applies a panel's transformations and field configuration to frames. */
export async function configured(panel: Panel, frames: DataFrame[], values: Values, theme: GrafanaTheme2): Promise<DataFrame[]> {
  const replace = replacer(values, panel.scoped);
  const transformed = await firstValueFrom(transformDataFrame(panel.transformations ?? [], frames, { interpolate: (v) => replace(v) }));
  const fieldConfig = structuredClone(panel.fieldConfig!);
  fieldConfig.defaults.color ??= { mode: 'thresholds' };
  fieldConfig.defaults.thresholds ??= { mode: 'absolute', steps: [{ color: 'green', value: null as any }, { color: 'red', value: 80 }] } as any;
  return applyFieldOverrides({ data: transformed, fieldConfig, fieldConfigRegistry: registryOf(panel), replaceVariables: replace, theme, timeZone: 'utc' });
}
