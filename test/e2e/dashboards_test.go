package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/podgate/podgate/test/browser"
	"github.com/podgate/podgate/test/render"
	"github.com/podgate/podgate/test/story"
)

// nothingToShow are the panels that are rightly empty while one pod is gated for
// the first time.
var nothingToShow = []string{"What held", "Relapses in six hours", "Dry runs"}

// dashboards draws both dashboards at the moment of the story at which its pod was
// gated, and looks at what is in them. go test -artifacts keeps the pictures.
func (c *cases) dashboards(t *testing.T) {
	if c.told == nil {
		t.Skip("the story was not told")
	}
	i := slices.IndexFunc(c.told.Marks, func(m story.Mark) bool { return m.Name == "gated" })
	if i < 0 {
		t.Fatalf("the story has no moment at which its pod is gated: %v", c.told.Marks)
	}
	for _, file := range []string{"podgate-overview.json", "podgate-service.json"} {
		text, err := os.ReadFile(c.Path("config", "grafana", file))
		must(t, err)
		p, err := render.Dashboard(t.Context(), render.Options{JSON: text, PrometheusURL: c.PrometheusURL(), ScrapeInterval: 2 * time.Second,
			From: c.told.Began, To: c.told.Marks[i].At, Log: t.Output()})
		if errors.Is(err, render.ErrNoNPM) || errors.Is(err, browser.ErrNone) {
			t.Skip("THE DASHBOARDS WERE NOT DRAWN: " + err.Error())
		}
		must(t, err)
		must(t, os.WriteFile(filepath.Join(t.ArtifactDir(), strings.TrimSuffix(file, ".json")+".png"), p.PNG, 0o600))
		if len(p.Complaints) > 0 || len(p.Foreign) > 0 {
			t.Errorf("%s: the browser complains %q, and asks for %q", file, p.Complaints, p.Foreign)
		}
		if len(p.Panels) < 20 {
			t.Errorf("%s has %d panels only", file, len(p.Panels))
		}
		for _, panel := range p.Panels {
			drawn(t, file, panel)
		}
		who := p.Panels[slices.IndexFunc(p.Panels, func(p render.Panel) bool { return p.Type == "table" })]
		for _, want := range []string{c.told.Sick, "gated", "errors: ", " events were bad, peers ", " nats"} {
			if !strings.Contains(who.Text, want) {
				t.Errorf("%s: the table %q does not say %q: %s", file, who.Title, want, who.Text)
			}
		}
	}
}

// drawn holds that a panel shows what it should: no error, and something to see.
func drawn(t *testing.T, file string, p render.Panel) {
	t.Helper()
	empty := slices.Contains(nothingToShow, p.Title)
	graph := p.Type == "timeseries" || p.Type == "state-timeline"
	switch {
	case p.Error != "":
		t.Errorf("%s: %s: %s", file, p.Title, p.Error)
	case p.Type == "row":
	case p.Rows == 0 && !empty:
		t.Errorf("%s: %s is empty", file, p.Title)
	case !strings.Contains(p.Text, p.Title) || strings.Contains(p.Text, "NaN") || strings.Contains(p.Text, "$"):
		t.Errorf("%s: %s reads %q", file, p.Title, p.Text)
	case p.Type == "state-timeline" && !strings.Contains(p.Text, ": gated"):
		t.Errorf("%s: %s does not say that a pod is gated: %q", file, p.Title, p.Text)
	case graph && p.Rows > 0 && p.Ink < 2000:
		t.Errorf("%s: %s has %d pixels of ink", file, p.Title, p.Ink)
	}
}
