// Package schema holds the dashboards against the types of Grafana's own package
// @grafana/schema: the dashboard, and the options and fields of each panel.
package schema

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/podgate/podgate/test/cluster/build"
)

// prelude are the types. An object of JSON has strings where they have enums, and
// may leave out what has a default.
const prelude = `import type * as grafana from '@grafana/schema';
import type * as bargauge from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import type * as stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as statetimeline from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type * as table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as timeseries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';
type JSONOf<T> = 0 extends 1 & T ? any : T extends string ? ` + "`${T}`" + ` : T extends (infer E)[] ? JSONOf<E>[] : T extends object ? { [K in keyof T]?: JSONOf<T[K]> } : T;
// What the data source of Prometheus adds to an annotation.
type Annotation = grafana.AnnotationQuery & { titleFormat: string, textFormat: string, tagKeys: string, useValueForTime: boolean, target: { expr: string, interval: string } };
type Dashboard = Omit<grafana.Dashboard, 'annotations'> & { annotations: { list: Annotation[] } };
`

// optionsOf and fieldsOf are the types of a panel's options and custom fields.
var (
	optionsOf = map[string]string{"bargauge": "bargauge.Options", "stat": "stat.Options", "state-timeline": "statetimeline.Options",
		"table": "table.Options", "timeseries": "timeseries.Options"}
	fieldsOf = map[string]string{"state-timeline": "statetimeline.FieldConfig", "table": "table.FieldConfig", "timeseries": "timeseries.FieldConfig"}
)

// TestDashboardsAreOfGrafanasTypes, and a panel with a wrong option would not be.
func TestDashboardsAreOfGrafanasTypes(t *testing.T) {
	if testing.Short() {
		t.Skip("fetches Grafana's types from npm: not with -short")
	}
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skip("THE DASHBOARDS WERE NOT HELD AGAINST GRAFANA'S TYPES: there is no npm. Install Node.js and run this again")
	}
	dir := types(t)
	checked := prelude
	for _, name := range []string{"podgate-overview.json", "podgate-service.json"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "config", "grafana", name))
		if err != nil {
			t.Fatal(err)
		}
		source, panels := typed(t, name, text)
		checked += source
		if panels < 15 {
			t.Errorf("%s has %d panels only", name, panels)
		}
	}
	if out, err := check(t, dir, checked); err != nil {
		t.Errorf("tsc: %v\n%s", err, out)
	}
	if out, err := check(t, dir, strings.ReplaceAll(checked, `"colorMode": "background"`, `"colorMode": "backgroud"`)); err == nil || !bytes.Contains(out, []byte("backgroud")) {
		t.Errorf("a wrong option is not found: %v\n%s", err, out)
	}
}

// types is a directory with Grafana's types and the compiler, which are fetched
// once.
func types(t *testing.T) string {
	t.Helper()
	cache, err := build.Cache()
	if err != nil {
		t.Fatal(err)
	}
	files, hash := map[string][]byte{}, sha256.New()
	for _, file := range []string{"package.json", "package-lock.json"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		files[file] = text
		hash.Write(text)
	}
	key := hex.EncodeToString(hash.Sum(nil))[:12]
	fetched, err := build.Once(filepath.Join(cache, "schema-"+key), "Grafana's types", t.Output(), func(into, _ string) error {
		for file, text := range files {
			if err := os.WriteFile(filepath.Join(into, file), text, 0o644); err != nil {
				return err
			}
		}
		return build.NPMInstall(t.Context(), into)
	})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(filepath.Join(fetched, "node_modules"), filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func command(dir, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	return cmd
}

// check compiles a source, without writing anything.
func check(t *testing.T, dir, source string) ([]byte, error) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "check.ts"), []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	return command(dir, filepath.Join(dir, "node_modules", ".bin", "tsc"), "--noEmit", "--strict", "--skipLibCheck",
		"--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler", "check.ts").CombinedOutput()
}

// typed declares a dashboard, and the options and fields of its panels, with the
// types that they must have.
func typed(t *testing.T, name string, text []byte) (source string, panels int) {
	t.Helper()
	var d struct {
		Panels []struct {
			ID          int
			Type        string
			Options     json.RawMessage
			FieldConfig struct {
				Defaults struct{ Custom json.RawMessage }
			}
		}
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	fmt.Fprintf(&out, "// %s\n{\nconst whole: JSONOf<Dashboard> = %s;\n", name, text)
	for _, p := range d.Panels {
		if p.Type == "row" {
			continue
		}
		panels++
		if optionsOf[p.Type] == "" {
			t.Errorf("%s: no type is known for a panel of the type %s", name, p.Type)
		}
		fmt.Fprintf(&out, "const options%d: JSONOf<%s> = %s;\n", p.ID, optionsOf[p.Type], p.Options)
		if custom := p.FieldConfig.Defaults.Custom; custom != nil && fieldsOf[p.Type] != "" {
			fmt.Fprintf(&out, "const custom%d: JSONOf<%s> = %s;\n", p.ID, fieldsOf[p.Type], custom)
		}
	}
	out.WriteString("}\n")
	return out.String(), panels
}
