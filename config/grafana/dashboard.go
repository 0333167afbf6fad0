package main

import (
	"hash/fnv"
	"strings"
)

// The part of Grafana's dashboard model that these dashboards use.

type dashboard struct {
	Title       string   `json:"title"`
	UID         string   `json:"uid"`
	Description string   `json:"description"`
	Tags        []string `json:"tags"`
	Schema      int      `json:"schemaVersion"`
	Version     int      `json:"version"`
	Editable    bool     `json:"editable"`
	Timezone    string   `json:"timezone"`
	Refresh     string   `json:"refresh"`
	Tooltip     int      `json:"graphTooltip"`
	Time        span     `json:"time"`
	Templating  list     `json:"templating"`
	Annotations list     `json:"annotations"`
	Links       []link   `json:"links"`
	Panels      []*panel `json:"panels"`
}

type span struct {
	From string `json:"from"`
	To   string `json:"to"`
}

type list struct {
	List []any `json:"list"`
}

type source struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

// templated is the data source that a person chooses above the dashboard.
var templated = source{"prometheus", "$datasource"}

type link struct {
	Title       string   `json:"title"`
	Type        string   `json:"type,omitempty"`
	URL         string   `json:"url,omitempty"`
	Tags        []string `json:"tags,omitempty"`
	TargetBlank bool     `json:"targetBlank"`
	KeepTime    bool     `json:"keepTime,omitempty"`
	IncludeVars bool     `json:"includeVars,omitempty"`
	AsDropdown  bool     `json:"asDropdown,omitempty"`
}

type variable struct {
	Name       string  `json:"name"`
	Label      string  `json:"label"`
	Type       string  `json:"type"`
	Query      any     `json:"query"`
	Definition string  `json:"-"` // the query, for the tests
	Datasource *source `json:"datasource,omitempty"`
	Refresh    int     `json:"refresh"`
	Sort       int     `json:"sort"`
	Multi      bool    `json:"multi"`
	IncludeAll bool    `json:"includeAll"`
	AllValue   string  `json:"allValue,omitempty"`
	Current    any     `json:"current"`
}

type annotation struct {
	Name            string          `json:"name"`
	Datasource      source          `json:"datasource"`
	Enable          bool            `json:"enable"`
	IconColor       string          `json:"iconColor"`
	Target          annotationQuery `json:"target"`
	TitleFormat     string          `json:"titleFormat"`
	TextFormat      string          `json:"textFormat"`
	TagKeys         string          `json:"tagKeys"`
	UseValueForTime bool            `json:"useValueForTime"`
}

type annotationQuery struct {
	RefID    string `json:"refId"`
	Expr     string `json:"expr"`
	Interval string `json:"interval"`
}

type grid struct {
	H int `json:"h"`
	W int `json:"w"`
	X int `json:"x"`
	Y int `json:"y"`
}

type panel struct {
	ID          int            `json:"id"`
	Type        string         `json:"type"`
	Title       string         `json:"title"`
	Description string         `json:"description,omitempty"`
	Datasource  *source        `json:"datasource,omitempty"`
	Grid        grid           `json:"gridPos"`
	Targets     []target       `json:"targets,omitempty"`
	FieldConfig *fields        `json:"fieldConfig,omitempty"`
	Options     map[string]any `json:"options,omitempty"`
	Transform   []any          `json:"transformations,omitempty"`
	Repeat      string         `json:"repeat,omitempty"`
	Direction   string         `json:"repeatDirection,omitempty"`
	MaxPerRow   int            `json:"maxPerRow,omitempty"`
	Collapsed   *bool          `json:"collapsed,omitempty"`
	Panels      []*panel       `json:"panels,omitempty"`
}

type target struct {
	RefID      string `json:"refId"`
	Datasource source `json:"datasource"`
	Expr       string `json:"expr"`
	Legend     string `json:"legendFormat,omitempty"`
	Format     string `json:"format,omitempty"`
	Instant    bool   `json:"instant"`
	Range      bool   `json:"range"`
}

