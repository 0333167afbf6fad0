package browser

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// lifetime is how long a browser may be open, so that a page that hangs ends.
const lifetime = 15 * time.Minute

// Browser is a tab, and what it complained of and asked the network for. It is the
// context that chromedp's actions run in.
type Browser struct {
	context.Context
	close               func()
	mu                  sync.Mutex
	complaints, fetched []string
}

// Options are the size of the window in pixels, and where to tell that Chromium is
// installed.
type Options struct {
	Width, Height int
	Log           io.Writer
}

// Open starts a browser, which lives for a quarter of an hour at most. Where there is no
// Chromium the error is ErrNone. The caller closes it.
func Open(ctx context.Context, o Options) (*Browser, error) {
	path, err := find(ctx, o.Log)
	if err != nil {
		return nil, err
	}
	profile, err := os.MkdirTemp("", "podgate-chromium-")
	if err != nil {
		return nil, err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.UserDataDir(profile), chromedp.WindowSize(o.Width, o.Height),
		chromedp.WSURLReadTimeout(2*time.Minute),            // a busy machine starts it slowly
		chromedp.Flag("force-prefers-reduced-motion", true)) // what is clicked must not be on its way
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox) // it refuses to run otherwise
	}
	limited, endLimit := context.WithTimeout(ctx, lifetime)
	allocated, endAllocated := chromedp.NewExecAllocator(limited, options...)
	tab, endTab := chromedp.NewContext(allocated)
	b := &Browser{Context: tab, close: func() {
		endTab()
		endAllocated()
		endLimit()
		_ = os.RemoveAll(profile)
	}}
	if err := b.listen(); err != nil {
		b.Close()
		return nil, fmt.Errorf("starting Chromium: %w", err)
	}
	return b, nil
}

// Close ends the browser and removes its profile.
func (b *Browser) Close() { b.close() }

func (b *Browser) listen() error {
	if err := chromedp.Listen(b.Context, b.hear); err != nil {
		return err
	}
	if _, err := chromedp.Call(b.Context, network.Enable, network.EnableParams{}); err != nil {
		return err
	}
	_, err := chromedp.Call(b.Context, log.Enable, cdp.Empty{})
	return err
}

// hear keeps what a page should not do.
func (b *Browser) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.fetched = append(b.fetched, e.Request.URL)
	case *network.EventWebSocketCreated:
		b.fetched = append(b.fetched, e.URL)
	case *runtime.EventExceptionThrown:
		b.complaints = append(b.complaints, e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		text := "console." + string(e.Type)
		for _, a := range e.Args {
			text += " " + string(a.Value)
		}
		b.complaints = append(b.complaints, text)
	case *log.EventEntryAdded:
		b.complaints = append(b.complaints, strings.TrimSpace(e.Entry.Text+" "+e.Entry.URL))
	}
}

// Heard returns what was heard so far: complaints, and the URLs that were asked for.
func (b *Browser) Heard() (complaints, fetched []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append(complaints, b.complaints...), append(fetched, b.fetched...)
}
