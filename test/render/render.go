package render

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/podgate/podgate/test/browser"
)

// Options say what to draw.
type Options struct {
	// JSON is the dashboard, as Grafana imports it.
	JSON []byte
	// PrometheusURL is where its data source is.
	PrometheusURL string
	// Variables are the values that a person would choose above the dashboard, by
	// name. Default: of each the first, or all.
	Variables map[string]string
	// From and To are the time that is shown.
	From, To time.Time
	// ScrapeInterval is what the data source says about Prometheus. Default: 15 s.
	ScrapeInterval time.Duration
	// Width and Height are the picture's in pixels. Default: 1600, and as high as the
	// dashboard is.
	Width, Height int
	// Log gets progress, line by line.
	Log io.Writer
}

// Picture is a dashboard as it was drawn.
type Picture struct {
	PNG []byte
	// Panels are in the dashboard's order; those that repeat are there for each value.
	Panels []Panel
	// Complaints are what the browser found wrong.
	Complaints []string
	// Foreign are the URLs that the page asked for elsewhere than here.
	Foreign []string
}

// Panel is what was drawn of one panel.
type Panel struct {
	ID          int
	Title, Type string
	// Series are their names; of a table, those of its columns.
	Series []string
	// Rows are how many values or rows there were, over all series.
	Rows int
	// Text is what can be read, and of a timeline the states of each series; what else
	// is drawn into a graph is not in it.
	Text string
	// Ink is how many pixels of its graphs are not empty.
	Ink int
	// Error is why it was not drawn, such as what Prometheus says to a query.
	Error string
}

// ready is true when the page has drawn everything, or has failed.
const ready = `window.drawn || window.failed`

// Dashboard draws a dashboard. A panel that cannot be drawn says so in its Error.
// The error is ErrNoNPM or browser.ErrNone where something is not installed.
func Dashboard(ctx context.Context, o Options) (*Picture, error) {
	o.Width, o.ScrapeInterval = cmp.Or(o.Width, 1600), cmp.Or(o.ScrapeInterval, 15*time.Second)
	scripts, err := bundle(ctx, o.Log)
	if err != nil {
		return nil, err
	}
	base, stop, err := serve(ctx, o, scripts)
	if err != nil {
		return nil, err
	}
	defer stop()
	height := cmp.Or(o.Height, 1000)
	b, err := browser.Open(ctx, browser.Options{Width: o.Width, Height: height, Log: o.Log})
	if err != nil {
		return nil, err
	}
	defer b.Close()
	if err := chromedp.Do(b, chromedp.EmulateViewport(int64(o.Width), int64(height)), chromedp.Navigate(base)); err != nil {
		return nil, err
	}
	if _, err := chromedp.Run(b, chromedp.Poll[chromedp.Void](ready, chromedp.WithPollingTimeout(10*time.Minute))); err != nil {
		complaints, _ := b.Heard()
		return nil, fmt.Errorf("the page is not done: %w; the browser complains: %q", err, complaints)
	}
	return taken(b, o, base)
}

// Prepare builds the page and installs a browser if they are not there yet, which
// drawing would do as well. Its errors are Dashboard's.
func Prepare(ctx context.Context, log io.Writer) error {
	if _, err := bundle(ctx, log); err != nil {
		return err
	}
	return browser.Install(ctx, log)
}

// taken is the picture of a page that is done.
func taken(b *browser.Browser, o Options, base string) (*Picture, error) {
	failed, err := chromedp.Run(b, chromedp.Evaluate[string](`window.failed ?? ''`))
	if err != nil {
		return nil, err
	}
	if failed != "" {
		return nil, fmt.Errorf("the page failed: %s", failed)
	}
	p := &Picture{}
	if p.Panels, err = chromedp.Run(b, chromedp.Evaluate[[]Panel](`window.drawn`)); err != nil {
		return nil, err
	}
	if p.PNG, err = chromedp.Run(b, shot(o)); err != nil {
		return nil, err
	}
	complaints, fetched := b.Heard()
	p.Complaints = complaints
	for _, url := range fetched {
		if !strings.HasPrefix(url, base) && !strings.HasPrefix(url, "data:") && !strings.HasPrefix(url, "blob:"+base) {
			p.Foreign = append(p.Foreign, url)
		}
	}
	return p, nil
}

// shot takes the whole page, or as much as is above the fold.
func shot(o Options) chromedp.Action[[]byte] {
	if o.Height == 0 {
		return chromedp.FullScreenshot(100)
	}
	return chromedp.CaptureScreenshot()
}