type fields struct {
	Defaults  defaults `json:"defaults"`
	Overrides []any    `json:"overrides"`
}

type defaults struct {
	Unit       string         `json:"unit"`
	Min        *float64       `json:"min,omitempty"`
	Max        *float64       `json:"max,omitempty"`
	Decimals   *int           `json:"decimals,omitempty"`
	NoValue    string         `json:"noValue,omitempty"`
	Color      map[string]any `json:"color,omitempty"`
	Thresholds map[string]any `json:"thresholds,omitempty"`
	Mappings   []any          `json:"mappings,omitempty"`
	Custom     map[string]any `json:"custom,omitempty"`
	Links      []link         `json:"links,omitempty"`
}

// layout places panels from left to right and from top to bottom.
type layout struct {
	dashboard *dashboard
	x, y, h   int
}

// row begins a row with a title.
func (l *layout) row(title string) {
	l.next()
	l.dashboard.Panels = append(l.dashboard.Panels, &panel{ID: stableID(l.dashboard.UID, "row "+title), Type: "row", Title: title,
		Grid: grid{1, 24, 0, l.y}, Collapsed: new(false)})
	l.y++
}

// next goes below what is placed.
func (l *layout) next() { l.x, l.y, l.h = 0, l.y+l.h, 0 }

// add places a panel of some width and height, of 24 columns.
func (l *layout) add(w, h int, p *panel) {
	if l.x+w > 24 {
		l.next()
	}
	p.ID, p.Grid = stableID(l.dashboard.UID, p.Title), grid{h, w, l.x, l.y}
	l.x, l.h = l.x+w, max(l.h, h)
	l.dashboard.Panels = append(l.dashboard.Panels, p)
}

// stableID is a panel's number: of its dashboard and title, so that links to it
// keep working when others come and go.
func stableID(uid, title string) int {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(uid + "/" + title))
	return int(hash.Sum32()%1_000_000) + 1
}

// over is a query over the time that the dashboard shows.
func over(expr, legend string) target {
	return target{Datasource: templated, Expr: clean(expr), Legend: legend, Range: true}
}

// now is a query about the end of that time.
func now(expr, legend string) target {
	return target{Datasource: templated, Expr: clean(expr), Legend: legend, Instant: true}
}

// rows is a query whose answer becomes rows of a table.
func rows(expr string) target {
	t := now(expr, "")
	t.Format = "table"
	return t
}

// clean writes an expression in one line.
func clean(expr string) string { return strings.Join(strings.Fields(expr), " ") }

// newPanel is a panel with what all have.
func newPanel(kind, title, description, unit string, targets ...target) *panel {
	for i := range targets {
		targets[i].RefID = string(rune('A' + i))
	}
	return &panel{Type: kind, Title: title, Description: description, Datasource: &templated, Targets: targets,
		FieldConfig: &fields{Defaults: defaults{Unit: unit}, Overrides: []any{}}}
}

// steps are thresholds: a colour from each value on, the first from the least.
func steps(first string, more ...any) map[string]any {
	all := []any{map[string]any{"color": first, "value": nil}}
	for i := 0; i < len(more); i += 2 {
		all = append(all, map[string]any{"color": more[i], "value": more[i+1]})
	}
	return map[string]any{"mode": "absolute", "steps": all}
}

// stat is one number, coloured by what it means.
func stat(title, description, unit string, thresholds map[string]any, t target) *panel {
	p := newPanel("stat", title, description, unit, t)
	p.FieldConfig.Defaults.Thresholds, p.FieldConfig.Defaults.NoValue = thresholds, "–"
	p.FieldConfig.Defaults.Color = map[string]any{"mode": "thresholds"}
	p.Options = map[string]any{"colorMode": "background", "graphMode": "none", "textMode": "auto", "justifyMode": "center",
		"reduceOptions": map[string]any{"calcs": []string{"lastNotNull"}, "fields": "", "values": false}}
	return p
}

