package decide_test

import (
	"fmt"
	"testing"

	"github.com/podgate/podgate/controller/decide"
)

// TestTheDomainIsBlamed: which zone, node or revision is suspected, and how that
// reads.
func TestTheDomainIsBlamed(t *testing.T) {
	revision := func(i int, name string) func(*world) {
		return func(w *world) {
			for k := range w.Pods {
				w.Pods[k].Revision = "old"
				if k < i {
					w.Pods[k].Revision = name
				}
			}
		}
	}
	for name, row := range map[string]struct {
		world *world
		want  string
	}{
		"nobody looks bad":       {fleet(10).nodes(2), ""},
		"one bad pod is a pod's": {fleet(10).bad(0, 9).nodes(2), ""},
		"both pods of a node": {fleet(10).bad(0, 9).bad(1, 8).nodes(2),
			"2 of 2 pods of node node-0 look bad or are out, and 0 of 8 elsewhere: the fault may be the node's"},
		"one of them is out already": {fleet(10).gated(0, 1, 100).bad(1, 8).nodes(2),
			"2 of 2 pods of node node-0 look bad or are out, and 0 of 8 elsewhere: the fault may be the node's"},
		"both are out and nobody looks bad: nothing to say": {fleet(10).gated(0, 1, 100).gated(1, 1, 100).nodes(2), ""},
		"two on different nodes":                            {fleet(10).bad(0, 9).bad(2, 8).nodes(2), ""},
		"two of a node of five: could be chance":            {fleet(10).bad(0, 9).bad(1, 8).nodes(5), ""},
		"a whole zone": {fleet(9).bad(0, 9).bad(3, 8).bad(6, 8).zones(3),
			"3 of 3 pods of zone zone-0 look bad or are out, and 0 of 6 elsewhere: the fault may be the zone's"},
		"a new revision": {fleet(10).bad(0, 9).bad(1, 8).bad(2, 8).edit(revision(3, "new")),
			"3 of 3 pods of revision new look bad or are out, and 0 of 7 elsewhere: the fault may be the revision's"},
		"a revision before a node, if both fit": {fleet(10).bad(0, 9).bad(1, 8).nodes(2).edit(revision(2, "new")),
			"2 of 2 pods of revision new look bad or are out, and 0 of 8 elsewhere: the fault may be the revision's"},
		"pods that cannot be told about do not count": {fleet(10).bad(0, 9).bad(1, 8).silent(2).nodes(2),
			"2 of 2 pods of node node-0 look bad or are out, and 0 of 7 elsewhere: the fault may be the node's"},
		"the only domain there is": {fleet(10).bad(0, 9).bad(1, 8).zones(1), ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			if d := row.world.decide().Domain; d.Kind != "" {
				got = d.String()
			}
			if got != row.want {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
		})
	}
}

func TestHeldByADomainReadsWell(t *testing.T) {
	w := fleet(20).gated(0, 1, 100).bad(1, 8).nodes(2)
	want := "web-1 stays in traffic: 1 of 2 pods of node node-0 may be out, and 1 are; 2 of 2 pods of node node-0 look bad or are out, and 0 of 18 elsewhere: the fault may be the node's"
	if got := w.decide().LimitReached; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestRevisionsAreStrata: only while there are several.
func TestRevisionsAreStrata(t *testing.T) {
	pods := []decide.Pod{{Revision: "a"}, {Revision: "a", Stratum: "x"}, {}}
	decide.Stratify(pods)
	if pods[0].Stratum != "" || pods[1].Stratum != "x" {
		t.Errorf("one revision: %+v", pods)
	}
	pods[2].Revision = "b"
	decide.Stratify(pods)
	if got := fmt.Sprint(pods[0].Stratum, pods[1].Stratum, pods[2].Stratum); got != fmt.Sprint("/a", "x/a", "/b") {
		t.Errorf("two revisions: %s", got)
	}
}
