package command

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// edit changes labels and annotations of one pod; an empty value takes the key
// off.
type edit struct {
	labels, annotations map[string]string
}

// patch is the edit as a merge patch, on condition that it is the same pod.
func (e edit) patch(pod *corev1.Pod) (client.Patch, error) {
	metadata := map[string]any{"uid": pod.UID}
	for name, want := range map[string]map[string]string{"labels": e.labels, "annotations": e.annotations} {
		if len(want) > 0 {
			values := map[string]any{}
			for k, v := range want {
				values[k] = v
				if v == "" {
					values[k] = nil
				}
			}
			metadata[name] = values
		}
	}
	text, err := json.Marshal(map[string]any{"metadata": metadata})
	return client.RawPatch(types.MergePatchType, text), err
}

// commands are kubectl's commands that do the same; the labels come first.
func (e edit) commands(pod *corev1.Pod) (out []string) {
	for _, part := range []struct {
		verb       string
		have, want map[string]string
	}{{"label", pod.Labels, e.labels}, {"annotate", pod.Annotations, e.annotations}} {
		var words []string
		for _, k := range slices.Sorted(maps.Keys(part.want)) {
			_, present := part.have[k]
			switch v := part.want[k]; {
			case v != "":
				words = append(words, k+"="+quoted(v))
			case present:
				words = append(words, k+"-")
			}
		}
		if len(words) > 0 {
			out = append(out, fmt.Sprintf("kubectl -n %s %s --overwrite pod %s %s", pod.Namespace, part.verb, pod.Name, strings.Join(words, " ")))
		}
	}
	return out
}

// quoted is a word as a shell takes it.
func quoted(text string) string {
	plain := func(r rune) bool {
		return r == '-' || r == '_' || r == '.' || r == ':' || r == '/' || r == '%' ||
			(r >= '0' && r <= '9') || (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z')
	}
	if text != "" && strings.IndexFunc(text, func(r rune) bool { return !plain(r) }) < 0 {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
