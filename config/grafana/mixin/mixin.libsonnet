// The dashboards, alerts and recording rules as a mixin (https://monitoring.mixins.dev):
//
//   (import 'config/grafana/mixin/mixin.libsonnet') + { _config+:: { podgateSelector: 'job="kube/podgate"' } }
//
// They are those of the files beside it: only labels and selectors change.
local dashboards = {
  'podgate-overview.json': importstr '../podgate-overview.json',
  'podgate-service.json': importstr '../podgate-service.json',
};
local rules = importstr '../../prometheus/rules.yaml';
local inJSON(text) = local quoted = std.escapeStringJson(text); quoted[1:std.length(quoted) - 1];

{
  _config+:: {
    // What selects the controller's own series in rules.
    podgateSelector: 'job="podgate"',
    // What selects gates in dashboards besides the namespace and the gate, such as
    // 'cluster="eu"'; empty for nothing. Rules and dashboards tell gates apart by
    // namespace and name: several clusters in one Prometheus need a mixin each.
    dashboardSelector: '',
    dashboardTags: ['podgate'],
    // Where the runbooks are.
    runbookURL: 'https://github.com/podgate/podgate/blob/main/docs/runbooks/',
  },

  local config = $._config,
  local groups = std.parseYaml(
    std.strReplace(
      std.strReplace(rules, 'job="podgate"', config.podgateSelector),
      'https://github.com/podgate/podgate/blob/main/docs/runbooks/', config.runbookURL
    )
  ).groups,
  prometheusAlerts+:: { groups+: [g for g in groups if g.name == 'podgate.alerts'] },
  prometheusRules+:: { groups+: [g for g in groups if g.name != 'podgate.alerts'] },

  // Selectors of many gates, and of one.
  local gates = ['namespace=~"$namespace"', 'namespace="$namespace"'],
  local selected(text) = if config.dashboardSelector == '' then text
  else std.foldl(function(t, of) std.strReplace(t, inJSON(of), inJSON(config.dashboardSelector + ',' + of)), gates, text),
  grafanaDashboards+:: {
    [name]: std.parseJson(selected(dashboards[name])) + { tags: config.dashboardTags }
    for name in std.objectFields(dashboards)
  },
}
