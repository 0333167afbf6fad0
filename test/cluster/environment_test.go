package cluster

import "testing"

func TestSettingsThatMeanNothingAreRefused(t *testing.T) {
	for value, want := range map[string]string{
		"":         "",
		"loopback": "",
		"loopbak":  "PODGATE_BOX=loopbak: must be loopback, or not set",
	} {
		t.Setenv("PODGATE_BOX", value)
		got := ""
		if err := checkEnvironment(); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("PODGATE_BOX=%s: %q, want %q", value, got, want)
		}
	}
}