// graph is a time series; its legend is a table when there may be many.
func graph(title, description, unit string, targets ...target) *panel {
	p := newPanel("timeseries", title, description, unit, targets...)
	p.FieldConfig.Defaults.Custom = map[string]any{"drawStyle": "line", "lineInterpolation": "stepAfter", "lineWidth": 2, "fillOpacity": 8, "showPoints": "never", "spanNulls": false}
	p.FieldConfig.Defaults.Color = map[string]any{"mode": "palette-classic"}
	p.Options = map[string]any{"legend": map[string]any{"displayMode": "list", "placement": "bottom", "showLegend": true},
		"tooltip": map[string]any{"mode": "multi", "sort": "desc"}}
	return p
}

// stacked draws a graph's series on top of each other.
func (p *panel) stacked() *panel {
	p.FieldConfig.Defaults.Custom["stacking"] = map[string]any{"mode": "normal", "group": "A"}
	p.FieldConfig.Defaults.Custom["fillOpacity"] = 40
	return p
}

// property is one thing that an override sets.
func property(id string, value any) any { return map[string]any{"id": id, "value": value} }

// override sets properties of the fields that a matcher finds, such as byName or
// byRegexp.
func (p *panel) override(matcher, options string, properties ...any) *panel {
	p.FieldConfig.Overrides = append(p.FieldConfig.Overrides, map[string]any{"matcher": map[string]any{"id": matcher, "options": options}, "properties": properties})
	return p
}

// fixed is a colour that does not depend on values.
func fixed(colour string) map[string]any {
	return map[string]any{"mode": "fixed", "fixedColor": colour}
}

// shades gives all series shades of one colour.
func (p *panel) shades(colour string) *panel {
	p.FieldConfig.Defaults.Color = map[string]any{"mode": "shades", "fixedColor": colour}
	return p
}

// coloured gives a series a colour of its own, by its name.
func (p *panel) coloured(names ...string) *panel {
	for i := 0; i < len(names); i += 2 {
		p.override("byName", names[i], property("color", fixed(names[i+1])))
	}
	return p
}

// beside makes series that others are held against thin and dashed, by a regular
// expression for their names, and keeps them out of the legend if that is asked for.
func (p *panel) beside(names, colour string, inLegend bool) *panel {
	return p.override("byRegexp", "/"+names+"/", property("color", fixed(colour)), property("custom.lineWidth", 1), property("custom.fillOpacity", 0),
		property("custom.lineStyle", map[string]any{"fill": "dash", "dash": []int{8, 6}}),
		property("custom.hideFrom", map[string]any{"legend": !inLegend, "tooltip": false, "viz": false}))
}

// empty says what it means that there is nothing to draw.
func (p *panel) empty(text string) *panel {
	p.FieldConfig.Defaults.NoValue = text
	return p
}

// counts makes a graph one of whole numbers, from zero.
func (p *panel) counts() *panel {
	p.FieldConfig.Defaults.Decimals = new(0)
	p.FieldConfig.Defaults.Custom["axisSoftMax"] = 1
	return p.from(0)
}

// bars draws bars, for what happens rather than is.
func (p *panel) bars() *panel {
	p.FieldConfig.Defaults.Custom["drawStyle"], p.FieldConfig.Defaults.Custom["fillOpacity"] = "bars", 60
	return p.counts()
}

// line draws thresholds into a graph.
func (p *panel) line(thresholds map[string]any) *panel {
	p.FieldConfig.Defaults.Thresholds = thresholds
	p.FieldConfig.Defaults.Custom["thresholdsStyle"] = map[string]any{"mode": "line"}
	return p
}

// to sets the greatest value of the axis.
func (p *panel) to(most float64) *panel {
	p.FieldConfig.Defaults.Max = &most
	return p
}

// from sets the least value of the axis.
func (p *panel) from(least float64) *panel {
	p.FieldConfig.Defaults.Min = &least
	return p
}
