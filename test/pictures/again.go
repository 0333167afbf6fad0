package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/podgate/podgate/test/cluster/build"
	"github.com/podgate/podgate/test/stage"
	"github.com/podgate/podgate/test/story"
)

// moments are what of a story it takes to draw it.
type moments struct {
	Began time.Time
	Marks []story.Mark
}

const momentsFile = "moments.json"

// keep leaves the moments and Prometheus' data in a directory.
func (m moments) keep(dir, data string) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, momentsFile), text, 0o644),
		os.CopyFS(filepath.Join(dir, "data"), os.DirFS(data)))
}

// again draws a story that was kept.
func again(ctx context.Context, d drawing, dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, momentsFile))
	if err != nil {
		return err
	}
	told := moments{}
	if err := json.Unmarshal(text, &told); err != nil {
		return err
	}
	url, stop, err := serveData(ctx, filepath.Join(dir, "data"))
	if err != nil {
		return err
	}
	defer stop()
	return d.draw(ctx, told, url)
}

// serveData runs Prometheus on data, scraping nothing. The caller stops it.
func serveData(ctx context.Context, data string) (url string, stop func(), err error) {
	program, err := build.Prometheus.Get(ctx, filepath.Join("cluster"), os.Stdout)
	if err != nil {
		return "", nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	address := listener.Addr().String()
	listener.Close()
	config := filepath.Join(filepath.Dir(data), "prometheus.yml")
	if err := os.WriteFile(config, []byte("{}\n"), 0o644); err != nil {
		return "", nil, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(program, "prometheus"), "--config.file="+config, "--storage.tsdb.path="+data, "--storage.tsdb.retention.time=10y",
		"--web.listen-address="+address, "--log.level=error")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}
	_, err = stage.Until(ctx, 30*time.Second, func() error {
		response, err := http.Get("http://" + address + "/-/ready")
		if err != nil {
			return err
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("no readiness of Prometheus: %s", response.Status)
		}
		return nil
	})
	if err != nil {
		stop()
		return "", nil, err
	}
	return "http://" + address, stop, nil
}
