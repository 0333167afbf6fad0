// The panels, by their type. What is drawn is drawn by Grafana's components, with
// what its panel plugins hand to them; those plugins are in no package.
import { cacheFieldDisplayNames, type DataFrame, FieldColorModeId, type FieldDisplay, getDisplayValueAlignmentFactors, getFieldDisplayValues } from '@grafana/data';
import { BarGauge, BigValue, TimeSeries, useTheme2, VizRepeater } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import type { ReactElement } from 'react';
import { Marks } from './marks';
import type { Panel, Span } from './model';
import { type Mark, timeRange } from './prometheus';
import { Timeline } from './timeline';

export interface PanelProps {
  panel: Panel; frames: DataFrame[]; marks: Mark[]; span: Span; width: number; height: number; replace: (text: string, scoped?: any) => string;
}

export const panels: Record<string, (props: PanelProps) => ReactElement> = {
  stat: Stat, bargauge: Bars, table: Rows, timeseries: Graph, 'state-timeline': States,
};

function Empty({ panel }: { panel: Panel }) {
  return <div className="empty">{panel.fieldConfig?.defaults.noValue ?? 'No data'}</div>;
}

/** displays are the values of a panel that shows one value a series. */
function displays({ panel, frames, replace }: PanelProps, theme: any): FieldDisplay[] {
  const fieldConfig = { ...panel.fieldConfig!, overrides: [] };
  return getFieldDisplayValues({ fieldConfig, reduceOptions: panel.options.reduceOptions, replaceVariables: replace, theme, data: frames, timeZone: 'utc' });
}

function Stat(props: PanelProps) {
  const theme = useTheme2();
  const { panel: { options }, width, height, frames } = props;
  return <VizRepeater<FieldDisplay, any> source={frames} width={width} height={height} orientation={'auto' as any} itemSpacing={3} renderCounter={0} autoGrid
    getValues={() => displays(props, theme)} getAlignmentFactors={getDisplayValueAlignmentFactors}
    renderValue={({ value, width, height, count, alignmentFactors }) => (
      <BigValue value={value.display} count={count} width={width} height={height} theme={theme} alignmentFactors={alignmentFactors} colorMode={options.colorMode}
        graphMode={options.graphMode} justifyMode={options.justifyMode} textMode={options.textMode} text={options.text} />)} />;
}

function Bars(props: PanelProps) {
  const theme = useTheme2();
  const { panel, panel: { options }, width, height, frames } = props;
  if (frames.length === 0) {
    return <Empty panel={panel} />;
  }
  const manual = options.sizing === 'manual';
  return <VizRepeater<FieldDisplay, any> source={frames} width={width} height={height} orientation={options.orientation} itemSpacing={10} renderCounter={0}
    minVizHeight={manual ? options.minVizHeight : 16} maxVizHeight={manual ? options.maxVizHeight : 300} getValues={() => displays(props, theme)} getAlignmentFactors={getDisplayValueAlignmentFactors}
    renderValue={({ value, width, height, orientation, alignmentFactors }) => (
      <BarGauge value={value.display} field={value.field} display={value.view?.getFieldDisplayProcessor(value.colIndex!)} width={width} height={height}
        orientation={orientation} theme={theme} alignmentFactors={alignmentFactors} displayMode={options.displayMode} showUnfilled={options.showUnfilled}
        valueDisplayMode={options.valueMode} namePlacement={options.namePlacement} text={options.text} />)} />;
}

function Rows({ panel, frames, span, width, height }: PanelProps) {
  if (frames.length === 0) {
    return <Empty panel={panel} />;
  }
  cacheFieldDisplayNames(frames);
  return <TableNG data={frames[0]} width={width} height={height} noHeader={!panel.options.showHeader} cellHeight={panel.options.cellHeight} sortBy={panel.options.sortBy}
    timeRange={timeRange(span)} fieldConfig={panel.fieldConfig} noValue={panel.fieldConfig?.defaults.noValue} structureRev={1} />;
}

function Graph({ panel, frames, marks, span, width, height }: PanelProps) {
  const theme = useTheme2();
  if (frames.length === 0) {
    return <Empty panel={panel} />;
  }
  return <TimeSeries frames={frames} structureRev={1} timeRange={timeRange(span)} timeZone="utc" width={width} height={height} legend={panel.options.legend} options={panel.options}>
    {(config) => <Marks config={config} marks={marks} theme={theme} />}
  </TimeSeries>;
}

function States({ panel, frames, marks, span, width, height }: PanelProps) {
  if (frames.length === 0) {
    return <Empty panel={panel} />;
  }
  // With merged values and colours by thresholds, Grafana shows the thresholds in place of the mappings.
  const byThreshold = panel.options.mergeValues && panel.fieldConfig?.defaults.color?.mode === FieldColorModeId.Thresholds;
  return <Timeline frames={frames} options={panel.options} byThreshold={byThreshold} marks={marks} span={span} width={width} height={height} />;
}
