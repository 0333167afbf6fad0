// Annotations: a dashed line through the graph, and a triangle below it.
import type { GrafanaTheme2 } from '@grafana/data';
import type { UPlotConfigBuilder } from '@grafana/ui';
import { useLayoutEffect } from 'react';
import type { Mark } from './prometheus';

export function Marks({ config, marks, theme }: { config: UPlotConfigBuilder; marks: Mark[]; theme: GrafanaTheme2 }) {
  useLayoutEffect(() => {
    config.addHook('draw', (plot: any) => {
      const { ctx, bbox } = plot;
      for (const { at, colour } of marks) {
        const x = Math.round(plot.valToPos(at, 'x', true));
        const [top, bottom] = [bbox.top, bbox.top + bbox.height];
        ctx.save();
        ctx.fillStyle = ctx.strokeStyle = theme.visualization.getColorByName(colour);
        ctx.setLineDash([3, 3]);
        ctx.lineWidth = 1;
        ctx.beginPath();
        ctx.moveTo(x + 0.5, top);
        ctx.lineTo(x + 0.5, bottom);
        ctx.stroke();
        ctx.beginPath();
        ctx.moveTo(x, bottom);
        ctx.lineTo(x - 4, bottom + 6);
        ctx.lineTo(x + 5, bottom + 6);
        ctx.fill();
        ctx.restore();
      }
    });
  }, [config, marks, theme]);
  return null;
}
