package agent

import (
	"slices"
	"testing"
)

func TestRepository(t *testing.T) {
	for image, want := range map[string]string{
		"nginx":                               "nginx",
		"nginx:1.27":                          "nginx",
		"podgate.dev/sample-server:v1":        "podgate.dev/sample-server",
		"registry.example:5000/a/b":           "registry.example:5000/a/b",
		"registry.example:5000/a/b:tag":       "registry.example:5000/a/b",
		"example.com/a@sha256:0123":           "example.com/a",
		"example.com:443/a:v2@sha256:0123abc": "example.com:443/a",
	} {
		if got := repository(image); got != want {
			t.Errorf("%s: got %q, want %q", image, got, want)
		}
	}
}

func TestListenAt(t *testing.T) {
	for argument, want := range map[string]string{
		":8080":                                "10.1.2.3:8080",
		"0.0.0.0:8080":                         "10.1.2.3:8080",
		"[::]:8080":                            "10.1.2.3:8080",
		"--listen=:8080":                       "--listen=10.1.2.3:8080",
		"-listen=0.0.0.0:80":                   "-listen=10.1.2.3:80",
		"--health-probe-bind-address=:8081":    "--health-probe-bind-address=10.1.2.3:8081",
		"--web.listen-address=:9090":           "--web.listen-address=10.1.2.3:9090",
		"127.0.0.1:8080":                       "127.0.0.1:8080",
		"--listen=127.0.0.1:8080":              "--listen=127.0.0.1:8080",
		"--metrics-bind-address=0":             "--metrics-bind-address=0",
		"--url=http://web:80":                  "--url=http://web:80",
		"--image=a:8080":                       "--image=a:8080",
		"--level=:debug":                       "--level=:debug",
		"text with --listen=:8080 in a phrase": "text with --listen=:8080 in a phrase",
	} {
		if got := listenAt(argument, "10.1.2.3"); got != want {
			t.Errorf("%s: got %q, want %q", argument, got, want)
		}
	}
}

func TestExpand(t *testing.T) {
	variables := map[string]string{"A": "one", "B_2": "", "DOLLAR": "$(A)"}
	for text, want := range map[string]string{
		"$(A)":            "one",
		"x$(A)y$(B_2)z":   "xoneyz",
		"$(UNKNOWN)$(A)":  "$(UNKNOWN)one",
		"$$(A)":           "$(A)",
		"$$$(A)":          "$one",
		"$A ${A} 5$":      "$A ${A} 5$",
		"$(A":             "$(A",
		"$(DOLLAR)":       "$(A)", // a value is not expanded again
		"nothing to do":   "nothing to do",
		"$(UNKNOWN $(A))": "$(UNKNOWN one)",
	} {
		if got := expand(text, variables); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

func TestArguments(t *testing.T) {
	got := arguments([]string{"/bin/server", "--verbose"}, []string{"--listen=:$(PORT)"}, map[string]string{"PORT": "80"}, "10.1.2.3")
	if want := []string{"--verbose", "--listen=10.1.2.3:80"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
